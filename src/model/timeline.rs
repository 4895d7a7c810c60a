//! The timeline of a thread: what was done with its messages, step by step, and what their carriers made of
//! them.

use super::audit::{AuditEntry, AuditWords, Level, Step};
use super::call::Direction;
use super::ids::{AuditId, MessageLogId};
use super::message_log::{DeliveryStatus, MessageLog};
use super::time::Timestamp;
use serde_json::json;

#[derive(Debug, PartialEq)]
pub struct TimelineEvent {
    /// A step's own id. A log has two numbers below zero that no other log has: -2n for its message, 1 - 2n
    /// for the delivery.
    pub id: i64,
    pub at: Timestamp,
    /// Which message it is about, where it is about one.
    pub log_id: Option<MessageLogId>,
    pub words: AuditWords,
}

/// By time. Of one moment the steps come first, in the order in which they were done.
pub fn timeline(
    entries: Vec<(AuditId, AuditEntry)>,
    logs: Vec<(MessageLogId, MessageLog)>,
) -> Vec<TimelineEvent> {
    let mut events = Vec::new();
    for (first, AuditEntry { at, steps, log_id, .. }) in &entries {
        let numbered = (first.0..).zip(steps);
        events.extend(numbered.map(|(id, step)| TimelineEvent {
            id: id.cast_signed(),
            at: *at,
            log_id: *log_id,
            words: about(*log_id, step),
        }));
    }
    for (log_id, log) in &logs {
        let number = log_id.0.cast_signed().wrapping_mul(-2);
        let (status, words) = came(*log_id, log);
        let event = |id, at, words| TimelineEvent { id, at, log_id: Some(*log_id), words };
        events.push(event(number, log.created_at, words));
        if log.status != status || log.updated_at != log.created_at {
            events.push(event(number + 1, log.updated_at, delivery(*log_id, log)));
        }
    }
    events.sort_by_key(|event| event.at);
    events
}

/// Of several messages of a thread that are forwarded, which one it is.
fn about(log_id: Option<MessageLogId>, step: &Step) -> AuditWords {
    let mut words = step.words();
    let (Some(log_id), true) = (log_id, step.is_of_forwarding()) else { return words };
    let data = words.data.get_or_insert_with(|| json!({}));
    data["log_id"] = json!(log_id);
    words
}

/// The message itself, and the status that it came with.
fn came(id: MessageLogId, log: &MessageLog) -> (DeliveryStatus, AuditWords) {
    let (status, event_type, message) = match log.direction {
        Direction::Inbound => (DeliveryStatus::Received, "sms_received", "SMS received"),
        Direction::Outbound => (DeliveryStatus::Queued, "sms_queued", "SMS queued to be sent"),
    };
    let data = json!({
        "log_id": id,
        "provider": log.provider,
        "provider_message_id": log.provider_message_id,
        "from_number": log.from,
        "to_number": log.to,
        "segment_count": log.segment_count,
    });
    let (event_type, message) = (event_type.to_owned(), message.to_owned());
    (status, AuditWords { event_type, level: Level::Info, message, data: Some(data) })
}

/// The last that was heard of it.
fn delivery(id: MessageLogId, log: &MessageLog) -> AuditWords {
    AuditWords {
        event_type: "delivery_status".to_owned(),
        level: if log.status.is_failure() { Level::Error } else { Level::Info },
        message: format!("Delivery status: {}", log.status.as_str()),
        data: Some(json!({
            "log_id": id,
            "provider": log.provider,
            "provider_message_id": log.provider_message_id,
            "status": log.status,
            "provider_status": log.provider_status,
            "error_code": log.error_code,
            "error_message": log.error_message,
        })),
    }
}
