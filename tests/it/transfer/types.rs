//! Every record type, every field.

use super::*;
use serde_json::{Value, json};
use smslite::model::call::{Channel, Direction, JsonText};
use smslite::model::ids::{AssistantId, UserId};
use smslite::model::webhook_secret::signing;

pub const EVERYTHING: &str = include_str!("everything.ndjson");

fn lines() -> Vec<Value> {
    EVERYTHING.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_type_is_stored_and_then_recognised() {
    let store = store();
    let count = lines().len() as u64;
    assert_eq!(imported(&store, EVERYTHING), (count - 1, 1), "all but the organization, which is there");
    assert_eq!(imported(&store, EVERYTHING), (0, count));
}

#[test]
fn what_was_imported_is_what_is_read() {
    let store = store();
    imported(&store, EVERYTHING);
    let snapshot = store.snapshot().unwrap();
    let users = snapshot.users(ORGANIZATION).unwrap();
    assert_eq!(
        users.iter().map(|(id, user)| (id.0, user.email.as_str())).collect::<Vec<_>>(),
        [(1, "admin@localhost"), (5, "ann@example.com")]
    );
    let key = store.directory().key(&KeyHash([0xab; 32])).unwrap();
    assert_eq!((key.key_id.0, key.key.user_id, key.key.role), (9, UserId(5), Role::Viewer));
    let assistant = snapshot.assistant(ORGANIZATION, AssistantId(123)).unwrap().unwrap();
    assert_eq!(assistant.extra, JsonText(r#"{"mood":"kind","prompts":[1, 2]}"#.to_owned()));
    assert_eq!(assistant.custom_settings, Some(JsonText(r#"{"auto_reply":"echo"}"#.to_owned())));
    let signs = |now: &str| signing(&assistant.webhook_secrets, at(now)).count();
    assert_eq!((signs("2026-04-30T23:59:59Z"), signs("2026-05-01T00:00:00Z")), (2, 1));
    assert_eq!(
        store.directory().view().assistant_names(ORGANIZATION)[&AssistantId(123)].as_ref(),
        "Support Bot"
    );
    let number = Address::parse("+15551234567").unwrap();
    assert_eq!(store.directory().assistant_of(ORGANIZATION, &number), Some(AssistantId(123)));

    let sms = call(&store, 101).unwrap();
    assert_eq!((sms.message_count, sms.last_activity), (2, at("2026-04-30T10:06:00Z")));
    assert_eq!(sms.ended_at, Some(at("2026-04-30T10:30:00Z")));
    assert_eq!(sms.meta, JsonText(r#"{"topic": "moving"}"#.to_owned()));
    assert_eq!(messages(&store, 101), ["1 user Can I reschedule?", "2 assistant Sure. \u{1f642}"]);
    let voice = call(&store, 102).unwrap();
    let expected = (Channel::Voice, Direction::Outbound, Some("no-answer".to_owned()), Some(61), None);
    let found =
        (voice.channel, voice.direction, voice.voice_status, voice.duration_seconds, voice.expires_at);
    assert_eq!(found, expected);
    let archived = call(&store, 103).unwrap();
    assert!(archived.archived);
    assert_eq!(archived.message_count, 7, "an archived conversation keeps its count");
    assert_eq!(listed(&store), [101]);
}

#[test]
fn ids_that_are_left_out_are_assigned_after_those_given() {
    let store = store();
    let text = PARENTS.to_owned()
        + r#"{"type":"assistant","name":"Another"}"#
        + "\n"
        + &call_line(7, 6543, "completed", "2026-04-30T10:00:00Z", "")
        + &call_line(0, 6544, "completed", "2026-04-30T10:00:00Z", "").replace(r#""id":0,"#, "")
        + &message_line(7, "a", "2026-04-30T10:00:00Z", "")
        + &message_line(7, "b", "2026-04-30T10:00:00Z", r#","id":1"#);
    imported(&store, &text);
    let directory = store.directory().view();
    let names = directory.assistant_names(ORGANIZATION);
    assert_eq!(names[&AssistantId(124)].as_ref(), "Another");
    assert_eq!(listed(&store), [8, 7]);
    let live = inbound(&store, "SM1", "+15550001111", now());
    assert_eq!(joined(&live), (9, 1));
    sound(&store);
}

#[test]
fn after_the_largest_id_that_is_taken_live_ids_go_on_in_what_json_readers_keep() {
    let store = store();
    let largest = 1 << 52;
    let call = call_line(largest, 6543, "completed", "2026-04-30T10:00:00Z", "");
    imported(&store, &format!("{PARENTS}{call}"));
    let live = inbound(&store, "SM1", "+15550001111", now());
    assert_eq!(joined(&live), (4_503_599_627_370_497, 1));
    sound(&store);
}

/// Changes a field to something else of its kind.
fn changed(field: &str, value: &Value) -> Option<Value> {
    let other = match (field, value) {
        ("type" | "call_meta" | "custom_settings" | "event_data" | "raw_payload" | "media_urls", _) => {
            match value {
                Value::Object(object) if object.contains_key("body") => {
                    let mut payload = object.clone();
                    payload.insert("body".to_owned(), json!("b3RoZXI="));
                    Value::Object(payload)
                }
                Value::Object(object) => {
                    let mut object = object.clone();
                    object.insert("other".to_owned(), json!(true));
                    Value::Object(object)
                }
                Value::Array(_) => json!(["https://example.com/other"]),
                _ => return None,
            }
        }
        // What a record is recognised by: another one is another record.
        ("id" | "uuid" | "phone_number" | "call_id" | "slug", _) => return None,
        ("assistant_phone_number" | "customer_phone_number" | "message_index", _) => return None,
        ("user_id", _) => json!(1),
        ("assistant_id", _) => json!(124),
        ("log_id", _) => Value::Null,
        ("role", Value::String(role)) => json!(if role == "user" { "system" } else { "user" }),
        ("key_hash", _) => json!("cd".repeat(32)),
        ("password_hash", _) => json!("sha256:other"),
        ("provider", _) => json!("vonage"),
        ("purpose", _) => json!("auto_reply"),
        ("verifying", _) => json!(["other"]),
        ("sms_webhook_secrets", Value::Array(secrets)) => json!(secrets[..1]),
        ("level", _) => json!("error"),
        ("direction", Value::String(way)) => json!(if way == "inbound" { "outbound" } else { "inbound" }),
        ("status", Value::String(status)) if status == "received" || status == "sent" => json!("failed"),
        ("channel" | "status" | "message_count" | "last_activity", _) => return None,
        ("from_number" | "to_number", _) => json!("+15550009999"),
        ("started_at", _) => json!("2026-04-01T00:00:00Z"),
        (_, Value::String(text)) if Timestamp::parse(text).is_some() => json!("2026-04-30T10:45:00Z"),
        (_, Value::String(text)) => json!(format!("{text} other")),
        (_, Value::Number(number)) => json!(number.as_u64().unwrap() + 1),
        (_, Value::Bool(said)) => json!(!said),
        (_, Value::Array(_)) => json!([3]),
        (_, Value::Null) => return None,
        (_, Value::Object(_)) => json!({}),
    };
    Some(other)
}

#[test]
fn a_record_that_is_there_is_refused_whichever_field_differs() {
    let store = store();
    imported(&store, EVERYTHING);
    let mut tried = 0;
    for line in lines() {
        let kind = line["type"].as_str().unwrap();
        if kind == "organization" {
            continue;
        }
        for (field, value) in line.as_object().unwrap() {
            let Some(other) = changed(field, value) else { continue };
            // Of a conversation that is over, nothing hangs on when it would have expired.
            if kind == "call" && field == "expires_at" {
                continue;
            }
            // An organization has one account at a carrier, which that tells.
            if kind == "carrier_account" && field == "provider" {
                continue;
            }
            let mut line = line.clone();
            line[field] = other;
            let error = refusal(&store, &line.to_string());
            assert!(error.contains(field) && error.starts_with("line 1: "), "{kind}.{field}: {error}");
            tried += 1;
        }
    }
    assert_eq!(tried, 114, "each field but those that a record is found by");
}

#[test]
fn a_line_is_read_back_from_what_it_is_written_as() {
    for text in EVERYTHING.lines() {
        let line = smslite::model::transfer::parse(text).unwrap();
        let written = serde_json::to_string(&line).unwrap();
        assert_eq!(smslite::model::transfer::parse(&written).unwrap(), line, "{written}");
        let (mut fields, read): (Value, Value) =
            (serde_json::from_str(&written).unwrap(), serde_json::from_str(text).unwrap());
        // Left out is written as null.
        fields.as_object_mut().unwrap().retain(|name, value| !value.is_null() || !read[name].is_null());
        if text.contains("\"created_at\"") {
            assert_eq!(fields, read, "every field has its place");
        }
    }
}

#[test]
fn lines_may_end_in_crlf_and_blank_ones_are_passed_over() {
    let store = store();
    let text = format!("\u{feff}\r\n\n  \n{}", PARENTS.replace('\n', "\r\n\r\n"));
    assert_eq!(imported(&store, &text), (2, 0));
    assert_eq!(imported(&store, PARENTS.trim_end()), (0, 2), "the last line needs no end");
    assert_eq!(imported(&store, ""), (0, 0));
}

#[test]
fn a_migrated_log_is_recognised_when_the_carrier_tries_again() {
    let store = store();
    imported(&store, EVERYTHING);
    let again = inbound(&store, "SM1", "+15559876543", at("2026-04-30T10:05:30Z"));
    assert!(matches!(again, RecordInboundOutcome::Duplicate { log_id } if log_id.0 == 40), "{again:?}");
}
