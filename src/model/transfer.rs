//! Moving data: NDJSON lines, one record each. [`parse`] takes a line to a typed record or says
//! what is wrong with it; serializing a [`Line`] writes what `parse` reads. What follows from the
//! lines before and from what is stored already is not judged here.
//!
//! A field that comes twice is an error, `null` is the same as left out, and a field that is not
//! known is an error, except an assistant's: those are kept.

mod call;
mod errors;
mod extra;
mod lines;
mod records;
mod times;
mod wire;

pub use errors::LineError;
pub use lines::{
    ApiKeyLine, AssistantLine, AuditEventLine, CallLine, MessageLine, MessageLogLine, OptOutLine,
    OrganizationLine, OutboundJobLine, PhoneNumberLine, RawPayloadPart, UserLine,
};
pub use records::Difference;

use super::ids::{AssistantId, CallId, MessageLogId, UserId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

/// One record. The `type` in the line is the variant's name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "the large ones are the frequent ones")]
pub enum Line {
    Organization(OrganizationLine),
    User(UserLine),
    ApiKey(ApiKeyLine),
    Assistant(AssistantLine),
    PhoneNumber(PhoneNumberLine),
    Call(CallLine),
    Message(MessageLine),
    MessageLog(MessageLogLine),
    AuditEvent(AuditEventLine),
    OptOut(OptOutLine),
    OutboundJob(OutboundJobLine),
}

const TYPES: [&str; 11] = [
    "organization",
    "user",
    "api_key",
    "assistant",
    "phone_number",
    "call",
    "message",
    "message_log",
    "audit_event",
    "opt_out",
    "outbound_job",
];

/// Another record that a line names; it must be there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parent {
    User(UserId),
    Assistant(AssistantId),
    Call(CallId),
    MessageLog(MessageLogId),
}

/// What only one record of an organization can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    User(u64),
    Email(u64),
    ApiKey(u64),
    KeyHash(u64),
    Assistant(u64),
    AssistantName(u64),
    PhoneNumber(u64),
    Number(u64),
    Call(u64),
    CallStart(u64),
    Message(u64),
    MessageLog(u64),
    CarrierMessage(u64),
    AuditEvent(u64),
    OptOut(u64),
    OutboundJob(u64),
}

impl Claim {
    /// The fields that make it.
    pub fn field(self) -> &'static str {
        match self {
            Claim::Email(_) => "email",
            Claim::KeyHash(_) => "key_hash",
            Claim::AssistantName(_) => "name",
            Claim::Number(_) => "phone_number",
            Claim::CallStart(_) => "started_at",
            Claim::CarrierMessage(_) => "provider_message_id",
            Claim::OptOut(_) => "customer_phone_number",
            Claim::OutboundJob(_) => "uuid",
            Claim::User(_)
            | Claim::ApiKey(_)
            | Claim::Assistant(_)
            | Claim::PhoneNumber(_)
            | Claim::Call(_)
            | Claim::Message(_)
            | Claim::MessageLog(_)
            | Claim::AuditEvent(_) => "id",
        }
    }
}

#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(rename = "type", borrow)]
    name: Cow<'a, str>,
}

/// Reads one line, which is not blank.
pub fn parse(line: &str) -> Result<Line, LineError> {
    if !line.trim_start().starts_with('{') {
        return Err(LineError("not a JSON object".to_owned()));
    }
    let tag: Tag<'_> = serde_json::from_str(line).map_err(|error| errors::explain(line, &error))?;
    let parsed = match tag.name.as_ref() {
        "organization" => Line::Organization(fields(line)?),
        "user" => Line::User(fields(line)?),
        "api_key" => Line::ApiKey(fields(line)?),
        "assistant" => Line::Assistant(assistant(line)?),
        "phone_number" => Line::PhoneNumber(fields(line)?),
        "call" => Line::Call(fields(line)?),
        "message" => Line::Message(fields(line)?),
        "message_log" => Line::MessageLog(fields(line)?),
        "audit_event" => Line::AuditEvent(fields(line)?),
        "opt_out" => Line::OptOut(fields(line)?),
        "outbound_job" => Line::OutboundJob(fields(line)?),
        other => {
            let near = errors::did_you_mean(other, TYPES.into_iter());
            return Err(LineError(format!("unknown type `{other}`{near}")));
        }
    };
    parsed.check()?;
    Ok(parsed)
}

fn fields<T: DeserializeOwned>(line: &str) -> Result<T, LineError> {
    serde_json::from_str(line).map_err(|error| errors::explain(line, &error))
}

fn assistant(line: &str) -> Result<AssistantLine, LineError> {
    const KNOWN: [&str; 14] = [
        "type",
        "id",
        "user_id",
        "name",
        "description",
        "llm_provider",
        "webhook_url",
        "sms_webhook_url",
        "messaging_service_sid",
        "custom_settings",
        "is_active",
        "is_deleted",
        "created_at",
        "updated_at",
    ];
    let parsed: AssistantLine = fields(line)?;
    let extra = extra::of(line, &KNOWN).map_err(|error| errors::explain(line, &error))?;
    Ok(AssistantLine { extra, ..parsed })
}

impl Line {
    pub fn type_name(&self) -> &'static str {
        match self {
            Line::Organization(_) => "organization",
            Line::User(_) => "user",
            Line::ApiKey(_) => "api_key",
            Line::Assistant(_) => "assistant",
            Line::PhoneNumber(_) => "phone_number",
            Line::Call(_) => "call",
            Line::Message(_) => "message",
            Line::MessageLog(_) => "message_log",
            Line::AuditEvent(_) => "audit_event",
            Line::OptOut(_) => "opt_out",
            Line::OutboundJob(_) => "outbound_job",
        }
    }

    /// The records that must be there before this one, each with the field that names it.
    pub fn parents(&self) -> [Option<(&'static str, Parent)>; 2] {
        let user = |id| Some(("user_id", Parent::User(id)));
        let assistant = |id| Some(("assistant_id", Parent::Assistant(id)));
        let call = |id| Some(("call_id", Parent::Call(id)));
        let log = |id| Some(("log_id", Parent::MessageLog(id)));
        match self {
            Line::Organization(_) | Line::User(_) | Line::Assistant(_) | Line::OptOut(_) => [None, None],
            Line::ApiKey(line) => [user(line.user_id), None],
            Line::PhoneNumber(line) => [line.assistant_id.and_then(assistant), None],
            Line::Call(line) => [assistant(line.assistant_id), None],
            Line::Message(line) => [call(line.call_id), None],
            Line::MessageLog(line) => [line.call_id.and_then(call), line.assistant_id.and_then(assistant)],
            Line::AuditEvent(line) => [line.call_id.and_then(call), line.log_id.and_then(log)],
            Line::OutboundJob(line) => [line.call_id.and_then(call), line.log_id.and_then(log)],
        }
    }

    /// What no other record may have: of two lines with one claim, the second is the first one
    /// again or is refused. Texts stand as their hashes.
    pub fn claims(&self) -> [Option<Claim>; 2] {
        match self {
            Line::Organization(_) => [None, None],
            Line::User(line) => [
                line.id.map(|id| Claim::User(id.0)),
                Some(Claim::Email(hash(&line.email.to_ascii_lowercase()))),
            ],
            Line::ApiKey(line) => {
                [line.id.map(|id| Claim::ApiKey(id.0)), Some(Claim::KeyHash(hash(&line.key_hash)))]
            }
            Line::Assistant(line) => match line.id {
                Some(id) => [Some(Claim::Assistant(id.0)), None],
                None => [Some(Claim::AssistantName(hash(&line.name))), None],
            },
            Line::PhoneNumber(line) => {
                [line.id.map(|id| Claim::PhoneNumber(id.0)), Some(Claim::Number(hash(&line.phone_number)))]
            }
            Line::Call(line) => [
                Some(line.id.map_or_else(|| Claim::CallStart(hash(&line.start())), |id| Claim::Call(id.0))),
                None,
            ],
            Line::Message(line) => [line.id.map(|id| Claim::Message(id.0)), None],
            Line::MessageLog(line) => {
                let carrier = || Claim::CarrierMessage(hash(&(line.provider, &line.provider_message_id)));
                [Some(line.id.map_or_else(carrier, |id| Claim::MessageLog(id.0))), None]
            }
            Line::AuditEvent(line) => [line.id.map(|id| Claim::AuditEvent(id.0)), None],
            Line::OptOut(line) => {
                let pair = (&line.assistant_phone_number, &line.customer_phone_number);
                [Some(Claim::OptOut(hash(&pair))), None]
            }
            Line::OutboundJob(line) => [Some(Claim::OutboundJob(hash(&line.uuid))), None],
        }
    }

    /// Equal for lines that say the same, however they are spaced and ordered.
    pub fn fingerprint(&self) -> u64 {
        struct Sink(DefaultHasher);
        impl std::io::Write for Sink {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.write(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut sink = Sink(DefaultHasher::new());
        serde_json::to_writer(&mut sink, self)
            .expect("what was parsed can be written, and hashing cannot fail");
        sink.0.finish()
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
