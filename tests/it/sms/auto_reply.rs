//! Replies without code.

use super::app_with;
use crate::util::{CARLA, OUR_NUMBER, SECOND, TestApp, settings};
use serde_json::{Value, json};

async fn app_that_replies(auto_reply: Value) -> TestApp {
    let app = app_with("sandbox", settings()).await;
    let body = json!({"custom_settings": {"auto_reply": auto_reply}}).to_string();
    let json = [("content-type", "application/json")];
    app.user().ask("PATCH", "/api/v1/assistants/1", &json, body).await.expect(200);
    app
}

async fn said(app: &TestApp) -> Vec<(String, String)> {
    let messages = app.viewer().get("/api/v1/sms-conversations/1/messages").await.expect(200).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    messages.as_array().unwrap().iter().map(|it| (text(&it["role"]), text(&it["content"]))).collect()
}

#[tokio::test]
async fn an_echo_answers_in_the_same_commit_and_is_sent() {
    let app = app_that_replies(json!("echo")).await;
    app.twilio().delivers("SM1", CARLA, "Anybody there?").await;
    // The answer is there when the carrier hears that its message was taken.
    let texts = [("user", "Anybody there?"), ("assistant", "Anybody there?")];
    assert_eq!(said(&app).await, texts.map(|(role, text)| (role.to_owned(), text.to_owned())));
    loop {
        let settled = app.state.app.outbox.settled.notified();
        let logs = app.viewer().get("/api/v1/sms-logs/?direction=outbound").await.json();
        if logs["items"][0]["provider_message_id"] != "" {
            assert_eq!(logs["items"][0]["provider"], "sandbox");
            break;
        }
        settled.await;
    }
}

#[tokio::test]
async fn the_first_rule_that_fits_answers_and_none_is_silence() {
    let rules = json!([
        {"exact": "hi", "reply": "Hello!"},
        {"contains": "price", "reply": "10 dollars"},
        {"regex": "order (\\d+)", "reply": "Order $1 is on its way"},
    ]);
    let app = app_that_replies(rules).await;
    for (number, text) in ["Hi", "What's the PRICE?", "Where is order 42?", "Hm"].into_iter().enumerate() {
        app.twilio().delivers(&format!("SM{number}"), CARLA, text).await;
    }
    let ours = said(&app).await.into_iter().filter(|(role, _)| role == "assistant").map(|(_, text)| text);
    assert_eq!(ours.collect::<Vec<_>>(), ["Hello!", "10 dollars", "Order 42 is on its way"]);
}

#[tokio::test]
async fn a_retried_webhook_is_answered_once_and_who_opted_out_not_at_all() {
    let app = app_that_replies(json!("echo")).await;
    for _ in 0..3 {
        app.twilio().delivers("SM1", CARLA, "once").await;
    }
    assert_eq!(said(&app).await.len(), 2);
    app.twilio().delivers("SM2", CARLA, "STOP").await;
    app.twilio().delivers("SM3", CARLA, "still there?").await;
    assert_eq!(said(&app).await.len(), 4, "neither the keyword nor what comes after is echoed");
}

#[tokio::test]
async fn two_numbers_that_echo_do_not_talk_to_each_other_for_ever() {
    let app = app_that_replies(json!("echo")).await;
    super::assign(&app, "+15551234568", "sandbox").await;
    app.twilio().delivers("SM1", "+15551234568", "hello me").await;
    assert_eq!(said(&app).await.len(), 1, "{OUR_NUMBER} does not answer one of our own");
}

#[tokio::test]
async fn rules_that_are_none_are_refused_when_they_are_set() {
    let app = app_with("sandbox", settings()).await;
    for rules in [json!("parrot"), json!([{"regex": "(", "reply": "x"}]), json!([{"reply": "x"}]), json!(7)] {
        let body = json!({"name": "Bot", "custom_settings": {"auto_reply": rules}}).to_string();
        let answer = app.user().post("/api/v1/assistants", &body).await.expect(422);
        assert!(answer.text().contains("auto_reply"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_reply_keeps_the_session_alive() {
    let app = app_that_replies(json!("echo")).await;
    app.twilio().delivers("SM1", CARLA, "one").await;
    app.advance(SECOND);
    app.twilio().delivers("SM2", CARLA, "two").await;
    let listed = app.viewer().get("/api/v1/sms-conversations/").await.json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["message_count"]), (1, &json!(4)));
}
