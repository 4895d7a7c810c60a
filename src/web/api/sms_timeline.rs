//! `/api/v1/sms/{call_id}/logs`: what happened in one call record, to look for what went wrong.

use crate::app::sms_logs;
use crate::model::audit::{AuditWords, Level};
use crate::model::ids::CallId;
use crate::model::time::Timestamp;
use crate::model::timeline::TimelineEvent;
use crate::web::auth::Authority;
use crate::web::error::{Answer, ApiError};
use crate::web::extract::PathId;
use axum::Json;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[schema(as = SMSAuditLogsResponse)]
pub struct TimelineOut {
    call_id: CallId,
    log_count: u64,
    logs: Vec<TimelineEventOut>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SMSAuditLogResponse)]
pub struct TimelineEventOut {
    /// Distinct within the timeline. Audit events have the ids that an export shows; what is told of a log has
    /// a number below zero, made of the log's id.
    id: i64,
    timestamp: Timestamp,
    /// Of logs: `sms_received`, `sms_queued`, `delivery_status`
    event_type: String,
    level: Level,
    message: String,
    #[schema(value_type = Option<Object>)]
    event_data: Option<Value>,
}

/// Get a call record's timeline
///
/// Audit and delivery events by time. Of a delivery the first and the latest are known, those between are not.
#[utoipa::path(get, path = "", responses((status = 200, description = "The events", body = TimelineOut)))]
pub async fn get_sms_timeline(Authority(actor, state): Authority, PathId(id): PathId) -> Answer<TimelineOut> {
    let call_id = CallId(id);
    let read = move || sms_logs::timeline(&state.app, &actor, call_id);
    let events = tokio::task::spawn_blocking(read).await??.ok_or(ApiError::NotFound)?;
    let logs: Vec<_> = events.into_iter().map(event_out).collect();
    Ok(Json(TimelineOut { call_id, log_count: logs.len() as u64, logs }))
}

fn event_out(TimelineEvent { id, at, words, .. }: TimelineEvent) -> TimelineEventOut {
    let AuditWords { event_type, level, message, data } = words;
    TimelineEventOut { id, timestamp: at, event_type, level, message, event_data: data }
}
