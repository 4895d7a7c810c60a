//! Reading the change feed, and who waits for it to go on.

use super::error::ReadError;
use super::key::{self, SerialKey};
use super::record;
use super::snapshot::Snapshot;
use crate::model::feed::FeedEntry;
use crate::model::ids::OrganizationId;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

impl Snapshot {
    /// At most `limit` entries that come after the sequence number `after`, in their order. One that cannot be read is
    /// passed over: it holds up nobody.
    pub fn feed_after(
        &self,
        organization: OrganizationId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, FeedEntry)>, ReadError> {
        let first = key::serial(organization, after.saturating_add(1));
        let last = key::serial(organization, u64::MAX);
        let rows = self.tables.feed.range::<&SerialKey>(&first..=&last)?;
        let readable = rows.filter_map(|row| match row {
            Ok((key, bytes)) => {
                let entry = record::decode("feed", bytes.value()).ok()?;
                Some(Ok((key::serial_id(key.value()), entry)))
            }
            Err(error) => Some(Err(error.into())),
        });
        readable.take(limit).collect()
    }
}

/// How far each feed goes that somebody waits for, and which ones went on. The writer tells it after each commit.
#[derive(Default)]
pub struct FeedNews {
    waited_for: Mutex<HashMap<OrganizationId, watch::Sender<u64>>>,
    /// Those that went on since they were last taken.
    moved: Mutex<BTreeSet<OrganizationId>>,
    /// Told when one went on.
    pub any: Notify,
}

impl FeedNews {
    /// Tells how far the organization's feed goes whenever a commit takes it on; at first a number of no meaning.
    pub fn of(&self, organization: OrganizationId) -> watch::Receiver<u64> {
        lock(&self.waited_for).entry(organization).or_default().subscribe()
    }

    /// How many wait for this feed to go on.
    pub fn listeners_of(&self, organization: OrganizationId) -> usize {
        lock(&self.waited_for).get(&organization).map_or(0, watch::Sender::receiver_count)
    }

    /// How many wait for feeds to go on.
    pub fn listeners(&self) -> usize {
        lock(&self.waited_for).values().map(watch::Sender::receiver_count).sum()
    }

    /// Ends what waits: the server stops.
    pub fn close(&self) {
        lock(&self.waited_for).clear();
    }

    /// Ends what waits for one feed: it is there no more, or is another one.
    pub fn end(&self, organization: OrganizationId) {
        lock(&self.waited_for).remove(&organization);
        lock(&self.moved).remove(&organization);
    }

    /// The feeds that went on since this was last asked.
    pub fn take_moved(&self) -> BTreeSet<OrganizationId> {
        std::mem::take(&mut *lock(&self.moved))
    }

    pub(super) fn tell(&self, feeds: &[(OrganizationId, u64)]) {
        if feeds.is_empty() {
            return;
        }
        lock(&self.moved).extend(feeds.iter().map(|(organization, _)| *organization));
        self.any.notify_one();
        let mut waited_for = lock(&self.waited_for);
        if waited_for.is_empty() {
            return;
        }
        for (organization, newest) in feeds {
            match waited_for.get(organization) {
                Some(waiting) if waiting.receiver_count() == 0 => drop(waited_for.remove(organization)),
                Some(waiting) => drop(waiting.send_replace(*newest)),
                None => {}
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
