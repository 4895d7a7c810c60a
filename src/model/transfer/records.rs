//! From lines to records: what stands in for a field that was left out, what a line must not say,
//! and in which field it differs from a record that is there already. A field that was left out
//! and is made up on arrival (an id, a time, an owner) agrees with whatever is stored.

use super::*;
use crate::model::account::{ApiKey, User};
use crate::model::assistant::{Assistant, AssistantState, PhoneNumber};
use crate::model::audit::{AuditEntry, Level, Step};
use crate::model::call::JsonText;
use crate::model::ids::PhoneNumberId;
use crate::model::message::Message;
use crate::model::message_log::{MessageLog, RawPayload};
use crate::model::opt_out::OptOut;
use crate::model::outbound::OutboundJob;
use crate::model::time::Timestamp;
use serde_json::Value;

/// The name of the first field in which a line and a record differ.
pub type Difference = Option<&'static str>;

pub(super) fn first(fields: &[(&'static str, bool)]) -> Difference {
    fields.iter().find(|(_, same)| !same).map(|(field, _)| *field)
}

pub(super) fn agrees<T: PartialEq>(given: &Option<T>, stored: &T) -> bool {
    given.as_ref().is_none_or(|given| given == stored)
}

/// The same data, however it is spaced and ordered.
pub(super) fn same_json(a: Option<&JsonText>, b: Option<&JsonText>) -> bool {
    let value = |text: Option<&JsonText>| text.and_then(|text| serde_json::from_str::<Value>(&text.0).ok());
    a == b || value(a) == value(b)
}

impl Line {
    /// What can be said against a line from the line alone.
    pub(super) fn check(&self) -> Result<(), LineError> {
        match self {
            Line::Call(line) => line.check(),
            Line::MessageLog(line) if line.id.is_none() && line.provider_message_id.is_empty() => {
                Err("a message_log needs an id or a provider_message_id".to_owned().into())
            }
            Line::AuditEvent(line) if line.id.is_none() && line.call_id.is_none() => {
                Err("an audit_event needs an id or a call_id".to_owned().into())
            }
            _ => Ok(()),
        }
    }
}

impl UserLine {
    pub fn user(&self, now: Timestamp) -> User {
        let created_at = self.created_at.unwrap_or(now);
        User {
            email: self.email.clone(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            role: self.role,
            password: self.password_hash.clone(),
            is_active: self.is_active.unwrap_or(true),
            created_at,
            updated_at: self.updated_at.unwrap_or(created_at),
        }
    }

    pub fn difference(&self, stored: &User) -> Difference {
        first(&[
            ("email", self.email == stored.email),
            ("first_name", self.first_name == stored.first_name),
            ("last_name", self.last_name == stored.last_name),
            ("role", self.role == stored.role),
            ("password_hash", self.password_hash == stored.password),
            ("is_active", self.is_active.unwrap_or(true) == stored.is_active),
            ("created_at", agrees(&self.created_at, &stored.created_at)),
            ("updated_at", agrees(&self.updated_at, &stored.updated_at)),
        ])
    }
}

impl ApiKeyLine {
    pub fn api_key(&self, now: Timestamp) -> ApiKey {
        let created_at = self.created_at.unwrap_or(now);
        ApiKey {
            user_id: self.user_id,
            name: self.name.clone(),
            key_prefix: self.key_prefix.clone(),
            hash: self.key_hash,
            role: self.role,
            created_at,
            updated_at: self.updated_at.unwrap_or(created_at),
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        }
    }

    pub fn difference(&self, stored: &ApiKey) -> Difference {
        first(&[
            ("user_id", self.user_id == stored.user_id),
            ("name", self.name == stored.name),
            ("key_prefix", self.key_prefix == stored.key_prefix),
            ("key_hash", self.key_hash == stored.hash),
            ("role", self.role == stored.role),
            ("created_at", agrees(&self.created_at, &stored.created_at)),
            ("updated_at", agrees(&self.updated_at, &stored.updated_at)),
            ("expires_at", self.expires_at == stored.expires_at),
            ("revoked_at", self.revoked_at == stored.revoked_at),
        ])
    }
}

impl AssistantLine {
    /// `owner` is whose it is when the line does not say.
    pub fn assistant(&self, owner: UserId, now: Timestamp) -> Assistant {
        let created_at = self.created_at.unwrap_or(now);
        Assistant {
            user_id: self.user_id.unwrap_or(owner),
            name: self.name.clone(),
            description: self.description.clone(),
            llm_provider: self.llm_provider.clone(),
            webhook_url: self.webhook_url.clone(),
            sms_webhook_url: self.sms_webhook_url.clone(),
            messaging_service_sid: self.messaging_service_sid.clone(),
            custom_settings: self.custom_settings.clone(),
            state: self.state(),
            created_at,
            updated_at: self.updated_at.unwrap_or(created_at),
            extra: self.extra.clone(),
        }
    }

    fn state(&self) -> AssistantState {
        match (self.is_deleted, self.is_active) {
            (Some(true), _) => AssistantState::Deleted,
            (_, Some(false)) => AssistantState::Inactive,
            _ => AssistantState::Active,
        }
    }

    pub fn difference(&self, stored: &Assistant) -> Difference {
        first(&[
            ("user_id", agrees(&self.user_id, &stored.user_id)),
            ("name", self.name == stored.name),
            ("description", self.description == stored.description),
            ("llm_provider", self.llm_provider == stored.llm_provider),
            ("webhook_url", self.webhook_url == stored.webhook_url),
            ("sms_webhook_url", self.sms_webhook_url == stored.sms_webhook_url),
            ("messaging_service_sid", self.messaging_service_sid == stored.messaging_service_sid),
            ("custom_settings", same_json(self.custom_settings.as_ref(), stored.custom_settings.as_ref())),
            ("is_deleted", self.is_deleted.unwrap_or(false) == stored.is_deleted()),
            ("is_active", self.state() == stored.state),
            ("created_at", agrees(&self.created_at, &stored.created_at)),
            ("updated_at", agrees(&self.updated_at, &stored.updated_at)),
            ("fields that are kept as they come", same_json(Some(&self.extra), Some(&stored.extra))),
        ])
    }
}

impl PhoneNumberLine {
    pub fn number(&self, id: PhoneNumberId, now: Timestamp) -> PhoneNumber {
        let created_at = self.created_at.unwrap_or(now);
        PhoneNumber {
            id,
            provider: self.provider,
            assistant_id: self.assistant_id,
            friendly_name: self.friendly_name.clone(),
            is_active: self.is_active.unwrap_or(true),
            created_at,
            updated_at: self.updated_at.unwrap_or(created_at),
        }
    }

    pub fn difference(&self, stored: &PhoneNumber) -> Difference {
        first(&[
            ("id", agrees(&self.id, &stored.id)),
            ("provider", self.provider == stored.provider),
            ("assistant_id", self.assistant_id == stored.assistant_id),
            ("friendly_name", self.friendly_name == stored.friendly_name),
            ("is_active", self.is_active.unwrap_or(true) == stored.is_active),
            ("created_at", agrees(&self.created_at, &stored.created_at)),
            ("updated_at", agrees(&self.updated_at, &stored.updated_at)),
        ])
    }
}

impl MessageLine {
    pub fn difference(&self, stored: &Message<'_>) -> Difference {
        let given = self.id.is_some();
        let model = |given: &Option<String>, stored: &Option<_>| given.as_deref() == stored.as_deref();
        first(&[
            ("id", agrees(&self.id, &stored.id)),
            ("role", self.role == stored.role),
            ("timestamp", self.timestamp == stored.timestamp),
            ("content", self.content == stored.content),
            ("llm_provider", !given || model(&self.llm_provider, &stored.llm_provider)),
            ("llm_model", !given || model(&self.llm_model, &stored.llm_model)),
        ])
    }
}

impl RawPayloadPart {
    pub fn payload(&self) -> RawPayload {
        RawPayload {
            received_at: self.received_at,
            method: self.method.clone(),
            path_and_query: self.path_and_query.clone(),
            content_type: self.content_type.clone(),
            body: self.body.clone(),
        }
    }

    /// A raw payload may go earlier than what it came with, so one that is missing on either side
    /// is no difference.
    pub(super) fn same(line: Option<&RawPayloadPart>, stored: Option<&RawPayload>) -> bool {
        line.zip(stored).is_none_or(|(line, stored)| line.payload() == *stored)
    }
}

impl MessageLogLine {
    /// `assistant_id` is the call's, for a line that does not say.
    pub fn log(&self, assistant_id: Option<AssistantId>) -> MessageLog {
        MessageLog {
            call_id: self.call_id,
            assistant_id: self.assistant_id.or(assistant_id),
            provider: self.provider,
            provider_message_id: self.provider_message_id.clone(),
            direction: self.direction,
            from: self.from_number.to_string(),
            to: self.to_number.to_string(),
            body: self.body.clone(),
            media_urls: self.media_urls.clone(),
            segment_count: self.segment_count.unwrap_or(1),
            status: self.status,
            provider_status: self.provider_status.clone().unwrap_or_default(),
            error_code: self.error_code.clone(),
            error_message: self.error_message.clone(),
            created_at: self.created_at,
            updated_at: self.updated_at.unwrap_or(self.created_at),
        }
    }

    /// The delivery of a log may have gone on since it was imported: then its later state stays.
    pub fn difference(&self, stored: &MessageLog, payload: Option<&RawPayload>) -> Difference {
        let went_on = stored.updated_at > self.updated_at.unwrap_or(self.created_at);
        let provider_status = self.provider_status.as_deref().unwrap_or_default();
        first(&[
            ("call_id", self.call_id == stored.call_id),
            ("assistant_id", self.assistant_id.is_none() || self.assistant_id == stored.assistant_id),
            ("provider", self.provider == stored.provider),
            ("provider_message_id", self.provider_message_id == stored.provider_message_id),
            ("direction", self.direction == stored.direction),
            ("from_number", self.from_number.as_str() == stored.from),
            ("to_number", self.to_number.as_str() == stored.to),
            ("body", self.body == stored.body),
            ("media_urls", self.media_urls == stored.media_urls),
            ("segment_count", self.segment_count.unwrap_or(1) == stored.segment_count),
            ("status", went_on || self.status == stored.status),
            ("provider_status", went_on || provider_status == stored.provider_status),
            ("error_code", went_on || self.error_code == stored.error_code),
            ("error_message", went_on || self.error_message == stored.error_message),
            ("created_at", self.created_at == stored.created_at),
            ("updated_at", went_on || agrees(&self.updated_at, &stored.updated_at)),
            ("raw_payload", RawPayloadPart::same(self.raw_payload.as_ref(), payload)),
        ])
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

    /// Compares with one step of an entry. `payload` is that of the entry's first step.
    pub fn difference(&self, entry: &AuditEntry, step: &Step, payload: Option<&RawPayload>) -> Difference {
        let words = step.words();
        let data = self.event_data.as_ref().and_then(|text| serde_json::from_str(&text.0).ok());
        first(&[
            ("call_id", self.call_id == entry.call_id),
            ("log_id", self.log_id == entry.log_id),
            ("timestamp", self.timestamp == entry.at),
            ("event_type", self.event_type == words.event_type),
            ("level", self.level.unwrap_or(Level::Info) == words.level),
            ("message", self.message == words.message),
            ("event_data", data == words.data),
            ("raw_payload", RawPayloadPart::same(self.raw_payload.as_ref(), payload)),
        ])
    }
}

impl OptOutLine {
    pub fn opt_out(&self) -> OptOut {
        let how = self.how.clone().unwrap_or_else(|| "import".to_owned());
        OptOut { at: self.opted_out_at, how }
    }

    pub fn difference(&self, stored: &OptOut) -> Difference {
        let line = self.opt_out();
        first(&[("opted_out_at", line.at == stored.at), ("how", line.how == stored.how)])
    }
}

impl OutboundJobLine {
    pub fn job(&self) -> OutboundJob {
        let updated_at = self.updated_at.unwrap_or(self.created_at);
        OutboundJob {
            call_id: self.call_id,
            log_id: self.log_id,
            provider: self.provider,
            from: self.from_number.to_string(),
            to: self.to_number.to_string(),
            body: self.body.clone(),
            media_urls: self.media_urls.clone(),
            status: self.status,
            idempotency_key: self.idempotency_key.clone(),
            provider_message_id: self.provider_message_id.clone(),
            error_code: self.error_code.clone(),
            error_message: self.error_message.clone(),
            attempts: self.attempts.unwrap_or(0),
            due_at: self.due_at.unwrap_or(self.created_at),
            created_at: self.created_at,
            updated_at,
        }
    }

    /// A job may have gone on since it was imported: then its later state stays.
    pub fn difference(&self, stored: &OutboundJob) -> Difference {
        let line = self.job();
        let went_on = stored.updated_at > line.updated_at;
        first(&[
            ("call_id", line.call_id == stored.call_id),
            ("log_id", line.log_id == stored.log_id),
            ("provider", line.provider == stored.provider),
            ("from_number", line.from == stored.from),
            ("to_number", line.to == stored.to),
            ("body", line.body == stored.body),
            ("media_urls", line.media_urls == stored.media_urls),
            ("status", went_on || line.status == stored.status),
            ("idempotency_key", line.idempotency_key == stored.idempotency_key),
            ("provider_message_id", went_on || line.provider_message_id == stored.provider_message_id),
            ("error_code", went_on || line.error_code == stored.error_code),
            ("error_message", went_on || line.error_message == stored.error_message),
            ("attempts", went_on || line.attempts == stored.attempts),
            ("due_at", went_on || line.due_at == stored.due_at),
            ("created_at", line.created_at == stored.created_at),
            ("updated_at", went_on || line.updated_at == stored.updated_at),
        ])
    }
}
