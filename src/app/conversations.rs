//! Conversations: the list, one, its messages; archiving.

mod thread;

pub use self::thread::{LONGEST_PAGE, Preview, ThreadPage, previews, thread, thread_from};

use super::App;
use super::purge::STEP_ROWS;
use crate::model::account::Actor;
use crate::model::call::{Call, Conversation, ConversationFilter};
use crate::model::ids::CallId;
use crate::model::message::{Message, MessageRange};
use crate::model::page::Page;
use crate::store::{ArchiveConversation, ArchiveOutcome, AssistantNames, ReadError, StoreError, Thread};

/// Above this many rows and blocks of them a list is no longer read where it is asked for. Unfiltered, any page of some
/// millions of conversations is found with fewer: one block and the page are read, and the blocks before it passed over.
const QUICK_STEPS: u64 = 8_000;

/// Visits a page of conversations with the names of the assistants, newest activity first. `false`: it takes more
/// patience, and what was visited is not the page.
pub fn list(
    app: &App,
    actor: &Actor,
    filter: &ConversationFilter,
    page: Page,
    patience: Patience,
    mut visit: impl FnMut(&Conversation<'_>, &AssistantNames),
) -> Result<bool, ReadError> {
    let most = match patience {
        Patience::Quick => QUICK_STEPS,
        Patience::Endless => u64::MAX,
    };
    let snapshot = app.store.snapshot()?;
    let directory = snapshot.directory().view();
    let (organization, names) = (actor.organization, directory.assistant_names(actor.organization));
    snapshot.list_conversations_within(organization, filter, page, actor.now, most, |row| visit(row, names))
}

/// Visits one conversation. `false`: it is unknown, archived, a voice call or another organization's.
pub fn get(
    app: &App,
    actor: &Actor,
    id: CallId,
    visit: impl FnOnce(&Conversation<'_>, &AssistantNames),
) -> Result<bool, ReadError> {
    let snapshot = app.store.snapshot()?;
    let directory = snapshot.directory().view();
    let names = directory.assistant_names(actor.organization);
    snapshot.conversation(actor.organization, id, |conversation| visit(conversation, names))
}

/// The most related records that are shown.
const RELATED: usize = 50;

/// The newest call records of the same customer and assistant, of both channels, this one among them.
/// `None`: there is no such conversation.
pub fn related(app: &App, actor: &Actor, id: CallId) -> Result<Option<Vec<(CallId, Call)>>, ReadError> {
    let snapshot = app.store.snapshot()?;
    let Some(asked) = snapshot.call(actor.organization, id)?.filter(Call::is_conversation) else {
        return Ok(None);
    };
    let mut found = Vec::new();
    snapshot.related(actor.organization, &asked.customer, asked.assistant_id, |id, call| {
        found.push((id, call.clone()));
        found.len() < RELATED
    })?;
    if found.iter().all(|(known, _)| *known != id) {
        // An older one than the newest fifty takes the last place.
        found.truncate(RELATED - 1);
        found.push((id, asked));
    }
    Ok(Some(found))
}

/// Threads up to this length are read where they are asked for.
const QUICK_MESSAGES: u32 = 500;

/// How much the caller is ready to read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    Quick,
    Endless,
}

/// Visits messages of a conversation in order.
pub fn messages(
    app: &App,
    actor: &Actor,
    id: CallId,
    range: MessageRange,
    patience: Patience,
    visit: impl FnMut(u32, &Message<'_>),
) -> Result<Thread, ReadError> {
    let at_most = match patience {
        Patience::Quick => QUICK_MESSAGES,
        Patience::Endless => u32::MAX,
    };
    app.store.snapshot()?.messages(actor.organization, id, range, at_most, visit)
}

/// Archives a conversation. `false`: it is unknown, archived before, a voice call or another
/// organization's. What a huge one leaves is purged in the background.
pub async fn archive(app: &App, actor: &Actor, id: CallId) -> Result<bool, StoreError> {
    let Actor { organization, now, .. } = *actor;
    let command = ArchiveConversation { organization, call_id: id, now, rows: STEP_ROWS };
    let ArchiveOutcome::Archived { session, done } = app.store.execute(command).await? else {
        return Ok(false);
    };
    app.sessions.unbind(organization, &session);
    if !done {
        app.purge_wanted.notify_one();
    }
    tracing::info!(%organization, conversation = %id, "conversation archived");
    Ok(true)
}
