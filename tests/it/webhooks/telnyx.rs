//! `/webhooks/sms/telnyx`.

use crate::sms::{app_of, once, queued};
use crate::util::carrier::{telnyx_message, telnyx_signature};
use crate::util::fake_carrier::FakeCarrier;
use crate::util::{CARLA, OUR_NUMBER, SECOND};
use serde_json::json;

#[tokio::test]
async fn a_signed_message_becomes_a_conversation_and_its_retry_nothing_new() {
    let app = app_of("telnyx", &FakeCarrier::start().await).await;
    for _ in 0..2 {
        let answer = app.telnyx_posts(&telnyx_message("m1", CARLA, "Grüße 👍")).await.expect(200);
        assert_eq!(answer.text(), "");
    }
    let messages = app.viewer().get("/api/v1/sms-conversations/1/messages").await.expect(200).json();
    assert_eq!(messages.as_array().unwrap().len(), 1);
    assert_eq!(messages[0]["content"], "Grüße 👍");
    let log = crate::sms::log(&app, "inbound").await;
    assert_eq!((&log["provider"], &log["provider_message_id"]), (&json!("telnyx"), &json!("m1")));
}

#[tokio::test]
async fn pictures_come_with_their_urls() {
    let app = app_of("telnyx", &FakeCarrier::start().await).await;
    let mut message = telnyx_message("m1", CARLA, "");
    message["data"]["payload"]["media"] =
        json!([{"url": "https://example.com/a.jpg", "content_type": "image/jpeg"}]);
    app.telnyx_posts(&message).await.expect(200);
    assert_eq!(crate::sms::log(&app, "inbound").await["media_urls"], json!(["https://example.com/a.jpg"]));
}

#[tokio::test]
async fn what_is_not_signed_by_the_account_now_is_refused() {
    let app = app_of("telnyx", &FakeCarrier::start().await).await;
    let body = telnyx_message("m1", CARLA, "forged").to_string();
    let now = app.clock.now().unix_seconds();
    let json = ("content-type", "application/json");
    for (timestamp, signature) in [
        (Some(now.to_string()), None),
        (None, Some(telnyx_signature(&now.to_string(), &body))),
        (Some(now.to_string()), Some(telnyx_signature(&now.to_string(), "another body"))),
        (Some((now + 1).to_string()), Some(telnyx_signature(&now.to_string(), &body))),
        (Some((now - 301).to_string()), Some(telnyx_signature(&(now - 301).to_string(), &body))),
        (Some((now + 301).to_string()), Some(telnyx_signature(&(now + 301).to_string(), &body))),
    ] {
        let mut headers = vec![json];
        headers.extend(timestamp.as_deref().map(|value| ("telnyx-timestamp", value)));
        headers.extend(signature.as_deref().map(|value| ("telnyx-signature-ed25519", value)));
        app.anonymous().ask("POST", "/telnyx-webhook", &headers, body.clone()).await.expect(403);
    }
    assert_eq!(app.viewer().get("/api/v1/sms-logs/").await.json()["total"], 0);
    let timestamp = (now - 300).to_string();
    let signature = telnyx_signature(&timestamp, &body);
    let headers = [json, ("telnyx-timestamp", timestamp.as_str()), ("telnyx-signature-ed25519", &signature)];
    app.anonymous().ask("POST", "/telnyx-sms-webhook", &headers, body).await.expect(200);
}

#[tokio::test]
async fn a_receipt_tells_what_became_of_a_message_of_ours() {
    let app = app_of("telnyx", &FakeCarrier::start().await).await;
    let id = queued(&app, "hello").await;
    once(&app, &id, "status", "sent").await;
    let receipt = json!({"data": {
        "record_type": "event", "event_type": "message.finalized", "id": "event-1",
        "occurred_at": "2026-04-30T10:00:02Z",
        "payload": {
            "id": "telnyx-1", "record_type": "message", "direction": "outbound", "type": "SMS",
            "from": {"phone_number": OUR_NUMBER},
            "to": [{"phone_number": CARLA, "status": "delivery_failed"}],
            "errors": [{"code": "40008", "title": "Undeliverable", "detail": "the handset is off"}],
        },
    }, "meta": {}});
    app.advance(SECOND);
    app.telnyx_posts(&receipt).await.expect(200);
    let told = app.viewer().get(&format!("/sms/{id}/status")).await.json();
    assert_eq!(
        (&told["delivery_status"], &told["provider_status"], &told["error_code"]),
        (&json!("undelivered"), &json!("delivery_failed"), &json!("40008"))
    );
}

#[tokio::test]
async fn what_is_signed_but_cannot_be_used_is_kept_and_answered() {
    let app = app_of("telnyx", &FakeCarrier::start().await).await;
    for body in [
        json!({}),
        json!([]),
        json!({"data": {"event_type": "message.teleported"}}),
        json!("text"),
        json!({"data": null}),
    ] {
        app.telnyx_posts(&body).await.expect(200);
    }
    assert_eq!(app.viewer().get("/api/v1/sms-logs/").await.json()["total"], 0);
    app.telnyx_posts(&telnyx_message("m1", CARLA, "and then a good one")).await.expect(200);
    assert_eq!(app.viewer().get("/api/v1/sms-logs/").await.json()["total"], 1);
}
