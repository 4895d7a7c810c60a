//! How many message logs there were between times, in one pass over the blocks: one whose logs are all of the same period
//! counts for it, and only those on an edge are read.

use super::error::ReadError;
use super::key::{self, ThreadKey, ThreadPart};
use super::log_blocks;
use super::log_row;
use super::log_scan::Place;
use super::side_by_side::side_by_side;
use super::snapshot::Snapshot;
use crate::model::ids::{CallId, OrganizationId};
use crate::model::message_log::{LogCounts, LogFilter};
use crate::model::time::Timestamp;

/// Periods that follow each other.
struct Periods<'b>(&'b [Timestamp]);

impl Periods<'_> {
    fn of(&self, at: Timestamp) -> Option<usize> {
        let begun = self.0.partition_point(|bound| *bound <= at);
        (begun < self.0.len()).then(|| begun.checked_sub(1)).flatten()
    }

    fn none(&self) -> Vec<LogCounts> {
        vec![LogCounts::default(); self.0.len().saturating_sub(1)]
    }
}

impl Snapshot {
    /// How many logs of each kind were created in each of the periods that these times bound: from one to right before the
    /// next.
    pub fn count_logs_between(
        &self,
        organization: OrganizationId,
        bounds: &[Timestamp],
    ) -> Result<Vec<LogCounts>, ReadError> {
        let (periods, everything) = (Periods(bounds), LogFilter::default());
        let mut counts = periods.none();
        let (Some(first), Some(last)) = (bounds.first(), bounds.last()) else { return Ok(counts) };
        let scan = self.scan(organization, &everything)?;
        let mut places = scan.places()?;
        let mut unknown = Vec::from_iter(places.beyond()?);
        while let Some((from, to, bytes)) = places.block()? {
            let mut known = LogCounts::default();
            let created = log_blocks::created(bytes.value(), |kind, count| known.add(kind, count));
            let Some(created) = created else {
                unknown.push(Place { from, to, rows: u64::MAX, known: None, steps: 1 });
                continue;
            };
            if created.most < *first || created.least >= *last {
                continue;
            }
            match (periods.of(created.least), periods.of(created.most)) {
                (Some(one), Some(same)) if one == same => counts[one].merge(&known),
                _ => unknown.push(Place { from, to, rows: known.total(), known: None, steps: 1 }),
            }
        }
        let read = side_by_side(&unknown, |place| {
            let mut counts = periods.none();
            for row in scan.rows(place)? {
                let (_, bytes) = row?;
                let log = log_row::read(bytes.value())?;
                if let Some(period) = periods.of(log.created_at) {
                    counts[period].add(log.kind(), 1);
                }
            }
            Ok(counts)
        })?;
        for read in &read {
            counts.iter_mut().zip(read).for_each(|(counts, read)| counts.merge(read));
        }
        // Blocks have also what nobody sees any more, until it is purged.
        for call in &scan.purging {
            self.take_thread(organization, *call, &periods, &mut counts)?;
        }
        Ok(counts)
    }

    /// Takes a thread's logs away.
    fn take_thread(
        &self,
        organization: OrganizationId,
        call: CallId,
        periods: &Periods<'_>,
        counts: &mut [LogCounts],
    ) -> Result<(), ReadError> {
        let link = |number| key::thread(organization, call, ThreadPart::Log, number);
        for row in self.tables.threads.range::<&ThreadKey>(&link(0)..=&link(u64::MAX))? {
            let number = key::thread_number(row?.0.value());
            let stored = self.tables.message_logs.get(&key::serial(organization, number))?;
            let Some(bytes) = stored else { continue };
            let log = log_row::read(bytes.value())?;
            if let Some(period) = periods.of(log.created_at) {
                counts[period].remove(log.kind(), 1);
            }
        }
        Ok(())
    }
}
