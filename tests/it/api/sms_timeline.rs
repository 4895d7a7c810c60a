//! `/api/v1/sms/{call_id}/logs`

use crate::util::{CARLA, OUR_NUMBER, SECOND, TestApp};
use serde_json::{Value, json};

async fn timeline(app: &TestApp, call: u64) -> Vec<Value> {
    let answer = app.viewer().get(&format!("/api/v1/sms/{call}/logs")).await.expect(200).json();
    let logs = answer["logs"].as_array().unwrap().clone();
    assert_eq!((&answer["call_id"], &answer["log_count"]), (&json!(call), &json!(logs.len())));
    logs
}

/// Time of day, id, type and level of each event.
fn told(logs: &[Value]) -> Vec<(&str, i64, &str, &str)> {
    let told = logs.iter().map(|log| {
        let text = |field: &str| log[field].as_str().unwrap();
        (&text("timestamp")[11..], log["id"].as_i64().unwrap(), text("event_type"), text("level"))
    });
    told.collect()
}

#[tokio::test]
async fn what_was_done_and_what_came_of_it_is_told_by_time() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "one").await;
    app.advance(SECOND);
    app.twilio().delivers("SM2", CARLA, "two").await;
    let logs = timeline(&app, 1).await;
    let expected = [
        ("10:00:00Z", 1, "webhook_received", "info"),
        ("10:00:00Z", 2, "conversation_started", "info"),
        ("10:00:00Z", 3, "message_stored", "info"),
        ("10:00:00Z", -2, "sms_received", "info"),
        ("10:00:01Z", 4, "webhook_received", "info"),
        ("10:00:01Z", 5, "message_stored", "info"),
        ("10:00:01Z", -4, "sms_received", "info"),
    ];
    assert_eq!(told(&logs), expected);
    assert_eq!(
        logs[0],
        json!({
            "id": 1, "timestamp": "2026-04-30T10:00:00Z", "event_type": "webhook_received", "level": "info",
            "message": "Inbound SMS webhook received", "event_data": {"provider": "twilio", "signature": "valid"},
        })
    );
    assert_eq!(logs[1]["event_data"], Value::Null);
    assert_eq!(
        logs[3]["event_data"],
        json!({
            "log_id": 1, "provider": "twilio", "provider_message_id": "SM1", "from_number": CARLA, "to_number": OUR_NUMBER, "segment_count": 1,
        })
    );
}

fn log(id: u64, call: u64, direction: &str, status: &str, created: &str, updated: &str) -> Value {
    let (from, to) = if direction == "inbound" { (CARLA, OUR_NUMBER) } else { (OUR_NUMBER, CARLA) };
    json!({
        "type": "message_log", "id": id, "call_id": call, "provider": "vonage", "provider_message_id": format!("M{id}"), "direction": direction,
        "from_number": from, "to_number": to, "body": "secret words", "status": status, "provider_status": status.to_uppercase(), "error_code": "7",
        "created_at": format!("2026-04-29T{created}"), "updated_at": format!("2026-04-29T{updated}"),
    })
}

async fn app_with_calls() -> TestApp {
    let app = TestApp::start().await;
    let call = |id: u64, channel: &str, meta: Value| {
        json!({
            "type": "call", "id": id, "channel": channel, "direction": "inbound", "assistant_id": 1, "customer_phone_number": CARLA,
            "assistant_phone_number": OUR_NUMBER, "status": "completed", "started_at": "2026-04-29T10:00:00Z", "call_meta": meta,
        })
    };
    let audit = |id: u64, call: u64, level: &str, at: &str| {
        json!({
            "type": "audit_event", "id": id, "call_id": call, "timestamp": format!("2026-04-29T{at}"), "event_type": "webhook_delivered", "level": level,
            "message": "Told the webhook", "event_data": {"tries": 2},
        })
    };
    let lines = [
        call(11, "sms", json!({})),
        call(12, "voice", json!({})),
        call(13, "sms", json!({"sms_deleted": true})),
        call(14, "voice", json!({})),
        audit(5, 11, "warning", "10:00:03Z"),
        audit(9, 11, "debug", "10:00:01Z"),
        audit(6, 12, "error", "10:00:09Z"),
        log(1, 11, "outbound", "delivered", "10:00:01Z", "10:00:05Z"),
        log(2, 11, "outbound", "failed", "10:00:02Z", "10:00:02Z"),
        log(3, 11, "outbound", "queued", "10:00:04Z", "10:00:04Z"),
        log(4, 11, "inbound", "received", "10:00:00Z", "10:00:00Z"),
        log(5, 11, "outbound", "undelivered", "09:59:59Z", "10:00:06Z"),
        log(6, 12, "inbound", "received", "10:00:08Z", "10:00:08Z"),
    ];
    let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
    app.imports(lines.join("\n")).await;
    app
}

#[tokio::test]
async fn deliveries_stand_where_they_became_known() {
    let app = app_with_calls().await;
    let logs = timeline(&app, 11).await;
    let expected = [
        ("09:59:59Z", -10, "sms_queued", "info"),
        ("10:00:00Z", -8, "sms_received", "info"),
        ("10:00:01Z", 9, "webhook_delivered", "debug"),
        ("10:00:01Z", -2, "sms_queued", "info"),
        ("10:00:02Z", -4, "sms_queued", "info"),
        ("10:00:02Z", -3, "delivery_status", "error"),
        ("10:00:03Z", 5, "webhook_delivered", "warning"),
        ("10:00:04Z", -6, "sms_queued", "info"),
        ("10:00:05Z", -1, "delivery_status", "info"),
        ("10:00:06Z", -9, "delivery_status", "error"),
    ];
    assert_eq!(told(&logs), expected);
    assert_eq!(logs[2]["event_data"], json!({"tries": 2}));
    assert_eq!(logs[9]["message"], "Delivery status: undelivered");
    assert_eq!(
        logs[9]["event_data"],
        json!({
            "log_id": 5, "provider": "vonage", "provider_message_id": "M5", "status": "undelivered", "provider_status": "UNDELIVERED",
            "error_code": "7", "error_message": null,
        })
    );
}

#[tokio::test]
async fn records_of_both_channels_have_one_and_archived_ones_have_none() {
    let app = app_with_calls().await;
    let voice = timeline(&app, 12).await;
    assert_eq!(
        told(&voice),
        [("10:00:08Z", -12, "sms_received", "info"), ("10:00:09Z", 6, "webhook_delivered", "error")]
    );
    let empty = app.viewer().get("/api/v1/sms/14/logs").await.expect(200).text();
    assert_eq!(empty, r#"{"call_id":14,"log_count":0,"logs":[]}"#);
    app.organization("other", "sl_live_other").await;
    let missing = app.viewer().get("/api/v1/sms/999/logs").await.expect(404);
    app.user().delete("/api/v1/sms-conversations/11").await.expect(200);
    for id in ["11", "13", "0", "x", "-1", "%FF"] {
        let answer = app.viewer().get(&format!("/api/v1/sms/{id}/logs")).await;
        assert_eq!((answer.status, &answer.body), (404, &missing.body), "{id}");
    }
    let outsider = app.with_token("sl_live_other").get("/api/v1/sms/12/logs").await;
    assert_eq!((outsider.status, &outsider.body), (404, &missing.body));
}
