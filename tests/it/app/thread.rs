//! A page of a thread with the carrier's side of each message, and what was said last.

use super::somebody;
use crate::sms::{assign, queued};
use crate::util::{CARLA, CARLOS, OUR_NUMBER, SECOND, TestApp};
use serde_json::{Value, json};
use smslite::app::conversations::{ThreadPage, previews, thread, thread_from};
use smslite::model::ids::CallId;
use smslite::model::message::Role;

fn page(app: &TestApp, id: u64, before: Option<u32>, limit: u32) -> Option<ThreadPage> {
    thread(&app.state.app, &somebody(app, 1, 1), CallId(id), before, limit).unwrap()
}

/// The indexes, the numbers of the logs (0: none), and whether there are earlier ones.
fn shown(page: Option<ThreadPage>) -> (Vec<u32>, Vec<u64>, bool) {
    let page = page.unwrap();
    let indexes = page.messages.iter().map(|message| message.index).collect();
    let logs = page.messages.iter().map(|message| message.log.as_ref().map_or(0, |(id, _)| id.0)).collect();
    (indexes, logs, page.has_earlier)
}

#[tokio::test]
async fn each_message_stands_with_its_log_on_whichever_page() {
    let app = TestApp::start().await;
    for (number, text) in ["ok", "ok", "no", "ok", "ok"].into_iter().enumerate() {
        app.twilio().delivers(&format!("SM{number}"), CARLA, text).await;
        app.twilio().delivers(&format!("other{number}"), CARLOS, text).await;
        // The third and the fourth are of one moment.
        app.advance(if number == 2 { 0 } else { SECOND });
    }
    assign(&app, OUR_NUMBER, "sandbox").await;
    queued(&app, "ok").await;
    let logs = [1, 3, 5, 7, 9, 11];
    for (before, limit, first, last, earlier) in [
        (None, 50, 1, 6, false),
        (None, 6, 1, 6, false),
        (None, 2, 5, 6, true),
        (Some(5), 2, 3, 4, true),
        (Some(3), 2, 1, 2, false),
        (Some(7), 1, 6, 6, true),
        (Some(99), 1, 6, 6, true),
    ] {
        let wanted = (first..=last).map(|index| logs[index as usize - 1]).collect();
        let found = shown(page(&app, 1, before, limit));
        assert_eq!(found, ((first..=last).collect(), wanted, earlier), "{before:?}, {limit}");
    }
    for (before, limit, earlier) in
        [(Some(1), 5, false), (Some(0), 5, false), (None, 0, true), (Some(4), 0, true)]
    {
        assert_eq!(
            shown(page(&app, 1, before, limit)),
            (Vec::new(), Vec::new(), earlier),
            "{before:?}, {limit}"
        );
    }
    for (from, first, earlier) in
        [(0, 1, false), (1, 1, false), (6, 6, true), (7, 7, true), (u32::MAX, 7, true)]
    {
        let found = thread_from(&app.state.app, &somebody(&app, 1, 1), CallId(1), from).unwrap();
        let wanted = (first..=6).map(|index| logs[index as usize - 1]).collect();
        assert_eq!(shown(found), ((first..=6).collect(), wanted, earlier), "from {from}");
    }
    let page = page(&app, 1, None, 1).unwrap();
    assert_eq!((page.call.id.0, page.call.assistant_name.as_deref()), (1, Some("Support Bot")));
    let last = &page.messages[0];
    let (_, log) = last.log.as_ref().unwrap();
    assert_eq!((last.role, last.content.as_str(), log.to.as_str()), (Role::Assistant, "ok", CARLA));
    assert_eq!((last.timestamp, log.created_at), (app.clock.now(), app.clock.now()));
}

#[tokio::test]
async fn a_page_far_back_in_a_long_thread_has_its_own_logs() {
    let app = TestApp::start().await;
    for number in 0..60 {
        app.twilio().delivers(&format!("SM{number}"), CARLA, "the same again").await;
        app.advance(SECOND);
    }
    for before in [2, 20, 40, 61] {
        let (indexes, logs, _) = shown(page(&app, 1, Some(before), 10));
        assert_eq!(
            indexes.iter().map(|index| u64::from(*index)).collect::<Vec<_>>(),
            logs,
            "before {before}"
        );
        assert_eq!(indexes.last(), Some(&(before - 1)));
    }
}

fn call(id: u64, channel: &str, meta: Value) -> Value {
    json!({
        "type": "call", "id": id, "channel": channel, "direction": "inbound", "assistant_id": 1, "customer_phone_number": CARLA,
        "assistant_phone_number": OUR_NUMBER, "status": "completed", "started_at": "2026-04-29T10:00:00Z", "call_meta": meta,
    })
}

fn message(call: u64, index: u32, role: &str, content: &str) -> Value {
    json!({
        "type": "message", "call_id": call, "message_index": index, "role": role, "content": content,
        "timestamp": format!("2026-04-29T10:00:{index:02}Z"), "llm_model": "model-1",
    })
}

/// Conversation 11, of whose messages only the second has a log; 12 is a voice call, 13 is archived.
async fn imported() -> TestApp {
    let app = TestApp::start().await;
    let lines = [
        call(11, "sms", json!({})),
        call(12, "voice", json!({})),
        call(13, "sms", json!({"sms_deleted": true})),
        message(11, 1, "system", "be kind"),
        message(11, 2, "user", "hello"),
        message(11, 3, "assistant", "hello"),
        message(11, 4, "user", "hello"),
        message(11, 5, "assistant", &"é".repeat(200)),
        json!({
            "type": "message_log", "id": 7, "call_id": 11, "provider": "vonage", "provider_message_id": "M7", "direction": "inbound",
            "from_number": CARLA, "to_number": OUR_NUMBER, "body": "hello", "status": "received",
            "created_at": "2026-04-29T10:00:02Z", "updated_at": "2026-04-29T10:00:02Z",
        }),
    ];
    app.imports(lines.map(|line| line.to_string()).join("\n")).await;
    app
}

#[tokio::test]
async fn imported_messages_without_logs_have_none() {
    let app = imported().await;
    assert_eq!(shown(page(&app, 11, None, 50)), (vec![1, 2, 3, 4, 5], vec![0, 7, 0, 0, 0], false));
    assert_eq!(shown(page(&app, 11, None, 2)), (vec![4, 5], vec![0, 0], true));
    let page = page(&app, 11, Some(2), 1).unwrap();
    let first = &page.messages[0];
    assert_eq!((first.role, first.llm_model.as_deref()), (Role::System, Some("model-1")));
}

#[tokio::test]
async fn what_is_no_conversation_of_the_callers_has_no_page_and_no_preview() {
    let app = imported().await;
    app.organization("other", "sl_live_other").await;
    let core = &app.state.app;
    for (organization, id) in [(1, 12), (1, 13), (1, 99), (2, 11)] {
        let actor = somebody(&app, organization, 1);
        assert!(thread(core, &actor, CallId(id), None, 50).unwrap().is_none(), "{organization}: {id}");
        assert!(thread_from(core, &actor, CallId(id), 1).unwrap().is_none(), "{organization}: {id}");
        assert_eq!(previews(core, &actor, &[(CallId(id), 1)]).unwrap(), [None], "{organization}: {id}");
    }
    app.user().delete("/api/v1/sms-conversations/11").await.expect(200);
    assert!(page(&app, 11, None, 50).is_none());
    assert_eq!(previews(core, &somebody(&app, 1, 1), &[(CallId(11), 5)]).unwrap(), [None]);
}

#[tokio::test]
async fn what_was_said_last_is_told_of_each_row_and_cut_by_characters() {
    let app = imported().await;
    app.twilio().delivers("SM1", CARLOS, "good morning").await;
    let actor = somebody(&app, 1, 1);
    let told =
        previews(&app.state.app, &actor, &[(CallId(14), 1), (CallId(11), 5), (CallId(11), 6)]).unwrap();
    let told: Vec<_> = told.into_iter().map(|told| told.map(|told| (told.role, told.text))).collect();
    let (hello, long) = ((Role::User, "good morning".to_owned()), (Role::Assistant, "é".repeat(140)));
    assert_eq!(told, [Some(hello), Some(long), None]);
}
