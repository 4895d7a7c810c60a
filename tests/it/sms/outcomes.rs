//! What a carrier answers, or does not, and what becomes of the message.

use super::{app_of, app_with, log, once, queued, settings_of};
use crate::util::fake_carrier::{FakeCarrier, Told};
use crate::util::{CARLA, SECOND, TestApp};
use serde_json::{Value, json};
use smslite::config::Settings;

fn impatient(fake: &FakeCarrier) -> Settings {
    let mut settings = settings_of(fake);
    settings.send_timeout_seconds = 1;
    settings
}

/// How a message stands after the first attempt.
async fn after_one_attempt(app: &TestApp, id: &str) -> Value {
    loop {
        let settled = app.state.app.outbox.settled.notified();
        let told = app.viewer().get(&format!("/sms/{id}/status")).await.expect(200).json();
        if told["attempts"] == 1 && told["status"] != "sending" {
            return told;
        }
        settled.await;
    }
}

#[tokio::test]
async fn an_answer_decides_whether_a_message_is_sent_tried_again_given_up_or_unknown() {
    let text = |status, body: &str| Told::Status(status, &[], body.to_owned());
    let vonage = |status: &str| {
        Told::json(
            200,
            &json!({"message-count": "1", "messages": [{"status": status, "error-text": "told"}]}),
        )
    };
    let telnyx = |status, code: &str, title: &str| {
        Told::json(status, &json!({"errors": [{"code": code, "title": title, "detail": "told"}]}))
    };
    for (carrier, told, status, code) in [
        ("twilio", Told::twilio(400, 21211), "failed", Some("21211")),
        ("twilio", Told::twilio(401, 20003), "failed", Some("20003")),
        ("twilio", Told::twilio(429, 20429), "queued", Some("20429")),
        ("twilio", Told::twilio(500, 20500), "unknown", Some("outcome_unknown")),
        ("twilio", text(503, "upstream reset"), "unknown", Some("outcome_unknown")),
        ("twilio", Told::Status(503, &[("retry-after", "2")], "busy".into()), "queued", None),
        ("telnyx", text(503, "upstream reset"), "queued", None),
        ("twilio", text(502, "<html>bad gateway</html>"), "unknown", Some("outcome_unknown")),
        ("twilio", text(201, "not JSON"), "unknown", Some("outcome_unknown")),
        ("twilio", text(201, "{}"), "unknown", Some("outcome_unknown")),
        ("twilio", Told::TakeAndCut, "unknown", Some("outcome_unknown")),
        ("telnyx", telnyx(422, "10002", "Invalid phone number"), "failed", Some("10002")),
        ("telnyx", telnyx(429, "10011", "Too many requests"), "queued", Some("10011")),
        ("telnyx", text(200, "{\"data\": {}}"), "unknown", Some("outcome_unknown")),
        ("vonage", vonage("1"), "queued", Some("1")),
        ("vonage", vonage("5"), "queued", Some("5")),
        ("vonage", vonage("4"), "failed", Some("4")),
        ("vonage", text(200, "[]"), "unknown", Some("outcome_unknown")),
    ] {
        let fake = FakeCarrier::start().await;
        let app = app_of(carrier, &fake).await;
        fake.tell([told.clone()]);
        let id = queued(&app, "hello").await;
        let found = after_one_attempt(&app, &id).await;
        assert_eq!(
            (&found["status"], found["error_code"].as_str()),
            (&json!(status), code),
            "{carrier} {told:?}"
        );
        assert_eq!(fake.asked().len(), 1, "{carrier} {told:?}");
    }
}

#[tokio::test]
async fn a_carrier_that_takes_a_message_and_hangs_leaves_it_unknown_and_is_not_asked_again() {
    let fake = FakeCarrier::start().await;
    let app = app_with("twilio", impatient(&fake)).await;
    fake.tell([Told::TakeAndHang]);
    let id = queued(&app, "hello").await;
    let told = once(&app, &id, "status", "unknown").await;
    assert!(told["error_message"].as_str().unwrap().contains("no answer within 1 s"), "{told}");
    app.advance(7 * 86_400 * SECOND);
    let other = queued(&app, "another").await;
    once(&app, &other, "status", "sent").await;
    let bodies: Vec<_> = fake.asked().iter().map(|it| it.fields()["Body"].clone()).collect();
    assert_eq!(bodies, ["hello", "another"], "what may have been sent is not sent again");
}

#[tokio::test]
async fn a_carrier_that_cannot_be_reached_or_trusted_was_not_asked() {
    let fake = FakeCarrier::start().await;
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    for base_url in [
        format!("http://{nobody}"),
        // It speaks no TLS.
        format!("https://{}", fake.address),
    ] {
        let mut settings = impatient(&fake);
        settings.twilio.carrier.base_url = Some(base_url.clone());
        let app = app_with("twilio", settings).await;
        let id = queued(&app, "hello").await;
        let told = after_one_attempt(&app, &id).await;
        assert_eq!(
            (&told["status"], &told["error_code"]),
            (&json!("queued"), &json!("unreachable")),
            "{base_url}"
        );
    }
}

#[tokio::test]
async fn a_message_is_tried_again_when_the_carrier_says_and_then_goes_out() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    let busy = "{\"code\": 20429, \"message\": \"slow down\", \"status\": 429}";
    fake.tell([Told::Status(429, &[("retry-after", "90")], busy.to_owned()), Told::twilio(400, 21611)]);
    let id = queued(&app, "hello").await;
    after_one_attempt(&app, &id).await;
    app.advance(89 * SECOND);
    let early = app.viewer().get(&format!("/sms/{id}/status")).await.json();
    assert_eq!((&early["attempts"], fake.asked().len()), (&json!(1), 1));
    app.advance(SECOND + 1);
    fake.asked_for(2).await;
    // The second attempt has failed too, and waits ten seconds.
    loop {
        let settled = app.state.app.outbox.settled.notified();
        let told = app.viewer().get(&format!("/sms/{id}/status")).await.json();
        if told["attempts"] == 2 && told["status"] == "queued" {
            break;
        }
        settled.await;
    }
    app.advance(10 * SECOND);
    let told = once(&app, &id, "status", "sent").await;
    assert_eq!((&told["attempts"], &told["error_code"]), (&json!(3), &Value::Null));
    let timeline = app.viewer().get("/api/v1/sms/1/logs").await.expect(200).json();
    let attempts: Vec<_> = timeline["logs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["event_type"] == "send_attempted")
        .map(|step| step["event_data"]["status"].as_str().unwrap())
        .collect();
    assert_eq!(attempts, ["queued", "queued", "sent"]);
}

#[tokio::test]
async fn what_a_refused_message_costs_is_told_in_its_log() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    fake.tell([Told::twilio(400, 21614)]);
    let id = queued(&app, "hello").await;
    once(&app, &id, "status", "failed").await;
    let log = log(&app, "outbound").await;
    assert_eq!(
        (&log["status"], &log["error_code"], &log["error_message"], &log["to_number"]),
        (&json!("failed"), &json!("21614"), &json!("error 21614"), &json!(CARLA))
    );
}
