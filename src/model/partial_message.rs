//! Long messages that a carrier brings in parts: each a webhook of its own, in whatever order.

use super::message_log::Provider;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long the first part waits for the others; then what is there is a message.
const PATIENCE_SECONDS: u64 = 120;
/// As many as eight bits count.
const MOST_PARTS: u32 = 255;

/// Which part of which message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessagePart {
    /// The same in all parts of a message between two numbers; used again for later ones.
    pub reference: String,
    /// From 1.
    pub number: u32,
    pub total: u32,
}

impl MessagePart {
    /// One that says nothing sensible is a message of its own.
    pub fn is_sound(&self) -> bool {
        (2..=MOST_PARTS).contains(&self.total) && (1..=self.total).contains(&self.number)
    }
}

/// The parts that are there, keyed by what binds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialMessage {
    pub provider: Provider,
    pub from: String,
    pub to: String,
    pub total: u32,
    /// The carrier's id and the text of each.
    pub parts: BTreeMap<u32, (String, String)>,
    pub due_at: Timestamp,
}

/// What a part makes of those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartDecision {
    /// More are missing.
    Wait(PartialMessage),
    /// It was the last.
    Whole(PartialMessage),
    /// The reference was used again: what was there is a message as it is, and this begins another.
    Anew { before: PartialMessage, begun: PartialMessage },
}

/// Decides for a part, sound and not seen before; `part` holds it alone.
pub fn decide_part(before: Option<PartialMessage>, part: PartialMessage) -> PartDecision {
    let number = part.parts.keys().next().copied().unwrap_or(1);
    let merged = match before {
        Some(before) if before.total != part.total || before.parts.contains_key(&number) => {
            return PartDecision::Anew { before, begun: part };
        }
        Some(mut before) => {
            before.parts.extend(part.parts);
            before
        }
        None => part,
    };
    match merged.parts.len() as u32 == merged.total {
        true => PartDecision::Whole(merged),
        false => PartDecision::Wait(merged),
    }
}

impl PartialMessage {
    pub fn begin(
        (provider, from, to): (Provider, String, String),
        part: &MessagePart,
        (id, text): (String, String),
        now: Timestamp,
    ) -> PartialMessage {
        let parts = BTreeMap::from([(part.number, (id, text))]);
        PartialMessage {
            provider,
            from,
            to,
            total: part.total,
            parts,
            due_at: now.plus_seconds(PATIENCE_SECONDS),
        }
    }

    /// The message; where parts are missing it says so.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut due = 1;
        for (number, (_, part)) in &self.parts {
            text += &missing(due, *number, self.total);
            text += part;
            due = number + 1;
        }
        text + &missing(due, self.total + 1, self.total)
    }

    /// The id of the first part that is there, which is the message's.
    pub fn provider_message_id(&self) -> &str {
        self.parts.values().next().map_or("", |(id, _)| id)
    }
}

fn missing(from: u32, until: u32, total: u32) -> String {
    (from..until).map(|number| format!("[part {number} of {total} is missing]")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u32, total: u32) -> PartialMessage {
        let part = MessagePart { reference: "7".to_owned(), number, total };
        let numbers = (Provider::Vonage, "+15559876543".to_owned(), "+15551234567".to_owned());
        PartialMessage::begin(numbers, &part, (format!("id{number}"), format!("<{number}>")), Timestamp(0))
    }

    #[test]
    fn parts_come_in_any_order_and_make_one_message() {
        for order in [[1, 2, 3], [3, 2, 1], [2, 3, 1], [2, 1, 3]] {
            let mut before = None;
            for (at, number) in order.into_iter().enumerate() {
                match decide_part(before.take(), part(number, 3)) {
                    PartDecision::Wait(waiting) if at < 2 => before = Some(waiting),
                    PartDecision::Whole(whole) if at == 2 => {
                        assert_eq!(
                            (whole.text().as_str(), whole.provider_message_id()),
                            ("<1><2><3>", "id1")
                        );
                    }
                    other => panic!("{order:?} at {at}: {other:?}"),
                }
            }
        }
    }

    #[test]
    fn what_is_missing_is_said_and_a_reference_that_is_used_again_begins_anew() {
        let PartDecision::Wait(two) = decide_part(None, part(2, 4)) else { panic!() };
        assert_eq!(two.text(), "[part 1 of 4 is missing]<2>[part 3 of 4 is missing][part 4 of 4 is missing]");
        for again in [part(2, 4), part(1, 3)] {
            let anew = PartDecision::Anew { before: two.clone(), begun: again.clone() };
            assert_eq!(decide_part(Some(two.clone()), again), anew);
        }
    }

    #[test]
    fn a_part_of_none_is_no_part() {
        for (number, total, sound) in [
            (1, 2, true),
            (2, 2, true),
            (255, 255, true),
            (0, 2, false),
            (3, 2, false),
            (1, 1, false),
            (1, 0, false),
            (1, 256, false),
        ] {
            let part = MessagePart { reference: String::new(), number, total };
            assert_eq!(part.is_sound(), sound, "{number} of {total}");
        }
    }
}
