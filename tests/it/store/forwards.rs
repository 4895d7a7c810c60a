//! What is to be forwarded: taken up once, told in the order of its conversation, gone with its message.

use super::acts::{
    ANN, BOB, DESK, ORG, OTHER_ORG, SALES, START, address, archive, at, create_organization,
    delete_assistant, delivered, fails, forget, forget_rows, message, opt_out, plan, purge, replies, resume,
    rotate, seconds, settle_forward, unassign,
};
use super::contract::on_every_door;
use super::door::{Act, Answer, Door};
use super::script::place_of;
use smslite::model::forward::{
    Forward, ForwardNext, ForwardOutcome, ForwardReply, HELD_SECONDS, ParkedEvent,
};
use smslite::model::ids::{CallId, MessageLogId};
use smslite::model::message::MessageRange;
use smslite::model::opt_out::OptOutChange;
use smslite::model::outbound::Purpose;
use smslite::model::time::Timestamp;
use smslite::store::{Due, EnqueueOutcome, Held, SettleForward, SettledForward};

type Place = (CallId, MessageLogId);

/// A message that came and was taken up at [`START`]. The feed was looked through up to `up_to`.
fn taken_up(door: &mut dyn Door, sid: &str, from: &str, to: &str, up_to: u64) -> Place {
    let place = place_of(door.act(&Act::Inbound(message(sid, from, to, START))));
    door.act(&plan(up_to, &[place], START));
    place
}

fn waits(door: &dyn Door) -> Vec<Place> {
    door.outbox(ORG).forwards.into_iter().map(|(call, log, _)| (call, log)).collect()
}

fn parked(door: &dyn Door) -> Vec<MessageLogId> {
    door.outbox(ORG).parked.into_iter().map(|(log, _)| log).collect()
}

fn settled(door: &mut dyn Door, act: &Act) -> SettledForward {
    match door.act(act) {
        Answer::Forwarded(settled) => settled,
        other => panic!("{other:?}"),
    }
}

fn fresh() -> Forward {
    Forward::new(START)
}

/// When an event that fails is given up.
fn given_up() -> Timestamp {
    START.plus_seconds(HELD_SECONDS)
}

#[test]
fn a_stretch_of_the_feed_is_taken_up_once_and_only_what_is_where_it_is_said_to_be() {
    on_every_door(|door| {
        let [first, second] =
            ["SM1", "SM2"].map(|sid| place_of(door.act(&Act::Inbound(message(sid, ANN, DESK, START)))));
        let third = place_of(door.act(&Act::Inbound(message("SM3", BOB, DESK, START))));
        let elsewhere = (third.0, first.1);
        for (up_to, messages, waiting, forwarded) in [
            (5, vec![elsewhere, (first.0, MessageLogId(99)), (CallId(99), first.1)], vec![], 5),
            (5, vec![first], vec![], 5),
            (4, vec![first], vec![], 5),
            (7, vec![second, first], vec![first], 7),
            (6, vec![third], vec![first], 7),
            (8, vec![third], vec![first, third], 8),
            (9, vec![], vec![first, third], 9),
        ] {
            door.act(&plan(up_to, &messages, START));
            assert_eq!((waits(door), door.outbox(ORG).forwarded), (waiting, forwarded), "up to {up_to}");
        }
    });
}

#[test]
fn the_messages_of_a_conversation_are_told_in_their_order_and_a_parked_one_lets_the_next_go_on() {
    on_every_door(|door| {
        let [first, second, third] =
            [("SM1", 3), ("SM2", 4), ("SM3", 5)].map(|(sid, up_to)| taken_up(door, sid, ANN, DESK, up_to));
        let other = taken_up(door, "SM4", BOB, DESK, 6);
        assert_eq!(waits(door), [first, other]);
        let again = ForwardNext::Again(Forward { due_at: at(seconds(1)), attempts: 1, ..fresh() });
        let failed = settled(door, &settle_forward(first, &fresh(), fails(), 0, START));
        assert_eq!(failed, SettledForward::Next(again, None));
        assert_eq!(waits(door), [first, other], "one that is tried again holds up its conversation");
        // What another attempt brings back, which was made before, counts no more.
        let late = settle_forward(first, &fresh(), delivered(ForwardReply::None), 0, START);
        assert_eq!(settled(door, &late), SettledForward::Gone);
        let before = door.outbox(ORG).forwards[0].2.clone();
        let event = ParkedEvent {
            call_id: first.0,
            parked_at: given_up(),
            attempts: 2,
            error: "the receiver answered 500".to_owned(),
        };
        let gives_up = settle_forward(first, &before, fails(), 0, given_up());
        assert_eq!(settled(door, &gives_up), SettledForward::Next(ForwardNext::Park(event.clone()), None));
        assert_eq!((waits(door), door.outbox(ORG).parked), (vec![second, other], vec![(first.1, event)]));
        settled(door, &settle_forward(second, &fresh(), delivered(ForwardReply::None), 0, START));
        assert_eq!(waits(door), [third, other]);
        // Told again, it comes before what came after it, and has its whole time.
        assert_eq!(door.act(&resume(&[first.1], true, given_up())), Answer::Resumed(vec![first.1]));
        assert_eq!((waits(door), parked(door)), (vec![first, other], vec![]));
        assert_eq!(door.outbox(ORG).forwards[0].2, Forward::new(given_up()));
        assert_eq!(door.act(&resume(&[first.1], true, given_up())), Answer::Resumed(vec![]));
    });
}

#[test]
fn what_the_receiver_answers_joins_the_conversation_and_is_put_into_the_outbox_once() {
    on_every_door(|door| {
        let place = taken_up(door, "SM1", ANN, DESK, 3);
        let answers = settle_forward(place, &fresh(), replies("we open at 9"), 1, at(1));
        let SettledForward::Next(ForwardNext::Done, Some(EnqueueOutcome::Queued { job, call_id, .. })) =
            settled(door, &answers)
        else {
            panic!("nothing was answered")
        };
        assert_eq!((call_id, job.purpose, job.to.as_str()), (place.0, Purpose::ForwardReply, ANN));
        assert_eq!(settled(door, &answers), SettledForward::Gone);
        assert_eq!(door.outbox(ORG).jobs, [(1, job)]);
        let lines = door.messages(ORG, place.0, MessageRange::default());
        assert_eq!(
            lines.iter().map(|line| line.content.as_str()).collect::<Vec<_>>(),
            ["this is SM1", "we open at 9"]
        );
    });
}

#[test]
fn a_reply_is_refused_where_every_message_of_ours_is_and_the_event_is_done() {
    for (name, obstacle, outcome) in [
        ("the customer has opted out", Some(opt_out(ANN, OptOutChange::Add, START)), replies("hi")),
        ("nobody has the number", Some(unassign(DESK, 1, START)), replies("hi")),
        ("the assistant is gone", Some(delete_assistant(1, START)), replies("hi")),
        ("it cannot be sent", None, delivered(ForwardReply::Unusable("it is no text".to_owned()))),
    ] {
        on_every_door(|door| {
            let place = taken_up(door, "SM1", ANN, DESK, 3);
            obstacle.iter().for_each(|act| drop(door.act(act)));
            let answered = settled(door, &settle_forward(place, &fresh(), outcome.clone(), 1, at(1)));
            assert_eq!(answered, SettledForward::Next(ForwardNext::Done, None), "{name}");
            assert_eq!((waits(door), door.outbox(ORG).jobs), (vec![], vec![]), "{name}");
            assert_eq!(door.messages(ORG, place.0, MessageRange::default()).len(), 1, "{name}");
        });
    }
}

#[test]
fn what_is_to_be_forwarded_goes_with_its_message_at_once_and_nothing_brings_it_back() {
    let about = || Due::About(address(ANN));
    for (name, goes) in [
        ("archived", archive(1, at(1), 100)),
        ("archived, and purged later", archive(1, at(1), 0)),
        ("archived, and purged in part", archive(1, at(1), 2)),
        ("deleted", forget(&[1], about(), at(1), 100)),
        ("deleted, and purged later", forget(&[1], about(), at(1), 0)),
        ("its logs are deleted", forget_rows(ORG, Held::Logs, 1..=9, about(), at(1))),
    ] {
        on_every_door(|door| {
            let [gone, waiting] =
                [("SM1", 3), ("SM2", 4)].map(|(sid, up_to)| taken_up(door, sid, ANN, DESK, up_to));
            let other = taken_up(door, "SM3", BOB, SALES, 5);
            settled(door, &settle_forward(gone, &fresh(), fails(), 0, given_up()));
            assert_eq!((waits(door), parked(door)), (vec![waiting, other], vec![gone.1]));
            door.act(&goes);
            for step in ["at once", "when somebody tries", "when it is purged"] {
                assert_eq!((waits(door), parked(door)), (vec![other], vec![]), "{name}, {step}");
                let late = settle_forward(waiting, &fresh(), replies("late"), 1, at(2));
                assert_eq!(settled(door, &late), SettledForward::Gone, "{name}");
                for replay in [true, false] {
                    let resumed = door.act(&resume(&[gone.1], replay, at(2)));
                    assert_eq!(resumed, Answer::Resumed(vec![]), "{name}, {step}");
                }
                door.act(&plan(if step == "at once" { 6 } else { 7 }, &[gone, waiting], at(2)));
                door.act(&purge(1, if step == "at once" { 1 } else { 100 }));
            }
            assert_eq!(door.outbox(ORG).jobs, []);
        });
    }
}

#[test]
fn an_event_is_settled_in_its_own_organization_alone() {
    on_every_door(|door| {
        door.act(&create_organization("other"));
        let place = taken_up(door, "SM1", ANN, DESK, 3);
        let settle = settle_forward(place, &fresh(), ForwardOutcome::NoReceiver, 0, at(1));
        let Act::SettleForward(settle) = settle else { unreachable!() };
        let theirs = Act::SettleForward(SettleForward { organization: OTHER_ORG, ..settle.clone() });
        assert_eq!(settled(door, &theirs), SettledForward::Gone);
        assert_eq!((waits(door), door.outbox(OTHER_ORG).forwards), (vec![place], vec![]));
        let done = SettledForward::Next(ForwardNext::Done, None);
        assert_eq!(settled(door, &Act::SettleForward(settle)), done);
    });
}

#[test]
fn a_secret_is_made_once_and_signs_beside_the_next_one() {
    on_every_door(|door| {
        for (secret, only_if_none, known) in [
            ("a", true, vec![("a", None)]),
            ("b", true, vec![("a", None)]),
            ("b", false, vec![("b", None), ("a", Some(at(seconds(60))))]),
            ("b", false, vec![("b", None), ("a", Some(at(seconds(60))))]),
            ("c", false, vec![("c", None), ("b", Some(at(seconds(60)))), ("a", Some(at(seconds(60))))]),
        ] {
            let Answer::Secrets(Some(secrets)) = door.act(&rotate(1, secret, only_if_none, START)) else {
                panic!("the assistant is there")
            };
            let found = secrets.iter().map(|it| (it.secret.as_str(), it.expires_at)).collect::<Vec<_>>();
            assert_eq!(found, known, "{secret}, only if there is none: {only_if_none}");
            let stored = &door.accounts(ORG).assistants[0].1;
            assert_eq!((&stored.webhook_secrets, stored.updated_at), (&secrets, START));
        }
        door.act(&delete_assistant(2, START));
        for nobody in [2, 77] {
            assert_eq!(door.act(&rotate(nobody, "a", false, START)), Answer::Secrets(None));
        }
    });
}
