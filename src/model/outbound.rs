//! Outbound jobs: one send each, from the request to the carrier's answer.

use super::ids::{CallId, MessageLogId};
use super::message_log::Provider;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    Queued,
    Sending,
    Sent,
    Failed,
    Cancelled,
    /// Crashed after the carrier was called: it may or may not have been sent.
    Unknown,
}

/// A job without its UUID, which is its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboundJob {
    pub call_id: Option<CallId>,
    pub log_id: Option<MessageLogId>,
    pub provider: Provider,
    pub from: String,
    pub to: String,
    pub body: String,
    pub media_urls: Vec<String>,
    pub status: JobStatus,
    pub idempotency_key: Option<String>,
    pub provider_message_id: Option<String>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub attempts: u32,
    /// When the next attempt is due.
    pub due_at: Timestamp,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}
