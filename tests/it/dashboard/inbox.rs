//! `/inbox`: who wrote, what was last, what is new, and what filters leave.

use super::{Browser, place, press};
use crate::util::{CARLA, CARLOS, DAY, OUR_NUMBER, SECOND, TestApp};

/// The ids of the rows, in their order.
fn rows(page: &str) -> Vec<u64> {
    let ids = page.split("id=\"c-").skip(1).map(|rest| rest.split('"').next().unwrap());
    ids.map(|id| id.parse().unwrap()).collect()
}

/// Those of them that have news.
fn unread(page: &str) -> Vec<u64> {
    let tags = page.split("<a class=\"row\"").skip(1).map(|rest| rest.split('>').next().unwrap());
    tags.filter(|tag| tag.contains("data-unread")).flat_map(rows).collect()
}

/// Carla wrote a while ago, Carlos since; the first one's session is over.
async fn app_with_two() -> TestApp {
    let app = TestApp::start().await;
    app.advance(SECOND);
    app.twilio().delivers("SM1", CARLA, "Can I reschedule?").await;
    app.advance(DAY + 60 * SECOND);
    app.twilio().delivers("SM2", CARLOS, "Where is my order?").await;
    app
}

#[tokio::test]
async fn the_newest_come_first_with_what_was_said_last() {
    let app = app_with_two().await;
    let page = app.user().get("/inbox").await.expect(200).text();
    assert_eq!(rows(&page), [2, 1]);
    for shown in
        [CARLA, CARLOS, OUR_NUMBER, "Support Bot", "Where is my order?", "Can I reschedule?", "1 d ago"]
    {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    assert!(page.contains("active · ends") && page.contains("completed"), "{page}");
}

#[tokio::test]
async fn filters_and_the_search_leave_what_matches() {
    let app = app_with_two().await;
    app.admin().post("/api/v1/assistants", r#"{"name": "Reminders"}"#).await.expect(201);
    for (query, expected) in [
        ("q=543", vec![1]),
        ("q=%2B15559876544", vec![2]),
        ("status=active", vec![2]),
        ("status=completed", vec![1]),
        ("assistant_id=1", vec![2, 1]),
        ("assistant_id=2", vec![]),
        ("status=active&q=543", vec![]),
        ("q=&status=&assistant_id=", vec![2, 1]),
    ] {
        let page = app.user().get(&format!("/inbox?{query}")).await.expect(200).text();
        assert_eq!(rows(&page), expected, "{query}");
        assert_eq!(expected.is_empty(), page.contains("Nothing matches"), "{query}");
    }
    let found = app.user().get("/inbox?q=ORDER").await.expect(200).text();
    assert!(found.contains("id=\"l-2\" href=\"/conversations/2#end\""), "{found}");
    app.twilio().delivers("SM3", CARLOS, "It is order 8841").await;
    let found = app.user().get("/inbox?q=8841").await.expect(200).text();
    assert!(found.contains("id=\"l-3\""), "digits that are in no number: {found}");
    app.user().get("/inbox?status=asleep").await.expect(422);
}

#[tokio::test]
async fn what_somebody_has_looked_at_is_not_new_to_them() {
    let app = app_with_two().await;
    let ann = app.user();
    let ben = Browser::of(&app, "ben@example.com", "viewer").await;
    assert_eq!(unread(&ann.get("/inbox").await.expect(200).text()), [2, 1]);
    ann.get("/conversations/1").await.expect(200);
    // It is noted once the page is on its way.
    while unread(&ann.get("/inbox").await.expect(200).text()) != [2] {
        tokio::task::yield_now().await;
    }
    assert_eq!(rows(&ann.get("/inbox?unread=1").await.expect(200).text()), [2]);
    // Ben came later than both, so nothing is new to him but what comes now.
    assert_eq!(unread(&ben.get("/inbox").await.expect(200).text()), [0u64; 0]);
    app.advance(SECOND);
    app.twilio().delivers("SM3", CARLOS, "Hello?").await;
    assert_eq!(unread(&ben.get("/inbox").await.expect(200).text()), [2]);
    assert_eq!(place(press(&ann, "/inbox/read", &[]).await), "/inbox?said=all-read");
    let page = ann.get("/inbox?said=all-read").await.expect(200).text();
    assert_eq!(unread(&page), [0u64; 0]);
    assert!(page.contains("Everything is marked as read."), "{page}");
}

#[tokio::test]
async fn an_empty_inbox_says_what_to_do() {
    let app = TestApp::start().await;
    let page = app.user().get("/inbox").await.expect(200).text();
    assert!(page.contains("No conversations yet") && page.contains("href=\"/phone\""), "{page}");
}

#[tokio::test]
async fn a_long_list_has_pages_that_keep_the_filters() {
    let app = TestApp::start().await;
    let line = |id: u32| {
        format!(
            r#"{{"type":"call","id":{id},"channel":"sms","direction":"inbound","assistant_id":1,"customer_phone_number":"+1555000{id:04}","assistant_phone_number":"{OUR_NUMBER}","started_at":"2026-04-29T10:00:00Z","status":"completed"}}"#
        )
    };
    app.imports((1..=120).map(line).collect::<Vec<_>>().join("\n")).await;
    let first = app.user().get("/inbox?status=completed").await.expect(200).text();
    assert_eq!(rows(&first).len(), 50);
    assert!(first.contains("href=\"/inbox?status=completed&#38;skip=50\""), "{first}");
    assert!(!first.contains("rel=\"prev\""), "{first}");
    let last = app.user().get("/inbox?status=completed&skip=100").await.expect(200).text();
    assert_eq!(rows(&last).len(), 20);
    assert!(last.contains("rel=\"prev\"") && !last.contains("rel=\"next\""), "{last}");
    assert!(first.len() < 40_000, "{} bytes", first.len());
}
