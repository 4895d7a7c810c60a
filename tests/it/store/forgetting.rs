//! Deleting for good: what is due to the microsecond, and what stays.

use super::acts::{
    ANN, BOB, DESK, NOBODYS, ORG, OTHER_ORG, SALES, START, TTL, Went, address, archive, assign, at,
    create_assistant, create_organization, forget, forget_rows, message, payload, purge, received, seconds,
    send, with_ttl,
};
use super::checker::{JOBS, harmed, put, sound_image};
use super::contract::{list, on_a_file, on_every_door};
use super::damages::{job, outbound_job, record};
use super::door::{Act, Answer, Door, StoreDoor};
use smslite::model::audit::Step;
use smslite::model::call::ConversationFilter;
use smslite::model::ids::{CallId, OrganizationId};
use smslite::model::message::MessageRange;
use smslite::model::message_log::{Provider, RawPayload};
use smslite::model::outbound::JobStatus;
use smslite::model::time::Timestamp;
use smslite::store::{Due, Export, ForgetFeed, ForgetRows, Held, KeepAudit, RecordInbound};

const DAY: i64 = TTL as i64;

fn before(micros: i64) -> Due {
    Due::Before(at(micros))
}

fn forgotten(door: &mut dyn Door, act: &Act) -> usize {
    match door.act(act) {
        Answer::Closed(sessions) => sessions.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_conversation_goes_a_microsecond_after_it_is_too_old_and_never_while_it_lives() {
    on_every_door(|door| {
        send(door, with_ttl(message("SM1", ANN, DESK, START), 60));
        send(door, with_ttl(message("SM2", ANN, DESK, at(seconds(59))), 60));
        let (last, expiry) = (seconds(59), at(seconds(119)));
        let alive = Timestamp(expiry.0 - 1);
        for (due, now, count) in [
            (before(last), expiry, 0),
            (before(last + 1), alive, 0),
            (before(seconds(DAY)), alive, 0),
            (before(last + 1), expiry, 1),
            (before(last + 1), expiry, 0),
        ] {
            let listed = door.count(ORG);
            assert_eq!(forgotten(door, &forget(&[1, 2], due.clone(), now, 100)), count, "{due:?} {now}");
            assert_eq!(door.count(ORG), listed - count as u64);
        }
        assert_eq!(list(door, &ConversationFilter::default(), expiry), []);
        assert_eq!(door.messages(ORG, CallId(1), MessageRange::default()), []);
        // Its id is not given again, and its messages are still known.
        assert_eq!(send(door, message("SM2", ANN, DESK, expiry)), Went::Duplicate);
        assert_eq!(send(door, message("SM3", ANN, DESK, expiry)), Went::Started(2));
    });
}

#[test]
fn everything_of_a_number_goes_living_or_archived_and_nothing_of_others() {
    on_every_door(|door| {
        for act in [create_organization("other"), create_assistant(OTHER_ORG, "Theirs")] {
            door.act(&act);
        }
        door.act(&assign(OTHER_ORG, DESK, 1, START));
        let theirs = RecordInbound { organization: OTHER_ORG, ..message("SM1", ANN, DESK, START) };
        send(door, theirs);
        for (sid, customer, number) in [("SM1", ANN, DESK), ("SM2", ANN, SALES), ("SM3", BOB, DESK)] {
            send(door, message(sid, customer, number, START));
        }
        door.act(&archive(2, at(1), 0));
        let due = Due::About(address(ANN));
        assert_eq!(forgotten(door, &forget(&[1, 2, 3], due.clone(), at(2), 1)), 2);
        assert_eq!((door.count(ORG), door.count(OTHER_ORG)), (1, 1));
        assert_eq!(send(door, message("SM4", ANN, DESK, at(3))), Went::Started(4));
        assert_eq!(send(door, message("SM5", BOB, DESK, at(3))), Went::Joined(3, 2));
    });
}

#[test]
fn a_thread_that_goes_in_steps_is_remembered_and_its_record_goes_last() {
    let mut door = on_a_file();
    super::acts::furnish(&mut door);
    for n in 0..5 {
        send(&mut door, with_ttl(message(&format!("SM{n}"), ANN, DESK, START), 60));
    }
    // Archived before, and not purged to its end.
    send(&mut door, with_ttl(message("SM9", BOB, DESK, START), 60));
    door.act(&archive(2, START, 0));
    let now = at(seconds(100));
    assert_eq!(forgotten(&mut door, &forget(&[1, 2], before(1), now, 3)), 2);
    let pending = |door: &StoreDoor| door.store().snapshot().unwrap().pending_purges().unwrap();
    let record = |door: &StoreDoor, id| door.store().snapshot().unwrap().call(ORG, CallId(id)).unwrap();
    for id in [1, 2] {
        assert!(record(&door, id).unwrap().archived);
    }
    door.reopen();
    assert_eq!(pending(&door), [(ORG, CallId(1)), (ORG, CallId(2))]);
    // What is being deleted is not found, and not deleted, again.
    let found = door.store().snapshot().unwrap().calls_to_forget(ORG, &before(1), now, None, 10).unwrap();
    assert_eq!(found, (Vec::new(), None));
    assert_eq!(forgotten(&mut door, &forget(&[1, 2], before(1), now, 3)), 0);
    for _ in 0..5 {
        assert_eq!(door.store().snapshot().unwrap().check().unwrap(), Vec::<String>::new());
        door.act(&purge(1, 3));
        door.act(&purge(2, 3));
    }
    assert_eq!((pending(&door), record(&door, 1), record(&door, 2)), (Vec::new(), None, None));
}

/// Everything that an export has, in lines.
fn exported(door: &StoreDoor, organization: OrganizationId) -> Vec<String> {
    let mut export = Export::new(organization, false, START);
    let mut text = Vec::new();
    while let Some(piece) = export.piece(&door.store().snapshot().unwrap()).unwrap() {
        text.extend(piece);
    }
    String::from_utf8(text).unwrap().lines().map(str::to_owned).collect()
}

fn count(door: &StoreDoor, what: &str) -> usize {
    exported(door, ORG).iter().filter(|line| line.contains(what)).count()
}

fn ids(door: &StoreDoor, of: Held, due: &Due, now: Timestamp) -> Vec<Vec<u8>> {
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let snapshot = door.store().snapshot().unwrap();
        let (some, next) = snapshot.rows_to_forget(ORG, of, (due, now), from, 2).unwrap();
        found.extend(some);
        from = next;
        if from.is_none() {
            return found;
        }
    }
}

#[test]
fn logs_payloads_and_audit_entries_go_by_their_own_age_and_their_links_with_them() {
    for (of, kind, left) in [
        (Held::Logs, r#""type":"message_log""#, 2),
        (Held::RawPayloads, "\"raw_payload\":{\"received_at", 2),
        (Held::Audit, "message_stored", 2),
    ] {
        let mut door = on_a_file();
        super::acts::furnish(&mut door);
        for micros in 0..3 {
            send(&mut door, message(&format!("SM{micros}"), ANN, DESK, at(micros)));
        }
        assert_eq!(count(&door, kind), 3, "{of:?}");
        assert_eq!(ids(&door, of, &before(0), START), Vec::<Vec<u8>>::new());
        assert_eq!(ids(&door, of, &before(1), START).len(), 1);
        // Only what is due goes, whatever is asked for.
        door.act(&forget_rows(ORG, of, 0..=9, before(0), START));
        assert_eq!(count(&door, kind), 3, "{of:?}");
        door.act(&forget_rows(ORG, of, 0..=9, before(1), START));
        assert_eq!(count(&door, kind), left, "{of:?}");
        assert_eq!(count(&door, r#""type":"message","#), 3);
        assert_eq!(send(&mut door, message("SM0", ANN, DESK, at(seconds(DAY)))), Went::Duplicate);
    }
}

#[test]
fn a_job_goes_by_its_last_change_unless_it_waits_or_its_conversation_is_listed() {
    let jobs = [
        (1, None, JobStatus::Sent),
        (2, None, JobStatus::Queued),
        (3, None, JobStatus::Sending),
        (4, Some(CallId(10)), JobStatus::Failed),
        (5, None, JobStatus::Cancelled),
    ];
    let disk = harmed(&sound_image(), &|txn| {
        for (number, call, status) in jobs {
            put(txn, JOBS, job(number), &record(&outbound_job(call, status)));
        }
    });
    let store = disk.open().unwrap();
    let due = |micros| {
        let (due, snapshot) = (before(micros), store.snapshot().unwrap());
        snapshot.rows_to_forget(ORG, Held::Jobs, (&due, at(micros)), None, 100).unwrap().0
    };
    assert_eq!(due(0), Vec::<Vec<u8>>::new());
    assert_eq!(due(1), [job(1).to_vec(), job(5).to_vec()]);
    store.close();
}

#[test]
fn rows_of_another_organization_are_neither_found_nor_deleted() {
    let mut door = on_a_file();
    super::acts::furnish(&mut door);
    for act in [create_organization("other"), create_assistant(OTHER_ORG, "Theirs")] {
        door.act(&act);
    }
    door.act(&assign(OTHER_ORG, DESK, 1, START));
    for (organization, sid) in [(ORG, "SM1"), (OTHER_ORG, "SM2"), (OTHER_ORG, "SM3")] {
        send(&mut door, RecordInbound { organization, ..message(sid, ANN, DESK, START) });
        door.act(&Act::KeepAudit(KeepAudit {
            organization,
            now: START,
            told_by: vec![sid.to_owned()],
            steps: vec![received()],
            payload: payload(START),
        }));
    }
    let theirs = exported(&door, OTHER_ORG);
    // Late enough for what tells webhooks that come again, too.
    let now = at(seconds(60 * DAY));
    let due = Due::Before(now);
    for of in [Held::RawPayloads, Held::AuditPayloads, Held::Logs, Held::Audit, Held::KeptWebhooks] {
        let is_theirs = |key: &Vec<u8>| key.starts_with(&OTHER_ORG.0.to_be_bytes());
        assert!(!ids(&door, of, &due, now).iter().any(is_theirs), "{of:?}");
        let due_there = |door: &StoreDoor| {
            let snapshot = door.store().snapshot().unwrap();
            snapshot.rows_to_forget(OTHER_ORG, of, (&due, now), None, 100).unwrap().0
        };
        let keys = due_there(&door);
        assert!(!keys.is_empty() && keys.iter().all(is_theirs), "{of:?}: {keys:?}");
        let forget = ForgetRows { organization: ORG, now, due: due.clone(), of, keys: keys.clone() };
        door.act(&Act::ForgetRows(forget));
        assert_eq!((exported(&door, OTHER_ORG), due_there(&door)), (theirs.clone(), keys), "{of:?}");
    }
}

#[test]
fn what_tells_duplicates_stays_until_its_two_weeks_are_consulted_no_more() {
    let mut door = on_a_file();
    super::acts::furnish(&mut door);
    send(&mut door, message("SM1", ANN, NOBODYS, START));
    send(&mut door, message("SM2", ANN, NOBODYS, START));
    let kept = KeepAudit {
        organization: ORG,
        now: START,
        told_by: vec!["receipt".to_owned()],
        steps: vec![received()],
        payload: payload(START),
    };
    let first = door.act(&Act::KeepAudit(kept.clone()));
    door.act(&forget_rows(ORG, Held::Logs, 1..=1, before(1), START));
    door.act(&forget_rows(ORG, Held::Audit, 1..=99, before(1), START));
    let fortnight = 14 * TTL as i64;
    let last_consulted = ((START.0 / 1_000_000 / fortnight + 2) * fortnight) * 1_000_000 - 1;
    for (now, expected) in [(last_consulted, [0, 0]), (last_consulted + 1, [1, 1])] {
        let now = Timestamp(now);
        let due = Due::Before(now);
        let found = [Held::Duplicates, Held::KeptWebhooks].map(|of| ids(&door, of, &due, now));
        // A log that is there keeps what an import knows it by.
        assert_eq!(found.each_ref().map(Vec::len), expected);
        for (of, keys) in [Held::Duplicates, Held::KeptWebhooks].into_iter().zip(found) {
            door.act(&Act::ForgetRows(ForgetRows { organization: ORG, now, due: due.clone(), of, keys }));
        }
        let again = RecordInbound { now, ..message("SM1", ANN, NOBODYS, START) };
        if expected == [0, 0] {
            assert_eq!(send(&mut door, again), Went::Duplicate);
            assert_eq!(door.act(&Act::KeepAudit(KeepAudit { now, ..kept.clone() })), first);
        }
    }
}

#[test]
fn the_feed_loses_its_beginning_only_and_tells_where_it_begins() {
    let mut door = on_a_file();
    super::acts::furnish(&mut door);
    let begins = |door: &StoreDoor| door.store().snapshot().unwrap().feed_begins(ORG).unwrap();
    let forgotten = |door: &StoreDoor| door.store().snapshot().unwrap().sequences(ORG).unwrap();
    for micros in [1, 5, 3, 9] {
        door.act(&Act::KeepAudit(KeepAudit {
            organization: ORG,
            now: at(micros),
            told_by: Vec::new(),
            steps: Vec::new(),
            payload: payload(START),
        }));
    }
    let sequence = forgotten(&door).feed;
    let forget = |before, rows| Act::ForgetFeed(ForgetFeed { organization: ORG, before, rows });
    for (before, rows, first) in [
        (START, 100, 1),
        (at(1), 3, 4),
        (at(1), 100, sequence - 3),
        (at(2), 100, sequence - 2),
        // What comes after one that is kept stays, though its time is earlier.
        (at(5), 100, sequence - 2),
        (at(6), 100, sequence),
        (at(10), 100, sequence + 1),
    ] {
        door.act(&forget(before, rows));
        assert_eq!(forgotten(&door).feed_forgotten + 1, first, "{before} {rows}");
        door.reopen();
    }
    assert_eq!((begins(&door), forgotten(&door).feed), (None, sequence));
    door.act(&assign(ORG, DESK, 1, at(20)));
    assert_eq!((begins(&door), forgotten(&door).feed), (Some(at(20)), sequence + 1));
}

#[test]
fn payloads_and_entries_that_name_a_number_are_found_however_it_is_written() {
    let mut door = on_a_file();
    super::acts::furnish(&mut door);
    for (place, (body, reason)) in [
        ("From=%2B15559876543&To=%2B1", "nothing"),
        ("nothing", "is +15559876543 a number"),
        ("nothing", "no 155598765430"),
        (r#"{"from":"15559876543"}"#, "nothing"),
    ]
    .into_iter()
    .enumerate()
    {
        let unusable = Step::WebhookUnusable { provider: Provider::Twilio, reason: reason.to_owned() };
        door.act(&Act::KeepAudit(KeepAudit {
            organization: ORG,
            now: at(place as i64),
            told_by: Vec::new(),
            steps: vec![unusable],
            payload: RawPayload { body: body.as_bytes().to_vec(), ..payload(START) },
        }));
    }
    send(&mut door, message("SM1", ANN, NOBODYS, START));
    let due = Due::About(address(ANN));
    let keys = ids(&door, Held::Audit, &due, START);
    // The last is that of the log.
    assert_eq!(keys.iter().map(|key| key[11]).collect::<Vec<_>>(), [1, 2, 4, 5]);
    door.act(&forget_rows(ORG, Held::Audit, 0..=99, due.clone(), START));
    door.act(&forget_rows(ORG, Held::Logs, 0..=99, due, START));
    let left = exported(&door, ORG).join("\n");
    assert!(!left.contains("+15559876543") && left.contains("no 155598765430"), "{left}");
}
