//! What is told is signed as Standard Webhooks has it.

use super::app_that_forwards;
use crate::util::fake_carrier::{Asked, FakeCarrier};
use crate::util::{CARLA, DAY, TestApp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

const PATH: &str = "/api/v1/assistants/1/sms-webhook-secret";

async fn secrets(app: &TestApp) -> Vec<String> {
    let answer = app.admin().get(PATH).await.expect(200).json();
    let secrets = answer["secrets"].as_array().unwrap().iter();
    secrets.map(|it| it["secret"].as_str().unwrap().to_owned()).collect()
}

/// The specification's signature, written anew.
fn signed(asked: &Asked, secret: &str) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let (id, at) = (asked.header("webhook-id").unwrap(), asked.header("webhook-timestamp").unwrap());
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(&asked.body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn each_request_is_signed_with_the_assistants_secret() {
    let receiver = FakeCarrier::start().await;
    let app = app_that_forwards(&receiver).await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    let asked = receiver.asked_for(1).await.remove(0);
    let secrets = secrets(&app).await;
    assert_eq!(secrets.len(), 1);
    assert_eq!(asked.header("webhook-signature").unwrap(), signed(&asked, &secrets[0]));
    assert_eq!(asked.header("webhook-timestamp"), Some("1777543200"));
}

#[tokio::test]
async fn a_rotated_secret_signs_beside_the_new_one_for_as_long_as_is_said() {
    let receiver = FakeCarrier::start().await;
    let app = app_that_forwards(&receiver).await;
    let old = secrets(&app).await.remove(0);
    let answer = app.admin().post(PATH, r#"{"keep_seconds": 86400}"#).await.expect(200).json();
    assert_eq!(answer["secrets"][1], json!({"secret": old, "expires_at": "2026-05-01T10:00:00Z"}));
    let new = secrets(&app).await.remove(0);
    assert_ne!(new, old);
    app.twilio().delivers("SM1", CARLA, "hello").await;
    let asked = receiver.asked_for(1).await.remove(0);
    let both = format!("{} {}", signed(&asked, &new), signed(&asked, &old));
    assert_eq!(asked.header("webhook-signature").unwrap(), both);
    app.advance(DAY);
    assert_eq!(secrets(&app).await, std::slice::from_ref(&new));
    app.twilio().delivers("SM2", CARLA, "hello").await;
    let asked = receiver.asked_for(2).await.remove(1);
    assert_eq!(asked.header("webhook-signature").unwrap(), signed(&asked, &new));
}

#[tokio::test]
async fn a_secret_may_be_given_and_is_for_admins() {
    let app = app_that_forwards(&FakeCarrier::start().await).await;
    let given = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    app.admin().post(PATH, &json!({"secret": given, "keep_seconds": 0}).to_string()).await.expect(200);
    assert_eq!(secrets(&app).await, [given]);
    for body in [r#"{"secret": "hunter2"}"#, r#"{"secret": "whsec_QUJD"}"#, r#"{"keep_seconds": 2592001}"#] {
        app.admin().post(PATH, body).await.expect(422);
    }
    app.user().get(PATH).await.expect(403);
    app.user().post(PATH, "{}").await.expect(403);
    app.admin().get("/api/v1/assistants/9/sms-webhook-secret").await.expect(404);
    let shown = app.viewer().get("/api/v1/assistants/1").await.text();
    assert!(!shown.contains("whsec_"), "{shown}");
}

#[tokio::test]
async fn secrets_move_with_an_export_that_has_secrets_and_with_no_other() {
    let app = app_that_forwards(&FakeCarrier::start().await).await;
    let secret = secrets(&app).await.remove(0);
    let export = async |query: &str| app.admin().get(&format!("/api/v1/export{query}")).await.text();
    assert!(!export("").await.contains(&secret));
    let whole = export("?with_secrets=true").await;
    assert!(whole.contains(&secret), "{whole}");
    let other = TestApp::start().await;
    let line = json!({"type": "assistant", "id": 5, "name": "Moved", "sms_webhook_secrets": [{"secret": secret, "expires_at": null}]});
    other.imports(format!("{line}\n")).await;
    let moved = other.admin().get("/api/v1/assistants/5/sms-webhook-secret").await.expect(200).json();
    assert_eq!(moved["secrets"][0]["secret"], json!(secret));
}

#[tokio::test]
async fn what_may_be_secret_in_a_url_is_in_no_timeline() {
    let receiver = FakeCarrier::start().await;
    let app = app_that_forwards(&receiver).await;
    super::forward_to(&app, Some(&format!("{}/hook/abc?key=abc", receiver.url()))).await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    assert_eq!(receiver.asked_for(1).await[0].path, "/hook/abc?key=abc");
    let step = super::steps(&app, 1, "forward_attempted", 1).await.remove(0);
    assert_eq!(step["event_data"]["url"], json!(receiver.url()));
}
