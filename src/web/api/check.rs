//! `POST /api/v1/check`: the data against themselves, for the operator alone: what it tells is of every
//! organization. The answer's lines tell how far it is: `{"done": n, "of": m}`, at last what was found or
//! `{"error": ...}`.

use crate::app::check;
use crate::web::AppState;
use crate::web::auth::Operator;
use crate::web::error::ApiError;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, Sender};
use serde_json::json;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

/// Check the data
///
/// Reads everything of every organization as the last commit left it and verifies each index, counter, reference and
/// record against the others. For the operator's commands. The file's own pages can be verified only while no server
/// holds them.
#[utoipa::path(
    post,
    path = "",
    responses((status = 200, description = "Lines of progress, then what was found", body = String, content_type = "application/x-ndjson")),
)]
pub async fn check_data(State(state): State<AppState>, _: Operator) -> Result<Response, ApiError> {
    let (sender, body) = Channel::<Bytes, Infallible>::new(16);
    tokio::task::spawn_blocking(move || look(&state, sender));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::new(body)).into_response())
}

fn look(state: &AppState, sender: Sender<Bytes, Infallible>) {
    let sender = Mutex::new(sender);
    let tell = |done: u64, of: u64| {
        let line = format!("{}\n", json!({"done": done, "of": of}));
        // A full channel only means that the caller reads slowly: progress may be left out.
        if let Ok(mut sender) = sender.lock() {
            let _ = sender.try_send(http_body::Frame::data(Bytes::from(line)));
        }
    };
    // The engine may stumble over damaged pages.
    let last = match catch_unwind(AssertUnwindSafe(|| check::run(&state.app, &tell))) {
        Ok(Ok(report)) => json!({
            "rows": report.rows, "tables": report.tables, "organizations": report.organizations,
            "found": report.found, "damages": report.damages,
        }),
        Ok(Err(error)) => json!({"error": error.to_string()}),
        Err(_) => json!({"error": "the data cannot be read to their end; stop the server and check again"}),
    };
    if let Ok(mut sender) = sender.into_inner() {
        let line = Bytes::from(format!("{last}\n"));
        // Whoever has gone wants no answer.
        let _ = tokio::runtime::Handle::current().block_on(sender.send_data(line));
    }
}
