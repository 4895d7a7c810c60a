//! `/assets/`: the style, the scripts and the icon, from this binary alone. Pages name them with what they hold, so a
//! browser asks once and a new version is another name.

use super::error::PageError;
use crate::web::AppState;
use crate::web::error::ApiError;
use axum::Router;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const FILES: [(&str, &str, &[u8]); 4] = [
    ("app.css", "text/css; charset=utf-8", include_bytes!("assets/app.css")),
    ("app.js", "text/javascript; charset=utf-8", include_bytes!("assets/app.js")),
    ("htmx.js", "text/javascript; charset=utf-8", include_bytes!("assets/htmx.min.js")),
    ("icon.svg", "image/svg+xml", include_bytes!("assets/icon.svg")),
];

/// Where a page finds a file.
pub fn url(name: &str) -> String {
    format!("/assets/{name}?{}", *VERSION)
}

/// Tells this version of the files from others.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    FILES.iter().for_each(|(_, _, bytes)| digest.update(bytes));
    digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
});

pub fn routes() -> Router<AppState> {
    // Browsers ask for it of themselves.
    let icon = async || file(Path("icon.svg".to_owned())).await;
    Router::new().route("/assets/{name}", get(file)).route("/favicon.ico", get(icon))
}

async fn file(Path(name): Path<String>) -> Response {
    let known = FILES.iter().find(|(known, _, _)| *known == name);
    let Some((_, kind, bytes)) = known else { return PageError::from(ApiError::NotFound).into_response() };
    let headers = [
        (CONTENT_TYPE, *kind),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, *bytes).into_response()
}
