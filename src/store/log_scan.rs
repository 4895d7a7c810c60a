//! Reading message logs one by one, in stretches side by side: how a filter finds what no index tells.

use super::error::ReadError;
use super::key::{self, SerialKey};
use super::log_row;
use super::side_by_side::side_by_side;
use super::snapshot::Snapshot;
use crate::model::ids::{CallId, OrganizationId};
use crate::model::message_log::{LogFilter, LogRow};
use crate::model::search::Scratch;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Logs from one id to another.
type Stretch = RangeInclusive<u64>;

/// How many ids there are in a stretch, unless that made too many.
const LOGS: u64 = 4096;
const STRETCHES: u64 = 256;

impl Snapshot {
    /// Where logs that match may be, the newest first.
    pub(super) fn stretches(
        &self,
        org: OrganizationId,
        filter: &LogFilter,
    ) -> Result<Vec<Stretch>, ReadError> {
        let range = key::serial_range(org);
        let mut logs = self.tables.message_logs.range::<&SerialKey>(range.start()..=range.end())?;
        let Some(first) = logs.next().transpose()? else { return Ok(Vec::new()) };
        let first = key::serial_id(first.0.value());
        let last = logs.next_back().transpose()?.map_or(first, |(key, _)| key::serial_id(key.value()));
        let places = match &filter.search {
            Some(search) => self.may_hold(org, search, first..=last)?,
            None => vec![first..=last],
        };
        Ok(places.into_iter().flat_map(split).collect())
    }

    /// Shows the logs that match to `visit`, the newest of each stretch first, until it says that it wants no more
    /// of that. Returns what it made of each, in their order.
    pub(super) fn scan<T: Default + Send>(
        &self,
        org: OrganizationId,
        filter: &LogFilter,
        stretches: &[Stretch],
        visit: impl Fn(&mut T, u64, &LogRow<'_>) -> bool + Sync,
    ) -> Result<Vec<T>, ReadError> {
        let purging = self.purging(org)?;
        side_by_side(stretches, |stretch| {
            let (mut result, mut scratch) = (T::default(), Scratch::default());
            let visit = |id, log: &LogRow<'_>| visit(&mut result, id, log);
            self.each_log(org, stretch, (filter, &purging), &mut scratch, visit)?;
            Ok(result)
        })
    }

    fn each_log(
        &self,
        org: OrganizationId,
        stretch: &Stretch,
        (filter, purging): (&LogFilter, &BTreeSet<CallId>),
        scratch: &mut Scratch,
        mut visit: impl FnMut(u64, &LogRow<'_>) -> bool,
    ) -> Result<(), ReadError> {
        let (from, to) = (key::serial(org, *stretch.start()), key::serial(org, *stretch.end()));
        for row in self.tables.message_logs.range::<&SerialKey>(&from..=&to)?.rev() {
            let (key, bytes) = row?;
            let log = log_row::read(bytes.value())?;
            let is_shown = log.call_id.is_none_or(|call| !purging.contains(&call));
            if is_shown && filter.matches(&log, scratch) && !visit(key::serial_id(key.value()), &log) {
                break;
            }
        }
        Ok(())
    }
}

/// Cuts a stretch into pieces of one size, the newest first.
fn split(stretch: Stretch) -> impl Iterator<Item = Stretch> {
    let (first, last) = stretch.into_inner();
    let ids = LOGS.max((last - first) / STRETCHES + 1);
    let pieces = (last - first) / ids;
    (0..=pieces).map(move |at| {
        let end = last - at * ids;
        end.saturating_sub(ids - 1).max(first)..=end
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_are_the_whole_and_not_too_many(first in any::<u64>(), ids in prop_oneof![0..20_000u64, any::<u64>()]) {
            let last = first.saturating_add(ids);
            let pieces: Vec<_> = split(first..=last).collect();
            prop_assert!(pieces.len() as u64 <= STRETCHES.max((last - first) / LOGS + 1));
            prop_assert_eq!((*pieces[0].end(), *pieces[pieces.len() - 1].start()), (last, first));
            for (newer, older) in pieces.iter().zip(&pieces[1..]) {
                prop_assert!(!older.is_empty());
                prop_assert_eq!(older.end() + 1, *newer.start());
            }
        }
    }
}
