//! Blocks of message logs that are sealed for the search: a row each, which tells from which log to which it reaches
//! and which runs of letters stand in their bodies. What lies in no block is read when somebody searches, so a
//! message's commit writes nothing here. A background job seals what has come together; whatever inserts or removes
//! a log within a block takes the block away in the same commit, and it is sealed anew. So a block has exactly the
//! runs of the logs that are there, and nothing of what was deleted.

use super::error::ReadError;
use super::key::{self, SerialKey};
use super::log_row;
use super::record;
use super::sequences::{Count, Counted};
use super::snapshot::Snapshot;
use super::tables::AnyTables;
use super::transaction::{Command, Tx, TxError};
use crate::model::grams::{self, Grams, Wanted};
use crate::model::ids::OrganizationId;
use crate::model::message_log::LogKind;
use crate::model::search::Search;
use redb::ReadableTable;
use serde::{Deserialize, Serialize};
use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::ops::RangeInclusive;

pub(super) const TABLE: &str = "search_blocks";

/// The value of a row; the first log is in the key.
#[derive(Serialize, Deserialize)]
pub(super) struct SearchBlock<'a> {
    pub last: u64,
    /// How many logs there are in it.
    pub rows: u64,
    /// That of [`grams::version`]. Of another than today's it is as if it were not there.
    pub version: u32,
    pub grams: &'a [u8],
}

impl SearchBlock<'_> {
    pub(super) fn is_of_today(&self) -> bool {
        self.version == grams::version()
    }
}

/// One that cannot be read reaches wherever somebody looks, and nobody trusts it.
fn decode(bytes: &[u8]) -> SearchBlock<'_> {
    record::decode(TABLE, bytes).unwrap_or(SearchBlock { last: u64::MAX, rows: 0, version: 0, grams: &[] })
}

/// Seals what a reader found in a snapshot, unless it is not the same any more.
#[derive(Clone, Debug)]
pub struct SealBlock {
    pub organization: OrganizationId,
    pub first: u64,
    pub last: u64,
    /// How many logs, and a print of their ids and bodies.
    seen: (u64, u64),
    grams: Vec<u8>,
}

impl Command for SealBlock {
    /// Whether it is sealed.
    type Outcome = bool;
    const NAME: &'static str = "seal_block";

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, TxError> {
        let (org, logs) = (self.organization, self.first..=self.last);
        if overlapping(&tx.tables, org, &logs)?.iter().any(|block| block.is_of_today)
            || print_of(&tx.tables, org, &logs)? != self.seen
        {
            return Ok(false);
        }
        unseal(tx, org, logs)?;
        let (last, rows) = (self.last, self.seen.0);
        let block = SearchBlock { last, rows, version: grams::version(), grams: &self.grams };
        let (tables, bytes) = tx.encoded(&block);
        tables.search_blocks.insert(&key::serial(org, self.first), bytes)?;
        tx.count(org, Count::SealedLogs, rows.cast_signed());
        Ok(true)
    }
}

/// Takes away the blocks that reach any of these logs.
pub(super) fn unseal(tx: &mut Tx<'_>, org: OrganizationId, logs: RangeInclusive<u64>) -> Result<(), TxError> {
    for block in overlapping(&tx.tables, org, &logs)? {
        tx.tables.search_blocks.remove(&key::serial(org, block.first))?;
        tx.count(org, Count::SealedLogs, -block.rows.cast_signed());
    }
    Ok(())
}

struct Found {
    first: u64,
    rows: u64,
    is_of_today: bool,
}

fn overlapping(
    tables: &impl AnyTables,
    org: OrganizationId,
    logs: &RangeInclusive<u64>,
) -> Result<Vec<Found>, ReadError> {
    let (from, to) = (key::serial(org, 0), key::serial(org, *logs.end()));
    let mut found = Vec::new();
    for row in tables.search_blocks().range::<&SerialKey>(&from..=&to)?.rev() {
        let (key, bytes) = row?;
        let block = decode(bytes.value());
        if block.last < *logs.start() {
            break;
        }
        let is_of_today = block.is_of_today();
        found.push(Found { first: key::serial_id(key.value()), rows: block.rows, is_of_today });
    }
    Ok(found)
}

/// How many logs there are, and what tells these from others. It is never stored.
fn print_of(
    tables: &impl AnyTables,
    org: OrganizationId,
    logs: &RangeInclusive<u64>,
) -> Result<(u64, u64), ReadError> {
    let (mut rows, mut print) = (0, DefaultHasher::new());
    let (from, to) = (key::serial(org, *logs.start()), key::serial(org, *logs.end()));
    for row in tables.message_logs().range::<&SerialKey>(&from..=&to)? {
        let (key, bytes) = row?;
        rows += 1;
        add_to_print(&mut print, key::serial_id(key.value()), body_of(bytes.value()));
    }
    Ok((rows, print.finish()))
}

fn add_to_print(print: &mut DefaultHasher, id: u64, body: &str) {
    print.write_u64(id);
    print.write_usize(body.len());
    print.write(body.as_bytes());
}

/// A damaged row has none: nobody finds it, and it holds up nobody.
pub(super) fn body_of(bytes: &[u8]) -> &str {
    log_row::read(bytes).ok().and_then(|log| std::str::from_utf8(log.body).ok()).unwrap_or_default()
}

impl Snapshot {
    /// Whether there is a block to be sealed: as many logs as make one, or some between blocks.
    pub fn is_unsealed(&self, org: OrganizationId, rows: usize) -> Result<bool, ReadError> {
        let mut logs = 0;
        for kind in LogKind::all() {
            logs += self.counted(org, Count::Logs, kind.block())?;
        }
        let unsealed = logs.saturating_sub(self.counted(org, Count::SealedLogs, 0)?);
        let range = key::serial_range(org);
        let last = self.tables.search_blocks.range::<&SerialKey>(range.start()..=range.end())?.next_back();
        let last = last.transpose()?.map_or(0, |(_, bytes)| decode(bytes.value()).last);
        let after = key::serial(org, last.saturating_add(1));
        let newest = self.tables.message_logs.range::<&SerialKey>(&after..=range.end())?;
        let newest = newest.take(rows).count();
        Ok(newest >= rows || unsealed > newest as u64)
    }

    /// The first logs from the id `from` on that are to be sealed: as many as make a block, or those before one.
    pub fn next_block(
        &self,
        org: OrganizationId,
        from: u64,
        rows: usize,
    ) -> Result<Option<SealBlock>, ReadError> {
        let mut from = from;
        let before = overlapping(&self.tables, org, &(from..=from))?;
        let first = before.last().map_or(from, |block| block.first);
        let (first, end) = (key::serial(org, first), key::serial(org, u64::MAX));
        for row in self.tables.search_blocks.range::<&SerialKey>(&first..=&end)? {
            let (key, bytes) = row?;
            let (first, block) = (key::serial_id(key.value()), decode(bytes.value()));
            if !block.is_of_today() {
                continue;
            }
            if first > from {
                let (found, _) = self.gather(org, from..=first - 1, rows)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            from = block.last.saturating_add(1);
        }
        let (found, is_whole) = self.gather(org, from..=u64::MAX, rows)?;
        Ok(found.filter(|_| is_whole))
    }

    /// A block of the first logs of these, and whether no more would go into it.
    fn gather(
        &self,
        org: OrganizationId,
        logs: RangeInclusive<u64>,
        most: usize,
    ) -> Result<(Option<SealBlock>, bool), ReadError> {
        let (mut rows, mut print, mut grams) = (0, DefaultHasher::new(), Grams::default());
        let (mut first, mut last) = (None, 0);
        let (from, to) = (key::serial(org, *logs.start()), key::serial(org, *logs.end()));
        let mut is_whole = false;
        for row in self.tables.message_logs.range::<&SerialKey>(&from..=&to)? {
            let (key, bytes) = row?;
            let (id, body) = (key::serial_id(key.value()), body_of(bytes.value()));
            add_to_print(&mut print, id, body);
            grams.add(body);
            (first, last, rows) = (first.or(Some(id)), id, rows + 1);
            is_whole = grams.is_full() || rows == most as u64;
            if is_whole {
                break;
            }
        }
        let seen = (rows, print.finish());
        let block = |first| SealBlock { organization: org, first, last, seen, grams: grams.filter() };
        Ok((first.map(block), is_whole))
    }

    /// Where a text may be: blocks that do not deny it and what lies between blocks, the newest first, within
    /// these ids.
    pub(super) fn may_hold(
        &self,
        org: OrganizationId,
        search: &Search,
        logs: RangeInclusive<u64>,
    ) -> Result<Vec<RangeInclusive<u64>>, ReadError> {
        let (wanted, mut places, mut end) = (Wanted::of(search), Vec::new(), *logs.end());
        let range = key::serial_range(org);
        for row in self.tables.search_blocks.range::<&SerialKey>(range.start()..=range.end())?.rev() {
            let (key, bytes) = row?;
            let (first, block) = (key::serial_id(key.value()), decode(bytes.value()));
            if !block.is_of_today() || first > block.last || block.last > end {
                continue;
            }
            if block.last < end {
                places.push(block.last + 1..=end);
            }
            if wanted.may_be_in(block.grams) {
                places.push(first..=block.last);
            }
            end = first.saturating_sub(1);
        }
        if *logs.start() <= end {
            places.push(*logs.start()..=end);
        }
        Ok(places)
    }
}
