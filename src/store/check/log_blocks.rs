//! The blocks of message logs, which go by beside the logs that they count.

use super::Check;
use crate::model::ids::OrganizationId;
use crate::store::activity_blocks::BLOCK_ROWS;
use crate::store::error::ReadError;
use crate::store::key::{self, SerialKey};
use crate::store::log_block_changes;
use crate::store::log_blocks::{Cutter, LogBlock, TABLE};
use crate::store::record;
use crate::store::tables::ReadTables;
use redb::Range;
use std::iter::Peekable;

pub(super) struct Counting {
    blocks: Peekable<Range<'static, &'static SerialKey, &'static [u8]>>,
    at: Option<Block>,
}

/// A block and what of its logs went by.
struct Block {
    end: SerialKey,
    /// Else it has what lies after the last block, and there is nothing to be there if that is nothing.
    is_there: bool,
    /// None: there is none that can be read.
    stored: Option<LogBlock>,
    logs: Cutter,
}

impl Counting {
    pub(super) fn new(tables: &ReadTables) -> Result<Counting, ReadError> {
        Ok(Counting { blocks: tables.log_blocks.range::<&SerialKey>(..)?.peekable(), at: None })
    }

    /// A log goes by.
    pub(super) fn see(
        &mut self,
        check: &mut Check<'_, '_, '_>,
        (org, id): (OrganizationId, u64),
        log: &[u8],
    ) -> Result<(), ReadError> {
        let key = key::serial(org, id);
        while self.at.as_ref().is_none_or(|block| block.end < key) {
            self.close(check)?;
            let (end, logs) = (key::serial(org, u64::MAX), Cutter::new(u64::from(BLOCK_ROWS)));
            let beyond = Block { end, is_there: false, stored: None, logs };
            self.at = Some(self.next(check, &end)?.unwrap_or(beyond));
        }
        if let Some(block) = &mut self.at {
            block.logs.add(&key, log);
        }
        Ok(())
    }

    /// What is left when the logs have gone by has none.
    pub(super) fn finish(mut self, check: &mut Check<'_, '_, '_>) -> Result<(), ReadError> {
        self.close(check)?;
        while let Some(block) = self.next(check, &[u8::MAX; 12])? {
            self.at = Some(block);
            self.close(check)?;
        }
        Ok(())
    }

    /// The next block that does not end after this.
    fn next(&mut self, check: &mut Check<'_, '_, '_>, last: &SerialKey) -> Result<Option<Block>, ReadError> {
        let is_next = |block: &Result<(redb::AccessGuard<'_, &SerialKey>, _), _>| {
            block.as_ref().map_or(true, |(end, _)| end.value() <= last)
        };
        let Some((end, bytes)) = self.blocks.next_if(is_next).transpose()? else { return Ok(None) };
        check.row(key::organization_of(end.value()));
        let stored = record::decode(TABLE, bytes.value()).ok();
        let logs = Cutter::new(u64::from(BLOCK_ROWS));
        Ok(Some(Block { end: *end.value(), is_there: true, stored, logs }))
    }

    fn close(&mut self, check: &mut Check<'_, '_, '_>) -> Result<(), ReadError> {
        let Some(Block { end, is_there, stored, logs }) = self.at.take() else { return Ok(()) };
        let exact = logs.finish(is_there.then_some(end));
        let is_sound = match (&stored, exact.as_slice()) {
            (_, []) => !is_there,
            (Some(stored), [(_, exact)]) => stored.is_true_of(exact),
            // A range that is wider than it should be has what a block that is gone had.
            _ => false,
        };
        let there: u64 = exact.iter().map(|(_, block)| block.rows()).sum();
        let counted = stored.as_ref().map_or(0, LogBlock::rows);
        let damage = format_args!("a block of {counted} message logs is not what they are, {there}");
        let org = key::organization_of(&end);
        check.derived(is_sound, org, damage, |tables| log_block_changes::put(tables, &end, exact))
    }
}
