//! `/assistants`: who answers at which numbers, and what to paste at the carriers.

use super::{Browser, place, press};
use crate::util::{CARLA, OUR_NUMBER, TestApp, settings};
use serde_json::{Value, json};
use smslite::config::{Secret, Settings, SignatureMode};

async fn first(app: &TestApp) -> Value {
    app.admin().get("/api/v1/assistants/1").await.expect(200).json()
}

fn fields<'a>(name: &'a str, url: &'a str, auto_reply: &'a str) -> [(&'a str, &'a str); 3] {
    [("name", name), ("sms_webhook_url", url), ("auto_reply", auto_reply)]
}

#[tokio::test]
async fn an_assistant_is_made_changed_and_deleted() {
    let app = TestApp::start().await;
    let ann = Browser::of(&app, "ann@example.com", "user").await;
    let made = ann.press("/assistants", &fields("Night Bot", "https://bot.example/hook", "echo")).await;
    assert_eq!(place(made), "/assistants?said=assistant-made#assistant-2");
    let page = ann.get("/assistants?said=assistant-made").await.expect(200).text();
    for shown in [
        "The assistant was made.",
        "Night Bot",
        "echoes each message",
        "<code>https://bot.example/hook</code>",
    ] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    let changed = ann.press("/assistants/2", &fields("Day Bot", "", "")).await;
    assert_eq!(place(changed), "/assistants?said=assistant-changed#assistant-2");
    let known = app.admin().get("/api/v1/assistants/2").await.expect(200).json();
    assert_eq!(
        (&known["name"], &known["sms_webhook_url"], &known["custom_settings"]),
        (&json!("Day Bot"), &Value::Null, &json!({}))
    );
    assert!(ann.get("/assistants").await.text().contains("This cannot be undone"), "it asks first");
    let deleted = ann.press("/assistants/2/delete", &[]).await;
    assert_eq!(place(deleted), "/assistants?said=assistant-deleted");
    app.admin().get("/api/v1/assistants/2").await.expect(404);
    for path in ["/assistants/2", "/assistants/2/delete"] {
        ann.press(path, &fields("x", "", "")).await.expect(404);
    }
}

#[tokio::test]
async fn other_settings_and_rules_of_an_assistant_stay() {
    let app = TestApp::start().await;
    let rules = json!([{"exact": "hi", "reply": "Hello!"}]);
    let body = json!({"custom_settings": {"auto_reply": rules, "mood": "good"}, "description": "kept"});
    let patch = [("content-type", "application/json")];
    app.admin().ask("PATCH", "/api/v1/assistants/1", &patch, body.to_string()).await.expect(200);
    let page = app.user().get("/assistants").await.expect(200).text();
    assert!(page.contains("answers by rules (1)") && page.contains("value=\"rules\" selected"), "{page}");
    for (word, auto_reply) in [("rules", rules), ("echo", json!("echo")), ("", Value::Null)] {
        place(press(&app.user(), "/assistants/1", &fields("Support Bot", "", word)).await);
        let known = first(&app).await;
        assert_eq!(known["custom_settings"]["auto_reply"], auto_reply, "{word}");
        assert_eq!(
            (&known["custom_settings"]["mood"], &known["description"]),
            (&json!("good"), &json!("kept"))
        );
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_what_was_typed() {
    let app = TestApp::start().await;
    let bad_url = fields("Typed <name>", "ftp://typed.example", "echo");
    let number = |number, provider| {
        [("phone_number", number), ("provider", provider), ("friendly_name", "Typed <name>")]
    };
    for (path, form, says) in [
        ("/assistants", bad_url, "sms webhook url: Input should be a URL"),
        ("/assistants", fields("", "", "Typed <name>"), "name: Input should have 1 to 100 characters"),
        ("/assistants/1", bad_url, "sms webhook url: Input should be a URL"),
        ("/assistants/1/numbers", number("no number!", "twilio"), "phone number: "),
        ("/assistants/1/numbers", number("+15550001111", "pigeon"), "provider: There is no such carrier"),
    ] {
        let page = press(&app.user(), path, &form).await.expect(422).text();
        let alert = page.split("role=\"alert\">").nth(1).unwrap_or_default();
        assert!(alert.starts_with(says), "{path} {form:?}\n{alert}");
        assert!(page.contains("open><summary>"), "the form is open: {path}");
        if !form[0].1.is_empty() {
            let typed = form[0].1.replace('<', "&#60;").replace('>', "&#62;");
            assert!(page.contains(&format!("value=\"{typed}\"")), "{typed}\n{page}");
        }
        assert_eq!(first(&app).await["name"], "Support Bot");
    }
    press(&app.user(), "/assistants/9/numbers", &number("+15550001111", "")).await.expect(404);
}

#[tokio::test]
async fn a_number_is_given_with_its_carrier_and_taken_away() {
    let app = TestApp::start().await;
    let form = [("phone_number", "+15550001111"), ("provider", "vonage"), ("friendly_name", "Night line")];
    let given = press(&app.user(), "/assistants/1/numbers", &form).await;
    assert_eq!(place(given), "/assistants?said=number-assigned#assistant-1");
    let page = app.user().get("/assistants").await.text();
    assert!(page.contains("<bdi>+15550001111</bdi></td><td data-name=\"Carrier\">vonage</td>"), "{page}");
    assert!(page.contains("Night line"), "{page}");
    let taken =
        press(&app.user(), "/assistants/1/numbers/take-away", &[("phone_number", "+15550001111")]).await;
    assert_eq!(place(taken), "/assistants?said=number-unassigned#assistant-1");
    let page = app.user().get("/assistants").await.text();
    let nobodys = page.split("id=\"unassigned\"").nth(1).expect("numbers that nobody has");
    assert!(nobodys.contains("+15550001111"), "{nobodys}");
}

#[tokio::test]
async fn a_viewer_reads_and_changes_nothing() {
    let app = TestApp::start().await;
    let vera = Browser::of(&app, "vera@example.com", "viewer").await;
    let page = vera.get("/assistants").await.expect(200).text();
    assert_eq!(page.matches("method=\"post\"").count(), 1, "signing out alone\n{page}");
    assert!(page.contains("Support Bot") && page.contains("/webhooks/sms/twilio"), "{page}");
    assert!(!page.contains("href=\"/phone\"") && !page.contains("can send"), "{page}");
    for path in [
        "/assistants",
        "/assistants/1",
        "/assistants/1/delete",
        "/assistants/1/numbers",
        "/assistants/1/numbers/take-away",
    ] {
        vera.press(path, &[("name", "x"), ("phone_number", OUR_NUMBER)]).await.expect(403);
    }
    assert_eq!(first(&app).await["name"], "Support Bot");
}

#[tokio::test]
async fn each_carrier_has_the_exact_url_to_paste() {
    let called = TestApp::start().await;
    let here = format!("http://{}", called.address);
    let public = Settings { public_url: Some("https://sms.example.com/x".to_owned()), ..settings() };
    let public = TestApp::start_with(public).await;
    let plain = Settings { public_url: Some("http://sms.example.com".to_owned()), ..settings() };
    let plain = TestApp::start_with(plain).await;
    for (app, base, warns) in [
        (&called, here.as_str(), "this machine alone"),
        (&public, "https://sms.example.com/x", ""),
        (&plain, "http://sms.example.com", "readable on its way"),
    ] {
        let page = app.user().get("/assistants?x=1").await.expect(200).text();
        for carrier in ["twilio", "telnyx", "vonage"] {
            let url = format!("{base}/webhooks/sms/{carrier}");
            assert!(page.contains(&format!("<code>{url}</code>")), "{url}\n{page}");
            assert!(page.contains(&format!("data-copy=\"{url}\"")), "{url}");
        }
        assert_eq!(page.contains("class=\"note\""), !warns.is_empty(), "{base}");
        assert!(page.contains(warns), "{base}");
    }
    // It is the one that takes what is sent there.
    called.twilio().delivers("SM1", CARLA, "hello").await;
}

/// What stands beside a carrier's name.
async fn carrier(app: &TestApp, name: &str) -> String {
    let page = app.admin().get("/assistants").await.expect(200).text();
    let mark = format!("id=\"carrier-{name}\"");
    let from = page.split(&mark).nth(1).unwrap_or_else(|| panic!("no {name}\n{page}"));
    from.split("</section>").next().unwrap().to_owned()
}

#[tokio::test]
async fn a_light_turns_green_when_the_first_signed_request_lands() {
    let app = TestApp::start().await;
    let before = carrier(&app, "Twilio").await;
    assert!(before.contains("waiting for the first request") && !before.contains("light on"), "{before}");
    assert_eq!(forged(&app).await, 403);
    assert!(!carrier(&app, "Twilio").await.contains("light on"), "a forged request tells nothing");
    app.twilio().delivers("SM1", CARLA, "hello").await;
    app.advance(5 * 60 * crate::util::SECOND);
    let after = carrier(&app, "Twilio").await;
    assert_eq!(after.matches("light on").count(), 2, "the carrier's and its number's\n{after}");
    assert!(after.contains("5 min ago") && after.contains(", signed"), "{after}");
    assert!(!carrier(&app, "Telnyx").await.contains("light on"));
    let page = app.admin().get("/assistants").await.text();
    assert!(page.contains("id=\"carriers\" hx-get=\"/assistants\""), "it is asked for again by itself");
}

#[tokio::test]
async fn a_carrier_that_is_played_for_a_number_of_the_sandbox_is_heard() {
    let mut unchecked = settings();
    unchecked.twilio.carrier.signatures = SignatureMode::Off;
    let app = TestApp::start_with(unchecked).await;
    let number = [("phone_number", OUR_NUMBER), ("provider", "sandbox")];
    place(press(&app.user(), "/assistants/1/numbers", &number).await);
    assert!(!carrier(&app, "Twilio").await.contains(OUR_NUMBER));
    app.twilio().delivers("SM1", CARLA, "hello").await;
    let after = carrier(&app, "Twilio").await;
    assert!(after.contains("light on") && after.contains("its signature was not checked"), "{after}");
    assert!(after.contains(OUR_NUMBER) && !carrier(&app, "Vonage").await.contains(OUR_NUMBER), "{after}");
}

async fn forged(app: &TestApp) -> u16 {
    let carrier = crate::util::carrier::Carrier::new(app.anonymous(), "another-token");
    carrier.posts(&crate::util::carrier::sms("SM0", CARLA, OUR_NUMBER, "forged")).await.status
}

#[tokio::test]
async fn admins_see_which_secrets_are_missing() {
    let mut telnyx = settings();
    telnyx.telnyx.api_key = Some(Secret::new("KEY1".to_owned()));
    let app = TestApp::start_with(telnyx).await;
    for (name, texts) in [
        ("Twilio", ["cannot send: twilio.account_sid is not set", "can verify webhooks"]),
        ("Telnyx", ["can send", "refuses webhooks: telnyx.public_key is not set"]),
        ("Vonage", ["cannot send: vonage.", "refuses webhooks: vonage.signature_secret is not set"]),
    ] {
        let shown = carrier(&app, name).await;
        texts.iter().for_each(|text| assert!(shown.contains(text), "{name}: {text}\n{shown}"));
    }
    let own = json!({"account_id": "k", "secret": "s", "verifying": ["v"]});
    let put = [("content-type", "application/json")];
    app.admin().ask("PUT", "/api/v1/carriers/vonage", &put, own.to_string()).await.expect(200);
    let shown = carrier(&app, "Vonage").await;
    assert!(shown.contains("can send") && shown.contains("can verify webhooks"), "{shown}");
}
