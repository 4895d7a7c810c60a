//! `GET /api/v1/events`: the change feed as it goes on.

use crate::util::listener::Listener;
use crate::util::{CARLA, CARLOS, OUR_NUMBER, TestApp};
use serde_json::json;
use smslite::model::ids::OrganizationId;
use smslite::model::time::Timestamp;
use smslite::store::ForgetFeed;

#[tokio::test]
async fn a_message_is_told_with_what_it_says_as_soon_as_it_is_stored() {
    let app = TestApp::start().await;
    let mut listener = Listener::open(&app.viewer(), "", None).await;
    app.twilio().delivers("SM1", CARLA, "Größe?\n\nzwei").await;
    let started = listener.next().await.unwrap();
    assert_eq!(
        (started.name.as_str(), &started.data["conversation_id"]),
        ("conversation_started", &json!(1))
    );
    let received = listener.next().await.unwrap();
    assert_eq!(
        received.data,
        json!({
            "id": received.id.parse::<u64>().unwrap(),
            "type": "message_received",
            "timestamp": "2026-04-30T10:00:00Z",
            "conversation_id": 1,
            "message": {"message_index": 1, "role": "user", "content": "Größe?\n\nzwei", "timestamp": "2026-04-30T10:00:00Z"},
            "log": {"id": 1, "provider": "twilio", "provider_message_id": "SM1", "direction": "inbound", "from_number": CARLA,
                "to_number": OUR_NUMBER, "status": "received", "error_code": null, "error_message": null},
        })
    );
}

#[tokio::test]
async fn who_comes_back_misses_nothing_and_hears_nothing_twice() {
    let app = TestApp::start().await;
    let mut listener = Listener::open(&app.viewer(), "", None).await;
    app.twilio().delivers("SM1", CARLA, "one").await;
    assert_eq!(listener.names(2).await, ["conversation_started", "message_received"]);
    let last = listener.last_event_id.clone();
    drop(listener);
    app.twilio().delivers("SM2", CARLA, "two").await;
    app.twilio().delivers("SM3", CARLA, "three").await;
    for query in [String::new(), format!("?last_event_id={last}")] {
        let header = query.is_empty().then_some(last.as_str());
        let mut listener = Listener::open(&app.viewer(), &query, header).await;
        for text in ["two", "three"] {
            assert_eq!(listener.next().await.unwrap().data["message"]["content"], text, "{query}");
        }
    }
}

/// What was said before anything was heard is known too: a connection that is lost at once is resumed where it began.
#[tokio::test]
async fn the_beginning_can_be_resumed() {
    let app = TestApp::start().await;
    let listener = Listener::open(&app.viewer(), "", None).await;
    let last = listener.last_event_id.clone();
    drop(listener);
    app.twilio().delivers("SM1", CARLA, "one").await;
    let mut listener = Listener::open(&app.viewer(), "", Some(&last)).await;
    assert_eq!(listener.names(2).await, ["conversation_started", "message_received"]);
}

#[tokio::test]
async fn events_are_chosen_by_conversation_and_type() {
    let app = TestApp::start().await;
    let choose = async |query: &str| Listener::open(&app.viewer(), query, None).await;
    let mut of_carlos = choose("?conversation_id=2").await;
    let mut received = choose("?type=message_received").await;
    let mut two_types = choose("?type=conversation_archived,%20conversation_started&conversation_id=1").await;
    app.twilio().delivers("SM1", CARLA, "one").await;
    app.twilio().delivers("SM2", CARLOS, "two").await;
    app.user().delete("/api/v1/sms-conversations/1").await.expect(200);
    assert_eq!(of_carlos.names(2).await, ["conversation_started", "message_received"]);
    assert_eq!(received.names(2).await, ["message_received"; 2]);
    assert_eq!(two_types.names(2).await, ["conversation_started", "conversation_archived"]);
}

#[tokio::test]
async fn what_is_archived_since_is_told_without_what_was_said() {
    let app = TestApp::start().await;
    let mut listener = Listener::open(&app.viewer(), "?last_event_id=0&type=message_received", None).await;
    app.twilio().delivers("SM1", CARLA, "a secret").await;
    assert_eq!(listener.next().await.unwrap().data["message"]["content"], "a secret");
    app.user().delete("/api/v1/sms-conversations/1").await.expect(200);
    let mut late = Listener::open(&app.viewer(), "?last_event_id=0&type=message_received", None).await;
    let told = late.next().await.unwrap();
    assert_eq!((&told.data["message"], &told.data["log"]), (&json!(null), &json!(null)));
}

#[tokio::test]
async fn a_long_feed_is_told_from_the_beginning_in_its_order() {
    let app = TestApp::start().await;
    let lines: String = (0..1500)
        .map(|number| {
            let line = json!({"type": "assistant", "name": format!("Bot {number}")});
            format!("{line}\n")
        })
        .collect();
    app.imports(lines).await;
    for number in 0..700 {
        app.twilio().delivers(&format!("SM{number}"), &format!("+1555987{number:04}"), "hi").await;
    }
    let mut listener = Listener::open(&app.viewer(), "?last_event_id=0", None).await;
    let newest = app.state.app.store.snapshot().unwrap().sequences(OrganizationId(1)).unwrap().feed;
    assert!(newest > 1400, "{newest}");
    for sequence in 1..=newest {
        assert_eq!(listener.next().await.unwrap().id, sequence.to_string());
    }
}

#[tokio::test]
async fn a_gap_is_told_when_what_was_missed_is_gone() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "one").await;
    let before = Timestamp(app.clock.now().0 + 1);
    let forget = ForgetFeed { organization: OrganizationId(1), before, rows: 3 };
    app.state.app.store.execute(forget).await.unwrap();
    let newest = app.state.app.store.snapshot().unwrap().sequences(OrganizationId(1)).unwrap().feed;
    let mut listener = Listener::open(&app.viewer(), "", Some("1")).await;
    assert_eq!(listener.next().await.unwrap().data, json!({"id": 3, "type": "gap", "after": 1}));
    assert_eq!(listener.next().await.unwrap().id, "4");
    // An id of the future is one of another database.
    let mut listener = Listener::open(&app.viewer(), "", Some("900")).await;
    assert_eq!(listener.next().await.unwrap().data, json!({"id": newest, "type": "gap", "after": 900}));
}

#[tokio::test]
async fn nobody_hears_of_another_organization() {
    let app = TestApp::start().await;
    app.organization("other", "sl_live_other").await;
    let mut theirs = Listener::open(&app.with_token("sl_live_other"), "", None).await;
    app.twilio().delivers("SM1", CARLA, "ours").await;
    app.with_token("sl_live_other").post("/api/v1/assistants", r#"{"name": "Theirs"}"#).await.expect(201);
    assert_eq!(theirs.names(1).await, ["assistant_changed"]);
}

#[tokio::test]
async fn a_revoked_key_hears_no_more() {
    let app = TestApp::start().await;
    let made = app.admin().post("/api/v1/users/me/api-keys", r#"{"name": "ears"}"#).await.json();
    let (secret, id) = (made["key"].as_str().unwrap().to_owned(), made["api_key"]["id"].clone());
    let mut listener = Listener::open(&app.with_token(&secret), "?type=message_received", None).await;
    app.twilio().delivers("SM1", CARLA, "one").await;
    assert_eq!(listener.next().await.unwrap().data["message"]["content"], "one");
    app.admin().delete(&format!("/api/v1/users/me/api-keys/{id}")).await.expect(200);
    app.twilio().delivers("SM2", CARLA, "two").await;
    assert_eq!(listener.next().await, None);
}

#[tokio::test]
async fn bad_questions_are_told_what_is_wrong() {
    let app = TestApp::start().await;
    app.anonymous().get("/api/v1/events").await.expect(401);
    for query in ["conversation_id=0", "conversation_id=x", "type=message_sent", "type=", "last_event_id=-1"]
    {
        let answer = app.viewer().get(&format!("/api/v1/events?{query}")).await.expect(422);
        assert!(answer.text().contains(query.split('=').next().unwrap()), "{}", answer.text());
    }
    let header = [("last-event-id", "abc")];
    let answer = app.viewer().ask("GET", "/api/v1/events", &header, "").await.expect(422).json();
    assert_eq!(answer["detail"][0]["loc"], json!(["header", "Last-Event-ID"]));
}

#[tokio::test]
async fn a_string_id_format_is_kept() {
    let mut settings = crate::util::settings();
    settings.id_format = smslite::config::IdFormat::String;
    let app = TestApp::start_with(settings).await;
    let mut listener = Listener::open(&app.viewer(), "", None).await;
    app.twilio().delivers("SM1", CARLA, "one").await;
    assert_eq!(listener.next().await.unwrap().data["conversation_id"], "1");
}

/// One who takes nothing of what is sent to him is nobody's trouble.
#[tokio::test]
async fn a_listener_that_hangs_holds_up_nobody() {
    let app = TestApp::start().await;
    let hung: Vec<Listener> = {
        let mut all = Vec::new();
        for _ in 0..20 {
            all.push(Listener::open(&app.viewer(), "", None).await);
        }
        all
    };
    let mut listener = Listener::open(&app.viewer(), "?type=message_received", None).await;
    let long = "x".repeat(10_000);
    for number in 0..300 {
        app.twilio().delivers(&format!("SM{number}"), CARLA, &long).await;
    }
    assert_eq!(listener.names(300).await.len(), 300);
    drop(hung);
}

#[tokio::test]
async fn how_far_forwarding_is_is_told() {
    let app = TestApp::start().await;
    let body = json!({"sms_webhook_url": "http://127.0.0.1:1/"}).to_string();
    let as_json = [("content-type", "application/json")];
    app.user().ask("PATCH", "/api/v1/assistants/1", &as_json, body).await.expect(200);
    let mut listener = Listener::open(&app.viewer(), "?type=forward_changed", None).await;
    app.twilio().delivers("SM1", CARLA, "one").await;
    let told = listener.next().await.unwrap().data["forward"].take();
    assert_eq!(
        told,
        json!({"state": "waiting", "attempts": 1, "error": null, "next_attempt_at": "2026-04-30T10:00:01Z"})
    );
    app.advance(300 * crate::util::SECOND);
    let told = listener.next().await.unwrap().data["forward"].take();
    assert_eq!((&told["state"], &told["attempts"]), (&json!("parked"), &json!(2)));
    app.user().delete("/api/v1/parked-events/1").await.expect(200);
    assert_eq!(listener.next().await.unwrap().data["forward"]["state"], "done");
}
