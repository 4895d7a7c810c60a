//! Forwarding is worked off: what the feed tells of inbound messages is told to the assistants' own URLs, at least
//! once and in order within each conversation. What could not be told in time is parked for people (`parked_events`).
//!
//! What is to be told is a row from the moment that the feed was looked through (`plan`), and goes with the commit that
//! writes what came of it; a kill in between tells it again.

mod attempt;
mod lanes;
mod plan;
mod receivers;
mod webhook;

pub use crate::model::forward::receiver;

use self::attempt::{Attempt, Looked};
use self::lanes::{Lane, Lanes};
use self::receivers::{NotNow, Receivers, Verdict};
use super::http_client::HttpClient;
use super::persist::AFTER_FAILURE;
use super::quiet::Quiet;
use super::{App, Scope};
use crate::model::time::Timestamp;
use crate::store::ReadError;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::{Notify, mpsc};
use tokio::task::{Id, JoinError, JoinSet};

/// How long a conversation rests whose attempt could not be written, or broke down.
const REST_SECONDS: u64 = 60;

/// What the forwarder shares with those who start and stop it.
pub struct Forwarding {
    /// Told when the server stops: nothing new is begun.
    pub stop: Notify,
    /// Told when it is to look whether there is something to do.
    wanted: Notify,
    quiet: Quiet,
    /// The same, of whoever looks through the feed.
    plan_wanted: Notify,
    plan_quiet: Quiet,
    client: HttpClient,
    /// What came before is given the whole time again.
    started: AtomicI64,
}

impl Forwarding {
    pub fn new(client: HttpClient, started: Timestamp) -> Forwarding {
        Forwarding {
            stop: Notify::new(),
            wanted: Notify::new(),
            quiet: Quiet::default(),
            plan_wanted: Notify::new(),
            plan_quiet: Quiet::default(),
            client,
            started: AtomicI64::new(started.0),
        }
    }

    /// Returns once all that is to be told by now was told, or was tried: when there is something to do again.
    pub async fn settled(&self) -> Option<Timestamp> {
        self.plan_quiet.settled(&self.plan_wanted).await;
        self.quiet.settled(&self.wanted).await
    }

    fn started(&self) -> Timestamp {
        Timestamp(self.started.load(Ordering::Relaxed))
    }
}

/// An attempt that has ended.
struct Ended {
    verdict: Verdict,
    at: Timestamp,
    /// When its lane is looked at again.
    again_at: Timestamp,
}

type Attempts = JoinSet<Ended>;

/// Works until the server stops; then waits for the attempts that are under way.
pub async fn run(app: App) {
    if app.scope == Scope::Nobody {
        return;
    }
    let mut stop = std::pin::pin!(app.forwarding.stop.notified());
    let (planned, mut lanes) = mpsc::unbounded_channel();
    // Ends with this, however this ends.
    let mut planning = JoinSet::new();
    planning.spawn(plan::run(app.clone(), planned));
    let (mut forwarder, mut attempts) = (Forwarder::new(app.clone()), JoinSet::new());
    loop {
        let asked = app.forwarding.quiet.asked();
        while let Ok(lane) = lanes.try_recv() {
            forwarder.want(lane);
        }
        let next = forwarder.begin_due(&mut attempts);
        if let (Ok(next), true) = (&next, attempts.is_empty()) {
            app.forwarding.quiet.tell(asked, *next);
        }
        let later = async {
            match &next {
                Ok(Some(next)) => app.clock.reaches(*next).await,
                Ok(None) => std::future::pending().await,
                Err(error) => {
                    tracing::warn!(%error, "forwarding waits for the storage");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        };
        tokio::select! {
            Some(lane) = lanes.recv() => forwarder.want(lane),
            () = app.forwarding.wanted.notified() => {}
            Some(ended) = attempts.join_next_with_id(), if !attempts.is_empty() => {
                forwarder.ended(ended);
                while let Some(ended) = attempts.try_join_next_with_id() {
                    forwarder.ended(ended);
                }
            }
            () = later => {}
            () = &mut stop => break,
        }
    }
    planning.abort_all();
    while attempts.join_next().await.is_some() {}
}

struct Forwarder {
    app: App,
    lanes: Lanes,
    receivers: Receivers,
    /// What is under way: its lane, and where it took a place.
    under_way: HashMap<Id, (Lane, Option<String>)>,
    /// What was to be told when the server started is among the lanes.
    is_loaded: bool,
    last_now: Timestamp,
}

impl Forwarder {
    fn new(app: App) -> Forwarder {
        Forwarder {
            app,
            lanes: Lanes::default(),
            receivers: Receivers::default(),
            under_way: HashMap::new(),
            is_loaded: false,
            last_now: Timestamp::MIN,
        }
    }

    /// Something may be to be told in a lane.
    fn want(&mut self, lane: Lane) {
        self.lanes.want(lane, self.app.clock.now());
    }

    fn now(&mut self) -> Timestamp {
        let now = self.app.clock.now();
        if now < self.last_now {
            self.app.forwarding.started.fetch_min(now.0, Ordering::Relaxed);
            self.lanes.all_due(now);
        }
        self.last_now = now;
        now
    }

    /// Begins what is due. Returns when the next is.
    fn begin_due(&mut self, attempts: &mut Attempts) -> Result<Option<Timestamp>, ReadError> {
        let now = self.now();
        if !self.is_loaded {
            for (organization, call, due) in self.app.store.snapshot()?.forward_lanes(self.app.only())? {
                self.lanes.want((organization, call), due);
            }
            self.is_loaded = true;
        }
        loop {
            loop {
                if self.app.chance.is_seeded() && !attempts.is_empty() {
                    // An attempt that ends wakes us.
                    return Ok(None);
                }
                let Some(lane) = self.lanes.take(now) else { break };
                if !self.look_at(lane, now, attempts)? {
                    return Ok(None);
                }
            }
            if !self.release_stranded(now) {
                return Ok(self.lanes.next());
            }
        }
    }

    /// Begins an attempt of the first message of a lane, if that may be now. False: no more may be begun at all.
    fn look_at(&mut self, lane: Lane, now: Timestamp, attempts: &mut Attempts) -> Result<bool, ReadError> {
        let looked = attempt::look(&self.app, lane).inspect_err(|_| self.lanes.want(lane, now))?;
        match looked {
            Looked::Nothing => Ok(true),
            Looked::Gone(attempt) => Ok(self.begin_without_place(attempt, now, attempts)),
            Looked::Attempt(attempt) if !attempt.head.forward.is_due(now) => {
                self.lanes.want(lane, attempt.head.forward.due_at);
                Ok(true)
            }
            Looked::Attempt(attempt) => Ok(self.try_now(attempt, now, attempts)),
        }
    }

    fn try_now(&mut self, attempt: Attempt, now: Timestamp, attempts: &mut Attempts) -> bool {
        match self.receivers.take(&attempt.url, now) {
            Ok(()) => {
                let place = Some(attempt.url.clone());
                self.begin(attempt, place, attempts);
            }
            Err(NotNow::Full) => self.lanes.wait_for(&attempt.url, attempt.lane),
            Err(NotNow::AllFull) => {
                // An attempt that ends wakes us.
                self.lanes.want(attempt.lane, now);
                return false;
            }
            Err(NotNow::Open { until, reason }) => {
                let forward = &attempt.head.forward;
                let last_at = forward.last_at(self.app.forwarding.started(), now);
                if now < last_at {
                    // What failed before tries whether the circuit can be closed after what did not.
                    let until = until.plus_seconds(u64::from(forward.attempts > 0));
                    self.lanes.want(attempt.lane, until.min(last_at));
                } else if forward.attempts == 0 && self.receivers.take_idle(&attempt.url) {
                    // That the receiver fails may have been about the message before it alone.
                    let place = Some(attempt.url.clone());
                    self.begin(attempt, place, attempts);
                } else {
                    return self.begin_without_place(attempt.not_tried(reason), now, attempts);
                }
            }
        }
        true
    }

    fn begin_without_place(&mut self, attempt: Attempt, now: Timestamp, attempts: &mut Attempts) -> bool {
        let may = self.receivers.take_any();
        if may {
            self.begin(attempt, None, attempts);
        } else {
            self.lanes.want(attempt.lane, now);
        }
        may
    }

    fn begin(&mut self, attempt: Attempt, place: Option<String>, attempts: &mut Attempts) {
        let (lane, app) = (attempt.lane, self.app.clone());
        self.lanes.begin(lane);
        let task = attempts.spawn(async move { attempt.make(&app).await });
        self.under_way.insert(task.id(), (lane, place));
    }

    fn ended(&mut self, ended: Result<(Id, Ended), JoinError>) {
        let (id, ended) = ended.unwrap_or_else(|error| {
            tracing::error!(%error, "an attempt to forward broke down");
            let at = self.app.clock.now();
            (error.id(), Ended { verdict: Verdict::Unknown, at, again_at: at.plus_seconds(REST_SECONDS) })
        });
        let Some((lane, place)) = self.under_way.remove(&id) else { return };
        let Ended { verdict, at, again_at } = ended;
        self.lanes.end(lane, again_at);
        match place {
            None => self.receivers.done_any(),
            Some(url) => {
                let room = self.receivers.done(&url, &verdict, at);
                self.lanes.release(&url, room, at);
            }
        }
    }

    /// Those that wait for a receiver at which nothing is under way any more. True: there were some.
    fn release_stranded(&mut self, now: Timestamp) -> bool {
        let mut released = false;
        for url in self.lanes.waited_for() {
            if self.receivers.is_idle(&url) {
                self.lanes.release(&url, usize::MAX, now);
                released = true;
            }
        }
        self.receivers.forget_idle();
        released
    }
}
