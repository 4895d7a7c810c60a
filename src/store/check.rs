//! Verifies what must hold between the tables, row by row, and says in plain words what does not.
//!
//! Rows that mirror each other (a link and its log, a list row and its record) are compared by sums: each side
//! adds its fingerprints to, or takes them from, one number while its table goes by in order. Only if something is
//! left over is everything walked once more with a look-up for each row, which finds the words. That second
//! walk can also mend what follows from other rows: see `repair`.

mod accounts;
mod activity_blocks;
mod forwards;
mod ids;
mod log_blocks;
mod logs;
mod read_marks;
mod search_blocks;
mod threads;

use self::ids::Ids;
use super::error::ReadError;
use super::key::{self, SerialKey};
use super::record;
use super::sequences::{Count, Counted, Sequences};
use super::snapshot::Snapshot;
use super::tables::{NAMES, ReadTables, Tables};
use crate::model::call::Call;
use crate::model::ids::{CallId, OrganizationId};
use redb::{ReadOnlyTable, ReadableTable, StorageError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Arguments;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

/// More damages than a person reads are only counted.
pub(super) const MOST_TOLD: usize = 1000;
/// How often a walk tells how far it is.
const TELL_EVERY: u64 = 1 << 14;

/// Is told how much of how much is done, now and then, from any thread.
pub type Watch<'w> = &'w (dyn Fn(u64, u64) + Sync);

/// What a check read and found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct CheckReport {
    pub rows: u64,
    pub tables: usize,
    pub organizations: usize,
    /// In plain words; of a heap of them those that a person reads, and how many more.
    pub damages: Vec<String>,
    pub found: u64,
}

impl Snapshot {
    /// Reads everything, every organization's, and returns the damages it found; none: all is
    /// sound. An error means that the storage could not be read to its end.
    pub fn check(&self) -> Result<Vec<String>, ReadError> {
        Ok(self.examine(&|_, _| ())?.damages)
    }

    /// As [`Snapshot::check`], with two threads, watched.
    pub fn examine(&self, watch: Watch<'_>) -> Result<CheckReport, ReadError> {
        let told = by_two(&self.tables, By::Sums, watch)?;
        let told = if told.sum == 0 { told } else { by_two(&self.tables, By::LookUps, watch)? };
        told.report(&self.tables)
    }
}

/// What a walk found.
#[derive(Default)]
pub(super) struct Told {
    pub(super) words: Vec<String>,
    pub(super) found: u64,
    /// Rows were put right; `words` tells of those first.
    pub(super) mended: Vec<String>,
    pub(super) mends: u64,
    /// Something no longer tells a log's duplicates.
    pub(super) forgot: bool,
    /// List rows are not those of the records.
    unlisted: bool,
    sum: u128,
    tallies: BTreeMap<OrganizationId, Tally>,
}

impl Told {
    pub(super) fn report(mut self, tables: &ReadTables) -> Result<CheckReport, ReadError> {
        told_of(&mut self.words, self.found);
        let organizations = self.tallies.values().filter(|tally| tally.exists).count();
        let (rows, tables) = (tables.rows()?, NAMES.len());
        Ok(CheckReport { rows, tables, organizations, damages: self.words, found: self.found })
    }

    fn tell(&mut self, organization: OrganizationId, damage: Arguments<'_>) {
        self.found += 1;
        push(&mut self.words, organization, damage);
    }
}

fn push(words: &mut Vec<String>, organization: OrganizationId, damage: Arguments<'_>) {
    if words.len() < MOST_TOLD {
        words.push(format!("organization {organization}: {damage}"));
    }
}

/// Says how many were counted and not told.
pub(super) fn told_of(words: &mut Vec<String>, found: u64) {
    let more = found - words.len() as u64;
    words.extend((more > 0).then(|| format!("and {more} more")));
}

/// Puts right what is at a key.
type Fix = fn(&mut Tables<'_>, &[u8]) -> Result<(), StorageError>;
type SerialTable = ReadOnlyTable<&'static SerialKey, &'static [u8]>;

/// What is remembered of an organization while its rows go by.
#[derive(Clone, Default)]
struct Tally {
    exists: bool,
    /// Rows of other tables than `organizations`.
    rows: u64,
    given: Sequences,
    /// What was found in use is beyond what was given.
    raised: bool,
    conversations: u64,
    counted: u64,
    /// The last sequence of the feed that went by; at first that of the last entry before its beginning.
    feed: u64,
    /// Message logs that went with their conversation, and duplicates told by a log that is not there.
    purged_logs: u64,
    logless: u64,
    forgotten_calls: u64,
    forgotten_audits: u64,
    /// Of each kind and block that is counted: what is stored, and what went by.
    kept: BTreeMap<(u8, u64), (u64, u64)>,
}

/// How mirrored rows are compared.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Sums,
    LookUps,
}

/// The two sides of what is mirrored.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Record,
    Row,
}

/// What is derived from records; the names keep keys of different tables apart.
#[derive(Clone, Copy, Hash)]
enum Derived {
    Link,
    ListRow,
    ByCustomer,
    Session,
    Duplicate,
    Outbox,
    JobKey,
}

struct Check<'s, 'r, 't> {
    tables: &'s ReadTables,
    by: By,
    /// Where what can be derived is put right.
    mending: Option<&'r mut Tables<'t>>,
    /// Logs that nothing tells from their duplicates are told from them again.
    remember: bool,
    assistants: Ids,
    told: Told,
    rows: u64,
    watch: &'s (dyn Fn(u64) + Sync),
}

/// Walks threads and everything else side by side.
fn by_two(tables: &ReadTables, by: By, watch: Watch<'_>) -> Result<Told, ReadError> {
    let (done, all) = (AtomicU64::new(0), tables.rows()?);
    let watch = |rows| watch(done.fetch_add(rows, Ordering::Relaxed) + rows, all);
    let start = || Check::start(tables, by, &watch);
    std::thread::scope(|scope| {
        let threads = scope.spawn(|| -> Result<Told, ReadError> {
            let mut check = start()?;
            check.told = Told { tallies: check.told.tallies, ..Told::default() };
            check.threads()?;
            Ok(check.told)
        });
        let mut check = start()?;
        check.beside_threads()?;
        let threads = threads.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        check.join(threads);
        check.blocks()?;
        check.sums()?;
        Ok(check.told)
    })
}

/// Walks everything once, puts right what follows from other rows, and tells both apart.
pub(super) fn mend(
    tables: &ReadTables,
    to: &mut Tables<'_>,
    remember: bool,
    watch: Watch<'_>,
) -> Result<Told, ReadError> {
    let (done, all) = (AtomicU64::new(0), tables.rows()?);
    let watch = |rows| watch(done.fetch_add(rows, Ordering::Relaxed) + rows, all);
    let mut check = Check { mending: Some(to), remember, ..Check::new(tables, By::LookUps, &watch) };
    check.accounts()?;
    check.beside_threads()?;
    check.threads()?;
    check.blocks()?;
    check.sums()?;
    Ok(check.told)
}

impl<'s> Check<'s, '_, '_> {
    fn new(tables: &'s ReadTables, by: By, watch: &'s (dyn Fn(u64) + Sync)) -> Self {
        let (assistants, told) = (Ids::default(), Told::default());
        Check { tables, by, mending: None, remember: false, assistants, told, rows: 0, watch }
    }

    fn start(tables: &'s ReadTables, by: By, watch: &'s (dyn Fn(u64) + Sync)) -> Result<Self, ReadError> {
        let mut check = Check::new(tables, by, watch);
        check.accounts()?;
        Ok(check)
    }

    fn beside_threads(&mut self) -> Result<(), ReadError> {
        self.lists()?;
        self.sessions()?;
        self.purges()?;
        let logs = self.logs()?;
        self.audit(&logs)?;
        self.feed()?;
        self.forwards()?;
        self.outbound(&logs)
    }

    /// Takes over what the threads' walk found.
    fn join(&mut self, threads: Told) {
        self.told.found += threads.found;
        self.told.sum = self.told.sum.wrapping_add(threads.sum);
        self.told.unlisted |= threads.unlisted;
        let room = MOST_TOLD.saturating_sub(self.told.words.len());
        self.told.words.extend(threads.words.into_iter().take(room));
        for (organization, seen) in threads.tallies {
            let tally = self.tally(organization);
            tally.rows += seen.rows;
            tally.conversations += seen.conversations;
        }
    }

    fn tally(&mut self, organization: OrganizationId) -> &mut Tally {
        self.told.tallies.entry(organization).or_default()
    }

    /// A row goes by that is counted as what it is.
    fn count<T: Counted>(&mut self, organization: OrganizationId, row: &T) {
        self.tally(organization).kept.entry((T::KIND as u8, row.block())).or_default().1 += 1;
    }

    /// A row goes by.
    fn row(&mut self, organization: OrganizationId) {
        self.tally(organization).rows += 1;
        self.rows += 1;
        if self.rows.is_multiple_of(TELL_EVERY) {
            (self.watch)(TELL_EVERY);
        }
    }

    fn expect(&mut self, holds: bool, organization: OrganizationId, damage: Arguments<'_>) {
        if !holds {
            self.told.tell(organization, damage);
        }
    }

    /// As [`Check::expect`], for what follows from other rows: `fix` puts it right.
    fn derived(
        &mut self,
        holds: bool,
        organization: OrganizationId,
        damage: Arguments<'_>,
        fix: impl FnOnce(&mut Tables<'_>) -> Result<(), StorageError>,
    ) -> Result<(), ReadError> {
        match &mut self.mending {
            _ if holds => {}
            None => self.told.tell(organization, damage),
            Some(tables) => {
                fix(tables)?;
                self.told.mends += 1;
                push(&mut self.told.mended, organization, damage);
            }
        }
        Ok(())
    }

    /// Adds a row, or takes the record that it follows from, when this walk compares sums. False: look it up.
    fn is_summed(&mut self, side: Side, what: Derived, key: &[u8], value: &[u8]) -> bool {
        if self.by == By::LookUps {
            return false;
        }
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, what, key, value).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        let print = half(0) << 64 | half(1);
        self.told.sum = match side {
            Side::Row => self.told.sum.wrapping_add(print),
            Side::Record => self.told.sum.wrapping_sub(print),
        };
        true
    }

    /// Keys of no fixed width have at least an organization, one letter and its end; those that end
    /// in an id are longer still. One that is shorter is nobody's.
    fn is_cut_short(
        &mut self,
        (table, least): (&str, usize),
        key: &[u8],
        fix: Option<Fix>,
    ) -> Result<bool, ReadError> {
        let (short, nobody) = (key.len() < least, OrganizationId(0));
        let damage = format_args!("a key of {table} is cut short");
        match fix {
            Some(fix) => self.derived(!short, nobody, damage, |tables| fix(tables, key))?,
            None => self.expect(!short, nobody, damage),
        }
        Ok(short)
    }

    /// Ids come from a sequence that has reached them, or the next one given would be taken.
    fn given(
        &mut self,
        organization: OrganizationId,
        kind: &str,
        id: u64,
        last: fn(&mut Sequences) -> &mut u64,
    ) {
        let reached = *last(&mut self.tally(organization).given);
        if !(1..=reached).contains(&id) {
            let damage = format_args!("{kind} {id} is not among the ids given so far, 1 to {reached}");
            self.raise(organization, id, last, damage);
        }
    }

    /// Tells, or mends, a sequence that is behind what is in use.
    fn raise(
        &mut self,
        organization: OrganizationId,
        to: u64,
        last: fn(&mut Sequences) -> &mut u64,
        damage: Arguments<'_>,
    ) {
        let tally = self.told.tallies.entry(organization).or_default();
        if self.mending.is_none() || to <= *last(&mut tally.given) {
            return self.told.tell(organization, damage);
        }
        *last(&mut tally.given) = to;
        tally.raised = true;
        self.told.mends += 1;
        push(&mut self.told.mended, organization, damage);
    }

    /// A record that does not decode is told and passed over.
    fn decode<'a, T: Deserialize<'a>>(
        &mut self,
        table: &'static str,
        organization: OrganizationId,
        bytes: &'a [u8],
    ) -> Option<T> {
        let decoded = record::decode(table, bytes);
        decoded.map_err(|error| self.told.tell(organization, format_args!("{error}"))).ok()
    }

    /// Visits every record of a table, every organization's, by id. Returns the ids, also those of records
    /// that do not decode.
    fn each<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        table: &'s SerialTable,
        visit: impl FnMut(&mut Self, OrganizationId, u64, T) -> Result<(), ReadError>,
    ) -> Result<Ids, ReadError> {
        self.each_seen(name, table, |_, _, _| Ok(()), visit)
    }

    /// As [`Check::each`]; `see` is shown all of them, as they are stored.
    fn each_seen<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        table: &'s SerialTable,
        mut see: impl FnMut(&mut Self, (OrganizationId, u64), &[u8]) -> Result<(), ReadError>,
        mut visit: impl FnMut(&mut Self, OrganizationId, u64, T) -> Result<(), ReadError>,
    ) -> Result<Ids, ReadError> {
        let mut ids = Ids::default();
        for row in table.range::<&SerialKey>(..)? {
            let (key, bytes) = row?;
            let (organization, id) = (key::organization_of(key.value()), key::serial_id(key.value()));
            self.row(organization);
            ids.insert(organization, id);
            see(self, (organization, id), bytes.value())?;
            if let Some(record) = self.decode(name, organization, bytes.value()) {
                visit(self, organization, id, record)?;
            }
        }
        Ok(ids)
    }

    /// Whether a record is there and as wanted. One that does not decode is told where its table is walked,
    /// and nothing is held against it here.
    fn has<T: DeserializeOwned>(
        table: &SerialTable,
        organization: OrganizationId,
        id: u64,
        wanted: impl FnOnce(T) -> bool,
    ) -> Result<bool, ReadError> {
        let stored = table.get(&key::serial(organization, id))?;
        Ok(stored.is_some_and(|bytes| record::decode("", bytes.value()).map_or(true, wanted)))
    }

    /// As [`Check::has`], of a call record as it is by now.
    fn has_call(
        &self,
        organization: OrganizationId,
        id: CallId,
        wanted: impl FnOnce(Call) -> bool,
    ) -> Result<bool, ReadError> {
        let key = key::head(organization, id);
        let stored = match &self.mending {
            Some(tables) => tables.threads.get(&key)?,
            None => self.tables.threads.get(&key)?,
        };
        Ok(stored.is_some_and(|bytes| record::decode("", bytes.value()).map_or(true, wanted)))
    }

    /// Last: compares with what was seen on the way.
    fn sums(&mut self) -> Result<(), ReadError> {
        for (org, tally) in self.told.tallies.clone() {
            let Tally { given, conversations, counted, feed, purged_logs, logless, .. } = tally;
            let known = tally.exists || tally.rows == 0;
            self.expect(known, org, format_args!("it has rows, but no record that can be read"));
            let damage = format_args!("{counted} conversations are counted, {conversations} are there");
            let count = |count: Count, is: u64| {
                move |tables: &mut Tables<'_>| {
                    tables.counts.insert(&key::count(org, count as u8, 0), is).map(drop)
                }
            };
            let holds = counted == conversations;
            self.derived(holds, org, damage, count(Count::Conversations, conversations))?;
            let feed = feed.max(given.feed_forgotten);
            let damage = format_args!("the feed ends at {feed}, its sequence at {}", given.feed);
            if feed != given.feed {
                self.raise(org, feed, |given| &mut given.feed, damage);
            }
            self.looked_through(org, feed, given);
            let damage =
                format_args!("{logless} duplicates are told by no log, {purged_logs} logs were purged");
            self.derived(logless <= purged_logs, org, damage, count(Count::PurgedLogs, logless))?;
            for ((kind, block), (stored, seen)) in tally.kept {
                let damage = format_args!(
                    "{stored} rows of kind {kind} and block {block} are counted, {seen} are there"
                );
                self.derived(stored == seen, org, damage, |tables| {
                    tables.counts.insert(&key::count(org, kind, block), seen).map(drop)
                })?;
            }
            let Tally { given, raised, .. } = *self.tally(org);
            if let (true, Some(tables)) = (raised, &mut self.mending) {
                let mut bytes = Vec::new();
                record::encode(&given, &mut bytes);
                tables.sequences.insert(&key::organization(org), bytes.as_slice())?;
            }
        }
        Ok(())
    }
}
