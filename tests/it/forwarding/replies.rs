//! What a receiver answers is sent to the customer.

use super::{app_that_forwards, later, once, says, steps};
use crate::util::fake_carrier::FakeCarrier;
use crate::util::{CARLA, TestApp};
use serde_json::json;

async fn outbound(app: &TestApp, count: usize) -> Vec<String> {
    once(app, async || {
        let logs = app.viewer().get("/api/v1/sms-logs/?direction=outbound").await.expect(200).json();
        let items = logs["items"].as_array().unwrap().iter();
        let bodies: Vec<_> = items.map(|item| item["body"].as_str().unwrap().to_owned()).collect();
        (bodies.len() >= count).then_some(bodies)
    })
    .await
}

async fn app_of_sandbox(receiver: &FakeCarrier) -> TestApp {
    let app = app_that_forwards(receiver).await;
    crate::sms::assign(&app, crate::util::OUR_NUMBER, "sandbox").await;
    app
}

#[tokio::test]
async fn a_reply_joins_the_conversation_and_is_sent() {
    let receiver = FakeCarrier::start().await;
    let app = app_of_sandbox(&receiver).await;
    receiver.tell([says(200, r#"{"reply": "We open at 9 👋"}"#)]);
    app.twilio().delivers("SM1", CARLA, "When do you open?").await;
    assert_eq!(outbound(&app, 1).await, ["We open at 9 👋"]);
    let messages = app.viewer().get("/api/v1/sms-conversations/1/messages").await.expect(200).json();
    let said = |at: usize| (messages[at]["role"].clone(), messages[at]["content"].clone());
    assert_eq!(said(1), (json!("assistant"), json!("We open at 9 👋")));
    let step = steps(&app, 1, "message_queued", 1).await.remove(0);
    assert_eq!(step["event_data"]["purpose"], "forward_reply");
}

#[tokio::test]
async fn a_reply_that_cannot_be_sent_is_told_in_the_timeline() {
    let receiver = FakeCarrier::start().await;
    let app = app_of_sandbox(&receiver).await;
    let long = json!({"reply": "x".repeat(1601)}).to_string();
    for (number, (answer, reason)) in
        [(long.as_str(), "it is longer than 1600 characters"), (r#"{"reply": ["x"]}"#, "it is no text")]
            .into_iter()
            .enumerate()
    {
        receiver.tell([says(200, answer)]);
        app.twilio().delivers(&format!("SM{number}"), CARLA, "hi").await;
        let refused = steps(&app, 1, "reply_refused", number + 1).await;
        assert_eq!(refused[number]["event_data"]["reason"], reason);
    }
    assert!(outbound(&app, 0).await.is_empty());
}

#[tokio::test]
async fn nobody_who_has_opted_out_meanwhile_is_answered() {
    let receiver = FakeCarrier::start().await;
    let app = app_of_sandbox(&receiver).await;
    let (first, go) = later(says(200, r#"{"reply": "Buy now!"}"#));
    receiver.tell([first]);
    app.twilio().delivers("SM1", CARLA, "hi").await;
    receiver.asked_for(1).await;
    let body = json!({"phone_number": crate::util::OUR_NUMBER, "customer_phone_number": CARLA});
    app.user().post("/api/v1/sms-opt-outs/", &body.to_string()).await.expect(200);
    go.send(()).unwrap();
    let step = steps(&app, 1, "reply_refused", 1).await.remove(0);
    assert_eq!(step["event_data"]["reason"], "the customer has opted out");
    assert!(outbound(&app, 0).await.is_empty());
}

#[tokio::test]
async fn numbers_of_our_own_are_not_answered() {
    let receiver = FakeCarrier::start().await;
    let app = app_of_sandbox(&receiver).await;
    crate::sms::assign(&app, "+15551234568", "sandbox").await;
    receiver.tell([says(200, r#"{"reply": "hello me"}"#)]);
    app.twilio().delivers("SM1", "+15551234568", "hi").await;
    let step = steps(&app, 1, "reply_refused", 1).await.remove(0);
    assert_eq!(step["event_data"]["reason"], "the message came from one of our own numbers");
}

#[tokio::test]
async fn an_answer_that_comes_after_the_conversation_was_archived_is_sent_to_nobody() {
    let receiver = FakeCarrier::start().await;
    let app = app_of_sandbox(&receiver).await;
    let (first, go) = later(says(200, r#"{"reply": "too late"}"#));
    receiver.tell([first]);
    app.twilio().delivers("SM1", CARLA, "hi").await;
    receiver.asked_for(1).await;
    app.user().ask("DELETE", "/api/v1/sms-conversations/1", &[], "").await.expect(200);
    go.send(()).unwrap();
    app.twilio().delivers("SM2", CARLA, "again").await;
    steps(&app, 2, "forward_attempted", 1).await;
    assert!(outbound(&app, 0).await.is_empty());
}
