//! `DELETE /api/v1/sms-conversations/{id}`

use crate::util::carrier::sms;
use crate::util::{CARLA, CARLOS, CONTROL_TOKEN, OUR_NUMBER, SECOND, TestApp, settings, start_of_time};
use serde_json::json;
use smslite::app::purge;
use smslite::clock::Clock;
use smslite::model::address::Address;
use smslite::model::ids::{CallId, OrganizationId};
use smslite::model::outbound::Purpose;
use smslite::store::{ArchiveConversation, ArchiveOutcome, DataDir, EnqueueSms, Location, Snapshot};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use uuid::Uuid;

const LIST: &str = "/api/v1/sms-conversations/";
const ORGANIZATION: OrganizationId = OrganizationId(1);

fn sound(snapshot: &Snapshot) {
    assert_eq!(snapshot.check().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn an_archived_conversation_is_answered_and_gone() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "one").await;
    app.twilio().delivers("SM2", CARLOS, "other").await;
    let answer = app.user().delete(&format!("{LIST}1")).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.text(), r#"{"success":true,"message":"SMS conversation archived successfully"}"#);
    let again = app.user().delete(&format!("{LIST}1")).await.expect(404);
    assert_eq!(again.json(), json!({"detail": "Not found"}));
    for path in [format!("{LIST}1"), format!("{LIST}1/messages"), format!("{LIST}1/messages?skip=1")] {
        app.admin().get(&path).await.expect(404);
    }
    let listed = app.viewer().get(LIST).await.json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &json!(2)));
    let snapshot = app.state.app.store.snapshot().unwrap();
    let call = snapshot.call(ORGANIZATION, CallId(1)).unwrap().unwrap();
    assert_eq!((call.meta.0.as_str(), call.archived), (r#"{"sms_deleted":true}"#, true));
    assert_eq!((call.message_count, call.ended_at), (1, Some(start_of_time())));
    sound(&snapshot);
}

#[tokio::test]
async fn later_messages_start_fresh_and_a_late_retry_brings_nothing_back() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "one").await;
    app.user().delete(&format!("{LIST}1")).await.expect(200);
    app.advance(SECOND);
    app.twilio().delivers("SM1", CARLA, "one").await;
    assert_eq!(app.viewer().get(LIST).await.json(), json!([]));
    app.twilio().delivers("SM2", CARLA, "two").await;
    app.twilio().delivers("SM3", CARLA, "three").await;
    let messages = app.viewer().get(&format!("{LIST}2/messages")).await.expect(200).json();
    let told: Vec<_> = messages.as_array().unwrap().iter().map(|m| m["content"].as_str().unwrap()).collect();
    assert_eq!(told, ["two", "three"]);
    assert_eq!(app.viewer().get(&format!("{LIST}2")).await.json()["status"], "active");
    app.viewer().get(&format!("{LIST}1")).await.expect(404);
}

#[tokio::test]
async fn nobody_but_a_writer_of_the_same_organization_archives() {
    let app = TestApp::start().await;
    app.organization("other", "sl_live_other").await;
    app.twilio().delivers("SM1", CARLA, "one").await;
    app.viewer().delete(&format!("{LIST}1")).await.expect(403);
    app.anonymous().delete(&format!("{LIST}1")).await.expect(401);
    let outsider = app.with_token("sl_live_other");
    let (foreign, missing) =
        (outsider.delete(&format!("{LIST}1")).await, outsider.delete(&format!("{LIST}9")).await);
    assert_eq!((foreign.status, foreign.body), (404, missing.body));
    for id in ["0", "abc", "-1", "18446744073709551616", "%FF"] {
        app.admin().delete(&format!("{LIST}{id}")).await.expect(404);
    }
    app.viewer().get(&format!("{LIST}1")).await.expect(200);
}

#[tokio::test]
async fn a_voice_record_is_no_conversation_to_archive() {
    let app = TestApp::start().await;
    import(&app, VOICE).await;
    app.admin().delete(&format!("{LIST}7")).await.expect(404);
}

const VOICE: &str = r#"{"type":"call","id":7,"channel":"voice","direction":"inbound","assistant_id":1,"customer_phone_number":"+15559876543","assistant_phone_number":"+15551234567","status":"completed","started_at":"2026-04-30T09:00:00Z","ended_at":"2026-04-30T09:05:00Z","duration":300}"#;

async fn import(app: &TestApp, lines: &str) {
    let headers = [("content-type", "application/x-ndjson")];
    let answer = app.admin().ask("POST", "/api/v1/import", &headers, lines.to_owned()).await.expect(200);
    assert!(!answer.text().contains("error"), "{}", answer.text());
}

#[tokio::test]
async fn queued_sends_go_with_it_and_what_was_sent_stays_known() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "one").await;
    let job = |n: u32, call: &str, status: &str| {
        format!(
            r#"{{"type":"outbound_job","uuid":"00000000-0000-4000-8000-00000000000{n}",{call}"provider":"twilio","from_number":"{OUR_NUMBER}","to_number":"{CARLA}","body":"later","status":"{status}","attempts":0,"due_at":"2026-04-30T10:00:00Z","created_at":"2026-04-30T10:00:00Z"}}"#
        )
    };
    // They share the half of their UUID that the link is told by. Nobody tells the dispatcher of them.
    for uuid in ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"] {
        let sms = EnqueueSms {
            organization: ORGANIZATION,
            now: app.clock.now(),
            session_ttl_seconds: 86_400,
            cached: None,
            uuid: Uuid::parse_str(uuid).unwrap().into_bytes(),
            from: Address::parse(OUR_NUMBER).unwrap(),
            to: Address::parse(CARLA).unwrap(),
            body: "later".to_owned(),
            media_urls: Vec::new(),
            segment_count: 1,
            idempotency_key: None,
            purpose: Purpose::Message,
        };
        app.state.app.store.execute(sms).await.unwrap();
    }
    let jobs = [job(3, r#""call_id":1,"#, "sent"), job(4, "", "queued")];
    import(&app, &jobs.join("\n")).await;
    assert_eq!(jobs_left(&app), 4);
    app.user().delete(&format!("{LIST}1")).await.expect(200);
    let snapshot = app.state.app.store.snapshot().unwrap();
    sound(&snapshot);
    drop(snapshot);
    // What is there already is passed over; what is gone does not come back either.
    let headers = [("content-type", "application/x-ndjson")];
    let again = app.admin().ask("POST", "/api/v1/import", &headers, jobs.join("\n")).await.expect(200);
    assert!(again.text().contains(r#""stored":0"#), "{}", again.text());
    assert_eq!(jobs_left(&app), 2);
}

/// How many outbound jobs there are, told by what an import of the same finds there.
fn jobs_left(app: &TestApp) -> usize {
    use smslite::model::transfer::parse;
    use smslite::store::Standing;
    let store = &app.state.app.store;
    let snapshot = store.snapshot().unwrap();
    (1..=4)
        .filter(|n| {
            let line = format!(
                r#"{{"type":"outbound_job","uuid":"00000000-0000-4000-8000-00000000000{n}","provider":"telnyx","from_number":"{OUR_NUMBER}","to_number":"{CARLA}","body":"z","status":"failed","attempts":0,"due_at":"2026-04-30T10:00:00Z","created_at":"2026-04-30T10:00:00Z"}}"#
            );
            let line = parse(&line).unwrap();
            let standing = snapshot.import_standing(ORGANIZATION, &line, app.clock.now(), false, |_| false).unwrap();
            matches!(standing, Standing::Refused(_))
        })
        .count()
}

#[tokio::test]
async fn a_huge_thread_is_gone_at_once_and_purged_in_the_background() {
    let app = TestApp::start().await;
    for n in 0..300 {
        app.twilio().posts(&sms(&format!("SM{n}"), CARLA, OUR_NUMBER, "again")).await.expect(200);
    }
    app.user().delete(&format!("{LIST}1")).await.expect(200);
    app.viewer().get(&format!("{LIST}1/messages")).await.expect(404);
    sound(&app.state.app.store.snapshot().unwrap());
    // Nobody asks for it: the server's own job does it.
    purged(&app.state).await;
}

/// Waits until nothing is left to be purged.
async fn purged(state: &smslite::web::AppState) {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let snapshot = state.app.store.snapshot().unwrap();
        if snapshot.pending_purges().unwrap().is_empty() {
            return sound(&snapshot);
        }
        drop(snapshot);
        assert!(Instant::now() < patience, "it is not purged");
        tokio::task::yield_now().await;
    }
}

fn location(dir: &Path) -> Location {
    Location::Directory(Arc::new(DataDir::take(dir).unwrap()))
}

#[tokio::test]
async fn a_purge_that_a_stop_interrupted_is_finished_by_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let first = TestApp::start_at(settings(), location(dir.path())).await;
    for n in 0..3 {
        first.twilio().delivers(&format!("SM{n}"), CARLA, "again").await;
    }
    // As the API does it, but with next to nothing in the same commit; nobody is told.
    let command =
        ArchiveConversation { organization: ORGANIZATION, call_id: CallId(1), now: start_of_time(), rows: 1 };
    let outcome = first.state.app.store.execute(command).await.unwrap();
    assert!(matches!(outcome, ArchiveOutcome::Archived { done: false, .. }));
    let store = first.state.app.store.clone();
    tokio::task::spawn_blocking(move || store.close()).await.unwrap();

    let clock = Clock::settable(start_of_time());
    let state = smslite::server::build(settings(), location(dir.path()), clock, CONTROL_TOKEN).unwrap();
    let pending = state.app.store.snapshot().unwrap().pending_purges().unwrap();
    assert_eq!(pending, [(ORGANIZATION, CallId(1))]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    tokio::spawn(smslite::server::serve(listener, state.clone(), std::future::pending()));
    purged(&state).await;
    purge::run_pending(&state.app).await.unwrap();
    sound(&state.app.store.snapshot().unwrap());
}
