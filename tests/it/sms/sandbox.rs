//! The sandbox: everything without a carrier.

use super::{app_with, body, once};
use crate::util::{CARLA, SECOND, TestApp, settings};
use serde_json::{Value, json};

async fn send_to(app: &TestApp, to: &str) -> String {
    let mut body = body("hello");
    body["to_phone_number"] = json!(to);
    let answer = app.user().post("/sms/send", &body.to_string()).await.expect(200).json();
    answer["message_id"].as_str().unwrap().to_owned()
}

/// Lets time pass until a message is in this state.
async fn in_time(app: &TestApp, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let settled = app.state.app.outbox.settled.notified();
        let told = app.viewer().get(&format!("/sms/{id}/status")).await.expect(200).json();
        if wanted(&told) {
            return told;
        }
        let is_open = told["status"] == "queued" || told["status"] == "sending";
        // What waits, waits for the clock.
        if !is_open || told["attempts"] != 0 {
            app.advance(SECOND / 10);
        }
        tokio::select! {
            () = settled => {}
            () = tokio::task::yield_now() => {}
        }
    }
}

#[tokio::test]
async fn receipts_come_in_order_a_moment_later() {
    let app = app_with("sandbox", settings()).await;
    let id = send_to(&app, "+15005550010").await;
    once(&app, &id, "status", "sent").await;
    in_time(&app, &id, |told| told["delivery_status"] == "delivered").await;
    let steps = app.viewer().get("/api/v1/sms/1/logs").await.json();
    let told: Vec<_> = steps["logs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["event_type"] == "receipt_received")
        .map(|step| step["event_data"]["provider_status"].as_str().unwrap())
        .collect();
    assert_eq!(told, ["sent", "delivered"]);
}

#[tokio::test]
async fn the_customers_number_picks_the_outcome() {
    for (to, status, delivery, code) in [
        ("+15559876543", "sent", "delivered", None),
        ("+15005550010", "sent", "delivered", None),
        ("+15005550011", "sent", "delivered", None),
        ("+15005550012", "sent", "undelivered", Some("30003")),
        ("+15005550013", "sent", "failed", Some("30008")),
        ("+15005550014", "sent", "delivered", None),
        ("+15005550015", "unknown", "sending", Some("outcome_unknown")),
        ("+15005550001", "failed", "failed", Some("21211")),
        ("+15005550002", "failed", "failed", Some("21612")),
        ("+15005550003", "failed", "failed", Some("21408")),
        ("+15005550004", "failed", "failed", Some("21610")),
        ("+15005550009", "failed", "failed", Some("21614")),
    ] {
        let app = app_with("sandbox", settings()).await;
        let id = send_to(&app, to).await;
        let told =
            in_time(&app, &id, |told| told["status"] == status && told["delivery_status"] == delivery).await;
        assert_eq!(told["error_code"].as_str(), code, "{to}: {told}");
    }
}

#[tokio::test]
async fn what_became_of_our_messages_of_the_last_hour_is_counted() {
    let app = app_with("sandbox", settings()).await;
    app.twilio().delivers("SM1", CARLA, "a customer's is not counted").await;
    for (to, delivery) in
        [("+15005550010", "delivered"), ("+15005550012", "undelivered"), ("+15005550001", "failed")]
    {
        let id = send_to(&app, to).await;
        let told = in_time(&app, &id, |told| told["delivery_status"] == delivery).await;
        assert_eq!(told["sent_at"].is_null(), told["status"] != "sent", "{told}");
    }
    let ended = async |query: &str| {
        let stats = app.viewer().get(&format!("/sms/queue/stats{query}")).await.expect(200).json();
        [stats["completed_last_hour"].as_u64().unwrap(), stats["failed_last_hour"].as_u64().unwrap()]
    };
    assert_eq!(ended("").await, [1, 2]);
    assert_eq!(ended("?provider=sandbox").await, [1, 2]);
    assert_eq!(ended("?provider=twilio").await, [0, 0]);
    app.advance(3601 * SECOND);
    assert_eq!(ended("").await, [0, 0]);
}

#[tokio::test]
async fn the_sandbox_has_no_webhooks() {
    let app = app_with("sandbox", settings()).await;
    app.anonymous().post("/webhooks/sms/sandbox", "{}").await.expect(404);
}
