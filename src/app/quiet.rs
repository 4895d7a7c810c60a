//! Whether a worker has done all there is to do for now: asked by those who move a clock, and want to see what became
//! due done before they go on.

use crate::model::time::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Notify, watch};

/// What a worker shares with those who wait for it.
#[derive(Default)]
pub struct Quiet {
    asked: AtomicU64,
    told: watch::Sender<Told>,
}

#[derive(Clone, Copy, Default)]
struct Told {
    /// The newest question that the look was made after.
    asked: u64,
    /// When there is something to do again.
    next: Option<Timestamp>,
}

impl Quiet {
    /// To be read by the worker before it looks for what is to be done.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// The worker looked, and nothing is to be done or under way until `next`.
    pub fn tell(&self, asked: u64, next: Option<Timestamp>) {
        self.told.send_if_modified(|told| {
            *told = Told { asked, next };
            true
        });
    }

    /// Wakes the worker and returns once it has looked and nothing is under way: when it has something to do again.
    pub async fn settled(&self, wake: &Notify) -> Option<Timestamp> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut told = self.told.subscribe();
        wake.notify_one();
        let told = told.wait_for(|told| told.asked >= asked).await;
        told.ok().and_then(|told| told.next)
    }
}
