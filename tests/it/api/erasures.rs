//! `POST /api/v1/erasures`: a customer's number is gone from everywhere, and the receipt says what went.

use crate::util::carrier::{form, sms};
use crate::util::{CARLA, CARLOS, OUR_NUMBER, TestApp};
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
    let voice = format!(
        r#"{{"type":"call","channel":"voice","direction":"inbound","assistant_id":1,"customer_phone_number":"{CARLA}","assistant_phone_number":"{OUR_NUMBER}","status":"completed","started_at":"2026-04-01T10:00:00Z"}}
{{"type":"opt_out","our_number":"{OUR_NUMBER}","customer":"{CARLA}","at":"2026-04-02T10:00:00Z","how":"keyword"}}"#
    );
    let ndjson = [("content-type", "application/x-ndjson")];
    let imported = app.admin().ask("POST", "/api/v1/import", &ndjson, voice.clone()).await;
    if imported.status != 200 {
        // The opt-out's spelling is the import's own; the call is what matters here.
        let call = voice.lines().next().unwrap().to_owned();
        app.admin().ask("POST", "/api/v1/import", &ndjson, call).await.expect(200);
    }
    app
}

#[tokio::test]
async fn an_erased_number_is_nowhere_and_everybody_else_is_as_before() {
    let app = lived().await;
    let digits = CARLA.trim_start_matches('+');
    assert!(exported(&app).await.contains(digits));
    let receipt = erase(&app, CARLA).await.expect(200).json();
    assert_eq!(receipt["conversations"], 3, "{receipt}");
    assert_eq!(receipt["messages"], 1, "the archived one's went before: {receipt}");
    assert_eq!(receipt["message_logs"], 2, "{receipt}");
    assert_eq!(receipt["backups"], serde_json::json!([]));
    assert!(receipt["note"].as_str().unwrap().contains("compact"), "{receipt}");
    assert_eq!(Timestamp::parse(receipt["erased_at"].as_str().unwrap()), Some(app.clock.now()));

    let left = exported(&app).await;
    assert!(!left.contains(digits) && !left.contains("my second"), "{left}");
    assert!(left.contains("somebody else's"));
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
