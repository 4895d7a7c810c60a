//! What carriers tell of messages of ours, in whatever order.

use super::{app_of, app_with, log, once, queued, settings_of};
use crate::util::fake_carrier::{FakeCarrier, Told};
use crate::util::{CARLA, OUR_NUMBER, TestApp};
use serde_json::{Value, json};

/// Twilio's status callback.
async fn tells(app: &TestApp, path: &str, sid: &str, status: &str, error_code: Option<&str>) {
    let mut params = vec![
        ("MessageSid", sid),
        ("MessageStatus", status),
        ("AccountSid", "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ("From", OUR_NUMBER),
        ("To", CARLA),
    ];
    params.extend(error_code.map(|code| ("ErrorCode", code)));
    app.twilio().posts_to(path, &crate::util::carrier::form(&params)).await.expect(200);
}

const PATH: &str = "/webhooks/sms/twilio";

fn sid(number: usize) -> String {
    format!("SM{number:032}")
}

#[tokio::test]
async fn a_status_moves_only_forward_whatever_the_order() {
    for (told, status, provider_status, code) in [
        (&[("sent", None), ("delivered", None)][..], "delivered", "delivered", None),
        (&[("delivered", None), ("sent", None)], "delivered", "delivered", None),
        (&[("delivered", None), ("undelivered", Some("30003"))], "delivered", "delivered", None),
        (&[("undelivered", Some("30003")), ("delivered", None)], "undelivered", "undelivered", Some("30003")),
        (&[("failed", Some("30008")), ("failed", Some("30006"))], "failed", "failed", Some("30008")),
        (&[("sent", None), ("queued", None), ("sending", None)], "sent", "sent", None),
        (&[("sent", None), ("teleported", None)], "sent", "sent", None),
        (&[("delivered", None), ("delivered", None), ("delivered", None)], "delivered", "delivered", None),
    ] {
        let fake = FakeCarrier::start().await;
        let app = app_of("twilio", &fake).await;
        let id = queued(&app, "hello").await;
        once(&app, &id, "status", "sent").await;
        for (word, code) in told {
            tells(&app, PATH, &sid(1), word, *code).await;
        }
        let log = log(&app, "outbound").await;
        let found = (&log["status"], &log["provider_status"], log["error_code"].as_str());
        assert_eq!(found, (&json!(status), &json!(provider_status), code), "{told:?}");
        let steps = app.viewer().get("/api/v1/sms/1/logs").await.expect(200).json();
        let steps = steps["logs"].as_array().unwrap();
        let count = |kind: &str| steps.iter().filter(|step| step["event_type"] == kind).count();
        assert_eq!(count("receipt_received"), told.len(), "each stays as an audit event: {told:?}");
    }
}

#[tokio::test]
async fn what_was_delivered_is_told_with_its_time() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    let id = queued(&app, "hello").await;
    let before = once(&app, &id, "status", "sent").await;
    assert_eq!((&before["sent_at"], &before["delivered_at"]), (&json!("2026-04-30T10:00:00Z"), &Value::Null));
    app.advance(3 * crate::util::SECOND);
    tells(&app, PATH, &sid(1), "delivered", None).await;
    let told = app.viewer().get(&format!("/sms/{id}/status")).await.json();
    assert_eq!(
        (&told["status"], &told["provider_status"], &told["delivered_at"]),
        (&json!("sent"), &json!("delivered"), &json!("2026-04-30T10:00:03Z"))
    );
    assert_eq!(told["sent_at"], before["sent_at"], "a receipt does not move it");
}

#[tokio::test]
async fn a_receipt_that_overtakes_the_answer_to_the_send_counts() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    // The carrier is quicker to tell than to answer.
    tells(&app, PATH, &sid(1), "sent", None).await;
    tells(&app, PATH, &sid(1), "undelivered", Some("30003")).await;
    let id = queued(&app, "hello").await;
    let told = once(&app, &id, "status", "sent").await;
    assert_eq!((&told["delivery_status"], &told["error_code"]), (&json!("undelivered"), &json!("30003")));
}

#[tokio::test]
async fn a_receipt_tells_what_became_of_a_message_that_nobody_knew_of() {
    let (fake, app, id) = unknown().await;
    tells_callback(&app, &fake, &[("MessageSid", "SMlate"), ("MessageStatus", "delivered")]).await;
    let told = app.viewer().get(&format!("/sms/{id}/status")).await.json();
    assert_eq!(
        (&told["status"], &told["provider_message_id"], &told["delivery_status"], &told["error"]),
        (&json!("sent"), &json!("SMlate"), &json!("delivered"), &Value::Null)
    );
    assert_eq!(fake.asked().len(), 1);
}

/// A message that Twilio took, though its answer was cut off.
async fn unknown() -> (FakeCarrier, TestApp, String) {
    let fake = FakeCarrier::start().await;
    let mut settings = settings_of(&fake);
    settings.public_url = Some("https://sms.example.com".to_owned());
    let app = app_with("twilio", settings).await;
    fake.tell([Told::TakeAndCut]);
    let id = queued(&app, "hello").await;
    once(&app, &id, "status", "unknown").await;
    (fake, app, id)
}

/// As Twilio calls the URL that it was given, with the job in it, of a message to Carla.
async fn tells_callback(app: &TestApp, fake: &FakeCarrier, params: &[(&str, &str)]) {
    tells_callback_of(app, fake, CARLA, params).await;
}

async fn tells_callback_of(app: &TestApp, fake: &FakeCarrier, to: &str, params: &[(&str, &str)]) {
    let callback = fake.asked()[0].fields()["StatusCallback"].as_str().unwrap().to_owned();
    let path = callback.strip_prefix("https://sms.example.com").unwrap();
    let form = crate::util::carrier::form(&[params, &[("From", OUR_NUMBER), ("To", to)]].concat());
    let signature = smslite::carriers::twilio::sign(crate::util::AUTH_TOKEN, &callback, form.as_bytes());
    let headers = [crate::util::carrier::FORM, ("x-twilio-signature", signature.as_str())];
    app.anonymous().ask("POST", path, &headers, form).await.expect(200);
}

#[tokio::test]
async fn a_receipt_while_the_carrier_is_asked_counts_however_that_ends() {
    let fake = FakeCarrier::start().await;
    let mut settings = settings_of(&fake);
    settings.public_url = Some("https://sms.example.com".to_owned());
    settings.send_timeout_seconds = 1;
    let app = app_with("twilio", settings).await;
    fake.tell([Told::TakeAndHang]);
    let ended = app.state.app.outbox.settled.notified();
    let id = queued(&app, "hello").await;
    fake.asked_for(1).await;
    let undelivered = [("MessageSid", "SMearly"), ("MessageStatus", "undelivered"), ("ErrorCode", "30003")];
    tells_callback(&app, &fake, &undelivered).await;
    let fields = ["status", "provider_message_id", "delivery_status", "provider_status", "error_code"];
    let status = async || {
        let told = app.viewer().get(&format!("/sms/{id}/status")).await.json();
        Value::from_iter(fields.map(|field| told[field].clone()))
    };
    let wanted = json!(["sent", "SMearly", "undelivered", "undelivered", "30003"]);
    assert_eq!(status().await, wanted);
    // Nobody waits for the answer any more.
    ended.await;
    assert_eq!(status().await, wanted);
}

#[tokio::test]
async fn an_opt_out_that_a_receipt_tells_of_is_kept() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    let id = queued(&app, "hello").await;
    once(&app, &id, "status", "sent").await;
    tells(&app, PATH, &sid(1), "undelivered", Some("21610")).await;
    let listed = app.viewer().get("/api/v1/sms-opt-outs/").await.expect(200).json();
    assert_eq!((&listed["total"], &listed["items"][0]["how"]), (&json!(1), &json!("carrier 21610")));
    super::send(&app.user(), "again").await.expect(409);
}

#[tokio::test]
async fn what_a_receipt_tells_while_the_carrier_is_being_asked_stays() {
    for (told, answer, status, delivery, code) in [
        (&[("sent", None), ("delivered", None)][..], Told::TakeAndCut, "sent", "delivered", None),
        (&[("undelivered", Some("30003"))], Told::twilio(400, 21211), "sent", "undelivered", Some("30003")),
    ] {
        let fake = FakeCarrier::start().await;
        let mut settings = settings_of(&fake);
        settings.public_url = Some("https://sms.example.com".to_owned());
        let app = app_with("twilio", settings).await;
        let (go, answers) = tokio::sync::oneshot::channel();
        fake.tell([Told::After(std::sync::Arc::new(std::sync::Mutex::new(Some(answers))), Box::new(answer))]);
        let id = queued(&app, "hello").await;
        let callback = fake.asked_for(1).await[0].fields()["StatusCallback"].as_str().unwrap().to_owned();
        for (word, error) in told {
            let mut params = vec![
                ("MessageSid", "SMquick"),
                ("MessageStatus", *word),
                ("From", OUR_NUMBER),
                ("To", CARLA),
            ];
            params.extend(error.map(|code| ("ErrorCode", code)));
            let form = crate::util::carrier::form(&params);
            let signature =
                smslite::carriers::twilio::sign(crate::util::AUTH_TOKEN, &callback, form.as_bytes());
            let headers = [crate::util::carrier::FORM, ("x-twilio-signature", signature.as_str())];
            let path = callback.strip_prefix("https://sms.example.com").unwrap();
            app.anonymous().ask("POST", path, &headers, form).await.expect(200);
        }
        let settled = app.state.app.outbox.settled.notified();
        go.send(()).unwrap();
        settled.await;
        let told = app.viewer().get(&format!("/sms/{id}/status")).await.json();
        let found = (&told["status"], &told["delivery_status"], told["error_code"].as_str());
        assert_eq!(found, (&json!(status), &json!(delivery), code), "{told}");
        assert_eq!(told["provider_message_id"], "SMquick");
    }
}

#[tokio::test]
async fn a_job_is_believed_only_for_its_own_customer() {
    let (fake, app, id) = unknown().await;
    let delivered = [("MessageSid", "SMother"), ("MessageStatus", "delivered")];
    tells_callback_of(&app, &fake, "+15550001111", &delivered).await;
    assert_eq!(app.viewer().get(&format!("/sms/{id}/status")).await.json()["status"], "unknown");
}
