//! The blocks of the conversation list, which go by beside the rows that they count. They are looked at only if those
//! rows are what they should be: else they may be right, and a repair puts the rows right first.

use super::Check;
use crate::store::activity_blocks::{ActivityBlock, BLOCK_ROWS, Cutter, TABLE};
use crate::store::block_changes;
use crate::store::error::ReadError;
use crate::store::key::{self, ActivityKey};
use crate::store::record;
use crate::store::tables::ReadTables;
use redb::Range;
use std::iter::Peekable;

impl Check<'_, '_, '_> {
    pub(super) fn blocks(&mut self) -> Result<(), ReadError> {
        if self.told.unlisted || self.told.sum != 0 {
            return Ok(());
        }
        let mut blocks = Blocks::new(self.tables)?;
        for row in self.tables.activity.range::<&ActivityKey>(..)? {
            let (key, bytes) = row?;
            blocks.see(self, key.value(), bytes.value())?;
        }
        blocks.finish(self)
    }
}

struct Blocks {
    blocks: Peekable<Range<'static, &'static ActivityKey, &'static [u8]>>,
    at: Option<Block>,
}

/// A block and what of its rows went by.
struct Block {
    end: ActivityKey,
    /// None: there is no such block, or none that can be read.
    stored: Option<ActivityBlock>,
    rows: Cutter,
}

impl Block {
    fn new(end: ActivityKey, stored: Option<ActivityBlock>) -> Block {
        Block { end, stored, rows: Cutter::new(u64::from(BLOCK_ROWS / 2)) }
    }
}

impl Blocks {
    fn new(tables: &ReadTables) -> Result<Blocks, ReadError> {
        Ok(Blocks { blocks: tables.activity_blocks.range::<&ActivityKey>(..)?.peekable(), at: None })
    }

    /// A list row goes by.
    fn see(&mut self, check: &mut Check<'_, '_, '_>, key: &ActivityKey, row: &[u8]) -> Result<(), ReadError> {
        while self.at.as_ref().is_none_or(|block| block.end < *key) {
            self.close(check)?;
            let last = *key::activity_range(key::organization_of(key)).end();
            // A row that no block reaches lies in one to the end of its organization's, which is not there.
            self.at = match self.next(check, &last)? {
                Some(block) => Some(block),
                None => Some(Block::new(last, None)),
            };
        }
        if let Some(block) = &mut self.at {
            block.rows.add(key, row);
        }
        Ok(())
    }

    /// What is left when the rows have gone by has none.
    fn finish(mut self, check: &mut Check<'_, '_, '_>) -> Result<(), ReadError> {
        self.close(check)?;
        while let Some(block) = self.next(check, &[u8::MAX; 20])? {
            self.at = Some(block);
            self.close(check)?;
        }
        Ok(())
    }

    /// The next block that does not end after this.
    fn next(
        &mut self,
        check: &mut Check<'_, '_, '_>,
        last: &ActivityKey,
    ) -> Result<Option<Block>, ReadError> {
        let is_next = |block: &Result<(redb::AccessGuard<'_, &ActivityKey>, _), _>| {
            block.as_ref().map_or(true, |(end, _)| end.value() <= last)
        };
        let Some((end, bytes)) = self.blocks.next_if(is_next).transpose()? else { return Ok(None) };
        check.row(key::organization_of(end.value()));
        Ok(Some(Block::new(*end.value(), record::decode(TABLE, bytes.value()).ok())))
    }

    fn close(&mut self, check: &mut Check<'_, '_, '_>) -> Result<(), ReadError> {
        let Some(Block { end, stored, rows }) = self.at.take() else { return Ok(()) };
        let rows = rows.finish(end);
        let mut exact = ActivityBlock::default();
        rows.iter().for_each(|(_, piece)| exact.merge(piece));
        let (counted, there) = (stored.as_ref().map_or(0, ActivityBlock::rows), exact.rows());
        let sound = there > 0 && stored.is_some_and(|block| block.is_true_of(&exact));
        let damage = format_args!("a block of {counted} list rows is not what they are, {there}");
        let org = key::organization_of(&end);
        check.derived(sound, org, damage, |tables| block_changes::put(tables, end, rows))
    }
}
