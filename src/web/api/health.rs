//! `/health`, `/livez`, `/readyz`: open to all, for probes.

use crate::app::accounts;
use crate::store::Health;
use crate::web::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use serde_json::json;

pub async fn get_health(State(state): State<AppState>) -> Response {
    let version = env!("CARGO_PKG_VERSION");
    match state.app.store.health() {
        Health::Ready => Json(json!({"status": "healthy", "version": version})).into_response(),
        Health::Failing(_) => unready(json!({"status": "unhealthy", "version": version})),
    }
}

/// The process answers.
pub async fn get_livez() -> Response {
    Json(json!({"status": "alive"})).into_response()
}

/// The storage takes writes; else `503` and why. `instance` tells this process from any other.
pub async fn get_readyz(State(state): State<AppState>) -> Response {
    let instance = accounts::instance(&state.control_token);
    match state.app.store.health() {
        Health::Ready => Json(json!({"status": "ready", "instance": instance})).into_response(),
        Health::Failing(reason) => {
            unready(json!({"status": "not ready", "detail": reason, "instance": instance}))
        }
    }
}

fn unready(body: serde_json::Value) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], Json(body)).into_response()
}
