//! `/api/auth`: signing in and out, dashboard sessions, their cookies and tokens.

use crate::util::client::{Answer, Person};
use crate::util::{SECOND, TestApp, settings};
use serde_json::{Value, json};

const LIST: &str = "/api/v1/sms-conversations/";
const LOGIN: &str = "/api/auth/login/simple";
const HOUR: i64 = 3600 * SECOND;
const PASSWORD: &str = "correct horse battery";

/// An app where Ann, a user, may sign in.
async fn app_with_ann() -> TestApp {
    let app = TestApp::start().await;
    make_user(&app, "ann@example.com", "user").await;
    app
}

async fn make_user(app: &TestApp, email: &str, role: &str) -> Value {
    let body = json!({"email": email, "role": role, "password": PASSWORD, "first_name": "Ann"});
    app.admin().post("/api/v1/users", &body.to_string()).await.expect(201).json()
}

async fn sign_in(app: &TestApp, email: &str, password: &str, remember_me: bool) -> Answer {
    let body = json!({"email": email, "password": password, "remember_me": remember_me});
    app.anonymous().post(LOGIN, &body.to_string()).await
}

/// The cookie as a browser sends it back.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").expect("a cookie is set");
    set.split(';').next().unwrap().to_owned()
}

fn token(answer: &Answer) -> String {
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

/// Asks with a cookie, from a page of `origin`.
async fn browse(app: &TestApp, method: &str, path: &str, cookie: &str, origin: Option<&str>) -> Answer {
    let mut headers = vec![("cookie", cookie)];
    headers.extend(origin.map(|origin| ("origin", origin)));
    app.anonymous().ask(method, path, &headers, "").await
}

#[tokio::test]
async fn signing_in_gives_a_cookie_and_a_token_that_both_open_the_door() {
    let app = app_with_ann().await;
    let answer = sign_in(&app, "Ann@Example.com", PASSWORD, false).await.expect(200);
    assert_eq!(
        answer.json()["user"],
        json!({
            "id": "2", "email": "ann@example.com", "first_name": "Ann", "last_name": "", "organization_id": "1",
            "is_active": true, "is_platform_admin": false,
            "created_at": "2026-04-30T10:00:00Z", "updated_at": "2026-04-30T10:00:00Z",
        })
    );
    assert_eq!(answer.json()["organization"], json!({"id": 1, "slug": "default", "name": "default"}));
    let set = answer.header("set-cookie").unwrap();
    for word in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(set.contains(word), "{set}");
    }
    assert!(!set.contains("Max-Age") && !set.contains("Secure"), "{set}");
    browse(&app, "GET", LIST, &cookie(&answer), None).await.expect(200);
    app.with_token(&token(&answer)).get(LIST).await.expect(200);
    let me = app.with_token(&token(&answer)).get("/api/auth/me").await.json();
    assert_eq!(me, answer.json()["user"]);
    let user = app.with_token(&token(&answer)).get("/api/v1/users/me").await.json();
    assert_eq!((&user["login_count"], &user["last_login_at"]), (&json!(1), &json!("2026-04-30T10:00:00Z")));
}

#[tokio::test]
async fn the_cookie_is_secure_under_a_public_https_url_and_lasts_when_remembered() {
    let mut settings = settings();
    settings.public_url = Some("https://sms.example.com".to_owned());
    let app = TestApp::start_with(settings).await;
    make_user(&app, "ann@example.com", "user").await;
    let answer = sign_in(&app, "ann@example.com", PASSWORD, true).await.expect(200);
    let set = answer.header("set-cookie").unwrap();
    assert!(set.contains("; Secure") && set.contains("Max-Age=2592000"), "{set}");
    let logout = "/api/auth/logout";
    for origin in ["https://evil.example.com", "http://sms.example.com", "https://sms.example.com:8443"] {
        browse(&app, "POST", logout, &cookie(&answer), Some(origin)).await.expect(403);
    }
    let extend = "/api/auth/session/extend";
    browse(&app, "POST", extend, &cookie(&answer), Some("https://SMS.example.com:443")).await.expect(200);
    browse(&app, "POST", logout, &cookie(&answer), Some("https://sms.example.com")).await.expect(200);
}

#[tokio::test]
async fn who_may_not_come_in_is_not_told_why() {
    let app = app_with_ann().await;
    let disabled = make_user(&app, "former@example.com", "user").await["id"].clone();
    app.admin()
        .ask(
            "PATCH",
            &format!("/api/v1/users/{disabled}"),
            &[("content-type", "application/json")],
            r#"{"is_active": false}"#,
        )
        .await
        .expect(200);
    let no_password = r#"{"email": "idp@example.com"}"#;
    app.admin().post("/api/v1/users", no_password).await.expect(201);
    for (email, password) in [
        ("ann@example.com", "wrong"),
        ("ann@example.com", ""),
        ("nobody@example.com", PASSWORD),
        ("former@example.com", PASSWORD),
        ("idp@example.com", ""),
        ("", ""),
        ("x".repeat(100_000).as_str(), PASSWORD),
        ("ann@example.com", "x".repeat(100_000).as_str()),
    ] {
        let answer = sign_in(&app, email, password, false).await.expect(401);
        assert_eq!(answer.json(), json!({"detail": "Wrong email or password"}), "{email}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert!(answer.header("set-cookie").is_none());
    }
    for (body, status) in [("{", 400), ("{}", 422), (r#"{"email": 7, "password": "x"}"#, 422)] {
        app.anonymous().post(LOGIN, body).await.expect(status);
    }
}

#[tokio::test]
async fn a_session_ends_when_it_idles_and_at_its_absolute_end() {
    let app = app_with_ann().await;
    let answer = sign_in(&app, "ann@example.com", PASSWORD, false).await.expect(200);
    let (ann, cookie) = (app.with_token(&token(&answer)), cookie(&answer));
    for _ in 0..5 {
        app.advance(2 * HOUR - 1);
        ann.get(LIST).await.expect(200);
    }
    // Ten hours less five microseconds have passed.
    app.advance(HOUR);
    browse(&app, "GET", LIST, &cookie, None).await.expect(200);
    app.advance(HOUR + 4);
    ann.get(LIST).await.expect(200);
    app.advance(1);
    ann.get(LIST).await.expect(401);
    browse(&app, "GET", LIST, &cookie, None).await.expect(401);

    let answer = sign_in(&app, "ann@example.com", PASSWORD, false).await.expect(200);
    app.advance(2 * HOUR);
    app.with_token(&token(&answer)).get(LIST).await.expect(401);

    let answer = sign_in(&app, "ann@example.com", PASSWORD, true).await.expect(200);
    app.advance(29 * 24 * HOUR);
    app.with_token(&token(&answer)).get(LIST).await.expect(200);
}

#[tokio::test]
async fn a_session_tells_what_it_has_left_and_can_be_kept_alive() {
    let app = app_with_ann().await;
    let answer = sign_in(&app, "ann@example.com", PASSWORD, false).await.expect(200);
    let ann = app.with_token(&token(&answer));
    app.advance(HOUR);
    assert_eq!(
        ann.get("/api/auth/session/info").await.json(),
        json!({
            "user_id": 2, "is_active": true, "absolute_timeout_remaining_minutes": 660.0,
            "idle_timeout_remaining_minutes": 120.0, "idle_minutes": 60.0,
        })
    );
    let extended = ann.post("/api/auth/session/extend", "").await.expect(200).json();
    assert_eq!(
        (&extended["success"], &extended["expires_at"]),
        (&json!(true), &json!("2026-04-30T13:00:00Z"))
    );
    app.with_token(extended["access_token"].as_str().unwrap()).get(LIST).await.expect(200);

    let of_key = app.user().get("/api/auth/session/info").await.json();
    assert_eq!(of_key["absolute_timeout_remaining_minutes"], Value::Null);
    app.user().post("/api/auth/session/extend", "").await.expect(409);
}

#[tokio::test]
async fn signing_out_ends_cookie_and_token_at_once_and_nothing_else() {
    let app = app_with_ann().await;
    let first = sign_in(&app, "ann@example.com", PASSWORD, false).await.expect(200);
    let second = sign_in(&app, "ann@example.com", PASSWORD, false).await.expect(200);
    let out = app.with_token(&token(&first)).post("/api/auth/logout", "").await.expect(200);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    app.with_token(&token(&first)).get(LIST).await.expect(401);
    browse(&app, "GET", LIST, &cookie(&first), None).await.expect(401);
    browse(&app, "GET", LIST, &cookie(&second), None).await.expect(200);
    let own = format!("http://{}", app.address);
    let over = browse(&app, "POST", "/api/auth/logout", &cookie(&first), Some(&own)).await.expect(401);
    assert!(over.header("set-cookie").unwrap().contains("Max-Age=0"), "the browser loses it all the same");
    app.user().post("/api/auth/logout", "").await.expect(200);
    app.user().get(LIST).await.expect(200);
}

#[tokio::test]
async fn a_cookie_changes_things_only_from_our_own_pages() {
    let app = app_with_ann().await;
    let answer = sign_in(&app, "ann@example.com", PASSWORD, false).await.expect(200);
    let (cookie, own) = (cookie(&answer), format!("http://{}", app.address));
    let extend = "/api/auth/session/extend";
    for (origin, status) in [
        (Some(own.as_str()), 200),
        (Some("https://evil.example.com"), 403),
        (Some("http://127.0.0.1:1"), 403),
        (Some("null"), 403),
        (None, 403),
    ] {
        assert_eq!(browse(&app, "POST", extend, &cookie, origin).await.status, status, "{origin:?}");
        browse(&app, "GET", LIST, &cookie, origin).await.expect(200);
    }
    let same_origin = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    app.anonymous().ask("POST", extend, &same_origin, "").await.expect(200);
    let cross_site = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")];
    app.anonymous().ask("POST", extend, &cross_site, "").await.expect(403);
}

#[tokio::test]
async fn a_bad_header_is_refused_whatever_the_cookie_says() {
    let app = app_with_ann().await;
    let answer = sign_in(&app, "ann@example.com", PASSWORD, false).await.expect(200);
    let cookie = cookie(&answer);
    for header in ["Bearer wrong", "Bearer", "Basic YW5uOng=", "", "Bearer sl_live_unknown"] {
        let headers = [("cookie", cookie.as_str()), ("authorization", header)];
        assert_eq!(app.anonymous().ask("GET", LIST, &headers, "").await.status, 401, "{header:?}");
    }
    for bad in ["smslite_session=", "smslite_session=x", "other=1", "smslite_session"] {
        browse(&app, "GET", LIST, bad, None).await.expect(401);
    }
    let among_others = format!("theme=dark; {cookie}; lang=en");
    browse(&app, "GET", LIST, &among_others, None).await.expect(200);
}

#[tokio::test]
async fn the_role_counts_on_every_way_in() {
    let app = TestApp::start().await;
    make_user(&app, "viewer@example.com", "viewer").await;
    let answer = sign_in(&app, "viewer@example.com", PASSWORD, false).await.expect(200);
    let viewer = app.with_token(&token(&answer));
    viewer.get(LIST).await.expect(200);
    viewer.post("/api/v1/assistants", r#"{"name": "x"}"#).await.expect(403);
    viewer.get("/api/v1/users").await.expect(403);
    let promote = |role: &str| format!(r#"{{"role": "{role}"}}"#);
    let patch = async |who: &Person, body: String| {
        who.ask("PATCH", "/api/v1/users/2", &[("content-type", "application/json")], body).await
    };
    patch(&app.admin(), promote("user")).await.expect(200);
    viewer.post("/api/v1/assistants", r#"{"name": "x"}"#).await.expect(201);
}

#[tokio::test]
async fn a_deactivated_user_is_out_at_once_keys_too() {
    let app = app_with_ann().await;
    let answer = sign_in(&app, "ann@example.com", PASSWORD, false).await.expect(200);
    let ann = app.with_token(&token(&answer));
    let made = ann.post("/api/v1/users/me/api-keys", r#"{"name": "hers"}"#).await.expect(200).json();
    let key = app.with_token(made["key"].as_str().unwrap());
    key.get(LIST).await.expect(200);
    let patch = async |body: &'static str| {
        app.admin().ask("PATCH", "/api/v1/users/2", &[("content-type", "application/json")], body).await
    };
    patch(r#"{"is_active": false}"#).await.expect(200);
    ann.get(LIST).await.expect(401);
    key.get(LIST).await.expect(401);
    patch(r#"{"is_active": true}"#).await.expect(200);
    key.get(LIST).await.expect(200);
    ann.get(LIST).await.expect(401);
}

#[tokio::test]
async fn a_new_password_ends_the_old_one_and_its_sessions() {
    let app = app_with_ann().await;
    let answer = sign_in(&app, "ann@example.com", PASSWORD, false).await.expect(200);
    let body = r#"{"password": "another long one"}"#;
    app.admin()
        .ask("PATCH", "/api/v1/users/2", &[("content-type", "application/json")], body)
        .await
        .expect(200);
    app.with_token(&token(&answer)).get(LIST).await.expect(401);
    sign_in(&app, "ann@example.com", PASSWORD, false).await.expect(401);
    sign_in(&app, "ann@example.com", "another long one", false).await.expect(200);
}

#[tokio::test]
async fn who_tries_passwords_is_slowed_down_and_the_owner_is_not_locked_out() {
    let mut settings = settings();
    settings.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let app = TestApp::start_with(settings).await;
    make_user(&app, "ann@example.com", "user").await;
    let attempt = async |from: &str, email: &str, password: &str| {
        let headers = [("content-type", "application/json"), ("x-forwarded-for", from)];
        let body = json!({"email": email, "password": password}).to_string();
        app.anonymous().ask("POST", LOGIN, &headers, body).await
    };
    attempt("203.0.113.1", "ann@example.com", PASSWORD).await.expect(200);
    let mut refused = 0;
    for stranger in 1..=14 {
        // What is left of the last name anybody may have written.
        let from = format!("203.0.113.1, 198.51.100.{stranger}");
        let answer = attempt(&from, "ANN@example.com", "guess").await;
        if answer.status == 429 {
            refused += 1;
            assert_eq!(answer.header("retry-after").map(|text| text.parse::<u64>().is_ok()), Some(true));
        }
    }
    assert_eq!(refused, 5, "one of ten attempts was the owner's own");
    attempt("198.51.100.77", "ann@example.com", PASSWORD).await.expect(429);
    attempt("203.0.113.1", "ann@example.com", PASSWORD).await.expect(200);
    app.advance(31 * SECOND);
    attempt("198.51.100.78", "ann@example.com", PASSWORD).await.expect(200);

    let mut answers = Vec::new();
    for account in 0..22 {
        answers.push(attempt("192.0.2.9", &format!("{account}@example.com"), "guess").await.status);
    }
    assert!(answers[..20].iter().all(|status| *status == 401), "{answers:?}");
    assert_eq!(answers[20..], [429, 429], "an address has a budget for all accounts");
}

#[tokio::test]
async fn one_email_in_two_organizations_is_told_apart_by_the_password() {
    let app = app_with_ann().await;
    app.organization("other", "sl_live_other").await;
    let body = json!({"email": "ann@example.com", "password": "her other password"}).to_string();
    app.with_token("sl_live_other").post("/api/v1/users", &body).await.expect(201);
    for (password, slug) in [(PASSWORD, "default"), ("her other password", "other")] {
        let answer = sign_in(&app, "ann@example.com", password, false).await.expect(200);
        assert_eq!(answer.json()["organization"]["slug"], slug);
    }
}
