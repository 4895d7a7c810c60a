//! `/api/v1/assistants`: assistants, and the numbers that they answer.

use crate::app::assistants::{self, NewAssistant};
use crate::model::address::Address;
use crate::model::assistant::{Assistant, PhoneNumber};
use crate::model::call::JsonText;
use crate::model::ids::AssistantId;
use crate::model::message_log::Provider;
use crate::web::AppState;
use crate::web::auth::{Authority, Writer};
use crate::web::error::ApiError;
use crate::web::extract::{JsonBody, PathId, QueryParams};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub struct CreateAssistantBody {
    name: String,
    description: Option<String>,
    llm_provider: Option<String>,
    webhook_url: Option<String>,
    sms_webhook_url: Option<String>,
    messaging_service_sid: Option<String>,
    custom_settings: Option<Map<String, Value>>,
    is_active: Option<bool>,
    /// Fields that we do not know are kept and given back.
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// List assistants
#[utoipa::path(
    get,
    path = "",
    params(("skip" = Option<u64>, Query), ("limit" = Option<u64>, Query, minimum = 1, maximum = 1000)),
    responses((status = 200, description = "A page of assistants", body = [Object])),
)]
pub async fn list_assistants(
    State(state): State<AppState>,
    Authority(actor): Authority,
    mut query: QueryParams,
) -> Result<Json<Value>, ApiError> {
    let skip = query.integer("skip", 0..=u64::MAX).unwrap_or(0);
    let limit = query.integer("limit", 1..=1000).unwrap_or(100);
    query.finish()?;
    let assistants = assistants::list(&state.app, &actor)?;
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    let page = assistants.iter().skip(skip).take(limit as usize);
    Ok(Json(page.map(|(id, assistant)| assistant_out(*id, assistant, actor.organization.0)).collect()))
}

/// Make an assistant
#[utoipa::path(
    post,
    path = "",
    responses((status = 201, description = "It was made", body = Object)),
)]
pub async fn create_assistant(
    State(state): State<AppState>,
    Writer(actor): Writer,
    JsonBody(body): JsonBody<CreateAssistantBody>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let name = body.name.trim();
    if name.is_empty() || name.chars().count() > 100 {
        return Err(ApiError::field("name", "Input should have 1 to 100 characters"));
    }
    let new = NewAssistant {
        name: name.to_owned(),
        description: body.description,
        llm_provider: body.llm_provider.or_else(|| Some("openai".to_owned())),
        webhook_url: body.webhook_url,
        sms_webhook_url: body.sms_webhook_url,
        messaging_service_sid: body.messaging_service_sid,
        custom_settings: body.custom_settings.map(|settings| JsonText(Value::Object(settings).to_string())),
        is_active: body.is_active.unwrap_or(true),
        extra: JsonText(Value::Object(kept(body.extra)).to_string()),
    };
    let (id, assistant) = assistants::create(&state.app, &actor, new).await?;
    Ok((StatusCode::CREATED, Json(assistant_out(id, &assistant, actor.organization.0))))
}

/// What we say of an assistant is not its caller's to say, nor is the word that import tells lines by.
fn kept(mut extra: Map<String, Value>) -> Map<String, Value> {
    for ours in ["id", "organization_id", "user_id", "created_at", "updated_at", "type"] {
        extra.remove(ours);
    }
    extra
}

#[derive(Deserialize)]
pub struct AssignPhoneNumberBody {
    phone_number: String,
    friendly_name: Option<String>,
    provider: Option<Provider>,
}

/// Give a number to an assistant
#[utoipa::path(
    post,
    path = "",
    params(("assistant_id" = u64, Path)),
    responses((status = 200, description = "It was assigned", body = Object)),
)]
pub async fn assign_phone_number(
    State(state): State<AppState>,
    Writer(actor): Writer,
    PathId(id): PathId,
    JsonBody(body): JsonBody<AssignPhoneNumberBody>,
) -> Result<Json<Value>, ApiError> {
    let id = AssistantId(id);
    let address = Address::parse(&body.phone_number)
        .map_err(|error| ApiError::field("phone_number", &error.to_string()))?;
    let number =
        assistants::assign_number(&state.app, &actor, id, address.clone(), body.provider, body.friendly_name)
            .await?
            .ok_or(ApiError::NotFound)?;
    Ok(Json(json!({
        "success": true,
        "message": "Phone number assigned",
        "data": {"id": number.id, "phone_number": address, "assistant_id": id, "provider": number.provider},
    })))
}

/// List the organization's numbers
#[utoipa::path(
    get,
    path = "",
    responses((status = 200, description = "The numbers", body = [Object])),
)]
pub async fn list_phone_numbers(
    State(state): State<AppState>,
    Authority(actor): Authority,
) -> Result<Json<Value>, ApiError> {
    let assistants: BTreeMap<_, _> = assistants::list(&state.app, &actor)?.into_iter().collect();
    let numbers = assistants::phone_numbers(&state.app, &actor)?;
    let out = |(address, number): &(Address, PhoneNumber)| {
        let assistant = number.assistant_id.and_then(|id| {
            let assistant = assistants.get(&id)?;
            Some(json!({"id": id, "name": assistant.name, "is_active": assistant.is_active}))
        });
        json!({
            "id": number.id, "phone_number": address, "friendly_name": number.friendly_name,
            "provider": number.provider, "twilio_sid": "", "is_active": number.is_active,
            "is_verified_caller_id": false, "capabilities": {"sms": true, "mms": true, "voice": false},
            "sip_trunk_id": null, "allowed_country_codes": null, "assistant": assistant, "flow": null,
            "created_at": number.created_at.to_string(), "updated_at": number.updated_at.to_string(),
        })
    };
    Ok(Json(numbers.iter().map(out).collect()))
}

/// The known fields win over kept ones of the same name.
fn assistant_out(id: AssistantId, assistant: &Assistant, organization: u32) -> Value {
    let mut out: Map<String, Value> = serde_json::from_str(&assistant.extra.0).unwrap_or_default();
    let settings = assistant.custom_settings.as_ref();
    let known = json!({
        "name": assistant.name, "description": assistant.description, "llm_provider": assistant.llm_provider,
        "webhook_url": assistant.webhook_url, "sms_webhook_url": assistant.sms_webhook_url,
        "messaging_service_sid": assistant.messaging_service_sid,
        "custom_settings": settings.and_then(|text| serde_json::from_str::<Value>(&text.0).ok()),
        "is_active": assistant.is_active, "id": id, "organization_id": organization, "user_id": assistant.user_id,
        "created_at": assistant.created_at.to_string(), "updated_at": assistant.updated_at.to_string(),
    });
    if let Value::Object(known) = known {
        out.extend(known);
    }
    Value::Object(out)
}
