//! The JSON API, one file a noun.

pub mod api_keys;
pub mod assistants;
pub mod auth;
pub mod backup;
pub mod calls;
pub mod carriers;
pub mod check;
pub mod conversation_export;
pub mod conversations;
pub mod erasures;
pub mod events;
pub mod export;
pub mod health;
pub mod import;
pub mod metrics;
pub mod opt_outs;
pub mod parked_events;
pub mod phone_numbers;
pub mod sms;
pub mod sms_logs;
pub mod sms_sessions;
pub mod sms_timeline;
pub mod users;
pub mod webhook_secrets;

use axum::body::Bytes;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;

/// A response of JSON that is written already.
fn json_bytes(body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(body.into().into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
