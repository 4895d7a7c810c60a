//! The change feed: per organization one event for each thing that happened, numbered without
//! gaps and written in the commit that made it happen. Live events, forwarding and backups read it.

use super::ids::{ApiKeyId, AssistantId, AuditId, CallId, MessageLogId, PhoneNumberId, UserId};
use super::message_log::{DeliveryStatus, Provider};
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedEntry {
    pub at: Timestamp,
    pub event: FeedEvent,
}

/// What happened. New variants go at the end: the position is what is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeedEvent {
    OrganizationCreated,
    UserChanged(UserId),
    ApiKeyChanged(ApiKeyId),
    AssistantChanged(AssistantId),
    PhoneNumberChanged(PhoneNumberId),
    ConversationStarted {
        call_id: CallId,
    },
    /// Its end became a fact of its own; a mere expiry follows from the time and makes no event.
    ConversationEnded {
        call_id: CallId,
    },
    MessageReceived {
        call_id: CallId,
        message_index: u32,
        log_id: MessageLogId,
    },
    /// Something was kept that belongs to no conversation.
    AuditKept {
        audit_id: AuditId,
    },
    /// A batch of an import: no message in it is news to forward.
    Imported {
        records: u32,
        calls: Vec<CallId>,
    },
    /// It has ended, if it had not before; its contents are gone for every reader.
    ConversationArchived {
        call_id: CallId,
    },
    /// A call record of either channel was deleted with everything of it, by its age or by an erasure.
    ConversationDeleted {
        call_id: CallId,
    },
    /// A message of ours was put into the outbox.
    MessageQueued {
        call_id: CallId,
        message_index: u32,
        log_id: MessageLogId,
    },
    /// What is known of the delivery of a message of ours has changed. Written before [`FeedEvent::DeliveryReached`] was.
    DeliveryChanged {
        call_id: Option<CallId>,
        log_id: MessageLogId,
    },
    /// Somebody opted out or in again.
    OptOutsChanged,
    CarrierAccountChanged(Provider),
    /// The forwarding of a message went on: it was told, failed, was parked or is to be told again.
    ForwardChanged {
        call_id: CallId,
        log_id: MessageLogId,
    },
    /// What is known of the delivery of a message of ours has changed, to this.
    DeliveryReached {
        call_id: Option<CallId>,
        log_id: MessageLogId,
        status: DeliveryStatus,
    },
}

impl FeedEvent {
    /// Its name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            FeedEvent::OrganizationCreated => "organization_created",
            FeedEvent::UserChanged(_) => "user_changed",
            FeedEvent::ApiKeyChanged(_) => "api_key_changed",
            FeedEvent::AssistantChanged(_) => "assistant_changed",
            FeedEvent::PhoneNumberChanged(_) => "phone_number_changed",
            FeedEvent::ConversationStarted { .. } => "conversation_started",
            FeedEvent::ConversationEnded { .. } => "conversation_ended",
            FeedEvent::MessageReceived { .. } => "message_received",
            FeedEvent::AuditKept { .. } => "audit_kept",
            FeedEvent::Imported { .. } => "imported",
            FeedEvent::ConversationArchived { .. } => "conversation_archived",
            FeedEvent::ConversationDeleted { .. } => "conversation_deleted",
            FeedEvent::MessageQueued { .. } => "message_queued",
            FeedEvent::DeliveryChanged { .. } | FeedEvent::DeliveryReached { .. } => "delivery_changed",
            FeedEvent::OptOutsChanged => "opt_outs_changed",
            FeedEvent::CarrierAccountChanged(_) => "carrier_account_changed",
            FeedEvent::ForwardChanged { .. } => "forward_changed",
        }
    }

    /// Every name that [`FeedEvent::name`] gives.
    pub const NAMES: [&'static str; 17] = [
        "organization_created",
        "user_changed",
        "api_key_changed",
        "assistant_changed",
        "phone_number_changed",
        "conversation_started",
        "conversation_ended",
        "message_received",
        "audit_kept",
        "imported",
        "conversation_archived",
        "conversation_deleted",
        "message_queued",
        "delivery_changed",
        "opt_outs_changed",
        "carrier_account_changed",
        "forward_changed",
    ];

    /// The conversation that it is about, if it is about one.
    pub fn call_id(&self) -> Option<CallId> {
        match self {
            FeedEvent::ConversationStarted { call_id }
            | FeedEvent::ConversationEnded { call_id }
            | FeedEvent::ConversationArchived { call_id }
            | FeedEvent::ConversationDeleted { call_id }
            | FeedEvent::MessageReceived { call_id, .. }
            | FeedEvent::MessageQueued { call_id, .. }
            | FeedEvent::ForwardChanged { call_id, .. } => Some(*call_id),
            FeedEvent::DeliveryChanged { call_id, .. } | FeedEvent::DeliveryReached { call_id, .. } => {
                *call_id
            }
            _ => None,
        }
    }
}
