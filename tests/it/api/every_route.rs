//! Every route of the OpenAPI document, whoever calls it: without credentials, with bad ones, with
//! those of a viewer and of another organization. A route that is new is walked without a word here,
//! unless its path or body needs something that nobody can guess.

use super::openapi::{Operation, document, operations};
use crate::util::client::{Answer, Person};
use crate::util::{CARLA, OUR_NUMBER, TestApp, settings};
use serde_json::json;
use smslite::config::{IdFormat, MetricsAt, Settings};
use std::collections::BTreeMap;

/// Stands in everything of ours that could be shown to others.
const MARK: &str = "ours alone";
const JOB: &str = "3f2b8a52-5d1e-4c55-9d0c-0a5be7b0a007";

/// What is there has the id 7 in our organization, and nothing has it in the other one.
async fn app() -> TestApp {
    let app = TestApp::start_with(Settings { metrics: MetricsAt::Main, ..settings() }).await;
    app.organization("other", "sl_live_other").await;
    let lines = [
        json!({"type": "user", "id": 7, "email": "ann@default", "first_name": MARK, "role": "user"}),
        json!({"type": "assistant", "id": 7, "name": MARK}),
        json!({"type": "phone_number", "phone_number": "+15550000007", "provider": "twilio", "assistant_id": 7, "friendly_name": MARK}),
        json!({
            "type": "call", "id": 7, "channel": "sms", "direction": "inbound", "assistant_id": 7,
            "customer_phone_number": CARLA, "assistant_phone_number": "+15550000007", "status": "active",
            "started_at": "2026-04-30T09:00:00Z", "call_meta": {"topic": MARK},
        }),
        json!({"type": "message", "call_id": 7, "role": "user", "content": MARK, "timestamp": "2026-04-30T09:00:00Z"}),
        json!({
            "type": "message_log", "id": 7, "call_id": 7, "provider": "twilio", "provider_message_id": "SM7",
            "direction": "inbound", "from_number": CARLA, "to_number": "+15550000007", "body": MARK, "media_urls": [],
            "segment_count": 1, "status": "received", "provider_status": "received", "created_at": "2026-04-30T09:00:00Z",
        }),
        json!({"type": "audit_event", "id": 7, "call_id": 7, "timestamp": "2026-04-30T09:00:00Z", "event_type": "message_stored", "level": "info", "message": MARK, "event_data": {"message_index": 1}}),
        json!({
            "type": "outbound_job", "uuid": JOB, "call_id": 7, "log_id": 7, "provider": "twilio", "from_number": "+15550000007",
            "to_number": CARLA, "body": MARK, "media_urls": [], "status": "sent", "attempts": 1, "due_at": "2026-04-30T09:00:00Z",
            "created_at": "2026-04-30T09:00:00Z", "updated_at": "2026-04-30T09:00:00Z",
        }),
    ];
    let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
    let ndjson = [("content-type", "application/x-ndjson")];
    app.admin().ask("POST", "/api/v1/import", &ndjson, lines.join("\n")).await.expect(200);
    for _ in 4..=7 {
        app.admin().post("/api/v1/users/me/api-keys", r#"{"name": "ours alone"}"#).await.expect(200);
    }
    app
}

/// The path with something in each parameter's place that is ours, or that is nobody's.
fn path(operation: &Operation, ours: bool) -> String {
    let mut path = operation.path.clone();
    for name in operation.parameters("path") {
        let (known, unknown) = match name.as_str() {
            "phone_number" => ("%2B15559876543", "%2B15550009999"),
            "customer_phone_number" => ("%2B15559876543", "%2B15550009999"),
            // Whose account it is, the caller tells.
            "provider" => ("pigeon", "pigeon"),
            "call_sid" => ("sms_7", "sms_999"),
            "message_id" => (JOB, "3f2b8a52-5d1e-4c55-9d0c-0a5be7b0a999"),
            name if name.ends_with("_id") => ("7", "999"),
            name => panic!("{}: nobody can guess a {name}; say one here", operation.name()),
        };
        path = path.replace(&format!("{{{name}}}"), if ours { known } else { unknown });
    }
    path
}

/// Asks with a body that fits, where one is needed to get further than to its refusal.
async fn ask(who: &Person, operation: &Operation, path: &str) -> Answer {
    let number = json!({"phone_number": OUR_NUMBER});
    let body = match operation.said["operationId"].as_str().unwrap() {
        "assign_phone_number" | "unassign_phone_number" => number,
        "rename_api_key" => json!({"name": "theirs"}),
        _ => json!({}),
    };
    let content = operation.said["requestBody"]["content"].as_object();
    let media = content.and_then(|content| content.keys().next().cloned());
    let headers: Vec<_> = media.iter().map(|media| ("content-type", media.as_str())).collect();
    let body = if media.is_some() { body.to_string() } else { String::new() };
    let answer = who.ask(&operation.method, path, &headers, body).await;
    assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()), "{} {path}", operation.method);
    assert!(answer.status < 500, "{} {path}: {}", operation.method, answer.text());
    answer
}

/// An answer that ends.
fn ends(operation: &Operation) -> bool {
    !operation.said["responses"].to_string().contains("text/event-stream")
}

fn guarded() -> Vec<Operation> {
    let operations = operations(&document(IdFormat::Integer)).into_iter();
    operations.filter(|operation| !operation.is_open()).collect()
}

#[tokio::test]
async fn no_route_is_open_to_those_without_a_good_key() {
    let app = app().await;
    let people =
        ["", "sl_live_unknown", "sl_live_ädmin", "a.b.c"].map(|token| app.with_token(token)).into_iter();
    for operation in guarded() {
        let path = path(&operation, true);
        let bare = path.trim_end_matches('/');
        for who in people.clone().chain([app.anonymous()]) {
            for path in [bare.to_owned(), format!("{bare}/")] {
                let answer = ask(&who, &operation, &path).await;
                let told = (answer.status, answer.header("www-authenticate"), answer.text());
                let refused = (401, Some("Bearer"), r#"{"detail":"Not authenticated"}"#.to_owned());
                assert_eq!(told, refused, "{} {path}", operation.method);
            }
        }
        let basic = [("authorization", "Basic c2xfbGl2ZV9hZG1pbg==")];
        app.anonymous().ask(&operation.method, &path, &basic, "").await.expect(401);
    }
}

#[tokio::test]
async fn a_viewer_may_read_and_nothing_else() {
    let app = app().await;
    for operation in guarded() {
        let path = path(&operation, true);
        // One's own session is nobody's data.
        if operation.path.starts_with("/api/auth/") && operation.method != "GET" {
            continue;
        }
        if operation.method != "GET" {
            let answer = ask(&app.viewer(), &operation, &path).await;
            let told = (answer.status, answer.text());
            let refused = (403, r#"{"detail":"Your role does not allow this"}"#.to_owned());
            assert_eq!(told, refused, "{} {path}", operation.method);
        } else if ends(&operation) {
            // What is read by admins alone says so.
            let expected = if operation.said["responses"]["403"].is_object() { 403 } else { 200 };
            // There are two organizations here, and a backup has both; metrics are of both.
            let of_all = ["/api/v1/backup", "/metrics"].contains(&operation.path.as_str());
            let admin = if of_all { app.operator() } else { app.admin() };
            for who in [(app.viewer(), expected), (admin, 200)] {
                let bare = path.trim_end_matches('/');
                for path in [bare.to_owned(), format!("{bare}/")] {
                    let answer = ask(&who.0, &operation, &path).await;
                    assert_eq!(answer.status, who.1, "GET {path}: {}", answer.text());
                }
            }
        }
    }
}

/// What our admin reads, apart from how often the keys were used.
async fn readings(app: &TestApp) -> BTreeMap<String, String> {
    let mut read = BTreeMap::new();
    for operation in guarded() {
        if operation.method == "GET" && ends(&operation) && !operation.path.contains("/users") {
            let path = path(&operation, true);
            read.insert(path.clone(), ask(&app.admin(), &operation, &path).await.text());
        }
    }
    read
}

#[tokio::test]
async fn what_is_anothers_is_neither_seen_nor_touched_nor_told_from_what_is_not_there() {
    let app = app().await;
    let before = readings(&app).await;
    assert!(before.values().filter(|text| text.contains(MARK)).count() >= 8, "{before:#?}");
    let outsider = app.with_token("sl_live_other");
    for operation in guarded().into_iter().filter(ends) {
        let ours = path(&operation, true);
        let answer = ask(&outsider, &operation, &ours).await;
        assert!(!answer.text().contains(MARK), "{} {ours}: {}", operation.method, answer.text());
        if !operation.parameters("path").is_empty() {
            let nobodys = path(&operation, false);
            let missing = ask(&outsider, &operation, &nobodys).await;
            let told = (answer.status, answer.header("content-type"), &answer.body);
            assert_eq!(told, (missing.status, missing.header("content-type"), &missing.body), "{ours}");
            // A body that nobody could guess is refused before the path is looked at.
            let refused = operation.said["requestBody"].is_object() && answer.status == 422;
            assert!(answer.status == 404 || refused, "{} {ours}: {}", operation.method, answer.status);
        }
    }
    assert_eq!(readings(&app).await, before);
}
