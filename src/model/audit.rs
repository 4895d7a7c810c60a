//! Audit events: what was done with a message, step by step. Our own steps are kept as what they
//! are and put into words when read, so a step costs a few bytes; imported ones keep their words.

use super::call::JsonText;
use super::gone::Gone;
use super::ids::{CallId, MessageLogId, UserId};
use super::message_log::{DeliveryStatus, Provider};
use super::outbound::{JobStatus, Purpose};
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Debug,
    Info,
    Warning,
    Error,
}

/// What a signature check said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureVerdict {
    Valid,
    /// Wrong or absent, and kept all the same: `signatures = "report"`.
    InvalidButKept,
    NotChecked,
}

/// One step. New variants go at the end: the position is what is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    WebhookReceived {
        provider: Provider,
        signature: SignatureVerdict,
    },
    ConversationStarted,
    MessageStored {
        message_index: u32,
    },
    /// Signed correctly, addressed to a number that no assistant has.
    NumberUnassigned {
        our_number: String,
    },
    /// Signed correctly, but not something we can use; the payload is kept.
    WebhookUnusable {
        provider: Provider,
        reason: String,
    },
    /// A delivery receipt.
    ReceiptReceived {
        provider: Provider,
        provider_message_id: String,
        provider_status: String,
        error_code: Option<String>,
    },
    /// The carrier handled an opt-out keyword.
    OptOutKeyword {
        keyword: String,
    },
    Imported {
        event_type: String,
        level: Level,
        message: String,
        data: Option<JsonText>,
    },
    /// Everything of one phone number was deleted. Which one is not told any more.
    NumberErased {
        by: UserId,
        gone: Gone,
    },
    /// A message of ours was put into the outbox.
    MessageQueued {
        job: Uuid,
        purpose: Purpose,
    },
    /// A carrier was asked to send.
    SendAttempted {
        job: Uuid,
        attempt: u32,
        status: JobStatus,
        error_code: Option<String>,
        error_message: Option<String>,
    },
    /// Not sent: the customer opted out, somebody took it back, or the claim of a server that stopped ended.
    SendEnded {
        job: Uuid,
        status: JobStatus,
        error_code: Option<String>,
    },
    /// A receipt that came late or again: the status stays what it is.
    ReceiptIgnored {
        status: DeliveryStatus,
    },
    OptedOut {
        how: String,
    },
    OptedIn {
        how: String,
    },
    /// A part of a long message, which waits for the others.
    PartKept {
        number: u32,
        total: u32,
    },
    /// The assistant's URL was told of a message.
    ForwardAttempted {
        /// Without what may be secret in it.
        url: String,
        attempt: u32,
        http_status: Option<u16>,
        error: Option<String>,
    },
    /// It could not be told for too long: the next goes on.
    ForwardParked {
        attempts: u32,
        error: String,
    },
    /// Somebody wants it to be told again.
    ForwardReplayed,
    /// It is told no more: the assistant has no URL any longer, or somebody gave it up.
    ForwardDropped,
    /// What the receiver answered was not sent to the customer.
    ReplyRefused {
        reason: String,
    },
}

/// The steps of one piece of work, stored as one row. Its key is the first step's id; the others
/// count on from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    pub call_id: Option<CallId>,
    pub log_id: Option<MessageLogId>,
    pub at: Timestamp,
    pub steps: Vec<Step>,
}

/// A step in words.
#[derive(Debug, PartialEq)]
pub struct AuditWords {
    pub event_type: String,
    pub level: Level,
    pub message: String,
    pub data: Option<Value>,
}

impl Step {
    pub fn is_of_forwarding(&self) -> bool {
        matches!(
            self,
            Step::ForwardAttempted { .. }
                | Step::ForwardParked { .. }
                | Step::ForwardReplayed
                | Step::ForwardDropped
                | Step::ReplyRefused { .. }
        )
    }

    pub fn words(&self) -> AuditWords {
        let (event_type, level, message, data) = match self {
            Step::WebhookReceived { provider, signature } => (
                "webhook_received",
                if *signature == SignatureVerdict::InvalidButKept { Level::Warning } else { Level::Info },
                "Inbound SMS webhook received".to_owned(),
                Some(json!({"provider": provider, "signature": signature})),
            ),
            Step::ConversationStarted => {
                ("conversation_started", Level::Info, "New conversation started".to_owned(), None)
            }
            Step::MessageStored { message_index } => (
                "message_stored",
                Level::Info,
                format!("Stored as message {message_index}"),
                Some(json!({"message_index": message_index})),
            ),
            Step::NumberUnassigned { our_number } => (
                "number_unassigned",
                Level::Warning,
                "No assistant has the number that this message was sent to".to_owned(),
                Some(json!({"to_number": our_number})),
            ),
            Step::WebhookUnusable { provider, reason } => (
                "webhook_unusable",
                Level::Warning,
                format!("Signed correctly, but of no use: {reason}"),
                Some(json!({"provider": provider, "reason": reason})),
            ),
            Step::ReceiptReceived { provider, provider_message_id, provider_status, error_code } => (
                "receipt_received",
                Level::Info,
                format!("Delivery receipt: {provider_status}"),
                Some(
                    json!({"provider": provider, "provider_message_id": provider_message_id, "provider_status": provider_status, "error_code": error_code}),
                ),
            ),
            Step::OptOutKeyword { keyword } => (
                "opt_out_keyword",
                Level::Info,
                format!("The carrier handled the keyword {keyword}"),
                Some(json!({"keyword": keyword})),
            ),
            Step::NumberErased { by, gone } => (
                "number_erased",
                Level::Warning,
                "Everything of a phone number was erased".to_owned(),
                Some(json!({"user_id": by, "erased": gone})),
            ),
            Step::MessageQueued { job, purpose } => (
                "message_queued",
                Level::Info,
                "Queued to be sent".to_owned(),
                Some(json!({"message_id": job, "purpose": purpose})),
            ),
            Step::SendAttempted { job, attempt, status, error_code, error_message } => {
                let (level, result) = match status {
                    JobStatus::Sent => (Level::Info, "the carrier took it".to_owned()),
                    JobStatus::Queued => (Level::Warning, "not taken, to be tried again".to_owned()),
                    JobStatus::Unknown => (Level::Error, "nobody knows whether it was taken".to_owned()),
                    _ => (Level::Error, "refused for good".to_owned()),
                };
                let message = format!("Attempt {attempt} to send: {result}");
                let data = json!({"message_id": job, "attempt": attempt, "status": status, "error_code": error_code, "error_message": error_message});
                ("send_attempted", level, message, Some(data))
            }
            Step::SendEnded { job, status, error_code } => (
                "send_ended",
                if *status == JobStatus::Cancelled { Level::Info } else { Level::Warning },
                format!("Not sent: {}", error_code.as_deref().unwrap_or(status.as_str())),
                Some(json!({"message_id": job, "status": status, "error_code": error_code})),
            ),
            Step::ReceiptIgnored { status } => (
                "receipt_ignored",
                Level::Info,
                format!("The receipt came late or again; the status stays {}", status.as_str()),
                Some(json!({"status": status})),
            ),
            Step::OptedOut { how } => (
                "opted_out",
                Level::Warning,
                "The customer opted out of messages from this number".to_owned(),
                Some(json!({"how": how})),
            ),
            Step::OptedIn { how } => (
                "opted_in",
                Level::Info,
                "The customer takes messages from this number again".to_owned(),
                Some(json!({"how": how})),
            ),
            Step::PartKept { number, total } => (
                "part_kept",
                Level::Info,
                format!("Part {number} of {total} of a message"),
                Some(json!({"number": number, "total": total})),
            ),
            Step::ForwardAttempted { url, attempt, http_status, error } => {
                let (level, result) = match error {
                    None => (Level::Info, "the receiver took it".to_owned()),
                    Some(error) => (Level::Warning, error.clone()),
                };
                let message = format!("Attempt {attempt} to forward: {result}");
                let data =
                    json!({"url": url, "attempt": attempt, "http_status": http_status, "error": error});
                ("forward_attempted", level, message, Some(data))
            }
            Step::ForwardParked { attempts, error } => (
                "forward_parked",
                Level::Error,
                "Not forwarded: parked until somebody replays it".to_owned(),
                Some(json!({"attempts": attempts, "error": error})),
            ),
            Step::ForwardReplayed => {
                ("forward_replayed", Level::Info, "To be forwarded again".to_owned(), None)
            }
            Step::ForwardDropped => {
                ("forward_dropped", Level::Warning, "Not to be forwarded any more".to_owned(), None)
            }
            Step::ReplyRefused { reason } => (
                "reply_refused",
                Level::Warning,
                format!("The receiver's answer was not sent to the customer: {reason}"),
                Some(json!({"reason": reason})),
            ),
            Step::Imported { event_type, level, message, data } => {
                return AuditWords {
                    event_type: event_type.clone(),
                    level: *level,
                    message: message.clone(),
                    data: data.as_ref().and_then(|text| serde_json::from_str(&text.0).ok()),
                };
            }
        };
        AuditWords { event_type: event_type.to_owned(), level, message, data }
    }
}
