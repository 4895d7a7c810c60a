//! Messages that could not be forwarded in time: listed, forwarded again, given up.

use super::{App, VerbError, purge};
use crate::model::account::Actor;
use crate::model::forward::ParkedEvent;
use crate::model::ids::{AssistantId, MessageLogId};
use crate::model::message_log::MessageLog;
use crate::model::page::Page;
use crate::store::{ReadError, ResumeParked, StoreError};

/// How many are resumed in one commit.
const AT_ONCE: usize = 100;

/// A parked event with the message that it is about.
pub struct ParkedMessage {
    pub id: MessageLogId,
    pub event: ParkedEvent,
    pub log: MessageLog,
}

/// How many there are, and a page of them, the oldest message first.
pub fn list(app: &App, actor: &Actor, page: Page) -> Result<(u64, Vec<ParkedMessage>), ReadError> {
    let snapshot = app.store.snapshot()?;
    let (total, found) = snapshot.parked_events(actor.organization, page)?;
    let mut events = Vec::new();
    for (id, event) in found {
        let log = snapshot.message_log(actor.organization, id)?;
        events.extend(log.map(|log| ParkedMessage { id, event, log }));
    }
    Ok((total, events))
}

/// What became of a parked event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumed {
    Done,
    /// It is not parked.
    NotThere,
    /// Its assistant has no URL any more.
    NoReceiver,
}

/// Forwards one again.
pub async fn replay(app: &App, actor: &Actor, id: MessageLogId) -> Result<Resumed, VerbError> {
    let is_parked = app.store.snapshot()?.parked_event(actor.organization, id)?.is_some();
    if is_parked && with_receiver(app, actor, vec![id], None)?.is_empty() {
        return Ok(Resumed::NoReceiver);
    }
    let resumed = resume(app, actor, vec![id], true).await?;
    Ok(if resumed.is_empty() { Resumed::NotThere } else { Resumed::Done })
}

/// Gives one up. False: it is not parked.
pub async fn discard(app: &App, actor: &Actor, id: MessageLogId) -> Result<bool, StoreError> {
    Ok(!resume(app, actor, vec![id], false).await?.is_empty())
}

/// Which of the parked events are forwarded again.
pub enum Which {
    All,
    OfAssistant(AssistantId),
    These(Vec<MessageLogId>),
}

/// Forwards many again. Returns how many; those that are not parked, or have no receiver, are passed over.
pub async fn replay_many(app: &App, actor: &Actor, which: Which) -> Result<u64, VerbError> {
    let (shared, who) = (app.clone(), *actor);
    let wanted = tokio::task::spawn_blocking(move || wanted(&shared, &who, which)).await??;
    let mut replayed = 0;
    for some in wanted.chunks(AT_ONCE) {
        let (organization, logs, now) = (actor.organization, some.to_vec(), actor.now);
        let resumed = purge::step(app, ResumeParked { organization, logs, replay: true, now }).await?;
        replayed += resumed.len() as u64;
    }
    Ok(replayed)
}

fn wanted(app: &App, actor: &Actor, which: Which) -> Result<Vec<MessageLogId>, ReadError> {
    let ids = match &which {
        Which::These(ids) => ids.clone(),
        Which::All | Which::OfAssistant(_) => {
            let all = Page { skip: 0, limit: usize::MAX };
            let (_, found) = app.store.snapshot()?.parked_events(actor.organization, all)?;
            found.into_iter().map(|(id, _)| id).collect()
        }
    };
    let of = match which {
        Which::OfAssistant(assistant) => Some(assistant),
        Which::All | Which::These(_) => None,
    };
    with_receiver(app, actor, ids, of)
}

/// Those whose assistants have a URL; only of one of them, if it is said which.
fn with_receiver(
    app: &App,
    actor: &Actor,
    logs: Vec<MessageLogId>,
    of: Option<AssistantId>,
) -> Result<Vec<MessageLogId>, ReadError> {
    let (snapshot, mut found) = (app.store.snapshot()?, Vec::new());
    let directory = snapshot.directory().view();
    let Some(forwarding) = directory.forwarding(actor.organization) else { return Ok(found) };
    let has_one = |it: &AssistantId| forwarding.contains_key(it) && of.is_none_or(|of| of == *it);
    for id in logs {
        let log = snapshot.message_log(actor.organization, id)?;
        if log.and_then(|log| log.assistant_id).as_ref().is_some_and(has_one) {
            found.push(id);
        }
    }
    Ok(found)
}

async fn resume(
    app: &App,
    actor: &Actor,
    logs: Vec<MessageLogId>,
    replay: bool,
) -> Result<Vec<MessageLogId>, StoreError> {
    let (organization, now) = (actor.organization, actor.now);
    app.store.execute(ResumeParked { organization, logs, replay, now }).await
}
