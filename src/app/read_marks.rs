//! What the caller has read of the conversations, and what is new to them.

use super::{App, VerbError};
use crate::model::account::Actor;
use crate::model::ids::CallId;
use crate::model::time::Timestamp;
use crate::store::{MarkAllRead, MarkRead, ReadError, StoreError};

/// How many messages are new to the caller in conversations of a list: by their id, how many messages they have and when they
/// were last active. What was there before the caller's user is not new, and our own messages count like a customer's.
pub fn unread(app: &App, actor: &Actor, rows: &[(CallId, u32, Timestamp)]) -> Result<Vec<u32>, ReadError> {
    app.store.snapshot()?.unread(actor.organization, actor.user_id, rows)
}

/// The caller has seen a conversation up to a message. False: that is nothing new, and nothing is written; or there is no such
/// conversation.
pub async fn mark(app: &App, actor: &Actor, id: CallId, message_index: u32) -> Result<bool, VerbError> {
    let Actor { organization, user_id, now, .. } = *actor;
    let row = {
        let snapshot = app.store.snapshot()?;
        let call = snapshot.call(organization, id)?;
        call.map(|call| (id, call.message_count.min(message_index), call.last_activity))
    };
    // Who looks at it again makes no commit.
    if row.is_none() || unread(app, actor, row.as_slice())?.iter().all(|unread| *unread == 0) {
        return Ok(false);
    }
    let command = MarkRead { organization, user_id, call_id: id, message_index, now };
    Ok(app.store.execute(command).await?)
}

/// The caller has seen all that there is. False: that is nothing new.
pub async fn mark_all(app: &App, actor: &Actor) -> Result<bool, StoreError> {
    let Actor { organization, user_id, now, .. } = *actor;
    app.store.execute(MarkAllRead { organization, user_id, now }).await
}
