//! What a batch changes of the blocks of message logs: gathered in memory while it runs and written once with its commit,
//! for nearly every message goes to the newest block, and receipts to those before it.

use super::error::ReadError;
use super::key::{self, SerialKey};
use super::log_blocks::{Cutter, Facts, LogBlock, TABLE, end_of};
use super::record;
use super::tables::Tables;
use crate::model::ids::{MessageLogId, OrganizationId};
use crate::model::message_log::MessageLog;
use redb::{ReadableTable, ReadableTableMetadata, StorageError};
use std::collections::BTreeMap;

/// A block as the batch has it so far.
#[derive(Default)]
struct Touched {
    /// No block ends between here and its end.
    from: u64,
    /// None: what is stored is not what its logs are, and they are counted anew.
    block: Option<LogBlock>,
}

pub(super) struct LogBlockChanges {
    /// How many ids there are in the range of a new one.
    size: u64,
    /// By where they end.
    touched: BTreeMap<SerialKey, Touched>,
}

impl LogBlockChanges {
    pub(super) fn new(size: u32) -> LogBlockChanges {
        LogBlockChanges { size: u64::from(size.max(1)), touched: BTreeMap::new() }
    }

    /// All of an organization goes, its blocks too.
    pub(super) fn forget(&mut self, organization: OrganizationId) {
        self.touched.retain(|key, _| key::organization_of(key) != organization);
    }

    /// A log comes, goes or changes.
    pub(super) fn change(
        &mut self,
        tables: &mut Tables<'_>,
        (org, id): (OrganizationId, MessageLogId),
        before: Option<&MessageLog>,
        after: Option<&MessageLog>,
    ) -> Result<(), StorageError> {
        let (before, after) = (before.map(Facts::of), after.map(Facts::of));
        if before == after {
            return Ok(());
        }
        let touched = self.block_of(tables, org, id.0)?;
        if let Some(block) = touched {
            let was_counted = before.is_none_or(|log| block.remove(&log));
            after.iter().for_each(|log| block.add(log));
            if !was_counted {
                *touched = None;
            }
        }
        Ok(())
    }

    /// Looked up once a batch.
    fn block_of(
        &mut self,
        tables: &mut Tables<'_>,
        org: OrganizationId,
        id: u64,
    ) -> Result<&mut Option<LogBlock>, StorageError> {
        let (key, last) = (key::serial(org, id), key::serial(org, u64::MAX));
        let near = self.touched.range(key..=last).next();
        let known = near.filter(|(end, touched)| touched.from <= id && self.reaches(end, id));
        let end = match known {
            Some((end, _)) => *end,
            None => self.take_up(tables, org, id)?,
        };
        Ok(&mut self.touched.entry(end).or_default().block)
    }

    fn reaches(&self, end: &SerialKey, id: u64) -> bool {
        key::serial_id(end) - id < self.size
    }

    /// Finds the block that a log lies in, or begins one. Returns where it ends.
    fn take_up(
        &mut self,
        tables: &mut Tables<'_>,
        org: OrganizationId,
        id: u64,
    ) -> Result<SerialKey, StorageError> {
        let (key, last) = (key::serial(org, id), key::serial(org, u64::MAX));
        let from = first_of(tables, &key)?;
        let next = tables.log_blocks.range::<&SerialKey>(&key..=&last)?.next().transpose()?;
        let next = next.map(|(end, bytes)| (*end.value(), record::decode(TABLE, bytes.value()).ok()));
        let (next, stored) = next.unzip();
        if let Some(end) = next.filter(|end| self.reaches(end, id)) {
            let touched = self.touched.entry(end).or_insert(Touched { from, block: stored.flatten() });
            touched.from = from;
            return Ok(end);
        }
        // It is there from now on, so that those before and after it are cut off by it.
        let end = key::serial(org, end_of(id, self.size));
        let mut bytes = Vec::new();
        record::encode(&LogBlock::default(), &mut bytes);
        tables.log_blocks.insert(&end, bytes.as_slice())?;
        // What lies there was in the next one, if there is one.
        let block = next.is_none().then(LogBlock::default);
        if let Some(next) = next {
            self.touched.insert(next, Touched { from: key::serial_id(&end) + 1, block: None });
        }
        self.touched.insert(end, Touched { from, block });
        Ok(end)
    }

    /// In their order: where one begins is told by the one before.
    pub(super) fn write(&mut self, tables: &mut Tables<'_>) -> Result<(), ReadError> {
        let mut bytes = Vec::new();
        for (end, touched) in std::mem::take(&mut self.touched) {
            match touched.block {
                Some(block) if block.rows() > 0 => {
                    record::encode(&block, &mut bytes);
                    tables.log_blocks.insert(&end, bytes.as_slice())?;
                }
                Some(_) => drop(tables.log_blocks.remove(&end)?),
                None => count_anew(tables, end, self.size)?,
            }
        }
        Ok(())
    }
}

/// The first id that is in no block which ends before this.
fn first_of(tables: &Tables<'_>, end: &SerialKey) -> Result<u64, StorageError> {
    let first = key::serial(key::organization_of(end), 0);
    let before = tables.log_blocks.range::<&SerialKey>(&first..end)?.next_back().transpose()?;
    Ok(before.map_or(0, |(end, _)| key::serial_id(end.value()) + 1))
}

fn count_anew(tables: &mut Tables<'_>, end: SerialKey, size: u64) -> Result<(), ReadError> {
    let first = key::serial(key::organization_of(&end), first_of(tables, &end)?);
    let mut cutter = Cutter::new(size);
    for row in tables.message_logs.range::<&SerialKey>(&first..=&end)? {
        let (key, bytes) = row?;
        cutter.add(key.value(), bytes.value());
    }
    Ok(put(tables, &end, cutter.finish(Some(end)))?)
}

/// Puts blocks in the place of the one that ends there.
pub(super) fn put(
    tables: &mut Tables<'_>,
    end: &SerialKey,
    blocks: Vec<(SerialKey, LogBlock)>,
) -> Result<(), StorageError> {
    let mut bytes = Vec::new();
    tables.log_blocks.remove(end)?;
    for (end, block) in blocks {
        record::encode(&block, &mut bytes);
        tables.log_blocks.insert(&end, bytes.as_slice())?;
    }
    Ok(())
}

/// Makes the blocks of a file that has none, and says how many.
pub(super) fn make_all(tables: &mut Tables<'_>, size: u32) -> Result<u64, ReadError> {
    let organizations = tables.organizations.iter()?.map(|row| row.map(|(key, _)| *key.value()));
    for key in organizations.collect::<Result<Vec<_>, _>>()? {
        let (first, last) = key::serial_range(key::organization_of(&key)).into_inner();
        let mut cutter = Cutter::new(u64::from(size));
        for row in tables.message_logs.range::<&SerialKey>(&first..=&last)? {
            let (key, bytes) = row?;
            cutter.add(key.value(), bytes.value());
        }
        put(tables, &last, cutter.finish(None))?;
    }
    Ok(tables.log_blocks.len()?)
}
