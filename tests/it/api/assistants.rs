//! `/api/v1/assistants`

use crate::util::{CARLA, CARLOS, OUR_NUMBER, TestApp};
use serde_json::json;

const ASSISTANTS: &str = "/api/v1/assistants";
const NUMBERS: &str = "/api/v1/assistants/organization/phone-numbers";

#[tokio::test]
async fn an_assistant_comes_back_as_it_was_made_unknown_fields_too() {
    let app = TestApp::start().await;
    let body = r#"{"name": "Sales", "sms_webhook_url": "http://127.0.0.1:9/", "custom_settings": {"a": [1, null]}, "voice": {"id": "x"}}"#;
    let made = app.user().post(ASSISTANTS, body).await.expect(201).json();
    for (field, value) in [
        ("id", json!(2)),
        ("name", json!("Sales")),
        ("llm_provider", json!("openai")),
        ("custom_settings", json!({"a": [1, null]})),
        ("voice", json!({"id": "x"})),
        ("is_active", json!(true)),
        ("organization_id", json!(1)),
        ("created_at", json!("2026-04-30T10:00:00Z")),
    ] {
        assert_eq!(made[field], value, "{field}");
    }
    let listed = app.viewer().get(ASSISTANTS).await.json();
    assert_eq!(listed[1], made);
    let page = app.viewer().get(&format!("{ASSISTANTS}?skip=1&limit=1")).await.json();
    assert_eq!(page, json!([made]));
    app.viewer().get(&format!("{ASSISTANTS}?limit=1001")).await.expect(422);
}

#[tokio::test]
async fn a_number_stands_once_and_moves_with_its_next_message() {
    let app = TestApp::start().await;
    app.admin().post(ASSISTANTS, r#"{"name": "Night shift"}"#).await.expect(201);
    app.twilio().delivers("SM1", CARLA, "to the first").await;
    app.assign(&app.admin(), "+1 (555) 123-4567", 2).await;
    app.twilio().delivers("SM2", CARLA, "to the second").await;
    app.twilio().delivers("SM3", CARLOS, "to the second").await;
    let listed = app.viewer().get("/api/v1/sms-conversations/?limit=10").await.json();
    let names: Vec<_> =
        listed.as_array().unwrap().iter().map(|row| row["assistant_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Night shift", "Night shift", "Support Bot"]);
    let numbers = app.viewer().get(NUMBERS).await.json();
    assert_eq!(numbers.as_array().unwrap().len(), 1);
    assert_eq!(
        (&numbers[0]["phone_number"], &numbers[0]["assistant"]["id"]),
        (&json!(OUR_NUMBER), &json!(2))
    );
}

#[tokio::test]
async fn what_is_no_number_or_no_assistant_is_refused() {
    let app = TestApp::start().await;
    let assign = |id: &str| format!("{ASSISTANTS}/{id}/phone-numbers/assign-by-number");
    for (id, body, status) in [
        ("1", r#"{"phone_number": "5551234567"}"#, 422),
        ("1", r#"{"phone_number": "+0551234567"}"#, 422),
        ("1", r#"{"phone_number": ""}"#, 422),
        ("1", r#"{"phone_number": 15551234567}"#, 422),
        ("1", r#"{"phone_number": "+15550001111", "provider": "pigeon"}"#, 422),
        ("1", r#"{}"#, 422),
        ("9", r#"{"phone_number": "+15550001111"}"#, 404),
        ("x", r#"{"phone_number": "+15550001111"}"#, 404),
    ] {
        assert_eq!(app.admin().post(&assign(id), body).await.status, status, "{id} {body}");
    }
}
