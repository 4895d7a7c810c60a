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
