//! Storing an import: batches of checked lines, each one command, between which live traffic goes
//! on. Every batch leaves a whole database; run again, it stores nothing twice.
//!
//! What was checked may have changed since: each record is judged once more before it is written.
//! One that is refused then stops the import; those before it in the batch stay.

mod recognised;
mod there;
mod threads;

pub use there::Standing;

use self::recognised::Recognised;
use self::there::{There, digest};
use self::threads::Threads;
use super::accounts::{put_key, put_organization};
use super::assistants::put_assistant;
use super::carrier_accounts::put_account;
use super::dashboard_sessions;
use super::directory::DirectoryChange;
use super::error::ReadError;
use super::key::{self, ThreadKey, ThreadPart};
use super::phone_numbers::put_number;
use super::record;
use super::sequences::Sequences;
use super::snapshot::Snapshot;
use super::transaction::{Command, Tx, TxError};
use super::users::put_user;
use crate::model::account::{ApiKey, Usage, Used};
use crate::model::feed::FeedEvent;
use crate::model::ids::{ApiKeyId, AssistantId, CallId, MessageLogId, OrganizationId, PhoneNumberId, UserId};
use crate::model::message::Message;
use crate::model::outbound::decide_arrival;
use crate::model::time::Timestamp;
use crate::model::transfer::{AuditEventLine, Kind, Line, MessageLogLine, OutboundJobLine};
use redb::ReadableTable;
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

/// Sets ids aside, so that none that is assigned from now on is one that the input gives.
#[derive(Clone, Copy, Debug)]
pub struct ReserveIds {
    pub organization: OrganizationId,
    /// The highest given id of each kind.
    pub highest: Sequences,
}

impl Command for ReserveIds {
    /// The last message id that was assigned before.
    type Outcome = u64;
    const NAME: &'static str = "reserve_ids";

    fn run(&self, tx: &mut Tx<'_>) -> Result<u64, TxError> {
        let sequences = tx.sequences(self.organization)?;
        let (before, mut given) = (sequences.message, self.highest);
        for kind in Kind::ALL {
            if let (Some(last), Some(given)) = (sequences.of(*kind), given.of(*kind)) {
                *last = (*last).max(*given);
            }
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
    /// When the input was checked, the organization held nothing: what the first start made gives way.
    pub bare: bool,
    pub records: Arc<Vec<ImportRecord>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportBatchOutcome {
    pub stored: u64,
    /// There already.
    pub skipped: u64,
    /// How many of those that were stored took the place of what the first start had made.
    pub replaced: u64,
    /// The line that stopped the batch, and why. Those after it were not looked at.
    pub refused: Option<(u64, String)>,
}

impl Command for ImportBatch {
    type Outcome = ImportBatchOutcome;
    const NAME: &'static str = "import_batch";

    fn run(&self, tx: &mut Tx<'_>) -> Result<ImportBatchOutcome, TxError> {
        let mut outcome = ImportBatchOutcome { stored: 0, skipped: 0, replaced: 0, refused: None };
        let mut threads = Threads::new(self);
        let mut recognised = Recognised::new(self.organization);
        for record in self.records.iter() {
            match self.apply(tx, &mut threads, &mut recognised, record)? {
                Standing::New => outcome.stored += 1,
                Standing::Replaces => {
                    (outcome.stored, outcome.replaced) = (outcome.stored + 1, outcome.replaced + 1)
                }
                Standing::Same => outcome.skipped += 1,
                Standing::Refused(reason) => {
                    outcome.refused = Some((record.line_number, reason));
                    break;
                }
            }
        }
        recognised.flush(tx)?;
        let calls = threads.finish(tx)?;
        if outcome.stored > 0 {
            let records = u32::try_from(outcome.stored).unwrap_or(u32::MAX);
            tx.append_feed(self.organization, self.now, FeedEvent::Imported { records, calls })?;
        }
        Ok(outcome)
    }
}

impl ImportBatch {
    /// Stores records of which none is there yet, all or none of them: they are not judged once more.
    pub(super) fn fill(&self, tx: &mut Tx<'_>) -> Result<(), TxError> {
        let mut threads = Threads::new(self);
        let mut recognised = Recognised::new(self.organization);
        for ImportRecord { line_number, line, place } in self.records.iter() {
            let standing = match (line, *place) {
                (Line::Message(message), Place::Message { index, settled }) => {
                    threads.message(tx, line, message, index, settled)?
                }
                (_, place) => {
                    self.store(tx, &mut threads, &mut recognised, line, place)?;
                    Standing::New
                }
            };
            if let Standing::Refused(reason) = standing {
                return Err(TxError::Damaged(format!("line {line_number}: {reason}")));
            }
        }
        recognised.flush(tx)?;
        let calls = threads.finish(tx)?;
        let records = u32::try_from(self.records.len()).unwrap_or(u32::MAX);
        tx.append_feed(self.organization, self.now, FeedEvent::Imported { records, calls })
    }

    /// Stores one record if it is new.
    fn apply(
        &self,
        tx: &mut Tx<'_>,
        threads: &mut Threads<'_>,
        recognised: &mut Recognised,
        record: &ImportRecord,
    ) -> Result<Standing, TxError> {
        let line = &record.line;
        for (field, kind, id) in line.parents().into_iter().flatten() {
            if !threads.has(tx, kind, id)? {
                return Ok(Standing::Refused(format!("{field}: it is not there any more")));
            }
        }
        match (line, record.place) {
            (Line::Message(message), Place::Message { index, settled }) => {
                return threads.message(tx, line, message, index, settled);
            }
            // What it had is gone, or is just being purged.
            (
                Line::MessageLog(MessageLogLine { call_id, .. })
                | Line::OutboundJob(OutboundJobLine { call_id, .. }),
                _,
            ) if threads.is_archived(tx, *call_id)? => return Ok(Standing::Same),
            (Line::MessageLog(log), _) if log.id.is_none() => recognised.flush(tx)?,
            (Line::Call(call), _) => threads.make_findable(tx, call.id)?,
            (Line::AuditEvent(event), _) if event.id.is_none() && threads.has_audit(tx, event)? => {
                return Ok(Standing::Same);
            }
            _ => {}
        }
        let standing = there(&tx.tables, self.organization).judge(line, self.now, self.bare, |_| false)?;
        if matches!(standing, Standing::New | Standing::Replaces) {
            self.store(tx, threads, recognised, line, record.place)?;
        }
        Ok(standing)
    }

    fn store(
        &self,
        tx: &mut Tx<'_>,
        threads: &mut Threads<'_>,
        recognised: &mut Recognised,
        line: &Line,
        place: Place,
    ) -> Result<(), TxError> {
        let (org, now) = (self.organization, self.now);
        let id = given_or_next(tx, org, line)?;
        match line {
            Line::Organization(line) => put_organization(tx, org, &line.record(now)),
            Line::User(line) => {
                // Whoever this one takes the place of is not signed in any more.
                dashboard_sessions::end(tx, org, |session| session.user_id == UserId(id))?;
                put_user(tx, org, UserId(id), &line.record(now), now)?;
                let usage = Usage { count: line.login_count.unwrap_or(0), last_used_at: line.last_login_at };
                dashboard_sessions::put_usage(tx, org, Used::User(UserId(id)), usage)
            }
            Line::ApiKey(line) => {
                let replaced = tx.tables.api_keys.get(&key::serial(org, id))?;
                let replaced = replaced.map(|bytes| record::decode::<ApiKey>("api_keys", bytes.value()));
                tx.changes.extend(replaced.transpose()?.map(|key| DirectoryChange::ApiKeyGone(key.hash)));
                put_key(tx, org, ApiKeyId(id), &line.record(now), now)?;
                let usage = Usage { count: line.usage_count.unwrap_or(0), last_used_at: line.last_used_at };
                tx.changes.push(DirectoryChange::Used(line.key_hash, usage));
                dashboard_sessions::put_usage(tx, org, Used::ApiKey(ApiKeyId(id)), usage)
            }
            Line::CarrierAccount(line) => put_account(tx, org, line.provider, &line.record(now)),
            Line::Assistant(line) => {
                // An assistant that nobody is named for is the oldest user's.
                let owner = there(&tx.tables, org).first_user()?.unwrap_or(UserId(1));
                put_assistant(tx, org, AssistantId(id), &line.record(owner, now))
            }
            Line::PhoneNumber(line) => {
                put_number(tx, org, &line.phone_number, &line.record(PhoneNumberId(id), now))
            }
            Line::Call(line) => threads.start(tx, line, CallId(id), place),
            Line::Message(_) => Ok(()),
            Line::MessageLog(line) => self.log(tx, threads, recognised, line, id),
            Line::AuditEvent(line) => self.audit(tx, line, id),
            Line::OptOut(line) => {
                let key = key::opt_out(org, &line.assistant_phone_number, &line.customer_phone_number);
                let (tables, bytes) = tx.encoded(&line.record());
                tables.opt_outs.insert(key.as_slice(), bytes)?;
                Ok(())
            }
            Line::OutboundJob(line) => {
                let job = line.record();
                let job = decide_arrival(&job).unwrap_or(job);
                tx.put_job(org, line.uuid.into_bytes(), None, &job)?;
                line.call_id.map_or(Ok(()), |call| tx.link_job(org, call, line.uuid.into_bytes()))
            }
        }
    }

    fn log(
        &self,
        tx: &mut Tx<'_>,
        threads: &mut Threads<'_>,
        recognised: &mut Recognised,
        line: &MessageLogLine,
        id: u64,
    ) -> Result<(), TxError> {
        let org = self.organization;
        let mut log = line.record();
        if let (None, Some(call)) = (log.assistant_id, line.call_id) {
            log.assistant_id = threads.call(tx, call)?.map(|call| call.assistant_id);
        }
        let key = key::serial(org, id);
        tx.insert_log(org, MessageLogId(id), &log)?;
        if let Some(payload) = &line.raw_payload {
            let (tables, bytes) = tx.encoded(payload);
            tables.raw_payloads.insert(&key, bytes)?;
        }
        if let Some(digest) = digest(log.provider, &log.provider_message_id) {
            recognised.add(tx, digest, log.created_at, id)?;
        }
        match log.call_id {
            Some(call) => tx.link(org, call, ThreadPart::Log, id),
            None => Ok(()),
        }
    }

    fn audit(&self, tx: &mut Tx<'_>, line: &AuditEventLine, id: u64) -> Result<(), TxError> {
        let org = self.organization;
        let key = key::serial(org, id);
        let (tables, bytes) = tx.encoded(&line.entry());
        tables.audit_entries.insert(&key, bytes)?;
        if let Some(payload) = &line.raw_payload {
            let (tables, bytes) = tx.encoded(payload);
            tables.audit_payloads.insert(&key, bytes)?;
        }
        match line.call_id {
            Some(call) => tx.link(org, call, ThreadPart::Audit, id),
            None => Ok(()),
        }
    }
}

fn there<T>(tables: &T, org: OrganizationId) -> There<'_, T> {
    There { tables, org }
}

/// A line's id, which its sequence then has reached, or the next one; 0 for what has none.
fn given_or_next(tx: &mut Tx<'_>, org: OrganizationId, line: &Line) -> Result<u64, TxError> {
    let Some(last) = tx.sequences(org)?.of(line.kind()) else { return Ok(0) };
    let id = line.id().unwrap_or(*last + 1);
    *last = id.max(*last);
    Ok(id)
}

/// What the check of an input asks.
impl Snapshot {
    /// Whether a line's record is there already. A message's is judged by
    /// [`Snapshot::import_message`].
    pub fn import_standing(
        &self,
        organization: OrganizationId,
        line: &Line,
        now: Timestamp,
        bare: bool,
        replaced: impl Fn(Kind) -> bool,
    ) -> Result<Standing, ReadError> {
        there(&self.tables, organization).judge(line, now, bare, replaced)
    }

    pub fn import_message(
        &self,
        organization: OrganizationId,
        line: &Line,
        call: CallId,
        index: u32,
    ) -> Result<Standing, ReadError> {
        there(&self.tables, organization).judge_message(line, call, index)
    }

    pub fn import_parent(
        &self,
        organization: OrganizationId,
        kind: Kind,
        id: u64,
    ) -> Result<bool, ReadError> {
        there(&self.tables, organization).has(kind, id)
    }

    /// Whether the organization holds nothing but accounts.
    pub fn is_bare(&self, organization: OrganizationId) -> Result<bool, ReadError> {
        there(&self.tables, organization).is_bare()
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
