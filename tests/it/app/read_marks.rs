//! What is new to the caller in the rows of a list.

use super::somebody;
use crate::util::{CARLA, CARLOS, SECOND, TestApp};
use smslite::app::read_marks::{mark, mark_all, unread};
use smslite::model::call::{Conversation, ConversationFilter};
use smslite::model::ids::CallId;
use smslite::model::page::Page;

/// Of each conversation, the newest activity first, what is new to a user.
fn new_to(app: &TestApp, user: u64) -> Vec<(u64, u32)> {
    let (core, actor, mut rows) = (&app.state.app, somebody(app, 1, user), Vec::new());
    let visit = |row: &Conversation<'_>| rows.push((row.id, row.message_count, row.last_activity));
    let page = Page { skip: 0, limit: 50 };
    let snapshot = core.store.snapshot().unwrap();
    snapshot
        .list_conversations(actor.organization, &ConversationFilter::default(), page, actor.now, visit)
        .unwrap();
    let counts = unread(core, &actor, &rows).unwrap();
    rows.iter().map(|(id, ..)| id.0).zip(counts).collect()
}

#[tokio::test]
async fn each_user_marks_what_they_read_and_nothing_is_written_twice() {
    let app = TestApp::start().await;
    app.advance(SECOND);
    app.twilio().delivers("SM1", CARLA, "one").await;
    app.twilio().delivers("SM2", CARLOS, "two").await;
    app.advance(SECOND);
    app.twilio().delivers("SM3", CARLA, "three").await;
    let (core, me, nobody) = (&app.state.app, somebody(&app, 1, 1), somebody(&app, 1, 9));
    assert_eq!(new_to(&app, 1), [(1, 2), (2, 1)]);
    assert_eq!(new_to(&app, 9), [(1, 0), (2, 0)]);
    let commits = || core.store.version().unwrap();
    for (index, changed, left) in [(1, true, 1), (1, false, 1), (0, false, 1), (7, true, 0), (2, false, 0)] {
        let before = commits();
        assert_eq!(mark(core, &me, CallId(1), index).await.unwrap(), changed, "up to {index}");
        assert_eq!(commits() != before, changed, "up to {index}");
        assert_eq!(new_to(&app, 1), [(1, left), (2, 1)], "up to {index}");
    }
    assert!(!mark(core, &me, CallId(99), 1).await.unwrap());
    assert!(!mark(core, &nobody, CallId(2), 1).await.unwrap());
    assert!(mark_all(core, &me).await.unwrap());
    assert_eq!(new_to(&app, 1), [(1, 0), (2, 0)]);
    app.advance(SECOND);
    app.twilio().delivers("SM4", CARLOS, "four").await;
    assert_eq!(new_to(&app, 1), [(2, 1), (1, 0)]);
    assert_eq!(core.store.snapshot().unwrap().check().unwrap(), Vec::<String>::new());
}
