//! `/sms/...` and what follows from it: messages of ours on their way to customers.

mod auto_reply;
mod killed;
mod opt_outs;
mod outcomes;
mod receipts;
mod sandbox;
mod send;

use crate::util::carrier::{VONAGE_SECRET, telnyx_public_key};
use crate::util::client::{Answer, Person};
use crate::util::fake_carrier::FakeCarrier;
use crate::util::{CARLA, OUR_NUMBER, TestApp, settings};
use serde_json::{Value, json};
use smslite::config::{Secret, Settings};

/// A server whose `OUR_NUMBER` is of this carrier, whom it may ask.
pub async fn app_of(carrier: &str, fake: &FakeCarrier) -> TestApp {
    app_with(carrier, settings_of(fake)).await
}

pub async fn app_with(carrier: &str, settings: Settings) -> TestApp {
    let app = TestApp::start_with(settings).await;
    assign(&app, OUR_NUMBER, carrier).await;
    app
}

pub async fn assign(app: &TestApp, number: &str, carrier: &str) {
    let body = json!({"phone_number": number, "provider": carrier});
    let path = "/api/v1/assistants/1/phone-numbers/assign-by-number";
    app.admin().post(path, &body.to_string()).await.expect(200);
}

/// Every carrier is configured, with the credentials that the captured requests have, and is to be found at the fake one.
pub fn settings_of(fake: &FakeCarrier) -> Settings {
    let secret = |text: &str| Some(Secret::new(text.to_owned()));
    let mut settings = settings();
    settings.twilio.account_sid = Some("ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned());
    settings.telnyx.api_key = secret("KEY0123_test");
    settings.vonage.api_key = Some("abcd1234".to_owned());
    settings.vonage.api_secret = secret("s3cr3t");
    for carrier in [&mut settings.twilio.carrier, &mut settings.telnyx.carrier, &mut settings.vonage.carrier]
    {
        carrier.base_url = Some(fake.url());
    }
    settings.vonage.signature_secrets = vec![Secret::new(VONAGE_SECRET.to_owned())];
    settings.telnyx.public_keys = vec![telnyx_public_key()];
    settings
}

/// Asks to send to Carla.
pub async fn send(who: &Person, message: &str) -> Answer {
    who.post("/sms/send", &body(message).to_string()).await
}

pub fn body(message: &str) -> Value {
    json!({"from_phone_number": OUR_NUMBER, "to_phone_number": CARLA, "message": message})
}

/// The id of a message that is queued.
pub async fn queued(app: &TestApp, message: &str) -> String {
    let answer = send(&app.user(), message).await.expect(200).json();
    assert_eq!((&answer["success"], &answer["status"]), (&json!(true), &json!("queued")));
    answer["message_id"].as_str().unwrap().to_owned()
}

/// What is told of a message once it is in this status.
pub async fn once(app: &TestApp, id: &str, field: &str, status: &str) -> Value {
    loop {
        let settled = app.state.app.outbox.settled.notified();
        let told = app.viewer().get(&format!("/sms/{id}/status")).await.expect(200).json();
        if told[field] == status {
            return told;
        }
        settled.await;
    }
}

/// The only message log of this direction.
pub async fn log(app: &TestApp, direction: &str) -> Value {
    let logs = app.viewer().get(&format!("/api/v1/sms-logs/?direction={direction}")).await.expect(200).json();
    assert_eq!(logs["total"], 1, "{logs}");
    logs["items"][0].clone()
}
