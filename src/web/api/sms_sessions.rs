//! `/api/v1/sms-sessions`: how many sessions live, and ending them.

use super::auth::DoneOut;
use crate::app::sms_sessions::{close, count_living};
use crate::model::address::Address;
use crate::model::ids::{AssistantId, parse_id};
use crate::model::session::Closing;
use crate::store::SessionsOf;
use crate::web::auth::{Authority, Writer};
use crate::web::error::{Answer, ApiError};
use crate::web::openapi::InvalidOut;
use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct SessionsOut {
    success: bool,
    data: SessionsDataOut,
}

#[derive(Serialize, ToSchema)]
pub struct SessionsDataOut {
    active_sessions: u64,
    /// How long a session lives after its last message.
    ttl_seconds: u64,
}

#[derive(Serialize, ToSchema)]
pub struct ClearedOut {
    success: bool,
    message: &'static str,
    cleared_count: u64,
}

/// Count the sessions that live
#[utoipa::path(get, path = "", responses((status = 200, description = "How many", body = SessionsOut)))]
pub async fn count_sms_sessions(Authority(actor, state): Authority) -> Answer<SessionsOut> {
    let ttl_seconds = state.app.session_ttl_seconds;
    let active_sessions = tokio::task::spawn_blocking(move || count_living(&state.app, &actor)).await??;
    Ok(Json(SessionsOut { success: true, data: SessionsDataOut { active_sessions, ttl_seconds } }))
}

/// Clear all sessions
///
/// Their conversations end now; the customers' next messages start fresh ones.
#[utoipa::path(delete, path = "", responses((status = 200, description = "They are cleared", body = ClearedOut)))]
pub async fn clear_sms_sessions(Writer(actor, state): Writer) -> Answer<ClearedOut> {
    let everyone = SessionsOf::Everyone;
    let cleared_count = close(&state.app, actor.organization, everyone, Closing::Living, actor.now).await?;
    Ok(Json(ClearedOut { success: true, message: "SMS sessions cleared", cleared_count }))
}

/// Sweep expired sessions
///
/// The server does so by itself now and then; reads tell an expiry at once in any case.
#[utoipa::path(post, path = "", responses((status = 200, description = "They are swept", body = ClearedOut)))]
pub async fn clean_up_sms_sessions(Writer(actor, state): Writer) -> Answer<ClearedOut> {
    let everyone = SessionsOf::Everyone;
    let cleared_count = close(&state.app, actor.organization, everyone, Closing::Expired, actor.now).await?;
    Ok(Json(ClearedOut { success: true, message: "Expired SMS sessions cleaned up", cleared_count }))
}

/// Clear a customer's sessions with an assistant
#[utoipa::path(
    delete,
    path = "",
    params(
        ("phone_number" = String, Path, description = "The customer's; its `+` escaped or not", example = "+15559876543"),
        ("assistant_id" = u64, Path),
    ),
    responses(
        (status = 200, description = "They are cleared", body = DoneOut),
        (status = 404, description = "None lives", body = crate::web::openapi::ErrorOut),
        (status = 422, description = "It is no phone number", body = InvalidOut),
    ),
)]
pub async fn clear_sms_session(
    Writer(actor, state): Writer,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Answer<DoneOut> {
    // The only way to be no text is to be badly escaped.
    let Ok(Path((number, assistant))) = path else { return Err(no_number()) };
    let customer = customer(&number)?;
    let assistant_id = parse_id(&assistant).map(AssistantId).ok_or(ApiError::NotFound)?;
    let theirs = SessionsOf::Customer(customer, assistant_id);
    match close(&state.app, actor.organization, theirs, Closing::Living, actor.now).await? {
        0 => Err(ApiError::NotFound),
        _ => Ok(Json(DoneOut { success: true, message: "SMS session cleared" })),
    }
}

/// A number in a URL may have lost its `+`, or have it as a space.
fn customer(text: &str) -> Result<Address, ApiError> {
    let whole = || Address::parse(&format!("+{}", text.trim_start())).ok();
    Address::parse(text).ok().or_else(whole).ok_or_else(no_number)
}

fn no_number() -> ApiError {
    let msg = "Input should be a phone number, its + as it is or escaped as %2B, or another sender's name";
    ApiError::invalid(&["path", "phone_number"], msg, "value_error")
}
