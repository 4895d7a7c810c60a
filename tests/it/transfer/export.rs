//! What goes out is all there is, and comes in as it was.

use super::again::large;
use super::types::EVERYTHING;
use super::*;
use serde_json::Value;
use smslite::model::assistant::Assistant;
use smslite::model::audit::Step;
use smslite::model::call::JsonText;
use smslite::model::ids::UserId;
use smslite::store::{CreateAssistant, KeepAudit};

/// Records of every type, threads of every state, what was imported and what came in.
fn rich() -> Store {
    let store = store();
    imported(&store, EVERYTHING);
    imported(&store, &large().replace(PARENTS, ""));
    let states = [
        call_line(9_001, 8001, "active", "2026-04-30T11:30:00Z", ""),
        message_line(9_001, "lives \\u0000 \\\" \\ud83d\\ude42", "2026-04-30T11:59:00Z", ""),
        call_line(9_002, 8002, "active", "2026-04-30T08:00:00Z", ""),
        call_line(9_003, 8003, "completed", "2026-04-30T08:00:00Z", ",\"ended_at\":\"2026-04-30T08:00:09Z\""),
        call_line(
            9_004,
            8004,
            "completed",
            "2026-04-30T08:00:00Z",
            ",\"call_meta\":{\"b\": 1.0, \"a\":[1e400]}",
        )
        .replace("1e400", "18446744073709551616"),
        call_line(9_005, 8005, "completed", "2026-04-30T08:00:00Z", "").replace("\"sms\"", "\"voice\""),
    ];
    imported(&store, &states.concat());
    inbound(&store, "SMlive1", "+15559878001", now());
    inbound(&store, "SMlive2", "+15559878006", now());
    inbound(&store, "SMlive3", "+15559878007", at("2026-04-30T10:00:00Z"));
    let payload = RawPayload {
        received_at: now(),
        method: "POST".to_owned(),
        path_and_query: "/webhooks/sms/twilio".to_owned(),
        content_type: String::new(),
        body: vec![0, 255],
    };
    let unusable =
        |reason: &str| Step::WebhookUnusable { provider: Provider::Twilio, reason: reason.to_owned() };
    let steps = vec![unusable("one"), unusable("two")];
    let kept = KeepAudit { organization: ORGANIZATION, now: now(), told_by: Vec::new(), steps, payload };
    store.execute_blocking(kept).unwrap();
    sound(&store);
    store
}

#[test]
fn an_export_imported_into_an_empty_server_is_exported_the_same() {
    let source = rich();
    for with_secrets in [true, false] {
        let text = exported(&source, with_secrets);
        let target = store_started(at("2026-04-30T11:00:00Z"), "fresh@localhost", [9; 32]);
        let (stored, skipped) = imported(&target, &text);
        assert_eq!((stored, skipped), (text.lines().count() as u64, 0), "with secrets: {with_secrets}");
        let again = exported(&target, with_secrets);
        for (before, after) in text.lines().zip(again.lines()) {
            assert_eq!(before, after, "with secrets: {with_secrets}");
        }
        assert_eq!(text.len(), again.len());
        assert_eq!(imported(&target, &text), (0, text.lines().count() as u64), "nothing new");
        assert_eq!(
            imported(&source, &text),
            (0, text.lines().count() as u64),
            "nothing new where it came from"
        );
    }
}

#[test]
fn every_stored_field_is_in_the_export() {
    let store = store();
    imported(&store, EVERYTHING);
    let text = exported(&store, true);
    let read = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let lines: Vec<Value> = text.lines().map(read).collect();
    for given in EVERYTHING.lines().map(read) {
        let says =
            |line: &&Value| given.as_object().unwrap().iter().all(|(field, value)| line[field] == *value);
        assert!(lines.iter().find(says).is_some(), "{given}");
    }
    assert!(text.contains(r#""call_meta":{"topic": "moving"}"#), "free data are verbatim");
    // What is exported without secrets is the same lines but for the accounts and what is signed with.
    let plain = exported(&store, false);
    let secret = |line: &&str| {
        ["organization", "user", "api_key", "carrier_account"]
            .iter()
            .any(|kind| line.starts_with(&format!("{{\"type\":\"{kind}\"")))
    };
    let rest: Vec<_> = text
        .lines()
        .filter(|line| !secret(line))
        .map(|line| {
            let line = line.replace("\"user_id\":5", "\"user_id\":null");
            without_secrets(&line.replace("\"user_id\":1", "\"user_id\":null"))
        })
        .collect();
    assert_eq!(plain.lines().collect::<Vec<_>>(), rest);
    let words = ["argon2", "key_hash", "whsec_"];
    assert!(words.iter().all(|word| text.contains(word) && !plain.contains(word)), "{plain}");
}

/// The line with `null` for the secrets that webhooks are signed with.
fn without_secrets(line: &str) -> String {
    const FIELD: &str = "\"sms_webhook_secrets\":[";
    let Some(start) = line.find(FIELD).map(|at| at + FIELD.len() - 1) else { return line.to_owned() };
    let end = start + line[start..].find(']').unwrap() + 1;
    format!("{}null{}", &line[..start], &line[end..])
}

#[test]
fn parents_are_written_before_their_children() {
    let order = [
        "organization",
        "user",
        "api_key",
        "carrier_account",
        "assistant",
        "phone_number",
        "call",
        "message_log",
        "audit_event",
        "opt_out",
        "outbound_job",
    ];
    let text = exported(&rich(), true);
    let mut reached = 0;
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        // A thread's messages follow their call.
        let kind = if line["type"] == "message" { "call" } else { line["type"].as_str().unwrap() };
        let place = order.iter().position(|known| *known == kind).unwrap();
        assert!(place >= reached, "{kind} after {}", order[reached]);
        reached = place;
    }
    assert_eq!(reached, order.len() - 1, "every kind is there");
}

#[test]
fn nothing_of_an_archived_conversation_is_exported_but_its_record() {
    let store = store();
    let archived = ",\"call_meta\":{\"sms_deleted\":true},\"message_count\":3";
    let audit = "{\"type\":\"audit_event\",\"call_id\":101,\"timestamp\":\"2026-04-30\",\"event_type\":\"a\",\"message\":\"hushed\"}\n";
    let job = "{\"type\":\"outbound_job\",\"uuid\":\"7b0e0c5e-3f0a-4f0e-9b1a-0c2d4e6f8a01\",\"call_id\":101,\"provider\":\"twilio\",\"from_number\":\"+15551234567\",\"to_number\":\"+15559876543\",\"body\":\"hushed\",\"status\":\"sent\",\"created_at\":\"2026-04-30\"}\n";
    let call = call_line(101, 6543, "completed", "2026-04-30T11:30:00Z", archived);
    imported(&store, &format!("{PARENTS}{call}{audit}{job}"));
    let text = exported(&store, false);
    assert!(!text.contains("hushed"), "{text}");
    let record: Value = serde_json::from_str(text.lines().nth(2).unwrap()).unwrap();
    assert_eq!((&record["message_count"], &record["call_meta"]["sms_deleted"]), (&3.into(), &true.into()));
    let target = super::store();
    imported(&target, &text);
    assert_eq!(exported(&target, false), text);
}

/// Does something between any two pieces of an export, and returns the export.
fn exported_while(store: &Store, mut between: impl FnMut(u32)) -> String {
    let mut export = Export::new(ORGANIZATION, true, now());
    let (mut text, mut pieces) = (Vec::new(), 0);
    while let Some(piece) = next(store, &mut export).unwrap() {
        assert!(piece.len() < 1 << 20, "a piece is short: {} bytes", piece.len());
        text.extend(piece);
        pieces += 1;
        between(pieces);
    }
    assert!(pieces > 4, "{pieces} pieces");
    String::from_utf8(text).unwrap()
}

#[test]
fn what_is_made_while_an_export_runs_is_left_out_and_nothing_dangles() {
    let store = rich();
    let before = exported(&store, true);
    let last_call = 9_007;
    let text = exported_while(&store, |piece| {
        let assistant = Assistant {
            user_id: UserId(1),
            name: format!("new {piece}"),
            description: None,
            llm_provider: None,
            webhook_url: None,
            sms_webhook_url: None,
            messaging_service_sid: None,
            custom_settings: None,
            state: smslite::model::assistant::AssistantState::Active,
            created_at: now(),
            updated_at: now(),
            extra: JsonText::default(),
            forwards_from: 0,
            webhook_secrets: Vec::new(),
        };
        store.execute_blocking(CreateAssistant { organization: ORGANIZATION, assistant }).unwrap();
        // One in a thread that is there, one in a new one.
        inbound(&store, &format!("SMold{piece}"), "+15559878001", now());
        inbound(&store, &format!("SMnew{piece}"), &format!("+1555986000{piece}"), now());
    });
    assert!(
        !text.contains("\"name\":\"new") && !text.contains("+1555986000") && !text.contains("SMold"),
        "left out"
    );
    let calls = |text: &str| text.lines().filter(|line| line.starts_with("{\"type\":\"call\"")).count();
    assert_eq!(calls(&text), calls(&before));
    let living =
        text.lines().find(|line| line.starts_with(&format!("{{\"type\":\"call\",\"id\":{}", 9_001))).unwrap();
    assert!(
        !living.contains("\"message_count\":2,"),
        "a conversation is as it was when its turn came: {living}"
    );
    let target = store_started(at("2026-04-30T11:00:00Z"), "fresh@localhost", [9; 32]);
    assert_eq!(imported(&target, &text), (text.lines().count() as u64, 0));
    assert_eq!(exported(&target, true), text);
    assert!(call(&store, last_call + 1).is_some(), "there was something to leave out");
}
