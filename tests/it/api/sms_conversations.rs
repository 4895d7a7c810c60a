//! `/api/v1/sms-conversations`

use crate::util::carrier::sms;
use crate::util::{CARLA, CARLOS, DAY, OUR_NUMBER, SECOND, TestApp, settings};
use serde_json::{Value, json};
use smslite::config::IdFormat;

const LIST: &str = "/api/v1/sms-conversations/";
const HOUR: i64 = 3600 * SECOND;

/// Five conversations. By id: 1 Carla, completed; 2 Carlos; 3 Carla again; 4 Carla with Reminders (2); 5 Carmen.
async fn app_with_five() -> TestApp {
    let app = TestApp::start().await;
    app.admin().post("/api/v1/assistants", r#"{"name": "Reminders"}"#).await.expect(201);
    app.assign(&app.admin(), "+15551230000", 2).await;
    app.twilio().delivers("SM1", CARLA, "first").await;
    app.advance(DAY + HOUR);
    app.twilio().delivers("SM2", CARLOS, "second").await;
    app.advance(HOUR);
    app.twilio().delivers("SM3", CARLA, "third").await;
    app.advance(HOUR);
    app.twilio().posts(&sms("SM4", CARLA, "+15551230000", "fourth")).await.expect(200);
    app.twilio().delivers("SM5", "+447700900123", "fifth, at the same moment").await;
    app
}

async fn ids(app: &TestApp, query: &str) -> Vec<u64> {
    let listed = app.viewer().get(&format!("{LIST}?{query}")).await.expect(200).json();
    listed.as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn the_list_is_filtered_by_every_parameter_and_their_combinations() {
    let app = app_with_five().await;
    for (query, expected) in [
        ("", vec![5, 4, 3, 2, 1]),
        ("status=active", vec![5, 4, 3, 2]),
        ("status=completed", vec![1]),
        ("assistant_id=1", vec![5, 3, 2, 1]),
        ("assistant_id=2", vec![4]),
        ("assistant_id=9", vec![]),
        ("customer_phone=%2B15559876543", vec![4, 3, 1]),
        ("customer_phone=+15559876543", vec![4, 3, 1]),
        ("customer_phone=%2B1+(555)+987-6543", vec![4, 3, 1]),
        ("customer_phone=15559876543", vec![4, 3, 1]),
        ("customer_phone=987654", vec![4, 3, 2, 1]),
        ("customer_phone=7700", vec![5]),
        ("customer_phone=%2B19999999999", vec![]),
        ("date_from=2026-05-01T11:00:00Z", vec![5, 4, 3, 2]),
        ("date_from=2026-05-01T11:00:00.000001Z", vec![5, 4, 3]),
        ("date_from=2026-05-01T13:00:00+02:00", vec![5, 4, 3, 2]),
        ("date_to=2026-04-30", vec![1]),
        ("date_to=2026-05-01T11:00:00", vec![2, 1]),
        ("date_from=2026-05-01&date_to=2026-05-01", vec![5, 4, 3, 2]),
        ("status=active&assistant_id=1&customer_phone=%2B15559876543", vec![3]),
        ("status=completed&date_from=2026-05-01", vec![]),
        ("skip=1&limit=2", vec![4, 3]),
        ("skip=4", vec![1]),
        ("skip=5", vec![]),
        ("skip=18446744073709551615", vec![]),
        ("limit=1000", vec![5, 4, 3, 2, 1]),
        ("limit=1&customer_phone=987654&skip=2", vec![2]),
        ("unknown=parameter&limit=3&limit=1", vec![5]),
    ] {
        assert_eq!(ids(&app, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn each_new_message_brings_its_conversation_to_the_top() {
    let app = app_with_five().await;
    app.advance(SECOND);
    app.twilio().delivers("SM6", CARLOS, "again").await;
    assert_eq!(ids(&app, "").await, [2, 5, 4, 3, 1]);
}

#[tokio::test]
async fn a_page_that_was_asked_for_before_says_what_is_true_now() {
    let app = app_with_five().await;
    let page = async || app.viewer().get(&format!("{LIST}?limit=2&skip=3")).await.expect(200).json();
    let first = page().await;
    assert_eq!((&first[0]["id"], &first[0]["status"]), (&json!(2), &json!("active")));
    assert_eq!(page().await, first);
    // Only time goes by: to the last moment of its session, and past it.
    app.advance(22 * HOUR - 1);
    assert_eq!(page().await, first);
    app.advance(1);
    let ended = page().await;
    assert_eq!((&ended[0]["id"], &ended[0]["status"]), (&json!(2), &json!("completed")));
    assert_eq!(page().await, ended);
    // Somebody writes, an assistant is renamed, a conversation is archived.
    app.twilio().delivers("SM6", "+447700900123", "at the top already").await;
    assert_eq!(page().await, ended);
    let renamed = r#"{"name": "Night Desk"}"#;
    app.admin()
        .ask("PATCH", "/api/v1/assistants/1", &[("content-type", "application/json")], renamed)
        .await
        .expect(200);
    assert_eq!(page().await[0]["assistant_name"], "Night Desk");
    app.admin().delete(&format!("{LIST}5")).await.expect(200);
    assert_eq!(page().await[0]["id"], 1);
    // Another organization's page of the same place is its own.
    app.organization("other", "sl_live_other").await;
    assert_eq!(page().await[0]["id"], 1);
    let others = app.with_token("sl_live_other").get(&format!("{LIST}?limit=2&skip=3")).await.expect(200);
    assert_eq!(others.json(), json!([]));
}

#[tokio::test]
async fn parameters_out_of_range_or_of_the_wrong_type_are_named() {
    let app = TestApp::start().await;
    for (query, name, kind) in [
        ("limit=0", "limit", "greater_than_equal"),
        ("limit=1001", "limit", "less_than_equal"),
        ("limit=-1", "limit", "greater_than_equal"),
        ("limit=abc", "limit", "int_parsing"),
        ("limit=", "limit", "int_parsing"),
        ("limit=1.5", "limit", "int_parsing"),
        ("limit=%2B5", "limit", "int_parsing"),
        ("limit=18446744073709551616", "limit", "less_than_equal"),
        ("skip=-1", "skip", "greater_than_equal"),
        ("skip=abc", "skip", "int_parsing"),
        ("skip=18446744073709551616", "skip", "less_than_equal"),
        ("assistant_id=0", "assistant_id", "greater_than_equal"),
        ("assistant_id=x", "assistant_id", "int_parsing"),
        ("status=open", "status", "literal_error"),
        ("status=", "status", "literal_error"),
        ("customer_phone=12", "customer_phone", "value_error"),
        ("customer_phone=", "customer_phone", "value_error"),
        ("date_from=yesterday", "date_from", "datetime_parsing"),
        ("date_to=2026-02-30", "date_to", "datetime_parsing"),
        ("date_from=%FF", "date_from", "datetime_parsing"),
    ] {
        let errors = app.viewer().get(&format!("{LIST}?{query}")).await.expect(422).json();
        let error = &errors["detail"][0];
        assert_eq!((&error["loc"], &error["type"]), (&json!(["query", name]), &json!(kind)), "{query}");
    }
    let both = app.viewer().get(&format!("{LIST}?limit=0&skip=x")).await.expect(422).json();
    assert_eq!(both["detail"].as_array().unwrap().len(), 2, "all errors are told together");
}

#[tokio::test]
async fn one_conversation_is_the_row_that_the_list_has() {
    let app = app_with_five().await;
    let listed = app.viewer().get(LIST).await.json();
    for row in listed.as_array().unwrap() {
        assert_eq!(&app.viewer().get(&format!("{LIST}{}", row["id"])).await.expect(200).json(), row);
    }
}

#[tokio::test]
async fn what_is_no_id_or_nobodys_is_not_found() {
    let app = app_with_five().await;
    for id in [
        "0",
        "-1",
        "6",
        "abc",
        "1.0",
        "%31%30%30",
        "18446744073709551616",
        "1%00",
        "+1",
        "%20",
        "1;drop",
        "%FF",
    ] {
        for path in [format!("{LIST}{id}"), format!("{LIST}{id}/messages")] {
            let answer = app.viewer().get(&path).await.expect(404);
            assert_eq!(answer.json(), json!({"detail": "Not found"}), "{path}");
        }
    }
}

#[tokio::test]
async fn messages_come_in_order_and_in_pages() {
    let app = TestApp::start().await;
    for n in 1..=5 {
        app.twilio().delivers(&format!("SM{n}"), CARLA, &format!("message {n}")).await;
    }
    for (query, expected) in [
        ("", vec![1, 2, 3, 4, 5]),
        ("?limit=2", vec![1, 2]),
        ("?skip=3", vec![4, 5]),
        ("?skip=1&limit=1", vec![2]),
        ("?after_index=2", vec![3, 4, 5]),
        ("?after_index=2&skip=1&limit=1", vec![4]),
        ("?skip=5", vec![]),
        ("?skip=4294967295&after_index=4294967295", vec![]),
    ] {
        let messages = app.viewer().get(&format!("{LIST}1/messages{query}")).await.expect(200).json();
        let indexes: Vec<_> =
            messages.as_array().unwrap().iter().map(|m| m["message_index"].as_u64().unwrap()).collect();
        assert_eq!(indexes, expected, "{query}");
    }
    for query in ["limit=0", "limit=x", "skip=-1", "after_index=-1", "after_index=4294967296"] {
        app.viewer().get(&format!("{LIST}1/messages?{query}")).await.expect(422);
    }
}

#[tokio::test]
async fn a_long_thread_comes_back_whole() {
    let app = TestApp::start().await;
    for n in 1..=600 {
        app.twilio().delivers(&format!("SM{n}"), CARLA, "x").await;
    }
    let messages = app.viewer().get(&format!("{LIST}1/messages")).await.json();
    assert_eq!(messages.as_array().unwrap().len(), 600);
}

#[tokio::test]
async fn ids_are_printed_as_strings_when_configured() {
    let mut settings = settings();
    settings.id_format = IdFormat::String;
    let app = TestApp::start_with(settings).await;
    app.twilio().delivers("SM1", CARLA, "hi").await;
    assert_eq!(app.viewer().get(LIST).await.json()[0]["id"], "1");
    assert_eq!(app.viewer().get(&format!("{LIST}1")).await.json()["id"], "1");
    let messages = app.viewer().get(&format!("{LIST}1/messages")).await.json();
    assert_eq!((&messages[0]["conversation_id"], &messages[0]["id"]), (&json!("1"), &json!(1)));
}

#[tokio::test]
async fn media_and_empty_text_are_a_message_too() {
    let app = TestApp::start().await;
    let mut mms = sms("MM1", CARLA, OUR_NUMBER, "");
    mms.retain(|(name, _)| *name != "NumMedia");
    mms.extend([
        ("NumMedia", "1"),
        ("MediaUrl0", "https://api.example.com/media/1"),
        ("MediaContentType0", "image/jpeg"),
    ]);
    app.twilio().posts(&mms).await.expect(200);
    let messages = app.viewer().get(&format!("{LIST}1/messages")).await.json();
    assert_eq!(messages[0]["content"], Value::from(""));
}
