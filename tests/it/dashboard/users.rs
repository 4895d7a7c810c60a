//! `/users`: admins make and change who may sign in.

use super::{Browser, PASSWORD, place, press};
use crate::util::TestApp;

const ANOTHER: &str = "another horse battery";

#[tokio::test]
async fn a_user_is_made_and_signs_in() {
    let app = TestApp::start().await;
    let form = [
        ("email", "bo@example.com"),
        ("first_name", "Bo"),
        ("last_name", "<Diaz>"),
        ("role", "viewer"),
        ("password", PASSWORD),
    ];
    assert_eq!(place(press(&app.admin(), "/users", &form).await), "/users?said=user-made");
    let page = app.admin().get("/users").await.expect(200).text();
    assert!(page.contains("Bo &#60;Diaz&#62;") && page.contains("never"), "{page}");
    assert!(!page.contains(PASSWORD) && !page.contains("argon2"), "{page}");
    let form = [("email", "bo@example.com"), ("password", PASSWORD)];
    let own = format!("http://{}", app.address);
    let headers = [crate::util::carrier::FORM, ("origin", own.as_str())];
    let body = crate::util::carrier::form(&form);
    app.anonymous().ask("POST", "/sign-in", &headers, body).await.expect(303);
    let row = app.admin().get("/users").await.text();
    assert!(row.contains("just now"), "when they last signed in\n{row}");
}

/// The id of the user who has this address.
async fn id_of(app: &TestApp, email: &str) -> u64 {
    let users = app.admin().get("/api/v1/users").await.expect(200).json();
    let user =
        users.as_array().unwrap().iter().find(|user| user["email"] == email).expect("the user").clone();
    user["id"].as_u64().expect("an id")
}

#[tokio::test]
async fn a_users_role_state_names_and_password_are_changed() {
    let app = TestApp::start().await;
    let bo = Browser::of(&app, "bo@example.com", "user").await;
    let path = format!("/users/{}", id_of(&app, "bo@example.com").await);
    let form =
        [("role", "viewer"), ("is_active", "1"), ("first_name", "Bo"), ("last_name", ""), ("password", "")];
    assert_eq!(place(press(&app.admin(), &path, &form).await), "/users?said=user-changed");
    bo.press("/inbox/read", &[]).await.expect(403);
    bo.get("/inbox").await.expect(200);
    let shown = app.admin().get(&path).await.expect(200).text();
    assert!(shown.contains("value=\"Bo\"") && shown.contains("value=\"viewer\" selected"), "{shown}");
    assert!(shown.contains("value=\"1\" checked") && !shown.contains("This is you"), "{shown}");
    let form = [
        ("role", "viewer"),
        ("is_active", "1"),
        ("first_name", ""),
        ("last_name", ""),
        ("password", ANOTHER),
    ];
    place(press(&app.admin(), &path, &form).await);
    bo.get("/inbox").await.expect(303);
    assert!(!app.admin().get(&path).await.text().contains("value=\"Bo\""), "a name is taken away");
    // Without its mark it is not active.
    place(press(&app.admin(), &path, &[("role", "viewer")]).await);
    assert!(app.admin().get("/users").await.text().contains("<span class=\"state \">inactive</span>"));
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_what_was_typed() {
    let app = TestApp::start().await;
    for (email, role, password, says) in [
        ("typed", "user", "", "email: Input should be an email address"),
        ("a@b", "king", "", "role: There is no such role"),
        ("a@b", "user", "short", "password: Input should have 8 characters or more"),
        ("admin@default", "user", "", "A user with this email exists"),
    ] {
        let form = [("email", email), ("role", role), ("password", password), ("first_name", "Typed")];
        let page = press(&app.admin(), "/users", &form).await.expect(422).text();
        assert!(page.contains(&format!("role=\"alert\">{says}")), "{says}\n{page}");
        assert!(page.contains(&format!("name=\"email\" value=\"{email}\"")), "{page}");
        assert!(page.contains("value=\"Typed\"") && !page.contains("value=\"short\""), "{page}");
    }
}

#[tokio::test]
async fn the_last_admin_is_not_locked_out() {
    let app = TestApp::start().await;
    let id = id_of(&app, "admin@default").await;
    let path = format!("/users/{id}");
    assert!(app.admin().get(&path).await.expect(200).text().contains("This is you"));
    for form in [[("role", "admin"), ("first_name", "A")], [("role", "user"), ("is_active", "1")]] {
        let page = press(&app.admin(), &path, &form).await.expect(422).text();
        assert!(page.contains("role=\"alert\">Nobody would be left to administer"), "{page}");
    }
    app.admin().get("/users").await.expect(200);
}

#[tokio::test]
async fn users_are_for_admins() {
    let app = TestApp::start().await;
    for who in [app.user(), app.viewer()] {
        for path in ["/users", "/users/1", "/configuration"] {
            who.get(path).await.expect(403);
        }
        for path in ["/users", "/users/1"] {
            press(&who, path, &[("email", "x@y"), ("role", "admin")]).await.expect(403);
        }
        let page = who.get("/inbox").await.text();
        assert!(!page.contains("href=\"/users\"") && !page.contains("href=\"/configuration\""));
    }
    press(&app.admin(), "/users/99", &[("role", "user")]).await.expect(404);
}
