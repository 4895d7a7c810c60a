//! What is refused is told to admins, with what they need to put it right.

use crate::sms::{app_of, app_with, settings_of};
use crate::util::carrier::{FORM, form, sms, telnyx_signature};
use crate::util::fake_carrier::FakeCarrier;
use crate::util::{CARLA, OUR_NUMBER, TestApp};
use serde_json::{Value, json};
use smslite::config::SignatureMode;

const PATH: &str = "/api/v1/carriers/refused-webhooks";

async fn refused(app: &TestApp) -> Vec<Value> {
    app.admin().get(PATH).await.expect(200).json().as_array().unwrap().clone()
}

#[tokio::test]
async fn a_wrong_proxy_setting_is_seen_by_the_url_that_was_checked() {
    let fake = FakeCarrier::start().await;
    let mut settings = settings_of(&fake);
    settings.public_url = Some("https://old.example.com".to_owned());
    let app = app_with("twilio", settings).await;
    let form = form(&sms("SM1", CARLA, OUR_NUMBER, "hello"));
    let signature = smslite::carriers::twilio::sign(
        crate::util::AUTH_TOKEN,
        "https://new.example.com/webhooks/sms/twilio",
        form.as_bytes(),
    );
    let headers = [FORM, ("x-twilio-signature", signature.as_str()), ("x-forwarded-host", "new.example.com")];
    app.anonymous().ask("POST", "/webhooks/sms/twilio", &headers, form).await.expect(403);
    let told = refused(&app).await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["carrier"], &told[0]["method"]), (&json!("twilio"), &json!("POST")));
    assert_eq!(told[0]["url"], "https://old.example.com/webhooks/sms/twilio");
    assert!(told[0]["reason"].as_str().unwrap().contains("does not match"), "{told:?}");
    assert_eq!(told[0]["headers"]["x-forwarded-host"], "new.example.com");
    let shown = told[0]["headers"]["x-twilio-signature"].as_str().unwrap();
    assert!(shown.ends_with("...") && shown.len() < signature.len(), "{shown}");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_seen_by_the_skew() {
    let app = app_of("telnyx", &FakeCarrier::start().await).await;
    let timestamp = (app.clock.now().unix_seconds() - 3600).to_string();
    let signature = telnyx_signature(&timestamp, "{}");
    let headers = [
        ("content-type", "application/json"),
        ("telnyx-timestamp", timestamp.as_str()),
        ("telnyx-signature-ed25519", &signature),
    ];
    app.anonymous().ask("POST", "/webhooks/sms/telnyx", &headers, "{}").await.expect(403);
    assert_eq!(refused(&app).await[0]["clock_skew_seconds"], 3600);
}

#[tokio::test]
async fn an_unknown_path_is_told_with_the_right_one() {
    let app = app_of("twilio", &FakeCarrier::start().await).await;
    app.anonymous().post("/api/twilio/sms-webhook", "{}").await.expect(404);
    app.anonymous().get("/robots.txt").await.expect(404);
    // Where nothing in the path tells whose it is, the signature does.
    app.anonymous().ask("POST", "/sms", &[FORM, ("x-twilio-signature", "abc=")], "From=1").await.expect(404);
    let told = refused(&app).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0]["carrier"], "twilio");
    let told = &told[1..];
    assert!(told[0]["reason"].as_str().unwrap().contains("/webhooks/sms/twilio"), "{told:?}");
    assert!(told[0]["url"].as_str().unwrap().ends_with("/api/twilio/sms-webhook"));
}

#[tokio::test]
async fn what_is_kept_in_spite_of_its_signature_is_told_too() {
    let fake = FakeCarrier::start().await;
    let mut settings = settings_of(&fake);
    settings.twilio.carrier.signatures = SignatureMode::Report;
    let app = app_with("twilio", settings).await;
    let form = form(&sms("SM1", CARLA, OUR_NUMBER, "hello"));
    app.anonymous().ask("POST", "/webhooks/sms/twilio", &[FORM], form).await.expect(200);
    assert!(refused(&app).await[0]["reason"].as_str().unwrap().contains("X-Twilio-Signature"));
    assert_eq!(app.viewer().get("/api/v1/sms-logs/").await.json()["total"], 1);
}

#[tokio::test]
async fn only_admins_see_them_and_a_flood_of_them_is_bounded() {
    let app = app_of("twilio", &FakeCarrier::start().await).await;
    app.user().get(PATH).await.expect(403);
    app.anonymous().get(PATH).await.expect(401);
    for number in 0..120 {
        app.anonymous().post(&format!("/webhook/{number}"), "{}").await.expect(404);
    }
    let told = refused(&app).await;
    assert_eq!(told.len(), 100);
    assert!(told[0]["url"].as_str().unwrap().ends_with("/webhook/119"), "the newest first");
}

#[tokio::test]
async fn an_organization_has_an_account_of_its_own() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    let one = "/api/v1/carriers/twilio";
    let put = async |body: Value, status| {
        let json = [("content-type", "application/json")];
        app.admin().ask("PUT", one, &json, body.to_string()).await.expect(status).json()
    };
    put(json!({}), 422).await;
    put(json!({"secret": "x", "verifying": ["a", "b", "c"]}), 422).await;
    put(json!({"secret": "line\nbreak"}), 422).await;
    put(json!({"secret": "x", "passwort": "y"}), 422).await;
    let account = json!({"account_id": "ACown", "secret": "own-token", "verifying": ["older-token"]});
    let shown = put(account, 200).await;
    assert_eq!(
        (&shown["account"], &shown["account_id"], &shown["can_send"]),
        (&json!("organization"), &json!("ACown"), &json!(true))
    );
    assert!(!shown.to_string().contains("own-token"), "{shown}");
    // From now on its own token counts, or the older one while it is being rotated, and then the server's.
    let url = format!("http://{}/webhooks/sms/twilio", app.address);
    for (sid, token, status) in [
        ("SM1", "another", 403),
        ("SM2", "own-token", 200),
        ("SM3", "older-token", 200),
        ("SM4", crate::util::AUTH_TOKEN, 200),
    ] {
        let form = form(&[
            ("MessageSid", sid),
            ("AccountSid", "ACown"),
            ("From", CARLA),
            ("To", OUR_NUMBER),
            ("Body", "hi"),
        ]);
        let signature = smslite::carriers::twilio::sign(token, &url, form.as_bytes());
        let headers = [FORM, ("x-twilio-signature", signature.as_str())];
        app.anonymous().ask("POST", "/webhooks/sms/twilio", &headers, form.clone()).await.expect(status);
    }
    let id = crate::sms::queued(&app, "hello").await;
    crate::sms::once(&app, &id, "status", "sent").await;
    assert!(fake.asked()[0].path.contains("/Accounts/ACown/"));
    app.user().delete(one).await.expect(403);
    let back = app.admin().delete(one).await.expect(200).json();
    assert_eq!(back["account"], "server");
    app.admin().delete(one).await.expect(404);
    app.admin().delete("/api/v1/carriers/sandbox").await.expect(404);
    assert_eq!(app.admin().get("/api/v1/carriers").await.expect(200).json().as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn nobody_stops_or_takes_what_is_anothers_by_what_they_say_of_their_account() {
    let fake = FakeCarrier::start().await;
    let app = app_of("telnyx", &fake).await;
    app.organization("other", "sl_live_other").await;
    let other = app.with_token("sl_live_other");
    let json = [("content-type", "application/json")];
    other.post("/api/v1/assistants", r#"{"name": "Squatter"}"#).await.expect(201);
    let number = json!({"phone_number": OUR_NUMBER, "provider": "telnyx"}).to_string();
    other.post("/api/v1/assistants/1/phone-numbers/assign-by-number", &number).await.expect(200);
    // They name the server's own account, with a secret of theirs, and have a key of their own at Telnyx.
    let twilio = json!({"account_id": "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "secret": "evil"}).to_string();
    other.ask("PUT", "/api/v1/carriers/twilio", &json, twilio).await.expect(200);
    let telnyx = json!({"verifying": ["CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk="]}).to_string();
    other.ask("PUT", "/api/v1/carriers/telnyx", &json, telnyx).await.expect(200);
    app.twilio().delivers("SM1", CARLA, "by Twilio").await;
    app.telnyx_posts(&crate::util::carrier::telnyx_message("m1", CARLA, "by Telnyx")).await.expect(200);
    // To a number that nobody has, too.
    let mut stray = crate::util::carrier::telnyx_message("m2", CARLA, "astray");
    stray["data"]["payload"]["to"][0]["phone_number"] = json!("+15550009999");
    app.telnyx_posts(&stray).await.expect(200);
    let total =
        async |who: &crate::util::client::Person| who.get("/api/v1/sms-logs/").await.json()["total"].clone();
    assert_eq!((total(&app.viewer()).await, total(&other).await), (json!(3), json!(0)));
}
