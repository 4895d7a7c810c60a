//! `/messages/{log_id}` and the timeline: what was done, and what the carrier sent.

use crate::util::{CARLA, CARLOS, TestApp};

#[tokio::test]
async fn a_message_shows_its_steps_and_what_the_carrier_sent() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "Can I reschedule?").await;
    app.twilio().delivers("SM2", CARLA, "Hello?").await;
    let page = app.user().get("/messages/1").await.expect(200).text();
    for shown in [
        "Can I reschedule?",
        "webhook_received",
        "message_stored",
        "Stored as message 1",
        "POST /webhooks/sms/twilio",
        "<dt>MessageSid</dt><dd><bdi>SM1</bdi></dd>",
        "Body=Can+I+reschedule%3F",
    ] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    assert!(!page.contains("Stored as message 2"), "of another message\n{page}");
    app.user().get("/messages/99").await.expect(404);
}

#[tokio::test]
async fn a_message_of_ours_shows_what_its_carrier_told_of_it() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    let sandbox = r#"{"phone_number": "+15551234567", "provider": "sandbox"}"#;
    app.admin().post("/api/v1/assistants/1/phone-numbers/assign-by-number", sandbox).await.expect(200);
    app.imports(r#"{"type":"message_log","call_id":1,"provider":"twilio","provider_message_id":"SM7","direction":"outbound","from_number":"+15551234567","to_number":"+15559876543","body":"ours","media_urls":[],"segment_count":1,"status":"sent","provider_status":"sent","created_at":"2026-04-30T10:00:00Z"}"#).await;
    let receipt =
        [("MessageSid", "SM7"), ("MessageStatus", "delivered"), ("From", "+15551234567"), ("To", CARLA)];
    app.twilio().posts(&receipt).await.expect(200);
    let page = app.user().get("/messages/2").await.expect(200).text();
    for shown in ["<h3>A receipt</h3>", "<dt>MessageStatus</dt><dd><bdi>delivered</bdi></dd>"] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
}

#[tokio::test]
async fn a_message_to_a_number_of_nobody_has_its_page_too() {
    let app = TestApp::start().await;
    let stray = crate::util::carrier::sms("SM1", CARLOS, "+15550009999", "Anybody?");
    app.twilio().posts(&stray).await.expect(200);
    let page = app.user().get("/messages/1").await.expect(200).text();
    assert!(page.contains("Anybody?") && page.contains("href=\"/message-logs\""), "{page}");
}

#[tokio::test]
async fn the_timeline_of_a_conversation_begins_with_the_newest_step() {
    let app = TestApp::start().await;
    for number in 1..=30 {
        app.twilio().delivers(&format!("SM{number}"), CARLA, "hello").await;
    }
    let page = app.user().get("/conversations/1/timeline").await.expect(200).text();
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}\n{page}"));
    assert!(at("Stored as message 30") < at("Stored as message 29"), "{page}");
    assert!(page.contains("href=\"/messages/30\"") && page.contains("rel=\"next\""), "{page}");
    assert!(page.len() < 40_000, "{} bytes", page.len());
    app.user().get("/conversations/99/timeline").await.expect(404);
}
