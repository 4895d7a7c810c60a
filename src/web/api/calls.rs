//! `/api/v1/calls`: the records beneath, of both channels, archived ones too. What is not known here
//! (costs, tokens) is null.

use super::json_bytes;
use crate::app::calls::{self, NamedCall};
use crate::model::call::CallFilter;
use crate::model::ids::{AssistantId, CallId};
use crate::model::message::Role;
use crate::model::page::Page;
use crate::model::time::Timestamp;
use crate::web::auth::Authority;
use crate::web::error::{Answer, ApiError};
use crate::web::extract::{PathId, PathText, QueryParams};
use axum::Json;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[schema(as = CallResponse)]
pub struct CallOut {
    id: CallId,
    /// `sms_` or `voice_` and the id
    #[schema(example = "sms_101")]
    call_sid: String,
    assistant_id: AssistantId,
    assistant_name: Option<String>,
    flow_name: Option<String>,
    /// The assistant's number
    #[schema(example = "+15551234567")]
    to_phone_number: String,
    #[schema(example = "+15559876543")]
    customer_phone_number: String,
    /// A conversation's is `active` or `completed`; a voice call's is as it came.
    status: String,
    /// Seconds
    duration: Option<u64>,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    /// `sms_deleted` is true in archived conversations.
    call_meta: Map<String, Value>,
    total_cost: Option<f64>,
    llm_cost: Option<f64>,
    tts_cost: Option<f64>,
    stt_cost: Option<f64>,
    telephony_cost: Option<f64>,
    cost_currency: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PaginatedCallsResponse)]
pub struct CallsOut {
    items: Vec<CallOut>,
    /// How many records match
    total: u64,
    skip: u64,
    limit: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CallCountResponse)]
pub struct CallCountOut {
    count: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ChatMessageResponse)]
pub struct ChatMessageOut<'a> {
    id: u64,
    call_id: u64,
    /// `user`, `assistant` or `system`
    role: &'a str,
    content: &'a str,
    /// 1, 2, 3 ... without gaps
    message_index: u32,
    timestamp: Timestamp,
    llm_provider: Option<&'a str>,
    llm_model: Option<&'a str>,
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
}

/// List call records
///
/// SMS conversations and voice calls, archived ones too; the newest start first, ties by id downwards. Filters are
/// combined with AND.
#[utoipa::path(
    get,
    path = "",
    params(
        ("skip" = Option<u64>, Query, description = "Records to skip; default 0"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 1000, description = "Records to return; default 100"),
        ("status" = Option<String>, Query, description = "`active`, `completed` or what a voice call says"),
        ("assistant_id" = Option<u64>, Query, minimum = 1),
        ("assistant_name" = Option<String>, Query, description = "Part of it, in letters of either case"),
        ("customer_phone" = Option<String>, Query, description = "A whole number, or at least three digits of one"),
        ("call_sid" = Option<String>, Query, description = "Exactly this one"),
        ("date_from" = Option<String>, Query, description = "Started then or later: RFC 3339, or a date"),
        ("date_to" = Option<String>, Query, description = "Started then or earlier: RFC 3339, or a date (its end)"),
        ("min_duration" = Option<u64>, Query, description = "Seconds"),
        ("max_duration" = Option<u64>, Query, description = "Seconds"),
    ),
    responses((status = 200, description = "A page of records, and how many match", body = CallsOut)),
)]
pub async fn list_calls(Authority(actor, state): Authority, mut query: QueryParams) -> Answer<CallsOut> {
    let filter = filter(&mut query);
    let page = query.page(100, 1000);
    query.finish()?;
    let list = move || calls::list(&state.app, &actor, &filter, page);
    let (total, found) = tokio::task::spawn_blocking(list).await??;
    let items = found.into_iter().map(|call| call_out(call, actor.now)).collect();
    Ok(Json(CallsOut { items, total, skip: page.skip, limit: page.limit as u64 }))
}

/// Count call records
///
/// Takes the filters of the list.
#[utoipa::path(
    get,
    path = "",
    params(
        ("status" = Option<String>, Query, description = "`active`, `completed` or what a voice call says"),
        ("assistant_id" = Option<u64>, Query, minimum = 1),
        ("date_from" = Option<String>, Query, description = "Started then or later: RFC 3339, or a date"),
        ("date_to" = Option<String>, Query, description = "Started then or earlier: RFC 3339, or a date (its end)"),
    ),
    responses((status = 200, description = "How many match", body = CallCountOut)),
)]
pub async fn count_calls(Authority(actor, state): Authority, mut query: QueryParams) -> Answer<CallCountOut> {
    let filter = filter(&mut query);
    query.finish()?;
    let count = move || calls::list(&state.app, &actor, &filter, Page { skip: 0, limit: 0 });
    let (count, _) = tokio::task::spawn_blocking(count).await??;
    Ok(Json(CallCountOut { count }))
}

fn filter(query: &mut QueryParams) -> CallFilter {
    CallFilter {
        status: query.text("status"),
        assistant_id: query.integer("assistant_id", 1..=u64::MAX).map(AssistantId),
        assistant_name: query.text("assistant_name"),
        customer: query.address("customer_phone"),
        call_sid: query.text("call_sid"),
        started_from: query.time("date_from", false),
        started_to: query.time("date_to", true),
        least_seconds: query.integer("min_duration", 0..=u64::MAX),
        most_seconds: query.integer("max_duration", 0..=u64::MAX),
    }
}

/// Get one call record
#[utoipa::path(get, path = "", responses((status = 200, description = "The record", body = CallOut)))]
pub async fn get_call(Authority(actor, state): Authority, PathId(id): PathId) -> Answer<CallOut> {
    let call = calls::get(&state.app, &actor, CallId(id))?.ok_or(ApiError::NotFound)?;
    Ok(Json(call_out(call, actor.now)))
}

/// Get one call record by its `call_sid`
#[utoipa::path(
    get,
    path = "",
    params(("call_sid" = String, Path, example = "sms_101")),
    responses((status = 200, description = "The record", body = CallOut)),
)]
pub async fn get_call_by_sid(Authority(actor, state): Authority, PathText(sid): PathText) -> Answer<CallOut> {
    let call = calls::get_by_sid(&state.app, &actor, &sid)?.ok_or(ApiError::NotFound)?;
    Ok(Json(call_out(call, actor.now)))
}

/// List a call record's messages
///
/// In the order of `message_index`. An archived conversation has none.
#[utoipa::path(
    get,
    path = "",
    params(
        ("role" = Option<String>, Query, description = "`user`, `assistant` or `system`"),
    ),
    responses((status = 200, description = "The messages", body = [ChatMessageOut<'_>])),
)]
pub async fn list_call_messages(
    Authority(actor, state): Authority,
    PathId(id): PathId,
    mut query: QueryParams,
) -> Result<Response, ApiError> {
    let says = "Input should be 'user', 'assistant' or 'system'";
    let role = query.word::<Role>("role", says);
    query.finish()?;
    let write = move || {
        let mut body = b"[".to_vec();
        let found = calls::messages(&state.app, &actor, CallId(id), |index, message| {
            if role.is_some_and(|role| role != message.role) {
                return;
            }
            if body.len() > 1 {
                body.push(b',');
            }
            let out = ChatMessageOut {
                id: message.id.0,
                call_id: id,
                role: message.role.as_str(),
                content: &message.content,
                message_index: index,
                timestamp: message.timestamp,
                llm_provider: message.llm_provider.as_deref(),
                llm_model: message.llm_model.as_deref(),
                prompt_tokens: None,
                completion_tokens: None,
                total_tokens: None,
            };
            serde_json::to_writer(&mut body, &out).expect("plain fields are JSON, and memory grows");
        })?;
        body.push(b']');
        Ok::<_, ApiError>(found.then_some(body))
    };
    let body = tokio::task::spawn_blocking(write).await??;
    body.map(json_bytes).ok_or(ApiError::NotFound)
}

fn call_out(NamedCall { id, call, assistant_name }: NamedCall, now: Timestamp) -> CallOut {
    CallOut {
        id,
        call_sid: call.sid(id),
        assistant_id: call.assistant_id,
        assistant_name,
        flow_name: None,
        to_phone_number: call.our_number.to_string(),
        customer_phone_number: call.customer.to_string(),
        status: call.status(now).to_owned(),
        duration: call.duration_seconds,
        started_at: call.started_at,
        ended_at: call.ended_at(now),
        call_meta: serde_json::from_str(&call.shown_meta().0).unwrap_or_default(),
        total_cost: None,
        llm_cost: None,
        tts_cost: None,
        stt_cost: None,
        telephony_cost: None,
        cost_currency: None,
    }
}
