//! Call lines: what they must not say, which record they make, when they are the one that is there.

use super::{CallLine, LineError};
use crate::model::address::Address;
use crate::model::call::{Call, Channel};
use crate::model::ids::{AssistantId, CallId};
use crate::model::time::Timestamp;
use serde::de::IgnoredAny;
use serde_json::Value;

/// What a call without an id is recognised by.
type Start<'a> = (&'static str, AssistantId, &'a Address, &'a Address, Timestamp);

impl CallLine {
    pub(super) fn check(&self) -> Result<(), LineError> {
        let sms = self.channel == Channel::Sms;
        let wrong = if sms && !matches!(self.status.as_str(), "active" | "completed") {
            "status: an SMS conversation is `active` or `completed`"
        } else if sms && self.is_active() && self.ended_at.is_some() {
            "ended_at: an `active` conversation has none"
        } else if !sms && self.expires_at.is_some() {
            "expires_at: only an SMS conversation has a session that expires"
        } else if self.ended_at.is_some_and(|end| end < self.started_at) {
            "ended_at: it is before started_at"
        } else if self.last_activity.is_some_and(|last| last < self.started_at) {
            "last_activity: it is before started_at"
        } else if self.expires_at.is_some_and(|end| end < self.last_activity.unwrap_or(self.started_at)) {
            "expires_at: it is before the last activity"
        } else {
            return Ok(());
        };
        Err(wrong.to_owned().into())
    }

    pub(super) fn start(&self) -> Start<'_> {
        let channel = self.channel.as_str();
        let (customer, number) = (&self.customer_phone_number, &self.assistant_phone_number);
        (channel, self.assistant_id, customer, number, self.started_at)
    }

    /// Whether `call` has all that a call without an id is recognised by.
    pub fn starts_as(&self, call: &Call) -> bool {
        let channel = call.channel.as_str();
        self.start() == (channel, call.assistant_id, &call.customer, &call.our_number, call.started_at)
    }

    pub(super) fn is_sms(&self) -> bool {
        self.channel == Channel::Sms
    }

    /// `active`: its session may still live.
    pub fn is_active(&self) -> bool {
        self.is_sms() && self.status == "active"
    }

    pub fn is_archived(&self) -> bool {
        let meta = self.call_meta.as_ref().filter(|meta| meta.0.contains("sms_deleted"));
        let meta = meta.and_then(|meta| serde_json::from_str::<Value>(&meta.0).ok());
        meta.is_some_and(|meta| meta["sms_deleted"] == Value::Bool(true))
    }

    /// When its session ends: as the line says, else the TTL after the last activity.
    pub fn expires_at(&self, last_activity: Timestamp, ttl_seconds: u64) -> Timestamp {
        self.expires_at.unwrap_or_else(|| last_activity.plus_seconds(ttl_seconds))
    }

    /// The record before its first message. An SMS conversation is closed until the last of its
    /// messages is there, so that nobody joins half a thread; `last_activity` is that of the whole.
    pub fn call(&self, last_activity: Timestamp, ttl_seconds: u64, now: Timestamp) -> Call {
        let sms = self.channel == Channel::Sms;
        let archived = self.is_archived();
        let expires_at = self.expires_at(last_activity, ttl_seconds);
        // What was archived has no session any more.
        let over = match self.is_active() && !archived {
            true => expires_at.min(now.max(last_activity)),
            false => last_activity,
        };
        let ended_at = self.ended_at.or_else(|| sms.then_some(over));
        Call {
            channel: self.channel,
            direction: self.direction,
            assistant_id: self.assistant_id,
            customer: self.customer_phone_number.clone(),
            our_number: self.assistant_phone_number.clone(),
            message_count: 0,
            started_at: self.started_at,
            last_activity: self.started_at,
            expires_at: sms.then(|| self.started_at.plus_seconds(ttl_seconds)),
            ended_at,
            duration_seconds: self.duration,
            voice_status: (!sms).then(|| self.status.clone()),
            meta: self.call_meta.clone().unwrap_or_default(),
            archived,
        }
    }

    /// The record as it is at `now`.
    pub fn of(id: CallId, stored: &Call, now: Timestamp) -> CallLine {
        let sms = stored.channel == Channel::Sms;
        // What was archived has no session any more.
        let ended_at = stored.ended_at(now).or((sms && stored.archived).then_some(stored.last_activity));
        let status = match &stored.voice_status {
            Some(status) => status,
            None if ended_at.is_none() => "active",
            None => "completed",
        };
        CallLine {
            tag: IgnoredAny,
            id: Some(id),
            channel: stored.channel,
            direction: stored.direction,
            assistant_id: stored.assistant_id,
            customer_phone_number: stored.customer.clone(),
            assistant_phone_number: stored.our_number.clone(),
            status: status.to_owned(),
            message_count: Some(stored.message_count),
            started_at: stored.started_at,
            last_activity: Some(stored.last_activity),
            expires_at: stored.expires_at,
            ended_at,
            duration: stored.duration_seconds,
            call_meta: Some(stored.shown_meta()),
        }
    }

    /// What may have gone on since an import: an active conversation's end, and that a conversation
    /// was archived. Counts, last activity and expiry are judged with the messages.
    pub(super) fn went_on(&self, stored: &CallLine) -> &'static [&'static str] {
        let archived_since = stored.is_archived() && !self.is_archived();
        match (archived_since, self.is_active()) {
            (true, _) => &["status", "ended_at", "call_meta", "message_count", "last_activity", "expires_at"],
            (_, true) => &["status", "ended_at", "message_count", "last_activity", "expires_at"],
            _ => &["message_count", "last_activity", "expires_at"],
        }
    }
}
