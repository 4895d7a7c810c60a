//! Assistants and phone numbers: making them, giving numbers to assistants.

use super::App;
use crate::model::account::Actor;
use crate::model::address::Address;
use crate::model::assistant::{Assistant, PhoneNumber};
use crate::model::call::JsonText;
use crate::model::ids::AssistantId;
use crate::model::message_log::Provider;
use crate::store::{AssignNumber, AssignNumberOutcome, CreateAssistant, ReadError, StoreError};

/// What a caller may say of an assistant that is to be made.
#[derive(Clone, Debug, Default)]
pub struct NewAssistant {
    pub name: String,
    pub description: Option<String>,
    pub llm_provider: Option<String>,
    pub webhook_url: Option<String>,
    pub sms_webhook_url: Option<String>,
    pub messaging_service_sid: Option<String>,
    pub custom_settings: Option<JsonText>,
    pub is_active: bool,
    pub extra: JsonText,
}

pub async fn create(
    app: &App,
    actor: &Actor,
    new: NewAssistant,
) -> Result<(AssistantId, Assistant), StoreError> {
    let assistant = Assistant {
        user_id: actor.user_id,
        name: new.name,
        description: new.description,
        llm_provider: new.llm_provider,
        webhook_url: new.webhook_url,
        sms_webhook_url: new.sms_webhook_url,
        messaging_service_sid: new.messaging_service_sid,
        custom_settings: new.custom_settings,
        is_active: new.is_active,
        created_at: actor.now,
        updated_at: actor.now,
        extra: new.extra,
    };
    let command = CreateAssistant { organization: actor.organization, assistant: assistant.clone() };
    Ok((app.store.execute(command).await?, assistant))
}

pub fn list(app: &App, actor: &Actor) -> Result<Vec<(AssistantId, Assistant)>, ReadError> {
    app.store.snapshot()?.assistants(actor.organization)
}

/// Gives a number to an assistant. `None`: there is no such assistant.
pub async fn assign_number(
    app: &App,
    actor: &Actor,
    assistant_id: AssistantId,
    number: Address,
    provider: Option<Provider>,
    friendly_name: Option<String>,
) -> Result<Option<PhoneNumber>, StoreError> {
    let command = AssignNumber {
        organization: actor.organization,
        number,
        assistant_id,
        provider,
        friendly_name,
        now: actor.now,
    };
    match app.store.execute(command).await? {
        AssignNumberOutcome::Assigned(number) => Ok(Some(number)),
        AssignNumberOutcome::NoSuchAssistant => Ok(None),
    }
}

pub fn phone_numbers(app: &App, actor: &Actor) -> Result<Vec<(Address, PhoneNumber)>, ReadError> {
    app.store.snapshot()?.phone_numbers(actor.organization)
}
