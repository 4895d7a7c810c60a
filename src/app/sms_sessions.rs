//! SMS sessions: how many live, and closing them. A session lives exactly while its conversation is
//! `active`, so both follow from the conversations; the cache is told of what was closed.

use super::{App, VerbError};
use crate::model::account::Actor;
use crate::model::call::{ConversationFilter, ConversationStatus};
use crate::model::ids::OrganizationId;
use crate::model::session::Closing;
use crate::model::time::Timestamp;
use crate::store::{CloseSessions, ReadError, SessionsOf};
use std::sync::Arc;

/// How many sessions are at most closed at a time.
const ROWS: usize = 200;

/// Counts the sessions that live. Reads those of which some have expired by now and others have not: blocks.
pub fn count_living(app: &App, actor: &Actor) -> Result<u64, ReadError> {
    let filter = ConversationFilter { status: Some(ConversationStatus::Active), ..Default::default() };
    app.store.snapshot()?.count_conversations(actor.organization, &filter, actor.now)
}

/// Closes sessions, some at a time, between which live traffic goes on. Returns how many.
pub async fn close(
    app: &App,
    organization: OrganizationId,
    of: SessionsOf,
    closing: Closing,
    now: Timestamp,
) -> Result<u64, VerbError> {
    let (of, mut from, mut closed) = (Arc::new(of), None, 0);
    loop {
        let (store, of) = (app.store.clone(), of.clone());
        let look = move || store.snapshot()?.sessions_to_close(organization, &of, (closing, now), from, ROWS);
        let (calls, next) = tokio::task::spawn_blocking(look).await??;
        if !calls.is_empty() {
            for session in app.store.execute(CloseSessions { organization, now, closing, calls }).await? {
                app.sessions.unbind(organization, &session);
                closed += 1;
            }
        }
        match next {
            Some(next) => from = Some(next),
            None => return Ok(closed),
        }
    }
}

/// Makes the ends of all sessions that have expired facts of their own, every organization's.
pub async fn sweep(app: &App) -> Result<(), VerbError> {
    for organization in app.organizations() {
        close(app, organization, SessionsOf::Everyone, Closing::Expired, app.clock.now()).await?;
    }
    Ok(())
}
