//! `/api-keys`: keys are made, shown once, renamed and revoked.

use super::{Browser, place, press};
use crate::util::TestApp;

/// The secret in a page, if there is one.
fn secret(page: &str) -> Option<String> {
    let from = page.split("<code class=\"secret\">").nth(1)?;
    Some(from.split('<').next().unwrap_or_default().to_owned())
}

fn newest(page: &str) -> String {
    let from = page.split("name=\"newest\" value=\"").nth(1).expect("a form");
    from.split('"').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_key_is_shown_once_and_works() {
    let app = TestApp::start().await;
    let ann = Browser::of(&app, "ann@example.com", "user").await;
    let before = newest(&ann.get("/api-keys").await.expect(200).text());
    let form = [
        ("name", "Nightly <job>"),
        ("role", "viewer"),
        ("expires_at", "2026-05-01"),
        ("newest", before.as_str()),
    ];
    let answer = ann.press("/api-keys", &form).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let page = answer.text();
    let key = secret(&page).expect("the secret");
    assert!(page.contains(&format!("data-copy=\"{key}\"")), "{page}");
    app.with_token(&key).get("/api/v1/assistants").await.expect(200);
    app.with_token(&key).post("/api/v1/assistants", r#"{"name": "x"}"#).await.expect(403);
    let again = ann.get("/api-keys").await.text();
    assert!(!again.contains(&key) && again.contains(&key[..12]), "{again}");
    assert!(again.contains("Nightly &#60;job&#62;"), "{again}");
    // The last day is over.
    app.advance(crate::util::DAY + 15 * 3600 * crate::util::SECOND);
    app.with_token(&key).get("/api/v1/assistants").await.expect(401);
}

#[tokio::test]
async fn reloading_the_answer_makes_no_other_key_and_shows_none() {
    let app = TestApp::start().await;
    let ann = Browser::of(&app, "ann@example.com", "user").await;
    let before = newest(&ann.get("/api-keys").await.text());
    let form = [("name", "Nightly"), ("role", "user"), ("newest", before.as_str())];
    let first = ann.press("/api-keys", &form).await.expect(200).text();
    let again = ann.press("/api-keys", &form).await.expect(422).text();
    assert!(again.contains("This form was sent before"), "{again}");
    assert!(secret(&again).is_none() && !again.contains(&secret(&first).unwrap()), "{again}");
    assert_eq!(again.matches("<tr id=\"k-").count(), 1, "{again}");
    // Meant this time.
    let now = newest(&again);
    let form = [("name", "Nightly"), ("role", "user"), ("newest", now.as_str())];
    assert!(secret(&ann.press("/api-keys", &form).await.expect(200).text()).is_some());
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_what_was_typed() {
    let app = TestApp::start().await;
    for (name, role, expires_at, says) in [
        ("", "user", "", "name: Input should have 1 to 100 characters"),
        ("typed", "king", "", "role: There is no such role"),
        ("typed", "admin", "", "Your role does not allow this"),
        ("typed", "user", "2020-01-01", "expires at: Input should be in the future"),
        ("typed", "user", "soon", "expires at: Input should be an RFC 3339 time"),
    ] {
        let form = [("name", name), ("role", role), ("expires_at", expires_at), ("newest", "99")];
        let page = press(&app.user(), "/api-keys", &form).await.expect(422).text();
        assert!(page.contains(&format!("role=\"alert\">{says}")), "{says}\n{page}");
        assert!(page.contains(&format!("name=\"name\" value=\"{name}\"")), "{page}");
        assert!(page.contains(&format!("name=\"expires_at\" value=\"{expires_at}\"")), "{page}");
    }
}

#[tokio::test]
async fn a_key_is_renamed_and_revoked_after_asking() {
    let app = TestApp::start().await;
    let keys = app.admin().get("/api/v1/users/me/api-keys").await.json();
    let find =
        |name: &str| keys.as_array().unwrap().iter().find(|key| key["name"] == name).unwrap()["id"].clone();
    let id = find("user_of_default");
    let path = format!("/api-keys/{id}");
    let page = app.admin().get(&path).await.expect(200).text();
    assert!(page.contains("value=\"user_of_default\""), "{page}");
    let page = press(&app.admin(), &path, &[("name", " ")]).await.expect(422).text();
    assert!(page.contains("role=\"alert\">name: Input should have 1 to 100 characters"), "{page}");
    assert_eq!(place(press(&app.admin(), &path, &[("name", "Night")]).await), "/api-keys?said=key-renamed");
    let asked = app.admin().get(&format!("{path}/revoke")).await.expect(200).text();
    assert!(asked.contains("Revoke the key") && asked.contains("Night"), "{asked}");
    app.user().get("/api/v1/assistants").await.expect(200);
    let revoked = press(&app.admin(), &format!("{path}/revoke"), &[]).await;
    assert_eq!(place(revoked), "/api-keys?said=key-revoked");
    app.user().get("/api/v1/assistants").await.expect(401);
    assert!(app.admin().get("/api-keys").await.text().contains("<span class=\"state \">revoked</span>"));
    press(&app.admin(), &format!("{path}/revoke"), &[]).await.expect(404);
}

#[tokio::test]
async fn keys_of_others_are_there_for_admins_alone_and_a_viewer_changes_nothing() {
    let app = TestApp::start().await;
    let ann = Browser::of(&app, "ann@example.com", "user").await;
    let vera = Browser::of(&app, "vera@example.com", "viewer").await;
    let empty = ann.get("/api-keys").await.expect(200).text();
    assert!(empty.contains("No API keys yet") && !empty.contains("user_of_default"), "{empty}");
    assert!(app.admin().get("/api-keys").await.text().contains("user_of_default"));
    ann.get("/api-keys/1").await.expect(404);
    ann.get("/api-keys/1/revoke").await.expect(404);
    for path in ["/api-keys/1", "/api-keys/1/revoke"] {
        ann.press(path, &[("name", "x")]).await.expect(404);
        vera.press(path, &[("name", "x")]).await.expect(403);
    }
    vera.press("/api-keys", &[("name", "x"), ("role", "viewer"), ("newest", "0")]).await.expect(403);
    let page = vera.get("/api-keys").await.expect(200).text();
    assert_eq!(page.matches("method=\"post\"").count(), 1, "signing out alone\n{page}");
}
