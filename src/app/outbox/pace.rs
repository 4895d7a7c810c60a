//! How fast each carrier and each of our numbers may send, and how much of it at a time.
//!
//! Two budgets have to agree before either is spent, which no rate limiter at hand can be asked; so the one rule it
//! takes (GCRA, of which the limiters are made too) stands here.

use crate::app::App;
use crate::app::carriers::{Carriers, Rates};
use crate::model::ids::OrganizationId;
use crate::model::message_log::Provider;
use crate::model::time::Timestamp;
use crate::store::{DueJob, Lane};
use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most attempts at a time by one account: a carrier that hangs holds up nobody else's.
const AT_ONCE: usize = 32;
/// Above this many keys, those that have their whole budget again are forgotten.
const KEYS: usize = 10_000;
/// The longest that a carrier is left alone when it says that it has enough.
const LONGEST_PAUSE_SECONDS: u64 = 3600;

/// A carrier's account: the server's, or an organization's own.
type Account = (Provider, Option<OrganizationId>);

#[derive(Default)]
pub(super) struct Pace {
    rates: Vec<(Provider, Rates)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    accounts: Budgets<Account>,
    lanes: Budgets<Lane>,
    paused: HashMap<Account, Timestamp>,
    /// How many attempts are under way.
    by_account: HashMap<Account, usize>,
    by_lane: HashMap<Lane, usize>,
}

/// A place among the attempts that are under way.
pub(super) struct Place {
    account: Account,
    lane: Lane,
}

/// Why a job may not be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotNow {
    Until(Timestamp),
    /// Until an attempt ends.
    Full,
}

impl Pace {
    pub(super) fn new(carriers: &Carriers) -> Pace {
        Pace { rates: carriers.rates.to_vec(), state: Mutex::default() }
    }

    /// Spends one of the budgets of number and account, and a place; [`Pace::done`] gives the place back.
    pub(super) fn take(&self, app: &App, due: &DueJob, now: Timestamp) -> Result<Place, NotNow> {
        let account = account_of(app, due.lane.organization, due.provider);
        let rates = self.rates.iter().find(|(known, _)| *known == due.provider).map(|(_, rates)| *rates);
        let mut state = self.state();
        let under_way = state.by_account.get(&account).copied().unwrap_or(0);
        let of_lane = state.by_lane.get(&due.lane).copied().unwrap_or(0);
        // Of a slow number one after the other, so that what fails for now is not overtaken at once.
        let lane_places = rates.map_or(AT_ONCE, |rates| burst(rates.number) as usize);
        if under_way >= AT_ONCE || of_lane >= lane_places {
            return Err(NotNow::Full);
        }
        if let Some(rates) = rates {
            let paused = state.paused.get(&account).copied().unwrap_or(Timestamp::MIN);
            let free = paused
                .max(state.accounts.free_at(&account, rates.carrier, now))
                .max(state.lanes.free_at(&due.lane, rates.number, now));
            if free > now {
                return Err(NotNow::Until(free));
            }
            state.accounts.spend(&account, rates.carrier, now);
            state.lanes.spend(&due.lane, rates.number, now);
        }
        *state.by_account.entry(account).or_default() += 1;
        *state.by_lane.entry(due.lane.clone()).or_default() += 1;
        Ok(Place { account, lane: due.lane.clone() })
    }

    /// An attempt has ended.
    pub(super) fn done(&self, place: &Place) {
        let mut state = self.state();
        one_less(&mut state.by_account, &place.account);
        one_less(&mut state.by_lane, &place.lane);
    }

    /// The carrier says that it has enough for a while.
    pub(super) fn pause(&self, app: &App, due: &DueJob, seconds: u64, now: Timestamp) {
        let until = now.plus_seconds(seconds.min(LONGEST_PAUSE_SECONDS));
        let account = account_of(app, due.lane.organization, due.provider);
        let mut state = self.state();
        let paused = state.paused.entry(account).or_insert(until);
        *paused = until.max(*paused);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn account_of(app: &App, organization: OrganizationId, provider: Provider) -> Account {
    let own = app.store.directory().view().carrier_account(organization, provider).is_some();
    (provider, own.then_some(organization))
}

fn one_less<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    let left = counts.get_mut(key).map_or(0, |count| {
        *count = count.saturating_sub(1);
        *count
    });
    if left == 0 {
        counts.remove(key);
    }
}

/// How many at once of so many in a minute: a second's worth.
fn burst(per_minute: NonZeroU32) -> u32 {
    (per_minute.get() / 60).max(1)
}

/// For each key when its budget would be whole again.
struct Budgets<K>(HashMap<K, Timestamp>);

impl<K> Default for Budgets<K> {
    fn default() -> Budgets<K> {
        Budgets(HashMap::new())
    }
}

impl<K: Hash + Eq + Clone> Budgets<K> {
    /// When the next one may go; not later than one whole minute's budget, so a clock that was set back holds up
    /// nothing for long.
    fn free_at(&self, key: &K, per_minute: NonZeroU32, now: Timestamp) -> Timestamp {
        let Some(whole) = self.0.get(key) else { return now };
        let period = period(per_minute);
        let free = whole.0.saturating_sub(period * i64::from(burst(per_minute) - 1));
        Timestamp(free.clamp(now.0, now.0.saturating_add(60_000_000)))
    }

    fn spend(&mut self, key: &K, per_minute: NonZeroU32, now: Timestamp) {
        if self.0.len() > KEYS {
            self.0.retain(|_, whole| *whole > now);
        }
        let longest = now.0.saturating_add(60_000_000);
        let whole = self.0.entry(key.clone()).or_insert(now);
        *whole = Timestamp(whole.0.clamp(now.0, longest).saturating_add(period(per_minute)));
    }
}

/// Between two of them, in microseconds.
fn period(per_minute: NonZeroU32) -> i64 {
    60_000_000 / i64::from(per_minute.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_lets_a_seconds_worth_go_at_once_and_then_one_by_one() {
        let second = 1_000_000;
        for (per_minute, at_once, every) in [(60, 1, second), (6, 1, 10 * second), (180, 3, second / 3)] {
            let (per_minute, mut budgets) = (NonZeroU32::new(per_minute).unwrap(), Budgets::default());
            let now = Timestamp(1_000 * second);
            for _ in 0..at_once {
                assert_eq!(budgets.free_at(&(), per_minute, now), now);
                budgets.spend(&(), per_minute, now);
            }
            let next = budgets.free_at(&(), per_minute, now);
            assert_eq!(next.0 - now.0, every, "{per_minute} a minute");
            budgets.spend(&(), per_minute, next);
            assert_eq!(budgets.free_at(&(), per_minute, next).0 - next.0, every);
        }
    }

    #[test]
    fn a_clock_that_is_set_back_holds_up_nothing_for_long() {
        let (per_minute, mut budgets) = (NonZeroU32::new(60).unwrap(), Budgets::default());
        budgets.spend(&(), per_minute, Timestamp(86_400_000_000));
        let now = Timestamp(0);
        assert_eq!(budgets.free_at(&(), per_minute, now), Timestamp(60_000_000));
        budgets.spend(&(), per_minute, Timestamp(60_000_000));
        assert_eq!(budgets.free_at(&(), per_minute, Timestamp(120_000_000)), Timestamp(121_000_000));
    }
}
