//! The lines: one struct a record type, every stored field in its place. A field that may be left
//! out is optional; its table says what stands in for it, and which field of the record it is.
//! Calls, messages and audit events are not stored field by field: see `records` and `call`.

use crate::model::account::{ApiKey, KeyHash, Organization, PasswordHash, Role, User};
use crate::model::address::Address;
use crate::model::assistant::PhoneNumber;
use crate::model::audit::Level;
use crate::model::call::{Channel, Direction, JsonText};
use crate::model::carrier_account::CarrierAccount;
use crate::model::ids::{
    ApiKeyId, AssistantId, AuditId, CallId, MessageId, MessageLogId, PhoneNumberId, UserId,
};
use crate::model::message;
use crate::model::message_log::{DeliveryStatus, MessageLog, Provider, RawPayload};
use crate::model::opt_out::OptOut;
use crate::model::outbound::{JobStatus, OutboundJob, Purpose};
use crate::model::time::Timestamp;
use crate::model::webhook_secret::WebhookSecret;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Declares a line and how it and its record become each other. In parentheses stands what the
/// record does not hold itself, its key for the most part; then `field: type = field of the record`,
/// with `or` and what stands in when it is left out. A line knows the `type` that stood beside its
/// fields; [`super::Line`] writes it.
macro_rules! line {
    ($(#[$whole:meta])* $line:ident ($($key:ident: $key_type:ty),*) = $record:ident |$this:ident $(, $arg:ident: $arg_type:ty)*| {
        $($(#[$attr:meta])* $field:ident: $type:ty = $stored:ident $(or $default:expr)?;)*
    }) => {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        $(#[$whole])*
        pub struct $line {
            #[serde(rename = "type", default, skip_serializing)]
            pub tag: IgnoredAny,
            $(pub $key: $key_type,)*
            $($(#[$attr])* pub $field: $type,)*
        }

        impl $line {
            pub fn record(&self $(, $arg: $arg_type)*) -> $record {
                let $this = self;
                $record { $($stored: $this.$field.clone()$(.unwrap_or_else(|| $default))?.into(),)* }
            }

            pub fn of($($key: $key_type,)* stored: &$record) -> $line {
                $line { tag: IgnoredAny, $($key,)* $($field: stored.$stored.clone().into(),)* }
            }
        }
    };
}

line! {
    #[serde(deny_unknown_fields)]
    OrganizationLine() = Organization |line, now: Timestamp| {
        slug: String = slug;
        name: Option<String> = name or line.slug.clone();
        created_at: Option<Timestamp> = created_at or now;
    }
}

line! {
    #[serde(deny_unknown_fields)]
    UserLine(id: Option<UserId>, last_login_at: Option<Timestamp>, login_count: Option<u64>) = User |line, now: Timestamp| {
        email: String = email;
        first_name: Option<String> = first_name;
        last_name: Option<String> = last_name;
        role: Role = role;
        password_hash: Option<PasswordHash> = password;
        is_active: Option<bool> = is_active or true;
        created_at: Option<Timestamp> = created_at or now;
        updated_at: Option<Timestamp> = updated_at or line.created_at.unwrap_or(now);
    }
}

line! {
    #[serde(deny_unknown_fields)]
    ApiKeyLine(id: Option<ApiKeyId>, last_used_at: Option<Timestamp>, usage_count: Option<u64>) = ApiKey |line, now: Timestamp| {
        user_id: UserId = user_id;
        name: String = name;
        key_prefix: String = key_prefix;
        key_hash: KeyHash = hash;
        role: Role = role;
        created_at: Option<Timestamp> = created_at or now;
        updated_at: Option<Timestamp> = updated_at or line.created_at.unwrap_or(now);
        expires_at: Option<Timestamp> = expires_at;
        revoked_at: Option<Timestamp> = revoked_at;
    }
}

line! {
    #[serde(deny_unknown_fields)]
    CarrierAccountLine(provider: Provider) = CarrierAccount |line, now: Timestamp| {
        account_id: Option<String> = account_id;
        secret: Option<String> = secret;
        #[serde(default)]
        verifying: Vec<String> = verifying;
        signature_method: Option<String> = signature_method;
        updated_at: Option<Timestamp> = updated_at or now;
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssistantLine {
    #[serde(rename = "type", default, skip_serializing)]
    pub tag: IgnoredAny,
    pub id: Option<AssistantId>,
    pub user_id: Option<UserId>,
    pub name: String,
    pub description: Option<String>,
    pub llm_provider: Option<String>,
    pub webhook_url: Option<String>,
    pub sms_webhook_url: Option<String>,
    pub messaging_service_sid: Option<String>,
    pub custom_settings: Option<JsonText>,
    pub is_active: Option<bool>,
    /// Kept for the name in its conversations.
    pub is_deleted: Option<bool>,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
    /// Only in an export with secrets.
    pub sms_webhook_secrets: Option<Vec<WebhookSecret>>,
    /// The fields that we do not know, beside the others in the line.
    #[serde(skip_deserializing, flatten, serialize_with = "super::extra::serialize")]
    pub extra: JsonText,
}

line! {
    #[serde(deny_unknown_fields)]
    PhoneNumberLine(phone_number: Address) = PhoneNumber |line, id: PhoneNumberId, now: Timestamp| {
        id: Option<PhoneNumberId> = id or id;
        provider: Provider = provider;
        assistant_id: Option<AssistantId> = assistant_id;
        friendly_name: Option<String> = friendly_name;
        is_active: Option<bool> = is_active or true;
        created_at: Option<Timestamp> = created_at or now;
        updated_at: Option<Timestamp> = updated_at or line.created_at.unwrap_or(now);
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallLine {
    #[serde(rename = "type", default, skip_serializing)]
    pub tag: IgnoredAny,
    pub id: Option<CallId>,
    pub channel: Channel,
    pub direction: Direction,
    pub assistant_id: AssistantId,
    pub customer_phone_number: Address,
    pub assistant_phone_number: Address,
    pub status: String,
    pub message_count: Option<u32>,
    pub started_at: Timestamp,
    pub last_activity: Option<Timestamp>,
    /// When the session ends unless another message comes; SMS only.
    pub expires_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// In seconds.
    pub duration: Option<u64>,
    pub call_meta: Option<JsonText>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageLine {
    #[serde(rename = "type", default, skip_serializing)]
    pub tag: IgnoredAny,
    pub id: Option<MessageId>,
    pub call_id: CallId,
    pub message_index: Option<u32>,
    pub role: message::Role,
    pub content: String,
    pub timestamp: Timestamp,
    pub llm_provider: Option<String>,
    pub llm_model: Option<String>,
}

line! {
    #[serde(deny_unknown_fields)]
    MessageLogLine(id: Option<MessageLogId>, raw_payload: Option<RawPayload>) = MessageLog |line| {
        call_id: Option<CallId> = call_id;
        assistant_id: Option<AssistantId> = assistant_id;
        provider: Provider = provider;
        provider_message_id: String = provider_message_id;
        direction: Direction = direction;
        from_number: Number = from;
        to_number: Number = to;
        body: String = body;
        #[serde(default)]
        media_urls: Vec<String> = media_urls;
        segment_count: Option<u32> = segment_count or 1;
        status: DeliveryStatus = status;
        provider_status: Option<String> = provider_status or String::new();
        error_code: Option<String> = error_code;
        error_message: Option<String> = error_message;
        created_at: Timestamp = created_at;
        updated_at: Option<Timestamp> = updated_at or line.created_at;
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditEventLine {
    #[serde(rename = "type", default, skip_serializing)]
    pub tag: IgnoredAny,
    pub id: Option<AuditId>,
    pub call_id: Option<CallId>,
    pub log_id: Option<MessageLogId>,
    pub timestamp: Timestamp,
    pub event_type: String,
    pub level: Option<Level>,
    pub message: String,
    pub event_data: Option<JsonText>,
    /// Of a webhook that made no message log.
    pub raw_payload: Option<RawPayload>,
}

line! {
    #[serde(deny_unknown_fields)]
    OptOutLine(assistant_phone_number: Address, customer_phone_number: Address) = OptOut |line| {
        opted_out_at: Timestamp = at;
        how: Option<String> = how or "import".to_owned();
    }
}

line! {
    #[serde(deny_unknown_fields)]
    OutboundJobLine(uuid: Uuid) = OutboundJob |line| {
        call_id: Option<CallId> = call_id;
        log_id: Option<MessageLogId> = log_id;
        provider: Provider = provider;
        from_number: Number = from;
        to_number: Number = to;
        body: String = body;
        #[serde(default)]
        media_urls: Vec<String> = media_urls;
        status: JobStatus = status;
        idempotency_key: Option<String> = idempotency_key;
        provider_message_id: Option<String> = provider_message_id;
        error_code: Option<String> = error_code;
        error_message: Option<String> = error_message;
        attempts: Option<u32> = attempts or 0;
        due_at: Option<Timestamp> = due_at or line.created_at;
        created_at: Timestamp = created_at;
        updated_at: Option<Timestamp> = updated_at or line.created_at;
        purpose: Option<Purpose> = purpose or Purpose::Message;
    }
}

/// An address that a record holds as text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number(Address);

impl From<String> for Number {
    fn from(stored: String) -> Number {
        Number(Address::stored(stored))
    }
}

impl From<Number> for String {
    fn from(number: Number) -> String {
        number.0.to_string()
    }
}
