//! What a request that fails is answered. The public text is short and tells nothing of others; the
//! cause goes to the log alone.

use super::request_id::Cause;
use crate::app::VerbError;
use crate::model::account::Forbidden;
use crate::store::{ReadError, StoreError};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::json;

/// One parameter or field that does not validate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Invalid {
    /// Where: `["query", "limit"]`, `["body", "name"]`.
    pub loc: Vec<String>,
    pub msg: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
}

#[derive(Debug)]
pub enum ApiError {
    /// 400: the body cannot be read at all.
    Malformed(String),
    /// 401
    Unauthorized,
    /// 401: who tries to sign in is not told what was wrong.
    WrongCredentials,
    /// 403: a browser's cookie came with a request that no page of ours made.
    ForeignOrigin,
    /// 409
    Conflict(String),
    /// 429
    TooManyRequests { retry_after_seconds: u64 },
    /// 403: the role is too weak.
    Forbidden,
    /// 403: a webhook's signature was refused; why is for the log, not for a forger.
    SignatureRefused(String),
    /// 404: unknown, archived or another organization's; nothing tells which.
    NotFound,
    /// 405: axum adds `Allow`.
    MethodNotAllowed,
    /// 413
    TooLarge { limit_bytes: usize },
    /// 415
    UnsupportedMediaType { expected: &'static str },
    /// 422
    Invalid(Vec<Invalid>),
    /// 422, in one sentence.
    Unprocessable(String),
    /// 500
    Internal(String),
    /// 503: storage refuses or too much waits. Nothing is lost by trying again.
    Unavailable(String),
    /// 503: an upload does not fit on the server's disk.
    DiskFull(String),
}

impl ApiError {
    /// A field of the body that does not validate.
    pub fn field(name: &str, msg: &str) -> ApiError {
        let loc = vec!["body".to_owned(), name.to_owned()];
        ApiError::Invalid(vec![Invalid { loc, msg: msg.to_owned(), kind: "value_error" }])
    }

    fn parts(&self) -> (StatusCode, String) {
        let plain = |status: StatusCode, text: &str| (status, text.to_owned());
        match self {
            ApiError::Malformed(what) => (StatusCode::BAD_REQUEST, what.clone()),
            ApiError::Unauthorized => plain(StatusCode::UNAUTHORIZED, "Not authenticated"),
            ApiError::WrongCredentials => plain(StatusCode::UNAUTHORIZED, "Wrong email or password"),
            ApiError::ForeignOrigin => plain(
                StatusCode::FORBIDDEN,
                "A dashboard session may change things only from its own pages; scripts use an API key",
            ),
            ApiError::Conflict(what) => (StatusCode::CONFLICT, what.clone()),
            ApiError::TooManyRequests { .. } => {
                plain(StatusCode::TOO_MANY_REQUESTS, "Too many attempts; try again later")
            }
            ApiError::Forbidden => plain(StatusCode::FORBIDDEN, "Your role does not allow this"),
            ApiError::SignatureRefused(_) => {
                plain(StatusCode::FORBIDDEN, "The webhook's signature was refused")
            }
            ApiError::NotFound => plain(StatusCode::NOT_FOUND, "Not found"),
            ApiError::MethodNotAllowed => plain(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
            ApiError::TooLarge { limit_bytes } => {
                (StatusCode::PAYLOAD_TOO_LARGE, format!("The body is larger than {limit_bytes} bytes"))
            }
            ApiError::UnsupportedMediaType { expected } => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("The body must be {expected}"))
            }
            ApiError::Invalid(_) => plain(StatusCode::UNPROCESSABLE_ENTITY, ""),
            ApiError::Unprocessable(what) => (StatusCode::UNPROCESSABLE_ENTITY, what.clone()),
            ApiError::Internal(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"),
            ApiError::DiskFull(_) => {
                plain(StatusCode::SERVICE_UNAVAILABLE, "The server's disk is full; make room and try again")
            }
            ApiError::Unavailable(_) => {
                plain(StatusCode::SERVICE_UNAVAILABLE, "Storage is unavailable or overloaded; try again")
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> axum::response::Response {
        let (status, text) = self.parts();
        let body = match &self {
            ApiError::Invalid(invalid) => json!({"detail": invalid}),
            _ => json!({"detail": text}),
        };
        let mut response = (status, Json(body)).into_response();
        let extra = match &self {
            ApiError::Unauthorized | ApiError::WrongCredentials => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            ApiError::Unavailable(_) | ApiError::DiskFull(_) => {
                Some((header::RETRY_AFTER, HeaderValue::from_static("1")))
            }
            ApiError::TooManyRequests { retry_after_seconds } => {
                Some((header::RETRY_AFTER, HeaderValue::from(*retry_after_seconds)))
            }
            _ => None,
        };
        if let Some((name, value)) = extra {
            response.headers_mut().insert(name, value);
        }
        if let ApiError::Internal(cause)
        | ApiError::Unavailable(cause)
        | ApiError::DiskFull(cause)
        | ApiError::SignatureRefused(cause) = self
        {
            response.extensions_mut().insert(Cause(cause));
        }
        response
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> ApiError {
        match error {
            ReadError::Damaged { .. } => ApiError::Internal(error.to_string()),
            ReadError::Storage(_) | ReadError::Unavailable(_) => ApiError::Unavailable(error.to_string()),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        match error {
            StoreError::Failed(_) => ApiError::Internal(error.to_string()),
            _ => ApiError::Unavailable(error.to_string()),
        }
    }
}

impl From<VerbError> for ApiError {
    fn from(error: VerbError) -> ApiError {
        match error {
            VerbError::Read(error) => error.into(),
            VerbError::Store(error) => error.into(),
            VerbError::Lost(error) => error.into(),
        }
    }
}

impl From<Forbidden> for ApiError {
    fn from(_: Forbidden) -> ApiError {
        ApiError::Forbidden
    }
}

/// A read that was moved to another thread did not come back.
impl From<tokio::task::JoinError> for ApiError {
    fn from(error: tokio::task::JoinError) -> ApiError {
        ApiError::Internal(error.to_string())
    }
}
