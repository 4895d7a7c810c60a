//! One command's view of the open write transaction: it sees what its predecessors in the batch
//! did, decides, and only then writes. Rows that hang together are written by one function here.

use super::block_changes::BlockChanges;
use super::directory::{Directory, DirectoryChange};
use super::error::ReadError;
use super::key::{self, ThreadPart};
use super::log_block_changes::LogBlockChanges;
use super::record;
use super::rows::{Row, RowLog};
use super::search_blocks;
use super::sequences::{Count, Counted, Sequences};
use super::tables::Tables;
use crate::model::audit::AuditEntry;
use crate::model::call::Call;
use crate::model::feed::{FeedEntry, FeedEvent};
use crate::model::ids::{AuditId, CallId, MessageLogId, OrganizationId};
use crate::model::message_log::MessageLog;
use crate::model::outbound::OutboundJob;
use crate::model::session::SessionKey;
use crate::model::time::Timestamp;
use redb::ReadableTable;
use redb::{StorageError, TableError, WriteTransaction};
use serde::Serialize;
use std::collections::HashMap;

/// One whole outcome. `run` may be called again on a fresh transaction when another command of
/// its batch failed, so it takes time and chance from its fields and keeps nothing.
pub trait Command: Send + 'static {
    type Outcome: Send + 'static;
    /// For logs.
    const NAME: &'static str;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Outcome, TxError>;
}

/// Why a command stopped midway.
#[derive(Debug)]
pub enum TxError {
    /// The storage: the whole batch fails.
    Storage(String),
    /// A damaged record: this command fails, the others are run again without it.
    Damaged(String),
}

impl From<StorageError> for TxError {
    fn from(error: StorageError) -> TxError {
        TxError::Storage(error.to_string())
    }
}

impl From<ReadError> for TxError {
    fn from(error: ReadError) -> TxError {
        match error {
            ReadError::Damaged { .. } => TxError::Damaged(error.to_string()),
            other => TxError::Storage(other.to_string()),
        }
    }
}

/// What is told of a batch once it is durable.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) directory: Vec<DirectoryChange>,
    /// How far the feeds go that it may have taken on.
    pub(super) feeds: Vec<(OrganizationId, u64)>,
}

/// The open transaction of a batch.
pub struct Tx<'t> {
    pub(super) tables: Tables<'t>,
    /// As the last commit left it; what this batch did so far is in `changes`.
    pub(super) directory: &'t Directory,
    /// Told to the directory once the commit is durable.
    pub(super) changes: Vec<DirectoryChange>,
    pub(super) scratch: Vec<u8>,
    sequences: HashMap<OrganizationId, Sequences>,
    counts: HashMap<(OrganizationId, Count, u64), i64>,
    /// Blocks of the list with more rows are cut, and those of logs are of so many ids.
    block_rows: u32,
    blocks: BlockChanges,
    log_blocks: LogBlockChanges,
}

impl<'t> Tx<'t> {
    pub(super) fn new(
        txn: &'t WriteTransaction,
        directory: &'t Directory,
        log: RowLog<'t>,
        block_rows: u32,
    ) -> Result<Tx<'t>, TableError> {
        Ok(Tx {
            tables: Tables::told(txn, log)?,
            directory,
            changes: Vec::new(),
            scratch: Vec::new(),
            sequences: HashMap::new(),
            counts: HashMap::new(),
            block_rows,
            blocks: BlockChanges::default(),
            log_blocks: LogBlockChanges::new(block_rows),
        })
    }

    /// The organization's counters, to be changed in place.
    pub(super) fn sequences(&mut self, organization: OrganizationId) -> Result<&mut Sequences, TxError> {
        use std::collections::hash_map::Entry;
        match self.sequences.entry(organization) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let stored = self.tables.sequences.get(&key::organization(organization))?;
                let sequences = match stored {
                    Some(bytes) => record::decode("sequences", bytes.value())?,
                    None => Sequences::default(),
                };
                Ok(entry.insert(sequences))
            }
        }
    }

    /// Drops what was gathered of an organization that is about to be erased.
    pub(super) fn forget_gathered(&mut self, organization: OrganizationId) {
        self.sequences.remove(&organization);
        self.counts.retain(|(of, _, _), _| *of != organization);
        self.blocks.forget(organization);
        self.log_blocks.forget(organization);
    }

    /// Puts a row as it was read elsewhere.
    pub(super) fn put_row(&mut self, row: &Row<'_>) -> Result<(), TxError> {
        Ok(self.tables.put(row)?)
    }

    pub(super) fn count(&mut self, organization: OrganizationId, count: Count, change: i64) {
        *self.counts.entry((organization, count, 0)).or_default() += change;
    }

    /// One row less that is counted as `before`, one more that is counted as `after`.
    pub(super) fn recount<T: Counted>(
        &mut self,
        organization: OrganizationId,
        before: Option<&T>,
        after: Option<&T>,
    ) {
        for (row, change) in [(before, -1), (after, 1)] {
            if let Some(row) = row {
                *self.counts.entry((organization, T::KIND, row.block())).or_default() += change;
            }
        }
    }

    /// Writes what was gathered in memory. Called once, before the commit.
    pub(super) fn finish(&mut self) -> Result<Changes, TxError> {
        let feeds =
            self.sequences.iter().map(|(organization, sequences)| (*organization, sequences.feed)).collect();
        for (organization, sequences) in &self.sequences {
            record::encode(sequences, &mut self.scratch);
            self.tables.sequences.insert(&key::organization(*organization), self.scratch.as_slice())?;
        }
        for ((organization, count, block), change) in self.counts.drain().filter(|(_, change)| *change != 0) {
            let key = key::count(organization, count as u8, block);
            let before = self.tables.counts.get(&key)?.map_or(0, |count| count.value());
            self.tables.counts.insert(&key, before.saturating_add_signed(change))?;
        }
        std::mem::take(&mut self.blocks).write(&mut self.tables, self.block_rows)?;
        self.log_blocks.write(&mut self.tables)?;
        Ok(Changes { directory: std::mem::take(&mut self.changes), feeds })
    }

    pub(super) fn call(&self, organization: OrganizationId, id: CallId) -> Result<Option<Call>, TxError> {
        let Some(bytes) = self.tables.threads.get(&key::head(organization, id))? else {
            return Ok(None);
        };
        Ok(Some(record::decode("threads", bytes.value())?))
    }

    /// Writes a call record with everything that follows from it: the list row and its block, the customer's
    /// index, the count. `before` is what is stored now.
    pub(super) fn put_call(
        &mut self,
        organization: OrganizationId,
        id: CallId,
        before: Option<&Call>,
        call: &Call,
    ) -> Result<(), TxError> {
        record::encode(call, &mut self.scratch);
        self.tables.threads.insert(&key::head(organization, id), self.scratch.as_slice())?;

        let listed_before = before.filter(|call| call.is_conversation());
        if let Some(before) = listed_before {
            let key = key::activity(organization, before.last_activity, id);
            self.blocks.remove(&self.tables, &key, &before.conversation(id))?;
            if !(call.is_conversation() && before.last_activity == call.last_activity) {
                self.tables.activity.remove(&key)?;
            }
        }
        if call.is_conversation() {
            let row = call.conversation(id);
            let key = key::activity(organization, call.last_activity, id);
            record::encode_activity(&row, &mut self.scratch);
            self.tables.activity.insert(&key, self.scratch.as_slice())?;
            self.blocks.add(&self.tables, &key, &row)?;
        }
        let listed = i64::from(call.is_conversation()) - i64::from(listed_before.is_some());
        self.count(organization, Count::Conversations, listed);

        if before.is_none() {
            let key = key::customer(organization, &call.customer, call.assistant_id, call.started_at, id);
            self.tables.calls_by_customer.insert(key.as_slice(), [].as_slice())?;
        }
        Ok(())
    }

    /// A session was found to be over by the times of its block, which is not to be looked through for it again.
    pub(super) fn narrow_block(
        &mut self,
        organization: OrganizationId,
        id: CallId,
        call: &Call,
    ) -> Result<(), TxError> {
        let key = key::activity(organization, call.last_activity, id);
        let expired_at = call.expires_at.unwrap_or(Timestamp::MAX);
        Ok(self.blocks.narrow(&self.tables, &key, expired_at)?)
    }

    /// Writes a row as it is, so that a commit has something to make durable.
    pub(super) fn rewrite_something(&mut self) -> Result<(), TxError> {
        let first = self.tables.organizations.first()?.map(|(key, _)| *key.value());
        match first {
            Some(key) => self.sequences(OrganizationId(u32::from_be_bytes(key))).map(drop),
            None => Ok(()),
        }
    }

    /// Links a row of another table to a thread, so that it can be found and purged with it.
    pub(super) fn link(
        &mut self,
        organization: OrganizationId,
        call: CallId,
        part: ThreadPart,
        number: u64,
    ) -> Result<(), TxError> {
        let key = key::thread(organization, call, part, number);
        self.tables.threads.insert(&key, [].as_slice())?;
        Ok(())
    }

    pub(super) fn log(
        &self,
        organization: OrganizationId,
        id: MessageLogId,
    ) -> Result<Option<MessageLog>, TxError> {
        let stored = self.tables.message_logs.get(&key::serial(organization, id.0))?;
        Ok(stored.map(|bytes| record::decode("message_logs", bytes.value())).transpose()?)
    }

    /// Changes a message log. Its body stays: the search knows it by that.
    pub(super) fn put_log(
        &mut self,
        organization: OrganizationId,
        id: MessageLogId,
        before: &MessageLog,
        log: &MessageLog,
    ) -> Result<(), TxError> {
        debug_assert_eq!(before.body, log.body, "a body never changes");
        self.write_log(organization, id, Some(before), log)
    }

    /// Writes a new message log and links it to its thread. None of the search's blocks reaches a new id.
    pub(super) fn append_log(
        &mut self,
        organization: OrganizationId,
        log: &MessageLog,
    ) -> Result<MessageLogId, TxError> {
        let sequences = self.sequences(organization)?;
        sequences.message_log += 1;
        let id = MessageLogId(sequences.message_log);
        self.write_log(organization, id, None, log)?;
        if let Some(call_id) = log.call_id {
            self.link(organization, call_id, ThreadPart::Log, id.0)?;
        }
        Ok(id)
    }

    /// Writes a new message log with an id that was given to it, wherever that is.
    pub(super) fn insert_log(
        &mut self,
        organization: OrganizationId,
        id: MessageLogId,
        log: &MessageLog,
    ) -> Result<(), TxError> {
        search_blocks::unseal(self, organization, id.0..=id.0)?;
        self.write_log(organization, id, None, log)
    }

    fn write_log(
        &mut self,
        organization: OrganizationId,
        id: MessageLogId,
        before: Option<&MessageLog>,
        log: &MessageLog,
    ) -> Result<(), TxError> {
        self.recount(organization, before, Some(log));
        self.log_blocks.change(&mut self.tables, (organization, id), before, Some(log))?;
        record::encode(log, &mut self.scratch);
        self.tables.message_logs.insert(&key::serial(organization, id.0), self.scratch.as_slice())?;
        Ok(())
    }

    /// Removes a message log, and what was still to be forwarded of it. True: it was there.
    pub(super) fn remove_log(
        &mut self,
        organization: OrganizationId,
        id: MessageLogId,
    ) -> Result<bool, TxError> {
        let before = self.log(organization, id)?;
        if before.is_some() {
            search_blocks::unseal(self, organization, id.0..=id.0)?;
        }
        self.recount(organization, before.as_ref(), None);
        self.log_blocks.change(&mut self.tables, (organization, id), before.as_ref(), None)?;
        let key = key::serial(organization, id.0);
        self.tables.message_logs.remove(&key)?;
        self.tables.parked_events.remove(&key)?;
        if let Some(call) = before.as_ref().and_then(|log| log.call_id) {
            self.tables.forwards.remove(&key::forward(organization, call, id))?;
        }
        Ok(before.is_some())
    }

    pub(super) fn job(
        &self,
        organization: OrganizationId,
        uuid: [u8; 16],
    ) -> Result<Option<OutboundJob>, TxError> {
        let stored = self.tables.outbound_jobs.get(&key::job(organization, uuid))?;
        Ok(stored.map(|bytes| record::decode("outbound_jobs", bytes.value())).transpose()?)
    }

    /// Writes an outbound job with everything that follows from it: its place in the outbox, its idempotency key,
    /// its count. `before` is what is stored now.
    pub(super) fn put_job(
        &mut self,
        organization: OrganizationId,
        uuid: [u8; 16],
        before: Option<&OutboundJob>,
        job: &OutboundJob,
    ) -> Result<(), TxError> {
        self.recount(organization, before, Some(job));
        record::encode(job, &mut self.scratch);
        self.tables.outbound_jobs.insert(&key::job(organization, uuid), self.scratch.as_slice())?;
        let place = |job: &OutboundJob| key::outbox_of(organization, uuid, job);
        let (was, is) = (before.and_then(place), place(job));
        if was != is {
            was.map_or(Ok(()), |key| self.tables.outbox.remove(key.as_slice()).map(drop))?;
            let provider = [job.provider as u8];
            is.map_or(Ok(()), |key| {
                self.tables.outbox.insert(key.as_slice(), provider.as_slice()).map(drop)
            })?;
        }
        if let (None, Some(key)) = (before, &job.idempotency_key) {
            self.tables.job_keys.insert(&key::job_key(organization, key), uuid.as_slice())?;
        }
        Ok(())
    }

    pub(super) fn remove_job(
        &mut self,
        organization: OrganizationId,
        uuid: [u8; 16],
        job: &OutboundJob,
    ) -> Result<(), TxError> {
        self.recount(organization, Some(job), None);
        self.tables.outbound_jobs.remove(&key::job(organization, uuid))?;
        if let Some(place) = key::outbox_of(organization, uuid, job) {
            self.tables.outbox.remove(place.as_slice())?;
        }
        if let Some(key) = &job.idempotency_key {
            self.tables.job_keys.remove(&key::job_key(organization, key))?;
        }
        Ok(())
    }

    /// Links an outbound job to its thread.
    pub(super) fn link_job(
        &mut self,
        organization: OrganizationId,
        call: CallId,
        uuid: [u8; 16],
    ) -> Result<(), TxError> {
        Ok(link_job(&mut self.tables, organization, call, uuid)?)
    }

    /// Takes a job out of its thread.
    pub(super) fn unlink_job(
        &mut self,
        organization: OrganizationId,
        call: CallId,
        uuid: [u8; 16],
    ) -> Result<(), TxError> {
        let key = key::thread(organization, call, ThreadPart::Job, key::job_link(uuid));
        let linked = self.tables.threads.get(&key)?.map_or(Vec::new(), |uuids| uuids.value().to_vec());
        let left: Vec<u8> =
            linked.as_chunks().0.iter().filter(|other| **other != uuid).flatten().copied().collect();
        if left.is_empty() {
            self.tables.threads.remove(&key)?;
        } else {
            self.tables.threads.insert(&key, left.as_slice())?;
        }
        Ok(())
    }

    /// Forgets that the session is bound to this conversation.
    pub(super) fn unbind(
        &mut self,
        organization: OrganizationId,
        session: &SessionKey,
        id: CallId,
    ) -> Result<(), TxError> {
        let key = key::session(organization, session);
        let named = self.tables.sessions.get(key.as_slice())?.is_some_and(|named| named.value() == id.0);
        if named {
            self.tables.sessions.remove(key.as_slice())?;
        }
        Ok(())
    }

    /// Appends the steps of one piece of work and links them to their thread.
    pub(super) fn append_audit(
        &mut self,
        organization: OrganizationId,
        entry: &AuditEntry,
    ) -> Result<AuditId, TxError> {
        let sequences = self.sequences(organization)?;
        let id = AuditId(sequences.audit + 1);
        // An entry without steps has an id all the same.
        sequences.audit += entry.steps.len().max(1) as u64;
        record::encode(entry, &mut self.scratch);
        self.tables.audit_entries.insert(&key::serial(organization, id.0), self.scratch.as_slice())?;
        if let Some(call_id) = entry.call_id {
            self.link(organization, call_id, ThreadPart::Audit, id.0)?;
        }
        Ok(id)
    }

    pub(super) fn append_feed(
        &mut self,
        organization: OrganizationId,
        at: Timestamp,
        event: FeedEvent,
    ) -> Result<(), TxError> {
        let sequences = self.sequences(organization)?;
        sequences.feed += 1;
        let key = key::serial(organization, sequences.feed);
        record::encode(&FeedEntry { at, event }, &mut self.scratch);
        self.tables.feed.insert(&key, self.scratch.as_slice())?;
        Ok(())
    }

    /// Encodes a record for the caller to insert: `tables` and the bytes borrow apart.
    pub(super) fn encoded<T: Serialize>(&mut self, value: &T) -> (&mut Tables<'t>, &[u8]) {
        record::encode(value, &mut self.scratch);
        (&mut self.tables, &self.scratch)
    }
}

pub(super) fn link_job(
    tables: &mut Tables<'_>,
    organization: OrganizationId,
    call: CallId,
    uuid: [u8; 16],
) -> Result<(), StorageError> {
    let key = key::thread(organization, call, ThreadPart::Job, key::job_link(uuid));
    let mut uuids = tables.threads.get(&key)?.map_or(Vec::new(), |uuids| uuids.value().to_vec());
    if !uuids.as_chunks().0.contains(&uuid) {
        uuids.extend_from_slice(&uuid);
        tables.threads.insert(&key, uuids.as_slice())?;
    }
    Ok(())
}
