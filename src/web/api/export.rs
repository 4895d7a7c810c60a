//! `GET /api/v1/export`: NDJSON out, for admins and the operator; what `import` reads. It is read
//! as fast as the caller takes it. If it fails midway the connection is cut: only an answer that
//! ends as it should is whole.

use crate::app::export::{Export, ExportError, next};
use crate::web::AppState;
use crate::web::auth::Admin;
use crate::web::error::ApiError;
use crate::web::extract::QueryParams;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;

/// Export the organization
///
/// One JSON object a line, parents before children; what the import reads. A record made after the start is left
/// out, a conversation is as it is when its turn comes, an archived one comes without its contents.
#[utoipa::path(
    get,
    path = "",
    params((
        "with_secrets" = Option<bool>, Query,
        description = "Also the organization, its users and API keys, with the hashes of their secrets",
    )),
    responses(
        (status = 200, description = "The records", body = String, content_type = "application/x-ndjson"),
        (status = 403, description = "The role is too weak", body = crate::web::openapi::ErrorOut),
    ),
)]
pub async fn export_records(
    Admin(actor, state): Admin,
    mut query: QueryParams,
) -> Result<Response, ApiError> {
    let says = "Input should be 'true' or 'false'";
    let with_secrets = query.parsed("with_secrets", |text| text.parse().ok(), says, "bool_parsing");
    query.finish()?;
    let export = Export::new(actor.organization, with_secrets.unwrap_or(false), actor.now);
    // Whether there is anything to read is told before the answer begins.
    let first = read(state.clone(), export).await?;
    let pieces = try_unfold(first, move |piece| {
        let state = state.clone();
        async move {
            let Some((text, export)) = piece else { return Ok::<_, ApiError>(None) };
            let next = read(state, export).await;
            let next = next.inspect_err(|error| tracing::error!(?error, "an export broke off"))?;
            Ok(Some((Bytes::from(text), next)))
        }
    });
    let headers = [
        (CONTENT_TYPE, "application/x-ndjson"),
        (CONTENT_DISPOSITION, "attachment; filename=\"smslite-export.ndjson\""),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// The next lines and what goes on from there, read where reading may take its time.
async fn read(state: AppState, mut export: Export) -> Result<Option<(Vec<u8>, Export)>, ApiError> {
    let (text, export) =
        tokio::task::spawn_blocking(move || (next(&state.app.store, &mut export), export)).await?;
    let text = text.map_err(|error| match error {
        ExportError::Read(error) => error.into(),
        ExportError::Archived(_) => ApiError::Internal(error.to_string()),
    })?;
    Ok(text.map(|text| (text, export)))
}
