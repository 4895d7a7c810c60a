//! `/api/v1/parked-events/`: inbound messages that could not be forwarded in time.

use super::auth::DoneOut;
use crate::app::parked_events::{self, ParkedMessage, Resumed, Which};
use crate::model::ids::{AssistantId, MessageLogId};
use crate::model::message_log::Provider;
use crate::model::time::Timestamp;
use crate::web::auth::{Authority, Writer};
use crate::web::error::{Answer, ApiError};
use crate::web::extract::{JsonBody, PathId, QueryParams};
use crate::web::json::ConversationId;
use crate::web::openapi::ErrorOut;
use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct ParkedEventOut {
    /// That of the message's log
    id: MessageLogId,
    /// `sms_received`
    r#type: &'static str,
    conversation_id: ConversationId,
    assistant_id: Option<AssistantId>,
    /// The carrier's own id of the message
    message_id: String,
    from_number: String,
    to_number: String,
    provider: Provider,
    received_at: Timestamp,
    parked_at: Timestamp,
    /// How often the receiver was asked
    attempts: u32,
    /// Why the last one failed
    error: String,
}

#[derive(Serialize, ToSchema)]
pub struct ParkedEventsOut {
    items: Vec<ParkedEventOut>,
    total: u64,
    skip: u64,
    limit: usize,
    has_more: bool,
}

/// List parked events
///
/// Messages that the assistant's `sms_webhook_url` did not take within five minutes. The oldest message first.
#[utoipa::path(
    get,
    path = "",
    params(
        ("skip" = Option<u64>, Query, minimum = 0),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 1000, description = "50 unless said otherwise"),
    ),
    responses((status = 200, description = "A page of them", body = ParkedEventsOut)),
)]
pub async fn list_parked_events(
    Authority(actor, state): Authority,
    mut query: QueryParams,
) -> Answer<ParkedEventsOut> {
    let page = query.page(50, 1000);
    query.finish()?;
    let (app, ids) = (state.app.clone(), state.settings.id_format);
    let listing = move || parked_events::list(&app, &actor, page);
    let (total, found) = tokio::task::spawn_blocking(listing).await??;
    let items: Vec<_> = found
        .into_iter()
        .map(|ParkedMessage { id, event, log }| ParkedEventOut {
            id,
            r#type: "sms_received",
            conversation_id: ConversationId(event.call_id, ids),
            assistant_id: log.assistant_id,
            message_id: log.provider_message_id,
            from_number: log.from,
            to_number: log.to,
            provider: log.provider,
            received_at: log.created_at,
            parked_at: event.parked_at,
            attempts: event.attempts,
            error: event.error,
        })
        .collect();
    let has_more = page.has_more(items.len(), total);
    Ok(Json(ParkedEventsOut { items, total, skip: page.skip, limit: page.limit, has_more }))
}

/// Forward a parked event again
///
/// To the URL that its assistant has now, before what came later in its conversation and still waits.
#[utoipa::path(
    post,
    path = "",
    responses(
        (status = 200, description = "It is forwarded again", body = DoneOut),
        (status = 409, description = "Its assistant has no sms_webhook_url", body = ErrorOut),
    ),
)]
pub async fn replay_parked_event(Writer(actor, state): Writer, PathId(id): PathId) -> Answer<DoneOut> {
    match parked_events::replay(&state.app, &actor, MessageLogId(id)).await? {
        Resumed::Done => Ok(Json(DoneOut { success: true, message: "Event replayed" })),
        Resumed::NotThere => Err(ApiError::NotFound),
        Resumed::NoReceiver => Err(ApiError::Conflict("Its assistant has no sms_webhook_url".to_owned())),
    }
}

/// Which of them are forwarded again: exactly one of the fields is given.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayParkedEventsBody {
    /// These; at most 1,000
    ids: Option<Vec<MessageLogId>>,
    /// Those of one assistant
    assistant_id: Option<AssistantId>,
    /// All
    all: Option<bool>,
}

#[derive(Serialize, ToSchema)]
pub struct ReplayedOut {
    success: bool,
    /// Those that are not parked, or whose assistant has no URL, are passed over.
    replayed: u64,
}

/// Forward many parked events again
#[utoipa::path(
    post,
    path = "",
    request_body = ReplayParkedEventsBody,
    responses((status = 200, description = "How many are forwarded again", body = ReplayedOut)),
)]
pub async fn replay_parked_events(
    Writer(actor, state): Writer,
    JsonBody(body): JsonBody<ReplayParkedEventsBody>,
) -> Answer<ReplayedOut> {
    let which = match (body.ids, body.assistant_id, body.all) {
        (Some(ids), None, None) if ids.len() <= 1000 => Which::These(ids),
        (Some(_), None, None) => return Err(ApiError::field("ids", "Input should be at most 1000 ids")),
        (None, Some(assistant), None) => Which::OfAssistant(assistant),
        (None, None, Some(true)) => Which::All,
        _ => return Err(ApiError::field("ids", "Exactly one of ids, assistant_id and all: true is needed")),
    };
    let replayed = parked_events::replay_many(&state.app, &actor, which).await?;
    Ok(Json(ReplayedOut { success: true, replayed }))
}

/// Give up a parked event
#[utoipa::path(
    delete,
    path = "",
    responses((status = 200, description = "It is forwarded no more", body = DoneOut)),
)]
pub async fn discard_parked_event(Writer(actor, state): Writer, PathId(id): PathId) -> Answer<DoneOut> {
    match parked_events::discard(&state.app, &actor, MessageLogId(id)).await? {
        true => Ok(Json(DoneOut { success: true, message: "Event given up" })),
        false => Err(ApiError::NotFound),
    }
}
