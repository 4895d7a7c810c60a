//! The verbs: what can be done, as free functions over [`App`]. The API, the commands and the
//! webhooks share them.

pub mod accounts;
pub mod assistants;
pub mod conversations;
pub mod export;
pub mod import;
pub mod inbound;
pub mod passwords;
pub mod sign_in;
pub mod throttle;
pub mod users;

use crate::clock::Clock;
use crate::sessions::Sessions;
use crate::store::Store;
use std::sync::Arc;
use throttle::Throttle;

/// What the verbs work with. Clones share it all.
#[derive(Clone)]
pub struct App {
    pub store: Store,
    pub sessions: Sessions,
    pub clock: Clock,
    pub session_ttl_seconds: u64,
    pub throttle: Arc<Throttle>,
}
