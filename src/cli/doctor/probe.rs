//! Asks others, without any secret. One who does not answer within five seconds does not.

use super::judge::outside::Answer;
use crate::web::request_id::X_REQUEST_ID;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{CONTENT_TYPE, DATE, LOCATION, SERVER, USER_AGENT};
use http::{HeaderName, Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);
/// What is longer is no answer of ours.
const ANSWER_BYTES: usize = 64 * 1024;

pub(super) struct Probe(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Probe {
    pub(super) fn new() -> Probe {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        let https = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        Probe(Client::builder(TokioExecutor::new()).build(https))
    }

    /// What is answered to this; the error is why nothing was.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: &str,
        request_id: &str,
        body: Vec<u8>,
    ) -> Result<Answer, String> {
        let mut request = Request::builder().method(method).uri(url);
        request = request.header(X_REQUEST_ID, request_id).header(USER_AGENT, "smslite-doctor");
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
        let answering = async {
            let response = self.0.request(request).await.map_err(|error| chain(&error))?;
            Ok(read(response).await)
        };
        let late = || Err(format!("no answer within {} s", PATIENCE.as_secs()));
        tokio::time::timeout(PATIENCE, answering).await.unwrap_or_else(|_| late())
    }

    /// The addresses of a name.
    pub(super) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        let looking = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host, 0)));
        let found = looking.await.map_err(|_| "no answer".to_owned())?.map_err(|error| error.to_string())?;
        let mut found: Vec<_> = found.map(|address| address.ip()).collect();
        found.dedup();
        Ok(found)
    }
}

async fn read(response: Response<Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    let header = |name: HeaderName| Some(parts.headers.get(name)?.to_str().ok()?.to_owned());
    let date = header(DATE).and_then(|date| DateTime::parse_from_rfc2822(&date).ok());
    // Without a body the head tells enough.
    let body = Limited::new(body, ANSWER_BYTES).collect().await;
    Answer {
        status: parts.status.as_u16(),
        request_id: header(X_REQUEST_ID),
        server: header(SERVER),
        location: header(LOCATION),
        ahead_seconds: date.map(|date| date.timestamp().saturating_sub(Utc::now().timestamp())),
        body: body.map_or_else(|_| Vec::new(), |body| body.to_bytes().to_vec()),
    }
}

/// An error with what caused it; a cause that says the same again is left out.
fn chain(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text += &format!(": {more}");
        }
        cause = error.source();
    }
    text
}
