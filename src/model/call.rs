//! Call records. Everything is one; an SMS-channel call record is a conversation.

use super::address::Address;
use super::ids::{AssistantId, CallId};
use super::time::Timestamp;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Sms,
    Voice,
}

impl Channel {
    pub const ALL: [Channel; 2] = [Channel::Sms, Channel::Voice];

    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Sms => "sms",
            Channel::Voice => "voice",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Inbound,
    Outbound,
}

impl Direction {
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        }
    }

    pub const ALL: [Direction; 2] = [Direction::Inbound, Direction::Outbound];
}

/// Whether a conversation's session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConversationStatus {
    Active,
    Completed,
}

impl ConversationStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            ConversationStatus::Active => "active",
            ConversationStatus::Completed => "completed",
        }
    }
}

/// A JSON object as text: free-form data that we keep and give back but never look into. In JSON
/// it is the object itself, verbatim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonText(pub String);

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return self.0.serialize(serializer);
        }
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<JsonText, D::Error> {
        if !deserializer.is_human_readable() {
            return String::deserialize(deserializer).map(JsonText);
        }
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        // Raw text may hold what no reader takes: halves of surrogate pairs, endless nesting.
        match raw.get() == "{}" || serde_json::from_str::<Value>(raw.get()).is_ok_and(|v| v.is_object()) {
            true => Ok(JsonText(String::from(Box::<str>::from(raw)))),
            false => Err(D::Error::custom("expected a JSON object")),
        }
    }
}

impl Default for JsonText {
    fn default() -> JsonText {
        JsonText("{}".to_owned())
    }
}

impl JsonText {
    /// The same object with `field` set to true; the other fields keep their text. Untouched if it is.
    pub fn with_true(&self, field: &str) -> JsonText {
        let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&self.0).unwrap_or_default();
        if fields.get(field).is_some_and(|value| value.get() == RawValue::TRUE.get()) {
            return self.clone();
        }
        fields.insert(field.to_owned(), RawValue::TRUE.to_owned());
        JsonText(serde_json::to_string(&fields).expect("texts and JSON are JSON"))
    }
}

/// The call record without its id, which is part of the key. Stored: see `store::record`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub channel: Channel,
    pub direction: Direction,
    pub assistant_id: AssistantId,
    pub customer: Address,
    pub our_number: Address,
    pub message_count: u32,
    pub started_at: Timestamp,
    pub last_activity: Timestamp,
    /// SMS: when the session expires unless another message comes. Voice: none.
    pub expires_at: Option<Timestamp>,
    /// Set when the end is a fact of its own; an SMS record without it ends at `expires_at`.
    pub ended_at: Option<Timestamp>,
    pub duration_seconds: Option<u64>,
    /// Voice: the status as it was imported. An SMS record's status follows from its times.
    pub voice_status: Option<String>,
    pub meta: JsonText,
    /// `call_meta.sms_deleted`: hidden from the conversation routes, its contents purged.
    pub archived: bool,
}

impl Call {
    pub fn is_conversation(&self) -> bool {
        self.channel == Channel::Sms && !self.archived
    }

    /// As people see it: a voice call's as it was imported, an SMS conversation's as its times tell.
    pub fn status(&self, now: Timestamp) -> &str {
        match self.channel {
            Channel::Voice => self.voice_status.as_deref().unwrap_or("completed"),
            Channel::Sms if self.archived => ConversationStatus::Completed.as_str(),
            Channel::Sms => self.conversation(CallId(0)).status(now).as_str(),
        }
    }

    /// When it ended, as seen at `now`.
    pub fn ended_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self.channel {
            Channel::Voice => self.ended_at,
            Channel::Sms => self.conversation(CallId(0)).ended_at(now),
        }
    }

    /// The free data; those of an archived record say so, also where it was stored without.
    pub fn shown_meta(&self) -> JsonText {
        if self.archived { self.meta.with_true("sms_deleted") } else { self.meta.clone() }
    }

    /// `sms_101`, `voice_7`
    pub fn sid(&self, id: CallId) -> String {
        format!("{}_{id}", self.channel.as_str())
    }

    pub fn conversation(&self, id: CallId) -> Conversation<'_> {
        Conversation {
            id,
            assistant_id: self.assistant_id,
            customer: self.customer.as_str(),
            our_number: self.our_number.as_str(),
            message_count: self.message_count,
            started_at: self.started_at,
            last_activity: self.last_activity,
            expires_at: self.expires_at.unwrap_or(Timestamp::MAX),
            ended_at: self.ended_at,
        }
    }
}

/// What a list row shows of a conversation, but for what others may change (the assistant's name)
/// and what follows from the time of asking (status, end).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversation<'a> {
    pub id: CallId,
    pub assistant_id: AssistantId,
    pub customer: &'a str,
    pub our_number: &'a str,
    pub message_count: u32,
    pub started_at: Timestamp,
    pub last_activity: Timestamp,
    pub expires_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

impl Conversation<'_> {
    /// The end as seen at `now`: a fact of its own, else the session's expiry once it has passed.
    /// At the very microsecond of expiry the conversation has ended.
    pub fn ended_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.ended_at.or_else(|| (self.expires_at <= now).then_some(self.expires_at))
    }

    pub fn status(&self, now: Timestamp) -> ConversationStatus {
        match self.ended_at(now) {
            None => ConversationStatus::Active,
            Some(_) => ConversationStatus::Completed,
        }
    }
}

/// The filters of the conversation list, combined with AND.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversationFilter {
    pub status: Option<ConversationStatus>,
    pub assistant_id: Option<AssistantId>,
    pub customer: Option<super::address::AddressQuery>,
    /// Bounds on `started_at`, both inclusive.
    pub started_from: Option<Timestamp>,
    pub started_to: Option<Timestamp>,
}

impl ConversationFilter {
    pub fn is_empty(&self) -> bool {
        *self == ConversationFilter::default()
    }

    pub fn matches(&self, row: &Conversation<'_>, now: Timestamp) -> bool {
        self.matches_numbers(row, now)
            && self.customer.as_ref().is_none_or(|query| query.matches(row.customer.as_bytes()))
    }

    /// What can be told without the addresses.
    pub fn matches_numbers(&self, row: &Conversation<'_>, now: Timestamp) -> bool {
        self.status.is_none_or(|status| row.status(now) == status)
            && self.assistant_id.is_none_or(|id| row.assistant_id == id)
            && self.started_from.is_none_or(|from| row.started_at >= from)
            && self.started_to.is_none_or(|to| row.started_at <= to)
    }
}

/// The filters of the call records, combined with AND.
#[derive(Clone, Debug, Default)]
pub struct CallFilter {
    pub status: Option<String>,
    pub assistant_id: Option<AssistantId>,
    /// Part of the assistant's name, letters of either case.
    pub assistant_name: Option<String>,
    pub customer: Option<super::address::AddressQuery>,
    pub call_sid: Option<String>,
    /// Bounds on `started_at`, both inclusive.
    pub started_from: Option<Timestamp>,
    pub started_to: Option<Timestamp>,
    /// Bounds on the duration, both inclusive; a record without one is in no bounds.
    pub least_seconds: Option<u64>,
    pub most_seconds: Option<u64>,
}

impl CallFilter {
    /// What the index by customer tells of a call.
    pub fn matches_start(&self, customer: &str, assistant_id: AssistantId, started_at: Timestamp) -> bool {
        self.assistant_id.is_none_or(|id| assistant_id == id)
            && self.started_from.is_none_or(|from| started_at >= from)
            && self.started_to.is_none_or(|to| started_at <= to)
            && self.customer.as_ref().is_none_or(|query| query.matches(customer.as_bytes()))
    }

    /// Whether only the record itself can tell.
    pub fn needs_record(&self) -> bool {
        self.status.is_some() || self.least_seconds.is_some() || self.most_seconds.is_some()
    }

    /// What only the record tells.
    pub fn matches_record(&self, call: &Call, now: Timestamp) -> bool {
        let duration = call.duration_seconds;
        self.status.as_ref().is_none_or(|status| call.status(now) == status)
            && self.least_seconds.is_none_or(|least| duration.is_some_and(|seconds| seconds >= least))
            && self.most_seconds.is_none_or(|most| duration.is_some_and(|seconds| seconds <= most))
    }
}
