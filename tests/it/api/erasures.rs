//! `POST /api/v1/erasures`: a customer's number is gone from everywhere, and the receipt says what went.

use crate::util::carrier::{form, sms};
use crate::util::{CARLA, CARLOS, OUR_NUMBER, TestApp};
use serde_json::json;
use smslite::model::time::Timestamp;

const NOBODY: &str = "+15550009999";

async fn erase(app: &TestApp, number: &str) -> crate::util::client::Answer {
    app.admin().post("/api/v1/erasures", &format!(r#"{{"phone_number": "{number}"}}"#)).await
}

async fn exported(app: &TestApp) -> String {
    app.admin().get("/api/v1/export?with_secrets=true").await.expect(200).text()
}

/// Two conversations of Carla, one of them archived, one of Carlos; a message of hers to a number that nobody has,
/// a receipt that names her, a voice call.
async fn lived() -> TestApp {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "my first").await;
    app.admin().delete("/api/v1/sms-conversations/1").await.expect(200);
    app.twilio().delivers("SM2", CARLA, "my second").await;
    app.twilio().delivers("SM3", CARLOS, "somebody else's").await;
    app.twilio().posts(&sms("SM4", CARLA, "+15550000000", "to nobody")).await.expect(200);
    let receipt =
        [("MessageSid", "SM5"), ("MessageStatus", "delivered"), ("From", OUR_NUMBER), ("To", CARLA)];
    app.twilio().posts_to(crate::util::carrier::PATH, &form(&receipt)).await.expect(200);
    let job = |n: u32, call: serde_json::Value, to: &str, status: &str| {
        json!({
            "type": "outbound_job", "uuid": format!("00000000-0000-4000-8000-00000000000{n}"), "call_id": call,
            "provider": "twilio", "from_number": OUR_NUMBER, "to_number": to, "body": "later", "status": status,
            "attempts": 0, "due_at": "2026-04-30T10:00:00Z", "created_at": "2026-04-30T10:00:00Z",
        })
    };
    // 3 is Carlos's conversation.
    let event = |message: &str| {
        json!({
            "type": "audit_event", "call_id": 3, "timestamp": "2026-04-30T10:00:00Z", "event_type": "noted",
            "level": "info", "message": "noted", "event_data": {"text": message},
        })
    };
    let lines = [
        json!({
            "type": "call", "channel": "voice", "direction": "inbound", "assistant_id": 1,
            "customer_phone_number": CARLA, "assistant_phone_number": OUR_NUMBER, "status": "completed",
            "started_at": "2026-04-01T10:00:00Z",
        }),
        event(&format!("passed on to {CARLA}")),
        event("passed on to nobody"),
        json!({
            "type": "opt_out", "assistant_phone_number": OUR_NUMBER, "customer_phone_number": CARLA,
            "opted_out_at": "2026-04-02T10:00:00Z", "how": "keyword",
        }),
        job(1, json!(2), CARLA, "sent"),
        job(2, json!(null), CARLA, "queued"),
        // Two that share the link from Carlos's thread.
        job(3, json!(3), CARLA, "queued"),
        job(4, json!(3), CARLOS, "queued"),
    ];
    let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
    let ndjson = [("content-type", "application/x-ndjson")];
    let imported = app.admin().ask("POST", "/api/v1/import", &ndjson, lines.join("\n")).await.expect(200);
    assert!(imported.text().contains(r#""stored":8"#), "{}", imported.text());
    app
}

#[tokio::test]
async fn an_erased_number_is_nowhere_and_everybody_else_is_as_before() {
    let app = lived().await;
    let digits = CARLA.trim_start_matches('+');
    assert!(exported(&app).await.contains(digits));
    let receipt = erase(&app, CARLA).await.expect(200).json();
    for (kind, count) in [
        ("conversations", 3),
        // Those of the archived one went before.
        ("messages", 1),
        ("message_logs", 2),
        ("raw_payloads", 3),
        ("audit_entries", 4),
        ("opt_outs", 1),
        ("outbound_jobs", 3),
    ] {
        assert_eq!(receipt[kind], count, "{kind}: {receipt}");
    }
    assert_eq!(receipt["backups"], serde_json::json!([]));
    assert!(receipt["note"].as_str().unwrap().contains("compact"), "{receipt}");
    assert_eq!(Timestamp::parse(receipt["erased_at"].as_str().unwrap()), Some(app.clock.now()));

    let left = exported(&app).await;
    assert!(!left.contains(digits) && !left.contains("my second"), "{left}");
    for others in ["somebody else's", "passed on to nobody", "000000000004"] {
        assert!(left.contains(others), "{others}: {left}");
    }
    // That it happened is kept, and by whom.
    assert_eq!(left.matches("number_erased").count(), 1, "{left}");
    let list = app.viewer().get("/api/v1/sms-conversations/").await.expect(200).json();
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(app.state.app.store.snapshot().unwrap().check().unwrap(), Vec::<String>::new());

    // Whoever writes again begins anew, and what the carrier repeats is still known.
    app.twilio().delivers("SM2", CARLA, "my second").await;
    assert!(!exported(&app).await.contains(digits));
    app.twilio().delivers("SM9", CARLA, "again").await;
    let again = app.viewer().get("/api/v1/sms-conversations/?status=active").await.expect(200).json();
    assert_eq!(again.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_erasure_of_a_number_that_nobody_has_is_a_receipt_of_nothing() {
    let app = lived().await;
    let before = exported(&app).await.lines().count();
    let receipt = erase(&app, NOBODY).await.expect(200).json();
    for kind in ["conversations", "messages", "message_logs", "raw_payloads", "audit_entries", "opt_outs"] {
        assert_eq!(receipt[kind], 0, "{kind}: {receipt}");
    }
    // That somebody asked is kept, without the number.
    let after = exported(&app).await;
    assert!(after.lines().count() >= before && !after.contains(NOBODY));
}

#[tokio::test]
async fn what_cannot_be_erased_is_refused() {
    let app = lived().await;
    for (number, status) in [(OUR_NUMBER, 409), ("", 422), ("carla", 422), ("123", 422), ("+", 422)] {
        erase(&app, number).await.expect(status);
    }
    app.admin().post("/api/v1/erasures", "{}").await.expect(422);
    app.user().post("/api/v1/erasures", &format!(r#"{{"phone_number": "{CARLA}"}}"#)).await.expect(403);
    assert!(exported(&app).await.contains(CARLA));
}

#[tokio::test]
async fn another_organizations_customer_is_not_ours_to_erase() {
    let app = lived().await;
    app.organization("other", "sl_live_theirs").await;
    let them = app.with_token("sl_live_theirs");
    let receipt =
        them.post("/api/v1/erasures", &format!(r#"{{"phone_number": "{CARLA}"}}"#)).await.expect(200);
    assert_eq!(receipt.json()["conversations"], 0);
    assert!(exported(&app).await.contains(CARLA));
}

#[tokio::test]
async fn a_huge_thread_is_gone_before_the_receipt_is_written() {
    let app = TestApp::start().await;
    for n in 0..250 {
        app.twilio().posts(&sms(&format!("SM{n}"), CARLA, OUR_NUMBER, "again")).await.expect(200);
    }
    let receipt = erase(&app, CARLA).await.expect(200).json();
    assert_eq!((&receipt["conversations"], &receipt["messages"]), (&json!(1), &json!(250)), "{receipt}");
    assert_eq!((&receipt["message_logs"], &receipt["raw_payloads"]), (&json!(250), &json!(250)), "{receipt}");
    let snapshot = app.state.app.store.snapshot().unwrap();
    assert_eq!(snapshot.pending_purges().unwrap(), []);
    assert_eq!(snapshot.check().unwrap(), Vec::<String>::new());
    assert_eq!(erase(&app, CARLA).await.json()["conversations"], 0);
}

#[tokio::test]
async fn what_others_wrote_of_the_number_stays_but_not_the_carriers_copy() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLOS, &format!("ask {CARLA}")).await;
    let receipt = erase(&app, CARLA).await.expect(200).json();
    assert_eq!((&receipt["messages"], &receipt["raw_payloads"]), (&json!(0), &json!(1)), "{receipt}");
    let messages = app.viewer().get("/api/v1/sms-conversations/1/messages").await.expect(200).json();
    assert_eq!(messages[0]["content"], format!("ask {CARLA}"));
}

#[tokio::test]
async fn the_receipt_names_the_backups_that_were_made_before() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["smslite-20260429T100000Z.backup", "smslite-20260430T100000Z.backup", "notes.txt"] {
        std::fs::write(dir.path().join(name), "").unwrap();
    }
    let found = smslite::app::erasure::backups_holding(Some(dir.path()));
    assert_eq!(found, ["smslite-20260429T100000Z.backup", "smslite-20260430T100000Z.backup"]);
    assert!(smslite::app::erasure::backups_holding(Some(&dir.path().join("gone"))).is_empty());
    assert!(smslite::app::erasure::backups_holding(None).is_empty());
}
