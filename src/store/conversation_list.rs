//! The conversation list: a page of it, and how many rows match, at any depth. Blocks whose rows all answer a filter
//! alike are passed over by their counts; rows are read where no block tells, and where the page lies.

use super::activity_blocks;
use super::error::ReadError;
use super::key::{self, ActivityKey};
use super::record;
use super::side_by_side::side_by_side;
use super::snapshot::Snapshot;
use crate::model::address::AddressQuery;
use crate::model::call::{Conversation, ConversationFilter, ConversationStatus};
use crate::model::ids::{CallId, OrganizationId};
use crate::model::page::Page;
use crate::model::time::Timestamp;
use redb::Range;
use std::ops::Bound;

/// A call record of its own takes as long to be read as so many rows of the list.
const STEPS_A_RECORD: u64 = 16;

type Rows = Range<'static, &'static ActivityKey, &'static [u8]>;

/// Neighbouring rows: those of a block.
struct Place {
    from: Bound<ActivityKey>,
    to: ActivityKey,
    /// At most so many.
    rows: u64,
    /// So many of them match.
    known: Option<u64>,
}

/// The blocks in their order, as far down as there can be rows that match.
struct Places<'a> {
    list: &'a List<'a>,
    blocks: Rows,
    from: Bound<ActivityKey>,
}

/// What is asked for.
struct List<'a> {
    snapshot: &'a Snapshot,
    filter: &'a ConversationFilter,
    now: Timestamp,
    first: ActivityKey,
    last: ActivityKey,
}

/// A place to be read, and where the page begins and ends, counted from the first row of it that matches.
struct Window {
    place: Place,
    from: u64,
    to: u64,
}

/// How many match, and the keys of those that may be in the page.
struct Found {
    count: u64,
    keys: Vec<ActivityKey>,
}

impl Snapshot {
    /// Visits a page of the conversations that match, newest activity first, ties by id downwards.
    pub fn list_conversations(
        &self,
        organization: OrganizationId,
        filter: &ConversationFilter,
        page: Page,
        now: Timestamp,
        visit: impl FnMut(&Conversation<'_>),
    ) -> Result<(), ReadError> {
        self.list_conversations_within(organization, filter, page, now, u64::MAX, visit).map(drop)
    }

    /// As [`Snapshot::list_conversations`], as long as it takes no more than so many rows and blocks. `false`: it does,
    /// and what was visited is not the page.
    pub fn list_conversations_within(
        &self,
        organization: OrganizationId,
        filter: &ConversationFilter,
        page: Page,
        now: Timestamp,
        most: u64,
        mut visit: impl FnMut(&Conversation<'_>),
    ) -> Result<bool, ReadError> {
        if page.limit == 0 {
            return Ok(true);
        }
        if let Some(AddressQuery::Exactly(customer)) = &filter.customer {
            let most = most / STEPS_A_RECORD;
            return self.list_of_customer((organization, customer), filter, page, now, most, visit);
        }
        self.list(organization, filter, now)?.page(page, most, &mut visit)
    }

    /// How many conversations match.
    pub fn count_conversations(
        &self,
        organization: OrganizationId,
        filter: &ConversationFilter,
        now: Timestamp,
    ) -> Result<u64, ReadError> {
        let list = self.list(organization, filter, now)?;
        let (mut count, mut places) = (0, Vec::new());
        for place in list.places()? {
            let place = place?;
            match place.known {
                Some(known) => count += known,
                None => places.push(Window { place, from: u64::MAX, to: u64::MAX }),
            }
        }
        let found = side_by_side(&places, |window| list.found(window))?;
        Ok(count + found.iter().map(|found| found.count).sum::<u64>())
    }

    fn list<'a>(
        &'a self,
        organization: OrganizationId,
        filter: &'a ConversationFilter,
        now: Timestamp,
    ) -> Result<List<'a>, ReadError> {
        let first = *key::activity_range(organization).start();
        let last = key::activity(organization, self.oldest_activity(organization, filter, now)?, CallId(0));
        Ok(List { snapshot: self, filter, now, first, last })
    }

    /// No row older than this can match: nothing starts after its last activity, and no session
    /// lives longer than the longest TTL there ever was.
    fn oldest_activity(
        &self,
        organization: OrganizationId,
        filter: &ConversationFilter,
        now: Timestamp,
    ) -> Result<Timestamp, ReadError> {
        let from = filter.started_from.unwrap_or(Timestamp(i64::MIN));
        if filter.status != Some(ConversationStatus::Active) {
            return Ok(from);
        }
        Ok(from.max(now.minus_seconds(self.sequences(organization)?.longest_ttl_seconds)))
    }
}

impl List<'_> {
    fn places(&self) -> Result<Places<'_>, ReadError> {
        let last = *key::activity_range(key::organization_of(&self.first)).end();
        let blocks = self.snapshot.tables.activity_blocks.range::<&ActivityKey>(&self.first..=&last)?;
        Ok(Places { list: self, blocks, from: Bound::Included(self.first) })
    }

    /// One block is read after the other, and more and more at a time if they are not enough.
    fn page(
        &self,
        page: Page,
        most: u64,
        visit: &mut impl FnMut(&Conversation<'_>),
    ) -> Result<bool, ReadError> {
        let end = page.skip.saturating_add(page.limit as u64);
        let (mut places, mut seen, mut steps, mut turn) = (self.places()?, 0, 0, 1);
        while seen < end {
            let windows = next_turn(&mut places, page, turn, (&mut seen, &mut steps, most))?;
            let Some(first) = windows.first().filter(|_| steps <= most) else { break };
            if windows.len() == 1 {
                seen += self.walk(first, &mut steps, most, visit)?;
            } else {
                let rows = windows.iter().map(|window| window.place.rows);
                steps = rows.fold(steps, u64::saturating_add);
                if steps <= most {
                    self.read(&windows, page, &mut seen, visit)?;
                }
            }
            turn *= 2;
        }
        Ok(steps <= most)
    }

    fn rows(&self, place: &Place) -> Result<Rows, ReadError> {
        let range = (place.from.as_ref(), Bound::Included(&place.to.min(self.last)));
        Ok(self.snapshot.tables.activity.range::<&ActivityKey>(range)?)
    }

    /// Visits what of the page lies in this place, row by row. Returns how many matched.
    fn walk(
        &self,
        Window { place, from, to }: &Window,
        steps: &mut u64,
        most: u64,
        visit: &mut impl FnMut(&Conversation<'_>),
    ) -> Result<u64, ReadError> {
        let mut count = 0;
        for row in self.rows(place)? {
            *steps = steps.saturating_add(1);
            if count == *to || *steps > most {
                break;
            }
            let (key, bytes) = row?;
            let parts = key::activity_parts(key.value());
            if !self.matches(parts, bytes.value())? {
                continue;
            }
            if count >= *from {
                visit(&record::decode_activity(parts, bytes.value())?);
            }
            count += 1;
        }
        Ok(count)
    }

    /// Reads some places side by side, and visits what of the page is found in them.
    fn read(
        &self,
        windows: &[Window],
        page: Page,
        seen: &mut u64,
        visit: &mut impl FnMut(&Conversation<'_>),
    ) -> Result<(), ReadError> {
        let end = page.skip.saturating_add(page.limit as u64);
        for (found, window) in side_by_side(windows, |window| self.found(window))?.iter().zip(windows) {
            for (at, key) in (seen.saturating_add(window.from)..end).zip(&found.keys) {
                if at >= page.skip
                    && let Some(row) = self.snapshot.tables.activity.get(key)?
                {
                    visit(&record::decode_activity(key::activity_parts(key), row.value())?);
                }
            }
            *seen += found.count;
        }
        Ok(())
    }

    fn found(&self, Window { place, from, to }: &Window) -> Result<Found, ReadError> {
        let mut found = Found { count: 0, keys: Vec::new() };
        if let Some(known) = place.known.filter(|known| known <= from) {
            return Ok(Found { count: known, ..found });
        }
        for row in self.rows(place)? {
            let (key, bytes) = row?;
            if self.matches(key::activity_parts(key.value()), bytes.value())? {
                if found.count >= *from {
                    found.keys.push(*key.value());
                }
                found.count += 1;
                if found.count == *to {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// The addresses are read only where they are asked for.
    fn matches(&self, parts: (Timestamp, CallId), bytes: &[u8]) -> Result<bool, ReadError> {
        let row = record::decode_activity_numbers(parts, bytes)?;
        if !self.filter.matches_numbers(&row, self.now) {
            return Ok(false);
        }
        let Some(customer) = &self.filter.customer else { return Ok(true) };
        Ok(customer.matches(record::activity_customer(bytes)?))
    }
}

/// The next places that have to be read, so many at most. What lies before the page is only counted.
fn next_turn(
    places: &mut Places<'_>,
    page: Page,
    turn: usize,
    (seen, steps, most_steps): (&mut u64, &mut u64, u64),
) -> Result<Vec<Window>, ReadError> {
    let end = page.skip.saturating_add(page.limit as u64);
    let (mut windows, mut least, mut most) = (Vec::new(), *seen, *seen);
    while windows.len() < turn && least < end && *steps <= most_steps {
        let Some(place) = places.next().transpose()? else { break };
        *steps = steps.saturating_add(1);
        // No more can be before the page than are left if nobody before them matched, and no fewer.
        let (from, to) = (page.skip.saturating_sub(most), end - *seen);
        match place.known {
            Some(0) => continue,
            Some(known) if windows.is_empty() && known <= from => {
                *seen += known;
                (least, most) = (*seen, *seen);
                continue;
            }
            known => {
                least += known.unwrap_or(0);
                most = most.saturating_add(known.unwrap_or(place.rows));
            }
        }
        windows.push(Window { place, from, to });
    }
    Ok(windows)
}

impl Iterator for Places<'_> {
    type Item = Result<Place, ReadError>;

    fn next(&mut self) -> Option<Result<Place, ReadError>> {
        let begins = |from: &Bound<ActivityKey>| match from {
            Bound::Included(key) | Bound::Excluded(key) => *key,
            Bound::Unbounded => self.list.first,
        };
        if begins(&self.from) >= self.list.last {
            return None;
        }
        let Some(block) = self.blocks.next() else { return self.beyond().transpose() };
        let (end, bytes) = match block {
            Ok(block) => block,
            Err(error) => return Some(Err(error.into())),
        };
        let (known, rows) = activity_blocks::count(bytes.value(), self.list.filter, self.list.now);
        let (from, to) = (self.from, *end.value());
        self.from = Bound::Excluded(to);
        Some(Ok(Place { from, to, rows, known }))
    }
}

impl Places<'_> {
    /// In a file that was tampered with there may be rows that are in no block.
    fn beyond(&mut self) -> Result<Option<Place>, ReadError> {
        let (from, to) = (self.from, self.list.last);
        self.from = Bound::Excluded(to);
        let place = Place { from, to, rows: u64::MAX, known: None };
        let is_empty = self.list.rows(&place)?.next().is_none();
        Ok((!is_empty).then_some(place))
    }
}
