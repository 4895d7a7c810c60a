//! The change feed as people and programs read it: each entry with what it is about, as that is by now.

use super::App;
use crate::model::call::Direction;
use crate::model::feed::{FeedEntry, FeedEvent};
use crate::model::forward::{Forward, ParkedEvent};
use crate::model::ids::{CallId, MessageLogId, OrganizationId};
use crate::model::message::{MessageRange, Role};
use crate::model::message_log::{DeliveryStatus, Provider};
use crate::model::time::Timestamp;
use crate::store::{ReadError, Snapshot};

/// Where an organization's feed begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The last entry that is there no more; 0: none is gone.
    pub forgotten: u64,
    pub newest: u64,
}

pub fn extent(app: &App, organization: OrganizationId) -> Result<Extent, ReadError> {
    let sequences = app.store.snapshot()?.sequences(organization)?;
    Ok(Extent { forgotten: sequences.feed_forgotten, newest: sequences.feed })
}

/// An entry of the feed. What it is about may be gone since, and is left out then.
#[derive(Clone, Debug)]
pub struct Event {
    pub sequence: u64,
    pub entry: FeedEntry,
    pub message: Option<EventMessage>,
    pub log: Option<EventLog>,
    pub forward: Option<EventForward>,
}

/// How far forwarding a message is by now.
#[derive(Clone, Debug)]
pub enum EventForward {
    Waiting(Forward),
    Parked(ParkedEvent),
    /// It was told, or is told no more.
    Done,
}

#[derive(Clone, Debug)]
pub struct EventMessage {
    pub index: u32,
    pub role: Role,
    pub content: String,
    pub timestamp: Timestamp,
}

#[derive(Clone, Debug)]
pub struct EventLog {
    pub id: MessageLogId,
    pub provider: Provider,
    pub provider_message_id: String,
    pub direction: Direction,
    pub from: String,
    pub to: String,
    pub body: String,
    pub status: DeliveryStatus,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
}

/// A stretch of the feed: what was wanted of it, and its last entry.
pub struct Stretch {
    pub events: Vec<Event>,
    pub up_to: u64,
}

/// Of at most `limit` entries that come after `after` those that are wanted, in their order. `None`: there are none.
pub fn after(
    app: &App,
    organization: OrganizationId,
    after: u64,
    limit: usize,
    wants: impl Fn(&FeedEvent) -> bool,
) -> Result<Option<Stretch>, ReadError> {
    let snapshot = app.store.snapshot()?;
    let entries = snapshot.feed_after(organization, after, limit)?;
    let Some((up_to, _)) = entries.last() else { return Ok(None) };
    let up_to = *up_to;
    let wanted = entries.into_iter().filter(|(_, entry)| wants(&entry.event));
    let events = wanted.map(|(sequence, entry)| complete(&snapshot, organization, sequence, entry));
    Ok(Some(Stretch { events: events.collect::<Result<_, _>>()?, up_to }))
}

fn complete(
    snapshot: &Snapshot,
    organization: OrganizationId,
    sequence: u64,
    entry: FeedEntry,
) -> Result<Event, ReadError> {
    let (message, log) = match entry.event {
        FeedEvent::MessageReceived { call_id, message_index, log_id }
        | FeedEvent::MessageQueued { call_id, message_index, log_id } => {
            (message(snapshot, organization, call_id, message_index)?, Some(log_id))
        }
        FeedEvent::DeliveryChanged { log_id, .. }
        | FeedEvent::DeliveryReached { log_id, .. }
        | FeedEvent::ForwardChanged { log_id, .. } => (None, Some(log_id)),
        _ => (None, None),
    };
    let log = log.map(|id| event_log(snapshot, organization, id)).transpose()?.flatten();
    let forward = match entry.event {
        FeedEvent::ForwardChanged { call_id, log_id } => {
            Some(event_forward(snapshot, organization, call_id, log_id)?)
        }
        _ => None,
    };
    Ok(Event { sequence, entry, message, log, forward })
}

fn event_forward(
    snapshot: &Snapshot,
    organization: OrganizationId,
    call: CallId,
    log: MessageLogId,
) -> Result<EventForward, ReadError> {
    if let Some(forward) = snapshot.forward(organization, call, log)? {
        return Ok(EventForward::Waiting(forward));
    }
    let parked = snapshot.parked_event(organization, log)?;
    Ok(parked.map_or(EventForward::Done, EventForward::Parked))
}

fn message(
    snapshot: &Snapshot,
    organization: OrganizationId,
    call: CallId,
    index: u32,
) -> Result<Option<EventMessage>, ReadError> {
    let range = MessageRange { after_index: index.saturating_sub(1), skip: 0, limit: Some(1) };
    let mut found = None;
    snapshot.messages(organization, call, range, u32::MAX, |index, message| {
        found = Some(EventMessage {
            index,
            role: message.role,
            content: message.content.to_string(),
            timestamp: message.timestamp,
        });
    })?;
    Ok(found)
}

fn event_log(
    snapshot: &Snapshot,
    organization: OrganizationId,
    id: MessageLogId,
) -> Result<Option<EventLog>, ReadError> {
    let Some(log) = snapshot.message_log(organization, id)? else { return Ok(None) };
    // What is being purged is seen by nobody.
    if let Some(call) = log.call_id
        && snapshot.call(organization, call)?.is_none_or(|call| call.archived)
    {
        return Ok(None);
    }
    Ok(Some(EventLog {
        id,
        provider: log.provider,
        provider_message_id: log.provider_message_id,
        direction: log.direction,
        from: log.from,
        to: log.to,
        body: log.body,
        status: log.status,
        error_code: log.error_code,
        error_message: log.error_message,
    }))
}
