//! Archiving: with one commit a conversation is gone for every reader. Its contents are removed in that
//! commit, or, of a huge thread, in steps after it that are commands of their own, so that live commits go
//! on between them. What is left to do is a row in `purges`, which a restart finds again. A record that is
//! deleted (see `forget`) goes the same way, itself at last.
//!
//! What tells duplicates stays: a carrier's late retry brings nothing back.

use super::error::ReadError;
use super::key::{self, SerialKey, ThreadKey, ThreadPart};
use super::read_marks;
use super::sequences::Count;
use super::snapshot::Snapshot;
use super::tables::AnyTables;
use super::transaction::{Command, Tx, TxError};
use crate::model::call::Call;
use crate::model::feed::FeedEvent;
use crate::model::gone::Gone;
use crate::model::ids::{CallId, MessageLogId, OrganizationId};
use crate::model::outbound::{JobStatus, OutboundJob};
use crate::model::session::{SessionKey, decide_archive};
use crate::model::time::Timestamp;
use redb::ReadableTable;

#[derive(Clone, Debug)]
pub struct ArchiveConversation {
    pub organization: OrganizationId,
    pub call_id: CallId,
    pub now: Timestamp,
    /// How many rows of the thread may be removed in the same commit.
    pub rows: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveOutcome {
    /// It is unknown, archived already or a voice call.
    NotThere,
    Archived {
        session: SessionKey,
        /// Nothing is left to be purged.
        done: bool,
    },
}

impl Command for ArchiveConversation {
    type Outcome = ArchiveOutcome;
    const NAME: &'static str = "archive_conversation";

    fn run(&self, tx: &mut Tx<'_>) -> Result<ArchiveOutcome, TxError> {
        let (org, id) = (self.organization, self.call_id);
        let Some(before) = tx.call(org, id)? else { return Ok(ArchiveOutcome::NotThere) };
        let Some(archived) = decide_archive(&before, self.now) else { return Ok(ArchiveOutcome::NotThere) };
        let session = SessionKey::of(&before);
        tx.put_call(org, id, Some(&before), &archived)?;
        tx.unbind(org, &session, id)?;
        read_marks::forget(tx, org, id)?;
        tx.append_feed(org, self.now, FeedEvent::ConversationArchived { call_id: id })?;
        let done = purge(tx, org, id, self.rows, Purge::Contents, &mut Gone::default())?;
        Ok(ArchiveOutcome::Archived { session, done })
    }
}

/// How much of a conversation is removed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purge {
    /// What belongs to its thread; the record stays, archived.
    Contents,
    /// The record too.
    Everything,
}

impl Purge {
    /// The value of a row of `purges`.
    fn stored(self) -> &'static [u8] {
        match self {
            Purge::Contents => &[],
            Purge::Everything => &[1],
        }
    }
}

/// How much is still to be removed of a call.
pub(super) fn pending(
    tables: &impl AnyTables,
    org: OrganizationId,
    id: CallId,
) -> Result<Option<Purge>, ReadError> {
    let stored = tables.purges().get(&key::serial(org, id.0))?;
    Ok(stored.map(|row| if row.value().is_empty() { Purge::Contents } else { Purge::Everything }))
}

/// Removes some more rows of a conversation that is archived, or is being deleted.
#[derive(Clone, Copy, Debug)]
pub struct PurgeStep {
    pub organization: OrganizationId,
    pub call_id: CallId,
    pub rows: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purged {
    /// Nothing is left to be purged.
    pub done: bool,
    pub gone: Gone,
}

impl Command for PurgeStep {
    type Outcome = Purged;
    const NAME: &'static str = "purge_step";

    fn run(&self, tx: &mut Tx<'_>) -> Result<Purged, TxError> {
        let (org, id, mut gone) = (self.organization, self.call_id, Gone::default());
        let Some(what) = pending(&tx.tables, org, id)? else { return Ok(Purged { done: true, gone }) };
        let done = purge(tx, org, id, self.rows, what, &mut gone)?;
        Ok(Purged { done, gone })
    }
}

impl Snapshot {
    /// The calls that are archived or being deleted and not purged to their end, every organization's.
    pub fn pending_purges(&self) -> Result<Vec<(OrganizationId, CallId)>, ReadError> {
        let rows = self.tables.purges.range::<&SerialKey>(..)?;
        rows.map(|row| {
            let (key, _) = row?;
            Ok((key::organization_of(key.value()), CallId(key::serial_id(key.value()))))
        })
        .collect()
    }
}

/// Removes at most `rows` rows of a thread with all that they link to, from the thread's end: first what is
/// still to be sent, the messages last. True: that was all; else `purges` remembers what is left.
pub(super) fn purge(
    tx: &mut Tx<'_>,
    org: OrganizationId,
    id: CallId,
    rows: usize,
    what: Purge,
    gone: &mut Gone,
) -> Result<bool, TxError> {
    let done = purge_thread(tx, org, id, rows, what, gone)?;
    let key = key::serial(org, id.0);
    if !done {
        tx.tables.purges.insert(&key, what.stored())?;
        return Ok(false);
    }
    tx.tables.purges.remove(&key)?;
    if let (Purge::Everything, Some(call)) = (what, tx.call(org, id)?) {
        remove_record(tx, org, id, &call)?;
    }
    Ok(true)
}

/// An archived record, of which nothing else is left.
fn remove_record(tx: &mut Tx<'_>, org: OrganizationId, id: CallId, call: &Call) -> Result<(), TxError> {
    tx.tables.threads.remove(&key::head(org, id))?;
    let key = key::customer(org, &call.customer, call.assistant_id, call.started_at, id);
    tx.tables.calls_by_customer.remove(key.as_slice())?;
    tx.count(org, Count::ForgottenCalls, 1);
    Ok(())
}

/// True: only the call record is left.
fn purge_thread(
    tx: &mut Tx<'_>,
    org: OrganizationId,
    id: CallId,
    rows: usize,
    what: Purge,
    gone: &mut Gone,
) -> Result<bool, TxError> {
    let key = |part, number| key::thread(org, id, part, number);
    let (first, last) = (key(ThreadPart::Message, 0), key(ThreadPart::Job, u64::MAX));
    let mut doomed: Vec<(ThreadKey, Vec<u8>)> = Vec::new();
    let mut more = false;
    for row in tx.tables.threads.range::<&ThreadKey>(&first..=&last)?.rev() {
        more = doomed.len() == rows;
        if more {
            break;
        }
        let (key, value) = row?;
        let is_job = key::thread_part(key.value()) == Some(ThreadPart::Job);
        doomed.push((*key.value(), if is_job { value.value().to_vec() } else { Vec::new() }));
    }
    for (key, uuids) in &doomed {
        let linked = key::serial(org, key::thread_number(key));
        match key::thread_part(key) {
            Some(ThreadPart::Log) => remove_log(tx, org, &linked, gone)?,
            Some(ThreadPart::Audit) => remove_audit(tx, &linked, gone)?,
            Some(ThreadPart::Job) => remove_jobs(tx, org, uuids, what, gone)?,
            Some(ThreadPart::Message) => gone.messages += 1,
            Some(ThreadPart::Head) | None => {}
        }
        tx.tables.threads.remove(key)?;
    }
    Ok(!more)
}

/// Removes a log with its payload; what tells its duplicates stays.
pub(super) fn remove_log(
    tx: &mut Tx<'_>,
    org: OrganizationId,
    key: &SerialKey,
    gone: &mut Gone,
) -> Result<(), TxError> {
    let was_there = tx.remove_log(org, MessageLogId(key::serial_id(key)))?;
    tx.count(org, Count::PurgedLogs, i64::from(was_there));
    gone.message_logs += u64::from(was_there);
    gone.raw_payloads += u64::from(tx.tables.raw_payloads.remove(key)?.is_some());
    Ok(())
}

pub(super) fn remove_audit(tx: &mut Tx<'_>, key: &SerialKey, gone: &mut Gone) -> Result<(), TxError> {
    gone.audit_entries += u64::from(tx.tables.audit_entries.remove(key)?.is_some());
    gone.raw_payloads += u64::from(tx.tables.audit_payloads.remove(key)?.is_some());
    Ok(())
}

/// Removes jobs that wait to be sent. What went out stays while the record does: by its key a repeated request
/// is recognised.
fn remove_jobs(
    tx: &mut Tx<'_>,
    org: OrganizationId,
    uuids: &[u8],
    what: Purge,
    gone: &mut Gone,
) -> Result<(), TxError> {
    for uuid in uuids.as_chunks().0 {
        let job = tx.job(org, *uuid)?;
        let goes = |job: &OutboundJob| what == Purge::Everything || job.status == JobStatus::Queued;
        if let Some(job) = job.filter(goes) {
            tx.remove_job(org, *uuid, &job)?;
            gone.outbound_jobs += 1;
        }
    }
    Ok(())
}
