//! `/api/v1/assistants`: who answers.

use super::auth::DoneOut;
use crate::app::assistants;
use crate::app::forwarding::receiver;
use crate::model::account::Actor;
use crate::model::assistant::{Assistant, AssistantChange, AssistantState};
use crate::model::auto_reply::AutoReply;
use crate::model::call::JsonText;
use crate::model::ids::{AssistantId, OrganizationId, UserId};
use crate::model::page::Page;
use crate::model::time::Timestamp;
use crate::web::auth::{Authority, Writer};
use crate::web::error::{Answer, ApiError};
use crate::web::extract::{JsonBody, PathId, QueryParams};
use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[schema(as = AssistantCreate)]
pub struct CreateAssistantBody {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[serde(flatten)]
    rest: AssistantFields,
}

/// What is left out stays as it is, `null` clears a field.
#[derive(Deserialize, ToSchema)]
#[schema(as = AssistantUpdate)]
pub struct UpdateAssistantBody {
    #[serde(default, deserialize_with = "given")]
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    name: Option<String>,
    #[serde(flatten)]
    rest: AssistantFields,
}

/// Fields that are not known are kept and given back.
#[derive(Deserialize, ToSchema)]
pub struct AssistantFields {
    #[serde(default, deserialize_with = "given")]
    description: Option<Option<String>>,
    /// `openai` unless it is said
    #[serde(default, deserialize_with = "given")]
    llm_provider: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    webhook_url: Option<Option<String>>,
    /// Where inbound messages are forwarded
    #[serde(default, deserialize_with = "given")]
    sms_webhook_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    messaging_service_sid: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    custom_settings: Option<Option<Map<String, Value>>>,
    /// True unless it is said; `null` is true
    #[serde(default, deserialize_with = "given")]
    is_active: Option<Option<bool>>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// Tells `null` from what was left out.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The fields that are not known follow the others.
#[derive(Serialize, ToSchema)]
#[schema(as = AssistantResponse)]
pub struct AssistantOut {
    id: AssistantId,
    organization_id: OrganizationId,
    user_id: UserId,
    name: String,
    description: Option<String>,
    llm_provider: Option<String>,
    webhook_url: Option<String>,
    sms_webhook_url: Option<String>,
    messaging_service_sid: Option<String>,
    custom_settings: Option<Map<String, Value>>,
    is_active: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// List assistants
///
/// The oldest first. Deleted ones are left out.
#[utoipa::path(
    get,
    path = "",
    params(
        ("skip" = Option<u64>, Query, description = "Records to skip; default 0"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 1000, description = "Records to return; default 100"),
        ("active_only" = Option<bool>, Query, description = "Leave out inactive ones"),
        ("my_assistants_only" = Option<bool>, Query, description = "Only those that the caller made"),
    ),
    responses((status = 200, description = "A page of assistants", body = [AssistantOut])),
)]
pub async fn list_assistants(
    Authority(actor, state): Authority,
    mut query: QueryParams,
) -> Answer<Vec<AssistantOut>> {
    let Page { skip, limit } = query.page(100, 1000);
    let active_only = query.flag("active_only").unwrap_or(false);
    let own_only = query.flag("my_assistants_only").unwrap_or(false);
    query.finish()?;
    let wanted = |(_, assistant): &(_, Assistant)| {
        (assistant.is_active() || !active_only) && (assistant.user_id == actor.user_id || !own_only)
    };
    let assistants = assistants::list(&state.app, &actor)?.into_iter().filter(wanted);
    let page = assistants.skip(usize::try_from(skip).unwrap_or(usize::MAX)).take(limit);
    Ok(Json(page.map(|(id, assistant)| assistant_out(&actor, id, assistant)).collect()))
}

/// Make an assistant
#[utoipa::path(
    post,
    path = "",
    request_body = CreateAssistantBody,
    responses((status = 201, description = "It was made", body = AssistantOut)),
)]
pub async fn create_assistant(
    Writer(actor, state): Writer,
    JsonBody(body): JsonBody<CreateAssistantBody>,
) -> Result<(StatusCode, Json<AssistantOut>), ApiError> {
    let said = body.rest.change(Some(body.name))?;
    let (id, assistant) = assistants::create(&state.app, &actor, said).await?;
    Ok((StatusCode::CREATED, Json(assistant_out(&actor, id, assistant))))
}

/// Get one assistant
#[utoipa::path(get, path = "", responses((status = 200, description = "The assistant", body = AssistantOut)))]
pub async fn get_assistant(Authority(actor, state): Authority, PathId(id): PathId) -> Answer<AssistantOut> {
    let id = AssistantId(id);
    let assistant = assistants::get(&state.app, &actor, id)?.ok_or(ApiError::NotFound)?;
    Ok(Json(assistant_out(&actor, id, assistant)))
}

/// Replace what is given of an assistant
///
/// The same as `PATCH`: every field may be left out, so what is left out stays as it is.
#[utoipa::path(
    put,
    path = "",
    request_body = UpdateAssistantBody,
    responses((status = 200, description = "The assistant as changed", body = AssistantOut)),
)]
pub async fn replace_assistant(
    writer: Writer,
    id: PathId,
    body: JsonBody<UpdateAssistantBody>,
) -> Answer<AssistantOut> {
    update_assistant(writer, id, body).await
}

/// Change an assistant
///
/// A new name is shown at once by all of its conversations. A field that is not known goes when it is `null`.
#[utoipa::path(
    patch,
    path = "",
    request_body = UpdateAssistantBody,
    responses((status = 200, description = "The assistant as changed", body = AssistantOut)),
)]
pub async fn update_assistant(
    Writer(actor, state): Writer,
    PathId(id): PathId,
    JsonBody(body): JsonBody<UpdateAssistantBody>,
) -> Answer<AssistantOut> {
    let id = AssistantId(id);
    let change = body.rest.change(body.name)?;
    let changed = assistants::update(&state.app, &actor, id, change).await?.ok_or(ApiError::NotFound)?;
    Ok(Json(assistant_out(&actor, id, changed)))
}

/// Delete an assistant
///
/// Its numbers are nobody's from then on. Its conversations stay, with its name.
#[utoipa::path(delete, path = "", responses((status = 200, description = "It was deleted", body = DoneOut)))]
pub async fn delete_assistant(Writer(actor, state): Writer, PathId(id): PathId) -> Answer<DoneOut> {
    match assistants::delete(&state.app, &actor, AssistantId(id)).await? {
        true => Ok(Json(DoneOut { success: true, message: "Assistant deleted" })),
        false => Err(ApiError::NotFound),
    }
}

/// What a body of [`update_assistant`] changes.
pub(in crate::web) fn change_of(body: Value) -> Result<AssistantChange, ApiError> {
    let body: UpdateAssistantBody = serde_json::from_value(body)
        .map_err(|error| ApiError::invalid(&["body"], &error.to_string(), "value_error"))?;
    body.rest.change(body.name)
}

impl AssistantFields {
    fn change(self, name: Option<String>) -> Result<AssistantChange, ApiError> {
        let name = name.map(|name| name.trim().to_owned());
        if name.as_ref().is_some_and(|name| !(1..=100).contains(&name.chars().count())) {
            return Err(ApiError::field("name", "Input should have 1 to 100 characters"));
        }
        let text = |settings| JsonText(Value::Object(settings).to_string());
        let custom_settings = self.custom_settings.map(|settings| settings.map(text));
        AutoReply::of(custom_settings.as_ref().and_then(Option::as_ref))
            .map_err(|what| ApiError::field("custom_settings", &what))?;
        if let Some(Some(url)) = self.sms_webhook_url.as_ref()
            && !url.is_empty()
            && let Err(what) = receiver(url)
        {
            return Err(ApiError::field("sms_webhook_url", &format!("Input should be a URL: {what}")));
        }
        let state = |active| if active { AssistantState::Active } else { AssistantState::Inactive };
        Ok(AssistantChange {
            name,
            description: self.description,
            llm_provider: self.llm_provider,
            webhook_url: self.webhook_url,
            sms_webhook_url: self.sms_webhook_url,
            messaging_service_sid: self.messaging_service_sid,
            custom_settings,
            state: self.is_active.map(|active| state(active.unwrap_or(true))),
            extra: kept(self.extra),
        })
    }
}

/// What we say of an assistant is not its caller's to say, nor are the words that import tells it by.
fn kept(mut extra: Map<String, Value>) -> Map<String, Value> {
    let ours = ["id", "organization_id", "user_id", "created_at", "updated_at"];
    for ours in ours.into_iter().chain(["type", "is_deleted", "sms_webhook_secrets"]) {
        extra.remove(ours);
    }
    extra
}

fn assistant_out(actor: &Actor, id: AssistantId, assistant: Assistant) -> AssistantOut {
    let object = |text: JsonText| serde_json::from_str(&text.0).ok();
    AssistantOut {
        id,
        organization_id: actor.organization,
        user_id: assistant.user_id,
        is_active: assistant.is_active(),
        name: assistant.name,
        description: assistant.description,
        llm_provider: assistant.llm_provider,
        webhook_url: assistant.webhook_url,
        sms_webhook_url: assistant.sms_webhook_url,
        messaging_service_sid: assistant.messaging_service_sid,
        custom_settings: assistant.custom_settings.and_then(object),
        created_at: assistant.created_at,
        updated_at: assistant.updated_at,
        extra: kept(object(assistant.extra).unwrap_or_default()),
    }
}
