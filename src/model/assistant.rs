//! Assistants and phone numbers: who answers, and on which number by which carrier.

use super::call::JsonText;
use super::ids::{AssistantId, PhoneNumberId, UserId};
use super::message_log::Provider;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

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
    pub is_active: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Fields that we do not know: kept and given back.
    pub extra: JsonText,
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
