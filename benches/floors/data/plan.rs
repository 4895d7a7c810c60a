//! What there is to be: for each organization its conversations, window by window. A window is a stretch
//! of time in which a conversation begins and ends, so that time never runs backwards between windows and
//! the rows of those that go on side by side are mixed.

use super::texts::{Language, language};
use crate::dice::Dice;
use std::collections::{HashSet, VecDeque};

/// 2024-01-01, in microseconds: the data is the same whenever it is made.
pub(super) const START: i64 = 1_704_067_200_000_000;
pub(super) const DAY: i64 = 86_400_000_000;
/// The conversations of a year.
pub(super) const SPAN: i64 = 364 * DAY;
/// So many conversations go on side by side where there are many.
pub(super) const WINDOW: u64 = 2_000;
const FEWEST_WINDOWS: u64 = 20;
/// The sessions that live outlive the data: ten years, the longest there is.
const LONG_TTL_SECONDS: u64 = 315_360_000;
/// Each has a number; nine in ten conversations are with the first three.
pub(super) const ASSISTANTS: u64 = 8;
/// A customer comes back to the same assistant after so many windows: its session has expired by then.
const APART: usize = 4;
/// How many messages the longest export of the benchmark has.
pub(crate) const THOUSAND: u32 = 1_000;
/// How many messages the threads have whose messages are read.
pub(crate) const LONG: u32 = 8;

#[derive(Clone, Copy)]
pub(super) struct Conversation {
    /// Its customer's place.
    pub customer: u64,
    pub assistant: u64,
    pub messages: u32,
    pub ttl_seconds: u64,
    /// When its first message comes, and how long it takes.
    pub start: i64,
    pub takes: i64,
    pub language: &'static Language,
}

/// The conversations of one organization, as they are made up.
pub(super) struct Plan {
    conversations: u64,
    windows: u64,
    dice: Dice,
    /// The customers with a living session of assistant 1 are those from 0 up to this.
    pub existing: u64,
    /// The same of the other assistants: the first so many of those customers have one with them, too.
    others: [u64; ASSISTANTS as usize + 1],
    recent: VecDeque<HashSet<(u64, u64)>>,
}

impl Plan {
    pub(super) fn new(conversations: u64, seed: u64) -> Plan {
        Plan {
            conversations,
            windows: (conversations / WINDOW).max(FEWEST_WINDOWS).min(conversations),
            dice: Dice::new(seed),
            existing: 0,
            others: [0; ASSISTANTS as usize + 1],
            recent: VecDeque::new(),
        }
    }

    pub(super) fn windows(&self) -> u64 {
        self.windows
    }

    /// When a window begins; the one after the last: when all are over.
    pub(super) fn begins(&self, window: u64) -> i64 {
        // Windows are few.
        START + SPAN / self.windows.max(1) as i64 * window as i64
    }

    /// From here on no customer was heard of.
    pub(super) fn first_free(&self) -> u64 {
        2 * self.conversations + 1_000
    }

    pub(super) fn window(&mut self, window: u64) -> Vec<Conversation> {
        let (from, to) =
            (window * self.conversations / self.windows, (window + 1) * self.conversations / self.windows);
        if self.recent.len() >= APART {
            self.recent.pop_front();
        }
        self.recent.push_back(HashSet::new());
        (from..to).map(|number| self.conversation(window, number)).collect()
    }

    fn conversation(&mut self, window: u64, number: u64) -> Conversation {
        let slot = self.begins(window + 1) - self.begins(window);
        // The newer half lives for the most part, of the older half few do.
        let of_ten = if 2 * window >= self.windows { 9 } else { 1 };
        // The one that is exported is there whatever the dice say.
        let thousand = self.conversations > 100 && number == self.conversations * 3 / 4;
        let lives = self.dice.below(10) < of_ten || thousand;
        let assistant = if thousand { 1 } else { assistant(&mut self.dice) };
        let customer = match lives {
            true => self.living(assistant),
            false => self.passing(assistant),
        };
        let ttl_seconds = match lives {
            true => LONG_TTL_SECONDS,
            false => (2 * slot / 1_000_000).unsigned_abs(),
        };
        Conversation {
            customer,
            assistant,
            messages: if thousand { THOUSAND } else { messages(&mut self.dice) },
            ttl_seconds,
            start: self.begins(window) + self.dice.below((slot / 2).unsigned_abs()).cast_signed(),
            takes: slot * 9 / 20,
            language: language(&mut self.dice),
        }
    }

    /// Who has a session that lives: nobody has two with the same assistant.
    fn living(&mut self, assistant: u64) -> u64 {
        let next = match assistant {
            1 => &mut self.existing,
            _ => &mut self.others[assistant as usize],
        };
        *next += 1;
        *next - 1
    }

    /// Whose session has expired since. Few customers have many conversations, most have few.
    fn passing(&mut self, assistant: u64) -> u64 {
        let pool = self.conversations / 4 + 100;
        loop {
            let part = self.dice.below(1 << 20);
            let customer = self.conversations + ((part * part) >> 20) * pool / (1 << 20);
            let met = (customer, assistant);
            if self.recent.iter().all(|window| !window.contains(&met)) {
                self.recent.back_mut().map(|window| window.insert(met));
                return customer;
            }
        }
    }
}

fn assistant(dice: &mut Dice) -> u64 {
    match dice.below(100) {
        0..70 => 1,
        70..82 => 2,
        82..90 => 3,
        _ => 4 + dice.below(ASSISTANTS - 3),
    }
}

/// Eight in the mean. Most threads are short, one in four has exactly eight, few are very long.
fn messages(dice: &mut Dice) -> u32 {
    let mut between = |least: u64, most: u64| (least + dice.below(most - least + 1)) as u32;
    match between(0, 999) {
        0..300 => between(1, 2),
        300..550 => between(3, 6),
        550..800 => LONG,
        800..990 => between(9, 24),
        990..999 => between(25, 120),
        _ => between(120, 1_200),
    }
}
