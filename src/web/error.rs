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

impl Invalid {
    pub fn new(place: &[&str], msg: &str, kind: &'static str) -> Invalid {
        let loc = place.iter().map(|part| (*part).to_owned()).collect();
        Invalid { loc, msg: msg.to_owned(), kind }
    }
}

/// What most handlers give.
pub type Answer<T> = Result<Json<T>, ApiError>;

/// Its text is for the public; `{0}` is only where it says nothing that is not the caller's to know.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// 400: the body cannot be read at all.
    #[error("{0}")]
    Malformed(String),
    /// 401
    #[error("Not authenticated")]
    Unauthorized,
    /// 401: a key of one world was sent to another.
    #[error("This key is of another world")]
    OfAnotherWorld,
    /// 401: who tries to sign in is not told what was wrong.
    #[error("Wrong email or password")]
    WrongCredentials,
    /// 403: a browser's cookie came with a request that no page of ours made.
    #[error("A dashboard session may change things only from its own pages; scripts use an API key")]
    ForeignOrigin,
    /// 403: the fixture's control plane asks nobody who they are.
    #[error(
        "This is for programs on this machine: Host has to be a loopback address, and pages of other sites are refused"
    )]
    NotLocal,
    /// 409
    #[error("{0}")]
    Conflict(String),
    /// 429
    #[error("Too many attempts; try again later")]
    TooManyRequests { retry_after_seconds: u64 },
    /// 429
    #[error("Too many listen to events already; close some")]
    TooManyListeners,
    /// 403: the role is too weak.
    #[error("Your role does not allow this")]
    Forbidden,
    /// 403: a webhook's signature was refused; why is for the log, not for a forger.
    #[error("The webhook's signature was refused")]
    SignatureRefused(String),
    /// 404: unknown, archived or another organization's; nothing tells which.
    #[error("Not found")]
    NotFound,
    /// 404: something that the body names.
    #[error("Not found: {0}")]
    NotFoundBecause(&'static str),
    /// 405: axum adds `Allow`.
    #[error("Method not allowed")]
    MethodNotAllowed,
    /// 413
    #[error("The body is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: usize },
    /// 415
    #[error("The body must be {expected}")]
    UnsupportedMediaType { expected: &'static str },
    /// 422: which they are is told instead of a text.
    #[error("Something does not validate")]
    Invalid(Vec<Invalid>),
    /// 422, in one sentence.
    #[error("{0}")]
    Unprocessable(String),
    /// 500
    #[error("Internal server error")]
    Internal(String),
    /// 503: storage refuses or too much waits. Nothing is lost by trying again.
    #[error("Storage is unavailable or overloaded; try again")]
    Unavailable(String),
    /// 503: an upload does not fit on the server's disk.
    #[error("The server's disk is full; make room and try again")]
    DiskFull(String),
}

impl ApiError {
    /// Something at `place` that does not validate.
    pub fn invalid(place: &[&str], msg: &str, kind: &'static str) -> ApiError {
        ApiError::Invalid(vec![Invalid::new(place, msg, kind)])
    }

    /// A field of the body that does not validate.
    pub fn field(name: &str, msg: &str) -> ApiError {
        ApiError::invalid(&["body", name], msg, "value_error")
    }

    fn status(&self) -> StatusCode {
        match self {
            ApiError::Malformed(_) => StatusCode::BAD_REQUEST,
            ApiError::Unauthorized | ApiError::OfAnotherWorld | ApiError::WrongCredentials => {
                StatusCode::UNAUTHORIZED
            }
            ApiError::ForeignOrigin
            | ApiError::NotLocal
            | ApiError::Forbidden
            | ApiError::SignatureRefused(_) => StatusCode::FORBIDDEN,
            ApiError::NotFound | ApiError::NotFoundBecause(_) => StatusCode::NOT_FOUND,
            ApiError::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            ApiError::Conflict(_) => StatusCode::CONFLICT,
            ApiError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            ApiError::UnsupportedMediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ApiError::Invalid(_) | ApiError::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            ApiError::TooManyRequests { .. } | ApiError::TooManyListeners => StatusCode::TOO_MANY_REQUESTS,
            ApiError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            ApiError::Unavailable(_) | ApiError::DiskFull(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> axum::response::Response {
        let body = match &self {
            ApiError::Invalid(invalid) => json!({"detail": invalid}),
            _ => json!({"detail": self.to_string()}),
        };
        let mut response = (self.status(), Json(body)).into_response();
        let extra = match &self {
            ApiError::Unauthorized | ApiError::OfAnotherWorld | ApiError::WrongCredentials => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            ApiError::Unavailable(_) | ApiError::DiskFull(_) => {
                Some((header::RETRY_AFTER, HeaderValue::from_static("1")))
            }
            ApiError::TooManyListeners => Some((header::RETRY_AFTER, HeaderValue::from_static("10"))),
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
