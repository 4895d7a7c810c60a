//! Assistants and phone numbers: who answers, and on which number by which carrier.

use super::call::JsonText;
use super::ids::{AssistantId, PhoneNumberId, UserId};
use super::message_log::Provider;
use super::time::Timestamp;
use super::webhook_secret::WebhookSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Stored as one byte, where format 1 at first had a truth value: its bytes are those of the first two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AssistantState {
    Inactive,
    Active,
    /// Gone for good, since `updated_at`; kept because its conversations show its name.
    Deleted,
}

/// An assistant without its id, which is its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assistant {
    pub user_id: UserId,
    pub name: String,
    pub description: Option<String>,
    pub llm_provider: Option<String>,
    pub webhook_url: Option<String>,
    pub sms_webhook_url: Option<String>,
    pub messaging_service_sid: Option<String>,
    pub custom_settings: Option<JsonText>,
    pub state: AssistantState,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Fields that we do not know: kept and given back.
    pub extra: JsonText,
    /// Messages that come after this entry of the feed are forwarded: it was the last when there came to be a receiver.
    pub forwards_from: u64,
    /// The newest first; made when they are first needed.
    pub webhook_secrets: Vec<WebhookSecret>,
}

impl Assistant {
    pub fn is_active(&self) -> bool {
        self.state == AssistantState::Active
    }

    pub fn is_deleted(&self) -> bool {
        self.state == AssistantState::Deleted
    }

    /// Where inbound messages are forwarded, if they are.
    pub fn receiver(&self) -> Option<&str> {
        self.sms_webhook_url.as_deref().filter(|url| !url.is_empty() && !self.is_deleted())
    }
}

/// What a caller says of an assistant. `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct AssistantChange {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub llm_provider: Option<Option<String>>,
    pub webhook_url: Option<Option<String>>,
    pub sms_webhook_url: Option<Option<String>>,
    pub messaging_service_sid: Option<Option<String>>,
    pub custom_settings: Option<Option<JsonText>>,
    pub state: Option<AssistantState>,
    /// Fields that we do not know; `null` takes one away.
    pub extra: Map<String, Value>,
}

impl AssistantChange {
    pub fn apply(&self, assistant: &mut Assistant, now: Timestamp) {
        fn set<T: Clone>(field: &mut T, given: &Option<T>) {
            if let Some(given) = given {
                field.clone_from(given);
            }
        }
        set(&mut assistant.name, &self.name);
        set(&mut assistant.description, &self.description);
        set(&mut assistant.llm_provider, &self.llm_provider);
        set(&mut assistant.webhook_url, &self.webhook_url);
        set(&mut assistant.sms_webhook_url, &self.sms_webhook_url);
        set(&mut assistant.messaging_service_sid, &self.messaging_service_sid);
        set(&mut assistant.custom_settings, &self.custom_settings);
        set(&mut assistant.state, &self.state);
        if !self.extra.is_empty() {
            let mut extra: Map<_, _> = serde_json::from_str(&assistant.extra.0).unwrap_or_default();
            extra.extend(self.extra.clone());
            extra.retain(|name, value| !(value.is_null() && self.extra.contains_key(name)));
            assistant.extra = JsonText(Value::Object(extra).to_string());
        }
        assistant.updated_at = now;
    }
}

/// A number without itself, which is its key: it stands once in an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneNumber {
    pub id: PhoneNumberId,
    pub provider: Provider,
    pub assistant_id: Option<AssistantId>,
    pub friendly_name: Option<String>,
    pub is_active: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}
