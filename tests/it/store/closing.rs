//! What every door promises of sessions that are closed and conversations that are archived, and what
//! only the store has: purges that take several commits.

use super::acts::{
    ANN, BOB, DESK, ORG, SALES, START, TTL, Went, address, archive, assign, at, close, hinted, message,
    purge, seconds, send,
};
use super::contract::{list, on_a_file, on_every_door};
use super::door::{Act, Answer, Door};
use smslite::model::address::AddressQuery;
use smslite::model::call::{ConversationFilter, ConversationStatus};
use smslite::model::ids::{AssistantId, CallId};
use smslite::model::message::MessageRange;
use smslite::model::session::{Closing, SessionKey};
use smslite::store::{CloseSessions, SessionsOf};

const DONE: Answer = Answer::Done(true);

fn session(customer: &str) -> SessionKey {
    SessionKey { customer: address(customer), assistant_id: AssistantId(1), our_number: address(DESK) }
}

#[test]
fn a_closed_session_ends_its_conversation_then_and_the_next_message_starts_fresh() {
    on_every_door(|door| {
        send(door, message("SM1", ANN, DESK, START));
        let closed = door.act(&close(Closing::Living, &[1, 7], at(5)));
        assert_eq!(closed, Answer::Closed(vec![session(ANN)]));
        // By an earlier clock too.
        for now in [START, at(5), at(6)] {
            let row = door.get(ORG, CallId(1), now).unwrap();
            assert_eq!((row.status, row.ended_at), (ConversationStatus::Completed, Some(at(5))));
        }
        assert_eq!(door.act(&close(Closing::Living, &[1], at(6))), Answer::Closed(vec![]), "once");
        assert_eq!(send(door, hinted(message("SM2", ANN, DESK, at(6)), 1)), Went::Started(2));
        assert_eq!(door.get(ORG, CallId(1), at(7)).unwrap().ended_at, Some(at(5)));
    });
}

#[test]
fn a_closing_of_a_moment_before_the_last_message_ends_with_that_message() {
    on_every_door(|door| {
        send(door, message("SM1", ANN, DESK, at(10)));
        door.act(&close(Closing::Living, &[1], at(4)));
        assert_eq!(door.get(ORG, CallId(1), at(10)).unwrap().ended_at, Some(at(10)));
    });
}

#[test]
fn a_sweep_takes_what_has_expired_to_the_microsecond_and_nothing_else() {
    let expiry = seconds(TTL as i64);
    on_every_door(|door| {
        send(door, message("SM1", ANN, DESK, START));
        send(door, message("SM2", BOB, DESK, at(1)));
        let sweep = |now| close(Closing::Expired, &[1, 2], at(now));
        assert_eq!(door.act(&sweep(expiry - 1)), Answer::Closed(vec![]));
        assert_eq!(door.act(&close(Closing::Living, &[1], at(expiry))), Answer::Closed(vec![]));
        assert_eq!(door.act(&sweep(expiry)), Answer::Closed(vec![session(ANN)]));
        assert_eq!(door.act(&sweep(expiry)), Answer::Closed(vec![]));
        // Its end is a fact now, whatever the clock says.
        assert_eq!(door.get(ORG, CallId(1), START).unwrap().ended_at, Some(at(expiry)));
        assert_eq!(send(door, message("SM3", ANN, DESK, at(2))), Went::Started(3));
        assert_eq!(send(door, message("SM4", BOB, DESK, at(3))), Went::Joined(2, 2));
    });
}

#[test]
fn an_archived_conversation_is_gone_for_every_reader_with_the_first_commit() {
    for rows in [0, 1, 5, 1000] {
        on_every_door(|door| {
            for n in 0..4 {
                send(door, message(&format!("SM{n}"), ANN, DESK, at(n)));
            }
            send(door, message("SM9", BOB, DESK, at(9)));
            assert_eq!(door.act(&archive(1, at(10), rows)), DONE);
            let by_number = ConversationFilter { customer: AddressQuery::parse(ANN), ..Default::default() };
            assert_eq!(door.get(ORG, CallId(1), at(10)), None);
            assert_eq!(door.messages(ORG, CallId(1), MessageRange::default()), vec![]);
            assert_eq!(list(door, &by_number, at(10)), vec![]);
            let all = list(door, &ConversationFilter::default(), at(10));
            assert_eq!((all.len(), all[0].id, door.count(ORG)), (1, 2, 1));
            assert_eq!(door.act(&archive(1, at(11), rows)), Answer::Done(false), "once");
            assert_eq!(door.act(&archive(99, at(11), rows)), Answer::Done(false));
            // A late retry brings nothing back, and a stale hint does not either.
            assert_eq!(send(door, message("SM1", ANN, DESK, at(12))), Went::Duplicate);
            assert_eq!(send(door, hinted(message("SM10", ANN, DESK, at(12)), 1)), Went::Started(3));
            assert_eq!(door.messages(ORG, CallId(3), MessageRange::default()).len(), 1);
        });
    }
}

#[test]
fn a_purge_of_many_steps_leaves_the_record_and_nothing_of_others() {
    let mut door = on_a_file();
    super::acts::furnish(&mut door);
    for n in 0..6 {
        send(&mut door, message(&format!("SM{n}"), ANN, DESK, at(n)));
        send(&mut door, message(&format!("SM{n}b"), BOB, DESK, at(n)));
    }
    let sound = |door: &mut super::door::StoreDoor| {
        assert_eq!(door.store().snapshot().unwrap().check().unwrap(), Vec::<String>::new());
        door.store().snapshot().unwrap().pending_purges().unwrap()
    };
    door.act(&archive(1, at(10), 2));
    let mut steps = 0;
    while sound(&mut door) == [(ORG, CallId(1))] {
        door.act(&purge(1, 3));
        // Whoever stops in between goes on.
        door.reopen();
        steps += 1;
    }
    // Six messages, logs and audit entries, less the two that went at once.
    assert_eq!(steps, 6);
    assert_eq!(sound(&mut door), []);
    let record = door.store().snapshot().unwrap().call(ORG, CallId(1)).unwrap().unwrap();
    assert_eq!((record.archived, record.message_count, record.ended_at), (true, 6, Some(at(10))));
    assert_eq!(record.meta.0, r#"{"sms_deleted":true}"#);
    assert_eq!(door.messages(ORG, CallId(2), MessageRange::default()).len(), 6);
    // A step too many, or of what lives, does nothing.
    for id in [1, 2, 99] {
        door.act(&purge(id, 100));
    }
    assert_eq!(door.messages(ORG, CallId(2), MessageRange::default()).len(), 6);
}

#[test]
fn sessions_are_found_for_a_closing_by_customer_and_in_pages() {
    let mut door = on_a_file();
    super::acts::furnish(&mut door);
    const SECOND_DESK: &str = "+15553334444";
    door.act(&assign(ORG, SECOND_DESK, 1, START));
    for (n, (customer, number)) in
        [(ANN, DESK), (ANN, SECOND_DESK), (ANN, SALES), (BOB, DESK)].into_iter().enumerate()
    {
        send(&mut door, message(&format!("SM{n}"), customer, number, START));
    }
    let found = |of: SessionsOf, rows| {
        let snapshot = door.store().snapshot().unwrap();
        let (mut ids, mut from, mut turns) = (vec![], None, 0);
        loop {
            let closing = (Closing::Living, START);
            let (some, next) = snapshot.sessions_to_close(ORG, &of, closing, from, rows).unwrap();
            ids.extend(some.into_iter().map(|id| id.0));
            (from, turns) = (next, turns + 1);
            if from.is_none() {
                ids.sort_unstable();
                return (ids, turns);
            }
        }
    };
    let of = |customer, assistant| SessionsOf::Customer(address(customer), AssistantId(assistant));
    assert_eq!(found(of(ANN, 1), 10), (vec![1, 2], 1));
    assert_eq!(found(of(ANN, 2), 10), (vec![3], 1));
    assert_eq!(found(of(BOB, 2), 10), (vec![], 1));
    assert_eq!(found(SessionsOf::Everyone, 4), (vec![1, 2, 3, 4], 1));
    assert_eq!(found(SessionsOf::Everyone, 2), (vec![1, 2, 3, 4], 2));
    assert_eq!(found(SessionsOf::Everyone, 1), (vec![1, 2, 3, 4], 4));
}

#[test]
fn what_came_to_life_since_it_was_looked_at_is_not_swept() {
    let expiry = at(seconds(TTL as i64));
    on_every_door(|door| {
        send(door, message("SM1", ANN, DESK, START));
        // Looked at: expired. Then a message starts a fresh one, and both are named to the sweep.
        send(door, message("SM2", ANN, DESK, expiry));
        let calls = vec![CallId(1), CallId(2)];
        let sweep = CloseSessions { organization: ORG, now: expiry, closing: Closing::Expired, calls };
        assert_eq!(door.act(&Act::Close(sweep)), Answer::Closed(vec![]));
        assert_eq!(send(door, message("SM3", ANN, DESK, expiry)), Went::Joined(2, 2));
    });
}
