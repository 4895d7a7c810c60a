//! `/`, `/sign-in`, `/sign-out`: who comes in, from where, and where they end up.

use super::{Browser, PASSWORD, place};
use crate::util::carrier::FORM;
use crate::util::{SECOND, TestApp};

const HOUR: i64 = 3600 * SECOND;

#[tokio::test]
async fn who_is_not_signed_in_is_asked_to_be_and_led_back() {
    let app = TestApp::start().await;
    let ann = Browser::of(&app, "ann@example.com", "user").await;
    let nobody = app.anonymous();
    assert_eq!(place(nobody.get("/").await), "/sign-in");
    assert_eq!(place(ann.get("/").await), "/inbox");
    assert_eq!(place(nobody.get("/inbox?q=555").await), "/sign-in?next=%2Finbox%3Fq%3D555");
    let page = nobody.get("/sign-in?next=%2Finbox%3Fq%3D555").await.expect(200).text();
    assert!(page.contains(r#"name="next" value="/inbox?q=555""#), "{page}");
    let fields = [("email", "ann@example.com"), ("password", PASSWORD), ("next", "/inbox?q=555")];
    assert_eq!(place(ann.press("/sign-in", &fields).await), "/inbox?q=555");
    let elsewhere = [("email", "ann@example.com"), ("password", PASSWORD), ("next", "//elsewhere.example")];
    assert_eq!(place(ann.press("/sign-in", &elsewhere).await), "/inbox");
}

#[tokio::test]
async fn a_wrong_password_is_told_with_what_was_typed() {
    let app = TestApp::start().await;
    let ann = Browser::of(&app, "ann@example.com", "user").await;
    let fields = [("email", "ann@example.com"), ("password", "wrong \"password\"")];
    let page = ann.press("/sign-in", &fields).await.expect(401);
    assert!(page.header("set-cookie").is_none());
    let page = page.text();
    assert!(page.contains(r#"role="alert">Wrong email or password<"#), "{page}");
    assert!(page.contains(r#"value="ann@example.com""#) && !page.contains("wrong &"), "{page}");
}

#[tokio::test]
async fn forms_of_other_sites_do_nothing() {
    let app = TestApp::start().await;
    let ann = Browser::of(&app, "ann@example.com", "user").await;
    let fields = [("email", "ann@example.com"), ("password", PASSWORD)];
    for path in ["/sign-in", "/sign-out", "/inbox/read"] {
        let refused = ann.press_at("https://elsewhere.example", path, &fields).await.expect(403);
        assert!(refused.header("set-cookie").is_none(), "{path}");
        assert!(refused.header("content-type").unwrap().starts_with("text/html"), "{path}");
    }
    ann.get("/inbox").await.expect(200);
    // Browsers send no cookie from there, but would obey an answer that takes it away.
    let elsewhere = [FORM, ("origin", "https://elsewhere.example")];
    let refused = app.anonymous().ask("POST", "/sign-out", &elsewhere, "").await.expect(403);
    assert!(refused.header("set-cookie").is_none());
}

#[tokio::test]
async fn signing_out_ends_the_session_for_every_window() {
    let app = TestApp::start().await;
    let ann = Browser::of(&app, "ann@example.com", "user").await;
    ann.get("/inbox").await.expect(200);
    let answer = ann.press("/sign-out", &[]).await.expect(303);
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(place(ann.get("/inbox").await), "/sign-in?next=%2Finbox");
    // The page's script follows no redirect: it is told where to go, and where it was.
    let asked = [("hx-request", "true"), ("hx-current-url", "http://x/conversations/7?from=3")];
    let told = ann.get_with("/inbox", &asked).await.expect(401);
    assert_eq!(told.header("hx-redirect"), Some("/sign-in?next=%2Fconversations%2F7%3Ffrom%3D3"));
    // A form that comes too late leads there as well, and to its page afterwards.
    let referer = [
        ("cookie", ann.cookie.as_str()),
        ("origin", &format!("http://{}", app.address)),
        ("referer", "http://x/conversations/7"),
        FORM,
    ];
    let late = app.anonymous().ask("POST", "/conversations/7/messages", &referer, "body=hi").await;
    assert_eq!(place(late), "/sign-in?next=%2Fconversations%2F7");
    assert_eq!(place(ann.press("/sign-out", &[]).await), "/sign-in");
}

#[tokio::test]
async fn a_page_that_looks_for_news_by_itself_keeps_nobody_signed_in() {
    let app = TestApp::start().await;
    let ann = Browser::of(&app, "ann@example.com", "user").await;
    for _ in 0..2 {
        app.advance(59 * 60 * SECOND);
        ann.get_with("/inbox", &[("x-live", "1")]).await.expect(200);
    }
    app.advance(3 * 60 * SECOND);
    ann.get_with("/inbox", &[("x-live", "1")]).await.expect(303);
    let ben = Browser::of(&app, "ben@example.com", "user").await;
    for _ in 0..5 {
        app.advance(HOUR);
        ben.get("/inbox").await.expect(200);
    }
}
