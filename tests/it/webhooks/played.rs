//! Webhooks that are made in the process: their signatures are really made and really checked, and no door for others.

use super::phone::{actor, header_pairs};
use crate::sms::{app_of, app_with, settings_of};
use crate::util::fake_carrier::FakeCarrier;
use crate::util::{CARLA, OUR_NUMBER, SECOND, TestApp};
use serde_json::json;
use smslite::carriers::played::{Api, CustomerSms, SignedRequest, inbound, message_id};
use smslite::config::SignatureMode;
use smslite::web::webhooks::played::{bring, secrets, webhook_url};

const CARRIERS: [(Api, &str); 4] = [
    (Api::Twilio, "twilio"),
    (Api::Telnyx, "telnyx"),
    (Api::VonageSms, "vonage"),
    (Api::VonageMessages, "vonage"),
];

/// A message that Carla wrote, for this server.
fn written(app: &TestApp, api: Api, url: &str) -> SignedRequest {
    let sms = CustomerSms {
        message_id: message_id(api, false, [7; 32]),
        from: CARLA.to_owned(),
        to: OUR_NUMBER.to_owned(),
        body: "hello".to_owned(),
        ..CustomerSms::default()
    };
    inbound(api, secrets(), &sms, url, app.clock.now()).unwrap()
}

/// Whether it was taken.
async fn brought(app: &TestApp, api: Api, signed: &SignedRequest) -> u16 {
    bring(&app.state, actor(app).organization, api.provider(), signed).await.status
}

async fn logs(app: &TestApp) -> serde_json::Value {
    app.viewer().get("/api/v1/sms-logs/").await.expect(200).json()["total"].clone()
}

#[tokio::test]
async fn one_with_a_byte_changed_or_from_another_hour_is_refused() {
    for (api, carrier) in CARRIERS {
        let app = app_of(carrier, &FakeCarrier::start().await).await;
        let signed = written(&app, api, &webhook_url(&app.state, api.provider()));
        let body = String::from_utf8(signed.body.clone()).unwrap().replace("hello", "hullo").into_bytes();
        assert_ne!(body, signed.body);
        let changed = SignedRequest { body, ..signed.clone() };
        assert_eq!(brought(&app, api, &changed).await, 403, "{api:?}");
        if api != Api::Twilio {
            app.advance(600 * SECOND);
            assert_eq!(brought(&app, api, &signed).await, 403, "{api:?}: signed ten minutes ago");
            app.advance(-600 * SECOND);
        }
        assert_eq!(logs(&app).await, 0, "{api:?}");
        assert_eq!(brought(&app, api, &signed).await, 200, "{api:?}");
        assert_eq!(brought(&app, api, &signed).await, 200, "{api:?}: again");
        assert_eq!(logs(&app).await, 1, "{api:?}");
    }
}

#[tokio::test]
async fn one_for_another_url_is_refused() {
    let app = app_of("twilio", &FakeCarrier::start().await).await;
    let signed = written(&app, Api::Twilio, "https://sms.example.com/webhooks/sms/twilio");
    assert_eq!(brought(&app, Api::Twilio, &signed).await, 404);
    let url = webhook_url(&app.state, Api::Twilio.provider());
    let moved = SignedRequest { url: format!("{url}?job=1"), ..written(&app, Api::Twilio, &url) };
    assert_eq!(brought(&app, Api::Twilio, &moved).await, 403);
}

#[tokio::test]
async fn what_comes_from_the_network_is_not_believed_by_the_same_secrets() {
    for (api, carrier) in CARRIERS {
        let app = app_of(carrier, &FakeCarrier::start().await).await;
        let path = format!("/webhooks/sms/{carrier}");
        let signed = written(&app, api, &format!("http://{}{path}", app.address));
        let answer = app.anonymous().ask("POST", &path, &header_pairs(&signed), signed.body.clone()).await;
        assert_eq!(answer.status, 403, "{api:?}");
        assert_eq!(logs(&app).await, 0, "{api:?}");
    }
}

#[tokio::test]
async fn where_signatures_are_not_checked_it_is_as_any() {
    let mut settings = settings_of(&FakeCarrier::start().await);
    settings.twilio.carrier.signatures = SignatureMode::Off;
    let app = app_with("twilio", settings).await;
    let signed = written(&app, Api::Twilio, &webhook_url(&app.state, Api::Twilio.provider()));
    let headers = signed.headers.iter().filter(|(name, _)| name != "X-Twilio-Signature").cloned().collect();
    assert_eq!(brought(&app, Api::Twilio, &SignedRequest { headers, ..signed }).await, 200);
    let steps = app.viewer().get("/api/v1/sms/1/logs").await.expect(200).json();
    assert!(steps.to_string().contains("not_checked"), "{steps}");
}

#[tokio::test]
async fn behind_a_public_url_it_is_signed_for_that() {
    let mut settings = settings_of(&FakeCarrier::start().await);
    settings.public_url = Some("http://localhost:8000/sms".to_owned());
    let app = app_with("twilio", settings).await;
    let url = webhook_url(&app.state, Api::Twilio.provider());
    assert_eq!(url, "http://localhost:8000/sms/webhooks/sms/twilio");
    assert_eq!(brought(&app, Api::Twilio, &written(&app, Api::Twilio, &url)).await, 200);
    assert_eq!(crate::sms::log(&app, "inbound").await["body"], json!("hello"));
}
