//! `/api/v1/assistants/.../phone-numbers`

use crate::util::{CARLA, CARLOS, OUR_NUMBER, SECOND, TestApp};
use serde_json::{Value, json};

const ASSISTANTS: &str = "/api/v1/assistants";
const NUMBERS: &str = "/api/v1/assistants/organization/phone-numbers";
const CONVERSATIONS: &str = "/api/v1/sms-conversations/";

fn path(assistant: &str, verb: &str) -> String {
    format!("{ASSISTANTS}/{assistant}/phone-numbers/{verb}-by-number")
}

/// Assistant 1 has `OUR_NUMBER`; 2 has two, one of them out of use; one is nobody's.
async fn app_with_numbers() -> TestApp {
    let app = TestApp::start().await;
    let lines = r#"{"type":"assistant","id":2,"name":"Night shift","is_active":false}
{"type":"phone_number","phone_number":"+15550000002","provider":"vonage","assistant_id":2}
{"type":"phone_number","phone_number":"+15550000003","provider":"telnyx","assistant_id":2,"is_active":false}
{"type":"phone_number","phone_number":"+15550000004","provider":"sandbox","friendly_name":"Spare"}"#;
    app.admin()
        .ask("POST", "/api/v1/import", &[("content-type", "application/x-ndjson")], lines)
        .await
        .expect(200);
    app
}

/// The last digits of the numbers listed.
async fn ends(app: &TestApp, path: &str) -> String {
    let listed = app.viewer().get(path).await.expect(200).json();
    let numbers = listed.as_array().unwrap().iter().map(|row| row["phone_number"].as_str().unwrap());
    numbers.map(|number| &number[number.len() - 1..]).collect::<Vec<_>>().join("")
}

#[tokio::test]
async fn numbers_are_listed_by_whose_they_are_and_whether_they_are_in_use() {
    let app = app_with_numbers().await;
    for (query, expected) in [
        ("", "247"),
        ("include_inactive=true", "2347"),
        ("include_assigned=false", "4"),
        ("include_unassigned=false", "27"),
        ("include_unassigned=0&include_inactive=1", "237"),
        ("include_assigned=false&include_unassigned=false", ""),
        ("include_assigned=true&include_unassigned=true&include_inactive=false", "247"),
    ] {
        assert_eq!(ends(&app, &format!("{NUMBERS}?{query}")).await, expected, "{query}");
    }
    for query in ["include_assigned=x", "include_unassigned=", "include_inactive=2"] {
        app.viewer().get(&format!("{NUMBERS}?{query}")).await.expect(422);
    }
    for (assistant, expected) in [("1", "7"), ("2", "23")] {
        let path = format!("{ASSISTANTS}/{assistant}/phone-numbers");
        assert_eq!(ends(&app, &path).await, expected);
    }
}

#[tokio::test]
async fn a_number_is_shown_with_everything_that_is_known_of_it() {
    let app = app_with_numbers().await;
    let number = |id: u64, number: &str, provider: &str, name: Value, assistant: Value| {
        json!({
            "id": id, "phone_number": number, "friendly_name": name, "provider": provider, "twilio_sid": "",
            "is_active": true, "is_verified_caller_id": false,
            "capabilities": {"sms": true, "mms": true, "voice": false}, "sip_trunk_id": null,
            "allowed_country_codes": null, "assistant": assistant, "flow": null,
            "created_at": "2026-04-30T10:00:00Z", "updated_at": "2026-04-30T10:00:00Z",
        })
    };
    let listed = app.viewer().get(NUMBERS).await.json();
    let night = json!({"id": 2, "name": "Night shift", "is_active": false});
    let bot = json!({"id": 1, "name": "Support Bot", "is_active": true});
    assert_eq!(
        listed,
        json!([
            number(2, "+15550000002", "vonage", json!(null), night),
            number(4, "+15550000004", "sandbox", json!("Spare"), json!(null)),
            number(1, OUR_NUMBER, "twilio", json!(null), bot),
        ])
    );
    let own = app.viewer().get(&format!("{ASSISTANTS}/1/phone-numbers")).await.json();
    assert_eq!(own, json!([listed[2]]));
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
    assert_eq!(ends(&app, NUMBERS).await, "7");
    assert_eq!(app.viewer().get(NUMBERS).await.json()[0]["assistant"]["id"], 2);
}

#[tokio::test]
async fn assigning_keeps_what_is_not_said_of_a_known_number() {
    let app = app_with_numbers().await;
    app.advance(SECOND);
    for (body, name, provider) in [
        (json!({"phone_number": "+15550000004"}), json!("Spare"), "sandbox"),
        (json!({"phone_number": "+1 555 000 0004", "friendly_name": "Desk"}), json!("Desk"), "sandbox"),
        (
            json!({"phone_number": "+15550000004", "provider": "twilio", "auto_sync": true}),
            json!("Desk"),
            "twilio",
        ),
        // No carrier can send: it is the sandbox's.
        (json!({"phone_number": "+15550000005"}), json!(null), "sandbox"),
    ] {
        let answer = app.user().post(&path("1", "assign"), &body.to_string()).await.expect(200).json();
        assert_eq!((&answer["success"], &answer["message"]), (&json!(true), &json!("Phone number assigned")));
        let data = &answer["data"];
        assert_eq!((&data["friendly_name"], &data["provider"]), (&name, &json!(provider)), "{body}");
        assert_eq!(
            (&data["assistant"]["id"], &data["updated_at"]),
            (&json!(1), &json!("2026-04-30T10:00:01Z"))
        );
    }
}

#[tokio::test]
async fn what_comes_to_a_number_that_was_taken_away_joins_nothing() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "first").await;
    let body = json!({"phone_number": OUR_NUMBER}).to_string();
    let answer = app.user().post(&path("1", "unassign"), &body).await.expect(200).json();
    assert_eq!((&answer["success"], &answer["message"]), (&json!(true), &json!("Phone number unassigned")));
    assert_eq!(
        (&answer["data"]["phone_number"], &answer["data"]["assistant"]),
        (&json!(OUR_NUMBER), &Value::Null)
    );
    app.twilio().delivers("SM2", CARLA, "second").await;
    assert_eq!(app.viewer().get(CONVERSATIONS).await.json()[0]["message_count"], 1);
    app.user().post(&path("1", "unassign"), &body).await.expect(404);
    // Given back, its session goes on.
    app.assign(&app.user(), OUR_NUMBER, 1).await;
    app.twilio().delivers("SM3", CARLA, "third").await;
    assert_eq!(app.viewer().get(CONVERSATIONS).await.json()[0]["message_count"], 2);
}

#[tokio::test]
async fn what_is_no_number_or_no_assistant_is_refused() {
    let app = app_with_numbers().await;
    app.organization("other", "sl_live_other").await;
    for (verb, id, body, status) in [
        ("assign", "1", r#"{"phone_number": "5551234567"}"#, 422),
        ("assign", "1", r#"{"phone_number": "+0551234567"}"#, 422),
        ("assign", "1", r#"{"phone_number": ""}"#, 422),
        ("assign", "1", r#"{"phone_number": 15551234567}"#, 422),
        ("assign", "1", r#"{"phone_number": "+15550001111", "provider": "pigeon"}"#, 422),
        ("assign", "1", r#"{}"#, 422),
        ("assign", "9", r#"{"phone_number": "+15550001111"}"#, 404),
        ("assign", "x", r#"{"phone_number": "+15550001111"}"#, 404),
        ("unassign", "1", r#"{"phone_number": "+0"}"#, 422),
        ("unassign", "1", r#"{}"#, 422),
        ("unassign", "1", r#"{"phone_number": "+15550001111"}"#, 404),
        ("unassign", "1", r#"{"phone_number": "+15550000002"}"#, 404),
        ("unassign", "1", r#"{"phone_number": "+15550000004"}"#, 404),
        ("unassign", "9", r#"{"phone_number": "+15551234567"}"#, 404),
    ] {
        let answer = app.admin().post(&path(id, verb), body).await;
        assert_eq!(answer.status, status, "{verb} {id} {body}");
        if status == 404 {
            let foreign = app.with_token("sl_live_other").post(&path("1", verb), body).await;
            assert_eq!((foreign.status, &foreign.body), (404, &answer.body), "{verb} {id} {body}");
        }
        app.viewer().post(&path(id, verb), body).await.expect(403);
    }
    assert_eq!(ends(&app, NUMBERS).await, "247");
    let outsider = app.with_token("sl_live_other");
    assert_eq!(outsider.get(NUMBERS).await.json(), json!([]));
    let foreign = outsider.get(&format!("{ASSISTANTS}/1/phone-numbers")).await.expect(404);
    let missing = outsider.get(&format!("{ASSISTANTS}/99/phone-numbers")).await.expect(404);
    assert_eq!(foreign.body, missing.body);
}
