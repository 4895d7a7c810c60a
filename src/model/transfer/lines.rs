//! The lines: one struct a record type, every stored field in its place. A field that may be left
//! out is optional here; what stands in for it is said where lines become records.

use super::wire;
use crate::model::account;
use crate::model::account::{KeyHash, PasswordHash};
use crate::model::address::Address;
use crate::model::audit::Level;
use crate::model::call::{Channel, Direction, JsonText};
use crate::model::ids::{
    ApiKeyId, AssistantId, AuditId, CallId, MessageId, MessageLogId, PhoneNumberId, UserId,
};
use crate::model::message::Role;
use crate::model::message_log::{DeliveryStatus, Provider};
use crate::model::outbound::JobStatus;
use crate::model::time::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Declares lines. Each knows the `type` that stood beside its fields; [`super::Line`] writes it.
macro_rules! lines {
    ($($(#[$whole:meta])* $name:ident { $($(#[$attr:meta])* $field:ident: $type:ty,)* })*) => {$(
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        $(#[$whole])*
        pub struct $name {
            #[serde(rename = "type", default, skip_serializing)]
            pub tag: IgnoredAny,
            $($(#[$attr])* pub $field: $type,)*
        }
    )*};
}

lines! {
    #[serde(deny_unknown_fields)]
    OrganizationLine {
        slug: String,
        name: Option<String>,
        #[serde(default, with = "wire::option")]
        created_at: Option<Timestamp>,
    }

    #[serde(deny_unknown_fields)]
    UserLine {
        #[serde(default, with = "wire::option")]
        id: Option<UserId>,
        email: String,
        first_name: Option<String>,
        last_name: Option<String>,
        role: account::Role,
        #[serde(default, with = "wire::option")]
        password_hash: Option<PasswordHash>,
        is_active: Option<bool>,
        #[serde(default, with = "wire::option")]
        created_at: Option<Timestamp>,
        #[serde(default, with = "wire::option")]
        updated_at: Option<Timestamp>,
    }

    #[serde(deny_unknown_fields)]
    ApiKeyLine {
        #[serde(default, with = "wire::option")]
        id: Option<ApiKeyId>,
        #[serde(with = "wire")]
        user_id: UserId,
        name: String,
        key_prefix: String,
        #[serde(with = "wire")]
        key_hash: KeyHash,
        role: account::Role,
        #[serde(default, with = "wire::option")]
        created_at: Option<Timestamp>,
        #[serde(default, with = "wire::option")]
        updated_at: Option<Timestamp>,
        #[serde(default, with = "wire::option")]
        expires_at: Option<Timestamp>,
        #[serde(default, with = "wire::option")]
        revoked_at: Option<Timestamp>,
    }

    AssistantLine {
        #[serde(default, with = "wire::option")]
        id: Option<AssistantId>,
        #[serde(default, with = "wire::option")]
        user_id: Option<UserId>,
        name: String,
        description: Option<String>,
        llm_provider: Option<String>,
        webhook_url: Option<String>,
        sms_webhook_url: Option<String>,
        messaging_service_sid: Option<String>,
        #[serde(default, with = "wire::option")]
        custom_settings: Option<JsonText>,
        is_active: Option<bool>,
        /// Kept for the names in its conversations.
        is_deleted: Option<bool>,
        #[serde(default, with = "wire::option")]
        created_at: Option<Timestamp>,
        #[serde(default, with = "wire::option")]
        updated_at: Option<Timestamp>,
        /// The fields that we do not know, beside the others in the line.
        #[serde(skip_deserializing, flatten, serialize_with = "super::extra::serialize")]
        extra: JsonText,
    }

    #[serde(deny_unknown_fields)]
    PhoneNumberLine {
        #[serde(default, with = "wire::option")]
        id: Option<PhoneNumberId>,
        #[serde(with = "wire")]
        phone_number: Address,
        provider: Provider,
        #[serde(default, with = "wire::option")]
        assistant_id: Option<AssistantId>,
        friendly_name: Option<String>,
        is_active: Option<bool>,
        #[serde(default, with = "wire::option")]
        created_at: Option<Timestamp>,
        #[serde(default, with = "wire::option")]
        updated_at: Option<Timestamp>,
    }

    #[serde(deny_unknown_fields)]
    CallLine {
        #[serde(default, with = "wire::option")]
        id: Option<CallId>,
        channel: Channel,
        direction: Direction,
        #[serde(with = "wire")]
        assistant_id: AssistantId,
        #[serde(with = "wire")]
        customer_phone_number: Address,
        #[serde(with = "wire")]
        assistant_phone_number: Address,
        status: String,
        message_count: Option<u32>,
        #[serde(with = "wire")]
        started_at: Timestamp,
        #[serde(default, with = "wire::option")]
        last_activity: Option<Timestamp>,
        /// When the session ends unless another message comes; SMS only.
        #[serde(default, with = "wire::option")]
        expires_at: Option<Timestamp>,
        #[serde(default, with = "wire::option")]
        ended_at: Option<Timestamp>,
        /// In seconds.
        duration: Option<u64>,
        #[serde(default, with = "wire::option")]
        call_meta: Option<JsonText>,
    }

    #[serde(deny_unknown_fields)]
    MessageLine {
        #[serde(default, with = "wire::option")]
        id: Option<MessageId>,
        #[serde(with = "wire")]
        call_id: CallId,
        message_index: Option<u32>,
        role: Role,
        content: String,
        #[serde(with = "wire")]
        timestamp: Timestamp,
        llm_provider: Option<String>,
        llm_model: Option<String>,
    }

    #[serde(deny_unknown_fields)]
    MessageLogLine {
        #[serde(default, with = "wire::option")]
        id: Option<MessageLogId>,
        #[serde(default, with = "wire::option")]
        call_id: Option<CallId>,
        #[serde(default, with = "wire::option")]
        assistant_id: Option<AssistantId>,
        provider: Provider,
        provider_message_id: String,
        direction: Direction,
        #[serde(with = "wire")]
        from_number: Address,
        #[serde(with = "wire")]
        to_number: Address,
        body: String,
        #[serde(default)]
        media_urls: Vec<String>,
        segment_count: Option<u32>,
        status: DeliveryStatus,
        provider_status: Option<String>,
        error_code: Option<String>,
        error_message: Option<String>,
        #[serde(with = "wire")]
        created_at: Timestamp,
        #[serde(default, with = "wire::option")]
        updated_at: Option<Timestamp>,
        raw_payload: Option<RawPayloadPart>,
    }

    #[serde(deny_unknown_fields)]
    AuditEventLine {
        #[serde(default, with = "wire::option")]
        id: Option<AuditId>,
        #[serde(default, with = "wire::option")]
        call_id: Option<CallId>,
        #[serde(default, with = "wire::option")]
        log_id: Option<MessageLogId>,
        #[serde(with = "wire")]
        timestamp: Timestamp,
        event_type: String,
        level: Option<Level>,
        message: String,
        #[serde(default, with = "wire::option")]
        event_data: Option<JsonText>,
        /// Of a webhook that made no message log.
        raw_payload: Option<RawPayloadPart>,
    }

    #[serde(deny_unknown_fields)]
    OptOutLine {
        #[serde(with = "wire")]
        assistant_phone_number: Address,
        #[serde(with = "wire")]
        customer_phone_number: Address,
        #[serde(with = "wire")]
        opted_out_at: Timestamp,
        how: Option<String>,
    }

    #[serde(deny_unknown_fields)]
    OutboundJobLine {
        #[serde(with = "wire")]
        uuid: Uuid,
        #[serde(default, with = "wire::option")]
        call_id: Option<CallId>,
        #[serde(default, with = "wire::option")]
        log_id: Option<MessageLogId>,
        provider: Provider,
        #[serde(with = "wire")]
        from_number: Address,
        #[serde(with = "wire")]
        to_number: Address,
        body: String,
        #[serde(default)]
        media_urls: Vec<String>,
        status: JobStatus,
        idempotency_key: Option<String>,
        provider_message_id: Option<String>,
        error_code: Option<String>,
        error_message: Option<String>,
        attempts: Option<u32>,
        #[serde(default, with = "wire::option")]
        due_at: Option<Timestamp>,
        #[serde(with = "wire")]
        created_at: Timestamp,
        #[serde(default, with = "wire::option")]
        updated_at: Option<Timestamp>,
    }
}

/// What a carrier really sent, within the line of its log or audit event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPayloadPart {
    #[serde(with = "wire")]
    pub received_at: Timestamp,
    pub method: String,
    pub path_and_query: String,
    pub content_type: String,
    /// In base64.
    #[serde(with = "wire")]
    pub body: Vec<u8>,
}
