//! What every door promises, one sentence each.

use super::acts::{
    ANN, BOB, DESK, NOBODYS, ORG, OTHER_ORG, SALES, START, TTL, Went, assign, at, bootstrap,
    create_assistant, create_organization, furnish, hinted, message, seconds, send, with_ttl,
};
use super::disk::{BLOCK_ROWS, CACHE, open_dir};
use super::door::{Act, Answer, Door, Line, Row, StoreDoor};
use super::model_store::Model;
use smslite::model::address::AddressQuery;
use smslite::model::call::{ConversationFilter, ConversationStatus};
use smslite::model::ids::{ApiKeyId, AssistantId, CallId, MessageLogId, OrganizationId, UserId};
use smslite::model::message::MessageRange;
use smslite::model::message_log::Provider;
use smslite::model::page::Page;
use smslite::model::time::Timestamp;
use smslite::store::{
    AssignNumberOutcome, Bootstrapped, Location, RecordInbound, RecordInboundOutcome, Route, Store,
};

pub const EVERYTHING: Page = Page { skip: 0, limit: usize::MAX };
const DAY: i64 = TTL as i64;

pub fn on_a_file() -> StoreDoor {
    let dir = tempfile::tempdir().unwrap();
    StoreDoor::new("a file", move || open_dir(dir.path()))
}

fn in_memory() -> StoreDoor {
    StoreDoor::new("memory", || Store::open_with(Location::Memory, CACHE, BLOCK_ROWS).unwrap())
}

/// Runs a test on every door, each furnished anew.
pub fn on_every_door(test: impl Fn(&mut dyn Door)) {
    let mut doors: [Box<dyn Door>; 3] =
        [Box::<Model>::default(), Box::new(in_memory()), Box::new(on_a_file())];
    for door in &mut doors {
        eprintln!("on {}", door.name());
        furnish(&mut **door);
        test(&mut **door);
    }
}

pub fn list(door: &dyn Door, filter: &ConversationFilter, now: Timestamp) -> Vec<Row> {
    door.list(ORG, filter, EVERYTHING, now)
}

fn ids(rows: &[Row]) -> Vec<u64> {
    rows.iter().map(|row| row.id).collect()
}

fn lines(door: &dyn Door, id: u64) -> Vec<Line> {
    door.messages(ORG, CallId(id), MessageRange::default())
}

#[test]
fn the_first_message_starts_a_conversation_and_the_second_joins_it() {
    on_every_door(|door| {
        assert_eq!(send(door, message("SM1", ANN, DESK, START)), Went::Started(1));
        assert_eq!(send(door, message("SM2", ANN, DESK, at(7))), Went::Joined(1, 2));
        let row = Row {
            id: 1,
            assistant_id: AssistantId(1),
            customer: ANN.to_owned(),
            our_number: DESK.to_owned(),
            message_count: 2,
            started_at: START,
            last_activity: at(7),
            expires_at: at(7 + seconds(DAY)),
            status: ConversationStatus::Active,
            ended_at: None,
        };
        assert_eq!(door.get(ORG, CallId(1), at(8)), Some(row.clone()));
        assert_eq!(list(door, &ConversationFilter::default(), at(8)), [row]);
        let told = lines(door, 1).into_iter().map(|line| (line.index, line.id, line.content, line.timestamp));
        let wanted = [(1, 1, "this is SM1".to_owned(), START), (2, 2, "this is SM2".to_owned(), at(7))];
        assert_eq!(told.collect::<Vec<_>>(), wanted);
        assert_eq!(door.count(ORG), 1);
    });
}

#[test]
fn every_pair_of_customer_and_number_has_a_conversation_of_its_own() {
    on_every_door(|door| {
        let pairs = [(ANN, DESK), (BOB, DESK), (ANN, SALES), (BOB, SALES), ("72345", DESK), ("ACME", DESK)];
        for round in 0..3 {
            for (place, (customer, number)) in pairs.into_iter().enumerate() {
                let id = place as u64 + 1;
                let wanted = if round == 0 { Went::Started(id) } else { Went::Joined(id, round + 1) };
                let sid = format!("SM{round}-{place}");
                assert_eq!(send(door, message(&sid, customer, number, at(i64::from(round)))), wanted);
            }
        }
        assert_eq!(door.count(ORG), pairs.len() as u64);
    });
}

#[test]
fn a_message_that_came_before_stores_nothing_new() {
    on_every_door(|door| {
        let days = |count: i64| seconds(count * DAY);
        for (place, (later, again)) in [
            (0, true),
            (1, true),
            (days(1), true),
            (days(14), true),
            (-1, true),
            (-days(1), true),
            (-days(14), true),
            (days(29), false),
            (-days(29), false),
        ]
        .into_iter()
        .enumerate()
        {
            for number in [DESK, NOBODYS] {
                let sid = format!("SM-{number}-{place}");
                send(door, message(&sid, ANN, number, START));
                let before = (door.count(ORG), list(door, &ConversationFilter::default(), START));
                let went = send(door, message(&sid, ANN, number, at(later)));
                assert_eq!(went == Went::Duplicate, again, "{later} µs later, to {number}");
                if again {
                    let after = (door.count(ORG), list(door, &ConversationFilter::default(), START));
                    assert_eq!(after, before);
                }
            }
        }
    });
}

#[test]
fn a_duplicate_is_told_by_carrier_and_message_id_alone() {
    on_every_door(|door| {
        let first = message("SM1", ANN, DESK, START);
        send(door, message("SM0", BOB, NOBODYS, START));
        send(door, first.clone());
        let elsewhere = RecordInbound { provider: Provider::Telnyx, ..first.clone() };
        let longer = RecordInbound { provider_message_id: "SM11".to_owned(), ..first.clone() };
        let other_words =
            RecordInbound { body: "other words".to_owned(), ..message("SM1", BOB, SALES, at(1)) };
        let duplicate = Answer::Inbound(RecordInboundOutcome::Duplicate { log_id: MessageLogId(2) });
        assert_eq!(door.act(&Act::Inbound(first)), duplicate);
        assert_eq!(door.act(&Act::Inbound(other_words)), duplicate);
        assert_eq!(send(door, elsewhere), Went::Joined(1, 2));
        assert_eq!(send(door, longer), Went::Joined(1, 3));
        assert_eq!(lines(door, 1).len(), 3);
    });
}

#[test]
fn a_session_expires_to_the_microsecond() {
    for (gap, went) in [
        (seconds(DAY) - 1, Went::Joined(1, 2)),
        (seconds(DAY), Went::Started(2)),
        (seconds(DAY) + 1, Went::Started(2)),
    ] {
        on_every_door(|door| {
            send(door, message("SM1", ANN, DESK, START));
            assert_eq!(send(door, message("SM2", ANN, DESK, at(gap))), went, "{gap} µs later");
            let Went::Started(_) = went else { return };
            let expiry = at(seconds(DAY));
            let old = door.get(ORG, CallId(1), at(gap)).unwrap();
            assert_eq!((old.status, old.ended_at), (ConversationStatus::Completed, Some(expiry)));
            assert_eq!((old.message_count, old.last_activity), (1, START));
            let fresh = door.get(ORG, CallId(2), at(gap)).unwrap();
            assert_eq!((fresh.status, fresh.started_at), (ConversationStatus::Active, at(gap)));
            assert_eq!(list(door, &ConversationFilter::default(), at(gap)), [fresh, old]);
        });
    }
}

#[test]
fn a_read_tells_an_expiry_that_nothing_else_has_noticed() {
    on_every_door(|door| {
        send(door, message("SM1", ANN, DESK, START));
        let expiry = at(seconds(DAY));
        for (now, status, ended_at) in [
            (START, ConversationStatus::Active, None),
            (Timestamp(expiry.0 - 1), ConversationStatus::Active, None),
            (expiry, ConversationStatus::Completed, Some(expiry)),
            (Timestamp(expiry.0 + 1), ConversationStatus::Completed, Some(expiry)),
        ] {
            let row = door.get(ORG, CallId(1), now).unwrap();
            assert_eq!((row.status, row.ended_at), (status, ended_at), "at {now}");
            assert_eq!(list(door, &ConversationFilter::default(), now), [row]);
            for asked in [ConversationStatus::Active, ConversationStatus::Completed] {
                let filter = ConversationFilter { status: Some(asked), ..Default::default() };
                let found = list(door, &filter, now).len();
                assert_eq!(found, usize::from(asked == status), "{asked:?} at {now}");
            }
        }
    });
}

#[test]
fn a_changed_ttl_applies_from_the_next_message_on() {
    on_every_door(|door| {
        send(door, with_ttl(message("SM1", ANN, DESK, START), 100));
        // A longer one does not stretch what stands, a shorter one does not cut it.
        assert_eq!(send(door, with_ttl(message("SM2", ANN, DESK, at(seconds(99))), 10)), Went::Joined(1, 2));
        let row = door.get(ORG, CallId(1), at(seconds(100))).unwrap();
        assert_eq!((row.expires_at, row.status), (at(seconds(109)), ConversationStatus::Active));
        let late = with_ttl(message("SM3", ANN, DESK, at(seconds(109))), 1000);
        assert_eq!(send(door, late), Went::Started(2));
        assert_eq!(door.get(ORG, CallId(2), START).unwrap().expires_at, at(seconds(1109)));
        let active = ConversationFilter { status: Some(ConversationStatus::Active), ..Default::default() };
        assert_eq!(ids(&list(door, &active, at(seconds(1108)))), [2]);
        assert_eq!(ids(&list(door, &active, at(seconds(1109)))), Vec::<u64>::new());
        // A shorter one of another conversation hides none that lives longer.
        send(door, with_ttl(message("SM4", BOB, DESK, at(seconds(110))), 1));
        assert_eq!(ids(&list(door, &active, at(seconds(110)))), [3, 2]);
        assert_eq!(ids(&list(door, &active, at(seconds(1108)))), [2]);
    });
}

#[test]
fn the_shortest_and_the_longest_ttl_hold_too() {
    on_every_door(|door| {
        assert_eq!(send(door, with_ttl(message("SM1", ANN, DESK, START), 0)), Went::Started(1));
        assert_eq!(send(door, with_ttl(message("SM2", ANN, DESK, START), 0)), Went::Started(2));
        for id in [1, 2] {
            assert_eq!(door.get(ORG, CallId(id), START).unwrap().ended_at, Some(START));
        }
        assert_eq!(send(door, with_ttl(message("SM3", ANN, DESK, START), u64::MAX)), Went::Started(3));
        assert_eq!(send(door, with_ttl(message("SM4", ANN, DESK, at(1)), u64::MAX)), Went::Joined(3, 2));
        assert_eq!(door.get(ORG, CallId(3), START).unwrap().expires_at, Timestamp::MAX);
        let active = ConversationFilter { status: Some(ConversationStatus::Active), ..Default::default() };
        assert_eq!(ids(&list(door, &active, at(seconds(3_000 * DAY)))), [3]);
    });
}

#[test]
fn a_clock_that_is_set_back_never_turns_a_thread_around() {
    on_every_door(|door| {
        send(door, with_ttl(message("SM1", ANN, DESK, at(1_000)), 60));
        assert_eq!(send(door, with_ttl(message("SM2", ANN, DESK, at(400)), 60)), Went::Joined(1, 2));
        let row = door.get(ORG, CallId(1), at(400)).unwrap();
        assert_eq!((row.last_activity, row.expires_at), (at(1_000), at(1_000 + seconds(60))));
        let times: Vec<Timestamp> = lines(door, 1).iter().map(|line| line.timestamp).collect();
        assert_eq!(times, [at(1_000), at(1_000)]);

        // One that was closed stays closed, also where it would still live by the earlier clock.
        let expired = at(1_000 + seconds(60));
        assert_eq!(send(door, with_ttl(message("SM3", ANN, DESK, expired), 60)), Went::Started(2));
        assert_eq!(send(door, with_ttl(message("SM4", ANN, DESK, at(2_000)), 60)), Went::Joined(2, 2));
        let hint = hinted(message("SM5", ANN, DESK, at(2_000)), 1);
        assert_eq!(send(door, hint), Went::Joined(2, 3));
        assert_eq!(door.get(ORG, CallId(1), at(2_000)).unwrap().ended_at, Some(expired));
    });
}

#[test]
fn a_stale_or_wrong_hint_changes_nothing() {
    // 1: Ann at the desk, expired. 2: Ann at the desk, living. 3: Bob at the desk. 4: Ann at sales.
    // 5: Ann at another number of the desk's assistant.
    const SECOND_DESK: &str = "+15553334444";
    for hint in [0, 1, 2, 3, 4, 5, 6, 999, u64::MAX] {
        on_every_door(|door| {
            door.act(&assign(ORG, SECOND_DESK, 1, START));
            send(door, message("SM1", ANN, DESK, START));
            let now = at(seconds(DAY));
            for (sid, customer, number) in
                [("SM2", ANN, DESK), ("SM3", BOB, DESK), ("SM4", ANN, SALES), ("SM5", ANN, SECOND_DESK)]
            {
                send(door, message(sid, customer, number, now));
            }
            let joins = hinted(message("SM6", ANN, DESK, at(seconds(DAY) + 1)), hint);
            assert_eq!(send(door, joins), Went::Joined(2, 2), "hint {hint}");
            let starts = hinted(message("SM7", BOB, SALES, at(seconds(DAY) + 1)), hint);
            assert_eq!(send(door, starts), Went::Started(6), "hint {hint}");
            let late = hinted(message("SM8", ANN, SALES, at(2 * seconds(DAY))), hint);
            assert_eq!(send(door, late), Went::Started(7), "hint {hint}");
            let counts: Vec<u32> =
                (1..=7).map(|id| door.get(ORG, CallId(id), START).unwrap().message_count).collect();
            assert_eq!(counts, [1, 2, 1, 1, 1, 1, 1], "hint {hint}");
        });
    }
}

#[test]
fn a_message_to_a_number_nobody_has_is_logged_without_a_conversation() {
    on_every_door(|door| {
        let stray = message("SM1", ANN, NOBODYS, START);
        let stored = RecordInboundOutcome::Stored { log_id: MessageLogId(1), route: Route::Unassigned };
        assert_eq!(door.act(&Act::Inbound(stray.clone())), Answer::Inbound(stored));
        assert_eq!((door.count(ORG), list(door, &ConversationFilter::default(), START)), (0, Vec::new()));
        // Someone takes the number: what came before stays what it is, what comes next starts.
        door.act(&assign(ORG, NOBODYS, 1, START));
        assert_eq!(send(door, stray), Went::Duplicate);
        assert_eq!(send(door, message("SM2", ANN, NOBODYS, START)), Went::Started(1));
    });
}

#[test]
fn a_number_that_changes_hands_starts_fresh_and_finds_its_thread_when_it_comes_back() {
    on_every_door(|door| {
        send(door, message("SM1", ANN, DESK, START));
        door.act(&assign(ORG, DESK, 2, START));
        assert_eq!(send(door, hinted(message("SM2", ANN, DESK, at(1)), 1)), Went::Started(2));
        assert_eq!(door.get(ORG, CallId(1), at(1)).unwrap().status, ConversationStatus::Active);
        door.act(&assign(ORG, DESK, 1, START));
        assert_eq!(send(door, message("SM3", ANN, DESK, at(2))), Went::Joined(1, 2));
        let nobody = door.act(&assign(ORG, DESK, 99, START));
        assert_eq!(nobody, Answer::Number(AssignNumberOutcome::NoSuchAssistant));
        assert_eq!(send(door, message("SM4", ANN, DESK, at(3))), Went::Joined(1, 3));
    });
}

#[test]
fn another_organizations_data_are_unseen_and_its_ids_count_for_themselves() {
    on_every_door(|door| {
        send(door, message("SM1", ANN, DESK, START));
        let unseen = |door: &dyn Door, organization: OrganizationId| {
            let all = door.list(organization, &ConversationFilter::default(), EVERYTHING, START);
            let by_customer = ConversationFilter { customer: AddressQuery::parse(ANN), ..Default::default() };
            let by_customer = door.list(organization, &by_customer, EVERYTHING, START);
            let one = door.get(organization, CallId(1), START);
            let lines = door.messages(organization, CallId(1), MessageRange::default());
            (all, by_customer, one, lines, door.count(organization), door.accounts(organization))
        };
        let nothing = (vec![], vec![], None, vec![], 0, Default::default());
        for stranger in [0, 2, u32::MAX] {
            assert_eq!(unseen(door, OrganizationId(stranger)), nothing, "organization {stranger}");
        }
        let made = Bootstrapped::Made { organization: OTHER_ORG, admin: UserId(1), key: ApiKeyId(1) };
        assert_eq!(door.act(&create_organization("other")), Answer::Bootstrapped(made));
        let taken = door.act(&create_organization("other"));
        assert_eq!(taken, Answer::Bootstrapped(Bootstrapped::AlreadyThere));
        // The other one has the same number, customer and carrier ids; nothing is shared.
        assert_eq!(door.act(&create_assistant(OTHER_ORG, "Their Bot")), Answer::Assistant(AssistantId(1)));
        door.act(&assign(OTHER_ORG, DESK, 1, START));
        let theirs = RecordInbound { organization: OTHER_ORG, ..message("SM1", ANN, DESK, at(5)) };
        assert_eq!(send(door, hinted(theirs, 1)), Went::Started(1));
        assert_eq!(send(door, message("SM2", ANN, DESK, at(6))), Went::Joined(1, 2));
        assert_eq!(door.get(OTHER_ORG, CallId(1), at(6)).unwrap().message_count, 1);
        assert_eq!((door.count(ORG), door.count(OTHER_ORG)), (1, 1));
    });
}

#[test]
fn a_reopened_door_has_everything_and_goes_on_counting() {
    let doors: [Box<dyn Door>; 2] = [Box::<Model>::default(), Box::new(on_a_file())];
    for mut door in doors {
        let door = &mut *door;
        furnish(door);
        send(door, message("SM1", ANN, DESK, START));
        send(door, message("SM2", ANN, NOBODYS, START));
        send(door, message("SM3", ANN, DESK, at(seconds(DAY))));
        let everything = |door: &dyn Door| {
            let all = list(door, &ConversationFilter::default(), at(seconds(DAY)));
            (all, lines(door, 1), lines(door, 2), door.count(ORG), door.accounts(ORG))
        };
        let before = everything(door);
        door.reopen();
        assert_eq!(everything(door), before, "on {}", door.name());
        for sid in ["SM1", "SM2", "SM3"] {
            assert_eq!(send(door, message(sid, ANN, DESK, at(seconds(DAY)))), Went::Duplicate);
        }
        assert_eq!(send(door, message("SM4", ANN, DESK, at(seconds(DAY) + 1))), Went::Joined(2, 2));
        assert_eq!(send(door, message("SM5", BOB, DESK, at(seconds(DAY) + 1))), Went::Started(3));
        let there = door.act(&bootstrap());
        assert_eq!(there, Answer::Bootstrapped(Bootstrapped::AlreadyThere));
    }
}
