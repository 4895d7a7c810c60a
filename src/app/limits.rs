//! Budgets by our own clock: so many of something in a while, a few of them at once.

use crate::clock::Clock;
use crate::model::time::Timestamp;
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

/// Above this many, those that have their whole budget again are forgotten.
const KEYS: usize = 10_000;

/// A budget for each key.
pub struct Limiter<K: Hash + Eq + Clone>(
    RateLimiter<K, HashMapStateStore<K>, LimitClock, NoOpMiddleware<Nanos>>,
);

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// One more each `period`, `burst` of them at once.
    pub fn new(period: Duration, burst: NonZeroU32, clock: &Clock) -> Limiter<K> {
        let quota = Quota::with_period(period).expect("a period is not zero").allow_burst(burst);
        let clock = LimitClock { start: clock.now(), clock: clock.clone() };
        Limiter(RateLimiter::hashmap_with_clock(quota, clock))
    }

    /// Takes one off the key's budget. `Err`: none is left; how long until one is.
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        if self.0.len() > KEYS {
            self.0.retain_recent();
        }
        self.0.check_key(key).map_err(|refused| refused.wait_time_from(self.0.clock().now()))
    }
}

/// Our clock as the limiter reads it: what has passed since the start. Set back, it gives nothing back.
#[derive(Clone)]
struct LimitClock {
    clock: Clock,
    start: Timestamp,
}

impl governor::clock::Clock for LimitClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let micros = self.clock.now().0.saturating_sub(self.start.0).max(0);
        Nanos::new(micros.unsigned_abs().saturating_mul(1_000))
    }
}
