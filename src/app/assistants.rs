//! Assistants: making, changing, listing and deleting them.

use super::persist::persist;
use super::{App, VerbError};
use crate::model::account::Actor;
use crate::model::assistant::{Assistant, AssistantChange, AssistantState};
use crate::model::call::JsonText;
use crate::model::ids::{AssistantId, OrganizationId};
use crate::model::webhook_secret::{PREFIX, WebhookSecret};
use crate::store::{
    CreateAssistant, DeleteAssistant, ReadError, RotateWebhookSecret, StoreError, UpdateAssistant,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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
        forwards_from: 0,
        webhook_secrets: Vec::new(),
    };
    said.apply(&mut assistant, actor.now);
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

/// What an assistant's forwarded webhooks are signed with, the newest first; made when there is nothing yet. `None`:
/// there is no such assistant.
pub async fn webhook_secrets(
    app: &App,
    actor: &Actor,
    id: AssistantId,
) -> Result<Option<Vec<WebhookSecret>>, VerbError> {
    let Some(assistant) = get(app, actor, id)? else { return Ok(None) };
    if assistant.webhook_secrets.is_empty() {
        return Ok(make_webhook_secret(app, actor.organization, id).await?);
    }
    Ok(Some(assistant.webhook_secrets))
}

/// Makes a first secret, unless there is one by now.
pub(super) async fn make_webhook_secret(
    app: &App,
    organization: OrganizationId,
    id: AssistantId,
) -> Result<Option<Vec<WebhookSecret>>, StoreError> {
    let (secret, now) = (new_webhook_secret(app), app.clock.now());
    let command = RotateWebhookSecret { organization, id, secret, keep_seconds: 0, only_if_none: true, now };
    // That the storage is not well is nothing that the receiver has to wait longer for.
    persist(app, || command.clone()).await
}

/// Signs with another secret from now on, and beside it with the one before for `keep_seconds`. `None`: there is no
/// such assistant.
pub async fn rotate_webhook_secret(
    app: &App,
    actor: &Actor,
    id: AssistantId,
    given: Option<String>,
    keep_seconds: u64,
) -> Result<Option<Vec<WebhookSecret>>, StoreError> {
    let (organization, now) = (actor.organization, actor.now);
    let secret = given.unwrap_or_else(|| new_webhook_secret(app));
    let command = RotateWebhookSecret { organization, id, secret, keep_seconds, only_if_none: false, now };
    app.store.execute(command).await
}

fn new_webhook_secret(app: &App) -> String {
    format!("{PREFIX}{}", STANDARD.encode(app.chance.bytes()))
}
