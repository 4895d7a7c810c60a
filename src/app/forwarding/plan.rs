//! The feeds are looked through for inbound messages of assistants that have a URL, which become rows to be told.

use super::lanes::Lane;
use crate::app::App;
use crate::app::persist::AFTER_FAILURE;
use crate::model::feed::{FeedEntry, FeedEvent};
use crate::model::ids::{AssistantId, CallId, MessageLogId, OrganizationId};
use crate::store::{PlanForwards, ReadError, Snapshot, StoreError};
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

/// How many entries are looked at in one go: others are to have their turn.
const ENTRIES: usize = 500;
/// So far the looking through may be ahead of what is written of it when there is nothing else to write.
const UNWRITTEN: u64 = 10_000;

/// Looks through what the feeds tell, and says in which lanes something is to be told.
pub(super) async fn run(app: App, lanes: UnboundedSender<Lane>) {
    let mut plan = Plan::default();
    let mut news = News::of(&app);
    plan.behind.extend(app.organizations());
    loop {
        let asked = app.forwarding.plan_quiet.asked();
        plan.behind.append(&mut news.take(&app));
        app.metrics.feed_lag.set("forwarding", plan.lag(&app));
        match plan.round(&app, &lanes).await {
            Ok(()) if plan.behind.is_empty() => {
                app.metrics.feed_lag.set("forwarding", 0);
                app.forwarding.plan_quiet.tell(asked, None);
                news.wait(&app).await;
            }
            Ok(()) => tokio::task::yield_now().await,
            Err(error) => {
                tracing::warn!(%error, "what is to be forwarded cannot be looked for; it is tried again");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Which feeds went on.
enum News {
    /// Of all that there are.
    Any,
    Only(OrganizationId, watch::Receiver<u64>),
}

impl News {
    fn of(app: &App) -> News {
        match app.only() {
            Some(organization) => News::Only(organization, app.store.news().of(organization)),
            None => News::Any,
        }
    }

    fn take(&mut self, app: &App) -> BTreeSet<OrganizationId> {
        match self {
            News::Any => app.store.news().take_moved(),
            News::Only(organization, _) => BTreeSet::from([*organization]),
        }
    }

    /// Returns when there may be some.
    async fn wait(&mut self, app: &App) {
        let told = async {
            match self {
                News::Any => app.store.news().any.notified().await,
                // The server stops: there will be no more.
                News::Only(_, feed) => match feed.changed().await {
                    Ok(()) => {}
                    Err(_) => std::future::pending().await,
                },
            }
        };
        tokio::select! {
            () = told => {}
            () = app.forwarding.plan_wanted.notified() => {}
        }
    }
}

#[derive(Default)]
struct Plan {
    /// How far each feed was looked through.
    cursors: HashMap<OrganizationId, Cursor>,
    /// Feeds that were not looked through to their end.
    behind: BTreeSet<OrganizationId>,
    /// Lanes of which nobody knows whether what is to be told was written: they are said once the store tells.
    unsure: HashMap<OrganizationId, BTreeSet<CallId>>,
}

#[derive(Clone, Copy)]
struct Cursor {
    at: u64,
    /// As far as the store knows of it.
    written: u64,
}

impl Plan {
    /// A piece of each feed that went on. What is to be told of all of them is written by one commit.
    async fn round(&mut self, app: &App, lanes: &UnboundedSender<Lane>) -> Result<(), StoreError> {
        let (mut written, mut outcome) = (Vec::new(), Ok(()));
        for organization in self.behind.clone() {
            match self.look(app, organization) {
                Ok(None) => {
                    self.behind.remove(&organization);
                    self.say(organization, lanes, Found::default());
                }
                Ok(Some(found)) => written.push(self.write(app, organization, found)),
                Err(error) => outcome = Err(StoreError::Unavailable(error.to_string())),
            }
        }
        for (organization, found, written) in join_all(written).await {
            match written {
                Ok(cursor) => {
                    self.cursors.insert(organization, cursor);
                    if found.is_all {
                        self.behind.remove(&organization);
                    }
                    self.say(organization, lanes, found);
                }
                Err(error) => {
                    // Whether it was written, only the store knows; from there it goes on. If it was, the feed does
                    // not tell of it again.
                    self.cursors.remove(&organization);
                    self.unsure.entry(organization).or_default().extend(found.calls());
                    outcome = Err(error);
                }
            }
        }
        outcome
    }

    /// Says what was found, and what was not said when a write failed: what is read by now is later than that.
    fn say(&mut self, organization: OrganizationId, lanes: &UnboundedSender<Lane>, found: Found) {
        let unsure = self.unsure.remove(&organization).unwrap_or_default();
        for call in found.calls().chain(unsure) {
            // Nobody takes it when the server stops.
            let _ = lanes.send((organization, call));
        }
    }

    fn write(
        &self,
        app: &App,
        organization: OrganizationId,
        found: Found,
    ) -> impl Future<Output = (OrganizationId, Found, Result<Cursor, StoreError>)> + use<> {
        let (up_to, store, now) = (found.up_to, app.store.clone(), app.clock.now());
        let known = self.cursors.get(&organization).map_or(0, |cursor| cursor.written);
        async move {
            let messages = found.messages.clone();
            if messages.is_empty() && up_to.saturating_sub(known) <= UNWRITTEN {
                return (organization, found, Ok(Cursor { at: up_to, written: known }));
            }
            let written = store.execute(PlanForwards { organization, now, up_to, messages }).await;
            (organization, found, written.map(|()| Cursor { at: up_to, written: up_to }))
        }
    }

    /// How many entries are still to be looked through.
    fn lag(&self, app: &App) -> u64 {
        let Ok(snapshot) = app.store.snapshot() else { return 0 };
        let behind = |organization: &OrganizationId| {
            let newest = snapshot.sequences(*organization).map_or(0, |sequences| sequences.feed);
            newest.saturating_sub(self.cursors.get(organization).map_or(newest, |cursor| cursor.at))
        };
        self.behind.iter().map(behind).sum()
    }

    /// What the next entries of a feed tell. `None`: it was looked through to its end.
    fn look(&mut self, app: &App, organization: OrganizationId) -> Result<Option<Found>, ReadError> {
        let snapshot = app.store.snapshot()?;
        let directory = snapshot.directory().view();
        let Some(forwarding) = directory.forwarding(organization) else {
            // Nobody wants to hear of anything.
            let newest = snapshot.sequences(organization)?.feed;
            self.cursors.insert(organization, Cursor { at: newest, written: newest });
            return Ok(None);
        };
        let cursor = match self.cursors.get(&organization) {
            Some(cursor) => cursor.at,
            None => {
                let written = snapshot.sequences(organization)?.forwarded;
                // What came before there was anybody to tell it to is not looked at.
                let at = forwarding.values().min().map_or(written, |from| written.max(*from));
                self.cursors.insert(organization, Cursor { at, written });
                at
            }
        };
        let entries = snapshot.feed_after(organization, cursor, ENTRIES)?;
        let Some((up_to, _)) = entries.last() else { return Ok(None) };
        let is_all = entries.len() < ENTRIES;
        let mut found = Found { up_to: *up_to, is_all, ..Found::default() };
        for (sequence, entry) in &entries {
            found.take(&snapshot, organization, forwarding, (*sequence, entry))?;
        }
        Ok(Some(found))
    }
}

/// What a stretch of a feed tells.
#[derive(Default)]
struct Found {
    up_to: u64,
    /// It reaches to the end.
    is_all: bool,
    messages: Vec<(CallId, MessageLogId)>,
    /// Something was parked, or is to be told again.
    changed: BTreeSet<CallId>,
}

impl Found {
    fn take(
        &mut self,
        snapshot: &Snapshot,
        organization: OrganizationId,
        forwarding: &BTreeMap<AssistantId, u64>,
        (sequence, FeedEntry { event, .. }): (u64, &FeedEntry),
    ) -> Result<(), ReadError> {
        match event {
            FeedEvent::MessageReceived { call_id, log_id, .. } => {
                let log = readable(snapshot.message_log(organization, *log_id))?;
                let from = log.and_then(|log| forwarding.get(&log.assistant_id?));
                if from.is_some_and(|from| sequence > *from) {
                    self.messages.push((*call_id, *log_id));
                }
            }
            FeedEvent::ForwardChanged { call_id, .. } => drop(self.changed.insert(*call_id)),
            _ => {}
        }
        Ok(())
    }

    fn calls(&self) -> impl Iterator<Item = CallId> {
        self.messages.iter().map(|(call, _)| *call).chain(self.changed.iter().copied())
    }
}

/// A damaged record is told to nobody, and holds up nobody.
pub(super) fn readable<T>(read: Result<Option<T>, ReadError>) -> Result<Option<T>, ReadError> {
    match read {
        Err(error @ ReadError::Damaged { .. }) => {
            tracing::error!(%error, "what is damaged is not forwarded");
            Ok(None)
        }
        read => read,
    }
}
