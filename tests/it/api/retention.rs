//! Retention: what is older than its days goes, to the microsecond, and nothing else.

use crate::util::{CARLA, CARLOS, CONTROL_TOKEN, DAY, OUR_NUMBER, TestApp, settings, start_of_time};
use smslite::app::retention::run;
use smslite::clock::Clock;
use smslite::config::Settings;
use smslite::model::ids::{CallId, OrganizationId};
use smslite::model::time::Timestamp;
use smslite::store::{DataDir, Due, ForgetCalls, Location};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

async fn app(set: impl FnOnce(&mut Settings)) -> TestApp {
    let mut settings = settings();
    set(&mut settings);
    TestApp::start_with(settings).await
}

async fn lines(app: &TestApp, kind: &str) -> usize {
    let text = app.admin().get("/api/v1/export").await.expect(200).text();
    text.lines().filter(|line| line.contains(&format!(r#""type":"{kind}""#))).count()
}

async fn kept(app: &TestApp) -> [usize; 4] {
    run(&app.state.app).await.unwrap();
    assert_eq!(app.state.app.store.snapshot().unwrap().check().unwrap(), Vec::<String>::new());
    [
        lines(app, "call").await,
        lines(app, "message").await,
        lines(app, "message_log").await,
        lines(app, "audit_event").await,
    ]
}

#[tokio::test]
async fn each_kind_goes_when_its_own_days_are_over() {
    type Set = fn(&mut Settings);
    let cases: [(&str, Set, [usize; 4]); 4] = [
        ("nothing is set", |_| (), [1, 1, 1, 3]),
        ("conversations", |s| s.retention.conversations_days = 7, [0, 0, 0, 0]),
        ("logs", |s| s.retention.logs_days = 7, [1, 1, 0, 3]),
        ("audit", |s| s.retention.audit_days = 7, [1, 1, 1, 0]),
    ];
    for (name, set, wanted) in cases {
        let app = app(set).await;
        app.twilio().delivers("SM1", CARLA, "hello").await;
        app.advance(7 * DAY);
        assert_eq!(kept(&app).await, [1, 1, 1, 3], "{name}: it is seven days old, and no older");
        app.advance(1);
        assert_eq!(kept(&app).await, wanted, "{name}");
    }
}

#[tokio::test]
async fn a_conversation_lives_as_long_as_its_session_however_old_it_is() {
    let app = app(|settings| {
        settings.retention.conversations_days = 1;
        settings.session_ttl_seconds = 30 * 86_400;
    })
    .await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    app.advance(29 * DAY);
    assert_eq!(kept(&app).await[0], 1);
    app.twilio().delivers("SM2", CARLA, "still there?").await;
    let thread = app.viewer().get("/api/v1/sms-conversations/1/messages").await.expect(200).json();
    assert_eq!(thread.as_array().unwrap().len(), 2);
    app.advance(30 * DAY);
    assert_eq!(kept(&app).await, [0; 4]);
    app.viewer().get("/api/v1/sms-conversations/1").await.expect(404);
    app.viewer().get("/api/v1/calls/1").await.expect(404);
}

#[tokio::test]
async fn an_archived_conversation_goes_with_its_record() {
    let app = app(|settings| settings.retention.conversations_days = 7).await;
    for (sid, who) in [("SM1", CARLA), ("SM2", CARLOS)] {
        app.twilio().delivers(sid, who, "hello").await;
    }
    app.admin().delete("/api/v1/sms-conversations/1").await.expect(200);
    app.advance(5 * DAY);
    app.twilio().delivers("SM3", CARLOS, "hello again").await;
    app.advance(2 * DAY + 1);
    assert_eq!(kept(&app).await[..2], [1, 1], "of Carlos only what he wrote last");
    app.viewer().get("/api/v1/calls/1").await.expect(404);
}

#[tokio::test]
async fn raw_payloads_and_the_feed_go_without_what_they_tell_of() {
    let app = app(|settings| {
        settings.retention.raw_payloads_days = 7;
        settings.retention.feed_days = 7;
    })
    .await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    let payload = async || app.admin().get("/api/v1/export").await.text().contains("raw_payload\":{");
    let before = kept(&app).await;
    let had_payload = payload().await;
    app.advance(7 * DAY + 1);
    assert_eq!(kept(&app).await, before);
    assert!(had_payload && !payload().await);
    let organization = OrganizationId(1);
    let sequences = app.state.app.store.snapshot().unwrap().sequences(organization).unwrap();
    assert_eq!(sequences.feed_forgotten, sequences.feed);
    // It goes on where it was.
    app.twilio().delivers("SM2", CARLA, "more").await;
    let after = app.state.app.store.snapshot().unwrap().sequences(organization).unwrap();
    assert!(after.feed > sequences.feed && after.feed_forgotten == sequences.feed_forgotten);
    assert_eq!(app.state.app.store.snapshot().unwrap().check().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_log_that_went_is_still_told_from_a_carriers_retry_and_its_job_is_still_exported() {
    let app = app(|settings| settings.retention.logs_days = 7).await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    let job = format!(
        r#"{{"type":"outbound_job","uuid":"00000000-0000-4000-8000-000000000001","call_id":1,"log_id":1,"provider":"twilio","from_number":"{OUR_NUMBER}","to_number":"{CARLA}","body":"hi","status":"sent","attempts":1,"due_at":"2026-04-30T10:00:00Z","created_at":"2026-04-30T10:00:00Z"}}"#
    );
    let ndjson = [("content-type", "application/x-ndjson")];
    app.admin().ask("POST", "/api/v1/import", &ndjson, job).await.expect(200);
    app.advance(7 * DAY + 1);
    let left = kept(&app).await;
    assert_eq!((left[2], lines(&app, "outbound_job").await), (0, 1));
    app.twilio().delivers("SM1", CARLA, "hello").await;
    assert_eq!(kept(&app).await, left);
}

#[tokio::test]
async fn a_deletion_that_a_stop_interrupted_is_finished_by_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let location = || Location::Directory(Arc::new(DataDir::take(dir.path()).unwrap()));
    let first = TestApp::start_at(settings(), location()).await;
    for n in 0..3 {
        first.twilio().delivers(&format!("SM{n}"), CARLA, "again").await;
    }
    // As the job does it, but with next to nothing in the same commit.
    let (organization, now) = (OrganizationId(1), Timestamp(start_of_time().0 + 2 * DAY));
    let (due, calls) = (Due::Before(now), vec![CallId(1)]);
    let command = ForgetCalls { organization, now, due, calls, rows: 1 };
    assert_eq!(first.state.app.store.execute(command).await.unwrap().pending, [CallId(1)]);
    first.viewer().get("/api/v1/sms-conversations/1").await.expect(404);
    first.viewer().get("/api/v1/calls/1/messages").await.expect(200);
    assert_eq!(first.viewer().get("/api/v1/calls/1/messages").await.text(), "[]");
    let store = first.state.app.store.clone();
    tokio::task::spawn_blocking(move || store.close()).await.unwrap();

    let state = smslite::server::build(settings(), location(), Clock::settable(now), CONTROL_TOKEN).unwrap();
    let snapshot = || state.app.store.snapshot().unwrap();
    assert_eq!(snapshot().pending_purges().unwrap(), [(organization, CallId(1))]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    tokio::spawn(smslite::server::serve(listener, state.clone(), std::future::pending()));
    let patience = Instant::now() + Duration::from_secs(30);
    while !snapshot().pending_purges().unwrap().is_empty() {
        assert!(Instant::now() < patience, "it is not finished");
        tokio::task::yield_now().await;
    }
    assert_eq!(snapshot().call(organization, CallId(1)).unwrap(), None);
    assert_eq!(snapshot().check().unwrap(), Vec::<String>::new());
}
