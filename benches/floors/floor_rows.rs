//! The rows of an inbound message, for the floor to write. The values are those that smslite stored for
//! the last two messages of the data, so sizes are the same whatever the records hold; the keys are made
//! as smslite makes them. That both write the same rows is counted after the run.
//!
//! Tables and keys repeat `src/store/tables.rs` and `key.rs` on purpose: the floor uses nothing of what
//! it is the floor of.

use crate::data::{Sender, customer};
use anyhow::{Context, ensure};
use redb::{
    ReadOnlyTable, ReadTransaction, ReadableTable, StorageError, Table, TableDefinition, TableError,
    WriteTransaction,
};
use std::collections::BTreeSet;

type Bytes = &'static [u8];
const THREADS: TableDefinition<'_, &[u8; 21], Bytes> = TableDefinition::new("threads");
const ACTIVITY: TableDefinition<'_, &[u8; 20], Bytes> = TableDefinition::new("activity");
const ACTIVITY_BLOCKS: TableDefinition<'_, &[u8; 20], Bytes> = TableDefinition::new("activity_blocks");
const CALLS_BY_CUSTOMER: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("calls_by_customer");
const SESSIONS: TableDefinition<'_, Bytes, u64> = TableDefinition::new("sessions");
const LOG_BLOCKS: TableDefinition<'_, &[u8; 12], Bytes> = TableDefinition::new("log_blocks");
const MESSAGE_LOGS: TableDefinition<'_, &[u8; 12], Bytes> = TableDefinition::new("message_logs");
const RAW_PAYLOADS: TableDefinition<'_, &[u8; 12], Bytes> = TableDefinition::new("raw_payloads");
const AUDIT_ENTRIES: TableDefinition<'_, &[u8; 12], Bytes> = TableDefinition::new("audit_entries");
const DEDUPE: TableDefinition<'_, &[u8; 22], u64> = TableDefinition::new("dedupe");
const FEED: TableDefinition<'_, &[u8; 12], Bytes> = TableDefinition::new("feed");
const SEQUENCES: TableDefinition<'_, &[u8; 4], Bytes> = TableDefinition::new("sequences");
const COUNTS: TableDefinition<'_, &[u8; 13], u64> = TableDefinition::new("counts");

/// The last one that there is: its rows are the last of every table.
const ORGANIZATION: [u8; 4] = crate::data::ORGANIZATION.0.to_be_bytes();
const ASSISTANT: [u8; 8] = 1_u64.to_be_bytes();
/// How many ids there are in a block of logs.
const LOGS: u64 = 4096;
/// The parts of a thread, as its keys number them.
const HEAD: u8 = 0;
const LOG: u8 = 2;
const AUDIT: u8 = 3;
const MESSAGE: u8 = 1;

/// The tables that an inbound message writes, open for one commit.
pub(crate) struct Tables<'t> {
    threads: Table<'t, &'static [u8; 21], Bytes>,
    activity: Table<'t, &'static [u8; 20], Bytes>,
    activity_blocks: Table<'t, &'static [u8; 20], Bytes>,
    calls_by_customer: Table<'t, Bytes, Bytes>,
    sessions: Table<'t, Bytes, u64>,
    log_blocks: Table<'t, &'static [u8; 12], Bytes>,
    message_logs: Table<'t, &'static [u8; 12], Bytes>,
    raw_payloads: Table<'t, &'static [u8; 12], Bytes>,
    audit_entries: Table<'t, &'static [u8; 12], Bytes>,
    dedupe: Table<'t, &'static [u8; 22], u64>,
    feed: Table<'t, &'static [u8; 12], Bytes>,
    sequences: Table<'t, &'static [u8; 4], Bytes>,
    counts: Table<'t, &'static [u8; 13], u64>,
}

impl<'t> Tables<'t> {
    pub(crate) fn open(txn: &'t WriteTransaction) -> Result<Tables<'t>, TableError> {
        Ok(Tables {
            threads: txn.open_table(THREADS)?,
            activity: txn.open_table(ACTIVITY)?,
            activity_blocks: txn.open_table(ACTIVITY_BLOCKS)?,
            calls_by_customer: txn.open_table(CALLS_BY_CUSTOMER)?,
            sessions: txn.open_table(SESSIONS)?,
            log_blocks: txn.open_table(LOG_BLOCKS)?,
            message_logs: txn.open_table(MESSAGE_LOGS)?,
            raw_payloads: txn.open_table(RAW_PAYLOADS)?,
            audit_entries: txn.open_table(AUDIT_ENTRIES)?,
            dedupe: txn.open_table(DEDUPE)?,
            feed: txn.open_table(FEED)?,
            sequences: txn.open_table(SEQUENCES)?,
            counts: txn.open_table(COUNTS)?,
        })
    }
}

/// What smslite stored for one message.
#[derive(Default)]
struct Values {
    message: Vec<u8>,
    log: Vec<u8>,
    payload: Vec<u8>,
    audit: Vec<u8>,
    received: Vec<u8>,
}

/// What the floor must know of a conversation to write its next message.
struct Thread {
    call: u64,
    /// Where its list row lies.
    activity: [u8; 20],
    messages: u64,
}

/// Everything needed to write messages without asking the database.
pub(crate) struct Rows {
    threads: Vec<Thread>,
    /// The blocks of the list, the newest first, by where they end. The floor cuts none.
    blocks: Vec<([u8; 20], Vec<u8>)>,
    /// Those of this commit.
    touched: BTreeSet<usize>,
    /// The newest block of logs.
    log_block: Vec<u8>,
    /// Where those of this commit end.
    log_blocks: BTreeSet<u64>,
    start: Values,
    join: Values,
    head: Vec<u8>,
    activity: Vec<u8>,
    started: Vec<u8>,
    sequences: Vec<u8>,
    count_key: [u8; 13],
    conversations: u64,
    /// After the customer and the assistant, the number they wrote to.
    our_number: Vec<u8>,
    dedupe_bucket: [u8; 2],
    call: u64,
    log: u64,
    audit: u64,
    feed: u64,
    started_in_commit: bool,
}

fn concat<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut key = [0; N];
    let mut at = 0;
    for part in parts {
        key[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    key
}

fn last_u64(key: &[u8]) -> u64 {
    key.iter().rev().take(8).rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn serial(id: u64) -> [u8; 12] {
    concat(&[&ORGANIZATION, &id.to_be_bytes()])
}

fn thread(call: u64, part: u8, number: u64) -> [u8; 21] {
    concat(&[&ORGANIZATION, &call.to_be_bytes(), &[part], &number.to_be_bytes()])
}

/// The newest rows of a table that is appended to, the newest first, and the newest id.
fn newest<const N: usize>(
    table: &ReadOnlyTable<&'static [u8; 12], Bytes>,
) -> anyhow::Result<(u64, [Vec<u8>; N])> {
    let mut values = [const { Vec::new() }; N];
    let mut newest = 0;
    for (value, row) in values.iter_mut().zip(table.iter()?.rev()) {
        let (key, bytes) = row?;
        newest = newest.max(last_u64(key.value()));
        *value = bytes.value().to_vec();
    }
    Ok((newest, values))
}

impl Rows {
    /// Reads the values of the last two messages, and where every conversation stands.
    pub(crate) fn read(txn: &ReadTransaction) -> anyhow::Result<Rows> {
        let threads = txn.open_table(THREADS)?;
        let last = threads.last()?.context("there are no threads")?.0.value()[4..12].to_vec();
        let call = last_u64(&last);
        let value =
            |key| anyhow::Ok(threads.get(&key)?.context("a row of the last thread")?.value().to_vec());
        let (log, [log_join, log_start]) = newest(&txn.open_table(MESSAGE_LOGS)?)?;
        let (_, [payload_join, payload_start]) = newest(&txn.open_table(RAW_PAYLOADS)?)?;
        let (audit, [audit_join, audit_start]) = newest(&txn.open_table(AUDIT_ENTRIES)?)?;
        let (feed, [received_join, received_start, started]) = newest(&txn.open_table(FEED)?)?;
        ensure!(started.len() < received_start.len(), "the last three events are a start and two messages");
        let sessions = txn.open_table(SESSIONS)?;
        let our_number = sessions.first()?.context("there are no sessions")?.0.value().to_vec();
        let customer_end = our_number.iter().skip(4).position(|byte| *byte == 0);
        let activity = txn.open_table(ACTIVITY)?;
        let dedupe =
            txn.open_table(DEDUPE)?.last()?.context("nothing was deduplicated")?.0.value().to_owned();
        let counts = txn.open_table(COUNTS)?;
        let (count_key, conversations) = counts.last()?.context("nothing was counted")?;
        Ok(Rows {
            start: Values {
                message: value(thread(call, MESSAGE, 1))?,
                log: log_start,
                payload: payload_start,
                audit: audit_start,
                received: received_start,
            },
            join: Values {
                message: value(thread(call, MESSAGE, 2))?,
                log: log_join,
                payload: payload_join,
                audit: audit_join,
                received: received_join,
            },
            head: value(thread(call, HEAD, 0))?,
            activity: activity.first()?.context("there are no conversations")?.1.value().to_vec(),
            started,
            sequences: sequences(txn)?,
            count_key: *count_key.value(),
            conversations: conversations.value(),
            our_number: our_number[4 + customer_end.context("a session's customer")? + 9..].to_vec(),
            dedupe_bucket: [dedupe[4], dedupe[5]],
            threads: standing(&activity, &threads)?,
            blocks: blocks(txn)?,
            touched: BTreeSet::new(),
            log_block: newest::<1>(&txn.open_table(LOG_BLOCKS)?)?.1.concat(),
            log_blocks: BTreeSet::new(),
            call,
            log,
            audit: audit + 2,
            feed,
            started_in_commit: false,
        })
    }

    /// Writes what one message writes.
    pub(crate) fn write(
        &mut self,
        tables: &mut Tables<'_>,
        sender: Sender,
        sid: &[u8; 16],
        now: u64,
    ) -> Result<(), StorageError> {
        let time = (!(now ^ 1 << 63)).to_be_bytes();
        let (call, messages, is_new) = match sender {
            Sender::New(place) => (self.start(tables, &customer(place), &time)?, 0, true),
            // A place in memory fits both ways.
            Sender::Existing(place) => {
                let thread = &mut self.threads[place as usize];
                let (call, messages) = (thread.call, thread.messages);
                tables.activity.remove(&thread.activity)?;
                self.touched.insert(self.blocks.partition_point(|(end, _)| *end < thread.activity));
                thread.messages += 1;
                thread.activity = concat(&[&ORGANIZATION, &time, &(!call).to_be_bytes()]);
                (call, messages, false)
            }
        };
        let values = if is_new { &self.start } else { &self.join };
        let activity: [u8; 20] = concat(&[&ORGANIZATION, &time, &(!call).to_be_bytes()]);
        tables.threads.insert(&thread(call, HEAD, 0), self.head.as_slice())?;
        tables.activity.insert(&activity, self.activity.as_slice())?;
        self.touched.insert(0);
        tables.threads.insert(&thread(call, MESSAGE, messages + 1), values.message.as_slice())?;
        self.log += 1;
        self.log_blocks.insert(self.log / LOGS * LOGS + LOGS - 1);
        tables.message_logs.insert(&serial(self.log), values.log.as_slice())?;
        tables.raw_payloads.insert(&serial(self.log), values.payload.as_slice())?;
        tables.dedupe.insert(&concat(&[&ORGANIZATION, &self.dedupe_bucket, sid]), self.log)?;
        tables.threads.insert(&thread(call, LOG, self.log), [].as_slice())?;
        self.audit += 1;
        tables.audit_entries.insert(&serial(self.audit), values.audit.as_slice())?;
        tables.threads.insert(&thread(call, AUDIT, self.audit), [].as_slice())?;
        self.audit += if is_new { 2 } else { 1 };
        self.feed += 1;
        tables.feed.insert(&serial(self.feed), values.received.as_slice())?;
        Ok(())
    }

    /// The rows that only a new conversation has.
    fn start(
        &mut self,
        tables: &mut Tables<'_>,
        customer: &str,
        time: &[u8; 8],
    ) -> Result<u64, StorageError> {
        self.call += 1;
        self.started_in_commit = true;
        let call = self.call;
        let mut key = [&ORGANIZATION, customer.as_bytes(), &[0], &ASSISTANT].concat();
        let session = [key.as_slice(), &self.our_number].concat();
        tables.sessions.insert(session.as_slice(), call)?;
        key.extend_from_slice(time);
        key.extend_from_slice(&(!call).to_be_bytes());
        tables.calls_by_customer.insert(key.as_slice(), [].as_slice())?;
        self.feed += 1;
        tables.feed.insert(&serial(self.feed), self.started.as_slice())?;
        self.conversations += 1;
        Ok(call)
    }

    /// The rows that are written once a commit.
    pub(crate) fn finish(&mut self, tables: &mut Tables<'_>) -> Result<(), StorageError> {
        tables.sequences.insert(&ORGANIZATION, self.sequences.as_slice())?;
        if std::mem::take(&mut self.started_in_commit) {
            tables.counts.insert(&self.count_key, self.conversations)?;
        }
        for end in std::mem::take(&mut self.log_blocks) {
            tables.log_blocks.insert(&serial(end), self.log_block.as_slice())?;
        }
        for place in std::mem::take(&mut self.touched) {
            if let Some((end, block)) = self.blocks.get(place) {
                tables.activity_blocks.insert(end, block.as_slice())?;
            }
        }
        Ok(())
    }
}

fn sequences(txn: &ReadTransaction) -> anyhow::Result<Vec<u8>> {
    let table = txn.open_table(SEQUENCES)?;
    let bytes = table.get(&ORGANIZATION)?.context("an organization has sequences")?;
    Ok(bytes.value().to_vec())
}

fn blocks(txn: &ReadTransaction) -> anyhow::Result<Vec<([u8; 20], Vec<u8>)>> {
    let rows = txn.open_table(ACTIVITY_BLOCKS)?;
    let rows = rows.iter()?.map(|row| row.map(|(end, block)| (*end.value(), block.value().to_vec())));
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Every conversation with its list row's key and its last message's index.
fn standing(
    activity: &ReadOnlyTable<&'static [u8; 20], Bytes>,
    threads: &ReadOnlyTable<&'static [u8; 21], Bytes>,
) -> anyhow::Result<Vec<Thread>> {
    let mut standing = Vec::new();
    let first = concat(&[&ORGANIZATION]);
    for row in activity.range::<&[u8; 20]>(&first..)? {
        let key = *row?.0.value();
        let call = !last_u64(&key);
        let (first, last) = (thread(call, MESSAGE, 0), thread(call, MESSAGE, u64::MAX));
        let newest = threads.range::<&[u8; 21]>(&first..=&last)?.next_back();
        let newest = newest.context("a conversation has messages")??;
        standing.push(Thread { call, activity: key, messages: last_u64(newest.0.value()) });
    }
    Ok(standing)
}
