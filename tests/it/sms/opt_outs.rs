//! Who wants no more messages gets none.

use super::{app_of, app_with, body, once, queued, send, settings_of};
use crate::util::carrier::sms;
use crate::util::fake_carrier::{FakeCarrier, Told};
use crate::util::{CARLA, CARLOS, OUR_NUMBER, SECOND, TestApp};
use serde_json::{Value, json};

/// The assistant's messages in the first conversation.
async fn said(app: &TestApp) -> Vec<String> {
    let messages = app.viewer().get("/api/v1/sms-conversations/1/messages").await.json();
    let ours = messages.as_array().into_iter().flatten().filter(|it| it["role"] == "assistant");
    ours.map(|it| it["content"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn stop_stops_and_start_starts_again() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    app.twilio().delivers("SM1", CARLA, "Stop").await;
    let refused = send(&app.user(), "one more thing").await.expect(409);
    assert!(refused.text().contains("opted out"), "{}", refused.text());
    let listed = app.viewer().get("/api/v1/sms-opt-outs/").await.expect(200).json();
    assert_eq!(
        listed["items"][0],
        json!({"phone_number": OUR_NUMBER, "customer_phone_number": CARLA, "opted_out_at": "2026-04-30T10:00:00Z", "how": "STOP"})
    );
    // Another customer, and another of our numbers, are not meant.
    let mut other = body("hello");
    other["to_phone_number"] = json!(CARLOS);
    app.user().post("/sms/send", &other.to_string()).await.expect(200);
    super::assign(&app, "+15551234568", "twilio").await;
    other["to_phone_number"] = json!(CARLA);
    other["from_phone_number"] = json!("+15551234568");
    app.user().post("/sms/send", &other.to_string()).await.expect(200);

    app.twilio().delivers("SM2", CARLA, "START").await;
    let id = queued(&app, "welcome back").await;
    app.advance(SECOND);
    once(&app, &id, "status", "sent").await;
    assert!(said(&app).await.iter().all(|it| it == "welcome back"), "Twilio answers by itself");
}

#[tokio::test]
async fn a_stop_between_queue_and_send_sends_nothing() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    let first = queued(&app, "first").await;
    once(&app, &first, "status", "sent").await;
    // The number has to wait a second for this one.
    let second = queued(&app, "second").await;
    app.twilio().delivers("SM1", CARLA, "STOP").await;
    app.advance(SECOND);
    let told = once(&app, &second, "status", "failed").await;
    assert_eq!((&told["error_code"], fake.asked().len()), (&json!("opted_out"), 1));
    let steps = app.viewer().get("/api/v1/sms/1/logs").await.json().to_string();
    assert!(steps.contains("send_ended") && steps.contains("opted_out"), "{steps}");
}

#[tokio::test]
async fn where_the_carrier_has_not_answered_we_do() {
    let fake = FakeCarrier::start().await;
    let app = app_with("vonage", settings_of(&fake)).await;
    for (number, (word, ours)) in [
        ("help", Some("Reply STOP to get no more messages from this number, START to get them again.")),
        ("Stop", Some("You are unsubscribed and will get no more messages from this number. Reply START to get them again.")),
        ("STOP", None),
        ("unstop", Some("You are subscribed again. Reply STOP to get no more messages.")),
        ("yes", None),
    ]
    .into_iter()
    .enumerate()
    {
        let before = said(&app).await.len();
        app.vonage_delivers(&format!("V{number}"), CARLA, &[("text", word)]).await.expect(200);
        let new = said(&app).await.split_off(before);
        assert_eq!(new, ours.into_iter().collect::<Vec<_>>(), "{word}");
    }
    // The notice goes out although its reader has opted out.
    app.advance(10 * SECOND);
    fake.asked_for(2).await;
}

#[tokio::test]
async fn a_word_that_is_more_than_a_keyword_is_a_message() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    for (number, text) in ["STOP PLEASE", "please stop", "yes", "Ende"].into_iter().enumerate() {
        app.twilio().delivers(&format!("SM{number}"), CARLA, text).await;
    }
    assert_eq!(app.viewer().get("/api/v1/sms-opt-outs/").await.json()["total"], 0);
}

#[tokio::test]
async fn a_keyword_of_the_carriers_own_list_counts_too() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    let mut params = sms("SM1", CARLA, OUR_NUMBER, "Arrêt");
    params.push(("OptOutType", "STOP"));
    app.twilio().posts(&params).await.expect(200);
    send(&app.user(), "hello").await.expect(409);
}

#[tokio::test]
async fn a_carriers_error_teaches_us() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    fake.tell([Told::twilio(400, 21610)]);
    let id = queued(&app, "hello").await;
    once(&app, &id, "status", "failed").await;
    send(&app.user(), "again").await.expect(409);
    let listed = app.viewer().get("/api/v1/sms-opt-outs/").await.json();
    assert_eq!(listed["items"][0]["how"], "carrier 21610");
}

#[tokio::test]
async fn people_list_add_and_remove_opt_outs() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    let pair =
        |customer: &str| json!({"phone_number": OUR_NUMBER, "customer_phone_number": customer}).to_string();
    const PATH: &str = "/api/v1/sms-opt-outs/";
    for customer in [CARLA, CARLOS, CARLA] {
        app.user().post(PATH, &pair(customer)).await.expect(200);
    }
    app.viewer().post(PATH, &pair(CARLA)).await.expect(403);
    app.user().post(PATH, &pair("nobody at all")).await.expect(422);
    app.user().post(PATH, &pair("ACME")).await.expect(422);
    let customers = async |query: &str| -> Vec<Value> {
        let listed = app.viewer().get(&format!("{PATH}{query}")).await.expect(200).json();
        listed["items"].as_array().unwrap().iter().map(|it| it["customer_phone_number"].clone()).collect()
    };
    assert_eq!(customers("").await, [CARLA, CARLOS]);
    assert_eq!(customers("?skip=1").await, [CARLOS]);
    assert_eq!(customers("?limit=1").await, [CARLA]);
    assert_eq!(customers("?phone_number=%2B15551234567").await.len(), 2);
    app.viewer().get(&format!("{PATH}?phone_number=15551234567")).await.expect(422);
    send(&app.user(), "hello").await.expect(409);
    let one = format!("{PATH}%2B15551234567/%2B15559876543");
    app.viewer().delete(&one).await.expect(403);
    app.user().delete(&one).await.expect(200);
    app.user().delete(&one).await.expect(404);
    queued(&app, "hello").await;
    app.organization("other", "sl_live_other").await;
    assert_eq!(app.with_token("sl_live_other").get(PATH).await.json()["total"], 0);
}
