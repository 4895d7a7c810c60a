//! `/api/v1/erasures`: deleting everything of one phone number.

use crate::app::erasure::{self, NOTE};
use crate::model::address::Address;
use crate::model::gone::Gone;
use crate::model::time::Timestamp;
use crate::web::auth::Admin;
use crate::web::error::ApiError;
use crate::web::extract::JsonBody;
use crate::web::openapi::ErrorOut;
use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
pub struct EraseNumberBody {
    /// A customer's, in E.164
    #[schema(example = "+15559876543")]
    phone_number: String,
}

/// What went, and what may still hold the data.
#[derive(Serialize, ToSchema)]
pub struct ErasureOut {
    erased_at: Timestamp,
    /// Call records of both channels, archived ones among them
    conversations: u64,
    messages: u64,
    message_logs: u64,
    raw_payloads: u64,
    audit_entries: u64,
    opt_outs: u64,
    outbound_jobs: u64,
    /// This server's backups that were made before, and the older databases that it kept
    backups: Vec<String>,
    note: &'static str,
}

/// Erase a phone number
///
/// Everything of a customer's number in the organization: conversations and calls with all that belongs to them, message
/// logs, raw payloads and audit events that name it, opt-outs, outbound jobs. Answers when all is gone; what an
/// interruption leaves, the same request completes. What other customers wrote about the number stays.
#[utoipa::path(
    post,
    path = "",
    request_body = EraseNumberBody,
    responses(
        (status = 200, description = "All of it is gone", body = ErasureOut),
        (status = 409, description = "It is one of the organization's own numbers", body = ErrorOut),
    ),
)]
pub async fn erase_number(
    Admin(actor, state): Admin,
    JsonBody(body): JsonBody<EraseNumberBody>,
) -> Result<Json<ErasureOut>, ApiError> {
    let number = Address::parse(&body.phone_number).ok().filter(Address::is_number);
    let says = "Input should be a phone number in E.164, e.g. +15559876543";
    let number = number.ok_or_else(|| ApiError::field("phone_number", says))?;
    let own = "This number is one of the organization's own; only a customer's can be erased";
    let receipt = erasure::erase(&state.app, &actor, number).await?;
    let receipt = receipt.ok_or_else(|| ApiError::Conflict(own.to_owned()))?;
    let Gone { conversations, messages, message_logs, raw_payloads, audit_entries, opt_outs, outbound_jobs } =
        receipt.gone;
    Ok(Json(ErasureOut {
        erased_at: state.app.clock.now(),
        conversations,
        messages,
        message_logs,
        raw_payloads,
        audit_entries,
        opt_outs,
        outbound_jobs,
        backups: receipt.backups,
        note: NOTE,
    }))
}
