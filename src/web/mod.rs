//! The HTTP floor: requests in, responses out. What is done between stands in `app`.

pub mod api;
pub mod auth;
pub mod error;
pub mod extract;
pub mod json;
pub mod request_id;
pub mod routes;
pub mod webhooks;

use crate::app::App;
use crate::config::Settings;
use std::path::Path;
use std::sync::Arc;

/// What every handler may use.
#[derive(Clone)]
pub struct AppState {
    pub app: App,
    pub settings: Arc<Settings>,
    /// Proves that a caller may read files of the data directory: the operator's commands.
    pub control_token: Arc<str>,
    /// Where large inputs wait while they are checked: on the disk that they are meant for.
    pub spool_dir: Arc<Path>,
    pub twilio: Arc<crate::carriers::twilio::Twilio>,
}
