//! Purging what archived and deleted conversations leave behind, in steps between which live commits go on.
//! Whoever calls it, and however often: each step is a command that is safe to repeat.

use super::{App, VerbError};
use crate::model::gone::Gone;
use crate::model::ids::{CallId, OrganizationId};
use crate::store::{Command, PurgeStep, StoreError};
use std::time::Duration;

/// How many rows of a thread go in one commit: it keeps live ones waiting for some milliseconds.
pub const STEP_ROWS: usize = 100;
/// How long a step waits when live traffic fills the queue.
const TURN: Duration = Duration::from_millis(50);

/// Purges everything there is to purge, also what comes up meanwhile. Dropped midway, it leaves the rest
/// for the next time.
pub async fn run_pending(app: &App) -> Result<(), VerbError> {
    // Who deletes calls counts what goes.
    let _alone = app.purging.lock().await;
    loop {
        let pending = app.store.snapshot()?.pending_purges()?;
        if pending.is_empty() {
            return Ok(());
        }
        for (organization, call_id) in pending {
            finish(app, organization, call_id).await?;
        }
    }
}

/// Purges one call to its end. Returns what went.
pub(super) async fn finish(
    app: &App,
    organization: OrganizationId,
    call_id: CallId,
) -> Result<Gone, StoreError> {
    let mut gone = Gone::default();
    loop {
        let purged = step(app, PurgeStep { organization, call_id, rows: STEP_ROWS }).await?;
        gone += purged.gone;
        if purged.done {
            tracing::info!(%organization, conversation = %call_id, "a conversation is purged");
            return Ok(gone);
        }
    }
}

/// A command in the background: live traffic goes first.
pub(super) async fn step<C: Command + Clone>(app: &App, command: C) -> Result<C::Outcome, StoreError> {
    loop {
        match app.store.execute(command.clone()).await {
            Err(StoreError::Overloaded) => tokio::time::sleep(TURN).await,
            answered => return answered,
        }
    }
}
