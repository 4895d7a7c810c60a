//! The newest events of each organization, written once for all who listen. Whoever is further behind reads the
//! stored feed.

use super::json::ConversationId;
use crate::app::App;
use crate::app::events::{self, Event, EventLog, EventMessage};
use crate::config::IdFormat;
use crate::model::call::Direction;
use crate::model::feed::FeedEvent;
use crate::model::ids::{CallId, MessageLogId, OrganizationId};
use crate::model::message::Role;
use crate::model::message_log::{DeliveryStatus, Provider};
use crate::model::time::Timestamp;
use crate::store::ReadError;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many are kept of an organization, and read in one go.
const KEPT: usize = 1024;

/// An event as it is sent, and what it is chosen by.
pub struct Told {
    pub sequence: u64,
    pub name: &'static str,
    pub call_id: Option<CallId>,
    /// In the format of `text/event-stream`.
    pub text: String,
}

#[derive(Default)]
pub struct Live {
    rings: Mutex<HashMap<OrganizationId, Arc<Mutex<Ring>>>>,
}

/// The events from `after` on, without gaps.
#[derive(Default)]
struct Ring {
    after: u64,
    told: VecDeque<Arc<Told>>,
}

impl Live {
    /// What comes after `after`, if it is among the newest; `None`: it is to be read.
    pub fn newest(
        &self,
        app: &App,
        organization: OrganizationId,
        ids: IdFormat,
        after: u64,
    ) -> Result<Option<Vec<Arc<Told>>>, ReadError> {
        let ring = lock(&self.rings).entry(organization).or_default().clone();
        let mut ring = lock(&ring);
        ring.read_on(app, organization, ids)?;
        let known = after.checked_sub(ring.after).and_then(|known| usize::try_from(known).ok());
        Ok(known.map(|known| ring.told.iter().skip(known).cloned().collect()))
    }
}

impl Ring {
    fn read_on(&mut self, app: &App, organization: OrganizationId, ids: IdFormat) -> Result<(), ReadError> {
        let newest = events::extent(app, organization)?.newest;
        let end = self.after + self.told.len() as u64;
        // After a long silence, or a database that goes less far, the ring begins anew.
        if newest < end || newest - end > KEPT as u64 {
            (self.after, self.told) = (newest.saturating_sub(KEPT as u64), VecDeque::new());
        }
        let end = self.after + self.told.len() as u64;
        if newest == end {
            return Ok(());
        }
        for event in read(app, organization, ids, end, KEPT)? {
            let hides = ["conversation_archived", "conversation_deleted"].contains(&event.name);
            if hides || event.sequence != self.after + self.told.len() as u64 + 1 {
                // What was said in it is told to nobody any more.
                (self.after, self.told) = (event.sequence - 1, VecDeque::new());
            }
            self.told.push_back(Arc::new(event));
        }
        while self.told.len() > KEPT {
            self.told.pop_front();
            self.after += 1;
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the stored feed.
pub fn read(
    app: &App,
    organization: OrganizationId,
    ids: IdFormat,
    after: u64,
    limit: usize,
) -> Result<Vec<Told>, ReadError> {
    let events = events::after(app, organization, after, limit)?;
    Ok(events.iter().map(|event| tell(event, ids)).collect())
}

fn tell(event: &Event, ids: IdFormat) -> Told {
    let (sequence, name) = (event.sequence, event.entry.event.name());
    let call_id = event.entry.event.call_id();
    let data = EventOut {
        id: sequence,
        r#type: name,
        timestamp: event.entry.at,
        conversation_id: call_id.map(|id| ConversationId(id, ids)),
        message: event.message.as_ref().map(message_out),
        log: event.log.as_ref().map(log_out),
        rest: rest(&event.entry.event, ids),
    };
    // JSON has no line breaks of its own.
    let data = serde_json::to_string(&data).expect("texts and numbers are JSON");
    Told { sequence, name, call_id, text: format!("id: {sequence}\nevent: {name}\ndata: {data}\n\n") }
}

/// The data of an event.
#[derive(Serialize)]
struct EventOut<'a> {
    id: u64,
    r#type: &'static str,
    timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<ConversationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<MessageOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<LogOut<'a>>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Serialize)]
struct MessageOut<'a> {
    message_index: u32,
    role: Role,
    content: &'a str,
    timestamp: Timestamp,
}

#[derive(Serialize)]
struct LogOut<'a> {
    id: MessageLogId,
    provider: Provider,
    provider_message_id: &'a str,
    direction: Direction,
    from_number: &'a str,
    to_number: &'a str,
    status: DeliveryStatus,
    error_code: Option<&'a str>,
    error_message: Option<&'a str>,
}

fn message_out(message: &EventMessage) -> MessageOut<'_> {
    let EventMessage { index, role, content, timestamp } = message;
    MessageOut { message_index: *index, role: *role, content, timestamp: *timestamp }
}

fn log_out(log: &EventLog) -> LogOut<'_> {
    LogOut {
        id: log.id,
        provider: log.provider,
        provider_message_id: &log.provider_message_id,
        direction: log.direction,
        from_number: &log.from,
        to_number: &log.to,
        status: log.status,
        error_code: log.error_code.as_deref(),
        error_message: log.error_message.as_deref(),
    }
}

/// What events have that are of no conversation.
fn rest(event: &FeedEvent, ids: IdFormat) -> Map<String, Value> {
    let fields = match event {
        FeedEvent::UserChanged(id) => json!({"user_id": id}),
        FeedEvent::ApiKeyChanged(id) => json!({"api_key_id": id}),
        FeedEvent::AssistantChanged(id) => json!({"assistant_id": id}),
        FeedEvent::PhoneNumberChanged(id) => json!({"phone_number_id": id}),
        FeedEvent::AuditKept { audit_id } => json!({"audit_id": audit_id}),
        FeedEvent::CarrierAccountChanged(provider) => json!({"provider": provider}),
        FeedEvent::Imported { records, calls } => {
            let calls: Vec<_> = calls.iter().map(|id| ConversationId(*id, ids)).collect();
            json!({"records": records, "conversation_ids": calls})
        }
        _ => Value::Null,
    };
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
