//! What holds on every route: request ids, slashes, errors, who may call.

use crate::util::client::Person;
use crate::util::{CARLA, TestApp};
use serde_json::json;

/// Every route under `/api`, with the status that an admin gets for this call.
const ROUTES: [(&str, &str, &str, u16); 16] = [
    ("GET", "/api/v1/sms-conversations", "", 200),
    ("GET", "/api/v1/sms-conversations/1", "", 200),
    ("GET", "/api/v1/sms-conversations/1/messages", "", 200),
    ("DELETE", "/api/v1/sms-conversations/99", "", 404),
    ("GET", "/api/v1/sms-sessions", "", 200),
    ("DELETE", "/api/v1/sms-sessions", "", 200),
    ("POST", "/api/v1/sms-sessions/cleanup", "", 200),
    ("DELETE", "/api/v1/sms-sessions/+15550000000/1", "", 404),
    ("GET", "/api/v1/assistants", "", 200),
    ("POST", "/api/v1/assistants", r#"{"name": "Another"}"#, 201),
    ("GET", "/api/v1/assistants/organization/phone-numbers", "", 200),
    (
        "POST",
        "/api/v1/assistants/1/phone-numbers/assign-by-number",
        r#"{"phone_number": "+15551234567"}"#,
        200,
    ),
    ("GET", "/api/v1/users/me/api-keys", "", 200),
    ("POST", "/api/v1/users/me/api-keys", r#"{"name": "ci"}"#, 200),
    ("DELETE", "/api/v1/users/me/api-keys/99", "", 404),
    ("POST", "/api/v1/import", "", 415),
];

async fn ask(who: &Person, method: &str, path: &str, body: &str) -> crate::util::client::Answer {
    who.ask(method, path, &[("content-type", "application/json")], body.to_owned()).await
}

async fn app_with_a_conversation() -> TestApp {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "hi").await;
    app
}

#[tokio::test]
async fn every_route_answers_with_and_without_a_slash_and_with_a_request_id() {
    let app = app_with_a_conversation().await;
    for (method, path, body, status) in ROUTES {
        for path in [path.to_owned(), format!("{path}/")] {
            let answer = ask(&app.admin(), method, &path, body).await;
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
            assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
            assert_eq!(answer.header("x-request-id").map(str::len), Some(36), "{path}");
        }
    }
}

#[tokio::test]
async fn every_route_refuses_those_without_a_good_key() {
    let app = app_with_a_conversation().await;
    for (method, path, body, _) in ROUTES {
        for who in [
            app.anonymous(),
            app.with_token(""),
            app.with_token("sl_live_unknown"),
            app.with_token("sl_live_ädmin"),
        ] {
            let answer = ask(&who, method, path, body).await;
            assert_eq!(
                (answer.status, answer.header("www-authenticate")),
                (401, Some("Bearer")),
                "{method} {path}"
            );
            assert_eq!(answer.json(), json!({"detail": "Not authenticated"}));
            assert!(answer.header("x-request-id").is_some());
        }
        let basic =
            app.anonymous().ask(method, path, &[("authorization", "Basic c2xfbGl2ZV9hZG1pbg==")], "").await;
        assert_eq!(basic.status, 401, "{method} {path}");
    }
}

#[tokio::test]
async fn a_viewer_may_read_and_nothing_else_and_imports_are_the_admins() {
    let app = app_with_a_conversation().await;
    for (method, path, body, status) in ROUTES {
        let accounts = path.contains("/import");
        let viewer = if accounts || method != "GET" { 403 } else { status };
        assert_eq!(ask(&app.viewer(), method, path, body).await.status, viewer, "viewer: {method} {path}");
        let user = if accounts { 403 } else { status };
        assert_eq!(ask(&app.user(), method, path, body).await.status, user, "user: {method} {path}");
    }
}

#[tokio::test]
async fn a_foreign_conversation_answers_byte_for_byte_like_a_missing_one() {
    let app = app_with_a_conversation().await;
    app.organization("other", "sl_live_other").await;
    let outsider = app.with_token("sl_live_other");
    for path in [
        "/api/v1/sms-conversations/",
        "/api/v1/sms-conversations/{id}",
        "/api/v1/sms-conversations/{id}/messages",
    ] {
        let foreign = outsider.get(&path.replace("{id}", "1")).await;
        let missing = outsider.get(&path.replace("{id}", "999")).await;
        assert_eq!((foreign.status, foreign.body), (missing.status, missing.body), "{path}");
    }
    let assign = |id: u64| format!("/api/v1/assistants/{id}/phone-numbers/assign-by-number");
    let body = r#"{"phone_number": "+15550001111"}"#;
    let (foreign, missing) = (outsider.post(&assign(1), body).await, outsider.post(&assign(999), body).await);
    assert_eq!((foreign.status, foreign.body), (404, missing.body));
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let app = TestApp::start().await;
    assert_eq!(app.admin().get("/api/v1/nothing").await.expect(404).json(), json!({"detail": "Not found"}));
    let answer = app.admin().ask("DELETE", "/api/v1/assistants", &[], "").await.expect(405);
    assert_eq!(
        (answer.header("allow"), answer.json()),
        (Some("GET,HEAD,POST"), json!({"detail": "Method not allowed"}))
    );
}

#[tokio::test]
async fn a_callers_request_id_comes_back_if_it_is_fit_to_print() {
    let app = TestApp::start().await;
    let long = "x".repeat(129);
    for (sent, kept) in [("abc-123", true), ("two words", false), ("", false), (long.as_str(), false)] {
        let answer = app.anonymous().ask("GET", "/health", &[("x-request-id", sent)], "").await;
        assert_eq!(answer.header("x-request-id") == Some(sent), kept, "{sent:?}");
    }
}

#[tokio::test]
async fn bodies_that_do_not_fit_are_told_what_is_wrong() {
    let app = TestApp::start().await;
    let huge = format!(r#"{{"name": "{}"}}"#, "x".repeat(1 << 20));
    for (content_type, body, status) in [
        ("application/json", "{\"name\": \"x\"", 400),
        ("application/json", "not json", 400),
        ("application/json", "", 400),
        ("application/json", "{}", 422),
        ("application/json", "{\"name\": 1}", 422),
        ("application/json", "{\"name\": \"  \"}", 422),
        ("application/json", "[]", 422),
        ("text/plain", "{\"name\": \"x\"}", 415),
        ("application/json", huge.as_str(), 413),
        ("application/json; charset=utf-8", "{\"name\": \"x\"}", 201),
    ] {
        let answer = app
            .admin()
            .ask("POST", "/api/v1/assistants", &[("content-type", content_type)], body.to_owned())
            .await;
        let shown = &body[..body.len().min(40)];
        assert_eq!(answer.status, status, "{content_type} {shown}: {}", answer.text());
        assert!(status < 400 || !answer.json()["detail"].is_null());
    }
}

#[tokio::test]
async fn a_connection_that_sends_half_a_request_is_closed_in_the_end() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let app = TestApp::start().await;
    let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    // From here on, waiting takes no time.
    tokio::time::pause();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "");
}
