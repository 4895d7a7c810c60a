//! The outbox is worked off: what is due is claimed, the carrier is asked, and what it said is written.
//!
//! Nothing is sent twice unasked. An attempt is durable before the carrier is called; when nobody knows what came of
//! one, the job rests as `unknown` until a receipt tells, and is never tried again by itself.

mod attempt;
mod pace;

use self::attempt::UnderWay;
use self::pace::{NotNow, Pace};
use super::carriers::Carriers;
use super::http_client::HttpClient;
use super::persist::AFTER_FAILURE;
use super::quiet::Quiet;
use super::{App, Scope, inbound};
use crate::model::time::Timestamp;
use crate::store::ReadError;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// What is shared by those who queue messages, the dispatcher, and those who wait for an outcome.
pub struct Outbox {
    /// Told when there may be something to do.
    pub wanted: Notify,
    /// Told when an attempt has ended.
    pub settled: Notify,
    /// Told when the server stops: nothing new is claimed.
    pub stop: Notify,
    /// Whether nothing is to be done for now.
    pub quiet: Quiet,
    client: HttpClient,
    pace: Pace,
    under_way: Mutex<HashSet<[u8; 16]>>,
}

impl Outbox {
    pub fn new(carriers: &Carriers, client: HttpClient) -> Outbox {
        Outbox {
            wanted: Notify::new(),
            settled: Notify::new(),
            stop: Notify::new(),
            quiet: Quiet::default(),
            client,
            pace: Pace::new(carriers),
            under_way: Mutex::default(),
        }
    }

    /// How long a carrier may take to answer.
    pub fn timeout(&self) -> std::time::Duration {
        self.client.timeout
    }

    fn under_way(&self) -> MutexGuard<'_, HashSet<[u8; 16]>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Works until the server stops; then waits for the attempts that are under way.
pub async fn run(app: App) {
    if app.scope == Scope::Nobody {
        return;
    }
    let mut stop = std::pin::pin!(app.outbox.stop.notified());
    attempt::give_up_abandoned(&app).await;
    let mut attempts = JoinSet::new();
    loop {
        let asked = app.outbox.quiet.asked();
        let next = start_due(&app, &mut attempts);
        if let (Ok(next), true) = (&next, attempts.is_empty()) {
            app.outbox.quiet.tell(asked, *next);
        }
        let later = async {
            match &next {
                Ok(Some(next)) => app.clock.reaches(*next).await,
                Ok(None) => std::future::pending().await,
                Err(error) => {
                    tracing::warn!(%error, "the outbox could not be read");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        };
        tokio::select! {
            () = app.outbox.wanted.notified() => {}
            Some(_) = attempts.join_next(), if !attempts.is_empty() => {}
            () = later => {}
            () = &mut stop => break,
        }
    }
    while attempts.join_next().await.is_some() {}
}

/// Starts an attempt for each job that is due and may be sent by now. Returns when the next may.
fn start_due(app: &App, attempts: &mut JoinSet<()>) -> Result<Option<Timestamp>, ReadError> {
    let now = app.clock.now();
    let snapshot = app.store.snapshot()?;
    let mut next: Option<Timestamp> = None;
    let mut wait_until = |then: Timestamp| next = Some(next.map_or(then, |next| next.min(then)));
    inbound::flush_due_parts(app, &snapshot, now, attempts, &mut wait_until)?;
    loop {
        if app.chance.is_seeded() && !attempts.is_empty() {
            // An attempt that ends wakes us.
            return Ok(next);
        }
        let mut heads = {
            let under_way = app.outbox.under_way();
            snapshot.outbox_heads(app.only(), |uuid| !under_way.contains(uuid))?
        };
        // The oldest first, whichever number it is of.
        heads.sort_by_key(|due| due.at);
        let mut started = false;
        for due in heads {
            if due.at > now {
                wait_until(due.at);
                continue;
            }
            match app.outbox.pace.take(app, &due, now) {
                Ok(place) => {
                    attempts.spawn(attempt::make(UnderWay::begin(app, due, place)));
                    started = true;
                    if app.chance.is_seeded() {
                        break;
                    }
                }
                Err(NotNow::Until(then)) => wait_until(then),
                // An attempt that ends wakes us.
                Err(NotNow::Full) => {}
            }
        }
        if !started {
            return Ok(next);
        }
    }
}
