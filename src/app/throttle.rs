//! Slows down those who try passwords. An account has a budget for each address that it has signed in
//! from since the start; all other attempts are counted for their address and for their account. So
//! strangers cannot lock out an owner who comes from where they came before.

use crate::clock::Clock;
use crate::model::time::Timestamp;
use governor::clock::{Clock as _, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const ADDRESS_ATTEMPTS: NonZeroU32 = NonZeroU32::new(20).expect("not zero");
const ADDRESS_ONE_MORE: Duration = Duration::from_secs(6);
const ACCOUNT_ATTEMPTS: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
const ACCOUNT_ONE_MORE: Duration = Duration::from_secs(30);
/// Above this many, those that have their whole budget again are forgotten.
const KEYS: usize = 10_000;

pub struct Throttle {
    clock: LimitClock,
    addresses: Limiter<IpAddr>,
    accounts: Limiter<String>,
    familiar: Limiter<(String, IpAddr)>,
    /// Where each account has signed in from.
    known: Mutex<HashSet<(String, IpAddr)>>,
}

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, LimitClock, NoOpMiddleware<Moment>>;

impl Throttle {
    pub fn new(clock: Clock) -> Throttle {
        let clock = LimitClock(clock);
        let quota =
            |one_more, burst| Quota::with_period(one_more).expect("a period is not zero").allow_burst(burst);
        Throttle {
            addresses: RateLimiter::new(
                quota(ADDRESS_ONE_MORE, ADDRESS_ATTEMPTS),
                HashMapStateStore::default(),
                clock.clone(),
            ),
            accounts: RateLimiter::new(
                quota(ACCOUNT_ONE_MORE, ACCOUNT_ATTEMPTS),
                HashMapStateStore::default(),
                clock.clone(),
            ),
            familiar: RateLimiter::new(
                quota(ADDRESS_ONE_MORE, ADDRESS_ATTEMPTS),
                HashMapStateStore::default(),
                clock.clone(),
            ),
            known: Mutex::default(),
            clock,
        }
    }

    /// Takes one attempt off the budgets. `Err`: none is left; the seconds until one is.
    pub fn attempt(&self, account: &str, address: IpAddr) -> Result<(), u64> {
        let familiar = (account.to_lowercase(), network(address));
        if self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(&familiar) {
            return spend(&self.familiar, &familiar, &self.clock);
        }
        spend(&self.addresses, &familiar.1, &self.clock)?;
        spend(&self.accounts, &familiar.0, &self.clock)
    }

    /// The account signed in from here.
    pub fn succeeded(&self, account: &str, address: IpAddr) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > KEYS {
            known.clear();
        }
        known.insert((account.to_lowercase(), network(address)));
    }
}

/// Whoever has an IPv6 address has the 2^64 beside it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

fn spend<K: std::hash::Hash + Eq + Clone>(
    limiter: &Limiter<K>,
    key: &K,
    clock: &LimitClock,
) -> Result<(), u64> {
    if limiter.len() > KEYS {
        limiter.retain_recent();
    }
    limiter.check_key(key).map_err(|refused| refused.wait_time_from(clock.now()).as_secs() + 1)
}

/// Our clock as the limiter reads it.
#[derive(Clone)]
struct LimitClock(Clock);

/// A moment of our clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment(Timestamp);

impl governor::clock::Clock for LimitClock {
    type Instant = Moment;

    fn now(&self) -> Moment {
        Moment(self.0.now())
    }
}

fn micros(nanos: Nanos) -> i64 {
    i64::try_from(nanos.as_u64() / 1_000).unwrap_or(i64::MAX)
}

impl std::ops::Add<Nanos> for Moment {
    type Output = Moment;

    fn add(self, nanos: Nanos) -> Moment {
        Moment(Timestamp(self.0.0.saturating_add(micros(nanos))))
    }
}

impl Reference for Moment {
    fn duration_since(&self, earlier: Moment) -> Nanos {
        // A clock that was set back gives nothing back.
        Nanos::new(self.0.0.saturating_sub(earlier.0.0).max(0).unsigned_abs().saturating_mul(1_000))
    }

    fn saturating_sub(&self, nanos: Nanos) -> Moment {
        Moment(Timestamp(self.0.0.saturating_sub(micros(nanos))))
    }
}
