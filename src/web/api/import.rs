//! `POST /api/v1/import`: NDJSON in, for admins and the operator. The input is kept in a file while
//! it is checked; a bad line is `422` and nothing is stored. Then it is stored, and the answer's
//! lines tell how far: `{"done": n, "records": m}` and at last the summary or `{"error": ...}`.

use crate::app::import::{self, Checked, ImportError, ImportSummary};
use crate::model::account::Actor;
use crate::web::AppState;
use crate::web::auth::Admin;
use crate::web::error::ApiError;
use crate::web::extract::media_type;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use serde_json::json;
use std::convert::Infallible;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Seek, SeekFrom, Write};
use std::time::Duration;

/// It is read in pieces of about this size.
const PIECE_BYTES: usize = 256 * 1024;
/// How long the next piece of an upload may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// Import records
///
/// One JSON object a line. The whole input is checked first: a bad line is `422` and nothing is stored. Then the
/// answer's lines tell how far it is, the last one with the sums or an error. In an organization that holds
/// nothing yet, the user and the API key of the first start give way to the input's (`replaced`): a caller
/// with that key goes on with one of the input's.
#[utoipa::path(
    post,
    path = "",
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, description = "Lines of progress, then the sums", body = String, content_type = "application/x-ndjson")),
)]
pub async fn import_records(Admin(actor, state): Admin, request: Request) -> Result<Response, ApiError> {
    let said = media_type(request.headers());
    if !["application/x-ndjson", "application/jsonl"].iter().any(|known| said.eq_ignore_ascii_case(known)) {
        return Err(ApiError::UnsupportedMediaType { expected: "application/x-ndjson" });
    }
    let dir = state.spool_dir.clone();
    let file = tokio::task::spawn_blocking(move || tempfile::tempfile_in(dir)).await?.map_err(not_kept)?;
    let input = spool(file, request.into_body(), PATIENCE).await?;
    let checking = {
        let (state, input) = (state.clone(), input.try_clone().map_err(not_kept)?);
        let (organization, now) = (actor.organization, actor.now);
        move || {
            let (app, input) = (&state.app, BufReader::with_capacity(PIECE_BYTES, input));
            import::check(&app.store, organization, input, now, app.session_ttl_seconds)
        }
    };
    let checked = tokio::task::spawn_blocking(checking).await?.map_err(refused)?;
    let (sender, body) = Channel::<Bytes, Infallible>::new(16);
    tokio::task::spawn_blocking(move || store(&state, &actor, checked, input, sender));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::new(body)).into_response())
}

/// Takes the whole input down to a nameless temporary file: it is read twice. What does not fit is
/// still taken from the sender, who would not listen before.
async fn spool(mut file: File, mut body: Body, patience: Duration) -> Result<File, ApiError> {
    let late = |_| ApiError::Malformed("The body did not arrive in time".to_owned());
    let mut kept = Ok(());
    while let Some(frame) = tokio::time::timeout(patience, body.frame()).await.map_err(late)? {
        let frame = frame.map_err(|_| ApiError::Malformed("The body was cut short".to_owned()))?;
        if let (Ok(data), true) = (frame.into_data(), kept.is_ok()) {
            (file, kept) = tokio::task::spawn_blocking(move || {
                let kept = file.write_all(&data);
                (file, kept)
            })
            .await?;
        }
    }
    kept.and_then(|()| file.seek(SeekFrom::Start(0))).map_err(not_kept)?;
    Ok(file)
}

fn not_kept(error: std::io::Error) -> ApiError {
    let cause = format!("the import cannot be kept while it is checked: {error}");
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ApiError::DiskFull(cause),
        _ => ApiError::Unavailable(cause),
    }
}

fn refused(error: ImportError) -> ApiError {
    match error {
        ImportError::Line { line, message } => ApiError::Unprocessable(format!("line {line}: {message}")),
        ImportError::Store(error) => error.into(),
        ImportError::Read(error) => error.into(),
        ImportError::Io(error) => not_kept(error),
    }
}

/// Stores what was checked and tells how far it is. A caller who has gone does not stop it.
fn store(
    state: &AppState,
    actor: &Actor,
    checked: Checked,
    mut input: File,
    mut sender: Sender<Bytes, Infallible>,
) {
    let records = checked.records();
    let mut tell = |line: serde_json::Value| {
        // A full channel only means that the caller reads slowly: progress may be left out.
        let _ = sender.try_send(http_body::Frame::data(Bytes::from(format!("{line}\n"))));
    };
    let ran = input.seek(SeekFrom::Start(0)).map_err(ImportError::Io).and_then(|_| {
        let progress = |done| tell(json!({"done": done, "records": records}));
        import::run(&state.app.store, checked, BufReader::with_capacity(PIECE_BYTES, input), progress)
    });
    let last = match ran {
        Ok(ImportSummary { records, stored, skipped, replaced }) => {
            json!({"records": records, "stored": stored, "skipped": skipped, "replaced": replaced})
        }
        Err(error) => json!({"error": error.to_string()}),
    };
    tracing::info!(organization = %actor.organization, result = %last, "import ended");
    // The summary must not be left out.
    let sent = tokio::runtime::Handle::current().block_on(sender.send_data(Bytes::from(format!("{last}\n"))));
    drop(sent);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_upload_that_stalls_is_refused() {
        let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
        sender.send_data(Bytes::from_static(b"{\"type\":")).await.expect("the channel has room");
        // What has arrived is taken even without patience; the sender lives and says no more.
        let spooled = spool(tempfile::tempfile().unwrap(), Body::new(body), Duration::ZERO).await;
        let error = spooled.expect_err("nothing more comes");
        let ApiError::Malformed(detail) = error else { panic!("{error:?}") };
        assert_eq!(detail, "The body did not arrive in time");
        drop(sender);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_full_disk_is_told_as_such() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let error = spool(full, Body::from("{}"), PATIENCE).await.expect_err("nothing fits");
        assert!(matches!(error, ApiError::DiskFull(_)), "{error:?}");
    }
}
