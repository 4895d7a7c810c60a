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
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

const IDLE: Duration = Duration::from_secs(20);

/// Clones share its connections.
#[derive(Clone)]
pub struct HttpClient {
    network: Network,
    /// Who is asked instead of the network.
    via: Option<Arc<dyn Via>>,
    /// From the first step to the end of the answer.
    pub timeout: Duration,
}

/// Stands between those who ask and the network.
pub trait Via: Send + Sync {
    /// Answers by itself, or asks the network.
    fn call<'a>(&'a self, request: Request<Vec<u8>>, network: &'a Network, limit_bytes: usize) -> Called<'a>;
}

pub type Called<'a> = Pin<Box<dyn Future<Output = Result<Answer, CallError>> + Send + 'a>>;

/// What is reached by name and address.
#[derive(Clone)]
pub struct Network {
    client: Client<HttpsConnector<HttpConnector<Reach>>, Full<Bytes>>,
    reach: Reach,
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// `None`: it is longer than was asked for.
    pub body: Option<Bytes>,
}

/// No answer came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// No connection was made, so nothing can have arrived.
    NotSent(String),
    /// The request may have arrived.
    Lost(String),
}

impl CallError {
    pub fn reason(self) -> String {
        match self {
            CallError::NotSent(reason) | CallError::Lost(reason) => reason,
        }
    }
}

impl HttpClient {
    pub fn new(timeout: Duration, reach: Reach) -> HttpClient {
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
        HttpClient { network: Network { client, reach }, via: None, timeout }
    }

    /// The same, but whoever asks it asks `via`.
    pub fn through(&self, via: Arc<dyn Via>) -> HttpClient {
        HttpClient { via: Some(via), ..self.clone() }
    }

    /// `limit_bytes`: the most that is read of an answer.
    pub async fn call(&self, request: Request<Vec<u8>>, limit_bytes: usize) -> Result<Answer, CallError> {
        let answering = async {
            match &self.via {
                Some(via) => via.call(request, &self.network, limit_bytes).await,
                None => self.network.call(request, limit_bytes).await,
            }
        };
        let late = || CallError::Lost(format!("no answer within {} s", self.timeout.as_secs_f32()));
        tokio::time::timeout(self.timeout, answering).await.unwrap_or_else(|_| Err(late()))
    }
}

impl Network {
    /// As [`HttpClient::call`], however long it takes.
    pub async fn call(&self, request: Request<Vec<u8>>, limit_bytes: usize) -> Result<Answer, CallError> {
        // An address in the URL is no name, so nobody resolves it.
        self.reach.check_literal(request.uri()).map_err(CallError::NotSent)?;
        let request = request.map(|body| Full::new(Bytes::from(body)));
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
