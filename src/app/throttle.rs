//! Slows down those who try passwords. An account has a budget for each address that it has signed in
//! from since the start; all other attempts are counted for their address and for their account. So
//! strangers cannot lock out an owner who comes from where they came before.

use crate::clock::Clock;
use crate::model::time::Timestamp;
use governor::clock::Clock as _;
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
    addresses: Limiter<IpAddr>,
    accounts: Limiter<String>,
    familiar: Limiter<(String, IpAddr)>,
    /// Where each account has signed in from.
    known: Mutex<HashSet<(String, IpAddr)>>,
}

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, LimitClock, NoOpMiddleware<Nanos>>;

impl Throttle {
    pub fn new(clock: Clock) -> Throttle {
        let clock = LimitClock { start: clock.now(), clock };
        let quota =
            |one_more, burst| Quota::with_period(one_more).expect("a period is not zero").allow_burst(burst);
        let of_address = quota(ADDRESS_ONE_MORE, ADDRESS_ATTEMPTS);
        let of_account = quota(ACCOUNT_ONE_MORE, ACCOUNT_ATTEMPTS);
        Throttle {
            addresses: RateLimiter::hashmap_with_clock(of_address, clock.clone()),
            accounts: RateLimiter::hashmap_with_clock(of_account, clock.clone()),
            familiar: RateLimiter::hashmap_with_clock(of_address, clock),
            known: Mutex::default(),
        }
    }

    /// Takes one attempt off the budgets. `Err`: none is left; the seconds until one is.
    pub fn attempt(&self, account: &str, address: IpAddr) -> Result<(), u64> {
        let familiar = (account.to_lowercase(), network(address));
        if self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(&familiar) {
            return spend(&self.familiar, &familiar);
        }
        spend(&self.addresses, &familiar.1)?;
        spend(&self.accounts, &familiar.0)
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

fn spend<K: std::hash::Hash + Eq + Clone>(limiter: &Limiter<K>, key: &K) -> Result<(), u64> {
    if limiter.len() > KEYS {
        limiter.retain_recent();
    }
    limiter.check_key(key).map_err(|refused| refused.wait_time_from(limiter.clock().now()).as_secs() + 1)
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
