//! What is known of receivers just now: how many attempts are under way at each, and which have failed so often that
//! they are left alone for a while (a circuit breaker for each URL).

use crate::model::time::Timestamp;
use std::collections::HashMap;

/// The most attempts at a time at one receiver, and at all.
const AT_ONE: usize = 16;
const AT_ALL: usize = 256;
/// So many failures one after the other, of whatever conversations, open the circuit.
const FAILURES: u32 = 5;
/// How long it stays open, doubled each time up to the most.
const FIRST_PAUSE_SECONDS: u64 = 5;
const LONGEST_PAUSE_SECONDS: u64 = 60;

#[derive(Default)]
pub(super) struct Receivers {
    known: HashMap<String, Receiver>,
    under_way: usize,
}

#[derive(Default)]
struct Receiver {
    under_way: usize,
    /// One after the other.
    failures: u32,
    last_error: String,
    pause_seconds: u64,
    /// The circuit is open; from then on one attempt may try whether it can be closed.
    closed_until: Option<Timestamp>,
}

/// What an attempt tells of its receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Well,
    Failing(String),
    /// Nothing: it was not asked, or did not like this one message.
    Unknown,
}

/// Why a receiver is not asked now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotNow {
    /// Until an attempt at it ends.
    Full,
    /// Until an attempt at any ends.
    AllFull,
    /// The circuit is open.
    Open { until: Timestamp, reason: String },
}

impl Receivers {
    /// Takes a place for one attempt; [`Receivers::done`] gives it back.
    pub(super) fn take(&mut self, url: &str, now: Timestamp) -> Result<(), NotNow> {
        let receiver = self.known.entry(url.to_owned()).or_default();
        if let Some(until) = receiver.closed_until {
            // A clock that was set back keeps nothing closed for long.
            let until = until.min(now.plus_seconds(LONGEST_PAUSE_SECONDS));
            if now < until {
                let (failures, last) = (receiver.failures, &receiver.last_error);
                let reason = format!("the receiver has failed {failures} times in a row, at last: {last}");
                return Err(NotNow::Open { until, reason });
            }
        }
        let places = if receiver.closed_until.is_some() { 1 } else { AT_ONE };
        if receiver.under_way >= places {
            return Err(NotNow::Full);
        }
        if self.under_way >= AT_ALL {
            return Err(NotNow::AllFull);
        }
        receiver.under_way += 1;
        self.under_way += 1;
        Ok(())
    }

    /// Takes a place where nothing is under way, whether or not the circuit is open.
    pub(super) fn take_idle(&mut self, url: &str) -> bool {
        let is_free = self.is_idle(url) && self.take_any();
        if is_free {
            self.known.entry(url.to_owned()).or_default().under_way += 1;
        }
        is_free
    }

    /// Takes a place for what asks no receiver. False: there is none.
    pub(super) fn take_any(&mut self) -> bool {
        let is_free = self.under_way < AT_ALL;
        self.under_way += usize::from(is_free);
        is_free
    }

    pub(super) fn done_any(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// An attempt has ended. Returns how many of those that wait for a place may try now.
    pub(super) fn done(&mut self, url: &str, verdict: &Verdict, now: Timestamp) -> usize {
        self.done_any();
        let Some(receiver) = self.known.get_mut(url) else { return 0 };
        receiver.under_way = receiver.under_way.saturating_sub(1);
        match verdict {
            Verdict::Unknown => 1,
            // One more than have ended: so a circuit that was open is soon used as much as any.
            Verdict::Well => {
                *receiver = Receiver { under_way: receiver.under_way, ..Receiver::default() };
                2
            }
            Verdict::Failing(error) => {
                receiver.failed(error, now);
                // Of an open circuit all have to hear: their time may be up before it closes.
                if receiver.closed_until.is_some() { usize::MAX } else { 1 }
            }
        }
    }

    pub(super) fn is_idle(&self, url: &str) -> bool {
        self.known.get(url).is_none_or(|receiver| receiver.under_way == 0)
    }

    /// Forgets receivers of which nothing is to be remembered.
    pub(super) fn forget_idle(&mut self) {
        self.known.retain(|_, receiver| receiver.under_way > 0 || receiver.failures > 0);
    }
}

impl Receiver {
    fn failed(&mut self, error: &str, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        error.clone_into(&mut self.last_error);
        // Of those that began before the circuit opened, each that fails does not open it further.
        let is_open = self.closed_until.is_some_and(|until| now < until);
        if self.failures < FAILURES || is_open {
            return;
        }
        self.pause_seconds = (self.pause_seconds * 2).clamp(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS);
        self.closed_until = Some(now.plus_seconds(self.pause_seconds));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing() -> Verdict {
        Verdict::Failing("500".to_owned())
    }

    fn open_until(receivers: &mut Receivers, now: Timestamp) -> Option<i64> {
        match receivers.take("u", now) {
            Err(NotNow::Open { until, .. }) => Some((until.0 - now.0) / 1_000_000),
            Ok(()) => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_receiver_that_fails_is_left_alone_for_longer_and_longer() {
        let (mut receivers, mut now) = (Receivers::default(), Timestamp(0));
        for _ in 0..5 {
            assert_eq!(open_until(&mut receivers, now), None);
            receivers.done("u", &failing(), now);
        }
        for pause in [5, 10, 20, 40, 60, 60] {
            assert_eq!(open_until(&mut receivers, now), Some(pause));
            now = now.plus_seconds(pause as u64);
            // One tries; the others wait for it.
            assert_eq!(receivers.take("u", now), Ok(()));
            assert_eq!(receivers.take("u", now), Err(NotNow::Full));
            assert_eq!(receivers.take("other", now), Ok(()));
            receivers.done("other", &Verdict::Well, now);
            receivers.done("u", &failing(), now);
        }
        now = now.plus_seconds(60);
        assert_eq!(receivers.take("u", now), Ok(()));
        receivers.done("u", &Verdict::Well, now);
        for _ in 0..AT_ONE {
            assert_eq!(receivers.take("u", now), Ok(()));
        }
        assert_eq!(receivers.take("u", now), Err(NotNow::Full));
    }

    #[test]
    fn those_that_fail_together_open_the_circuit_once() {
        let (mut receivers, now) = (Receivers::default(), Timestamp(0));
        for _ in 0..AT_ONE {
            receivers.take("u", now).unwrap();
        }
        for _ in 0..AT_ONE {
            receivers.done("u", &failing(), now);
        }
        assert_eq!(open_until(&mut receivers, now), Some(5));
    }

    #[test]
    fn all_receivers_together_have_so_many_places() {
        let (mut receivers, now) = (Receivers::default(), Timestamp(0));
        for at in 0..AT_ALL {
            receivers.take(&format!("u{}", at / AT_ONE), now).unwrap();
        }
        assert_eq!(receivers.take("one more", now), Err(NotNow::AllFull));
        receivers.done("u0", &Verdict::Well, now);
        assert_eq!(receivers.take("one more", now), Ok(()));
        assert!(!receivers.take_any());
        receivers.done_any();
        assert!(receivers.take_any());
    }
}
