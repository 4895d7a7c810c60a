//! What a batch changes of the list's blocks: gathered in memory while it runs and written once with its commit, for
//! nearly every message goes to the newest block. Then blocks that grew too large are cut, and those that lost most of
//! their rows are taken up by their older neighbour.

use super::activity_blocks::{ActivityBlock, BLOCK_ROWS, Cutter, TABLE};
use super::error::ReadError;
use super::key::{self, ActivityKey};
use super::record;
use super::tables::Tables;
use crate::model::call::Conversation;
use crate::model::ids::OrganizationId;
use crate::model::time::Timestamp;
use redb::{ReadableTable, ReadableTableMetadata, StorageError};
use std::collections::BTreeMap;
use std::ops::Bound;

/// A block as the batch has it so far.
enum Touched {
    Known(ActivityBlock),
    /// What is stored is not what its rows are: they are counted anew.
    Unknown,
    /// Its times are wider than its rows need: the same, and it stays whole.
    Wide,
}

impl Touched {
    /// One that cannot be read holds up nobody.
    fn stored(bytes: &[u8]) -> Touched {
        record::decode(TABLE, bytes).map_or(Touched::Unknown, Touched::Known)
    }
}

/// By where they end.
#[derive(Default)]
pub(super) struct BlockChanges(BTreeMap<ActivityKey, Touched>);

impl BlockChanges {
    /// All of an organization goes, its blocks too.
    pub(super) fn forget(&mut self, organization: OrganizationId) {
        self.0.retain(|key, _| key::organization_of(key) != organization);
    }

    /// A list row comes.
    pub(super) fn add(
        &mut self,
        tables: &Tables<'_>,
        key: &ActivityKey,
        row: &Conversation<'_>,
    ) -> Result<(), StorageError> {
        if let Touched::Known(block) = self.block_of(tables, key)? {
            block.add(row);
        }
        Ok(())
    }

    /// A list row goes.
    pub(super) fn remove(
        &mut self,
        tables: &Tables<'_>,
        key: &ActivityKey,
        row: &Conversation<'_>,
    ) -> Result<(), StorageError> {
        let touched = self.block_of(tables, key)?;
        if let Touched::Known(block) = touched
            && !block.remove(row)
        {
            *touched = Touched::Unknown;
        }
        Ok(())
    }

    /// The block of this row gets the times that its rows have, if this was its bound: of all that are over one is.
    pub(super) fn narrow(
        &mut self,
        tables: &Tables<'_>,
        key: &ActivityKey,
        expired_at: Timestamp,
    ) -> Result<(), StorageError> {
        let touched = self.block_of(tables, key)?;
        if matches!(touched, Touched::Known(block) if block.expires_from(expired_at)) {
            *touched = Touched::Wide;
        }
        Ok(())
    }

    /// Beyond all blocks a new one reaches to the end.
    fn block_of(&mut self, tables: &Tables<'_>, key: &ActivityKey) -> Result<&mut Touched, StorageError> {
        let last = *key::activity_range(key::organization_of(key)).end();
        let found = tables.activity_blocks.range::<&ActivityKey>(key..=&last)?.next().transpose()?;
        Ok(match found {
            Some((end, bytes)) => {
                self.0.entry(*end.value()).or_insert_with(|| Touched::stored(bytes.value()))
            }
            None => self.0.entry(last).or_insert_with(|| Touched::Known(ActivityBlock::default())),
        })
    }

    /// Writes them, the newest first, so that each is written once. `most`: a block of more rows is cut.
    pub(super) fn write(mut self, tables: &mut Tables<'_>, most: u32) -> Result<(), ReadError> {
        let (most, mut bytes) = (u64::from(most), Vec::new());
        while let Some((end, touched)) = self.0.pop_first() {
            let block = match touched {
                Touched::Known(block) if block.rows() <= most => block,
                Touched::Known(block) => {
                    // Pieces of one size: none is so small that it has to go again soon.
                    cut(tables, end, block.rows().div_ceil(block.rows().div_ceil(most)))?;
                    continue;
                }
                Touched::Unknown => {
                    cut(tables, end, most.div_ceil(2))?;
                    continue;
                }
                Touched::Wide => {
                    cut(tables, end, most)?;
                    continue;
                }
            };
            if block.rows() == 0 || self.is_taken_up(tables, &end, &block, most)? {
                tables.activity_blocks.remove(&end)?;
            } else {
                record::encode(&block, &mut bytes);
                tables.activity_blocks.insert(&end, bytes.as_slice())?;
            }
        }
        Ok(())
    }

    /// Gives the rows of a small block to its older neighbour, if that has room for more after it.
    fn is_taken_up(
        &mut self,
        tables: &Tables<'_>,
        end: &ActivityKey,
        block: &ActivityBlock,
        most: u64,
    ) -> Result<bool, StorageError> {
        if block.rows() * 4 > most {
            return Ok(false);
        }
        let last = *key::activity_range(key::organization_of(end)).end();
        let older = (Bound::Excluded(end), Bound::Included(&last));
        let Some(found) = tables.activity_blocks.range::<&ActivityKey>(older)?.next().transpose()? else {
            return Ok(false);
        };
        let older = *found.0.value();
        let touched = self.0.remove(&older);
        let was_touched = touched.is_some();
        let mut touched = touched.unwrap_or_else(|| Touched::stored(found.1.value()));
        let fits = match &mut touched {
            Touched::Known(neighbour) if (neighbour.rows() + block.rows()) * 2 <= most => {
                neighbour.merge(block);
                true
            }
            _ => false,
        };
        if fits || was_touched {
            self.0.insert(older, touched);
        }
        Ok(fits)
    }
}

/// Counts the rows of a block anew and makes blocks of this size of it.
fn cut(tables: &mut Tables<'_>, end: ActivityKey, size: u64) -> Result<(), ReadError> {
    let first = *key::activity_range(key::organization_of(&end)).start();
    let before = tables.activity_blocks.range::<&ActivityKey>(&first..&end)?.next_back().transpose()?;
    let start = before.map_or(Bound::Included(first), |(key, _)| Bound::Excluded(*key.value()));
    let mut cutter = Cutter::new(size);
    for row in tables.activity.range::<&ActivityKey>((start.as_ref(), Bound::Included(&end)))? {
        let (key, bytes) = row?;
        cutter.add(key.value(), bytes.value());
    }
    Ok(put(tables, end, cutter.finish(end))?)
}

/// Puts blocks in the place of the one that ends there.
pub(super) fn put(
    tables: &mut Tables<'_>,
    end: ActivityKey,
    blocks: Vec<(ActivityKey, ActivityBlock)>,
) -> Result<(), StorageError> {
    let mut bytes = Vec::new();
    tables.activity_blocks.remove(&end)?;
    for (end, block) in blocks {
        record::encode(&block, &mut bytes);
        tables.activity_blocks.insert(&end, bytes.as_slice())?;
    }
    Ok(())
}

/// Makes the blocks of a file that has none, and says how many.
pub(super) fn make_all(tables: &mut Tables<'_>) -> Result<u64, ReadError> {
    let organizations = tables.organizations.iter()?.map(|row| row.map(|(key, _)| *key.value()));
    for key in organizations.collect::<Result<Vec<_>, _>>()? {
        let range = key::activity_range(key::organization_of(&key));
        cut(tables, *range.end(), u64::from(BLOCK_ROWS / 2))?;
    }
    Ok(tables.activity_blocks.len()?)
}
