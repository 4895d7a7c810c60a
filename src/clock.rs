//! The clock: real, or set by hand. Only the edge reads it (a request, a job's tick, a command);
//! below, time is an argument.

use crate::model::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

#[derive(Clone, Debug, Default)]
pub enum Clock {
    #[default]
    System,
    /// Stands still until it is set. Clones share it.
    Settable(Arc<Hands>),
}

/// The time of a settable clock, and who waits for it to move.
#[derive(Debug, Default)]
pub struct Hands {
    /// Since 1970.
    micros: AtomicI64,
    moved: Notify,
}

/// The real clock may be set while somebody sleeps: it is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(30);

impl Clock {
    pub fn settable(start: Timestamp) -> Clock {
        Clock::Settable(Arc::new(Hands { micros: AtomicI64::new(start.0), moved: Notify::new() }))
    }

    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => Timestamp(chrono::Utc::now().timestamp_micros()),
            Clock::Settable(hands) => Timestamp(hands.micros.load(Ordering::SeqCst)),
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
            match moved {
                Some(moved) => moved.await,
                None => {
                    tokio::time::sleep(Duration::from_micros(left.unsigned_abs()).min(LOOK_EVERY)).await;
                }
            }
        }
    }

    /// Sets a settable clock, backwards too. The real one cannot be set: `false`.
    pub fn set(&self, now: Timestamp) -> bool {
        match self {
            Clock::System => false,
            Clock::Settable(hands) => {
                hands.micros.store(now.0, Ordering::SeqCst);
                hands.moved.notify_waiters();
                true
            }
        }
    }
}
