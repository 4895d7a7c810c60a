//! What carriers tell of messages of ours when the phone plays them.

use super::phone::actor;
use crate::sms::{app_of, assign, log, once, queued};
use crate::util::fake_carrier::{FakeCarrier, Told};
use crate::util::{OUR_NUMBER, TestApp};
use serde_json::{Value, json};
use smslite::model::ids::MessageLogId;
use smslite::model::message_log::DeliveryStatus::{
    self, Delivered, Failed, Queued, Received, Sent, Undelivered,
};
use smslite::web::error::ApiError;
use smslite::web::webhooks::told::{Became, ToldOut, carrier_tells};

async fn tells(app: &TestApp, status: DeliveryStatus, code: Option<&str>) -> Result<ToldOut, ApiError> {
    carrier_tells(&app.state, &actor(app), MessageLogId(1), status, code).await
}

async fn receipts_of(app: &TestApp) -> usize {
    let steps = app.viewer().get("/api/v1/sms/1/logs").await.expect(200).json();
    let steps = steps["logs"].as_array().unwrap().clone();
    steps.iter().filter(|step| step["event_type"] == "receipt_received").count()
}

#[tokio::test]
async fn a_status_moves_forward_by_the_signed_webhook_and_never_back() {
    for carrier in ["twilio", "telnyx", "vonage"] {
        let app = app_of(carrier, &FakeCarrier::start().await).await;
        let id = queued(&app, "hello").await;
        once(&app, &id, "status", "sent").await;
        let rows = [
            (Sent, None, Became::Moved(Sent)),
            (Queued, None, Became::TooLate(Sent)),
            (Undelivered, Some("6"), Became::Moved(Undelivered)),
            (Delivered, None, Became::TooLate(Undelivered)),
        ];
        for (status, code, expected) in rows {
            let told = tells(&app, status, code).await.unwrap();
            assert_eq!(told.became, expected, "{carrier} {status:?} {told:?}");
            let exchange = told.exchange.unwrap();
            assert_eq!(exchange.status, 200, "{carrier}");
            assert!(exchange.url.contains(&format!("/webhooks/sms/{carrier}")), "{}", exchange.url);
        }
        let log = log(&app, "outbound").await;
        assert_eq!((&log["status"], &log["error_code"]), (&json!("undelivered"), &json!("6")), "{carrier}");
        assert_eq!(receipts_of(&app).await, 4, "{carrier}");
    }
}

#[tokio::test]
async fn a_receipt_settles_what_nobody_knows_the_outcome_of() {
    for carrier in ["twilio", "telnyx", "vonage"] {
        let fake = FakeCarrier::start().await;
        let app = app_of(carrier, &fake).await;
        fake.tell([Told::json(200, &Value::Null)]);
        let id = queued(&app, "hello").await;
        once(&app, &id, "status", "unknown").await;
        let told = tells(&app, Delivered, None).await.unwrap();
        assert_eq!(told.became, Became::Moved(Delivered), "{carrier} {told:?}");
        let status = once(&app, &id, "status", "sent").await;
        assert_eq!(status["delivery_status"], "delivered", "{carrier}");
    }
}

#[tokio::test]
async fn what_no_carrier_took_is_told_of_by_none() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    fake.tell([Told::twilio(400, 21614)]);
    let id = queued(&app, "hello").await;
    once(&app, &id, "status", "failed").await;
    let told = tells(&app, Delivered, None).await.unwrap();
    assert_eq!((told.became, told.exchange), (Became::TooLate(Failed), None));
    app.twilio().delivers("SM1", crate::util::CARLA, "hi").await;
    for (log, status) in [(2, Delivered), (9, Delivered), (1, Received)] {
        let told = carrier_tells(&app.state, &actor(&app), MessageLogId(log), status, None).await;
        assert!(matches!(told, Err(ApiError::NotFoundBecause(_) | ApiError::Invalid(_))), "{log} {told:?}");
    }
}

/// A message to a number of the sandbox's table.
async fn to_sandbox(app: &TestApp, customer: &str) -> String {
    assign(app, OUR_NUMBER, "sandbox").await;
    let sms = json!({"from_phone_number": OUR_NUMBER, "to_phone_number": customer, "message": "hi"});
    let told = app.user().post("/sms/send", &sms.to_string()).await.expect(200).json();
    told["message_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_sandbox_tells_at_once_what_it_is_told_and_goes_on_from_there() {
    let app = TestApp::start().await;
    let id = to_sandbox(&app, "+15005550011").await;
    once(&app, &id, "status", "sent").await;
    let told = tells(&app, Sent, None).await.unwrap();
    assert_eq!((told.became, &told.exchange), (Became::Moved(Sent), &None));
    assert_eq!(tells(&app, Failed, Some("30008")).await.unwrap().became, Became::Moved(Failed));
    assert_eq!(tells(&app, Delivered, None).await.unwrap().became, Became::TooLate(Failed));
    // Its own receipt is due, and finds that it is over.
    app.advance(31 * crate::util::SECOND);
    while !app.state.app.store.snapshot().unwrap().outbox_heads(None, |_| true).unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let log = log(&app, "outbound").await;
    assert_eq!((&log["status"], &log["error_code"]), (&json!("failed"), &json!("30008")));
}

#[tokio::test]
async fn the_number_that_the_sandbox_never_tells_of_is_told_of_by_hand() {
    let app = TestApp::start().await;
    let id = to_sandbox(&app, "+15005550015").await;
    once(&app, &id, "status", "unknown").await;
    assert_eq!(tells(&app, Delivered, None).await.unwrap().became, Became::Moved(Delivered));
    let told = once(&app, &id, "status", "sent").await;
    assert_eq!(told["provider_message_id"], format!("sandbox-{id}"));
}
