//! The newest events of each organization, written once for all who listen. Whoever is further behind reads the
//! stored feed.

use super::json::ConversationId;
use crate::app::App;
use crate::app::events::{self, Event, EventForward, EventLog, EventMessage};
use crate::config::IdFormat;
use crate::model::call::Direction;
use crate::model::feed::FeedEvent;
use crate::model::ids::{MessageLogId, OrganizationId};
use crate::model::message::Role;
use crate::model::message_log::{DeliveryStatus, Provider};
use crate::model::time::Timestamp;
use crate::store::ReadError;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// How many are kept of an organization, in how many bytes, and how many are read in one go.
const KEPT: usize = 1024;
const KEPT_BYTES: usize = 1 << 20;

/// An event as it is sent, and what it is chosen by.
pub struct Told {
    pub sequence: u64,
    pub event: FeedEvent,
    /// In the format of `text/event-stream`.
    pub text: String,
}

/// Of each organization that somebody listens to.
#[derive(Default)]
pub struct Live {
    rings: Mutex<HashMap<OrganizationId, Weak<Ring>>>,
}

/// The newest events of an organization. It is there while somebody holds it.
pub struct Ring {
    organization: OrganizationId,
    ids: IdFormat,
    newest: Mutex<Newest>,
}

/// Events that come one after the other, without gaps.
#[derive(Default)]
struct Newest {
    after: u64,
    told: VecDeque<Arc<Told>>,
    bytes: usize,
}

impl Live {
    pub fn ring(&self, organization: OrganizationId, ids: IdFormat) -> Arc<Ring> {
        let mut rings = lock(&self.rings);
        if let Some(ring) = rings.get(&organization).and_then(Weak::upgrade) {
            return ring;
        }
        rings.retain(|_, ring| ring.strong_count() > 0);
        let ring = Arc::new(Ring { organization, ids, newest: Mutex::default() });
        rings.insert(organization, Arc::downgrade(&ring));
        ring
    }
}

impl Ring {
    /// What comes after `after`, if it is among the newest; `None`: it is to be read.
    pub fn after(&self, app: &App, after: u64) -> Result<Option<Vec<Arc<Told>>>, ReadError> {
        let mut newest = lock(&self.newest);
        self.read_on(app, &mut newest)?;
        let known = after.checked_sub(newest.after).and_then(|known| usize::try_from(known).ok());
        Ok(known.map(|known| newest.told.iter().skip(known).cloned().collect()))
    }

    fn read_on(&self, app: &App, ring: &mut Newest) -> Result<(), ReadError> {
        let newest = events::extent(app, self.organization)?.newest;
        // After a long silence, or a database that goes less far, the ring begins anew.
        if newest < ring.end() || newest - ring.end() > KEPT as u64 {
            ring.begin_after(newest.saturating_sub(KEPT as u64));
        }
        if newest == ring.end() {
            return Ok(());
        }
        let read = read(app, self.organization, self.ids, ring.end(), KEPT, |_| true)?;
        for told in read.map_or(Vec::new(), |(told, _)| told) {
            if told.sequence != ring.end() + 1 {
                ring.begin_after(told.sequence - 1);
            }
            self.hide(app, ring, &told.event)?;
            ring.push(told);
        }
        Ok(())
    }

    /// What was said in what is archived or deleted is told to nobody any more.
    fn hide(&self, app: &App, ring: &mut Newest, event: &FeedEvent) -> Result<(), ReadError> {
        let hidden = match event {
            FeedEvent::ConversationArchived { call_id } | FeedEvent::ConversationDeleted { call_id } => {
                Some(*call_id)
            }
            // Among what is kept is that a number was erased, of logs without a conversation too.
            FeedEvent::AuditKept { .. } => None,
            _ => return Ok(()),
        };
        let Newest { told, bytes, .. } = ring;
        for told in told {
            let has_log = hidden.is_some() || told.event.name() == "delivery_changed";
            if has_log && told.event.call_id() == hidden {
                let again = read(app, self.organization, self.ids, told.sequence - 1, 1, |_| true)?;
                if let Some(again) = again.and_then(|(mut again, _)| again.pop()) {
                    *bytes = (*bytes + again.text.len()).saturating_sub(told.text.len());
                    *told = Arc::new(again);
                }
            }
        }
        Ok(())
    }
}

impl Newest {
    /// The last one.
    fn end(&self) -> u64 {
        self.after + self.told.len() as u64
    }

    fn begin_after(&mut self, after: u64) {
        *self = Newest { after, ..Newest::default() };
    }

    fn push(&mut self, told: Told) {
        self.bytes += told.text.len();
        self.told.push_back(Arc::new(told));
        while self.told.len() > KEPT || self.bytes > KEPT_BYTES {
            let Some(oldest) = self.told.pop_front() else { return };
            self.bytes = self.bytes.saturating_sub(oldest.text.len());
            self.after += 1;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads what is wanted of a stretch of the stored feed, and where that ends. `None`: there is nothing.
pub fn read(
    app: &App,
    organization: OrganizationId,
    ids: IdFormat,
    after: u64,
    limit: usize,
    wants: impl Fn(&FeedEvent) -> bool,
) -> Result<Option<(Vec<Told>, u64)>, ReadError> {
    let stretch = events::after(app, organization, after, limit, wants)?;
    Ok(stretch.map(|stretch| (stretch.events.iter().map(|event| tell(event, ids)).collect(), stretch.up_to)))
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
        forward: event.forward.as_ref().map(forward_out),
        rest: rest(&event.entry.event, ids),
    };
    // JSON has no line breaks of its own.
    let data = serde_json::to_string(&data).expect("texts and numbers are JSON");
    let text = format!("id: {sequence}\nevent: {name}\ndata: {data}\n\n");
    Told { sequence, event: event.entry.event.clone(), text }
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
    #[serde(skip_serializing_if = "Option::is_none")]
    forward: Option<ForwardOut<'a>>,
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

#[derive(Default, Serialize)]
struct ForwardOut<'a> {
    /// `waiting`, `parked`, `done`
    state: &'static str,
    attempts: Option<u32>,
    error: Option<&'a str>,
    next_attempt_at: Option<Timestamp>,
}

fn forward_out(forward: &EventForward) -> ForwardOut<'_> {
    match forward {
        EventForward::Done => ForwardOut { state: "done", ..ForwardOut::default() },
        EventForward::Waiting(it) => ForwardOut {
            state: "waiting",
            attempts: Some(it.attempts),
            next_attempt_at: Some(it.due_at),
            ..ForwardOut::default()
        },
        EventForward::Parked(it) => ForwardOut {
            state: "parked",
            attempts: Some(it.attempts),
            error: Some(&it.error),
            ..ForwardOut::default()
        },
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
