//! What could not be told in time: listed, told again, given up.

use super::{app_that_forwards, bodies, parked, says, steps};
use crate::util::fake_carrier::FakeCarrier;
use crate::util::{CARLA, CARLOS, OUR_NUMBER, SECOND, TestApp};
use serde_json::{Value, json};

/// A server with these messages parked.
pub async fn app_with_parked(receiver: &FakeCarrier, messages: &[(&str, &str)]) -> TestApp {
    let app = app_that_forwards(receiver).await;
    super::forward_to(&app, Some("http://127.0.0.1:1/")).await;
    for (number, (from, text)) in messages.iter().enumerate() {
        app.twilio().delivers(&format!("SM{number}"), from, text).await;
        steps(&app, if *from == CARLA { 1 } else { 2 }, "forward_attempted", 1).await;
    }
    app.advance(300 * SECOND);
    parked(&app, messages.len()).await;
    super::forward_to(&app, Some(&receiver.url())).await;
    app
}

async fn post(app: &TestApp, path: &str, body: Value) -> Value {
    app.user().post(path, &body.to_string()).await.expect(200).json()
}

#[tokio::test]
async fn a_parked_event_tells_what_it_is_and_is_in_the_timeline() {
    let receiver = FakeCarrier::start().await;
    let app = app_with_parked(&receiver, &[(CARLA, "one")]).await;
    let event = parked(&app, 1).await.remove(0);
    assert!(event["error"].as_str().unwrap().contains("refused"), "{event}");
    let mut shown = event;
    shown.as_object_mut().unwrap().remove("error");
    assert_eq!(
        shown,
        json!({"id": 1, "type": "sms_received", "conversation_id": 1, "assistant_id": 1, "message_id": "SM0",
            "from_number": CARLA, "to_number": OUR_NUMBER, "provider": "twilio",
            "received_at": "2026-04-30T10:00:00Z", "parked_at": "2026-04-30T10:05:00Z", "attempts": 2})
    );
    let step = steps(&app, 1, "forward_parked", 1).await.remove(0);
    assert_eq!((&step["level"], &step["event_data"]["attempts"]), (&json!("error"), &json!(2)));
}

#[tokio::test]
async fn one_is_told_again_under_its_old_id() {
    let receiver = FakeCarrier::start().await;
    let app = app_with_parked(&receiver, &[(CARLA, "one"), (CARLA, "two")]).await;
    let done = post(&app, "/api/v1/parked-events/2/replay", json!({})).await;
    assert_eq!(done, json!({"success": true, "message": "Event replayed"}));
    let asked = receiver.asked_for(1).await;
    assert_eq!(bodies(&asked), ["two"]);
    assert_eq!(parked(&app, 1).await[0]["id"], 1);
    steps(&app, 1, "forward_replayed", 1).await;
    app.user().post("/api/v1/parked-events/2/replay", "{}").await.expect(404);
}

#[tokio::test]
async fn many_are_told_again_in_the_order_of_their_conversations() {
    let receiver = FakeCarrier::start().await;
    let texts = [(CARLA, "Carla 1"), (CARLA, "Carla 2"), (CARLOS, "Carlos 1"), (CARLA, "Carla 3")];
    for (body, replayed) in
        [(json!({"all": true}), 4), (json!({"assistant_id": 1}), 4), (json!({"ids": [4, 2, 2, 77]}), 2)]
    {
        let app = app_with_parked(&receiver, &texts).await;
        let before = receiver.asked().len();
        let done = post(&app, "/api/v1/parked-events/replay", body.clone()).await;
        assert_eq!(done, json!({"success": true, "replayed": replayed}), "{body}");
        let told = bodies(&receiver.asked_for(before + replayed).await[before..]);
        let of_carla: Vec<_> = told.iter().filter(|text| text.starts_with("Carla ")).collect();
        assert!(of_carla.is_sorted(), "{told:?}");
        parked(&app, 4 - replayed).await;
    }
    let app = app_with_parked(&receiver, &texts).await;
    let none = post(&app, "/api/v1/parked-events/replay", json!({"assistant_id": 9})).await;
    assert_eq!(none["replayed"], 0);
}

#[tokio::test]
async fn one_that_is_given_up_is_told_no_more() {
    let receiver = FakeCarrier::start().await;
    let app = app_with_parked(&receiver, &[(CARLA, "one")]).await;
    let path = "/api/v1/parked-events/1";
    app.user().ask("DELETE", path, &[], "").await.expect(200);
    app.user().ask("DELETE", path, &[], "").await.expect(404);
    parked(&app, 0).await;
    steps(&app, 1, "forward_dropped", 1).await;
    post(&app, "/api/v1/parked-events/replay", json!({"all": true})).await;
    assert!(receiver.asked().is_empty());
}

#[tokio::test]
async fn without_a_url_there_is_nobody_to_tell_it_to() {
    let receiver = FakeCarrier::start().await;
    let app = app_with_parked(&receiver, &[(CARLA, "one")]).await;
    super::forward_to(&app, None).await;
    app.user().post("/api/v1/parked-events/1/replay", "{}").await.expect(409);
    assert_eq!(post(&app, "/api/v1/parked-events/replay", json!({"all": true})).await["replayed"], 0);
    parked(&app, 1).await;
}

#[tokio::test]
async fn what_waits_is_dropped_when_the_url_goes() {
    let receiver = FakeCarrier::start().await;
    let app = app_that_forwards(&receiver).await;
    receiver.tell([says(500, "")]);
    app.twilio().delivers("SM1", CARLA, "one").await;
    steps(&app, 1, "forward_attempted", 1).await;
    super::forward_to(&app, None).await;
    app.advance(SECOND);
    steps(&app, 1, "forward_dropped", 1).await;
    assert_eq!(receiver.asked().len(), 1);
}

#[tokio::test]
async fn parked_events_go_with_their_conversation_and_with_an_erased_number() {
    let receiver = FakeCarrier::start().await;
    let app = app_with_parked(&receiver, &[(CARLA, "one"), (CARLOS, "two")]).await;
    app.user().ask("DELETE", "/api/v1/sms-conversations/1", &[], "").await.expect(200);
    parked(&app, 1).await;
    let body = json!({"phone_number": CARLOS}).to_string();
    app.admin().post("/api/v1/erasures", &body).await.expect(200);
    parked(&app, 0).await;
}

#[tokio::test]
async fn bad_requests_are_told_what_is_wrong() {
    let app = app_that_forwards(&FakeCarrier::start().await).await;
    for body in ["{}", r#"{"all": false}"#, r#"{"ids": [1], "all": true}"#, r#"{"ids": [0]}"#, r#"{"id": 1}"#]
    {
        app.user().post("/api/v1/parked-events/replay", body).await.expect(422);
    }
    app.viewer().post("/api/v1/parked-events/replay", r#"{"all": true}"#).await.expect(403);
    app.viewer().get("/api/v1/parked-events/?limit=0").await.expect(422);
    for path in ["/api/v1/parked-events/abc/replay", "/api/v1/parked-events/5/replay"] {
        app.user().post(path, "{}").await.expect(404);
    }
}
