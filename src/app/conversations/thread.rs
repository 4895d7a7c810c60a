//! A thread as people read it: a page of messages with the carrier's side of each, and what was said last in those of a list.

use crate::app::App;
use crate::app::calls::{NamedCall, named};
use crate::model::account::Actor;
use crate::model::ids::CallId;
use crate::model::message::Role;
use crate::model::thread_message::ThreadMessage;
use crate::store::{ReadError, Stretch};

/// The most messages of a page.
pub const LONGEST_PAGE: u32 = 500;
/// So many characters of what was said last are shown.
const PREVIEWED: usize = 140;

/// Messages in their order.
pub struct ThreadPage {
    pub call: NamedCall,
    pub messages: Vec<ThreadMessage>,
    /// Whether there are messages before these.
    pub has_earlier: bool,
}

/// What was said last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    pub role: Role,
    /// The beginning.
    pub text: String,
}

/// The newest messages of a conversation, or those before an index. `None`: it is unknown, archived, a voice call or another
/// organization's. The newest page reads about as many logs as messages; one further back passes over those of the newer
/// messages.
pub fn thread(
    app: &App,
    actor: &Actor,
    id: CallId,
    before: Option<u32>,
    limit: u32,
) -> Result<Option<ThreadPage>, ReadError> {
    let limit = limit.min(LONGEST_PAGE);
    read(app, actor, id, Stretch::Before { index: before.unwrap_or(u32::MAX), limit })
}

/// As [`thread`], the messages from an index on: what came since somebody looked. Of more than [`LONGEST_PAGE`] the first.
pub fn thread_from(app: &App, actor: &Actor, id: CallId, from: u32) -> Result<Option<ThreadPage>, ReadError> {
    read(app, actor, id, Stretch::From { index: from, limit: LONGEST_PAGE })
}

fn read(app: &App, actor: &Actor, id: CallId, stretch: Stretch) -> Result<Option<ThreadPage>, ReadError> {
    let snapshot = app.store.snapshot()?;
    let Some((call, messages)) = snapshot.thread_messages(actor.organization, id, stretch)? else {
        return Ok(None);
    };
    let earlier = match (stretch, messages.first()) {
        (_, Some(first)) => first.index - 1,
        (Stretch::Before { index, .. } | Stretch::From { index, .. }, None) => index.saturating_sub(1),
    };
    let has_earlier = earlier.min(call.message_count) > 0;
    Ok(Some(ThreadPage { call: named(&snapshot, actor, id, call), messages, has_earlier }))
}

/// What was said last in conversations of a list, by their id and how many messages they have. `None`: nothing, or it is
/// gone meanwhile.
pub fn previews(app: &App, actor: &Actor, rows: &[(CallId, u32)]) -> Result<Vec<Option<Preview>>, ReadError> {
    let snapshot = app.store.snapshot()?;
    let preview = |row: &(CallId, u32)| {
        let said = snapshot.said(actor.organization, *row, PREVIEWED)?;
        Ok(said.map(|(role, text)| Preview { role, text }))
    };
    rows.iter().map(preview).collect()
}
