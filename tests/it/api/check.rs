//! `POST /api/v1/check`: what the operator's command uses while a server runs.

use crate::util::{CARLA, TestApp};
use serde_json::Value;

#[tokio::test]
async fn only_the_operator_checks() {
    let app = TestApp::start().await;
    app.organization("other", "sl_live_other").await;
    for (who, status) in [
        (app.anonymous(), 401),
        (app.with_token("sl_live_nobody"), 401),
        (app.viewer(), 403),
        (app.admin(), 403),
        (app.with_token("sl_live_other"), 403),
        // Of all organizations at once, so none has to be named.
        (app.operator(), 200),
    ] {
        assert_eq!(who.post("/api/v1/check", "").await.status, status);
    }
    let twice = [("authorization", "Bearer control-token-of-the-test")];
    app.operator().ask("POST", "/api/v1/check", &twice, "").await.expect(401);
    app.operator().get("/api/v1/check").await.expect(405);
}

#[tokio::test]
async fn the_last_line_says_what_was_read_and_found() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    let answer = app.operator().post("/api/v1/check", "").await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let text = answer.text();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((&last["found"], &last["damages"]), (&0.into(), &Value::Array(Vec::new())), "{text}");
    assert!(last["rows"].as_u64() > Some(20) && last["organizations"] == 1, "{text}");
}
