//! The HTTP client that carriers and receivers are asked with. What it must tell apart is whether a request can have
//! reached them; what it refuses is to follow redirects, and to ask where `Reach` does not reach.

use super::reach::Reach;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::error::Error;
use std::time::Duration;

const IDLE: Duration = Duration::from_secs(20);

pub(super) struct HttpClient {
    client: Client<HttpsConnector<HttpConnector<Reach>>, Full<Bytes>>,
    reach: Reach,
    /// From the first step to the end of the answer.
    pub(super) timeout: Duration,
}

/// What was answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// `None`: it is longer than was asked for.
    pub(super) body: Option<Bytes>,
}

/// No answer came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// No connection was made, so nothing can have arrived.
    NotSent(String),
    /// The request may have arrived.
    Lost(String),
}

impl CallError {
    pub(super) fn reason(self) -> String {
        match self {
            CallError::NotSent(reason) | CallError::Lost(reason) => reason,
        }
    }
}

impl HttpClient {
    pub(super) fn new(timeout: Duration, reach: Reach) -> HttpClient {
        let mut http = HttpConnector::new_with_resolver(reach.clone());
        http.enforce_http(false);
        http.set_connect_timeout(Some(timeout / 2));
        http.set_nodelay(true);
        let https = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            // On another connection, when nothing of it was written to one that the other end had closed.
            .retry_canceled_requests(true)
            .build(https);
        HttpClient { client, reach, timeout }
    }

    /// `limit_bytes`: the most that is read of an answer.
    pub(super) async fn call(
        &self,
        request: Request<Vec<u8>>,
        limit_bytes: usize,
    ) -> Result<Answer, CallError> {
        // An address in the URL is no name, so nobody resolves it.
        self.reach.check_literal(request.uri()).map_err(CallError::NotSent)?;
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let answering = async {
            let response = self.client.request(request).await.map_err(|error| {
                // The library's own words say less than what is behind them.
                let reason = chain(error.source().unwrap_or(&error));
                if error.is_connect() { CallError::NotSent(reason) } else { CallError::Lost(reason) }
            })?;
            let (parts, body) = response.into_parts();
            let body = match Limited::new(body, limit_bytes).collect().await {
                Ok(body) => Some(body.to_bytes()),
                Err(error) if error.is::<LengthLimitError>() => None,
                Err(error) => return Err(CallError::Lost(format!("the answer was cut short: {error}"))),
            };
            Ok(Answer { status: parts.status, headers: parts.headers, body })
        };
        let late = || CallError::Lost(format!("no answer within {} s", self.timeout.as_secs_f32()));
        tokio::time::timeout(self.timeout, answering).await.unwrap_or_else(|_| Err(late()))
    }
}

/// An error with what caused it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
