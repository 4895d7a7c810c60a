//! `/webhooks/sms/twilio`: a message arrives and becomes a conversation; everything else is
//! refused or kept.

use crate::util::carrier::{FORM, PATH, form, sms};
use crate::util::{CARLA, CARLOS, DAY, OUR_NUMBER, SECOND, TestApp, settings};
use serde_json::json;
use smslite::config::SignatureMode;

const LIST: &str = "/api/v1/sms-conversations/";

#[tokio::test]
async fn a_signed_message_becomes_a_conversation_that_the_api_lists() {
    let app = TestApp::start().await;
    let answer = app.twilio().delivers("SM1", CARLA, "Can I reschedule?").await;
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    assert_eq!(answer.text(), "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response></Response>");

    let listed = app.viewer().get(LIST).await.expect(200);
    assert_eq!(
        listed.text(),
        r#"[{"id":1,"session_id":"sms:+15559876543:+15551234567","assistant_id":1,"assistant_name":"Support Bot","customer_phone_number":"+15559876543","assistant_phone_number":"+15551234567","status":"active","message_count":1,"started_at":"2026-04-30T10:00:00Z","last_activity":"2026-04-30T10:00:00Z","ended_at":null,"channel":"sms"}]"#
    );
    let messages = app.viewer().get("/api/v1/sms-conversations/1/messages").await.expect(200);
    assert_eq!(
        messages.text(),
        r#"[{"id":1,"conversation_id":1,"role":"user","content":"Can I reschedule?","timestamp":"2026-04-30T10:00:00Z","message_index":1,"llm_provider":null,"llm_model":null}]"#
    );
}

#[tokio::test]
async fn a_retried_webhook_stores_nothing_new() {
    let app = TestApp::start().await;
    for _ in 0..3 {
        app.twilio().delivers("SM1", CARLA, "once").await;
        app.advance(SECOND);
    }
    let listed = app.viewer().get(LIST).await.json();
    assert_eq!(
        (listed[0]["message_count"].as_u64(), listed[0]["last_activity"].as_str()),
        (Some(1), Some("2026-04-30T10:00:00Z"))
    );
}

#[tokio::test]
async fn a_session_ends_at_the_microsecond_and_the_next_message_starts_afresh() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "one").await;
    app.advance(DAY - 1);
    app.twilio().delivers("SM2", CARLA, "two, a microsecond before the end").await;
    app.advance(DAY - 1);
    assert_eq!(app.viewer().get("/api/v1/sms-conversations/1").await.json()["status"], "active");
    app.advance(1);
    let ended = app.viewer().get("/api/v1/sms-conversations/1").await.json();
    assert_eq!(
        (&ended["status"], &ended["ended_at"]),
        (&json!("completed"), &json!("2026-05-02T09:59:59.999999Z"))
    );
    app.twilio().delivers("SM3", CARLA, "three").await;
    let listed = app.viewer().get(LIST).await.json();
    assert_eq!((&listed[0]["id"], &listed[0]["message_count"]), (&json!(2), &json!(1)));
    assert_eq!((&listed[1]["id"], &listed[1]["message_count"]), (&json!(1), &json!(2)));
}

#[tokio::test]
async fn each_customer_has_a_thread_of_their_own() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "from Carla").await;
    app.twilio().delivers("SM2", CARLOS, "from Carlos").await;
    app.advance(SECOND);
    app.twilio().delivers("SM3", CARLA, "Carla again").await;
    let counts: Vec<_> = app
        .viewer()
        .get(LIST)
        .await
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["message_count"].clone())
        .collect();
    assert_eq!(counts, [json!(2), json!(1)], "Carla's has the newest activity");
}

#[tokio::test]
async fn two_hundred_first_messages_sent_thrice_at_once_make_one_conversation() {
    let app = TestApp::start().await;
    let sends = (0..600).map(|n| {
        let twilio = app.twilio();
        tokio::spawn(async move {
            twilio.delivers(&format!("SM{}", n % 200), CARLA, &format!("{}", n % 200)).await
        })
    });
    for send in sends.collect::<Vec<_>>() {
        send.await.unwrap();
    }
    let listed = app.viewer().get(LIST).await.json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["message_count"]), (1, &json!(200)));
    let messages = app.viewer().get("/api/v1/sms-conversations/1/messages").await.json();
    let indexes: Vec<_> =
        messages.as_array().unwrap().iter().map(|m| m["message_index"].as_u64().unwrap()).collect();
    assert_eq!(indexes, (1..=200).collect::<Vec<_>>());
    let mut bodies: Vec<u32> = messages
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["content"].as_str().unwrap().parse().unwrap())
        .collect();
    bodies.sort_unstable();
    assert_eq!(bodies, (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_forged_or_unsigned_is_refused_and_leaves_nothing() {
    let app = TestApp::start().await;
    let good = form(&sms("SM1", CARLA, OUR_NUMBER, "hi"));
    let url = format!("http://{}{PATH}", app.address);
    let signature = smslite::carriers::twilio::sign(crate::util::AUTH_TOKEN, &url, good.as_bytes());
    let other_key = smslite::carriers::twilio::sign("another token", &url, good.as_bytes());
    let tampered = good.replace("hi", "ho");
    for (what, signature, body) in [
        ("unsigned", None, &good),
        ("empty signature", Some(""), &good),
        ("another key", Some(other_key.as_str()), &good),
        ("tampered body", Some(signature.as_str()), &tampered),
    ] {
        let mut headers = vec![FORM];
        headers.extend(signature.map(|signature| ("x-twilio-signature", signature)));
        let answer = app.anonymous().ask("POST", PATH, &headers, body.clone()).await;
        assert_eq!(answer.status, 403, "{what}");
        assert!(answer.json()["detail"].is_string(), "{what}");
    }
    assert_eq!(app.viewer().get(LIST).await.text(), "[]");
}

#[tokio::test]
async fn odd_bodies_are_answered_and_the_message_that_follows_is_stored() {
    let app = TestApp::start().await;
    let huge = form(&sms("SM1", CARLA, OUR_NUMBER, &"x".repeat(70_000)));
    let cut = "MessageSid=SM1&From=%2B1555987654";
    for (what, body, status) in [
        ("huge", huge.as_str(), 413),
        ("cut short", cut, 200),
        ("empty", "", 200),
        ("no number", "MessageSid=SM2&From=nobody%21%21%21%21%21%21%21%21&To=%2B15551234567&Body=x", 200),
        ("percent signs that are none", "MessageSid=SM3&From=%ZZ&To=%&Body=%", 200),
    ] {
        assert_eq!(app.twilio().posts_to(PATH, body).await.status, status, "{what}");
    }
    let json = app.anonymous().ask("POST", PATH, &[("content-type", "application/json")], "{}").await;
    assert_eq!(json.status, 403, "JSON without a covered body");
    assert_eq!(app.viewer().get(LIST).await.text(), "[]");
    app.twilio().delivers("SM1", CARLA, "hi").await;
    assert_eq!(app.viewer().get(LIST).await.json()[0]["message_count"], 1);
}

#[tokio::test]
async fn a_body_that_is_not_utf8_is_stored_with_replacements() {
    let app = TestApp::start().await;
    let body = "MessageSid=SM1&AccountSid=AC1&From=%2B15559876543&To=%2B15551234567&Body=caf%E9&NumMedia=0";
    app.twilio().posts_to(PATH, body).await.expect(200);
    let messages = app.viewer().get("/api/v1/sms-conversations/1/messages").await.json();
    assert_eq!(messages[0]["content"], "caf\u{fffd}");
}

#[tokio::test]
async fn every_unicode_body_comes_back_as_it_was_sent() {
    let app = TestApp::start().await;
    let bodies = [
        "",
        "\u{0}",
        "\"\\/\u{8}\u{c}\n\r\t",
        "🙏🏽 família 👨‍👩‍👧",
        "שלום",
        "<script>alert(1)</script>",
        "  padded  ",
        "a=b&c=%20+",
    ];
    for (n, body) in bodies.iter().enumerate() {
        app.twilio().delivers(&format!("SM{n}"), CARLA, body).await;
    }
    let messages = app.viewer().get("/api/v1/sms-conversations/1/messages").await.json();
    let contents: Vec<_> =
        messages.as_array().unwrap().iter().map(|m| m["content"].as_str().unwrap()).collect();
    assert_eq!(contents, bodies);
}

#[tokio::test]
async fn a_number_that_nobody_has_is_logged_and_makes_no_conversation() {
    let app = TestApp::start().await;
    app.twilio().posts(&sms("SM1", CARLA, "+15550000000", "anyone?")).await.expect(200);
    assert_eq!(app.viewer().get(LIST).await.text(), "[]");
}

#[tokio::test]
async fn status_callbacks_are_answered_and_make_no_conversation() {
    let app = TestApp::start().await;
    let receipt = [
        ("MessageSid", "SM9"),
        ("MessageStatus", "delivered"),
        ("From", OUR_NUMBER),
        ("To", CARLA),
        ("AccountSid", "AC1"),
    ];
    let answer = app.twilio().posts(&receipt).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    assert_eq!(app.viewer().get(LIST).await.text(), "[]");
}

#[tokio::test]
async fn get_requests_and_the_old_path_work_as_well() {
    let app = TestApp::start().await;
    let path = format!("{PATH}?{}", form(&sms("SM1", CARLA, OUR_NUMBER, "by GET")));
    let signature = smslite::carriers::twilio::sign(
        crate::util::AUTH_TOKEN,
        &format!("http://{}{path}", app.address),
        b"",
    );
    app.anonymous().ask("GET", &path, &[("x-twilio-signature", &signature)], "").await.expect(200);
    app.twilio()
        .posts_to("/twilio-sms-webhook", &form(&sms("SM2", CARLA, OUR_NUMBER, "by alias")))
        .await
        .expect(200);
    app.twilio()
        .posts_to("/webhooks/sms/twilio/", &form(&sms("SM3", CARLA, OUR_NUMBER, "with a slash")))
        .await
        .expect(200);
    assert_eq!(app.viewer().get(LIST).await.json()[0]["message_count"], 3);
}

#[tokio::test]
async fn report_keeps_what_enforce_refuses_and_off_asks_for_nothing() {
    for (mode, status, count) in
        [(SignatureMode::Enforce, 403, 0), (SignatureMode::Report, 200, 1), (SignatureMode::Off, 200, 1)]
    {
        let mut settings = settings();
        settings.twilio.carrier.signatures = mode;
        let app = TestApp::start_with(settings).await;
        let body = form(&sms("SM1", CARLA, OUR_NUMBER, "unsigned"));
        let answer = app.anonymous().ask("POST", PATH, &[FORM], body).await;
        assert_eq!(answer.status, status, "{mode:?}");
        assert_eq!(app.viewer().get(LIST).await.json().as_array().unwrap().len(), count, "{mode:?}");
    }
}

#[tokio::test]
async fn a_message_goes_to_the_organization_that_has_the_number() {
    let app = TestApp::start().await;
    app.organization("other", "sl_live_other").await;
    let other = app.with_token("sl_live_other");
    other.post("/api/v1/assistants", r#"{"name": "Other Bot"}"#).await.expect(201);
    app.assign(&other, "+15557770000", 1).await;
    app.twilio().posts(&sms("SM1", CARLA, "+15557770000", "for the other")).await.expect(200);
    assert_eq!(app.viewer().get(LIST).await.text(), "[]");
    assert_eq!(other.get(LIST).await.json()[0]["assistant_name"], "Other Bot");
}
