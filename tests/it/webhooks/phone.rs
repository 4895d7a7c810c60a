//! The phone: who is signed in writes as a customer, and it comes as if the carrier had brought it.

use crate::sms::{app_of, assign, log};
use crate::util::fake_carrier::FakeCarrier;
use crate::util::{CARLA, OUR_NUMBER, TestApp};
use serde_json::{Value, json};
use smslite::carriers::played::SignedRequest;
use smslite::model::account::{Actor, Role};
use smslite::model::address::Address;
use smslite::model::ids::{CallId, UserId};
use smslite::web::AppState;
use smslite::web::error::ApiError;
use smslite::web::webhooks::phone::{WrittenOut, customer_writes};

pub fn actor(app: &TestApp) -> Actor {
    let organization = app.state.app.store.directory().oldest_organization().unwrap();
    Actor { organization, user_id: UserId(1), role: Role::User, now: app.clock.now(), until: None }
}

pub fn header_pairs(signed: &SignedRequest) -> Vec<(&str, &str)> {
    signed.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

pub fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

async fn writes(state: &AppState, actor: &Actor, body: &str) -> Result<WrittenOut, ApiError> {
    customer_writes(state, actor, &address(CARLA), &address(OUR_NUMBER), body, &[]).await
}

#[tokio::test]
async fn a_message_comes_by_the_signed_webhook_of_the_numbers_carrier() {
    for (carrier, signature) in
        [("twilio", "X-Twilio-Signature"), ("telnyx", "telnyx-signature-ed25519"), ("vonage", "")]
    {
        let app = app_of(carrier, &FakeCarrier::start().await).await;
        let written = writes(&app.state, &actor(&app), "Grüße 👍").await.unwrap();
        let [exchange] = written.exchanges.as_slice() else { panic!("{written:?}") };
        assert_eq!((exchange.status, exchange.method.as_str()), (200, "POST"), "{exchange:?}");
        assert!(exchange.url.ends_with(&format!("/webhooks/sms/{carrier}")), "{exchange:?}");
        let shown = exchange.headers.iter().find(|(name, _)| name == signature);
        assert!(shown.is_none_or(|(_, value)| value.len() == 19 && value.ends_with("...")), "{shown:?}");
        assert_eq!(shown.is_none(), signature.is_empty());
        assert_eq!(written.conversation, Some(CallId(1)));
        let log = log(&app, "inbound").await;
        assert_eq!(
            (&log["provider"], &log["provider_message_id"], &log["body"]),
            (&json!(carrier), &json!(written.message_id), &json!("Grüße 👍"))
        );
        let payload = app.admin().get("/api/v1/sms-logs/1").await.expect(200).json();
        assert!(payload["provider_payload"].is_object(), "{payload}");
        let steps = app.viewer().get("/api/v1/sms/1/logs").await.expect(200).json();
        assert!(steps.to_string().contains(r#""signature":"valid""#), "{steps}");
        let again = writes(&app.state, &actor(&app), "Grüße 👍").await.unwrap();
        assert_ne!(again.message_id, written.message_id, "each is a message of its own");
    }
}

#[tokio::test]
async fn a_sandbox_number_is_written_to_as_twilio_does_and_answered_by_the_sandbox() {
    let app = TestApp::start().await;
    assign(&app, OUR_NUMBER, "sandbox").await;
    let written = writes(&app.state, &actor(&app), "hello").await.unwrap();
    assert!(written.exchanges[0].url.ends_with("/webhooks/sms/twilio"));
    assert!(written.exchanges[0].answer.contains("<Response>"));
    let messages = app.viewer().get("/api/v1/sms-conversations/1/messages").await.expect(200).json();
    assert_eq!(messages[0]["content"], "hello");
}

#[tokio::test]
async fn a_long_message_comes_from_vonage_in_parts_and_is_one() {
    let app = app_of("vonage", &FakeCarrier::start().await).await;
    let long = "All work and no play makes Jack a dull boy. ".repeat(9);
    let written = writes(&app.state, &actor(&app), &long).await.unwrap();
    assert_eq!(written.exchanges.len(), 3, "{written:?}");
    assert_eq!(log(&app, "inbound").await["body"], json!(long));
}

#[tokio::test]
async fn what_no_customer_could_have_written_is_refused_in_words() {
    let app = app_of("vonage", &FakeCarrier::start().await).await;
    let who = actor(&app);
    let said = async |from: &str, to: &str, body: &str, media: &[&str]| {
        let media: Vec<String> = media.iter().map(|url| (*url).to_owned()).collect();
        let written = customer_writes(&app.state, &who, &address(from), &address(to), body, &media).await;
        format!("{:?}", written.unwrap_err())
    };
    assert!(said(CARLA, "+15550009999", "hi", &[]).await.contains("no number of yours"));
    assert!(said(OUR_NUMBER, OUR_NUMBER, "hi", &[]).await.contains("another number"));
    assert!(said(CARLA, OUR_NUMBER, "", &[]).await.contains("at least 1 character"));
    assert!(said(CARLA, OUR_NUMBER, &"x".repeat(1601), &[]).await.contains("1600"));
    assert!(said(CARLA, OUR_NUMBER, "", &["javascript:alert(1)"]).await.contains("media_urls"));
    let two = ["https://example.com/a.png", "https://example.com/b.png"];
    assert!(said(CARLA, OUR_NUMBER, "", &two).await.contains("at most 1 files"));
    let viewer = Actor { role: Role::Viewer, ..who };
    assert!(matches!(writes(&app.state, &viewer, "hi").await, Err(ApiError::Forbidden)));
    let total: Value = app.viewer().get("/api/v1/sms-logs/").await.json()["total"].clone();
    assert_eq!(total, 0);
}

#[tokio::test]
async fn nobody_writes_to_a_number_of_another_organization() {
    let app = app_of("twilio", &FakeCarrier::start().await).await;
    app.organization("other", "sl_live_other").await;
    let organization = app.state.app.store.directory().view().organizations().nth(1).unwrap().0;
    let other = Actor { organization, ..actor(&app) };
    let written = writes(&app.state, &other, "hi").await;
    assert!(matches!(written, Err(ApiError::NotFoundBecause(_))), "{written:?}");
}
