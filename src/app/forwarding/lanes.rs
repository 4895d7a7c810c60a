//! Which conversations have something to forward and when: each is a lane, of which one message at a time is told.

use crate::model::ids::{CallId, OrganizationId};
use crate::model::time::Timestamp;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

pub(super) type Lane = (OrganizationId, CallId);

#[derive(Default)]
pub(super) struct Lanes {
    due: BTreeSet<(Timestamp, Lane)>,
    /// When each lane of `due` is.
    at: HashMap<Lane, Timestamp>,
    under_way: HashSet<Lane>,
    /// Those in `waiting`.
    queued: HashSet<Lane>,
    /// Those that wait for a place at a receiver.
    waiting: HashMap<String, VecDeque<Lane>>,
}

impl Lanes {
    /// There is something to be looked at then, or earlier. A lane that is under way is looked at when it ends, one that
    /// waits for a place when there is one.
    pub(super) fn want(&mut self, lane: Lane, at: Timestamp) {
        let known = self.at.get(&lane).copied();
        let comes_by_itself = self.under_way.contains(&lane) || self.queued.contains(&lane);
        if comes_by_itself || known.is_some_and(|known| known <= at) {
            return;
        }
        if let Some(known) = known {
            self.due.remove(&(known, lane));
        }
        self.due.insert((at, lane));
        self.at.insert(lane, at);
    }

    /// Takes a lane that is due.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Lane> {
        let first = self.due.first().filter(|(at, _)| *at <= now).copied()?;
        self.due.remove(&first);
        self.at.remove(&first.1);
        Some(first.1)
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(super) fn begin(&mut self, lane: Lane) {
        self.under_way.insert(lane);
    }

    pub(super) fn wait_for(&mut self, url: &str, lane: Lane) {
        if self.queued.insert(lane) {
            self.waiting.entry(url.to_owned()).or_default().push_back(lane);
        }
    }

    /// The clock was set back: when anything is due is to be found out anew.
    pub(super) fn all_due(&mut self, now: Timestamp) {
        let lanes: Vec<_> = self.at.drain().map(|(lane, _)| lane).collect();
        self.due = lanes.iter().map(|lane| (now, *lane)).collect();
        self.at = lanes.into_iter().map(|lane| (lane, now)).collect();
    }

    /// An attempt has ended: its lane is looked at again.
    pub(super) fn end(&mut self, lane: Lane, now: Timestamp) {
        self.under_way.remove(&lane);
        self.want(lane, now);
    }

    /// There is room for so many of those that wait for this receiver; they are looked at again.
    pub(super) fn release(&mut self, url: &str, most: usize, now: Timestamp) {
        let Some(waiting) = self.waiting.get_mut(url) else { return };
        let released: Vec<_> = waiting.drain(..most.min(waiting.len())).collect();
        if waiting.is_empty() {
            self.waiting.remove(url);
        }
        for lane in released {
            self.queued.remove(&lane);
            self.want(lane, now);
        }
    }

    /// The receivers that some wait for.
    pub(super) fn waited_for(&self) -> Vec<String> {
        self.waiting.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Lane = (OrganizationId(1), CallId(1));
    const B: Lane = (OrganizationId(1), CallId(2));

    #[test]
    fn lanes_come_when_they_are_due_and_once_at_a_time() {
        let (mut lanes, now) = (Lanes::default(), Timestamp(10));
        lanes.want(A, Timestamp(20));
        lanes.want(A, Timestamp(10));
        lanes.want(A, Timestamp(30));
        lanes.want(B, Timestamp(5));
        assert_eq!((lanes.take(now), lanes.take(now), lanes.take(now)), (Some(B), Some(A), None));
        lanes.begin(A);
        lanes.want(A, now);
        assert_eq!((lanes.take(now), lanes.next()), (None, None));
        lanes.wait_for("u", B);
        assert_eq!(lanes.take(now), None);
        assert_eq!(lanes.waited_for(), ["u"]);
        lanes.end(A, now);
        lanes.release("u", 5, now);
        assert_eq!((lanes.take(now), lanes.take(now), lanes.take(now)), (Some(A), Some(B), None));
        assert!(lanes.waited_for().is_empty());
        lanes.want(A, Timestamp(900));
        lanes.all_due(Timestamp(3));
        assert_eq!((lanes.take(Timestamp(3)), lanes.next()), (Some(A), None));
    }
}
