//! Assistants: making, changing, listing and deleting them.

use super::App;
use crate::model::account::Actor;
use crate::model::assistant::{Assistant, AssistantChange, AssistantState};
use crate::model::call::JsonText;
use crate::model::ids::AssistantId;
use crate::store::{CreateAssistant, DeleteAssistant, ReadError, StoreError, UpdateAssistant};
use serde_json::Value;

/// Makes an assistant of what is said; the name has to be.
pub async fn create(
    app: &App,
    actor: &Actor,
    mut said: AssistantChange,
) -> Result<(AssistantId, Assistant), StoreError> {
    let mut assistant = Assistant {
        user_id: actor.user_id,
        name: String::new(),
        description: None,
        llm_provider: Some("openai".to_owned()),
        webhook_url: None,
        sms_webhook_url: None,
        messaging_service_sid: None,
        custom_settings: None,
        state: AssistantState::Active,
        created_at: actor.now,
        updated_at: actor.now,
        // Here a `null` is kept like any other value.
        extra: JsonText(Value::Object(std::mem::take(&mut said.extra)).to_string()),
    };
    said.apply(&mut assistant);
    let command = CreateAssistant { organization: actor.organization, assistant: assistant.clone() };
    Ok((app.store.execute(command).await?, assistant))
}

pub fn list(app: &App, actor: &Actor) -> Result<Vec<(AssistantId, Assistant)>, ReadError> {
    let mut assistants = app.store.snapshot()?.assistants(actor.organization)?;
    assistants.retain(|(_, assistant)| !assistant.is_deleted());
    Ok(assistants)
}

pub fn get(app: &App, actor: &Actor, id: AssistantId) -> Result<Option<Assistant>, ReadError> {
    let known = app.store.snapshot()?.assistant(actor.organization, id)?;
    Ok(known.filter(|assistant| !assistant.is_deleted()))
}

/// Changes what is given. `None`: there is no such assistant.
pub async fn update(
    app: &App,
    actor: &Actor,
    id: AssistantId,
    change: AssistantChange,
) -> Result<Option<Assistant>, StoreError> {
    app.store.execute(UpdateAssistant { organization: actor.organization, id, change, now: actor.now }).await
}

/// False: there is no such assistant.
pub async fn delete(app: &App, actor: &Actor, id: AssistantId) -> Result<bool, StoreError> {
    app.store.execute(DeleteAssistant { organization: actor.organization, id, now: actor.now }).await
}
