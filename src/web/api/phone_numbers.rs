//! `/api/v1/assistants/.../phone-numbers`: our numbers, and which assistant answers each.

use crate::app::assistants;
use crate::app::phone_numbers::{self, Assigned};
use crate::model::account::Actor;
use crate::model::address::Address;
use crate::model::assistant::PhoneNumber;
use crate::model::ids::{AssistantId, PhoneNumberId};
use crate::model::message_log::Provider;
use crate::model::time::Timestamp;
use crate::web::AppState;
use crate::web::auth::{Authority, Writer};
use crate::web::error::{Answer, ApiError};
use crate::web::extract::{JsonBody, PathId, QueryParams};
use axum::Json;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use utoipa::ToSchema;

pub(in crate::web) const WHICH_CARRIER: &str =
    "Several carriers are configured, so a new number has to say which is its own";

#[derive(Deserialize, ToSchema)]
#[schema(as = PhoneNumberAssignRequest)]
pub struct AssignPhoneNumberBody {
    #[schema(example = "+15551234567")]
    phone_number: String,
    /// A known number keeps its own when it is left out.
    friendly_name: Option<String>,
    /// A known number keeps its own when it is left out; a new one is of the carrier that is configured, the sandbox's when
    /// none is.
    provider: Option<Provider>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = PhoneNumberUnassignRequest)]
pub struct UnassignPhoneNumberBody {
    #[schema(example = "+15551234567")]
    phone_number: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OrganizationPhoneNumberResponse)]
pub struct PhoneNumberOut {
    id: PhoneNumberId,
    phone_number: Address,
    friendly_name: Option<String>,
    provider: Provider,
    /// Always empty: the carrier's own id of the number is not known here.
    twilio_sid: &'static str,
    is_active: bool,
    is_verified_caller_id: bool,
    /// `sms`, `mms`, `voice`
    capabilities: BTreeMap<&'static str, bool>,
    sip_trunk_id: Option<String>,
    allowed_country_codes: Option<Vec<String>>,
    assistant: Option<NumbersAssistantOut>,
    /// Always null
    flow: Option<NumbersFlowOut>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OrganizationAssistantInfo)]
pub struct NumbersAssistantOut {
    id: AssistantId,
    name: String,
    is_active: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OrganizationFlowInfo)]
pub struct NumbersFlowOut {
    id: u64,
    name: String,
    is_active: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = APIResponse)]
pub struct NumberMovedOut {
    success: bool,
    message: &'static str,
    data: PhoneNumberOut,
}

/// List the organization's numbers
#[utoipa::path(
    get,
    path = "",
    params(
        ("include_assigned" = Option<bool>, Query, description = "Those that an assistant has; default true"),
        ("include_unassigned" = Option<bool>, Query, description = "Those that none has; default true"),
        ("include_inactive" = Option<bool>, Query, description = "Those out of use too; default false"),
    ),
    responses((status = 200, description = "The numbers, in their order", body = [PhoneNumberOut])),
)]
pub async fn list_phone_numbers(
    Authority(actor, state): Authority,
    mut query: QueryParams,
) -> Answer<Vec<PhoneNumberOut>> {
    let assigned = query.flag("include_assigned").unwrap_or(true);
    let unassigned = query.flag("include_unassigned").unwrap_or(true);
    let inactive = query.flag("include_inactive").unwrap_or(false);
    query.finish()?;
    let wanted = |number: &PhoneNumber| {
        let asked = if number.assistant_id.is_some() { assigned } else { unassigned };
        asked && (number.is_active || inactive)
    };
    numbers(&state, &actor, wanted).map(Json)
}

/// List an assistant's numbers
///
/// Those out of use too.
#[utoipa::path(
    get,
    path = "",
    responses((status = 200, description = "The numbers, in their order", body = [PhoneNumberOut])),
)]
pub async fn list_assistants_phone_numbers(
    Authority(actor, state): Authority,
    PathId(id): PathId,
) -> Answer<Vec<PhoneNumberOut>> {
    let id = AssistantId(id);
    assistants::get(&state.app, &actor, id)?.ok_or(ApiError::NotFound)?;
    numbers(&state, &actor, |number| number.assistant_id == Some(id)).map(Json)
}

/// Give a number to an assistant
///
/// A number stands once in an organization: whoever had it has it no more. Conversations stay where they began.
#[utoipa::path(
    post,
    path = "",
    request_body = AssignPhoneNumberBody,
    responses((status = 200, description = "It was assigned", body = NumberMovedOut)),
)]
pub async fn assign_phone_number(
    Writer(actor, state): Writer,
    PathId(id): PathId,
    JsonBody(body): JsonBody<AssignPhoneNumberBody>,
) -> Answer<NumberMovedOut> {
    let AssignPhoneNumberBody { phone_number, friendly_name, provider } = body;
    let (id, address) = (AssistantId(id), parsed(&phone_number)?);
    match phone_numbers::assign(&state.app, &actor, id, address, provider, friendly_name).await? {
        Assigned::Number(number) => moved(&state, &actor, "Phone number assigned", Some(number)),
        Assigned::NoSuchAssistant => Err(ApiError::NotFound),
        Assigned::WhichCarrier => Err(ApiError::field("provider", WHICH_CARRIER)),
    }
}

/// Take a number from an assistant
///
/// What comes to it from then on is logged and joins no conversation.
#[utoipa::path(
    post,
    path = "",
    request_body = UnassignPhoneNumberBody,
    responses((status = 200, description = "It is nobody's now", body = NumberMovedOut)),
)]
pub async fn unassign_phone_number(
    Writer(actor, state): Writer,
    PathId(id): PathId,
    JsonBody(body): JsonBody<UnassignPhoneNumberBody>,
) -> Answer<NumberMovedOut> {
    let address = parsed(&body.phone_number)?;
    let number = phone_numbers::unassign(&state.app, &actor, AssistantId(id), address).await?;
    moved(&state, &actor, "Phone number unassigned", number)
}

pub(in crate::web) fn parsed(number: &str) -> Result<Address, ApiError> {
    Address::parse(number).map_err(|error| ApiError::field("phone_number", &error.to_string()))
}

fn moved(
    state: &AppState,
    actor: &Actor,
    message: &'static str,
    number: Option<PhoneNumber>,
) -> Answer<NumberMovedOut> {
    let id = number.ok_or(ApiError::NotFound)?.id;
    let data = numbers(state, actor, |number| number.id == id)?.pop().ok_or(ApiError::NotFound)?;
    Ok(Json(NumberMovedOut { success: true, message, data }))
}

fn numbers(
    state: &AppState,
    actor: &Actor,
    wanted: impl Fn(&PhoneNumber) -> bool,
) -> Result<Vec<PhoneNumberOut>, ApiError> {
    let assistants: HashMap<_, _> = assistants::list(&state.app, actor)?.into_iter().collect();
    let assistant_out = |id: AssistantId| {
        let assistant = assistants.get(&id)?;
        Some(NumbersAssistantOut { id, name: assistant.name.clone(), is_active: assistant.is_active() })
    };
    let out = |(phone_number, number): (Address, PhoneNumber)| PhoneNumberOut {
        id: number.id,
        phone_number,
        friendly_name: number.friendly_name,
        provider: number.provider,
        twilio_sid: "",
        is_active: number.is_active,
        is_verified_caller_id: false,
        capabilities: BTreeMap::from([("sms", true), ("mms", true), ("voice", false)]),
        sip_trunk_id: None,
        allowed_country_codes: None,
        assistant: number.assistant_id.and_then(assistant_out),
        flow: None,
        created_at: number.created_at,
        updated_at: number.updated_at,
    };
    let numbers = phone_numbers::list(&state.app, actor)?.into_iter();
    Ok(numbers.filter(|(_, number)| wanted(number)).map(out).collect())
}
