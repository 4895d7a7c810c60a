//! Slows down those who try passwords. An account has a budget for each address that it has signed in
//! from since the start; all other attempts are counted for their address and for their account. So
//! strangers cannot lock out an owner who comes from where they came before.

use super::limits::Limiter;
use crate::clock::Clock;
use std::collections::HashSet;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const ADDRESS_ATTEMPTS: NonZeroU32 = NonZeroU32::new(20).expect("not zero");
const ADDRESS_ONE_MORE: Duration = Duration::from_secs(6);
const ACCOUNT_ATTEMPTS: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
const ACCOUNT_ONE_MORE: Duration = Duration::from_secs(30);
/// Above this many familiar places, all are forgotten.
const PLACES: usize = 10_000;

pub struct Throttle {
    addresses: Limiter<IpAddr>,
    accounts: Limiter<String>,
    familiar: Limiter<(String, IpAddr)>,
    /// Where each account has signed in from.
    known: Mutex<HashSet<(String, IpAddr)>>,
}

impl Throttle {
    pub fn new(clock: &Clock) -> Throttle {
        Throttle {
            addresses: Limiter::new(ADDRESS_ONE_MORE, ADDRESS_ATTEMPTS, clock),
            accounts: Limiter::new(ACCOUNT_ONE_MORE, ACCOUNT_ATTEMPTS, clock),
            familiar: Limiter::new(ADDRESS_ONE_MORE, ADDRESS_ATTEMPTS, clock),
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
        if known.len() > PLACES {
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

/// `Err`: the seconds until there is budget again.
fn spend<K: Hash + Eq + Clone>(limiter: &Limiter<K>, key: &K) -> Result<(), u64> {
    limiter.take(key).map_err(|wait| wait.as_secs() + 1)
}
