//! `/sms/...`: sending a message, what became of it, taking it back.

use crate::app::sending::{self, Ended, NewSms, Sent};
use crate::model::address::Address;
use crate::model::message_log::{DeliveryStatus, MessageLog, Provider};
use crate::model::outbound::{JobStatus, OutboundJob};
use crate::model::time::Timestamp;
use crate::store::CancelOutcome;
use crate::web::auth::{Authority, Writer};
use crate::web::error::{Answer, ApiError, Invalid};
use crate::web::extract::{JsonBody, PathText, QueryParams};
use crate::web::openapi::ErrorOut;
use axum::Json;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest that a carrier takes.
pub(in crate::web) const MOST_CHARACTERS: usize = 1600;
const MOST_MEDIA: usize = 10;
const LONGEST_URL: usize = 2048;
const LONGEST_KEY: usize = 256;

#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object")]
#[schema(as = SendSMSRequest)]
pub struct SendSmsBody {
    /// One of ours that an assistant has
    #[schema(example = "+15551234567")]
    from_phone_number: String,
    #[schema(example = "+15559876543")]
    to_phone_number: String,
    /// May be empty when there are media
    #[schema(max_length = 1600)]
    message: String,
    /// At most ten `http` or `https` URLs that the carrier can reach
    media_urls: Option<Vec<String>>,
    /// False: the answer waits for the carrier's
    #[schema(default = true)]
    queue: Option<bool>,
    /// The `Idempotency-Key` header wins over it
    #[schema(max_length = 256)]
    idempotency_key: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SendSMSResponse)]
pub struct SendSmsOut {
    success: bool,
    message_id: Uuid,
    message: String,
    provider: Provider,
    status: JobStatus,
    /// Whether it waits to be sent
    queued: bool,
    provider_message_id: Option<String>,
    error: Option<String>,
}

/// Send a message
///
/// It joins the customer's conversation and is sent by the carrier of our number: at once, or after those that were
/// queued before it. The same idempotency key with the same message gets the first answer's message again.
#[utoipa::path(
    post,
    path = "",
    request_body = SendSmsBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "At most 256 characters")),
    responses(
        (status = 200, description = "Queued, or sent already", body = SendSmsOut),
        (status = 404, description = "No assistant of the organization has `from_phone_number`", body = ErrorOut),
        (status = 409, description = "The customer has opted out, or the key was used for another message", body = ErrorOut),
    ),
)]
pub async fn send_sms(
    Writer(actor, state): Writer,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SendSmsBody>,
) -> Answer<SendSmsOut> {
    let sms = checked(body, &headers)?;
    match sending::send(&state.app, &actor, sms).await? {
        Sent::Job(uuid, job) => Ok(Json(sent(uuid, *job))),
        Sent::NoSuchNumber => {
            Err(ApiError::NotFoundBecause("from_phone_number is no number of an assistant of yours"))
        }
        Sent::OptedOut => {
            Err(ApiError::Conflict("The customer has opted out of messages from this number".to_owned()))
        }
        Sent::KeyTaken => {
            Err(ApiError::Conflict("This idempotency key was used for another message".to_owned()))
        }
        Sent::NotConfigured(setting) => Err(ApiError::Unprocessable(format!(
            "Nothing can be sent from this number before {setting} is set"
        ))),
    }
}

fn sent(uuid: Uuid, job: OutboundJob) -> SendSmsOut {
    let message = match job.status {
        JobStatus::Queued => "Message queued",
        JobStatus::Sending => "The carrier is being asked",
        JobStatus::Sent => "Message sent",
        JobStatus::Failed => "The message could not be sent",
        JobStatus::Cancelled => "The message was taken back",
        JobStatus::Unknown => "Nobody knows whether the carrier took the message",
    };
    SendSmsOut {
        success: !matches!(job.status, JobStatus::Failed | JobStatus::Cancelled),
        message_id: uuid,
        message: message.to_owned(),
        provider: job.provider,
        status: job.status,
        queued: job.status == JobStatus::Queued,
        provider_message_id: job.provider_message_id,
        error: job.error_message,
    }
}

/// Everything that does not validate is told at once.
fn checked(body: SendSmsBody, headers: &HeaderMap) -> Result<NewSms, ApiError> {
    let mut wrong = Vec::new();
    let mut tell = |name: &str, msg: &str| wrong.push(Invalid::new(&["body", name], msg, "value_error"));
    let number = |text: &str| Address::parse(text).ok();
    let from = number(&body.from_phone_number);
    let to =
        number(&body.to_phone_number).filter(|to| !to.as_str().contains(|c: char| c.is_ascii_alphabetic()));
    if from.is_none() {
        tell("from_phone_number", "Input should be one of your numbers, e.g. +15551234567");
    }
    if to.is_none() {
        tell("to_phone_number", "Input should be a phone number, e.g. +15559876543");
    } else if to == from {
        tell("to_phone_number", "Input should be another number than from_phone_number");
    }
    let media_urls = body.media_urls.unwrap_or_default();
    if body.message.chars().count() > MOST_CHARACTERS {
        tell("message", "String should have at most 1600 characters");
    } else if body.message.trim().is_empty() && media_urls.is_empty() {
        tell("message", "String should have at least 1 character, or there should be media_urls");
    } else if body.message.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        tell("message", "String should have no control characters but line breaks and tabs");
    }
    if media_urls.len() > MOST_MEDIA {
        tell("media_urls", "List should have at most 10 items");
    } else if !media_urls.iter().all(|url| is_url(url)) {
        tell("media_urls", "Each item should be an http or https URL of at most 2048 characters");
    }
    let header = headers.get("idempotency-key").map(|value| value.to_str().map(str::to_owned));
    let key = match header {
        Some(Err(_)) => Err(()),
        Some(Ok(key)) => Ok(Some(key)),
        None => Ok(body.idempotency_key),
    };
    let key = key
        .ok()
        .filter(|key| key.as_ref().is_none_or(|key| (1..=LONGEST_KEY).contains(&key.chars().count())));
    if key.is_none() {
        tell("idempotency_key", "String should have 1 to 256 characters");
    }
    let (Some(from), Some(to), Some(idempotency_key), true) = (from, to, key, wrong.is_empty()) else {
        return Err(ApiError::Invalid(wrong));
    };
    Ok(NewSms {
        from,
        to,
        body: body.message,
        media_urls,
        idempotency_key,
        queue: body.queue.unwrap_or(true),
    })
}

fn is_url(text: &str) -> bool {
    let parsed = (text.len() <= LONGEST_URL).then(|| text.parse::<axum::http::Uri>().ok()).flatten();
    parsed.is_some_and(|url| {
        let Some(authority) = url.authority() else { return false };
        // A port beyond 65535 is to the parser as if none were said.
        let port = authority.as_str().strip_prefix(authority.host());
        let port = port.is_some_and(|port| port.is_empty() || authority.port_u16().is_some());
        let plain = !authority.host().is_empty() && !authority.as_str().contains('@') && port;
        matches!(url.scheme_str(), Some("http" | "https")) && plain
    })
}

#[derive(Serialize, ToSchema)]
#[schema(as = SMSStatusResponse)]
pub struct SmsStatusOut {
    success: bool,
    message_id: Uuid,
    /// Of the job; it rests at `sent`
    status: JobStatus,
    provider: Provider,
    provider_message_id: Option<String>,
    /// What the carrier told last, in its own word
    provider_status: Option<String>,
    /// The same in the one all carriers share
    delivery_status: Option<DeliveryStatus>,
    /// When the carrier took it, as far as was learnt
    sent_at: Option<Timestamp>,
    delivered_at: Option<Timestamp>,
    error: Option<String>,
    error_code: Option<String>,
    error_message: Option<String>,
    /// How often the carrier was asked
    attempts: u32,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Get what became of a message
#[utoipa::path(
    get,
    path = "",
    params(("message_id" = Uuid, Path)),
    responses((status = 200, description = "What is known of it", body = SmsStatusOut)),
)]
pub async fn get_sms_status(
    Authority(actor, state): Authority,
    PathText(id): PathText,
) -> Answer<SmsStatusOut> {
    let uuid = Uuid::parse_str(&id).map_err(|_| ApiError::NotFound)?;
    let (job, log) = sending::status(&state.app, &actor, uuid)?.ok_or(ApiError::NotFound)?;
    Ok(Json(status_of(uuid, job, log)))
}

fn status_of(uuid: Uuid, job: OutboundJob, log: Option<MessageLog>) -> SmsStatusOut {
    let of_log = log.as_ref();
    // One that was sent has no error of its own; any other's says why it was not.
    let error_code = job.error_code.or_else(|| of_log.and_then(|log| log.error_code.clone()));
    let error_message = job.error_message.or_else(|| of_log.and_then(|log| log.error_message.clone()));
    let delivered = of_log.filter(|log| log.status == DeliveryStatus::Delivered);
    SmsStatusOut {
        success: true,
        message_id: uuid,
        status: job.status,
        provider: job.provider,
        provider_message_id: job.provider_message_id,
        provider_status: of_log.map(|log| log.provider_status.clone()).filter(|word| !word.is_empty()),
        delivery_status: of_log.map(|log| log.status),
        // What comes after that is told by its log.
        sent_at: (job.status == JobStatus::Sent).then_some(job.updated_at),
        delivered_at: delivered.map(|log| log.updated_at),
        error: error_message.clone().or_else(|| error_code.clone()),
        error_code,
        error_message,
        attempts: job.attempts,
        created_at: job.created_at,
        updated_at: of_log.map_or(job.updated_at, |log| log.updated_at.max(job.updated_at)),
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = SMSCancelResponse)]
pub struct CancelSmsOut {
    success: bool,
    message_id: Uuid,
    message: &'static str,
    previous_status: JobStatus,
    new_status: JobStatus,
    /// The same as `new_status`
    status: JobStatus,
}

/// Take a message back
///
/// Only what still waits to be sent can be; else `success` is false and the status stays.
#[utoipa::path(
    delete,
    path = "",
    params(("message_id" = Uuid, Path)),
    responses((status = 200, description = "Taken back, or too late", body = CancelSmsOut)),
)]
pub async fn cancel_sms(Writer(actor, state): Writer, PathText(id): PathText) -> Answer<CancelSmsOut> {
    let message_id = Uuid::parse_str(&id).map_err(|_| ApiError::NotFound)?;
    let (success, message, previous_status, new_status) =
        match sending::cancel(&state.app, &actor, message_id).await? {
            CancelOutcome::NotThere => return Err(ApiError::NotFound),
            CancelOutcome::Cancelled => {
                (true, "The message was taken back", JobStatus::Queued, JobStatus::Cancelled)
            }
            CancelOutcome::TooLate(status @ JobStatus::Cancelled) => {
                (false, "The message was taken back before", status, status)
            }
            CancelOutcome::TooLate(status) => {
                (false, "It is too late to take the message back", status, status)
            }
        };
    let status = new_status;
    Ok(Json(CancelSmsOut { success, message_id, message, previous_status, new_status, status }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = SMSQueueStatsResponse)]
pub struct QueueStatsOut {
    success: bool,
    timestamp: Timestamp,
    /// By provider
    #[schema(value_type = BTreeMap<String, QueueOut>)]
    queues: BTreeMap<&'static str, QueueOut>,
    /// How many wait to be sent, of all that is in `queues`
    total_queued: u64,
    /// The same by provider
    #[schema(value_type = BTreeMap<String, u64>)]
    by_provider: BTreeMap<&'static str, u64>,
    /// The same as `total_queued`
    pending: u64,
    /// How many a carrier is being asked to take
    processing: u64,
    /// Of our messages of the last hour, those that are `sent` or `delivered` in the message logs
    completed_last_hour: u64,
    /// Of our messages of the last hour, those that are `failed` or `undelivered` in the message logs
    failed_last_hour: u64,
}

/// How many messages are in which status.
#[derive(Default, Serialize, ToSchema)]
pub struct QueueOut {
    queued: u64,
    /// The same as `queued`
    pending: u64,
    sending: u64,
    sent: u64,
    failed: u64,
    cancelled: u64,
    unknown: u64,
}

/// Get the state of the queues
#[utoipa::path(
    get,
    path = "",
    params(("provider" = Option<Provider>, Query, description = "One carrier only")),
    responses((status = 200, description = "By provider", body = QueueStatsOut)),
)]
pub async fn get_queue_stats(
    Authority(actor, state): Authority,
    mut query: QueryParams,
) -> Answer<QueueStatsOut> {
    let wanted: Option<Provider> =
        query.word("provider", "Input should be 'twilio', 'telnyx', 'vonage' or 'sandbox'");
    query.finish()?;
    let mut queues: BTreeMap<&'static str, QueueOut> = BTreeMap::new();
    for (provider, status, count) in sending::counts(&state.app, &actor)? {
        if wanted.is_some_and(|wanted| wanted != provider) {
            continue;
        }
        let queue = queues.entry(provider.as_str()).or_default();
        match status {
            JobStatus::Queued => (queue.queued, queue.pending) = (count, count),
            JobStatus::Sending => queue.sending = count,
            JobStatus::Sent => queue.sent = count,
            JobStatus::Failed => queue.failed = count,
            JobStatus::Cancelled => queue.cancelled = count,
            JobStatus::Unknown => queue.unknown = count,
        }
    }
    let now = actor.now;
    let recent = move || sending::of_last_hour(&state.app, &actor, wanted);
    let recent = tokio::task::spawn_blocking(recent).await??;
    Ok(Json(stats_of(now, queues, recent)))
}

fn stats_of(timestamp: Timestamp, queues: BTreeMap<&'static str, QueueOut>, recent: Ended) -> QueueStatsOut {
    let total_queued = queues.values().map(|queue| queue.queued).sum();
    QueueStatsOut {
        success: true,
        timestamp,
        total_queued,
        by_provider: queues.iter().map(|(provider, queue)| (*provider, queue.queued)).collect(),
        pending: total_queued,
        processing: queues.values().map(|queue| queue.sending).sum(),
        completed_last_hour: recent.completed,
        failed_last_hour: recent.failed,
        queues,
    }
}
