//! `/health`, `/livez`, `/readyz`: open to all, for probes.

use crate::app::accounts;
use crate::store::Health;
use crate::web::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Default, Serialize, ToSchema)]
pub struct HealthOut {
    /// `healthy` or `unhealthy`; `alive`; `ready` or `not ready`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
}

/// Whether the server is well
#[utoipa::path(
    get,
    path = "",
    security(()),
    responses((status = 200, description = "It is", body = HealthOut)),
)]
pub async fn get_health(State(state): State<AppState>) -> Response {
    let out = HealthOut { version: Some(env!("CARGO_PKG_VERSION")), ..HealthOut::default() };
    match state.app.store.health() {
        Health::Ready => Json(HealthOut { status: "healthy", ..out }).into_response(),
        Health::Failing(_) => unready(HealthOut { status: "unhealthy", ..out }),
    }
}

/// Whether the process answers
#[utoipa::path(
    get,
    path = "",
    security(()),
    responses((status = 200, description = "It does", body = HealthOut)),
)]
pub async fn get_livez() -> Response {
    Json(HealthOut { status: "alive", ..HealthOut::default() }).into_response()
}

/// Whether the storage takes writes
///
/// `instance` tells this process from any other.
#[utoipa::path(
    get,
    path = "",
    security(()),
    responses(
        (status = 200, description = "It does", body = HealthOut),
        (status = 503, description = "It does not; `detail` says why", body = HealthOut),
    ),
)]
pub async fn get_readyz(State(state): State<AppState>) -> Response {
    let out = HealthOut { instance: Some(accounts::instance(&state.control_token)), ..HealthOut::default() };
    match state.app.store.health() {
        Health::Ready => Json(HealthOut { status: "ready", ..out }).into_response(),
        Health::Failing(reason) => unready(HealthOut { status: "not ready", detail: Some(reason), ..out }),
    }
}

fn unready(body: HealthOut) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], Json(body)).into_response()
}
