//! Retention: what is older than it may become is deleted, in steps between which live commits go on. Dropped
//! midway, it leaves the rest for the next time.

use super::purge::{self, STEP_ROWS};
use super::{App, VerbError};
use crate::model::gone::Gone;
use crate::model::ids::OrganizationId;
use crate::model::time::Timestamp;
use crate::store::{Due, ForgetCalls, ForgetFeed, ForgetRows, Held};
use std::sync::Arc;

/// How many rows are looked at in one piece.
const LOOK_ROWS: usize = 1000;
/// How many call records go in one commit, each with a few rows of its own beside those of its thread.
const CALLS: usize = 20;

/// For how many days each kind is kept; 0: for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retention {
    pub conversations_days: u64,
    pub logs_days: u64,
    pub raw_payloads_days: u64,
    pub audit_days: u64,
    pub feed_days: u64,
}

/// Deletes what is too old by now, every organization's.
pub async fn run(app: &App) -> Result<(), VerbError> {
    let mut ended = Ok(());
    for organization in app.organizations() {
        match run_for(app, organization, app.clock.now()).await {
            Ok(gone) if gone == Gone::default() => {}
            Ok(gone) => tracing::info!(%organization, ?gone, "what was too old is deleted"),
            // It is not to keep the others from theirs.
            Err(error) => ended = Err(error),
        }
    }
    ended
}

async fn run_for(app: &App, org: OrganizationId, now: Timestamp) -> Result<Gone, VerbError> {
    let kept = app.retention;
    let before = |days: u64| (days > 0).then(|| now.minus_seconds(days * 86_400));
    let mut gone = Gone::default();
    if let Some(then) = before(kept.conversations_days) {
        let due = Arc::new(Due::Before(then));
        gone += rows(app, org, Held::Jobs, &due, now).await?;
        gone += calls(app, org, &due, now).await?;
    }
    for (days, tables) in [
        (kept.logs_days, &[Held::Logs][..]),
        (kept.raw_payloads_days, &[Held::RawPayloads, Held::AuditPayloads]),
        (kept.audit_days, &[Held::Audit]),
    ] {
        let Some(then) = before(days) else { continue };
        for of in tables {
            gone += rows(app, org, *of, &Arc::new(Due::Before(then)), now).await?;
        }
    }
    // What nothing consults any more is of no use to anybody, however long the rest is kept.
    for of in [Held::Duplicates, Held::KeptWebhooks, Held::EarlyReceipts] {
        rows(app, org, of, &Arc::new(Due::Before(now)), now).await?;
    }
    if let Some(before) = before(kept.feed_days) {
        let command = ForgetFeed { organization: org, before, rows: STEP_ROWS };
        while app.store.snapshot()?.feed_begins(org)?.is_some_and(|at| at < before) {
            purge::step(app, command).await?;
        }
    }
    Ok(gone)
}

/// Deletes the call records that are due, with everything of them.
pub(super) async fn calls(
    app: &App,
    organization: OrganizationId,
    due: &Arc<Due>,
    now: Timestamp,
) -> Result<Gone, VerbError> {
    let (mut from, mut gone) = (None, Gone::default());
    loop {
        let (store, looked_for) = (app.store.clone(), due.clone());
        let look = move || store.snapshot()?.calls_to_forget(organization, &looked_for, now, from, LOOK_ROWS);
        let (found, next) = tokio::task::spawn_blocking(look).await??;
        for calls in found.chunks(CALLS) {
            let (calls, due) = (calls.to_vec(), (**due).clone());
            let command = ForgetCalls { organization, now, due, calls, rows: STEP_ROWS };
            // Nobody else is to purge, and count, what this leaves.
            let _alone = app.purging.lock().await;
            let forgot = purge::step(app, command).await?;
            gone += forgot.gone;
            forgot.sessions.iter().for_each(|session| app.sessions.unbind(organization, session));
            for call_id in forgot.pending {
                gone += purge::finish(app, organization, call_id).await?;
            }
        }
        from = next;
        if from.is_none() {
            return Ok(gone);
        }
    }
}

/// Deletes the rows of a table that are due.
pub(super) async fn rows(
    app: &App,
    organization: OrganizationId,
    of: Held,
    due: &Arc<Due>,
    now: Timestamp,
) -> Result<Gone, VerbError> {
    let (mut from, mut gone) = (None, Gone::default());
    loop {
        let (store, looked_for) = (app.store.clone(), due.clone());
        let look =
            move || store.snapshot()?.rows_to_forget(organization, of, (&looked_for, now), from, LOOK_ROWS);
        let (found, next) = tokio::task::spawn_blocking(look).await??;
        for keys in found.chunks(STEP_ROWS) {
            let (keys, due) = (keys.to_vec(), (**due).clone());
            gone += purge::step(app, ForgetRows { organization, now, due, of, keys }).await?;
        }
        from = next;
        if from.is_none() {
            return Ok(gone);
        }
    }
}
