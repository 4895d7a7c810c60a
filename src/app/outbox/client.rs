//! The HTTP client that carriers are asked with. What it must tell apart is whether a request can have reached them.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::error::Error;
use std::time::Duration;

/// An answer that is longer is cut off; no carrier's is.
const ANSWER_BYTES: usize = 256 * 1024;
const IDLE: Duration = Duration::from_secs(20);

pub(super) struct CarrierClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    pub(super) timeout: Duration,
}

/// No answer came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// No connection was made, so nothing can have arrived.
    NotSent(String),
    /// The request may have arrived.
    Lost(String),
}

impl CarrierClient {
    pub(super) fn new(timeout: Duration) -> CarrierClient {
        let mut http = HttpConnector::new();
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
        CarrierClient { client, timeout }
    }

    pub(super) async fn call(
        &self,
        request: Request<Vec<u8>>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), CallError> {
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let answering = async {
            let response = self.client.request(request).await.map_err(|error| {
                let reason = chain(&error);
                if error.is_connect() { CallError::NotSent(reason) } else { CallError::Lost(reason) }
            })?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| CallError::Lost(format!("the answer was cut short: {error}")))?;
            Ok((parts.status, parts.headers, body.to_bytes()))
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
