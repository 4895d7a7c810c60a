//! Conversations of a seed, and voice calls: who talks with whom, when it was, and how it stands.

use super::answering::Answering;
use super::messages::Said;
use super::node::entries_to_json;
use super::{Complaints, Fields, NodeValue, Seed, times};
use crate::model::address::Address;
use crate::model::call::{Channel, ConversationStatus, Direction, JsonText};
use crate::model::ids::{AssistantId, CallId, MessageId, MessageLogId};
use crate::model::message::Role;
use crate::model::message_log::Provider;
use crate::model::time::Timestamp;
use crate::model::transfer::{CallLine, Line, MessageLine, MessageLogLine};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Who talks with whom, and by which carrier.
pub(super) struct Parties {
    pub(super) customer: Address,
    pub(super) our_number: Address,
    pub(super) assistant: AssistantId,
    pub(super) provider: Provider,
}

/// The ids that were given so far.
#[derive(Default)]
struct Given {
    call: u64,
    message: u64,
    log: u64,
    /// How many conversations a pair of numbers has.
    of_pair: HashMap<(Address, Address), u64>,
}

pub(super) fn read(root: &mut Fields<'_>, seed: &mut Seed, known: &Answering, complaints: &Complaints) {
    let mut given = Given::default();
    for mut fields in root.tables("conversations") {
        let parties = parties(&mut fields, known, complaints);
        let started = fields.parsed("started", |text| times::past(text, seed.now));
        let said = Said::all(&mut fields, started, seed.now);
        let conversation = Conversation::read(&mut fields, started, &said, seed);
        fields.end();
        if let Some(parties) = parties {
            conversation.add(parties, &said, &mut given, seed);
        }
    }
}

fn parties(fields: &mut Fields<'_>, known: &Answering, complaints: &Complaints) -> Option<Parties> {
    let customer = fields.must("customer", |it| it.parsed("customer", Address::parse));
    let (has_number, has_assistant) = (fields.has("number"), fields.has("assistant"));
    let number = fields.parsed("number", |text| known.number(text));
    let assistant = fields.parsed("assistant", |name| known.assistant(name));
    let (our_number, assistant) = match (number, assistant) {
        (Some(number), Some(assistant)) => (number, assistant),
        (Some(number), None) if !has_assistant => match known.of_number(&number).1 {
            Some(assistant) => (number, assistant),
            None => {
                fields.complain("number", "it has no assistant; name one with `assistant`");
                return None;
            }
        },
        (None, Some(assistant)) if !has_number => match known.first_number(assistant) {
            Some(number) => (number.clone(), assistant),
            None => {
                fields.complain("assistant", "it has no number; name one with `number`");
                return None;
            }
        },
        _ => {
            if !has_number && !has_assistant {
                complaints.add(fields.line, "conversations: `number` or `assistant` is missing");
            }
            return None;
        }
    };
    let provider = known.of_number(&our_number).0;
    Some(Parties { customer: customer?, our_number, assistant, provider })
}

/// What the record says beside its parties and its messages.
struct Conversation {
    line: u32,
    channel: Channel,
    direction: Direction,
    status: String,
    started_at: Timestamp,
    last_activity: Timestamp,
    expires_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    duration: Option<u64>,
    meta: Map<String, Value>,
    archived: bool,
    logs: bool,
}

impl Conversation {
    fn read(fields: &mut Fields<'_>, started: Option<Timestamp>, said: &[Said], seed: &Seed) -> Conversation {
        let now = seed.now;
        let channel = fields.kind("channel", Channel::ALL, Channel::as_str).unwrap_or(Channel::Sms);
        let direction = fields.kind("direction", Direction::ALL, Direction::as_str);
        let first = said.first();
        let started_at = started.or(first.map(|said| said.at)).unwrap_or(now);
        let last_activity = said.last().map_or(started_at, |said| said.at);
        let ended = fields.parsed("ended", |text| times::past(text, now));
        if ended.is_some_and(|ended| ended < last_activity) {
            fields.complain("ended", format!("it is before the last activity, {last_activity}"));
        }
        let from_us = first.is_some_and(|said| said.role != Role::User);
        let mut conversation = Conversation {
            line: fields.line,
            channel,
            direction: direction.unwrap_or(if from_us { Direction::Outbound } else { Direction::Inbound }),
            status: String::new(),
            started_at,
            last_activity,
            expires_at: None,
            ended_at: ended,
            duration: fields.number("duration"),
            meta: meta(fields),
            archived: fields.flag("archived").unwrap_or(false),
            logs: fields.flag("logs").unwrap_or(channel == Channel::Sms),
        };
        match channel {
            Channel::Voice => conversation.end_voice(fields),
            Channel::Sms => conversation.end_sms(fields, seed),
        }
        conversation
    }

    fn end_voice(&mut self, fields: &mut Fields<'_>) {
        self.status = fields.owned("status").unwrap_or_else(|| "completed".to_owned());
        self.ended_at = self.ended_at.or(self.duration.map(|seconds| self.started_at.plus_seconds(seconds)));
        if self.archived || self.logs {
            let name = if self.archived { "archived" } else { "logs" };
            fields.complain(name, "only an SMS conversation is or has that");
        }
    }

    /// Its session ends by itself, unless something else is said: `completed` ends it at the last message, and `active`
    /// keeps it for as long as a session lives from the clock's time on.
    fn end_sms(&mut self, fields: &mut Fields<'_>, seed: &Seed) {
        let known = [ConversationStatus::Active, ConversationStatus::Completed];
        let status = fields.kind("status", known, ConversationStatus::as_str);
        let mut expires_at = self.last_activity.plus_seconds(seed.session_ttl_seconds);
        let is_over = expires_at <= seed.now;
        match status {
            Some(ConversationStatus::Active) if self.ended_at.is_some() => {
                fields.complain("ended", "an `active` conversation has no end");
            }
            Some(ConversationStatus::Active) if is_over => {
                expires_at = seed.now.plus_seconds(seed.session_ttl_seconds);
            }
            Some(ConversationStatus::Completed) if !is_over => {
                self.ended_at = self.ended_at.or(Some(self.last_activity));
            }
            _ => {}
        }
        self.expires_at = Some(expires_at);
        let status = match self.ended_at {
            None => ConversationStatus::Active,
            Some(_) => ConversationStatus::Completed,
        };
        self.status = status.as_str().to_owned();
        if self.archived {
            self.meta.insert("sms_deleted".to_owned(), Value::Bool(true));
        }
    }

    /// Adds the record and, unless it is archived, what it has.
    fn add(self, parties: Parties, said: &[Said], given: &mut Given, seed: &mut Seed) {
        given.call += 1;
        let id = CallId(given.call);
        let pair = (parties.customer.clone(), parties.our_number.clone());
        let place = given.of_pair.entry(pair).and_modify(|place| *place += 1).or_insert(1);
        let place = *place;
        let call = CallLine {
            tag: IgnoredAny,
            id: Some(id),
            channel: self.channel,
            direction: self.direction,
            assistant_id: parties.assistant,
            customer_phone_number: parties.customer.clone(),
            assistant_phone_number: parties.our_number.clone(),
            status: self.status,
            message_count: u32::try_from(said.len()).ok(),
            started_at: self.started_at,
            last_activity: Some(self.last_activity),
            expires_at: self.expires_at,
            ended_at: self.ended_at,
            duration: self.duration,
            call_meta: Some(JsonText(Value::Object(self.meta).to_string())),
        };
        seed.add(self.line, Line::Call(call));
        if self.archived {
            return;
        }
        for (said, index) in said.iter().zip(1..) {
            given.message += 1;
            let message = said.message(MessageId(given.message));
            seed.add(self.line, Line::Message(MessageLine::of(id, index, &message)));
        }
        let logged = said.iter().zip(1..).filter(|(said, _)| self.logs && said.role != Role::System);
        for (said, index) in logged {
            given.log += 1;
            let log = said.log(id, &parties, (place, index), seed.now);
            let line = MessageLogLine::of(Some(MessageLogId(given.log)), None, &log);
            seed.add(self.line, Line::MessageLog(line));
        }
    }
}

fn meta(fields: &mut Fields<'_>) -> Map<String, Value> {
    match fields.node("call_meta").map(|node| &node.value) {
        None => Map::new(),
        Some(NodeValue::Table(entries)) => entries_to_json(entries),
        Some(_) => {
            fields.complain("call_meta", "expected a table");
            Map::new()
        }
    }
}
