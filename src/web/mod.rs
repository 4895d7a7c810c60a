//! The HTTP floor: requests in, responses out. What is done between stands in `app`.

pub mod api;
pub mod auth;
pub mod dashboard;
mod docs;
pub mod error;
pub mod extract;
pub mod forwarded;
pub mod json;
pub mod kept_pages;
pub mod live;
mod meter;
pub mod openapi;
pub mod request_id;
pub mod routes;
mod space;
pub mod tokens;
pub mod webhooks;
pub mod worlds;

use crate::app::App;
use crate::config::Settings;
use std::path::PathBuf;
use std::sync::Arc;

/// Who is at the other end of the connection; known where proxies are trusted, and to those who sign in.
#[derive(Clone, Copy)]
pub struct Peer(pub std::net::IpAddr);

/// What every handler may use; shared by all requests.
pub type AppState = Arc<Shared>;

pub struct Shared {
    pub app: App,
    pub settings: Arc<Settings>,
    /// Proves that a caller may read files of the data directory: the operator's commands.
    pub control_token: String,
    /// Where large inputs wait while they are checked: on the disk that they are meant for.
    pub spool_dir: PathBuf,
    pub tokens: Arc<tokens::Tokens>,
    pub live: live::Live,
    pub kept_pages: kept_pages::KeptPages,
    /// Organizations that are servers of their own.
    pub worlds: Option<Arc<dyn worlds::Worlds>>,
}
