//! The blocks of the search, which go by beside the logs that they cover.

use super::Check;
use crate::model::grams;
use crate::model::ids::OrganizationId;
use crate::store::error::ReadError;
use crate::store::key::{self, SerialKey};
use crate::store::record;
use crate::store::search_blocks::{SearchBlock, TABLE, body_of};
use crate::store::sequences::Count;
use crate::store::tables::ReadTables;
use redb::{AccessGuard, Range};

pub(super) struct Sealed {
    blocks: Range<'static, &'static SerialKey, &'static [u8]>,
    at: Option<Block>,
    scratch: String,
}

/// A block and what of its logs went by.
struct Block {
    key: SerialKey,
    last: u64,
    rows: u64,
    record: AccessGuard<'static, &'static [u8]>,
    seen: u64,
    newest: u64,
    /// It has the runs of letters of all that went by.
    holds: bool,
}

impl Block {
    fn org(&self) -> OrganizationId {
        key::organization_of(&self.key)
    }

    fn first(&self) -> u64 {
        key::serial_id(&self.key)
    }
}

impl Sealed {
    pub(super) fn new(tables: &ReadTables) -> Result<Sealed, ReadError> {
        let blocks = tables.search_blocks.range::<&SerialKey>(..)?;
        Ok(Sealed { blocks, at: None, scratch: String::new() })
    }

    /// A log goes by.
    pub(super) fn see(
        &mut self,
        check: &mut Check<'_, '_, '_>,
        (org, id): (OrganizationId, u64),
        log: &[u8],
    ) -> Result<(), ReadError> {
        self.until(check, Some((org, id)))?;
        let Some(block) = self.at.as_mut().filter(|block| block.org() == org && block.first() <= id) else {
            return Ok(());
        };
        // It has to begin and to end with a log.
        block.holds &= block.seen > 0 || block.first() == id;
        (block.seen, block.newest) = (block.seen + 1, id);
        if let Ok(sealed) = decode(block.record.value())
            && sealed.is_of_today()
        {
            block.holds &= grams::holds(sealed.grams, body_of(log), &mut self.scratch);
        }
        Ok(())
    }

    /// Goes on to the block that reaches this log; none: to the end.
    pub(super) fn until(
        &mut self,
        check: &mut Check<'_, '_, '_>,
        log: Option<(OrganizationId, u64)>,
    ) -> Result<(), ReadError> {
        loop {
            if self.at.as_ref().is_some_and(|block| log.is_some_and(|log| (block.org(), block.last) >= log)) {
                return Ok(());
            }
            if let Some(block) = self.at.take() {
                judge(check, &block)?;
            }
            let Some(row) = self.blocks.next() else { return Ok(()) };
            let (key, record) = row?;
            let (key, org) = (*key.value(), key::organization_of(key.value()));
            check.row(org);
            // One that cannot be read is not what its logs are either.
            let unreadable = |_| (key::serial_id(&key), 0);
            let (last, rows) =
                decode(record.value()).map_or_else(unreadable, |block| (block.last, block.rows));
            self.at = Some(Block { key, last, rows, record, seen: 0, newest: 0, holds: true });
        }
    }
}

fn decode(bytes: &[u8]) -> Result<SearchBlock<'_>, ReadError> {
    record::decode(TABLE, bytes)
}

/// Blocks that overlap take logs from each other.
fn judge(check: &mut Check<'_, '_, '_>, block: &Block) -> Result<(), ReadError> {
    let (org, first, last) = (block.org(), block.first(), block.last);
    let sound = block.holds && block.seen > 0 && (block.seen, block.newest) == (block.rows, last);
    if sound {
        check.tally(org).kept.entry((Count::SealedLogs as u8, 0)).or_default().1 += block.rows;
    }
    let damage = format_args!("the search's block of message logs {first} to {last} is not what they are");
    check.derived(sound, org, damage, |tables| tables.search_blocks.remove(&block.key).map(drop))
}
