//! Storing an import: batches of checked lines, each one command, between which live traffic goes
//! on. Every batch leaves a whole database; run again, it stores nothing twice.
//!
//! What was checked may have changed since: each record is judged once more before it is written.
//! One that is refused then stops the import; those before it in the batch stay.

mod existing;
mod standing;
mod threads;

pub use standing::Standing;

use self::existing::{Existing, digest};
use self::threads::Threads;
use super::assistants::put_assistant;
use super::directory::DirectoryChange;
use super::error::ReadError;
use super::inbound::bucket;
use super::key::{self, ThreadKey, ThreadPart};
use super::phone_numbers::{next_number_id, put_number};
use super::record;
use super::sequences::Sequences;
use super::snapshot::Snapshot;
use super::transaction::{Command, Tx, TxError};
use super::users::put_user;
use crate::model::feed::FeedEvent;
use crate::model::ids::{CallId, OrganizationId, PhoneNumberId, UserId};
use crate::model::message::Message;
use crate::model::time::Timestamp;
use crate::model::transfer::{
    ApiKeyLine, AssistantLine, AuditEventLine, Line, MessageLogLine, OutboundJobLine, Parent,
    PhoneNumberLine, UserLine,
};
use std::collections::HashSet;
use std::sync::Arc;

/// A line with what the check found out about its thread.
#[derive(Clone, Debug)]
pub struct ImportRecord {
    /// Where it stands in the input, from 1.
    pub line_number: u64,
    pub line: Line,
    pub place: Place,
}

/// Where a call or message stands in its thread; other records have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    None,
    /// A call: how many messages of it are in the input, and when the last of them was.
    Call {
        messages: u32,
        last_activity: Timestamp,
        settled: Option<Settled>,
    },
    /// A message: its index. With the last one of a call that is in the input, the thread settles.
    Message {
        index: u32,
        settled: Option<Settled>,
    },
}

/// An SMS conversation once all of its messages are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    pub expires_at: Timestamp,
    /// Its session lives, unless another conversation of the same session was active later.
    pub lives: bool,
}

/// The highest given id of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HighestIds {
    pub user: u64,
    pub api_key: u64,
    pub assistant: u64,
    pub phone_number: u64,
    pub call: u64,
    pub message: u64,
    pub message_log: u64,
    pub audit: u64,
}

/// Sets ids aside, so that none that is assigned from now on is one that the input gives.
#[derive(Clone, Copy, Debug)]
pub struct ReserveIds {
    pub organization: OrganizationId,
    pub highest: HighestIds,
}

impl Command for ReserveIds {
    /// The last message id that was assigned before.
    type Outcome = u64;
    const NAME: &'static str = "reserve_ids";

    fn run(&self, tx: &mut Tx<'_>) -> Result<u64, TxError> {
        let sequences = tx.sequences(self.organization)?;
        let before = sequences.message;
        let HighestIds { user, api_key, assistant, phone_number, call, message, message_log, audit } =
            self.highest;
        for (sequence, highest) in [
            (&mut sequences.user, user),
            (&mut sequences.api_key, api_key),
            (&mut sequences.assistant, assistant),
            (&mut sequences.phone_number, phone_number),
            (&mut sequences.call, call),
            (&mut sequences.message, message),
            (&mut sequences.message_log, message_log),
            (&mut sequences.audit, audit),
        ] {
            *sequence = highest.max(*sequence);
        }
        Ok(before)
    }
}

/// Some records, parents before children, in the order of the input.
#[derive(Clone, Debug)]
pub struct ImportBatch {
    pub organization: OrganizationId,
    pub now: Timestamp,
    pub session_ttl_seconds: u64,
    pub records: Arc<Vec<ImportRecord>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportBatchOutcome {
    pub stored: u64,
    /// There already.
    pub skipped: u64,
    /// The line that stopped the batch, and why. Those after it were not looked at.
    pub refused: Option<(u64, String)>,
}

impl Command for ImportBatch {
    type Outcome = ImportBatchOutcome;
    const NAME: &'static str = "import_batch";

    fn run(&self, tx: &mut Tx<'_>) -> Result<ImportBatchOutcome, TxError> {
        let mut outcome = ImportBatchOutcome { stored: 0, skipped: 0, refused: None };
        let mut threads = Threads::new(self);
        for record in self.records.iter() {
            match self.apply(tx, &mut threads, record)? {
                Standing::New => outcome.stored += 1,
                Standing::Same => outcome.skipped += 1,
                Standing::Refused(reason) => {
                    outcome.refused = Some((record.line_number, reason));
                    break;
                }
            }
        }
        let calls = threads.finish(tx)?;
        if outcome.stored > 0 {
            let records = u32::try_from(outcome.stored).unwrap_or(u32::MAX);
            tx.append_feed(self.organization, self.now, FeedEvent::Imported { records, calls })?;
        }
        Ok(outcome)
    }
}

impl ImportBatch {
    /// Stores one record if it is new.
    fn apply(
        &self,
        tx: &mut Tx<'_>,
        threads: &mut Threads<'_>,
        record: &ImportRecord,
    ) -> Result<Standing, TxError> {
        for (field, parent) in record.line.parents().into_iter().flatten() {
            if !threads.has(tx, parent)? {
                return Ok(Standing::Refused(format!("{field}: it is not there any more")));
            }
        }
        match (&record.line, record.place) {
            (Line::Message(line), Place::Message { index, settled }) => {
                return threads.message(tx, line, index, settled);
            }
            // What it had is gone, or is just being purged.
            (
                Line::MessageLog(MessageLogLine { call_id, .. })
                | Line::OutboundJob(OutboundJobLine { call_id, .. }),
                _,
            ) if threads.is_archived(tx, *call_id)? => return Ok(Standing::Same),
            (Line::Call(line), _) => threads.make_findable(tx, line.id)?,
            (Line::AuditEvent(line), _) if line.id.is_none() && threads.has_audit(tx, line)? => {
                return Ok(Standing::Same);
            }
            _ => {}
        }
        let standing = standing::judge(&tx.tables, self.organization, &record.line, self.now)?;
        if standing == Standing::New {
            self.store(tx, threads, &record.line, record.place)?;
        }
        Ok(standing)
    }

    fn store(
        &self,
        tx: &mut Tx<'_>,
        threads: &mut Threads<'_>,
        line: &Line,
        place: Place,
    ) -> Result<(), TxError> {
        let org = self.organization;
        match line {
            Line::Organization(_) | Line::Message(_) => Ok(()),
            Line::User(line) => self.user(tx, line),
            Line::ApiKey(line) => self.api_key(tx, line),
            Line::Assistant(line) => self.assistant(tx, line),
            Line::PhoneNumber(line) => self.number(tx, line),
            Line::Call(line) => threads.start(tx, line, place),
            Line::MessageLog(line) => self.log(tx, threads, line),
            Line::AuditEvent(line) => self.audit(tx, line),
            Line::OptOut(line) => {
                let key = key::opt_out(org, &line.assistant_phone_number, &line.customer_phone_number);
                let (tables, bytes) = tx.encoded(&line.opt_out());
                tables.opt_outs.insert(key.as_slice(), bytes)?;
                Ok(())
            }
            Line::OutboundJob(line) => {
                let (tables, bytes) = tx.encoded(&line.job());
                tables.outbound_jobs.insert(&key::job(org, line.uuid.into_bytes()), bytes)?;
                line.call_id.map_or(Ok(()), |call| tx.link_job(org, call, line.uuid.into_bytes()))
            }
        }
    }

    fn user(&self, tx: &mut Tx<'_>, line: &UserLine) -> Result<(), TxError> {
        let sequences = tx.sequences(self.organization)?;
        let id = given_or_next(&mut sequences.user, line.id.map(|id| id.0));
        put_user(tx, self.organization, UserId(id), &line.user(self.now), self.now)
    }

    fn api_key(&self, tx: &mut Tx<'_>, line: &ApiKeyLine) -> Result<(), TxError> {
        let sequences = tx.sequences(self.organization)?;
        let id = given_or_next(&mut sequences.api_key, line.id.map(|id| id.0));
        let api_key = line.api_key(self.now);
        let (tables, bytes) = tx.encoded(&api_key);
        tables.api_keys.insert(&key::serial(self.organization, id), bytes)?;
        let id = crate::model::ids::ApiKeyId(id);
        tx.changes.push(DirectoryChange::ApiKey(self.organization, id, api_key));
        Ok(())
    }

    fn assistant(&self, tx: &mut Tx<'_>, line: &AssistantLine) -> Result<(), TxError> {
        // An assistant that nobody is named for is the oldest user's.
        let owner = tx.tables.first_user(self.organization)?.unwrap_or(UserId(1));
        let sequences = tx.sequences(self.organization)?;
        let id = given_or_next(&mut sequences.assistant, line.id.map(|id| id.0));
        let id = crate::model::ids::AssistantId(id);
        put_assistant(tx, self.organization, id, &line.assistant(owner, self.now))
    }

    fn number(&self, tx: &mut Tx<'_>, line: &PhoneNumberLine) -> Result<(), TxError> {
        let id = match line.id {
            Some(PhoneNumberId(id)) => {
                let sequences = tx.sequences(self.organization)?;
                PhoneNumberId(given_or_next(&mut sequences.phone_number, Some(id)))
            }
            None => next_number_id(tx, self.organization)?,
        };
        put_number(tx, self.organization, &line.phone_number, &line.number(id, self.now))
    }

    fn log(&self, tx: &mut Tx<'_>, threads: &mut Threads<'_>, line: &MessageLogLine) -> Result<(), TxError> {
        let org = self.organization;
        let call = match line.call_id {
            Some(id) => threads.call(tx, id)?,
            None => None,
        };
        let log = line.log(call.map(|call| call.assistant_id));
        let sequences = tx.sequences(org)?;
        let id = given_or_next(&mut sequences.message_log, line.id.map(|id| id.0));
        let key = key::serial(org, id);
        let (tables, bytes) = tx.encoded(&log);
        tables.message_logs.insert(&key, bytes)?;
        if let Some(payload) = &line.raw_payload {
            let (tables, bytes) = tx.encoded(&payload.payload());
            tables.raw_payloads.insert(&key, bytes)?;
        }
        // A carrier's retry after the move is recognised by this. One that came before stays.
        if let Some(digest) = digest(log.provider, &log.provider_message_id)
            && tx.tables.log_of_carrier(org, &digest, log.created_at)?.is_none()
        {
            tx.tables.dedupe.insert(&key::dedupe(org, bucket(log.created_at), &digest), id)?;
        }
        match log.call_id {
            Some(call) => tx.link(org, call, ThreadPart::Log, id),
            None => Ok(()),
        }
    }

    fn audit(&self, tx: &mut Tx<'_>, line: &AuditEventLine) -> Result<(), TxError> {
        let org = self.organization;
        let sequences = tx.sequences(org)?;
        let id = given_or_next(&mut sequences.audit, line.id.map(|id| id.0));
        let key = key::serial(org, id);
        let (tables, bytes) = tx.encoded(&line.entry());
        tables.audit_entries.insert(&key, bytes)?;
        if let Some(payload) = &line.raw_payload {
            let (tables, bytes) = tx.encoded(&payload.payload());
            tables.audit_payloads.insert(&key, bytes)?;
        }
        match line.call_id {
            Some(call) => tx.link(org, call, ThreadPart::Audit, id),
            None => Ok(()),
        }
    }
}

/// A given id, which the sequence then has reached, or the next one.
fn given_or_next(sequence: &mut u64, given: Option<u64>) -> u64 {
    let id = given.unwrap_or(*sequence + 1);
    *sequence = id.max(*sequence);
    id
}

/// What the check of an input asks.
impl Snapshot {
    /// Whether a line's record is there already. A message's is judged by [`Snapshot::message_at`].
    pub fn import_standing(
        &self,
        organization: OrganizationId,
        line: &Line,
        now: Timestamp,
    ) -> Result<Standing, ReadError> {
        standing::judge(&self.tables, organization, line, now)
    }

    pub fn import_parent(&self, organization: OrganizationId, parent: Parent) -> Result<bool, ReadError> {
        has(&self.tables, organization, parent)
    }

    pub fn message_at(
        &self,
        organization: OrganizationId,
        call: CallId,
        index: u32,
    ) -> Result<Option<Message<'static>>, ReadError> {
        self.tables.message(organization, call, index)
    }

    /// The last message id that was assigned.
    pub fn last_message_id(&self, organization: OrganizationId) -> Result<u64, ReadError> {
        let Some(bytes) = self.tables.sequences.get(&key::organization(organization))? else {
            return Ok(0);
        };
        Ok(record::decode::<Sequences>("sequences", bytes.value())?.message)
    }

    /// The ids of all messages. Reads every thread.
    pub fn message_ids(&self, organization: OrganizationId) -> Result<HashSet<u64>, ReadError> {
        let (from, to) = (key::head(organization, CallId(0)), key::head(organization, CallId(u64::MAX)));
        let mut ids = HashSet::new();
        for row in self.tables.threads.range::<&ThreadKey>(&from..=&to)? {
            let (key, bytes) = row?;
            if key::thread_part(key.value()) == Some(ThreadPart::Message) {
                ids.insert(record::decode::<Message<'_>>("threads", bytes.value())?.id.0);
            }
        }
        Ok(ids)
    }
}

fn has(there: &dyn Existing, org: OrganizationId, parent: Parent) -> Result<bool, ReadError> {
    Ok(match parent {
        Parent::User(id) => there.user(org, id.0)?.is_some(),
        Parent::Assistant(id) => there.assistant(org, id.0)?.is_some(),
        Parent::Call(id) => there.call(org, id)?.is_some(),
        Parent::MessageLog(id) => there.log(org, id.0)?.is_some(),
    })
}

/// What a refusal calls the message at this place.
pub(super) fn message_name(call: CallId, index: u32) -> String {
    format!("message {index} of call {call}")
}
