//! Lines that are not records field by field, what a line must not say by itself, and in which
//! field it differs from a record that is there already. A field that was left out and is made up
//! on arrival (an id, a time, an owner) agrees with whatever is stored.

use super::*;
use crate::model::assistant::{Assistant, AssistantState};
use crate::model::audit::{AuditEntry, Level, Step};
use crate::model::call::JsonText;
use crate::model::ids::{AssistantId, AuditId, CallId, UserId};
use crate::model::message::Message;
use crate::model::message_log::RawPayload;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

impl Line {
    /// What can be said against a line from the line alone.
    pub(super) fn check(&self) -> Result<(), LineError> {
        match self {
            Line::Call(line) => line.check(),
            Line::MessageLog(line) if line.id.is_none() && line.provider_message_id.is_empty() => {
                Err("a message_log needs an id or a provider_message_id".to_owned().into())
            }
            Line::Assistant(line)
                if line.sms_webhook_secrets.iter().flatten().any(|it| it.key().is_none()) =>
            {
                Err("sms_webhook_secrets: a secret is whsec_ and base64 of 24 to 64 bytes".to_owned().into())
            }
            Line::AuditEvent(line) if line.id.is_none() && line.call_id.is_none() => {
                Err("an audit_event needs an id or a call_id".to_owned().into())
            }
            _ => Ok(()),
        }
    }

    /// The first field in which it differs from a stored record, which is given as a line.
    pub fn difference(&self, stored: &Line) -> Option<String> {
        let (given, there) = (self.fields(), stored.fields());
        let went_on = self.went_on(stored);
        let same = |field: &str| match (given.get(field), there.get(field)) {
            // A raw payload may go earlier than what it came with.
            (Some(Value::Null), _) | (_, Some(Value::Null)) if field == "raw_payload" => true,
            (Some(given), Some(there)) => {
                given == there || went_on.contains(&field) || given.is_null() && self.stands_in(field, there)
            }
            _ => false,
        };
        given.keys().chain(there.keys()).find(|field| !same(field)).cloned()
    }

    fn fields(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        }
    }

    /// Whether a field that was left out agrees with what is stored.
    fn stands_in(&self, field: &str, stored: &Value) -> bool {
        match (self, field) {
            (_, "id" | "user_id" | "created_at" | "updated_at" | "message_index") => true,
            (Line::MessageLog(_), "assistant_id") => true,
            (Line::Call(_), "message_count" | "last_activity" | "expires_at") => true,
            // A conversation's end; a voice call that has none goes on.
            (Line::Call(line), "ended_at") => line.is_sms(),
            (Line::Assistant(line), "is_active") if line.is_deleted == Some(true) => true,
            (_, "sms_webhook_secrets") => true,
            (_, "is_active") => *stored == true,
            (_, "is_deleted") => *stored == false,
            (_, "segment_count") => *stored == 1,
            (_, "attempts") => *stored == 0,
            (_, "provider_status") => *stored == "",
            (_, "level") => *stored == "info",
            (_, "how") => *stored == "import",
            (_, "call_meta") => *stored == json!({}),
            (Line::OutboundJob(_), "purpose") => *stored == "message",
            (Line::OutboundJob(line), "due_at") => *stored == line.created_at.to_string(),
            _ => false,
        }
    }

    /// The fields that may have gone on since it was imported: then the later state stays. What a
    /// call line says of its messages is judged with them.
    fn went_on(&self, stored: &Line) -> &'static [&'static str] {
        match (self, stored) {
            (Line::MessageLog(line), Line::MessageLog(stored))
                if stored.updated_at > line.updated_at.or(Some(line.created_at)) =>
            {
                &["status", "provider_status", "error_code", "error_message", "updated_at"]
            }
            (Line::OutboundJob(line), Line::OutboundJob(stored))
                if stored.updated_at > line.updated_at.or(Some(line.created_at)) =>
            {
                &[
                    "status",
                    "provider_message_id",
                    "error_code",
                    "error_message",
                    "attempts",
                    "due_at",
                    "updated_at",
                ]
            }
            (Line::User(_), _) => &["last_login_at", "login_count"],
            (Line::ApiKey(_), _) => &["last_used_at", "usage_count"],
            (Line::Message(line), _) if line.id.is_none() => &["llm_provider", "llm_model"],
            (Line::Call(line), Line::Call(stored)) => line.went_on(stored),
            _ => &[],
        }
    }
}

impl AssistantLine {
    pub fn record(&self, owner: UserId, now: Timestamp) -> Assistant {
        let created_at = self.created_at.unwrap_or(now);
        let state = match (self.is_deleted, self.is_active) {
            (Some(true), _) => AssistantState::Deleted,
            (_, Some(false)) => AssistantState::Inactive,
            _ => AssistantState::Active,
        };
        Assistant {
            user_id: self.user_id.unwrap_or(owner),
            name: self.name.clone(),
            description: self.description.clone(),
            llm_provider: self.llm_provider.clone(),
            webhook_url: self.webhook_url.clone(),
            sms_webhook_url: self.sms_webhook_url.clone(),
            messaging_service_sid: self.messaging_service_sid.clone(),
            custom_settings: self.custom_settings.clone(),
            state,
            created_at,
            updated_at: self.updated_at.unwrap_or(created_at),
            extra: self.extra.clone(),
            forwards_from: 0,
            webhook_secrets: self.sms_webhook_secrets.clone().unwrap_or_default(),
        }
    }

    pub fn of(id: Option<AssistantId>, stored: &Assistant) -> AssistantLine {
        AssistantLine {
            tag: IgnoredAny,
            id,
            user_id: Some(stored.user_id),
            name: stored.name.clone(),
            description: stored.description.clone(),
            llm_provider: stored.llm_provider.clone(),
            webhook_url: stored.webhook_url.clone(),
            sms_webhook_url: stored.sms_webhook_url.clone(),
            messaging_service_sid: stored.messaging_service_sid.clone(),
            custom_settings: stored.custom_settings.clone(),
            is_active: Some(stored.is_active()),
            is_deleted: Some(stored.is_deleted()),
            created_at: Some(stored.created_at),
            updated_at: Some(stored.updated_at),
            sms_webhook_secrets: Some(stored.webhook_secrets.clone()).filter(|it| !it.is_empty()),
            extra: stored.extra.clone(),
        }
    }
}

impl MessageLine {
    pub fn of(call_id: CallId, index: u32, stored: &Message<'_>) -> MessageLine {
        let owned = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
        MessageLine {
            tag: IgnoredAny,
            id: Some(stored.id),
            call_id,
            message_index: Some(index),
            role: stored.role,
            content: stored.content.clone().into_owned(),
            timestamp: stored.timestamp,
            llm_provider: owned(&stored.llm_provider),
            llm_model: owned(&stored.llm_model),
        }
    }
}

impl AuditEventLine {
    pub fn step(&self) -> Step {
        Step::Imported {
            event_type: self.event_type.clone(),
            level: self.level.unwrap_or(Level::Info),
            message: self.message.clone(),
            data: self.event_data.clone(),
        }
    }

    pub fn entry(&self) -> AuditEntry {
        let steps = vec![self.step()];
        AuditEntry { call_id: self.call_id, log_id: self.log_id, at: self.timestamp, steps }
    }

    /// One step of an entry. `payload` is that of the entry, which comes with its first step.
    pub fn of(id: AuditId, entry: &AuditEntry, step: &Step, payload: Option<RawPayload>) -> AuditEventLine {
        let words = step.words();
        let event_data = match step {
            Step::Imported { data, .. } => data.clone(),
            _ => words.data.map(|data| JsonText(data.to_string())),
        };
        AuditEventLine {
            tag: IgnoredAny,
            id: Some(id),
            call_id: entry.call_id,
            log_id: entry.log_id,
            timestamp: entry.at,
            event_type: words.event_type,
            level: Some(words.level),
            message: words.message,
            event_data,
            raw_payload: payload,
        }
    }
}
