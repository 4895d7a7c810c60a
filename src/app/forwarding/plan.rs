//! The feeds are looked through for inbound messages of assistants that have a URL, which become rows to be told.

use super::lanes::Lane;
use crate::app::App;
use crate::model::assistant::Assistant;
use crate::model::feed::{FeedEntry, FeedEvent};
use crate::model::ids::{AssistantId, CallId, MessageLogId, OrganizationId};
use crate::model::time::Timestamp;
use crate::store::{PlanForwards, ReadError, Snapshot};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How many entries are looked at in one go.
const ENTRIES: usize = 500;
/// So far the looking through may be ahead of what is written of it when there is nothing else to write.
const UNWRITTEN: u64 = 10_000;

/// How far each feed was looked through.
#[derive(Default)]
pub(super) struct Plan {
    cursors: HashMap<OrganizationId, Cursor>,
    /// Feeds that went on and were not looked through to their end.
    behind: Option<BTreeSet<OrganizationId>>,
}

struct Cursor {
    at: u64,
    /// As far as the store knows of it.
    written: u64,
}

impl Plan {
    /// Looks through what the feeds have told since, and returns the lanes that something has happened in.
    pub(super) async fn look_through(
        &mut self,
        app: &App,
        now: Timestamp,
    ) -> (Vec<Lane>, Result<(), ReadError>) {
        let mut behind = self.behind.take().unwrap_or_else(|| {
            app.store.directory().organizations().into_iter().map(|(organization, _)| organization).collect()
        });
        behind.append(&mut app.store.news().take_moved());
        let (mut lanes, mut outcome) = (Vec::new(), Ok(()));
        let mut left = BTreeSet::new();
        for organization in behind {
            if let Err(error) = self.look_through_one(app, organization, now, &mut lanes).await {
                outcome = Err(error);
                left.insert(organization);
            }
        }
        self.behind = Some(left);
        (lanes, outcome)
    }

    async fn look_through_one(
        &mut self,
        app: &App,
        organization: OrganizationId,
        now: Timestamp,
        lanes: &mut Vec<Lane>,
    ) -> Result<(), ReadError> {
        loop {
            let Some(found) = self.look(app, organization)? else { return Ok(()) };
            let Found { up_to, messages, changed } = found;
            let cursor = self.cursors.entry(organization).or_insert(Cursor { at: up_to, written: up_to });
            lanes.extend(changed.into_iter().map(|call| (organization, call)));
            lanes.extend(messages.iter().map(|(call, _)| (organization, *call)));
            if !messages.is_empty() || up_to.saturating_sub(cursor.written) > UNWRITTEN {
                let planned = PlanForwards { organization, now, up_to, messages };
                let written = app.store.execute(planned).await;
                written.map_err(|error| ReadError::Unavailable(error.to_string()))?;
                cursor.written = up_to;
            }
            cursor.at = up_to;
        }
    }

    /// How many entries are still to be looked through.
    pub(super) fn lag(&self, app: &App) -> u64 {
        let Ok(snapshot) = app.store.snapshot() else { return 0 };
        let behind = |organization: &OrganizationId| {
            let newest = snapshot.sequences(*organization).map_or(0, |sequences| sequences.feed);
            newest.saturating_sub(self.cursors.get(organization).map_or(newest, |cursor| cursor.at))
        };
        self.behind.iter().flatten().map(behind).sum()
    }

    /// What the next entries of a feed tell. `None`: it was looked through to its end.
    fn look(&mut self, app: &App, organization: OrganizationId) -> Result<Option<Found>, ReadError> {
        let snapshot = app.store.snapshot()?;
        let cursor = match self.cursors.get(&organization) {
            Some(cursor) => cursor.at,
            None => {
                let written = snapshot.sequences(organization)?.forwarded;
                self.cursors.insert(organization, Cursor { at: written, written });
                written
            }
        };
        let directory = snapshot.directory().view();
        let Some(forwarding) = directory.forwarding(organization) else {
            // Nobody wants to hear of anything.
            let newest = snapshot.sequences(organization)?.feed;
            self.cursors.insert(organization, Cursor { at: newest, written: newest });
            return Ok(None);
        };
        let entries = snapshot.feed_after(organization, cursor, ENTRIES)?;
        let Some((up_to, _)) = entries.last() else { return Ok(None) };
        let mut found = Found { up_to: *up_to, ..Found::default() };
        for (_, entry) in &entries {
            found.take(&snapshot, organization, forwarding, entry)?;
        }
        Ok(Some(found))
    }
}

/// What a stretch of a feed tells.
#[derive(Default)]
struct Found {
    up_to: u64,
    messages: Vec<(CallId, MessageLogId)>,
    /// Something was parked, or is to be told again.
    changed: BTreeSet<CallId>,
}

impl Found {
    fn take(
        &mut self,
        snapshot: &Snapshot,
        organization: OrganizationId,
        forwarding: &BTreeMap<AssistantId, Timestamp>,
        FeedEntry { at, event }: &FeedEntry,
    ) -> Result<(), ReadError> {
        match event {
            FeedEvent::MessageReceived { call_id, log_id, .. } => {
                let log = snapshot.message_log(organization, *log_id)?;
                let since = log.and_then(|log| forwarding.get(&log.assistant_id?));
                if since.is_some_and(|since| at >= since) {
                    self.messages.push((*call_id, *log_id));
                }
            }
            FeedEvent::ForwardChanged { call_id, .. } => drop(self.changed.insert(*call_id)),
            _ => {}
        }
        Ok(())
    }
}

/// Where an assistant's messages are told, if they are.
pub(super) fn receiver_of(
    snapshot: &Snapshot,
    organization: OrganizationId,
    assistant: Option<AssistantId>,
) -> Result<Option<(AssistantId, Assistant)>, ReadError> {
    let Some(id) = assistant else { return Ok(None) };
    let assistant = snapshot.assistant(organization, id)?;
    Ok(assistant.filter(|assistant| assistant.receiver().is_some()).map(|assistant| (id, assistant)))
}
