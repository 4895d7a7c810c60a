//! The clock: real, or set by hand. Only the edge reads it (a request, a job's tick, a command);
//! below, time is an argument.

use crate::model::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

#[derive(Clone, Debug, Default)]
pub enum Clock {
    #[default]
    System,
    /// Stands still until it is set, or runs as far from the real time as it was set. Clones share it.
    Settable(Arc<Hands>),
}

/// The time of a settable clock, and who waits for it to move.
#[derive(Debug, Default)]
pub struct Hands {
    /// Since 1970; of one that runs, how far it is ahead of the real time.
    micros: AtomicI64,
    runs: AtomicBool,
    moved: Notify,
}

/// The real clock may be set while somebody sleeps: it is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(30);

impl Clock {
    pub fn settable(start: Timestamp) -> Clock {
        Clock::Settable(Arc::new(Hands { micros: AtomicI64::new(start.0), ..Hands::default() }))
    }

    /// Runs like the real one until it is set or frozen.
    pub fn running() -> Clock {
        Clock::Settable(Arc::new(Hands { runs: AtomicBool::new(true), ..Hands::default() }))
    }

    pub fn now(&self) -> Timestamp {
        match self {
            Clock::Settable(hands) => hands.now(),
            Clock::System => Timestamp(system_micros()),
        }
    }

    pub fn is_running(&self) -> bool {
        match self {
            Clock::Settable(hands) => hands.runs.load(Ordering::SeqCst),
            Clock::System => true,
        }
    }

    /// Lets a settable clock stand still at its time, or run on from it.
    pub fn run(&self, runs: bool) {
        if let Clock::Settable(hands) = self {
            hands.place(hands.now(), runs);
        }
    }

    /// Returns once it is so late, by this clock.
    pub async fn reaches(&self, then: Timestamp) {
        loop {
            let moved = match self {
                Clock::Settable(hands) => Some(hands.moved.notified()),
                Clock::System => None,
            };
            let left = then.0.saturating_sub(self.now().0);
            if left <= 0 {
                return;
            }
            let passed = tokio::time::sleep(Duration::from_micros(left.unsigned_abs()).min(LOOK_EVERY));
            match moved {
                Some(moved) if self.is_running() => {
                    tokio::select! {
                        () = moved => {}
                        () = passed => {}
                    }
                }
                Some(moved) => moved.await,
                None => passed.await,
            }
        }
    }

    /// Sets a settable clock, backwards too. The real one cannot be set: `false`.
    pub fn set(&self, now: Timestamp) -> bool {
        match self {
            Clock::System => false,
            Clock::Settable(hands) => {
                hands.place(now, hands.runs.load(Ordering::SeqCst));
                true
            }
        }
    }
}

impl Hands {
    fn now(&self) -> Timestamp {
        let micros = self.micros.load(Ordering::SeqCst);
        match self.runs.load(Ordering::SeqCst) {
            true => Timestamp(micros.saturating_add(system_micros())),
            false => Timestamp(micros),
        }
    }

    fn place(&self, now: Timestamp, runs: bool) {
        let micros = if runs { now.0.saturating_sub(system_micros()) } else { now.0 };
        self.micros.store(micros, Ordering::SeqCst);
        self.runs.store(runs, Ordering::SeqCst);
        self.moved.notify_waiters();
    }
}

fn system_micros() -> i64 {
    chrono::Utc::now().timestamp_micros()
}
