//! `/api/v1/users`

use crate::util::{TestApp, client::Answer, client::Person};
use serde_json::{Value, json};

const USERS: &str = "/api/v1/users";

async fn patch(who: &Person, id: u64, body: &str) -> Answer {
    let json = [("content-type", "application/json")];
    who.ask("PATCH", &format!("{USERS}/{id}"), &json, body.to_owned()).await
}

#[tokio::test]
async fn a_user_comes_back_as_made_and_as_changed() {
    let app = TestApp::start().await;
    let body = r#"{"email": " Ann@example.com ", "first_name": "Ann", "last_name": "Lee"}"#;
    let made = app.admin().post(USERS, body).await.expect(201).json();
    let mut wanted = json!({
        "id": 2, "organization_id": 1, "email": "Ann@example.com", "first_name": "Ann", "last_name": "Lee",
        "full_name": "Ann Lee", "role": "user", "is_active": true, "is_verified": true, "is_platform_admin": false,
        "avatar_url": null, "last_login_at": null, "login_count": 0, "preferences": {}, "google_id": null,
        "created_at": "2026-04-30T10:00:00Z", "updated_at": "2026-04-30T10:00:00Z",
    });
    assert_eq!(made, wanted);
    app.advance(1_000_000);
    let changed = patch(&app.admin(), 2, r#"{"role": "viewer", "last_name": "Lu"}"#).await.expect(200).json();
    wanted["role"] = json!("viewer");
    wanted["last_name"] = json!("Lu");
    wanted["full_name"] = json!("Ann Lu");
    wanted["updated_at"] = json!("2026-04-30T10:00:01Z");
    assert_eq!(changed, wanted);
    assert_eq!(app.admin().get(USERS).await.json()[1], wanted);
    let me = app.viewer().get("/api/v1/users/me").await.json();
    assert_eq!(me["email"], "admin@default", "a key speaks for its owner");
}

#[tokio::test]
async fn what_does_not_fit_makes_and_changes_no_user() {
    let app = TestApp::start().await;
    for (body, status) in [
        (r#"{"email": "ADMIN@default"}"#, 409),
        (r#"{"email": "no address"}"#, 422),
        (r#"{"email": "@example.com"}"#, 422),
        (r#"{"email": "a@b", "password": "short"}"#, 422),
        (r#"{"email": "a@b", "role": "king"}"#, 422),
        (r#"{}"#, 422),
        ("{", 400),
    ] {
        assert_eq!(app.admin().post(USERS, body).await.status, status, "{body}");
    }
    for (body, status) in [
        (r#"{"role": "viewer"}"#, 409),
        (r#"{"is_active": false}"#, 409),
        (r#"{"password": "short"}"#, 422),
        (r#"{"role": 7}"#, 422),
    ] {
        assert_eq!(patch(&app.admin(), 1, body).await.status, status, "{body}");
    }
    patch(&app.admin(), 9, "{}").await.expect(404);
    assert_eq!(app.admin().get(USERS).await.json().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn users_are_the_admins_and_the_organizations_own() {
    let app = TestApp::start().await;
    app.organization("other", "sl_live_other").await;
    for who in [app.user(), app.viewer()] {
        who.get(USERS).await.expect(403);
        who.post(USERS, r#"{"email": "a@b"}"#).await.expect(403);
        patch(&who, 1, "{}").await.expect(403);
    }
    app.admin().post(USERS, r#"{"email": "a@b"}"#).await.expect(201);
    let foreign = app.with_token("sl_live_other");
    patch(&foreign, 2, "{}").await.expect(404);
    let listed: Vec<Value> = serde_json::from_value(foreign.get(USERS).await.json()).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["email"], "admin@other");
}
