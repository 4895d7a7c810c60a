//! A disk that fails under a serving server: each write is stored or refused, reads go on, and the probe says why.

use crate::store::disk::{Disk, Fault};
use crate::util::carrier::sms;
use crate::util::{CARLA, OUR_NUMBER, TestApp, settings};
use smslite::store::Location;
use std::fs;
use std::sync::Arc;

/// Asks until the server says so itself; nobody restarts it.
async fn until_ready(app: &TestApp) {
    while app.anonymous().get("/readyz").await.status != 200 {
        tokio::task::yield_now().await;
    }
}

async fn messages(app: &TestApp) -> usize {
    let path = "/api/v1/sms-conversations/1/messages";
    app.viewer().get(path).await.expect(200).json().as_array().unwrap().len()
}

async fn refuses(app: &TestApp, says: &str) {
    for sid in ["SM2", "SM3"] {
        let refused = app.twilio().posts(&sms(sid, CARLA, OUR_NUMBER, "now?")).await.expect(503);
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    app.admin().post("/api/v1/assistants", r#"{"name": "Night Desk"}"#).await.expect(503);
    let why = app.anonymous().get("/readyz").await.expect(503).json();
    assert!(why["detail"].as_str().unwrap().contains(says), "{why}");
    app.anonymous().get("/livez").await.expect(200);
    assert_eq!(messages(app).await, 1, "what was stored is read");
}

#[tokio::test]
async fn a_disk_that_turns_read_only_is_told_and_read_and_used_again_when_it_can_be() {
    let disk = Disk::default();
    let app = TestApp::start_at(settings(), disk.location()).await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    disk.set_fault(Fault::ReadOnly);
    refuses(&app, "read-only").await;
    disk.repair();
    until_ready(&app).await;
    // The carrier tries again what got no answer.
    for sid in ["SM2", "SM2", "SM3"] {
        app.twilio().delivers(sid, CARLA, "now?").await;
    }
    assert_eq!(messages(&app).await, 3);
}

#[tokio::test]
async fn a_file_that_is_taken_away_is_missed_before_anything_is_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let data = smslite::store::DataDir::take(dir.path()).unwrap();
    let app = TestApp::start_at(settings(), Location::Directory(Arc::new(data))).await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    let [place, aside] = ["smslite.redb", "aside"].map(|name| dir.path().join(name));
    fs::rename(&place, &aside).unwrap();
    refuses(&app, "smslite.redb").await;
    fs::rename(&aside, &place).unwrap();
    until_ready(&app).await;
    for sid in ["SM2", "SM3"] {
        app.twilio().delivers(sid, CARLA, "now?").await;
    }
    assert_eq!(messages(&app).await, 3);
}
