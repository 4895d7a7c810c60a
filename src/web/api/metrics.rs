//! `/metrics`: what Prometheus asks for. It tells of all organizations together, so it is for the operator.

use crate::app::metrics;
use crate::metrics::CONTENT_TYPE as TEXT_FORMAT;
use crate::web::AppState;
use crate::web::auth::Operator;
use crate::web::error::ApiError;
use crate::web::openapi::ErrorOut;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

/// Tell what Prometheus asks
///
/// There only with the setting `metrics = "on"`. The numbers are of all organizations together, so it is for an admin
/// where there is one organization; where there are several, give the metrics an address of their own.
#[utoipa::path(
    get,
    path = "",
    responses(
        (status = 200, description = "Prometheus' text format", body = String, content_type = "text/plain"),
        (status = 403, description = "The role is too weak, or there are other organizations", body = ErrorOut),
    ),
)]
pub async fn get_metrics(_: Operator, State(state): State<AppState>) -> Result<Response, ApiError> {
    tell(state).await
}

/// The same, on the listener of its own.
pub async fn get_open_metrics(State(state): State<AppState>) -> Result<Response, ApiError> {
    tell(state).await
}

async fn tell(state: AppState) -> Result<Response, ApiError> {
    let text = tokio::task::spawn_blocking(move || metrics::text(&state.app)).await?;
    Ok(([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response())
}
