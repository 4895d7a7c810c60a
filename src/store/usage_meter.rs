//! How a key or a dashboard session is used, counted in memory and stored now and then.

use crate::model::account::Usage;
use crate::model::time::Timestamp;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// How something is used, counted without a write per request.
#[derive(Debug, Default)]
pub struct UsageMeter {
    last_used_at: AtomicI64,
    count: AtomicU64,
    /// The count that is stored.
    written: AtomicU64,
}

impl UsageMeter {
    pub fn note(&self, now: Timestamp) {
        self.last_used_at.store(now.0, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    pub fn read(&self) -> Usage {
        let count = self.count.load(Ordering::Relaxed);
        let last_used_at = (count > 0).then(|| Timestamp(self.last_used_at.load(Ordering::Relaxed)));
        Usage { count, last_used_at }
    }

    /// What is not stored yet; it counts as stored from now on.
    pub(super) fn take(&self) -> Option<Usage> {
        let usage = self.read();
        (self.written.swap(usage.count, Ordering::Relaxed) != usage.count).then_some(usage)
    }

    pub(super) fn set(&self, usage: Usage) {
        self.last_used_at.store(usage.last_used_at.map_or(0, |at| at.0), Ordering::Relaxed);
        self.count.store(usage.count, Ordering::Relaxed);
        self.written.store(usage.count, Ordering::Relaxed);
    }
}
