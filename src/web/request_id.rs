//! The edge: `X-Request-Id` on every response, errors and panics too (the caller's own if it is fit
//! to print, else ours), and the log of what went wrong.

use super::error::ApiError;
use super::routes::Served;
use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Instant;
use tower::ServiceExt;
use uuid::Uuid;

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST: usize = 128;

/// Why a request failed, for the log alone. Rides on the response to here, where it is logged once,
/// with the request's id.
#[derive(Clone, Debug)]
pub(super) struct Cause(pub String);

/// Answers one request. It stands around the router instead of in it: a layer would be called by way
/// of two more boxes for each request.
pub async fn answer<B>(served: Served, request: Request<B>) -> Response
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let id =
        request.headers().get(X_REQUEST_ID).filter(|id| is_printable(id)).cloned().unwrap_or_else(new_id);
    let line = tracing::enabled!(tracing::Level::DEBUG).then(|| Line::begin(&request));
    let Served { router, meter, worlds } = served;
    let metered = meter.as_ref().map(|meter| meter.begin(&request));
    let answering = async {
        match worlds {
            Some(worlds) => worlds.answer(router, request.map(Body::new)).await,
            None => router.oneshot(request).await.unwrap_or_else(|never| match never {}),
        }
    };
    let mut response = AssertUnwindSafe(answering).catch_unwind().await.unwrap_or_else(panicked);
    if let (Some(meter), Some(metered)) = (&meter, &metered) {
        meter.end(metered, response.status());
    }
    let shown = id.to_str().unwrap_or_default();
    if let Some(line) = line {
        line.end(shown, &response);
    }
    if let Some(Cause(cause)) = response.extensions_mut().remove() {
        match response.status() {
            StatusCode::INTERNAL_SERVER_ERROR => tracing::error!(request = shown, cause, "a request failed"),
            _ => tracing::warn!(request = shown, cause, "a request was refused"),
        }
    }
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

/// A handler that panicked has left nothing half done: what it changes, it changes by one command.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    ApiError::Internal("a handler panicked".to_owned()).into_response()
}

/// One line a request, for those who ask for `debug`.
struct Line {
    method: Method,
    path: String,
    started: Instant,
}

impl Line {
    fn begin<B>(request: &Request<B>) -> Line {
        Line {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            started: Instant::now(),
        }
    }

    fn end(self, id: &str, response: &Response) {
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let status = response.status().as_u16();
        tracing::debug!(request = id, method = %self.method, path = self.path, status, micros, "answered");
    }
}

fn is_printable(id: &HeaderValue) -> bool {
    !id.is_empty() && id.len() <= LONGEST && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

fn new_id() -> HeaderValue {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let text = Uuid::new_v4().hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).expect("a UUID is printable")
}
