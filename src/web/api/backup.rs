//! `GET /api/v1/backup`: everything of every organization in one file, for the operator. If it breaks off the
//! connection is cut, and what arrived says of itself that it is not whole.

use crate::app::backup;
use crate::store::Health;
use crate::web::AppState;
use crate::web::auth::Operator;
use crate::web::error::ApiError;
use crate::web::extract::QueryParams;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, Sender};
use std::io::{Error, ErrorKind, Result as IoResult, Write};
use std::time::Duration;
use tokio::runtime::Handle;

/// Back up the database
///
/// One compressed, checksummed file with everything of every organization as the last commit left it, hashes of secrets
/// among it; `smslite restore` takes it. For the operator's commands, and for admins where there is one organization.
#[utoipa::path(
    get,
    path = "",
    params((
        "follow" = Option<bool>, Query,
        description = "After the backup, send what each commit writes, within a second, until the caller leaves or the server stops",
    )),
    responses(
        (status = 200, description = "The backup", body = String, content_type = "application/octet-stream"),
        (status = 403, description = "The role is too weak, or there are other organizations", body = crate::web::openapi::ErrorOut),
    ),
)]
pub async fn back_up(
    State(state): State<AppState>,
    _: Operator,
    mut query: QueryParams,
) -> Result<Response, ApiError> {
    let follow = query.flag("follow").unwrap_or(false);
    query.finish()?;
    if let Health::Failing(reason) = state.app.store.health() {
        return Err(ApiError::Unavailable(reason));
    }
    let name = backup::file_name(state.app.clock.now());
    let (sender, body) = Channel::<Bytes, Error>::new(4);
    let mut pipe = Pipe { sender, runtime: Handle::current() };
    tokio::task::spawn_blocking(move || {
        if let Err(error) = backup::write(&state.app, follow, &mut pipe) {
            tracing::warn!(%error, "a backup broke off");
            pipe.sender.abort(Error::other("the backup broke off"));
        }
    });
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, Body::new(body)).into_response())
}

/// While a caller takes nothing, the file grows by all that is written to it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends what is written to it, as fast as the caller takes it.
struct Pipe {
    sender: Sender<Bytes, Error>,
    runtime: Handle,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> IoResult<usize> {
        let sent = tokio::time::timeout(PATIENCE, self.sender.send_data(Bytes::copy_from_slice(bytes)));
        let sent = self.runtime.block_on(sent);
        let sent = sent.map_err(|_| Error::new(ErrorKind::TimedOut, "the caller takes nothing"))?;
        sent.map_err(|_| Error::new(ErrorKind::BrokenPipe, "the caller has gone"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> IoResult<()> {
        Ok(())
    }
}
