//! `/parked-events`: why, since when; told again, all at once, or given up with a question.

use super::{Browser, place, rows};
use crate::forwarding::{forward_to, parked::app_with_parked};
use crate::util::fake_carrier::FakeCarrier;
use crate::util::{CARLA, CARLOS, TestApp};

async fn app_with_two() -> (FakeCarrier, TestApp, Browser) {
    let receiver = FakeCarrier::start().await;
    let app = app_with_parked(&receiver, &[(CARLA, "one"), (CARLOS, "two")]).await;
    let ann = Browser::of(&app, "ann@example.com", "user").await;
    (receiver, app, ann)
}

#[tokio::test]
async fn what_is_parked_is_listed_with_its_error() {
    let (_receiver, app, _) = app_with_two().await;
    let page = app.viewer().get("/parked-events").await.expect(200).text();
    assert_eq!(rows(&page, "p"), ["1", "2"]);
    for shown in [CARLA, "one", "two", "refused", "href=\"/messages/1\"", "just now"] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    let empty = TestApp::start().await.viewer().get("/parked-events").await.expect(200).text();
    assert!(empty.contains("Nothing is parked"), "{empty}");
}

#[tokio::test]
async fn one_or_all_are_told_again() {
    let (receiver, _app, ann) = app_with_two().await;
    let done = ann.press("/parked-events/1/replay", &[]).await;
    assert_eq!(place(done), "/parked-events?said=replayed");
    receiver.asked_for(1).await;
    ann.press("/parked-events/1/replay", &[]).await.expect(404);
    assert_eq!(rows(&ann.get("/parked-events").await.text(), "p"), ["2"]);
    assert_eq!(place(ann.press("/parked-events/replay-all", &[]).await), "/parked-events?said=all-replayed");
    receiver.asked_for(2).await;
    assert!(rows(&ann.get("/parked-events").await.text(), "p").is_empty());
}

#[tokio::test]
async fn without_a_receiver_it_stays_and_the_page_says_so() {
    let (_receiver, app, ann) = app_with_two().await;
    forward_to(&app, None).await;
    for path in ["/parked-events/1/replay", "/parked-events/replay-all"] {
        let page = ann.press(path, &[]).await.expect(422).text();
        assert!(page.contains("role=\"alert\"") && page.contains("no webhook URL"), "{path}: {page}");
        assert_eq!(rows(&page, "p"), ["1", "2"], "{path}");
    }
}

#[tokio::test]
async fn one_is_given_up_after_a_question() {
    let (_receiver, _app, ann) = app_with_two().await;
    let asked = ann.get("/parked-events/1/discard").await.expect(200).text();
    assert!(asked.contains("Give up this event?"), "{asked}");
    assert_eq!(rows(&ann.get("/parked-events").await.text(), "p"), ["1", "2"], "asking changes nothing");
    assert_eq!(place(ann.press("/parked-events/1/discard", &[]).await), "/parked-events?said=discarded");
    assert_eq!(rows(&ann.get("/parked-events").await.text(), "p"), ["2"]);
    ann.press("/parked-events/1/discard", &[]).await.expect(404);
}
