//! Blocks of the conversation list. Its order, newest activity first, is cut into stretches of neighbouring rows, and a
//! row each tells how many there are, whose they are and between which times they lie, so that a page far down is
//! found without walking to it. A block's key is where it ends, and it begins after the one before: so each list row is
//! in one block wherever it is put, and where a block vanishes the next one takes its place.
//!
//! Counts are exact. Times are bounds: they are widened by what comes, and narrowed only when the rows are counted anew.

use super::key::{self, ActivityKey};
use super::record;
use super::span::{NONE, Span};
use crate::model::call::{Conversation, ConversationFilter, ConversationStatus};
use crate::model::ids::AssistantId;
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};

pub(super) const TABLE: &str = "activity_blocks";

/// A block of more rows is cut. A page is found by walking one block, and a message touches two: with more rows there
/// are fewer blocks, which share their pages. Blocks of message logs are of so many ids.
pub(super) const BLOCK_ROWS: u32 = 4096;

/// Rows by whether the end is a fact of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// These end when they expire.
    open: u32,
    ended: u32,
}

impl Counts {
    pub(super) fn rows(self) -> u64 {
        u64::from(self.open) + u64::from(self.ended)
    }

    /// False: there are none to take away.
    fn change(&mut self, row: &Conversation<'_>, change: i32) -> bool {
        let count = if row.ended_at.is_some() { &mut self.ended } else { &mut self.open };
        count.checked_add_signed(change).map(|changed| *count = changed).is_some()
    }

    fn merge(&mut self, other: Counts) {
        self.open += other.open;
        self.ended += other.ended;
    }
}

/// What all rows of a block have in common; the beginning of the record, which is all that most filters need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) counts: Counts,
    /// When those expire that have no end of their own.
    expires: Span,
    started: Span,
}

/// The value of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ActivityBlock {
    head: Head,
    /// In the order of their ids.
    assistants: Vec<(AssistantId, Counts)>,
}

impl ActivityBlock {
    pub(super) fn rows(&self) -> u64 {
        self.head.counts.rows()
    }

    pub(super) fn add(&mut self, row: &Conversation<'_>) {
        self.head.started.add(row.started_at);
        if row.ended_at.is_none() {
            self.head.expires.add(row.expires_at);
        }
        self.head.counts.change(row, 1);
        match self.place(row.assistant_id) {
            Ok(place) => drop(self.assistants[place].1.change(row, 1)),
            Err(place) => {
                let mut counts = Counts::default();
                counts.change(row, 1);
                self.assistants.insert(place, (row.assistant_id, counts));
            }
        }
    }

    /// False: it was not counted here.
    pub(super) fn remove(&mut self, row: &Conversation<'_>) -> bool {
        let Ok(place) = self.place(row.assistant_id) else { return false };
        if !(self.head.counts.change(row, -1) && self.assistants[place].1.change(row, -1)) {
            return false;
        }
        if self.assistants[place].1.rows() == 0 {
            self.assistants.remove(place);
        }
        if self.head.counts.open == 0 {
            self.head.expires = NONE;
        }
        true
    }

    /// Whether rows expire from then on, and none before.
    pub(super) fn expires_from(&self, time: Timestamp) -> bool {
        self.head.counts.open > 0 && self.head.expires.least == time
    }

    fn place(&self, assistant: AssistantId) -> Result<usize, usize> {
        self.assistants.binary_search_by_key(&assistant, |(id, _)| *id)
    }

    /// Takes up the rows of a neighbour.
    pub(super) fn merge(&mut self, other: &ActivityBlock) {
        self.head.counts.merge(other.head.counts);
        self.head.expires.widen(other.head.expires);
        self.head.started.widen(other.head.started);
        for (assistant, counts) in &other.assistants {
            match self.place(*assistant) {
                Ok(place) => self.assistants[place].1.merge(*counts),
                Err(place) => self.assistants.insert(place, (*assistant, *counts)),
            }
        }
    }

    /// Whether it says of these rows what is true.
    pub(super) fn is_true_of(&self, rows: &ActivityBlock) -> bool {
        self.head.counts == rows.head.counts
            && self.assistants == rows.assistants
            && self.head.expires.holds(rows.head.expires)
            && self.head.started.holds(rows.head.started)
    }
}

/// How many of a stored block's rows match, and how many it has. Of matches none: only the rows tell, or the block
/// cannot be read, which nobody trusts then.
pub(super) fn count(bytes: &[u8], filter: &ConversationFilter, now: Timestamp) -> (Option<u64>, u64) {
    let Some(assistant) = filter.assistant_id else {
        let Ok(head) = record::decode::<Head>(TABLE, bytes) else { return (None, u64::MAX) };
        return (head.matching(head.counts, filter, now), head.counts.rows());
    };
    let Ok(block) = record::decode::<ActivityBlock>(TABLE, bytes) else { return (None, u64::MAX) };
    let counts = block.place(assistant).map(|place| block.assistants[place].1).unwrap_or_default();
    (block.head.matching(counts, filter, now), block.rows())
}

/// Whether there may be a row in a stored block that has expired by now and has no end of its own.
pub(super) fn may_be_over(bytes: &[u8], now: Timestamp) -> bool {
    record::decode::<Head>(TABLE, bytes)
        .map_or(true, |head| head.counts.open > 0 && head.expires.least <= now)
}

impl Head {
    /// `counts`: of the assistant that is asked for.
    fn matching(&self, counts: Counts, filter: &ConversationFilter, now: Timestamp) -> Option<u64> {
        let ended = counts.open == 0 || self.expires.most <= now;
        let of_status = match filter.status {
            None => Some(counts.rows()),
            Some(ConversationStatus::Active) if ended => Some(0),
            Some(ConversationStatus::Completed) if ended => Some(counts.rows()),
            Some(_) if self.expires.least <= now => None,
            Some(ConversationStatus::Active) => Some(u64::from(counts.open)),
            Some(ConversationStatus::Completed) => Some(u64::from(counts.ended)),
        };
        let asked = Span::asked(filter.started_from, filter.started_to);
        match of_status {
            Some(0) => Some(0),
            _ if self.started.is_apart_from(asked) => Some(0),
            known => known.filter(|_| asked.holds(self.started) && filter.customer.is_none()),
        }
    }
}

/// Makes blocks of list rows that go by in their order.
pub(super) struct Cutter {
    size: u64,
    whole: Vec<(ActivityKey, ActivityBlock)>,
    block: ActivityBlock,
}

impl Cutter {
    /// Each block gets so many rows; the last one what is left.
    pub(super) fn new(size: u64) -> Cutter {
        Cutter { size: size.max(1), whole: Vec::new(), block: ActivityBlock::default() }
    }

    /// A row that cannot be read is told by a check, and counted by nobody.
    pub(super) fn add(&mut self, key: &ActivityKey, bytes: &[u8]) {
        let Ok(row) = record::decode_activity(key::activity_parts(key), bytes) else { return };
        self.block.add(&row);
        if self.block.rows() >= self.size {
            self.whole.push((*key, std::mem::take(&mut self.block)));
        }
    }

    /// The last one reaches to `end`, whatever lies there later.
    pub(super) fn finish(mut self, end: ActivityKey) -> Vec<(ActivityKey, ActivityBlock)> {
        if self.block.rows() > 0 {
            self.whole.push((end, self.block));
        } else if let Some(last) = self.whole.last_mut() {
            last.0 = end;
        }
        self.whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::CallId;
    use proptest::prelude::*;

    fn rows() -> impl Strategy<Value = (u64, i64, i64, Option<i64>)> {
        (0..3u64, 0..20i64, 0..20i64, proptest::option::of(0..20i64))
    }

    fn row((assistant, started, lasts, ended): (u64, i64, i64, Option<i64>)) -> Conversation<'static> {
        Conversation {
            id: CallId(1),
            assistant_id: AssistantId(assistant),
            customer: "+15559876543",
            our_number: "+15551234567",
            message_count: 1,
            started_at: Timestamp(started),
            last_activity: Timestamp(started),
            expires_at: Timestamp(started + lasts),
            ended_at: ended.map(Timestamp),
        }
    }

    fn filters() -> impl Strategy<Value = ConversationFilter> {
        let statuses = [None, Some(ConversationStatus::Active), Some(ConversationStatus::Completed)];
        let times = || proptest::option::of((0..20i64).prop_map(Timestamp));
        (0..3usize, proptest::option::of(0..4u64), times(), times()).prop_map(
            move |(status, assistant, started_from, started_to)| ConversationFilter {
                status: statuses[status],
                assistant_id: assistant.map(AssistantId),
                customer: None,
                started_from,
                started_to,
            },
        )
    }

    proptest! {
        #[test]
        fn what_a_block_says_is_what_its_rows_say(
            came in proptest::collection::vec((rows(), any::<bool>()), 0..12), other in proptest::collection::vec(rows(), 0..4),
            filter in filters(), now in 0..40i64
        ) {
            let (mut block, mut exact, mut stay) = (ActivityBlock::default(), ActivityBlock::default(), Vec::new());
            came.iter().for_each(|(it, _)| block.add(&row(*it)));
            for (it, stays) in &came {
                match stays {
                    true => stay.push(*it),
                    false => prop_assert!(block.remove(&row(*it))),
                }
            }
            let mut neighbour = ActivityBlock::default();
            other.iter().for_each(|it| neighbour.add(&row(*it)));
            block.merge(&neighbour);
            stay.extend(other);
            stay.iter().for_each(|it| exact.add(&row(*it)));
            prop_assert!(block.is_true_of(&exact));

            let now = Timestamp(now);
            let matching = stay.iter().filter(|it| filter.matches(&row(**it), now)).count() as u64;
            let mut bytes = Vec::new();
            for block in [&block, &exact] {
                record::encode(block, &mut bytes);
                let (known, rows) = count(&bytes, &filter, now);
                prop_assert_eq!(rows, stay.len() as u64);
                prop_assert!(known.is_none_or(|known| known == matching), "{:?} of {}", known, matching);
                if filter.status.is_none() && filter.started_from.or(filter.started_to).is_none() {
                    prop_assert_eq!(known, Some(matching));
                }
            }
        }
    }

    #[test]
    fn what_was_never_counted_cannot_be_taken_away() {
        let mut block = ActivityBlock::default();
        block.add(&row((1, 5, 5, None)));
        assert!(!block.remove(&row((2, 5, 5, None))));
        assert!(!block.remove(&row((1, 5, 5, Some(7)))));
        assert!(block.remove(&row((1, 5, 5, None))));
        assert_eq!(block.rows(), 0);
    }
}
