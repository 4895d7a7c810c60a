//! How fast each carrier and each of our numbers may send.

use crate::app::App;
use crate::app::carriers::{Carriers, Rates};
use crate::app::limits::Limiter;
use crate::clock::Clock;
use crate::model::ids::OrganizationId;
use crate::model::message_log::Provider;
use crate::model::time::Timestamp;
use crate::store::{DueJob, Lane};
use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Above this many, those that are over are forgotten.
const WAITS: usize = 10_000;

/// A carrier's account: the server's, or an organization's own.
type Account = (Provider, Option<OrganizationId>);

pub(super) struct Pace {
    of: Vec<(Provider, Limiter<Account>, Limiter<Lane>)>,
    /// Until when nobody need ask again.
    accounts: Waits<Account>,
    lanes: Waits<Lane>,
}

impl Pace {
    pub(super) fn new(carriers: &Carriers, clock: &Clock) -> Pace {
        let of = carriers.rates.iter().map(|(provider, Rates { carrier, number })| {
            (*provider, limiter(*carrier, clock), limiter(*number, clock))
        });
        Pace { of: of.collect(), accounts: Waits::default(), lanes: Waits::default() }
    }

    /// Takes one off the budgets of the number and the carrier. `Err`: not before this. The sandbox has none.
    pub(super) fn take(&self, app: &App, due: &DueJob, now: Timestamp) -> Result<(), Timestamp> {
        let account = account_of(app, due.lane.organization, due.provider);
        self.accounts.check(&account, now)?;
        let Some((_, of_account, of_lane)) = self.of.iter().find(|(known, ..)| *known == due.provider) else {
            return Ok(());
        };
        self.lanes.check(&due.lane, now)?;
        of_lane.take(&due.lane).map_err(|wait| self.lanes.note(&due.lane, now, wait))?;
        of_account.take(&account).map_err(|wait| self.accounts.note(&account, now, wait))
    }

    /// The carrier says that it has enough for a while.
    pub(super) fn pause(
        &self,
        app: &App,
        organization: OrganizationId,
        provider: Provider,
        seconds: u64,
        now: Timestamp,
    ) {
        self.accounts.note(
            &account_of(app, organization, provider),
            now,
            Duration::from_secs(seconds.min(3600)),
        );
    }
}

fn account_of(app: &App, organization: OrganizationId, provider: Provider) -> Account {
    let own = app.store.directory().view().carrier_account(organization, provider).is_some();
    (provider, own.then_some(organization))
}

/// So many in a minute, evenly; a second's worth of them at once.
fn limiter<K: Hash + Eq + Clone>(per_minute: NonZeroU32, clock: &Clock) -> Limiter<K> {
    let burst = NonZeroU32::new(per_minute.get() / 60).unwrap_or(NonZeroU32::MIN);
    Limiter::new(Duration::from_secs(60) / per_minute.get(), burst, clock)
}

/// Who has to wait, and until when.
struct Waits<K>(Mutex<HashMap<K, Timestamp>>);

impl<K> Default for Waits<K> {
    fn default() -> Waits<K> {
        Waits(Mutex::default())
    }
}

impl<K: Hash + Eq + Clone> Waits<K> {
    fn check(&self, key: &K, now: Timestamp) -> Result<(), Timestamp> {
        let waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waits.get(key).filter(|until| **until > now).map_or(Ok(()), |until| Err(*until))
    }

    fn note(&self, key: &K, now: Timestamp, wait: Duration) -> Timestamp {
        let micros = i64::try_from(wait.as_nanos().div_ceil(1000)).unwrap_or(i64::MAX);
        let until = Timestamp(now.0.saturating_add(micros));
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waits.len() > WAITS {
            waits.retain(|_, until| *until > now);
        }
        waits.insert(key.clone(), until);
        until
    }
}
