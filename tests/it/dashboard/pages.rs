//! What is true of every page.

use super::Browser;
use crate::util::carrier::{FORM, sms};
use crate::util::{CARLA, OUR_NUMBER, TestApp};

const PAGES: [&str; 13] = [
    "/inbox",
    "/conversations/1",
    "/conversations/1/timeline",
    "/messages/1",
    "/phone",
    "/message-logs",
    "/sessions",
    "/parked-events",
    "/opt-outs",
    "/refused-webhooks",
    "/message-logs/by-day",
    "/assistants",
    "/api-keys",
];

#[tokio::test]
async fn browsers_are_told_to_run_nothing_but_our_files_and_to_frame_nothing() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    let ann = Browser::of(&app, "ann@example.com", "admin").await;
    for path in PAGES.into_iter().chain(["/sign-in", "/conversations/99", "/assets/none.css"]) {
        let page = ann.get(path).await;
        let policy = page.header("content-security-policy").unwrap_or_else(|| panic!("{path}"));
        assert!(policy.contains("script-src 'self';") && policy.contains("style-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
        let text = page.text();
        for inline in ["<style", " style=", " onclick=", " onload=", "javascript:"] {
            assert!(!text.contains(inline), "{path}: {inline}");
        }
        let scripts = text.matches("<script").count();
        assert_eq!(scripts, text.matches("<script src=\"/assets/").count(), "{path}");
    }
}

#[tokio::test]
async fn a_viewer_sees_nothing_to_change_and_cannot() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    let vera = Browser::of(&app, "vera@example.com", "viewer").await;
    for path in PAGES {
        let page = vera.get(path).await;
        if ["/phone", "/refused-webhooks"].contains(&path) {
            page.expect(403);
            continue;
        }
        let text = page.expect(200).text();
        assert_eq!(
            text.matches("method=\"post\"").count(),
            1,
            "{path}: signing out and nothing else\n{text}"
        );
        assert!(!text.contains("/archive\"") && !text.contains("href=\"/phone\""), "{path}\n{text}");
    }
    let forms = [
        ("/conversations/1/messages", [("body", "hi")]),
        ("/conversations/1/archive", [("x", "")]),
        ("/inbox/read", [("x", "")]),
        ("/phone", [("body", "hi")]),
        ("/phone/receipt", [("log_id", "1")]),
        ("/opt-outs", [("phone_number", "+15551234567")]),
        ("/opt-outs/remove", [("phone_number", "+15551234567")]),
        ("/sessions/clear", [("assistant_id", "1")]),
        ("/sessions/clear-all", [("x", "")]),
        ("/parked-events/1/replay", [("x", "")]),
        ("/parked-events/1/discard", [("x", "")]),
        ("/parked-events/replay-all", [("x", "")]),
    ];
    for (path, fields) in forms {
        vera.press(path, &fields).await.expect(403);
    }
    for path in
        ["/conversations/1/archive", "/sessions/clear-all", "/parked-events/1/discard", "/opt-outs/remove"]
    {
        vera.get(path).await.expect(403);
    }
}

#[tokio::test]
async fn what_strangers_write_is_shown_and_never_run() {
    let app = TestApp::start().await;
    let hostile = "</p><script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{7*191}}";
    app.twilio().delivers("SM1", CARLA, hostile).await;
    app.admin().post("/api/v1/assistants", r#"{"name": "<b onclick=x>Bot</b>"}"#).await.expect(201);
    let ann = Browser::of(&app, "ann@example.com", "admin").await;
    let search = format!("/inbox?q={}", percent(hostile));
    for path in PAGES.into_iter().chain([search.as_str()]) {
        let text = ann.get(path).await.expect(200).text();
        assert!(
            !text.contains("<script>alert") && !text.contains("<img src=x") && !text.contains("<b "),
            "{path}"
        );
        assert!(!text.contains("1337"), "{path}");
        if path.starts_with("/conv") || path.starts_with("/mess") || path.contains('?') {
            assert!(
                path.ends_with("timeline")
                    || path.ends_with("by-day")
                    || text.contains("&#60;script&#62;alert(1)"),
                "{path}\n{text}"
            );
        }
    }
}

fn percent(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn another_organizations_things_are_not_there() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    app.organization("other", "sl_live_admin_of_other").await;
    let stranger = app.with_token("sl_live_admin_of_other");
    for path in ["/conversations/1", "/conversations/1/timeline", "/conversations/1/archive", "/messages/1"] {
        stranger.get(path).await.expect(404);
    }
    for path in ["/inbox", "/message-logs", "/sessions", "/opt-outs"] {
        assert!(!stranger.get(path).await.expect(200).text().contains(CARLA), "{path}");
    }
}

#[tokio::test]
async fn a_browser_that_asks_for_nothing_of_ours_is_told_in_a_page() {
    let app = TestApp::start().await;
    let html = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    let page = app.anonymous().ask("GET", "/nothing", &html, "").await.expect(404);
    assert!(page.text().contains("<h1>Not Found</h1>"), "{}", page.text());
    let told = app.anonymous().get("/nothing").await.expect(404);
    assert_eq!(told.json()["detail"], "Not found");
}

#[tokio::test]
async fn files_are_asked_for_once_and_each_page_names_them() {
    let app = TestApp::start().await;
    let page = app.anonymous().get("/sign-in").await.expect(200).text();
    let files: Vec<_> = page.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert!(files.len() >= 4, "{page}");
    for file in files {
        let answer = app.anonymous().get(file).await.expect(200);
        assert!(answer.header("cache-control").unwrap().contains("immutable"), "{file}");
        assert!(!answer.body.is_empty(), "{file}");
    }
    app.anonymous().get("/favicon.ico").await.expect(200);
}

#[tokio::test]
async fn files_lead_to_the_web_or_nowhere() {
    let app = TestApp::start().await;
    let message = |sid: &'static str, url: &'static str| {
        [sms(sid, CARLA, OUR_NUMBER, "a file"), vec![("MediaUrl0", url)]].concat()
    };
    for (sid, url) in [
        ("SM1", "javascript:alert(1)"),
        ("SM2", "data:text/html,x"),
        ("SM3", "https://media.example/cat.jpg"),
    ] {
        let form: Vec<_> = message(sid, url).into_iter().filter(|(name, _)| *name != "NumMedia").collect();
        app.twilio().posts(&[form, vec![("NumMedia", "1")]].concat()).await.expect(200);
    }
    let page = app.user().get("/conversations/1").await.expect(200).text();
    assert!(page.contains("href=\"https://media.example/cat.jpg\""), "{page}");
    for address in ["\"javascript:", "\"data:"] {
        assert!(!page.contains(address), "{address}\n{page}");
    }
}

#[tokio::test]
async fn a_page_of_refused_webhooks_stays_small_however_many_there_are() {
    let app = TestApp::start().await;
    for _ in 0..60 {
        let form = "From=%2B15559876543".to_owned();
        app.anonymous()
            .ask("POST", "/webhooks/sms/twilio", &[FORM, ("x-twilio-signature", "forged")], form)
            .await
            .expect(403);
    }
    let page = app.admin().get("/refused-webhooks").await.expect(200).text();
    assert!(page.len() < 40_000 && page.contains("rel=\"next\""), "{} bytes", page.len());
    assert!(app.admin().get("/refused-webhooks?skip=50").await.expect(200).text().contains("rel=\"prev\""));
}
