//! `/api/v1/users/me/api-keys`

use crate::util::{SECOND, TestApp};
use serde_json::json;

const KEYS: &str = "/api/v1/users/me/api-keys";
const LIST: &str = "/api/v1/sms-conversations/";

#[tokio::test]
async fn a_key_is_shown_once_and_works_from_then_on() {
    let app = TestApp::start().await;
    let made = app.admin().post(KEYS, r#"{"name": "ci"}"#).await.expect(200).json();
    let secret = made["key"].as_str().unwrap();
    assert!(secret.starts_with("sl_live_") && secret.len() == "sl_live_".len() + 43, "{secret}");
    app.with_token(secret).get(LIST).await.expect(200);
    let listed = app.admin().get(KEYS).await.expect(200);
    assert!(!listed.text().contains(secret), "only the hash is kept");
    assert!(listed.text().contains(&secret[..12]), "its owner can tell it by its start");
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once() {
    let app = TestApp::start().await;
    let made = app.admin().post(KEYS, r#"{"name": "ci", "role": "viewer"}"#).await.expect(200).json();
    let (secret, id) = (made["key"].as_str().unwrap(), made["api_key"]["id"].as_u64().unwrap());
    app.with_token(secret).get(LIST).await.expect(200);
    app.admin().delete(&format!("{KEYS}/{id}")).await.expect(200);
    app.with_token(secret).get(LIST).await.expect(401);
    app.admin().delete(&format!("{KEYS}/{id}")).await.expect(404);
    let listed = app.admin().get(KEYS).await.json();
    let row = listed.as_array().unwrap().iter().find(|key| key["id"] == id).unwrap();
    assert_eq!(row["is_active"], json!(false));
}

#[tokio::test]
async fn a_key_ends_at_its_expiry() {
    let app = TestApp::start().await;
    let body = r#"{"name": "short", "expires_at": "2026-04-30T10:00:01Z"}"#;
    let made = app.admin().post(KEYS, body).await.expect(200).json();
    let short = app.with_token(made["key"].as_str().unwrap());
    app.advance(SECOND - 1);
    short.get(LIST).await.expect(200);
    app.advance(1);
    short.get(LIST).await.expect(401);
}

#[tokio::test]
async fn what_does_not_fit_makes_no_key() {
    let app = TestApp::start().await;
    for body in [
        r#"{}"#,
        r#"{"name": " "}"#,
        r#"{"name": "x", "role": "king"}"#,
        r#"{"name": "x", "expires_at": "soon"}"#,
    ] {
        app.admin().post(KEYS, body).await.expect(422);
    }
    for id in ["0", "abc", "99"] {
        app.admin().delete(&format!("{KEYS}/{id}")).await.expect(404);
    }
}

#[tokio::test]
async fn the_operators_token_is_an_admin_of_the_organization_it_names() {
    let app = TestApp::start().await;
    let count = |answer: crate::util::client::Answer| answer.json().as_array().unwrap().len();
    assert_eq!(
        count(app.operator().get("/api/v1/assistants").await.expect(200)),
        1,
        "the only one need not be named"
    );
    app.organization("other", "sl_live_other").await;
    for (named, status, assistants) in
        [(Some("default"), 200, 1), (Some("other"), 200, 0), (Some("nobody"), 422, 0), (None, 422, 0)]
    {
        let headers: Vec<_> = named.map(|slug| ("x-smslite-organization", slug)).into_iter().collect();
        let answer = app.operator().ask("GET", "/api/v1/assistants", &headers, "").await.expect(status);
        assert!(status != 200 || count(answer) == assistants, "{named:?}");
    }
    let ignored =
        app.admin().ask("GET", "/api/v1/assistants", &[("x-smslite-organization", "other")], "").await;
    assert_eq!(count(ignored), 1, "a key is of its own organization, whatever it names");
}

#[tokio::test]
async fn a_key_tells_how_it_was_used() {
    let app = TestApp::start().await;
    let used = |keys: serde_json::Value| {
        let viewer =
            keys.as_array().unwrap().iter().find(|key| key["name"] == "viewer_of_default").unwrap().clone();
        (viewer["usage_count"].clone(), viewer["last_used_at"].clone())
    };
    assert_eq!(used(app.admin().get(KEYS).await.json()), (json!(0), json!(null)));
    app.viewer().get(LIST).await.expect(200);
    app.advance(SECOND);
    app.viewer().get(LIST).await.expect(200);
    assert_eq!(used(app.admin().get(KEYS).await.json()), (json!(2), json!("2026-04-30T10:00:01Z")));
}

#[tokio::test]
async fn of_two_authorization_headers_neither_counts() {
    let app = TestApp::start().await;
    let second = [("authorization", "Bearer sl_live_unknown")];
    app.admin().ask("GET", LIST, &second, "").await.expect(401);
}

#[tokio::test]
async fn a_key_is_its_owners_to_manage_and_the_admins() {
    let app = TestApp::start().await;
    let ann = json!({"email": "ann@example.com", "password": "long enough"}).to_string();
    app.admin().post("/api/v1/users", &ann).await.expect(201);
    let signed_in = app.anonymous().post("/api/auth/login/simple", &ann).await.expect(200).json();
    let ann = app.with_token(signed_in["access_token"].as_str().unwrap());
    let names = |keys: serde_json::Value| {
        let keys = keys.as_array().unwrap().clone();
        keys.iter().map(|key| key["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(names(ann.get(KEYS).await.json()).is_empty());
    let made = ann.post(KEYS, r#"{"name": "hers"}"#).await.expect(200).json();
    let id = made["api_key"]["id"].as_u64().unwrap();
    assert_eq!(names(ann.get(KEYS).await.json()), ["hers"]);
    assert_eq!(names(app.admin().get(KEYS).await.json()).len(), 4);
    for (body, status) in
        [(r#"{"name": "x", "role": "admin"}"#, 403), (r#"{"name": "x", "role": "viewer"}"#, 200)]
    {
        ann.post(KEYS, body).await.expect(status);
    }
    let permissions = r#"{"name": "x", "permissions": {"role": "admin"}}"#;
    ann.post(KEYS, permissions).await.expect(403);
    ann.ask("PUT", &format!("{KEYS}/1?name=mine"), &[], "").await.expect(404);
    ann.delete(&format!("{KEYS}/1")).await.expect(404);
    app.admin().delete(&format!("{KEYS}/{id}")).await.expect(200);
    assert_eq!(ann.get(KEYS).await.json()[0]["is_active"], json!(false));
}

#[tokio::test]
async fn a_weak_key_neither_sees_nor_ends_the_strong_ones_of_its_owner() {
    let app = TestApp::start().await;
    for weak in [app.user(), app.viewer()] {
        let keys = weak.get(KEYS).await.json();
        assert!(keys.as_array().unwrap().iter().all(|key| key["permissions"]["role"] != "admin"), "{keys}");
    }
    app.user().delete(&format!("{KEYS}/1")).await.expect(404);
    app.user().ask("PUT", &format!("{KEYS}/1?name=mine"), &[], "").await.expect(404);
    app.admin().get(KEYS).await.expect(200);
}

#[tokio::test]
async fn a_key_that_ends_makes_none_that_outlives_it() {
    let app = TestApp::start().await;
    let end = "2026-05-01T00:00:00Z";
    let body = format!(r#"{{"name": "short", "expires_at": "{end}"}}"#);
    let made = app.admin().post(KEYS, &body).await.expect(200).json();
    let short = app.with_token(made["key"].as_str().unwrap());
    for (asked, given) in
        [("null", end), (r#""2027-01-01""#, end), (r#""2026-04-30T12:00:00Z""#, "2026-04-30T12:00:00Z")]
    {
        let body = format!(r#"{{"name": "x", "expires_at": {asked}}}"#);
        let made = short.post(KEYS, &body).await.expect(200).json();
        assert_eq!(made["api_key"]["expires_at"], given, "{asked}");
    }
}

#[tokio::test]
async fn a_key_is_renamed_by_query_or_body() {
    let app = TestApp::start().await;
    let path = format!("{KEYS}/1");
    let renamed =
        app.admin().ask("PUT", &format!("{path}?name=by%20query"), &[], "").await.expect(200).json();
    assert_eq!(renamed["name"], "by query");
    let content = [("content-type", "application/json")];
    let renamed = app.admin().ask("PUT", &path, &content, r#"{"name": "by body"}"#).await.expect(200).json();
    assert_eq!(renamed["name"], "by body");
    app.admin().ask("PUT", &path, &[], "").await.expect(422);
    app.admin().ask("PUT", &path, &content, r#"{"name": " "}"#).await.expect(422);
    app.viewer().ask("PUT", &format!("{path}?name=x"), &[], "").await.expect(403);
}
