//! Where message logs that match a filter may be, and reading them there: blocks whose logs all answer alike are known by
//! their counts, and the search's blocks deny what they do not have.

use super::error::ReadError;
use super::key::{self, SerialKey};
use super::log_blocks;
use super::log_row;
use super::snapshot::Snapshot;
use crate::model::ids::{CallId, OrganizationId};
use crate::model::message_log::{LogFilter, LogKind, LogRow};
use crate::model::search::Scratch;
use redb::{AccessGuard, Range, StorageError};
use std::collections::BTreeSet;
use std::iter::{Peekable, Rev};
use std::ops::RangeInclusive;

type Rows = Range<'static, &'static SerialKey, &'static [u8]>;
type Row =
    Result<(AccessGuard<'static, &'static SerialKey>, AccessGuard<'static, &'static [u8]>), StorageError>;
/// A stored log and its id.
pub(super) type Found = (u64, AccessGuard<'static, &'static [u8]>);

type Block = (u64, u64, AccessGuard<'static, &'static [u8]>);

/// A log is about so long.
const STEP_BYTES: u64 = 256;

/// Neighbouring logs: those of a block, or some of them.
pub(super) struct Place {
    pub(super) from: u64,
    pub(super) to: u64,
    /// At most so many.
    pub(super) rows: u64,
    /// So many of them match.
    pub(super) known: Option<u64>,
    /// What it took to know that, in rows: a block of many assistants is long.
    pub(super) steps: u64,
}

/// What is asked for.
pub(super) struct Scan<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) org: OrganizationId,
    pub(super) filter: &'a LogFilter,
    /// The kind alone tells which logs match.
    pub(super) is_of_kinds: bool,
    /// Calls whose logs nobody sees, though blocks and counts have them.
    pub(super) purging: BTreeSet<CallId>,
}

/// The blocks, the newest first.
pub(super) struct Places<'a> {
    scan: &'a Scan<'a>,
    blocks: Peekable<Rev<Rows>>,
    has_begun: bool,
}

impl Snapshot {
    pub(super) fn scan<'a>(
        &'a self,
        org: OrganizationId,
        filter: &'a LogFilter,
    ) -> Result<Scan<'a>, ReadError> {
        let purging = self.purging(org)?;
        Ok(Scan { snapshot: self, org, filter, is_of_kinds: filter.is_of_kinds(), purging })
    }
}

impl Scan<'_> {
    pub(super) fn places(&self) -> Result<Places<'_>, ReadError> {
        let range = key::serial_range(self.org);
        let blocks = self.snapshot.tables.log_blocks.range::<&SerialKey>(range.start()..=range.end())?;
        Ok(Places { scan: self, blocks: blocks.rev().peekable(), has_begun: false })
    }

    /// Leaves of these places, the newest first, what the search's blocks do not deny.
    pub(super) fn searched(&self, places: Vec<Place>) -> Result<Vec<Place>, ReadError> {
        let Some(search) = &self.filter.search else { return Ok(places) };
        let wanted = self.snapshot.may_hold(self.org, search, 0..=u64::MAX)?;
        Ok(cut(places, &wanted))
    }

    pub(super) fn rows(&self, place: &Place) -> Result<Rows, ReadError> {
        let (from, to) = (key::serial(self.org, place.from), key::serial(self.org, place.to));
        Ok(self.snapshot.tables.message_logs.range::<&SerialKey>(&from..=&to)?)
    }

    /// Shows the logs of a place that match to `visit`, the newest first.
    pub(super) fn each(&self, place: &Place, mut visit: impl FnMut(u64, LogKind)) -> Result<(), ReadError> {
        let mut scratch = Scratch::default();
        for row in self.rows(place)?.rev() {
            let (key, bytes) = row?;
            let log = log_row::read(bytes.value())?;
            if self.matches(&log, &mut scratch) {
                visit(key::serial_id(key.value()), log.kind());
            }
        }
        Ok(())
    }

    /// The logs from one to another of those that match in a place, counted from the newest; how many match is known.
    pub(super) fn pick(&self, place: &Place, from: u64, to: u64) -> Result<Vec<Found>, ReadError> {
        let after = place.known.unwrap_or(to).saturating_sub(to);
        let (rows, is_whole) = (self.rows(place)?, place.known == Some(place.rows));
        if from <= after {
            return self.take(rows.rev(), is_whole, from, to - from);
        }
        // Its end is nearer.
        let mut found = self.take(rows, is_whole, after, to - from)?;
        found.reverse();
        Ok(found)
    }

    /// `is_whole`: all of them match.
    fn take(
        &self,
        rows: impl Iterator<Item = Row>,
        is_whole: bool,
        mut skip: u64,
        count: u64,
    ) -> Result<Vec<Found>, ReadError> {
        let (mut found, mut scratch) = (Vec::new(), Scratch::default());
        for row in rows {
            let (key, bytes) = row?;
            if !is_whole && !self.matches_stored(bytes.value(), &mut scratch)? {
                continue;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            found.push((key::serial_id(key.value()), bytes));
            if found.len() as u64 == count {
                break;
            }
        }
        Ok(found)
    }

    fn matches_stored(&self, bytes: &[u8], scratch: &mut Scratch) -> Result<bool, ReadError> {
        match self.is_of_kinds && self.purging.is_empty() {
            true => Ok(self.filter.matches_kind(log_row::kind(bytes)?)),
            false => Ok(self.matches(&log_row::read(bytes)?, scratch)),
        }
    }

    pub(super) fn matches(&self, log: &LogRow<'_>, scratch: &mut Scratch) -> bool {
        log.call_id.is_none_or(|call| !self.purging.contains(&call)) && self.filter.matches(log, scratch)
    }
}

impl Places<'_> {
    /// `see` is shown how many of each kind match, where that is known.
    pub(super) fn next(&mut self, see: impl FnMut(LogKind, u64)) -> Result<Option<Place>, ReadError> {
        if !std::mem::replace(&mut self.has_begun, true)
            && let Some(beyond) = self.beyond()?
        {
            return Ok(Some(beyond));
        }
        let Some((from, to, bytes)) = self.block()? else { return Ok(None) };
        let (known, rows) = log_blocks::count(bytes.value(), self.scan.filter, see);
        // What nobody sees is counted, too.
        let known = known.filter(|known| *known == 0 || self.scan.purging.is_empty());
        let steps = 1 + bytes.value().len() as u64 / STEP_BYTES;
        Ok(Some(Place { from, to, rows, known, steps }))
    }

    /// The next block as it is stored, after the ids from which to which it reaches.
    pub(super) fn block(&mut self) -> Result<Option<Block>, ReadError> {
        let Some((end, bytes)) = self.blocks.next().transpose()? else { return Ok(None) };
        let from = self.newest()?.map_or(0, |end| end.saturating_add(1));
        Ok(Some((from, key::serial_id(end.value()), bytes)))
    }

    /// Where the next block ends.
    fn newest(&mut self) -> Result<Option<u64>, ReadError> {
        match self.blocks.peek() {
            Some(Ok((end, _))) => Ok(Some(key::serial_id(end.value()))),
            // It is told when it is taken.
            Some(Err(_)) | None => Ok(None),
        }
    }

    /// In a file that was tampered with there may be logs that are in no block.
    pub(super) fn beyond(&mut self) -> Result<Option<Place>, ReadError> {
        let from = self.newest()?.map_or(Some(0), |end| end.checked_add(1));
        let Some(from) = from else { return Ok(None) };
        let place = Place { from, to: u64::MAX, rows: u64::MAX, known: None, steps: 1 };
        let is_empty = self.scan.rows(&place)?.next().is_none();
        Ok((!is_empty).then_some(place))
    }
}

/// What of places lies in ranges; both are the newest first.
fn cut(places: Vec<Place>, ranges: &[RangeInclusive<u64>]) -> Vec<Place> {
    let (mut left, mut ranges) = (Vec::new(), ranges.iter().peekable());
    for place in places {
        while let Some(range) = ranges.peek() {
            let (from, to) = (place.from.max(*range.start()), place.to.min(*range.end()));
            if from <= to {
                let rows = place.rows.min((to - from).saturating_add(1));
                left.push(Place { from, to, rows, known: None, steps: 0 });
            }
            // It goes on in the next place.
            if *range.start() < place.from {
                break;
            }
            ranges.next();
        }
    }
    left
}
