//! `/sessions`: who has one, until when, and ending one or all.

use super::{Browser, place, rows};
use crate::util::{CARLA, CARLOS, DAY, SECOND, TestApp};

#[tokio::test]
async fn sessions_that_live_are_listed_with_their_end() {
    let app = TestApp::start().await;
    assert!(app.viewer().get("/sessions").await.expect(200).text().contains("No session lives"));
    app.twilio().delivers("SM1", CARLA, "hello").await;
    app.advance(DAY - 60 * SECOND);
    app.twilio().delivers("SM2", CARLOS, "hello").await;
    let page = app.viewer().get("/sessions").await.expect(200).text();
    assert_eq!(rows(&page, "s"), ["2", "1"]);
    for shown in ["2 sessions live.", "ends 24 h after", CARLA, "Support Bot", "in 1 min", "in 1 d"] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    app.advance(60 * SECOND);
    let page = app.viewer().get("/sessions").await.expect(200).text();
    assert_eq!((rows(&page, "s"), page.contains("1 session lives.")), (vec!["2".to_owned()], true));
}

#[tokio::test]
async fn one_is_cleared_and_the_others_live_on() {
    let app = TestApp::start().await;
    let ann = Browser::of(&app, "ann@example.com", "user").await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    app.twilio().delivers("SM2", CARLOS, "hello").await;
    let carla = [("phone_number", CARLA), ("assistant_id", "1")];
    assert_eq!(place(ann.press("/sessions/clear", &carla).await), "/sessions?said=session-cleared");
    assert_eq!(rows(&ann.get("/sessions").await.text(), "s"), ["2"]);
    ann.press("/sessions/clear", &carla).await.expect(404);
    ann.press("/sessions/clear", &[("phone_number", "!"), ("assistant_id", "1")]).await.expect(422);
    app.twilio().delivers("SM3", CARLA, "again").await;
    assert_eq!(rows(&ann.get("/sessions").await.text(), "s"), ["3", "2"], "a fresh one");
}

#[tokio::test]
async fn all_are_cleared_after_a_question() {
    let app = TestApp::start().await;
    let ann = Browser::of(&app, "ann@example.com", "user").await;
    assert!(!ann.get("/sessions").await.text().contains("id=\"clear-all\""), "there is none to clear");
    app.twilio().delivers("SM1", CARLA, "hello").await;
    app.twilio().delivers("SM2", CARLOS, "hello").await;
    assert!(ann.get("/sessions").await.text().contains("id=\"clear-all\""));
    let asked = ann.get("/sessions/clear-all").await.expect(200).text();
    assert!(asked.contains("Clear all 2 sessions?"), "{asked}");
    assert_eq!(rows(&ann.get("/sessions").await.text(), "s").len(), 2, "asking changes nothing");
    assert_eq!(place(ann.press("/sessions/clear-all", &[]).await), "/sessions?said=sessions-cleared");
    let page = ann.get("/sessions?said=sessions-cleared").await.expect(200).text();
    assert!(rows(&page, "s").is_empty() && page.contains("All sessions were cleared."), "{page}");
}
