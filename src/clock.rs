//! The clock: real, or set by hand. Only the edge reads it (a request, a job's tick, a command);
//! below, time is an argument.

use crate::model::time::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    /// Together, so that nobody reads the one with another's other.
    place: Mutex<Place>,
    moved: Notify,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Since 1970; of one that runs, how far it is ahead of the real time.
    micros: i64,
    runs: bool,
}

/// The real clock may be set while somebody sleeps: it is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(30);

impl Clock {
    pub fn settable(start: Timestamp) -> Clock {
        Clock::of(Place { micros: start.0, runs: false })
    }

    /// Runs like the real one until it is set or frozen.
    pub fn running() -> Clock {
        Clock::of(Place { micros: 0, runs: true })
    }

    fn of(place: Place) -> Clock {
        Clock::Settable(Arc::new(Hands { place: Mutex::new(place), moved: Notify::new() }))
    }

    pub fn now(&self) -> Timestamp {
        match self {
            Clock::Settable(hands) => hands.now(),
            Clock::System => Timestamp(system_micros()),
        }
    }

    pub fn is_running(&self) -> bool {
        match self {
            Clock::Settable(hands) => hands.place().runs,
            Clock::System => true,
        }
    }

    /// Lets a settable clock stand still at its time, or run on from it.
    pub fn run(&self, runs: bool) {
        if let Clock::Settable(hands) = self {
            hands.turn(|now, _| (now, runs));
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
                hands.turn(|_, runs| (now, runs));
                true
            }
        }
    }
}

impl Hands {
    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.place().now()
    }

    /// Puts another time in the place of what it shows, and lets it run or not.
    fn turn(&self, to: impl FnOnce(Timestamp, bool) -> (Timestamp, bool)) {
        {
            let mut place = self.place();
            let (now, runs) = to(place.now(), place.runs);
            *place = Place { micros: if runs { now.0.saturating_sub(system_micros()) } else { now.0 }, runs };
        }
        self.moved.notify_waiters();
    }
}

impl Place {
    fn now(self) -> Timestamp {
        Timestamp(if self.runs { self.micros.saturating_add(system_micros()) } else { self.micros })
    }
}

fn system_micros() -> i64 {
    chrono::Utc::now().timestamp_micros()
}
