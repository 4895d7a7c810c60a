//! Purging what archived conversations leave behind, in steps between which live commits go on. Whoever
//! calls it, and however often: each step is a command that is safe to repeat.

use super::{App, VerbError};
use crate::model::ids::{CallId, OrganizationId};
use crate::store::{PurgeStep, StoreError};
use std::time::Duration;

/// How many rows of a thread go in one commit: it keeps live ones waiting for some milliseconds.
pub const STEP_ROWS: usize = 100;
/// How long a step waits when live traffic fills the queue.
const TURN: Duration = Duration::from_millis(50);

/// Purges everything there is to purge, also what comes up meanwhile. Dropped midway, it leaves the rest
/// for the next time.
pub async fn run_pending(app: &App) -> Result<(), VerbError> {
    loop {
        let pending = app.store.snapshot()?.pending_purges()?;
        if pending.is_empty() {
            return Ok(());
        }
        for (organization, call_id) in pending {
            while !step(app, organization, call_id).await? {}
            tracing::info!(%organization, conversation = %call_id, "an archived conversation is purged");
        }
    }
}

async fn step(app: &App, organization: OrganizationId, call_id: CallId) -> Result<bool, StoreError> {
    loop {
        match app.store.execute(PurgeStep { organization, call_id, rows: STEP_ROWS }).await {
            Err(StoreError::Overloaded) => tokio::time::sleep(TURN).await,
            answered => return answered,
        }
    }
}
