//! The records that are there already, as an import sees them: the same questions of a snapshot,
//! when the input is checked, and of the open transaction, when it is stored.
//!
//! A record is recognised by its id; without one, a user by the email, an API key by its hash, an
//! assistant by the name, a number by itself, a call by channel, customer, number, assistant and
//! start, a log by the carrier's message id, an opt-out by its two numbers. What is there under
//! another id is refused. Messages and audit events without id are judged by their callers.
//!
//! What the first start made gives way to the input's, as long as the organization holds nothing.

use crate::model::account::{ApiKey, KeyHash, User};
use crate::model::assistant::Assistant;
use crate::model::audit::AuditEntry;
use crate::model::call::Call;
use crate::model::feed::FeedEntry;
use crate::model::ids::{
    ApiKeyId, AssistantId, AuditId, CallId, MessageLogId, OrganizationId, PhoneNumberId, UserId,
};
use crate::model::message_log::Provider;
use crate::model::time::Timestamp;
use crate::model::transfer::*;
use crate::store::error::ReadError;
use crate::store::inbound;
use crate::store::key::{self, SerialKey, ThreadKey, ThreadPart};
use crate::store::phone_numbers::numbers;
use crate::store::record;
use crate::store::tables::AnyTables;
use redb::ReadableTable;
use serde::de::DeserializeOwned;

/// A line against the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    New,
    /// There already, and the same.
    Same,
    /// There already and not the same, but it was made by the first start and gives way.
    Replaces,
    /// There already, and not the same, or something else has what only one may have.
    Refused(String),
}

type Found<T> = Result<Option<T>, ReadError>;

/// One organization's records.
pub(super) struct There<'t, T> {
    pub tables: &'t T,
    pub org: OrganizationId,
}

/// What duplicates of a carrier's message are told by; none when the carrier gave no id.
pub(super) fn digest(provider: Provider, provider_message_id: &str) -> Option<[u8; 16]> {
    (!provider_message_id.is_empty()).then(|| inbound::digest(provider, provider_message_id))
}

fn get<K: redb::Key + 'static, R: DeserializeOwned>(
    name: &'static str,
    table: &impl ReadableTable<K, &'static [u8]>,
    key: K::SelfType<'_>,
) -> Found<R> {
    let stored = table.get(key)?;
    stored.map(|bytes| record::decode(name, bytes.value())).transpose()
}

impl<T: AnyTables> There<'_, T> {
    /// Compares a line with the record that it is about. `replaced` tells of which kinds record 1
    /// gave way to an earlier line.
    pub(super) fn judge(
        &self,
        line: &Line,
        now: Timestamp,
        bare: bool,
        replaced: impl Fn(Kind) -> bool,
    ) -> Result<Standing, ReadError> {
        let found = match self.record_of(line, now, replaced)? {
            Ok(found) => found,
            Err(refused) => return Ok(Standing::Refused(refused)),
        };
        let Some(stored) = found else { return Ok(Standing::New) };
        let Some(field) = line.difference(&stored) else { return Ok(Standing::Same) };
        if bare && self.is_of_first_start(&stored)? {
            return Ok(Standing::Replaces);
        }
        match line {
            // The caller has made sure that it is the one that is imported into.
            Line::Organization(_) => Ok(Standing::Same),
            _ => Ok(Standing::Refused(differs(&stored, &field))),
        }
    }

    /// The stored record that a line is about, as a line; or why there cannot be one.
    fn record_of(
        &self,
        line: &Line,
        now: Timestamp,
        replaced: impl Fn(Kind) -> bool,
    ) -> Result<Result<Option<Line>, String>, ReadError> {
        let (tables, org) = (self.tables, self.org);
        Ok(Ok(match line {
            Line::Organization(_) | Line::User(_) | Line::ApiKey(_) => {
                return self.account_of(line, replaced);
            }
            Line::CarrierAccount(line) => {
                if line.provider == Provider::Sandbox {
                    return Ok(Err("provider: the sandbox has no accounts".to_owned()));
                }
                let stored = self.get("carrier_accounts", tables.carrier_accounts(), line.provider as u64)?;
                stored.map(|stored| Line::CarrierAccount(CarrierAccountLine::of(line.provider, &stored)))
            }
            Line::Assistant(line) => {
                let named = |known: &Assistant| known.name == line.name && !known.is_deleted();
                let found = match line.id {
                    Some(id) => self.get("assistants", tables.assistants(), id.0)?.map(|known| (id.0, known)),
                    None => self.find("assistants", tables.assistants(), named)?,
                };
                found.map(|(id, known)| Line::Assistant(AssistantLine::of(Some(AssistantId(id)), &known)))
            }
            Line::PhoneNumber(line) => {
                if let Some(id) = self.deleted_assistant(line.assistant_id)? {
                    return Ok(Err(format!("assistant_id: assistant {id} is deleted")));
                }
                let number = &line.phone_number;
                let stored =
                    get("phone_numbers", tables.phone_numbers(), key::address(org, number).as_slice())?;
                match line.id {
                    Some(id) if stored.is_none() && self.has_number_id(id)? => {
                        return taken("id", Kind::PhoneNumber, id.0);
                    }
                    _ => stored.map(|stored| Line::PhoneNumber(PhoneNumberLine::of(number.clone(), &stored))),
                }
            }
            Line::Call(line) => {
                let found = match line.id {
                    Some(id) => self.call(id)?.map(|call| (id, call)),
                    None => self.call_starting_as(line)?,
                };
                found.map(|(id, call)| Line::Call(CallLine::of(id, &call, now)))
            }
            // Their place in the thread says it.
            Line::Message(_) => None,
            Line::MessageLog(line) => self.log_line(line)?,
            Line::AuditEvent(line) => line.id.map(|id| self.audit_event(id.0)).transpose()?.flatten(),
            Line::OptOut(line) => {
                let (ours, theirs) = (&line.assistant_phone_number, &line.customer_phone_number);
                let stored = get("opt_outs", tables.opt_outs(), key::opt_out(org, ours, theirs).as_slice())?;
                stored.map(|stored| Line::OptOut(OptOutLine::of(ours.clone(), theirs.clone(), &stored)))
            }
            Line::OutboundJob(line) => {
                let key = key::job(org, line.uuid.into_bytes());
                let stored = get("outbound_jobs", tables.outbound_jobs(), &key)?;
                if let (None, Some(key)) = (&stored, &line.idempotency_key)
                    && tables.job_keys().get(&key::job_key(org, key))?.is_some()
                {
                    return Ok(Err("idempotency_key: another outbound_job has it".to_owned()));
                }
                stored.map(|stored| Line::OutboundJob(OutboundJobLine::of(line.uuid, &stored)))
            }
        }))
    }

    fn account_of(
        &self,
        line: &Line,
        replaced: impl Fn(Kind) -> bool,
    ) -> Result<Result<Option<Line>, String>, ReadError> {
        let (tables, org) = (self.tables, self.org);
        let is_others = |other: u64, id: u64| other != id && !(other == 1 && replaced(line.kind()));
        match line {
            Line::User(line) => {
                let wanted = |user: &User| user.email.eq_ignore_ascii_case(&line.email);
                let known = self.find("users", tables.users(), wanted)?.map(|(id, _)| id);
                match (line.id, known) {
                    (Some(UserId(id)), Some(other)) if is_others(other, id) => {
                        taken("email", Kind::User, other)
                    }
                    (given, known) => {
                        let Some(id) = given.or(known.map(UserId)) else { return Ok(Ok(None)) };
                        let stored = self.get("users", tables.users(), id.0)?;
                        Ok(Ok(stored.map(|stored| Line::User(UserLine::of(Some(id), None, None, &stored)))))
                    }
                }
            }
            Line::ApiKey(line) => match (self.api_key_of_hash(&line.key_hash)?, line.id) {
                // Nothing tells what another organization has; a key's hash is no secret of its own.
                (Some((other, _)), _) if other != org => {
                    Ok(Err("key_hash: this key is known already, but not here".to_owned()))
                }
                (Some((_, other)), Some(id)) if is_others(other.0, id.0) => {
                    taken("key_hash", Kind::ApiKey, other.0)
                }
                (known, given) => {
                    let Some(id) = given.or(known.map(|(_, id)| id)) else { return Ok(Ok(None)) };
                    let stored = self.get("api_keys", tables.api_keys(), id.0)?;
                    Ok(Ok(stored.map(|stored| Line::ApiKey(ApiKeyLine::of(Some(id), None, None, &stored)))))
                }
            },
            _ => {
                let stored = get("organizations", tables.organizations(), &key::organization(org))?;
                Ok(Ok(stored.map(|stored| Line::Organization(OrganizationLine::of(&stored)))))
            }
        }
    }

    /// Whether there is such a record. Only those are asked for that can be parents.
    pub(super) fn has(&self, kind: Kind, id: u64) -> Result<bool, ReadError> {
        let key = key::serial(self.org, id);
        Ok(match kind {
            Kind::User => self.tables.users().get(&key)?.is_some(),
            Kind::Assistant => self.tables.assistants().get(&key)?.is_some(),
            Kind::MessageLog => self.tables.message_logs().get(&key)?.is_some(),
            _ => self.tables.threads().get(&key::head(self.org, CallId(id)))?.is_some(),
        })
    }

    /// Whether nothing was made here since the first start but accounts.
    pub(super) fn is_bare(&self) -> Result<bool, ReadError> {
        let (from, to) = (key::serial(self.org, 0), key::serial(self.org, u64::MAX));
        let (any, tables) = (key::starting_with(&key::organization(self.org)), self.tables);
        let any = any.0.as_slice()..=any.1.as_slice();
        Ok(tables.phone_numbers().range(any.clone())?.next().is_none()
            && tables.opt_outs().range(any)?.next().is_none()
            && tables.assistants().range::<&SerialKey>(&from..=&to)?.next().is_none()
            && tables.message_logs().range::<&SerialKey>(&from..=&to)?.next().is_none()
            && tables.audit_entries().range::<&SerialKey>(&from..=&to)?.next().is_none())
    }

    /// Whether the first start made this record. The feed's first event tells when that was.
    fn is_of_first_start(&self, stored: &Line) -> Result<bool, ReadError> {
        let (id, created_at) = match stored {
            Line::Organization(line) => (1, line.created_at),
            Line::User(line) => (line.id.map_or(0, |id| id.0), line.created_at),
            Line::ApiKey(line) => (line.id.map_or(0, |id| id.0), line.created_at),
            _ => return Ok(false),
        };
        let first: Option<FeedEntry> = self.get("feed", self.tables.feed(), 1)?;
        Ok(id == 1 && first.is_some_and(|first| Some(first.at) == created_at))
    }

    fn get<R: DeserializeOwned>(
        &self,
        name: &'static str,
        table: &impl ReadableTable<&'static SerialKey, &'static [u8]>,
        id: u64,
    ) -> Found<R> {
        get(name, table, &key::serial(self.org, id))
    }

    /// The first record that is wanted. Walks them all: for tables of few records.
    fn find<R: DeserializeOwned>(
        &self,
        name: &'static str,
        table: &impl ReadableTable<&'static SerialKey, &'static [u8]>,
        wanted: impl Fn(&R) -> bool,
    ) -> Found<(u64, R)> {
        let range = key::serial_range(self.org);
        for row in table.range::<&SerialKey>(range.start()..=range.end())? {
            let (key, bytes) = row?;
            let record = record::decode(name, bytes.value())?;
            if wanted(&record) {
                return Ok(Some((key::serial_id(key.value()), record)));
            }
        }
        Ok(None)
    }

    /// The oldest user.
    pub(super) fn first_user(&self) -> Found<UserId> {
        Ok(self.find("users", self.tables.users(), |_: &User| true)?.map(|(id, _)| UserId(id)))
    }

    /// The key with this hash, in any organization.
    fn api_key_of_hash(&self, hash: &KeyHash) -> Found<(OrganizationId, ApiKeyId)> {
        for row in self.tables.api_keys().range::<&SerialKey>(..)? {
            let (key, bytes) = row?;
            if record::decode::<ApiKey>("api_keys", bytes.value())?.hash == *hash {
                let id = ApiKeyId(key::serial_id(key.value()));
                return Ok(Some((key::organization_of(key.value()), id)));
            }
        }
        Ok(None)
    }

    fn deleted_assistant(&self, id: Option<AssistantId>) -> Found<AssistantId> {
        let Some(id) = id else { return Ok(None) };
        let stored: Option<Assistant> = self.get("assistants", self.tables.assistants(), id.0)?;
        Ok(stored.filter(Assistant::is_deleted).map(|_| id))
    }

    fn has_number_id(&self, id: PhoneNumberId) -> Result<bool, ReadError> {
        Ok(numbers(self.tables.phone_numbers(), self.org)?.iter().any(|(_, number)| number.id == id))
    }

    fn call(&self, id: CallId) -> Found<Call> {
        get("threads", self.tables.threads(), &key::head(self.org, id))
    }

    /// The call record that a line without an id is about.
    fn call_starting_as(&self, line: &CallLine) -> Found<(CallId, Call)> {
        let key = |id| {
            let (customer, assistant) = (&line.customer_phone_number, line.assistant_id);
            key::customer(self.org, customer, assistant, line.started_at, CallId(id))
        };
        // Ids stand complemented in the key.
        let (from, to) = (key(u64::MAX), key(0));
        for row in self.tables.calls_by_customer().range(from.as_slice()..=to.as_slice())? {
            let id = key::customer_call(row?.0.value());
            if let Some(call) = self.call(id)?.filter(|call| line.starts_as(call)) {
                return Ok(Some((id, call)));
            }
        }
        Ok(None)
    }

    /// A message against the one at its place, if there is one.
    pub(super) fn judge_message(&self, line: &Line, call: CallId, index: u32) -> Result<Standing, ReadError> {
        let key = key::thread(self.org, call, ThreadPart::Message, u64::from(index));
        let Some(bytes) = self.tables.threads().get(&key)? else { return Ok(Standing::New) };
        let stored = Line::Message(MessageLine::of(call, index, &record::decode("threads", bytes.value())?));
        let difference = line.difference(&stored);
        Ok(difference.map_or(Standing::Same, |field| Standing::Refused(differs(&stored, &field))))
    }

    fn log_line(&self, line: &MessageLogLine) -> Found<Line> {
        let digest = digest(line.provider, &line.provider_message_id);
        let id = match (line.id, digest) {
            (Some(id), _) => Some(id.0),
            (None, Some(digest)) => self.log_of_carrier(&digest, line.created_at)?,
            (None, None) => None,
        };
        let Some(id) = id else { return Ok(None) };
        let Some(stored) = self.get("message_logs", self.tables.message_logs(), id)? else {
            return Ok(None);
        };
        let payload = self.get("raw_payloads", self.tables.raw_payloads(), id)?;
        Ok(Some(Line::MessageLog(MessageLogLine::of(Some(MessageLogId(id)), payload, &stored))))
    }

    /// The log of a carrier's message, when it was kept within two weeks of `at`.
    pub(super) fn log_of_carrier(&self, digest: &[u8; 16], at: Timestamp) -> Found<u64> {
        Ok(inbound::seen_before(self.tables.dedupe(), self.org, at, digest)?)
    }

    /// The event with this id, which is a step of an entry.
    fn audit_event(&self, id: u64) -> Found<Line> {
        let (from, to) = (key::serial(self.org, 0), key::serial(self.org, id));
        let Some(row) = self.tables.audit_entries().range::<&SerialKey>(&from..=&to)?.next_back() else {
            return Ok(None);
        };
        let (key, bytes) = row?;
        let first = key::serial_id(key.value());
        let entry: AuditEntry = record::decode("audit_entries", bytes.value())?;
        let Some(step) = usize::try_from(id - first).ok().and_then(|at| entry.steps.get(at)) else {
            return Ok(None);
        };
        let payload = self.get("audit_payloads", self.tables.audit_payloads(), first)?;
        Ok(Some(Line::AuditEvent(AuditEventLine::of(AuditId(id), &entry, step, payload))))
    }

    pub(super) fn audits_of(&self, call: CallId) -> Result<Vec<AuditEntry>, ReadError> {
        let key = |number| key::thread(self.org, call, ThreadPart::Audit, number);
        let mut entries = Vec::new();
        for row in self.tables.threads().range::<&ThreadKey>(&key(0)..=&key(u64::MAX))? {
            let id = key::thread_number(row?.0.value());
            entries.extend(self.get::<AuditEntry>("audit_entries", self.tables.audit_entries(), id)?);
        }
        Ok(entries)
    }
}

fn taken<T>(what: &str, kind: Kind, by: u64) -> Result<Result<T, String>, ReadError> {
    Ok(Err(format!("{what}: it is that of {} {by} already", words(kind))))
}

fn differs(stored: &Line, field: &str) -> String {
    let name = match stored {
        Line::Message(line) => {
            format!("message {} of call {}", line.message_index.unwrap_or(0), line.call_id)
        }
        Line::PhoneNumber(line) => format!("number {}", line.phone_number),
        _ => match stored.id() {
            Some(id) => format!("{} {id}", words(stored.kind())),
            None => format!("this {}", words(stored.kind())),
        },
    };
    format!("{name} is there already, and with another {field}")
}

fn words(kind: Kind) -> String {
    kind.name().replace('_', " ")
}
