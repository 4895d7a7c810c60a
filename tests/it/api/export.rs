//! `GET /api/v1/export`: what the operator's command uses. What is in it is tested under `transfer`.

use crate::util::{CARLA, TestApp};
use std::io::Write;

#[tokio::test]
async fn only_admins_export() {
    let app = TestApp::start().await;
    for path in ["/api/v1/export", "/api/v1/export/?with_secrets=true"] {
        for (who, status) in [
            (app.anonymous(), 401),
            (app.with_token("sl_live_nobody"), 401),
            (app.viewer(), 403),
            (app.user(), 403),
            (app.admin(), 200),
            (app.operator(), 200),
        ] {
            assert_eq!(who.get(path).await.status, status, "{path}");
        }
    }
}

#[tokio::test]
async fn an_export_is_a_download_of_ndjson_without_secrets_unless_asked() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    let answer = app.admin().get("/api/v1/export").await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"smslite-export.ndjson\""));
    let kinds = |text: &str| -> Vec<String> {
        let kind = |line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["type"].as_str().unwrap().to_owned()
        };
        let mut kinds: Vec<String> = text.lines().map(kind).collect();
        kinds.dedup();
        kinds
    };
    let plain = ["assistant", "phone_number", "call", "message", "message_log", "audit_event"];
    assert_eq!(kinds(&answer.text()), plain);
    for (query, secrets) in [("with_secrets=false", false), ("with_secrets=true", true)] {
        let text = app.admin().get(&format!("/api/v1/export?{query}")).await.expect(200).text();
        assert_eq!(kinds(&text).len(), plain.len() + if secrets { 3 } else { 0 }, "{query}");
        assert_eq!(text.contains("key_hash"), secrets, "{query}");
    }
    let refused = app.admin().get("/api/v1/export?with_secrets=yes").await.expect(422).json();
    assert_eq!(refused["detail"][0]["loc"], serde_json::json!(["query", "with_secrets"]));
}

#[tokio::test]
async fn an_export_has_nothing_of_another_organization() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    app.organization("other", "sl_live_other").await;
    let text =
        app.with_token("sl_live_other").get("/api/v1/export?with_secrets=true").await.expect(200).text();
    assert!(
        text.contains("admin@other") && !text.contains("admin@default") && !text.contains("hello"),
        "{text}"
    );
    let named = [("x-smslite-organization", "other")];
    assert_eq!(
        app.operator().ask("GET", "/api/v1/export?with_secrets=true", &named, "").await.expect(200).text(),
        text
    );
    app.operator().get("/api/v1/export").await.expect(422);
}

#[tokio::test]
async fn a_caller_who_hangs_up_midway_leaves_the_server_as_it_was() {
    let app = TestApp::start().await;
    for n in 0..3 {
        let mut connection = std::net::TcpStream::connect(app.address).unwrap();
        let head = "GET /api/v1/export HTTP/1.1\r\nhost: a\r\nauthorization: Bearer sl_live_admin\r\n\r\n";
        connection.write_all(&head.as_bytes()[..head.len() - n]).unwrap();
    }
    app.admin().get("/api/v1/export").await.expect(200);
}
