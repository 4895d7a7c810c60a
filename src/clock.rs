//! The clock: real, or set by hand. Only the edge reads it (a request, a job's tick, a command);
//! below, time is an argument.

use crate::model::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

#[derive(Clone, Debug, Default)]
pub enum Clock {
    #[default]
    System,
    /// Microseconds since 1970; stands still until it is set. Clones share it.
    Settable(Arc<AtomicI64>),
}

impl Clock {
    pub fn settable(start: Timestamp) -> Clock {
        Clock::Settable(Arc::new(AtomicI64::new(start.0)))
    }

    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => Timestamp(chrono::Utc::now().timestamp_micros()),
            Clock::Settable(micros) => Timestamp(micros.load(Ordering::SeqCst)),
        }
    }

    /// Sets a settable clock, backwards too. The real one cannot be set: `false`.
    pub fn set(&self, now: Timestamp) -> bool {
        match self {
            Clock::System => false,
            Clock::Settable(micros) => {
                micros.store(now.0, Ordering::SeqCst);
                true
            }
        }
    }
}
