//! Forwarding is worked off: what the feed tells of inbound messages is told to the assistants' own URLs, at least
//! once and in order within each conversation. What could not be told in time is parked for people (`parked_events`).
//!
//! What is to be told is a row from the moment that the feed was looked through, and goes with the commit that writes
//! what came of it; a kill in between tells it again.

mod attempt;
mod lanes;
mod plan;
mod receivers;
mod webhook;

pub use webhook::receiver;

use self::attempt::Looked;
use self::lanes::{Lane, Lanes};
use self::plan::Plan;
use self::receivers::{NotNow, Receivers};
use super::App;
use super::http_client::HttpClient;
use super::persist::AFTER_FAILURE;
use super::reach::Reach;
use crate::model::time::Timestamp;
use crate::store::ReadError;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// What the forwarder shares with those who start and stop it.
pub struct Forwarding {
    /// Told when the server stops: nothing new is begun.
    pub stop: Notify,
    client: HttpClient,
    /// What came before is given the whole time again.
    started: Timestamp,
}

impl Forwarding {
    pub fn new(reach: Reach, timeout: Duration, started: Timestamp) -> Forwarding {
        let client = HttpClient::new(timeout, reach);
        Forwarding { stop: Notify::new(), client, started }
    }
}

/// An attempt that has ended.
struct Ended {
    lane: Lane,
    /// Where it took a place.
    url: Option<String>,
    /// Why it failed.
    error: Option<String>,
    at: Timestamp,
}

/// Works until the server stops; then waits for the attempts that are under way.
pub async fn run(app: App) {
    let mut stop = std::pin::pin!(app.forwarding.stop.notified());
    let mut forwarder = Forwarder::new(app.clone());
    let mut attempts = JoinSet::new();
    loop {
        let next = forwarder.go_on(&mut attempts).await;
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
            () = app.store.news().any.notified() => {}
            Some(ended) = attempts.join_next(), if !attempts.is_empty() => forwarder.ended(ended.ok()),
            () = later => {}
            () = &mut stop => break,
        }
    }
    while attempts.join_next().await.is_some() {}
}

struct Forwarder {
    app: App,
    plan: Plan,
    lanes: Lanes,
    receivers: Receivers,
    /// What was to be told when the server started is among the lanes.
    is_loaded: bool,
}

impl Forwarder {
    fn new(app: App) -> Forwarder {
        let (plan, lanes) = (Plan::default(), Lanes::default());
        Forwarder { app, plan, lanes, receivers: Receivers::default(), is_loaded: false }
    }

    /// Takes up what the feeds tell, and begins what is due. Returns when the next is.
    async fn go_on(&mut self, attempts: &mut JoinSet<Ended>) -> Result<Option<Timestamp>, ReadError> {
        if !self.is_loaded {
            for (organization, call, due) in self.app.store.snapshot()?.forward_lanes()? {
                self.lanes.want((organization, call), due);
            }
            self.is_loaded = true;
        }
        let now = self.app.clock.now();
        let (lanes, looked_through) = self.plan.look_through(&self.app, now).await;
        for lane in lanes {
            self.lanes.want(lane, now);
        }
        self.app.metrics.feed_lag.set("forwarding", self.plan.lag(&self.app));
        let next = self.begin_due(now, attempts)?;
        looked_through.map(|()| next)
    }

    fn begin_due(
        &mut self,
        now: Timestamp,
        attempts: &mut JoinSet<Ended>,
    ) -> Result<Option<Timestamp>, ReadError> {
        loop {
            while let Some(lane) = self.lanes.take(now) {
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
    fn look_at(
        &mut self,
        lane: Lane,
        now: Timestamp,
        attempts: &mut JoinSet<Ended>,
    ) -> Result<bool, ReadError> {
        let looked = attempt::look(&self.app, lane).inspect_err(|_| self.lanes.want(lane, now))?;
        let attempt = match looked {
            Looked::Nothing => return Ok(true),
            Looked::Gone(attempt) => attempt,
            Looked::Attempt(attempt) if attempt.head.forward.due_at > now => {
                self.lanes.want(lane, attempt.head.forward.due_at);
                return Ok(true);
            }
            Looked::Attempt(attempt) => match self.receivers.take(&attempt.url, now) {
                Ok(()) => attempt.with_place(),
                Err(NotNow::Full) => {
                    self.lanes.wait_for(&attempt.url, lane);
                    return Ok(true);
                }
                Err(NotNow::AllFull) => {
                    // An attempt that ends wakes us.
                    self.lanes.want(lane, now);
                    return Ok(false);
                }
                Err(NotNow::Open { until, reason }) => {
                    let last_at = attempt.head.forward.last_at(self.app.forwarding.started);
                    if now < last_at {
                        self.lanes.want(lane, until.min(last_at));
                        return Ok(true);
                    }
                    attempt.not_tried(reason)
                }
            },
        };
        self.lanes.begin(lane);
        let app = self.app.clone();
        attempts.spawn(async move { attempt.make(&app).await });
        Ok(true)
    }

    fn ended(&mut self, ended: Option<Ended>) {
        // One that panicked is found again when the server starts.
        let Some(Ended { lane, url, error, at }) = ended else { return };
        self.lanes.end(lane, at);
        let Some(url) = url else { return };
        let room = self.receivers.done(&url, error.as_deref(), at);
        self.lanes.release(&url, room, at);
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
