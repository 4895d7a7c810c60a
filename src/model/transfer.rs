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

pub use errors::LineError;
pub(super) use errors::did_you_mean;
pub use lines::{
    ApiKeyLine, AssistantLine, AuditEventLine, CallLine, CarrierAccountLine, MessageLine, MessageLogLine,
    OptOutLine, OrganizationLine, OutboundJobLine, PhoneNumberLine, UserLine,
};

use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

macro_rules! kinds {
    ($($kind:ident $line:ident $name:literal)*) => {
        /// What a record is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($kind,)* }

        impl Kind {
            pub const ALL: &[Kind] = &[$(Kind::$kind,)*];

            /// The `type` in its line.
            pub fn name(self) -> &'static str {
                match self { $(Kind::$kind => $name,)* }
            }
        }

        /// One record.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        #[allow(clippy::large_enum_variant, reason = "the large ones are the frequent ones")]
        pub enum Line { $($kind($line),)* }

        impl Line {
            pub fn kind(&self) -> Kind {
                match self { $(Line::$kind(_) => Kind::$kind,)* }
            }
        }

        fn parse_as(kind: Kind, line: &str) -> Result<Line, LineError> {
            Ok(match kind { $(Kind::$kind => Line::$kind(fields(line)?),)* })
        }
    };
}

kinds! {
    Organization OrganizationLine "organization"
    User UserLine "user"
    ApiKey ApiKeyLine "api_key"
    CarrierAccount CarrierAccountLine "carrier_account"
    Assistant AssistantLine "assistant"
    PhoneNumber PhoneNumberLine "phone_number"
    Call CallLine "call"
    Message MessageLine "message"
    MessageLog MessageLogLine "message_log"
    AuditEvent AuditEventLine "audit_event"
    OptOut OptOutLine "opt_out"
    OutboundJob OutboundJobLine "outbound_job"
}

/// What only one record of an organization can have: a field of a kind of record with this value,
/// an id or the hash of a text.
pub type Claim = (Kind, &'static str, u64);

/// A record that must be there before the one whose field names it.
pub type Parent = (&'static str, Kind, u64);

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
    let mut parsed = match kind_at_start(line).map(|kind| parse_as(kind, line)) {
        Some(Ok(parsed)) => parsed,
        // What is wrong with a line is told in one way, wherever its `type` stands.
        _ => parse_tagged(line)?,
    };
    if let Line::Assistant(known) = &mut parsed {
        known.extra = extra::of(line, known).map_err(|error| errors::explain(line, &error))?;
    }
    parsed.check()?;
    Ok(parsed)
}

/// The kind of a line that begins with its `type`, as those of an export do: such a line is read once.
fn kind_at_start(line: &str) -> Option<Kind> {
    let name = line.strip_prefix("{\"type\":")?.trim_start_matches(' ').strip_prefix('"')?;
    let (name, _) = name.split_once('"')?;
    Kind::ALL.iter().copied().find(|kind| kind.name() == name)
}

fn parse_tagged(line: &str) -> Result<Line, LineError> {
    let Tag { name } = fields(line)?;
    let Some(kind) = Kind::ALL.iter().find(|kind| kind.name() == name) else {
        let near = errors::did_you_mean(&name, Kind::ALL.iter().map(|kind| kind.name()));
        return Err(LineError(format!("unknown type `{name}`{near}")));
    };
    parse_as(*kind, line)
}

fn fields<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, LineError> {
    serde_json::from_str(line).map_err(|error| errors::explain(line, &error))
}

impl Line {
    /// The id that it gives its record.
    pub fn id(&self) -> Option<u64> {
        match self {
            Line::User(line) => line.id.map(|id| id.0),
            Line::ApiKey(line) => line.id.map(|id| id.0),
            Line::Assistant(line) => line.id.map(|id| id.0),
            Line::PhoneNumber(line) => line.id.map(|id| id.0),
            Line::Call(line) => line.id.map(|id| id.0),
            Line::Message(line) => line.id.map(|id| id.0),
            Line::MessageLog(line) => line.id.map(|id| id.0),
            Line::AuditEvent(line) => line.id.map(|id| id.0),
            Line::Organization(_) | Line::CarrierAccount(_) | Line::OptOut(_) | Line::OutboundJob(_) => None,
        }
    }

    /// The records that must be there before this one.
    pub fn parents(&self) -> [Option<Parent>; 2] {
        let call = |id: super::ids::CallId| ("call_id", Kind::Call, id.0);
        let log = |id: super::ids::MessageLogId| ("log_id", Kind::MessageLog, id.0);
        let assistant = |id: super::ids::AssistantId| ("assistant_id", Kind::Assistant, id.0);
        match self {
            Line::Organization(_)
            | Line::User(_)
            | Line::CarrierAccount(_)
            | Line::Assistant(_)
            | Line::OptOut(_) => [None, None],
            Line::ApiKey(line) => [Some(("user_id", Kind::User, line.user_id.0)), None],
            Line::PhoneNumber(line) => [line.assistant_id.map(assistant), None],
            Line::Call(line) => [Some(assistant(line.assistant_id)), None],
            Line::Message(line) => [Some(call(line.call_id)), None],
            Line::MessageLog(line) => [line.call_id.map(call), line.assistant_id.map(assistant)],
            Line::AuditEvent(line) => [line.call_id.map(call), line.log_id.map(log)],
            Line::OutboundJob(line) => [line.call_id.map(call), line.log_id.map(log)],
        }
    }

    /// What no other record may have: of two lines with one claim, the second is the first one
    /// again or is refused.
    pub fn claims(&self) -> [Option<Claim>; 2] {
        let (kind, id) = (self.kind(), self.id());
        let known_by = match self {
            Line::User(line) => Some(("email", hash(&line.email.to_ascii_lowercase()))),
            Line::ApiKey(line) => Some(("key_hash", hash(&line.key_hash))),
            Line::CarrierAccount(line) => Some(("provider", hash(&line.provider))),
            Line::PhoneNumber(line) => Some(("phone_number", hash(&line.phone_number))),
            Line::OptOut(line) => {
                let pair = (&line.assistant_phone_number, &line.customer_phone_number);
                Some(("customer_phone_number", hash(&pair)))
            }
            Line::OutboundJob(line) => Some(("uuid", hash(&line.uuid))),
            Line::Assistant(line) if id.is_none() => Some(("name", hash(&line.name))),
            Line::Call(line) if id.is_none() => Some(("started_at", hash(&line.start()))),
            Line::MessageLog(line) if id.is_none() => {
                Some(("provider_message_id", hash(&(line.provider, &line.provider_message_id))))
            }
            _ => None,
        };
        [id.map(|id| (kind, "id", id)), known_by.map(|(field, value)| (kind, field, value))]
    }

    /// Equal for lines that say the same, however they are spaced and ordered.
    pub fn fingerprint(&self) -> u64 {
        let said = "what was parsed can be written";
        match self {
            // Of its unknown fields nobody knows how many there are.
            Line::Assistant(_) => hash(&serde_json::to_vec(self).expect(said)),
            _ => hash(&postcard::to_stdvec(self).expect(said)),
        }
    }

    /// When something happened, each time with its field. What lies ahead by its nature (an
    /// expiry, a job that is due) is not among them. A time that is still to come would stamp the
    /// live messages that follow it in its thread, so the importer refuses it.
    pub fn past_times(&self) -> [(&'static str, Option<Timestamp>); 3] {
        let made = |created, updated| [("created_at", created), ("updated_at", updated), ("", None)];
        let once = |field, time| [(field, Some(time)), ("", None), ("", None)];
        match self {
            Line::Organization(line) => made(line.created_at, None),
            Line::CarrierAccount(line) => made(None, line.updated_at),
            Line::User(line) => made(line.created_at, line.updated_at),
            Line::Assistant(line) => made(line.created_at, line.updated_at),
            Line::PhoneNumber(line) => made(line.created_at, line.updated_at),
            Line::MessageLog(line) => made(Some(line.created_at), line.updated_at),
            Line::OutboundJob(line) => made(Some(line.created_at), line.updated_at),
            Line::ApiKey(line) => [
                ("created_at", line.created_at),
                ("updated_at", line.updated_at),
                ("revoked_at", line.revoked_at),
            ],
            Line::Call(line) => [
                ("started_at", Some(line.started_at)),
                ("last_activity", line.last_activity),
                ("ended_at", line.ended_at),
            ],
            Line::Message(line) => once("timestamp", line.timestamp),
            Line::AuditEvent(line) => once("timestamp", line.timestamp),
            Line::OptOut(line) => once("opted_out_at", line.opted_out_at),
        }
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
