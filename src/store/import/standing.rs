//! Whether a line's record is there already, and whether it is the same.
//!
//! A record is recognised by its id; without one, a user by the email, an API key by its hash, an
//! assistant by the name, a number by itself, a call by channel, customer, number, assistant and
//! start, a log by the carrier's message id, an opt-out by its two numbers. What is there under
//! another id is refused. Messages and audit events without id are judged by their callers.

use super::existing::{Existing, digest};
use crate::model::account::User;
use crate::model::ids::OrganizationId;
use crate::model::time::Timestamp;
use crate::model::transfer::{
    ApiKeyLine, AssistantLine, AuditEventLine, CallLine, Difference, Line, MessageLogLine, PhoneNumberLine,
    UserLine,
};
use crate::store::error::ReadError;

/// A line against the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    New,
    /// There already, and the same.
    Same,
    /// There already, and not the same, or something else has what only one may have.
    Refused(String),
}

type Judged = Result<Standing, ReadError>;

pub(super) fn judge(there: &dyn Existing, org: OrganizationId, line: &Line, now: Timestamp) -> Judged {
    match line {
        // The caller has made sure that it is the one that is imported into.
        Line::Organization(_) => Ok(Standing::Same),
        Line::User(line) => user(there, org, line),
        Line::ApiKey(line) => api_key(there, org, line),
        Line::Assistant(line) => assistant(there, org, line),
        Line::PhoneNumber(line) => number(there, org, line),
        Line::Call(line) => call(there, org, line, now),
        // Their place in the thread says it.
        Line::Message(_) => Ok(Standing::New),
        Line::MessageLog(line) => log(there, org, line),
        Line::AuditEvent(line) => audit(there, org, line),
        Line::OptOut(line) => {
            let stored = there.opt_out(org, &line.assistant_phone_number, &line.customer_phone_number)?;
            Ok(compared(stored.map(|stored| line.difference(&stored)), || "this opt-out".to_owned()))
        }
        Line::OutboundJob(line) => {
            let stored = there.job(org, line.uuid.into_bytes())?;
            let name = || format!("outbound job {}", line.uuid);
            Ok(compared(stored.map(|stored| line.difference(&stored)), name))
        }
    }
}

/// `None`: it is not there; else in which field it differs.
fn compared(found: Option<Difference>, name: impl Fn() -> String) -> Standing {
    match found {
        None => Standing::New,
        Some(None) => Standing::Same,
        Some(Some(field)) => Standing::Refused(differs(&name(), field)),
    }
}

pub(super) fn differs(name: &str, field: &str) -> String {
    format!("{name} is there already, and with another {field}")
}

fn taken(what: &str, by: impl std::fmt::Display) -> Judged {
    Ok(Standing::Refused(format!("{what} is that of {by} already")))
}

fn user(there: &dyn Existing, org: OrganizationId, line: &UserLine) -> Judged {
    let of_email = there.user_of_email(org, &line.email)?;
    let Some(id) = line.id else {
        let difference = |(_, stored): (u64, User)| line.difference(&stored);
        return Ok(compared(of_email.map(difference), || "a user with this email".to_owned()));
    };
    match of_email {
        Some((other, _)) if other != id.0 => taken("email: it", format_args!("user {other}")),
        _ => {
            let stored = there.user(org, id.0)?;
            Ok(compared(stored.map(|stored| line.difference(&stored)), || format!("user {id}")))
        }
    }
}

fn api_key(there: &dyn Existing, org: OrganizationId, line: &ApiKeyLine) -> Judged {
    let known = there.api_key_of_hash(&line.key_hash)?;
    match (known, line.id) {
        // Nothing tells what another organization has; a key's hash is no secret of its own.
        (Some((other, _)), _) if other != org => {
            Ok(Standing::Refused("key_hash: this key is known already, but not here".to_owned()))
        }
        (Some((_, other)), Some(id)) if other != id => taken("key_hash: it", format_args!("key {other}")),
        (known, given) => {
            let Some(id) = given.or(known.map(|(_, id)| id)) else {
                return Ok(Standing::New);
            };
            let stored = there.api_key(org, id.0)?;
            Ok(compared(stored.map(|stored| line.difference(&stored)), || format!("API key {id}")))
        }
    }
}

fn assistant(there: &dyn Existing, org: OrganizationId, line: &AssistantLine) -> Judged {
    let (stored, name) = match line.id {
        Some(id) => (there.assistant(org, id.0)?, format!("assistant {id}")),
        None => (there.assistant_of_name(org, &line.name)?, "an assistant of this name".to_owned()),
    };
    Ok(compared(stored.map(|stored| line.difference(&stored)), || name.clone()))
}

fn number(there: &dyn Existing, org: OrganizationId, line: &PhoneNumberLine) -> Judged {
    let stored = there.number(org, &line.phone_number)?;
    if let Some(id) = line.assistant_id
        && there.assistant(org, id.0)?.is_some_and(|assistant| assistant.is_deleted())
    {
        return Ok(Standing::Refused(format!("assistant_id: assistant {id} is deleted")));
    }
    match line.id {
        Some(id) if stored.is_none() && there.has_number_id(org, id.0)? => taken("id: it", "another number"),
        _ => {
            let name = || format!("number {}", line.phone_number);
            Ok(compared(stored.map(|stored| line.difference(&stored)), name))
        }
    }
}

fn call(there: &dyn Existing, org: OrganizationId, line: &CallLine, now: Timestamp) -> Judged {
    let (stored, name) = match line.id {
        Some(id) => (there.call(org, id)?, format!("call {id}")),
        None => (there.call_starting_as(org, line)?, "this call".to_owned()),
    };
    Ok(compared(stored.map(|stored| line.difference(&stored, now)), || name.clone()))
}

fn log(there: &dyn Existing, org: OrganizationId, line: &MessageLogLine) -> Judged {
    let digest = digest(line.provider, &line.provider_message_id);
    let id = match (line.id, digest) {
        (Some(id), _) => Some(id.0),
        (None, Some(digest)) => there.log_of_carrier(org, &digest, line.created_at)?,
        (None, None) => None,
    };
    let Some(id) = id else {
        return Ok(Standing::New);
    };
    let Some(stored) = there.log(org, id)? else {
        return Ok(Standing::New);
    };
    let payload = if line.raw_payload.is_some() { there.log_payload(org, id)? } else { None };
    let difference = line.difference(&stored, payload.as_ref());
    Ok(compared(Some(difference), || format!("message log {id}")))
}

fn audit(there: &dyn Existing, org: OrganizationId, line: &AuditEventLine) -> Judged {
    let Some(id) = line.id else {
        return Ok(Standing::New);
    };
    let Some((first, entry)) = there.audit(org, id.0)? else {
        return Ok(Standing::New);
    };
    let payload = if line.raw_payload.is_some() { there.audit_payload(org, first)? } else { None };
    let step = usize::try_from(id.0 - first).ok().and_then(|at| entry.steps.get(at));
    // An entry without steps says nothing, and has an id all the same.
    let difference = step.map_or(Some("event_type"), |step| line.difference(&entry, step, payload.as_ref()));
    Ok(compared(Some(difference), || format!("audit event {id}")))
}
