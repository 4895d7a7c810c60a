//! `/api/v1/sms-conversations`: the list, one conversation, its messages; archiving.

use super::auth::DoneOut;
use super::json_bytes;
use crate::app::conversations::{self, Patience};
use crate::model::account::Actor;
use crate::model::call::{Call, Channel, ConversationFilter, ConversationStatus, Direction};
use crate::model::ids::{AssistantId, CallId};
use crate::model::message::MessageRange;
use crate::model::page::Page;
use crate::model::time::Timestamp;
use crate::store::Thread;
use crate::web::AppState;
use crate::web::auth::{Authority, Writer};
use crate::web::error::{Answer, ApiError};
use crate::web::extract::{PathId, QueryParams};
use crate::web::json::{ConversationOut, JsonWriter, MessageOut};
use axum::Json;
use axum::body::Bytes;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

/// A row is some 350 bytes long.
const ROW_BYTES: usize = 384;

/// List conversations
///
/// Newest activity first. Archived ones are left out; filters are combined with AND.
#[utoipa::path(
    get,
    path = "",
    params(
        ("skip" = Option<u64>, Query, description = "Records to skip; default 0"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 1000, description = "Records to return; default 50"),
        ("status" = Option<ConversationStatus>, Query, description = "Whether the session lives"),
        ("assistant_id" = Option<u64>, Query, minimum = 1),
        ("customer_phone" = Option<String>, Query, description = "A whole number, or at least three digits of one"),
        ("date_from" = Option<String>, Query, description = "Started then or later: RFC 3339, or a date"),
        ("date_to" = Option<String>, Query, description = "Started then or earlier: RFC 3339, or a date (its end)"),
    ),
    responses((status = 200, description = "A page of conversations", body = [ConversationOut<'_>])),
)]
pub async fn list_conversations(
    Authority(actor, state): Authority,
    mut query: QueryParams,
) -> Result<Response, ApiError> {
    let filter = filter(&mut query);
    let page = query.page(50, 1000);
    query.finish()?;
    // Asked for before anything is read.
    let version = filter.is_empty().then(|| state.app.store.version()).transpose()?;
    if let Some(body) = version.and_then(|version| state.kept_pages.get(&actor, page, version)) {
        return Ok(json_bytes(body));
    }
    let mut written = write_list(&state, &actor, &filter, page, Patience::Quick)?;
    if !written.whole {
        let state = state.clone();
        let write = move || write_list(&state, &actor, &filter, page, Patience::Endless);
        written = tokio::task::spawn_blocking(write).await??;
        debug_assert!(written.whole, "endless patience sees the end");
    }
    let body = Bytes::from(written.body);
    if let Some(version) = version {
        state.kept_pages.keep(&actor, page, version, written.until, &body);
    }
    Ok(json_bytes(body))
}

pub(in crate::web) fn filter(query: &mut QueryParams) -> ConversationFilter {
    ConversationFilter {
        status: query.word("status", "Input should be 'active' or 'completed'"),
        assistant_id: query.integer("assistant_id", 1..=u64::MAX).map(AssistantId),
        customer: query.address("customer_phone"),
        started_from: query.time("date_from", false),
        started_to: query.time("date_to", true),
    }
}

struct WrittenList {
    /// Whether it is the page: it may have taken more patience.
    whole: bool,
    /// From when on it says something else without that anything was written: when a session ends.
    until: Timestamp,
    body: Vec<u8>,
}

fn write_list(
    state: &AppState,
    actor: &Actor,
    filter: &ConversationFilter,
    page: Page,
    patience: Patience,
) -> Result<WrittenList, ApiError> {
    let mut until = Timestamp::MAX;
    let mut json = JsonWriter::new(state.settings.id_format, page.limit.min(64) * ROW_BYTES);
    json.raw("[");
    let whole = conversations::list(&state.app, actor, filter, page, patience, |row, names| {
        json.separate();
        json.conversation(row, names, actor.now);
        if row.ended_at(actor.now).is_none() {
            until = until.min(row.expires_at);
        }
    })?;
    json.raw("]");
    Ok(WrittenList { whole, until, body: json.out })
}

/// Get one conversation
#[utoipa::path(
    get,
    path = "",
    responses((status = 200, description = "The conversation", body = ConversationOut<'_>)),
)]
pub async fn get_conversation(
    Authority(actor, state): Authority,
    PathId(id): PathId,
) -> Result<Response, ApiError> {
    let id = CallId(id);
    let mut json = JsonWriter::new(state.settings.id_format, ROW_BYTES);
    let found =
        conversations::get(&state.app, &actor, id, |row, names| json.conversation(row, names, actor.now))?;
    if found { Ok(json_bytes(json.out)) } else { Err(ApiError::NotFound) }
}

/// A call record beside the one that was asked for.
#[derive(Serialize, ToSchema)]
pub struct RelatedOut {
    id: CallId,
    /// `sms_101`, `voice_7`
    call_sid: String,
    channel: Channel,
    direction: Direction,
    status: String,
    /// In seconds.
    duration: Option<u64>,
    message_count: u32,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    is_current: bool,
}

/// List related conversations and calls
///
/// Call records of the same customer and assistant, both channels, newest start first, at most 50, the one
/// asked for among them.
#[utoipa::path(get, path = "", responses((status = 200, description = "The records", body = [RelatedOut])))]
pub async fn list_related(
    Authority(actor, state): Authority,
    PathId(asked): PathId,
) -> Answer<Vec<RelatedOut>> {
    let asked = CallId(asked);
    let found = conversations::related(&state.app, &actor, asked)?.ok_or(ApiError::NotFound)?;
    let out = |(id, call): (CallId, Call)| RelatedOut {
        id,
        call_sid: call.sid(id),
        channel: call.channel,
        direction: call.direction,
        status: call.status(actor.now).to_owned(),
        duration: call.duration_seconds,
        message_count: call.message_count,
        started_at: call.started_at,
        ended_at: call.ended_at(actor.now),
        is_current: id == asked,
    };
    Ok(Json(found.into_iter().map(out).collect()))
}

/// List a conversation's messages
///
/// In the order of `message_index`, which counts from 1 without gaps.
#[utoipa::path(
    get,
    path = "",
    params(
        ("skip" = Option<u32>, Query, description = "Messages to skip; default 0"),
        ("limit" = Option<u32>, Query, minimum = 1, description = "Messages to return; default all"),
        ("after_index" = Option<u32>, Query, description = "Only messages with a greater `message_index`"),
    ),
    responses((status = 200, description = "The messages", body = [MessageOut<'_>])),
)]
pub async fn list_messages(
    Authority(actor, state): Authority,
    PathId(id): PathId,
    mut query: QueryParams,
) -> Result<Response, ApiError> {
    let id = CallId(id);
    let mut number = |name, least| query.integer(name, least..=u64::from(u32::MAX)).map(|n| n as u32);
    let range = MessageRange {
        after_index: number("after_index", 0).unwrap_or(0),
        skip: number("skip", 0).unwrap_or(0),
        limit: number("limit", 1),
    };
    query.finish()?;
    let (mut thread, mut body) = write_messages(&state, &actor, id, range, Patience::Quick)?;
    if thread == Thread::TooLong {
        let write = move || write_messages(&state, &actor, id, range, Patience::Endless);
        (thread, body) = tokio::task::spawn_blocking(write).await??;
    }
    if thread == Thread::Visited { Ok(json_bytes(body)) } else { Err(ApiError::NotFound) }
}

fn write_messages(
    state: &AppState,
    actor: &Actor,
    id: CallId,
    range: MessageRange,
    patience: Patience,
) -> Result<(Thread, Vec<u8>), ApiError> {
    let mut json = JsonWriter::new(state.settings.id_format, 2048);
    json.raw("[");
    let thread = conversations::messages(&state.app, actor, id, range, patience, |index, message| {
        json.separate();
        json.message(id, index, message);
    })?;
    json.raw("]");
    Ok((thread, json.out))
}

/// Archive a conversation
///
/// It is gone with its messages, logs and audit events; the call record stays, marked `sms_deleted`. The next
/// message of the customer starts a fresh conversation.
#[utoipa::path(delete, path = "", responses((status = 200, description = "It is archived", body = DoneOut)))]
pub async fn archive_conversation(Writer(actor, state): Writer, PathId(id): PathId) -> Answer<DoneOut> {
    if !conversations::archive(&state.app, &actor, CallId(id)).await? {
        return Err(ApiError::NotFound);
    }
    Ok(Json(DoneOut { success: true, message: "SMS conversation archived successfully" }))
}
