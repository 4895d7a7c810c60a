//! `X-Request-Id` on every response, errors too: the caller's own if it is fit to print, else ours.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use std::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST: usize = 128;

pub(super) async fn with_request_id(request: Request, next: Next) -> Response {
    let id =
        request.headers().get(X_REQUEST_ID).filter(|id| is_printable(id)).cloned().unwrap_or_else(new_id);
    let mut response = if tracing::enabled!(tracing::Level::INFO) {
        let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default());
        logged(request, next).instrument(span).await
    } else {
        next.run(request).await
    };
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

/// One line a request, for those who ask for `debug`.
async fn logged(request: Request, next: Next) -> Response {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return next.run(request).await;
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let started = Instant::now();
    let response = next.run(request).await;
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    tracing::debug!(%method, path, status = response.status().as_u16(), micros, "answered");
    response
}

fn is_printable(id: &HeaderValue) -> bool {
    !id.is_empty() && id.len() <= LONGEST && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

fn new_id() -> HeaderValue {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let text = Uuid::new_v4().hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).expect("a UUID is printable")
}
