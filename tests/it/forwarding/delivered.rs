//! What is told, and in which order.

use super::{app_that_forwards, bodies, later, says, steps};
use crate::util::fake_carrier::FakeCarrier;
use crate::util::{CARLA, CARLOS, OUR_NUMBER};
use serde_json::json;

#[tokio::test]
async fn a_message_is_told_once_with_what_a_receiver_needs() {
    let receiver = FakeCarrier::start().await;
    let app = app_that_forwards(&receiver).await;
    app.twilio().delivers("SM1", CARLA, "Größe?").await;
    let asked = receiver.asked_for(1).await.remove(0);
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/hook"));
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert!(asked.header("user-agent").unwrap().starts_with("smslite/"));
    assert_eq!(
        asked.fields(),
        json!({
            "type": "sms_received",
            "timestamp": "2026-04-30T10:00:00Z",
            "data": {
                "message_id": "SM1", "from": CARLA, "to": OUR_NUMBER, "body": "Größe?", "media_urls": [],
                "provider": "twilio",
            },
        })
    );
    let step = steps(&app, 1, "forward_attempted", 1).await.remove(0);
    assert_eq!(step["message"], "Attempt 1 to forward: the receiver took it");
    assert_eq!(
        step["event_data"],
        json!({"url": receiver.url(), "attempt": 1, "http_status": 201, "error": null, "log_id": 1})
    );
    // A carrier's retry is told to nobody.
    app.twilio().delivers("SM1", CARLA, "Größe?").await;
    app.twilio().delivers("SM2", CARLA, "second").await;
    assert_eq!(bodies(&receiver.asked_for(2).await), ["Größe?", "second"]);
}

#[tokio::test]
async fn messages_of_a_conversation_are_told_one_after_the_other() {
    let receiver = FakeCarrier::start().await;
    let app = app_that_forwards(&receiver).await;
    let (first, go) = later(says(200, ""));
    receiver.tell([first]);
    for number in 1..=3 {
        app.twilio().delivers(&format!("SM{number}"), CARLA, &format!("Carla {number}")).await;
    }
    receiver.asked_for(1).await;
    // Another conversation waits for nobody.
    app.twilio().delivers("SM4", CARLOS, "Carlos 1").await;
    assert_eq!(bodies(&receiver.asked_for(2).await), ["Carla 1", "Carlos 1"]);
    steps(&app, 2, "forward_attempted", 1).await;
    go.send(()).unwrap();
    assert_eq!(bodies(&receiver.asked_for(4).await), ["Carla 1", "Carlos 1", "Carla 2", "Carla 3"]);
}

#[tokio::test]
async fn only_what_came_since_there_is_a_url_is_told() {
    let receiver = FakeCarrier::start().await;
    let app = app_that_forwards(&receiver).await;
    super::forward_to(&app, None).await;
    app.twilio().delivers("SM1", CARLA, "to nobody").await;
    app.advance(1);
    super::forward_to(&app, Some(&receiver.url())).await;
    app.twilio().delivers("SM2", CARLA, "to somebody").await;
    assert_eq!(bodies(&receiver.asked_for(1).await), ["to somebody"]);
}

#[tokio::test]
async fn what_is_archived_or_imported_is_told_to_nobody() {
    let receiver = FakeCarrier::start().await;
    let app = app_that_forwards(&receiver).await;
    receiver.tell([says(500, "")]);
    app.twilio().delivers("SM1", CARLA, "soon archived").await;
    steps(&app, 1, "forward_attempted", 1).await;
    app.user().ask("DELETE", "/api/v1/sms-conversations/1", &[], "").await.expect(200);
    let log = json!({"type": "message_log", "provider": "twilio", "provider_message_id": "SM7", "direction": "inbound",
        "from_number": CARLOS, "to_number": OUR_NUMBER, "body": "imported", "status": "received", "provider_status": "received",
        "created_at": "2026-04-30T09:00:00Z", "assistant_id": 1});
    app.imports(format!("{log}\n")).await;
    app.advance(crate::util::SECOND * 60);
    app.twilio().delivers("SM2", CARLA, "fresh").await;
    assert_eq!(bodies(&receiver.asked_for(2).await), ["soon archived", "fresh"]);
}
