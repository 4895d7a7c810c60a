//! Whatever comes to a webhook has an answer, and the good message after it is stored.

use crate::sms::{app_with, settings_of};
use crate::util::carrier::{FORM, telnyx_message};
use crate::util::fake_carrier::FakeCarrier;
use crate::util::{CARLA, TestApp};
use smslite::config::SignatureMode;

const JSON: (&str, &str) = ("content-type", "application/json");
const CARRIERS: [&str; 3] = ["twilio", "telnyx", "vonage"];

async fn app(mode: SignatureMode) -> TestApp {
    let mut settings = settings_of(&FakeCarrier::start().await);
    for carrier in [&mut settings.twilio.carrier, &mut settings.telnyx.carrier, &mut settings.vonage.carrier]
    {
        carrier.signatures = mode;
    }
    app_with("vonage", settings).await
}

fn bodies() -> Vec<((&'static str, &'static str), Vec<u8>)> {
    let telnyx = telnyx_message("m1", CARLA, "hello").to_string().into_bytes();
    let cut = telnyx[..telnyx.len() / 2].to_vec();
    vec![
        (JSON, Vec::new()),
        (FORM, Vec::new()),
        (("content-type", "text/plain"), b"hello".to_vec()),
        (("content-type", "application/octet-stream"), (0..=255).collect()),
        (JSON, cut),
        (FORM, b"MessageSid=SM1&From=%2B1555&Body=%E2%82".to_vec()),
        (FORM, b"msisdn=15559876543&to=15551234567&messageId=V1&text=%FF%FE&concat=true&concat-part=9999999999".to_vec()),
        (JSON, b"{\"a\": \"\\ud800\"}".to_vec()),
        (JSON, [vec![b'['; 20_000], vec![b']'; 20_000]].concat()),
        (JSON, b"{\"data\": {\"event_type\": \"message.received\", \"payload\": {\"id\": 7, \"from\": [], \"to\": {}}}}".to_vec()),
        (JSON, b"{\"message_uuid\": null, \"channel\": {}, \"text\": []}".to_vec()),
        (JSON, b"\xef\xbb\xbf{}".to_vec()),
        (FORM, [b"a=b&".repeat(16_000), b"c=d".to_vec()].concat()),
    ]
}

async fn is_well(app: &TestApp) {
    app.vonage_delivers("Vgood", CARLA, &[("text", "and then a good one")]).await.expect(200);
    let logs = app.viewer().get("/api/v1/sms-logs/?search=good").await.expect(200).json();
    assert_eq!(logs["total"], 1);
}

#[tokio::test]
async fn what_is_not_signed_is_refused_whatever_it_is() {
    let app = app(SignatureMode::Enforce).await;
    for carrier in CARRIERS {
        for (content_type, body) in bodies() {
            let answer = app
                .anonymous()
                .ask("POST", &format!("/webhooks/sms/{carrier}"), &[content_type], body.clone())
                .await;
            assert_eq!(answer.status, 403, "{carrier} {}: {}", String::from_utf8_lossy(&body), answer.text());
        }
    }
    assert_eq!(app.viewer().get("/api/v1/sms-logs/").await.json()["total"], 0);
    is_well(&app).await;
}

#[tokio::test]
async fn what_is_believed_and_cannot_be_read_is_kept_and_answered() {
    let app = app(SignatureMode::Off).await;
    for carrier in CARRIERS {
        for (content_type, body) in bodies() {
            // Twice: what came before is known.
            for _ in 0..2 {
                let path = format!("/webhooks/sms/{carrier}");
                let answer = app.anonymous().ask("POST", &path, &[content_type], body.clone()).await;
                let fits = answer.status == 200 || (carrier == "twilio" && answer.status == 415);
                assert!(fits, "{carrier} {}: {}", String::from_utf8_lossy(&body), answer.status);
            }
        }
    }
    is_well(&app).await;
}

#[tokio::test]
async fn a_body_that_is_too_large_and_a_method_that_is_none_are_refused() {
    let app = app(SignatureMode::Off).await;
    for carrier in CARRIERS {
        let path = format!("/webhooks/sms/{carrier}");
        app.anonymous().ask("POST", &path, &[FORM], vec![b'a'; 64 * 1024 + 1]).await.expect(413);
        let refused = app.anonymous().ask("PUT", &path, &[FORM], "a=b").await.expect(405);
        assert!(refused.header("allow").unwrap().contains("POST"));
    }
    app.anonymous().get("/webhooks/sms/telnyx").await.expect(405);
    for alias in ["/telnyx-webhook", "/telnyx-sms-webhook", "/vonage-sms-webhook", "/twilio-sms-webhook"] {
        for path in [alias.to_owned(), format!("{alias}/")] {
            assert_ne!(app.anonymous().post(&path, "{}").await.status, 404, "{path}");
        }
    }
    is_well(&app).await;
}
