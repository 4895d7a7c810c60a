//! Archiving: with one commit a conversation is gone for every reader. Its contents are removed in that
//! commit, or, of a huge thread, in steps after it that are commands of their own, so that live commits go
//! on between them. What is left to do is a row in `purges`, which a restart finds again.
//!
//! What tells duplicates stays: a carrier's late retry brings nothing back.

use super::error::ReadError;
use super::key::{self, SerialKey, ThreadKey, ThreadPart};
use super::record;
use super::sequences::Count;
use super::snapshot::Snapshot;
use super::transaction::{Command, Tx, TxError};
use crate::model::feed::FeedEvent;
use crate::model::ids::{CallId, OrganizationId};
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
        tx.append_feed(org, self.now, FeedEvent::ConversationArchived { call_id: id })?;
        let done = purge(tx, org, id, self.rows)?;
        if !done {
            tx.tables.purges.insert(&key::serial(org, id.0), [].as_slice())?;
        }
        Ok(ArchiveOutcome::Archived { session, done })
    }
}

/// Removes some more rows of an archived conversation.
#[derive(Clone, Copy, Debug)]
pub struct PurgeStep {
    pub organization: OrganizationId,
    pub call_id: CallId,
    pub rows: usize,
}

impl Command for PurgeStep {
    /// True: nothing is left to be purged.
    type Outcome = bool;
    const NAME: &'static str = "purge_step";

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, TxError> {
        let key = key::serial(self.organization, self.call_id.0);
        if tx.tables.purges.get(&key)?.is_none() {
            return Ok(true);
        }
        let done = purge(tx, self.organization, self.call_id, self.rows)?;
        if done {
            tx.tables.purges.remove(&key)?;
        }
        Ok(done)
    }
}

impl Snapshot {
    /// The archived conversations that are not purged to their end, every organization's.
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
/// still to be sent, the messages last. True: only the call record is left.
fn purge(tx: &mut Tx<'_>, org: OrganizationId, id: CallId, rows: usize) -> Result<bool, TxError> {
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
            Some(ThreadPart::Log) => {
                let was_there = tx.tables.message_logs.remove(&linked)?.is_some();
                tx.count(org, Count::PurgedLogs, i64::from(was_there));
                tx.tables.raw_payloads.remove(&linked)?;
            }
            Some(ThreadPart::Audit) => {
                tx.tables.audit_entries.remove(&linked)?;
                tx.tables.audit_payloads.remove(&linked)?;
            }
            Some(ThreadPart::Job) => cancel(tx, org, uuids)?,
            Some(ThreadPart::Head | ThreadPart::Message) | None => {}
        }
        tx.tables.threads.remove(key)?;
    }
    Ok(!more)
}

/// Removes jobs that wait to be sent. What went out stays: by its key a repeated request is recognised.
fn cancel(tx: &mut Tx<'_>, org: OrganizationId, uuids: &[u8]) -> Result<(), TxError> {
    for uuid in uuids.as_chunks().0 {
        let key = key::job(org, *uuid);
        let waits = match tx.tables.outbound_jobs.get(&key)? {
            Some(bytes) => {
                record::decode::<OutboundJob>("outbound_jobs", bytes.value())?.status == JobStatus::Queued
            }
            None => false,
        };
        if waits {
            tx.tables.outbound_jobs.remove(&key)?;
        }
    }
    Ok(())
}
