//! The verbs: what can be done, as free functions over [`App`]. The API, the commands and the
//! webhooks share them.

pub mod accounts;
pub mod arrivals;
pub mod assistants;
pub mod backup;
pub mod calls;
pub mod carriers;
pub mod chance;
pub mod check;
pub mod conversations;
pub mod erasure;
pub mod events;
pub mod export;
pub mod forwarding;
pub mod http_client;
pub mod import;
pub mod inbound;
pub mod limits;
pub mod metrics;
pub mod opt_outs;
pub mod outbox;
pub mod parked_events;
pub mod passwords;
mod persist;
pub mod phone_numbers;
pub mod purge;
pub mod quiet;
pub mod reach;
pub mod read_marks;
pub mod receipts;
pub mod refusals;
pub mod retention;
pub mod rules;
pub mod search_blocks;
pub mod seeds;
pub mod sending;
pub mod sign_in;
pub mod sms_logs;
pub mod sms_sessions;
pub mod throttle;
pub mod users;

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::model::address::Address;
use crate::model::ids::OrganizationId;
use crate::sessions::Sessions;
use crate::store::{ReadError, Store, StoreError};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use throttle::Throttle;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinError;

/// What the verbs work with. Clones share it all.
#[derive(Clone)]
pub struct App {
    pub store: Store,
    /// Whose background work this is.
    pub scope: Scope,
    pub chance: chance::Chance,
    pub sessions: Sessions,
    pub clock: Clock,
    pub session_ttl_seconds: u64,
    pub throttle: Arc<Throttle>,
    pub carriers: Arc<carriers::Carriers>,
    pub outbox: Arc<outbox::Outbox>,
    pub forwarding: Arc<forwarding::Forwarding>,
    pub refusals: Arc<refusals::Refusals>,
    pub arrivals: Arc<arrivals::Arrivals>,
    pub rules: Arc<rules::Rules>,
    pub metrics: Arc<Metrics>,
    pub retention: retention::Retention,
    /// Told when an archived conversation leaves something to be purged.
    pub purge_wanted: Arc<Notify>,
    /// Whether and where backups are made by schedule.
    pub backups: Option<Arc<backup::Schedule>>,
    /// Where the database lies, unless it is in memory.
    pub data_dir: Option<PathBuf>,
    /// Set when the server stops: what may take long breaks off.
    pub stopping: Arc<AtomicBool>,
    /// Held by whoever purges.
    pub purging: Arc<Mutex<()>>,
}

/// Whose background work somebody does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    #[default]
    Everyone,
    /// One organization's, which has a clock of its own.
    Only(OrganizationId),
    /// Nobody's: each organization has others for it.
    Nobody,
}

impl App {
    /// Those that background work is done for, the oldest first.
    pub fn organizations(&self) -> Vec<OrganizationId> {
        match self.scope {
            Scope::Everyone => {
                let directory = self.store.directory().view();
                directory.organizations().map(|(organization, _)| organization).collect()
            }
            Scope::Only(organization) => vec![organization],
            Scope::Nobody => Vec::new(),
        }
    }

    /// Whether a number is one of ours: of any organization's, or in a world of that one's.
    fn is_ours(&self, number: &Address) -> bool {
        let directory = self.store.directory();
        match self.only() {
            Some(only) => directory.view().has_number(only, number),
            None => directory.number_owner(number).is_some(),
        }
    }

    /// The one that background work is done for, where it is one's alone.
    pub fn only(&self) -> Option<OrganizationId> {
        match self.scope {
            Scope::Only(organization) => Some(organization),
            _ => None,
        }
    }
}

/// A verb that reads and writes was not carried out, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum VerbError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A read that was moved to another thread did not come back.
    #[error(transparent)]
    Lost(#[from] JoinError),
}
