//! What holds wherever one asks: request ids, unknown paths, bodies that do not fit. Who may call what is in
//! `every_route`.

use crate::util::TestApp;
use serde_json::json;

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
