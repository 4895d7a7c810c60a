//! The list of message logs: a page of those that match, the newest first, and how many do, at any depth; and the counts
//! of what matches.
//!
//! Ids count up as logs arrive. Blocks whose logs all answer a filter alike are passed over by their counts; logs are
//! read where no block tells, and where the page lies.

use super::error::ReadError;
use super::key;
use super::log_row;
use super::log_scan::{Place, Scan};
use super::sequences::{Count, Counted};
use super::side_by_side::side_by_side;
use super::snapshot::Snapshot;
use crate::model::ids::{MessageLogId, OrganizationId};
use crate::model::message_log::{LogCounts, LogFilter, LogKind, LogView};
use crate::model::page::Page;

/// The matching logs from one to another, counted from the newest of all or of a place.
#[derive(Clone, Copy)]
struct Window {
    from: u64,
    to: u64,
}

impl Window {
    /// What of it lies after so many logs.
    fn after(self, logs: u64) -> Window {
        Window { from: self.from.saturating_sub(logs), to: self.to.saturating_sub(logs) }
    }
}

/// How much may be read yet, in rows and blocks.
struct Budget {
    spent: u64,
    most: u64,
}

impl Budget {
    /// False: it is too much.
    fn spend(&mut self, steps: u64) -> bool {
        self.spent = self.spent.saturating_add(steps);
        self.spent <= self.most
    }
}

/// What the page has of a place.
enum Piece {
    /// The ids of what was read.
    Read(Vec<u64>),
    /// What is still to be picked.
    Known(Place, Window),
}

impl Snapshot {
    /// Visits a page of the logs that match, the newest first, and tells how many there are.
    pub fn list_logs(
        &self,
        organization: OrganizationId,
        filter: &LogFilter,
        page: Page,
        visit: impl FnMut(MessageLogId, &LogView<'_>),
    ) -> Result<u64, ReadError> {
        Ok(self.list_logs_within(organization, filter, page, u64::MAX, visit)?.unwrap_or(0))
    }

    /// As [`Snapshot::list_logs`], as long as it takes no more than so many rows and blocks. `None`: it does, and nothing
    /// was visited.
    pub fn list_logs_within(
        &self,
        organization: OrganizationId,
        filter: &LogFilter,
        page: Page,
        most: u64,
        mut visit: impl FnMut(MessageLogId, &LogView<'_>),
    ) -> Result<Option<u64>, ReadError> {
        // To look for words, even in few bodies, takes long.
        if filter.search.is_some() && most < u64::MAX {
            return Ok(None);
        }
        let (scan, mut budget) = (self.scan(organization, filter)?, Budget { spent: 0, most });
        let kept = match self.is_kept(&scan) {
            true => Some(self.count_kinds(organization, filter)?.total()),
            false => None,
        };
        let to = page.skip.saturating_add(page.limit as u64).min(kept.unwrap_or(u64::MAX));
        let window = Window { from: page.skip, to };
        let Some(places) = scan.found_by_blocks(window, kept.is_some(), &mut budget)? else {
            return Ok(None);
        };
        let (total, pieces) = scan.read(places, window)?;
        let rows = |piece: &Piece| match piece {
            Piece::Read(_) => 0,
            Piece::Known(place, window) => most_rows(place, *window),
        };
        if !budget.spend(pieces.iter().map(rows).fold(0, u64::saturating_add)) {
            return Ok(None);
        }
        scan.show(&pieces, &mut visit)?;
        Ok(Some(kept.unwrap_or(total)))
    }

    /// How many logs of each kind match.
    pub fn count_logs(
        &self,
        organization: OrganizationId,
        filter: &LogFilter,
    ) -> Result<LogCounts, ReadError> {
        let scan = self.scan(organization, filter)?;
        if self.is_kept(&scan) {
            return self.count_kinds(organization, filter);
        }
        let (mut counts, mut unknown, mut places) = (LogCounts::default(), Vec::new(), scan.places()?);
        loop {
            let mut known = LogCounts::default();
            let Some(place) = places.next(|kind, count| known.add(kind, count))? else { break };
            match place.known {
                Some(_) => counts.merge(&known),
                None => unknown.push(place),
            }
        }
        let read = side_by_side(&scan.searched(unknown)?, |place| {
            let mut counts = LogCounts::default();
            scan.each(place, |_, kind| counts.add(kind, 1))?;
            Ok(counts)
        })?;
        read.iter().for_each(|read| counts.merge(read));
        Ok(counts)
    }

    /// Whether what matches is kept by kind. What is kept counts also those that nobody sees while they are being
    /// purged.
    fn is_kept(&self, scan: &Scan<'_>) -> bool {
        scan.is_of_kinds && scan.purging.is_empty()
    }

    /// What is kept of the kinds that match.
    fn count_kinds(&self, organization: OrganizationId, filter: &LogFilter) -> Result<LogCounts, ReadError> {
        let mut counts = LogCounts::default();
        for kind in LogKind::all().filter(|kind| filter.matches_kind(*kind)) {
            counts.add(kind, self.counted(organization, Count::Logs, kind.block())?);
        }
        Ok(counts)
    }
}

impl Scan<'_> {
    /// Where there are logs that match, or may be: as far as the page goes if only that is asked for, else everywhere.
    /// `None`: it takes too much, with what would have to be read there.
    fn found_by_blocks(
        &self,
        page: Window,
        is_page_alone: bool,
        budget: &mut Budget,
    ) -> Result<Option<Vec<Place>>, ReadError> {
        let (mut found, mut least, mut places) = (Vec::new(), 0, self.places()?);
        while !is_page_alone || (least < page.to && page.from < page.to) {
            let Some(place) = places.next(|_, _| ())? else { break };
            if !budget.spend(place.steps) {
                return Ok(None);
            }
            least += place.known.unwrap_or(0);
            if place.known != Some(0) {
                found.push(place);
            }
        }
        let unknown = found.iter().filter(|place| place.known.is_none());
        let rows = unknown.map(|place| place.rows).fold(0, u64::saturating_add);
        if !budget.spend(rows) {
            return Ok(None);
        }
        self.searched(found).map(Some)
    }

    /// Reads what is unknown, side by side. Returns how many match, and what the page has of each place.
    fn read(&self, places: Vec<Place>, page: Window) -> Result<(u64, Vec<Piece>), ReadError> {
        let (mut unknown, mut least, mut most) = (Vec::new(), 0_u64, 0_u64);
        for place in &places {
            if place.known.is_none() {
                // No more of them can be before the page than if all matched before them, and no fewer than are known.
                unknown.push((place, Window { from: page.after(most).from, to: page.after(least).to }));
            }
            least += place.known.unwrap_or(0);
            most = most.saturating_add(place.known.unwrap_or(place.rows));
        }
        let mut read = side_by_side(&unknown, |(place, window)| self.ids(place, *window))?.into_iter();
        let (mut seen, mut pieces) = (0, Vec::new());
        for place in places {
            let here = page.after(seen);
            if let Some(known) = place.known {
                seen += known;
                let here = Window { to: here.to.min(known), ..here };
                if here.from < here.to {
                    pieces.push(Piece::Known(place, here));
                }
            } else if let Some((count, first, ids)) = read.next() {
                seen += count;
                let (from, to) = (here.from.saturating_sub(first), here.to.saturating_sub(first));
                let ids = ids.into_iter().take(usize::try_from(to).unwrap_or(usize::MAX));
                let ids: Vec<_> = ids.skip(usize::try_from(from).unwrap_or(usize::MAX)).collect();
                pieces.push(Piece::Read(ids));
            }
        }
        Ok((seen, pieces))
    }

    /// How many match in a place, from which of them on the ids are told, and the ids.
    fn ids(&self, place: &Place, window: Window) -> Result<(u64, u64, Vec<u64>), ReadError> {
        let (mut count, mut ids) = (0, Vec::new());
        self.each(place, |id, _| {
            if (window.from..window.to).contains(&count) {
                ids.push(id);
            }
            count += 1;
        })?;
        Ok((count, window.from, ids))
    }

    fn show(
        &self,
        pieces: &[Piece],
        visit: &mut impl FnMut(MessageLogId, &LogView<'_>),
    ) -> Result<(), ReadError> {
        let rows = side_by_side(pieces, |piece| match piece {
            Piece::Known(place, window) => self.pick(place, window.from, window.to),
            Piece::Read(ids) => {
                let mut rows = Vec::new();
                for id in ids {
                    let row = self.snapshot.tables.message_logs.get(&key::serial(self.org, *id))?;
                    rows.extend(row.map(|row| (*id, row)));
                }
                Ok(rows)
            }
        })?;
        for (id, row) in rows.iter().flatten() {
            visit(MessageLogId(*id), &log_row::view(row.value())?);
        }
        Ok(())
    }
}

/// So many rows are read at most to find these.
fn most_rows(place: &Place, window: Window) -> u64 {
    match place.known {
        Some(known) if known == place.rows => window.to.min(known - window.from),
        _ => place.rows,
    }
}
