//! The list: every filter, all of them together, its order and its pages; and the pages of a thread.

use super::acts::{ANN, BOB, DESK, ORG, SALES, START, at, message, seconds, send, with_ttl};
use super::contract::{list, on_every_door};
use super::door::Door;
use smslite::model::address::AddressQuery;
use smslite::model::call::{ConversationFilter, ConversationStatus};
use smslite::model::ids::{AssistantId, CallId};
use smslite::model::message::MessageRange;
use smslite::model::page::Page;
use smslite::model::time::Timestamp;

/// Five conversations, sessions of 1000 s. Asked at [`NOW`], 1 and 2 have expired; the newest
/// activity is that of the greatest id.
fn five(door: &mut dyn Door) {
    for (sid, customer, number, start) in [
        ("SM1", ANN, DESK, 0),
        ("SM2", BOB, DESK, 100),
        ("SM3", ANN, SALES, 200),
        ("SM4", "ACME", DESK, 300),
        ("SM5", ANN, DESK, 1000),
    ] {
        send(door, with_ttl(message(sid, customer, number, at(seconds(start))), 1000));
    }
}

const NOW: i64 = 1150;

fn filter() -> ConversationFilter {
    ConversationFilter::default()
}

fn status(status: ConversationStatus) -> ConversationFilter {
    ConversationFilter { status: Some(status), ..filter() }
}

fn assistant(id: u64) -> ConversationFilter {
    ConversationFilter { assistant_id: Some(AssistantId(id)), ..filter() }
}

fn customer(text: &str) -> ConversationFilter {
    ConversationFilter { customer: AddressQuery::parse(text), ..filter() }
}

/// Started between these, both inclusive, in microseconds after the start.
fn started(from: i64, to: i64) -> ConversationFilter {
    ConversationFilter { started_from: Some(at(from)), started_to: Some(at(to)), ..filter() }
}

#[test]
fn each_filter_finds_what_it_names() {
    use ConversationStatus::{Active, Completed};
    let rows: Vec<(&str, ConversationFilter, &[u64])> = vec![
        ("none", filter(), &[5, 4, 3, 2, 1]),
        ("active", status(Active), &[5, 4, 3]),
        ("completed", status(Completed), &[2, 1]),
        ("the support bot's", assistant(1), &[5, 4, 2, 1]),
        ("the sales bot's", assistant(2), &[3]),
        ("nobody's", assistant(3), &[]),
        ("a whole number", customer(ANN), &[5, 3, 1]),
        ("a whole number, punctuated", customer("+44 (7700) 900-123"), &[2]),
        ("a whole number nobody has", customer("+15550001111"), &[]),
        ("a fragment", customer("987"), &[5, 3, 1]),
        ("a name", customer("acme"), &[4]),
        ("a name that is longer", customer("acmes"), &[]),
        ("the first microsecond", started(0, 0), &[1]),
        ("before the first", started(-9, -1), &[]),
        ("both bounds", started(seconds(100), seconds(300)), &[4, 3, 2]),
        ("just inside", started(seconds(100) + 1, seconds(300) - 1), &[3]),
        ("from", ConversationFilter { started_from: Some(at(seconds(300))), ..filter() }, &[5, 4]),
        ("to", ConversationFilter { started_to: Some(at(seconds(100))), ..filter() }, &[2, 1]),
        ("the wrong way round", started(seconds(300), seconds(100)), &[]),
        (
            "Ann's that live",
            ConversationFilter { customer: AddressQuery::parse(ANN), ..status(Active) },
            &[5, 3],
        ),
        (
            "Ann's at the desk",
            ConversationFilter { customer: AddressQuery::parse(ANN), ..assistant(1) },
            &[5, 1],
        ),
        (
            "all at once",
            ConversationFilter {
                status: Some(Completed),
                assistant_id: Some(AssistantId(1)),
                customer: AddressQuery::parse("+15559876543"),
                started_from: Some(START),
                started_to: Some(at(seconds(1000))),
            },
            &[1],
        ),
    ];
    on_every_door(|door| {
        five(door);
        for (name, filter, wanted) in &rows {
            let found: Vec<u64> = list(door, filter, at(seconds(NOW))).iter().map(|row| row.id).collect();
            assert_eq!(found, *wanted, "{name}");
        }
    });
}

/// What is known of the five, apart from any code: id, customer, assistant, start, lives.
const FACTS: [(u64, &str, u64, i64, bool); 5] = [
    (5, ANN, 1, 1000, true),
    (4, "ACME", 1, 300, true),
    (3, ANN, 2, 200, true),
    (2, BOB, 1, 100, false),
    (1, ANN, 1, 0, false),
];

#[test]
fn filters_combine_with_and() {
    let statuses = [None, Some(ConversationStatus::Active), Some(ConversationStatus::Completed)];
    let customers = [None, Some(ANN), Some(BOB), Some("ACME"), Some("555"), Some("+15550001111")];
    let mut filters = Vec::new();
    for status in statuses {
        for assistant in [None, Some(1), Some(2)] {
            for customer in customers {
                for from in [None, Some(100), Some(1000)] {
                    for to in [None, Some(0), Some(300)] {
                        let wanted = FACTS.iter().filter(|(_, who, by, start, lives)| {
                            status.is_none_or(|status| (status == ConversationStatus::Active) == *lives)
                                && assistant.is_none_or(|id| id == *by)
                                && customer.is_none_or(|text| who.contains(text))
                                && from.is_none_or(|from| *start >= from)
                                && to.is_none_or(|to| *start <= to)
                        });
                        let wanted: Vec<u64> = wanted.map(|fact| fact.0).collect();
                        let filter = ConversationFilter {
                            status,
                            assistant_id: assistant.map(AssistantId),
                            customer: customer.and_then(AddressQuery::parse),
                            started_from: from.map(|from| at(seconds(from))),
                            started_to: to.map(|to| at(seconds(to))),
                        };
                        filters.push((filter, wanted));
                    }
                }
            }
        }
    }
    on_every_door(|door| {
        five(door);
        for (filter, wanted) in &filters {
            let found: Vec<u64> = list(door, filter, at(seconds(NOW))).iter().map(|row| row.id).collect();
            assert_eq!(found, *wanted, "{filter:?}");
            // Each page of one is the row at that place.
            for place in 0..=wanted.len() {
                let page = Page { skip: place as u64, limit: 1 };
                let rows = door.list(ORG, filter, page, at(seconds(NOW)));
                let found = rows.first().map(|row| row.id);
                assert_eq!(found, wanted.get(place).copied(), "{filter:?}, at {place}");
            }
        }
    });
}

#[test]
fn the_newest_activity_comes_first_and_ties_go_by_id_downwards() {
    on_every_door(|door| {
        let others = ["+15550000001", "+15550000002", "+15550000003", "+15550000004"];
        for (place, who) in others.into_iter().enumerate() {
            send(door, message(&format!("SM{place}"), who, DESK, at(10)));
        }
        let ids = |door: &dyn Door, filter| -> Vec<u64> {
            list(door, &filter, at(20)).iter().map(|row| row.id).collect()
        };
        assert_eq!(ids(door, filter()), [4, 3, 2, 1]);
        send(door, message("SM8", others[1], DESK, at(11)));
        assert_eq!(ids(door, filter()), [2, 4, 3, 1]);
        send(door, message("SM9", others[0], DESK, at(11)));
        assert_eq!(ids(door, filter()), [2, 1, 4, 3]);

        // One customer's go by the same order, though they are found by another way.
        send(door, message("SM10", others[0], SALES, at(11)));
        send(door, message("SM11", others[3], SALES, at(9)));
        assert_eq!(ids(door, customer(others[0])), [5, 1]);
        assert_eq!(ids(door, customer(others[3])), [4, 6]);
        send(door, message("SM12", others[0], DESK, at(12)));
        assert_eq!(ids(door, customer(others[0])), [1, 5]);
        // Times before 1970 and after are one order.
        send(door, message("SM13", ANN, DESK, Timestamp(-5)));
        send(door, message("SM14", BOB, DESK, Timestamp(5)));
        assert_eq!(ids(door, filter())[6..], [8, 7]);
    });
}

#[test]
fn pages_are_cut_from_the_whole_list() {
    on_every_door(|door| {
        five(door);
        for filter in [filter(), assistant(1), customer(ANN), status(ConversationStatus::Active)] {
            let now = at(seconds(NOW));
            let whole = list(door, &filter, now);
            for skip in [0, 1, 2, 3, 4, 5, 6, 1000, u64::MAX] {
                for limit in [0, 1, 2, 3, 5, 6, 1000, usize::MAX] {
                    let found = door.list(ORG, &filter, Page { skip, limit }, now);
                    let start = usize::try_from(skip).unwrap().min(whole.len());
                    let end = start.saturating_add(limit).min(whole.len());
                    assert_eq!(found, whole[start..end], "{filter:?}, skip {skip}, limit {limit}");
                }
            }
        }
    });
}

#[test]
fn a_thread_is_read_from_any_place_on() {
    on_every_door(|door| {
        for index in 1..=5 {
            send(door, message(&format!("SM{index}"), ANN, DESK, at(index)));
            send(door, message(&format!("other{index}"), BOB, DESK, at(index)));
        }
        for after_index in [0, 1, 2, 3, 4, 5, 6, u32::MAX] {
            for skip in [0, 1, 2, 4, 5, u32::MAX] {
                for limit in [None, Some(0), Some(1), Some(3), Some(5), Some(6), Some(u32::MAX)] {
                    let range = MessageRange { after_index, skip, limit };
                    let lines = door.messages(ORG, CallId(1), range);
                    let found: Vec<u64> = lines.iter().map(|line| u64::from(line.index)).collect();
                    let first = u64::from(after_index) + u64::from(skip) + 1;
                    let end = first.saturating_add(limit.map_or(u64::MAX, u64::from)).min(6);
                    assert_eq!(found, (first..end).collect::<Vec<_>>(), "{range:?}");
                    assert!(lines.iter().all(|line| line.content == format!("this is SM{}", line.index)));
                }
            }
        }
        for unknown in [0, 3, u64::MAX] {
            assert_eq!(door.messages(ORG, CallId(unknown), MessageRange::default()), []);
        }
    });
}
