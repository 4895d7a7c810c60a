//! The same import again: after it ended, after it broke off, with what happened meanwhile.

use super::*;
use std::io::{BufReader, Error, Read};

/// An input of several batches: threads one after the other, then threads that are interleaved,
/// each with a log and an audit event; nothing but the calls has an id.
pub fn large() -> String {
    let mut text = PARENTS.to_owned();
    let minute = |minute: u32| format!("2026-04-30T{:02}:{:02}:00Z", 8 + minute / 60, minute % 60);
    for id in 1..=40 {
        let status = if id % 2 == 0 { "active" } else { "completed" };
        text += &call_line(id, 6000 + id as u32 / 4, status, &minute(0), "");
        for n in 0..30 {
            text += &message_line(id, &format!("{id}-{n}"), &minute(n * 5 + id as u32 % 7), "");
        }
    }
    for id in 41..=60 {
        text += &call_line(id, 7000 + id as u32, "active", &minute(0), "");
    }
    for n in 0..40 {
        for id in 41..=60 {
            let time = minute(n * 6);
            text += &message_line(id, &format!("{id}-{n}"), &time, "");
            text += &format!(
                "{{\"type\":\"message_log\",\"call_id\":{id},\"provider\":\"twilio\",\"provider_message_id\":\"SM{id}-{n}\",\"direction\":\"inbound\",\"from_number\":\"+1555987{}\",\"to_number\":\"+15551234567\",\"body\":\"a\",\"status\":\"received\",\"created_at\":\"{time}\"}}\n",
                7000 + id
            );
            text += &format!(
                "{{\"type\":\"audit_event\",\"call_id\":{id},\"timestamp\":\"{time}\",\"event_type\":\"webhook_received\",\"level\":\"info\",\"message\":\"a\"}}\n"
            );
        }
    }
    text
}

/// Reads so much and then fails, as a process that ends.
struct Breaks<'a>(&'a [u8]);

impl Read for Breaks<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(Error::other("broken off")),
            read => Ok(read),
        }
    }
}

/// Stores the batches that come before `bytes`.
fn break_off(store: &Store, text: &str, bytes: usize) {
    let checked = check(store, ORGANIZATION, text.as_bytes(), now(), TTL).unwrap();
    let input = BufReader::new(Breaks(&text.as_bytes()[..bytes]));
    let error = run(store, checked, input, |_| {}).unwrap_err();
    assert!(matches!(error, ImportError::Io(_)), "{error}");
    sound(store);
}

#[test]
fn an_import_run_twice_stores_nothing_new() {
    let (store, text) = (store(), large());
    let records = text.lines().count() as u64;
    assert!(records > 3000, "several batches");
    assert_eq!(imported(&store, &text), (records, 0));
    let before = everything(&store);
    assert_eq!(imported(&store, &text), (0, records));
    assert_eq!(everything(&store), before);
}

#[test]
fn an_import_that_broke_off_is_completed_by_the_same_import() {
    let text = large();
    let whole = store();
    imported(&whole, &text);
    for percent in [0, 70, 80, 95] {
        let store = store();
        break_off(&store, &text, text.len() * percent / 100);
        let (stored, skipped) = imported(&store, &text);
        assert_eq!(stored + skipped, text.lines().count() as u64);
        assert_eq!(skipped > 0, percent > 60, "batches were stored before it broke off at {percent} %");
        assert_eq!(everything(&store), everything(&whole), "broken off at {percent} %");
    }
}

#[test]
fn half_a_thread_is_joined_by_nobody() {
    let text = large();
    let store = store();
    // Within the interleaved threads, all of which are active.
    break_off(&store, &text, text.len() * 95 / 100);
    let half = call(&store, 60).unwrap();
    assert!(half.message_count < 40, "the thread is not whole");
    let live = inbound(&store, "live", "+15559877060", now());
    assert_eq!(joined(&live), (61, 1), "the half thread is not joined");
    imported(&store, &text);
    assert_eq!(messages(&store, 60).len(), 40);
    assert_eq!(messages(&store, 61), ["1 user live"]);
    assert_eq!(
        status(&store, 60, now()),
        ("completed", Some(call(&store, 60).unwrap().expires_at.unwrap().min(now())))
    );
    assert_eq!(status(&store, 61, now()), ("active", None));
}

#[test]
fn what_live_traffic_added_meanwhile_is_no_difference() {
    let store = store();
    let text = PARENTS.to_owned()
        + &call_line(
            101,
            6543,
            "active",
            "2026-04-30T11:00:00Z",
            ",\"message_count\":1,\"last_activity\":\"2026-04-30T11:50:00Z\"",
        )
        + &message_line(101, "imported", "2026-04-30T11:50:00Z", "");
    assert_eq!(imported(&store, &text), (4, 0));
    assert_eq!(joined(&inbound(&store, "SM1", "+15559876543", at("2026-04-30T11:59:00Z"))), (101, 2));
    assert_eq!(imported(&store, &text), (0, 4));
    // Also when the session has expired since.
    assert_eq!(import_at(&store, &text, at("2026-05-02T00:00:00Z")).unwrap().skipped, 4);
    assert_eq!(messages(&store, 101), ["1 user imported", "2 user live"]);
}

#[test]
fn a_record_that_comes_twice_in_one_input_is_stored_once() {
    let store = store();
    let anonymous = call_line(1, 6544, "completed", "2026-04-30T11:00:00Z", "").replace("\"id\":1,", "");
    let log = r#"{"type":"message_log","provider":"telnyx","provider_message_id":"T1","direction":"outbound","from_number":"72345","to_number":"ACME","body":"a","status":"sent","created_at":"2020-04-30T11:00:00Z"}"#;
    let audit = r#"{"type":"audit_event","call_id":101,"timestamp":"2026-04-30T11:00:00Z","event_type":"a","message":"b","event_data":{"x":1,"y":2}}"#;
    let text = format!(
        "{PARENTS}{}{}{}{anonymous}{log}\n{audit}\n",
        call_line(101, 6543, "active", "2026-04-30T11:00:00Z", ""),
        message_line(101, "a", "2026-04-30T11:00:00Z", ",\"id\":5"),
        message_line(101, "a", "2026-04-30T11:00:00Z", ",\"id\":6"),
    );
    assert_eq!(imported(&store, &format!("{text}{text}")), (8, 8));
    let named = call_line(7, 6544, "completed", "2026-04-30T11:10:00Z", "");
    let unnamed = named.replace("\"id\":7,", "");
    assert_eq!(imported(&store, &format!("{named}{unnamed}")), (1, 1), "one call, with its id and without");
    let reordered = audit.replace(r#"{"x":1,"y":2}"#, r#"{ "y": 2, "x": 1 }"#);
    assert_eq!(imported(&store, &format!("{text}{reordered}\n{text}")), (0, 17));
    assert_eq!(messages(&store, 101), ["1 user a", "2 user a"]);
}

#[test]
fn a_carriers_retry_is_recognised_by_the_first_log_of_its_id() {
    let store = store();
    let log = |id: &str, carrier_id: &str, day: &str| {
        format!(
            r#"{{"type":"message_log",{id}"provider":"twilio","provider_message_id":"{carrier_id}","direction":"inbound","from_number":"+15559876543","to_number":"+15551234567","body":"a","status":"received","created_at":"{day}T11:00:00Z"}}{}"#,
            "\n"
        )
    };
    let logs = [
        log("\"id\":1,", "SM1", "2026-04-30"),
        log("\"id\":2,", "SM1", "2026-04-16"),
        log("", "SM1", "2026-04-30"),
        // Too long before the other one to be the same.
        log("\"id\":3,", "SM2", "2026-03-01"),
        log("\"id\":4,", "SM2", "2026-04-30"),
    ];
    assert_eq!(imported(&store, &logs.concat()), (4, 1), "the one without an id is the first one");
    for (carrier_id, first) in [("SM1", 1), ("SM2", 4)] {
        let RecordInboundOutcome::Duplicate { log_id } = inbound(&store, carrier_id, "+15559876543", now())
        else {
            panic!("{carrier_id} was taken once more");
        };
        assert_eq!(log_id.0, first, "{carrier_id}");
    }
}

#[test]
fn what_was_archived_here_since_stays_archived() {
    let store = store();
    let archived = ",\"call_meta\":{\"sms_deleted\":true},\"message_count\":1";
    let audit = "{\"type\":\"audit_event\",\"call_id\":101,\"timestamp\":\"2026-04-30\",\"event_type\":\"a\",\"message\":\"b\"}\n";
    let line = |more: &str| call_line(101, 6543, "active", "2026-04-30T11:30:00Z", more);
    imported(&store, &format!("{PARENTS}{}", line(archived)));
    let message = message_line(101, "a", "2026-04-30T11:30:00Z", "");
    assert_eq!(imported(&store, &format!("{}{message}{audit}", line(""))), (0, 3));
    assert_eq!(imported(&store, &format!("{message}{audit}")), (0, 2));
    assert_eq!(messages(&store, 101), Vec::<String>::new());
    assert_eq!(imported(&store, &format!("{}{audit}", line(archived))), (1, 1), "its own events are taken");
}

#[test]
fn a_delivery_that_went_on_since_keeps_its_later_state() {
    let store = store();
    let log = |status: &str, updated_at: &str| {
        format!(
            r#"{{"type":"message_log","id":1,"provider":"telnyx","provider_message_id":"T1","direction":"outbound","from_number":"72345","to_number":"+15550001111","body":"a","status":"{status}","created_at":"2026-04-30T11:00:00Z","updated_at":"{updated_at}"}}"#
        )
    };
    imported(&store, &log("delivered", "2026-04-30T11:00:09Z"));
    assert_eq!(imported(&store, &log("sent", "2026-04-30T11:00:01Z")), (0, 1));
    let error = refusal(&store, &log("sent", "2026-04-30T11:00:09Z"));
    assert_eq!(error, "line 1: message log 1 is there already, and with another status");
}

#[test]
fn what_comes_in_between_the_check_and_the_storing_is_noticed() {
    let store = store();
    let old = call_line(50, 1000, "active", "2026-04-30T11:30:00Z", "");
    imported(&store, &format!("{PARENTS}{old}"));
    let call = call_line(101, 6543, "active", "2026-04-30T11:30:00Z", "");
    let message = message_line(101, "a", "2026-04-30T11:30:00Z", ",\"id\":1");
    for (text, customer, error) in [
        (format!("{call}{message}"), 2000, "line 2: id: message 1 came in while the input was checked"),
        (
            call_line(102, 1111, "active", "2026-04-30T11:30:00Z", ""),
            3000,
            "line 1: call 102 is there already, and with another customer_phone_number",
        ),
        (
            message_line(50, "a", "2026-04-30T11:31:00Z", ""),
            1000,
            "line 1: message 1 of call 50 is there already, and with another content",
        ),
    ] {
        let checked = check(&store, ORGANIZATION, text.as_bytes(), now(), TTL).unwrap();
        inbound(&store, error, &format!("+1555987{customer}"), now());
        let refused = run(&store, checked, text.as_bytes(), |_| {}).unwrap_err();
        assert_eq!(refused.to_string(), error);
        sound(&store);
    }
}
