//! `POST /api/v1/import`: what the operator's command uses. The rules of the records themselves are
//! tested under `transfer`.

use crate::util::TestApp;
use crate::util::client::{Answer, Person};
use serde_json::{Value, json};

const ASSISTANT: &str = r#"{"type":"assistant","id":7,"name":"Imported"}"#;
const CALL: &str = r#"{"type":"call","id":101,"channel":"sms","direction":"inbound","assistant_id":7,"customer_phone_number":"+15559876543","assistant_phone_number":"+15550001111","status":"completed","started_at":"2026-04-01T10:00:00Z","ended_at":"2026-04-02T10:00:00Z"}"#;
const MESSAGE: &str =
    r#"{"type":"message","call_id":101,"role":"user","content":"Hi","timestamp":"2026-04-01T10:00:00Z"}"#;

async fn import(who: &Person, lines: &[&str]) -> Answer {
    who.ask("POST", "/api/v1/import", &[("content-type", "application/x-ndjson")], lines.join("\n")).await
}

fn summary(answer: &Answer) -> Value {
    serde_json::from_str(answer.text().lines().last().unwrap()).unwrap()
}

#[tokio::test]
async fn records_are_stored_once_and_listed() {
    let app = TestApp::start().await;
    let first = import(&app.admin(), &[ASSISTANT, CALL, MESSAGE]).await.expect(200);
    assert_eq!(summary(&first), json!({"records": 3, "stored": 3, "skipped": 0, "replaced": 0}));
    let again = import(&app.admin(), &[ASSISTANT, CALL, MESSAGE]).await.expect(200);
    assert_eq!(summary(&again), json!({"records": 3, "stored": 0, "skipped": 3, "replaced": 0}));
    let row = app.viewer().get("/api/v1/sms-conversations/101").await.expect(200).json();
    assert_eq!((&row["assistant_name"], &row["message_count"]), (&json!("Imported"), &json!(1)));
}

#[tokio::test]
async fn a_bad_line_is_named_and_nothing_is_stored() {
    let app = TestApp::start().await;
    for (lines, says) in [
        (&[ASSISTANT, CALL, MESSAGE, "{\"type\":"][..], "line 4: "),
        (&[ASSISTANT, MESSAGE, CALL], "line 2: "),
        (&[ASSISTANT, CALL, "nonsense"], "line 3: "),
    ] {
        let detail = import(&app.admin(), lines).await.expect(422).json();
        assert!(detail["detail"].as_str().unwrap().starts_with(says), "{detail}");
        app.viewer().get("/api/v1/sms-conversations/101").await.expect(404);
    }
    assert_eq!(app.viewer().get("/api/v1/assistants").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn only_admins_import_and_only_ndjson() {
    let app = TestApp::start().await;
    for (who, status) in
        [(app.anonymous(), 401), (app.viewer(), 403), (app.user(), 403), (app.operator(), 200)]
    {
        assert_eq!(import(&who, &[ASSISTANT]).await.status, status);
    }
    let json =
        app.admin().ask("POST", "/api/v1/import", &[("content-type", "application/json")], ASSISTANT).await;
    assert_eq!(json.status, 415);
}

#[tokio::test]
async fn an_import_stays_in_its_organization() {
    let app = TestApp::start().await;
    app.organization("other", "sl_live_other").await;
    import(&app.with_token("sl_live_other"), &[ASSISTANT, CALL, MESSAGE]).await.expect(200);
    app.viewer().get("/api/v1/sms-conversations/101").await.expect(404);
    app.with_token("sl_live_other").get("/api/v1/sms-conversations/101").await.expect(200);
}
