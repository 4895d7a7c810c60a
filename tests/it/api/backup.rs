//! `GET /api/v1/backup`, and backups by schedule.

use crate::util::{DAY, SECOND, TestApp, settings};
use smslite::app::backup::{Schedule, all_files, run_schedule};
use smslite::config::BackupSettings;
use smslite::store::{Proving, restore};
use std::fs;

const CACHE: usize = 1 << 20;

#[tokio::test]
async fn a_backup_is_a_download_that_restores() {
    let app = TestApp::start().await;
    let answer = app.admin().get("/api/v1/backup").await.expect(200);
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"smslite-20260430T100000Z.backup\"")
    );
    let restored = restore(answer.body.as_ref(), None, CACHE, app.clock.now(), Proving::All, |_| ()).unwrap();
    assert_eq!(restored.created_at, app.clock.now());
    assert!(restored.rows > 10);
}

#[tokio::test]
async fn only_the_operator_backs_up_several_organizations() {
    let app = TestApp::start().await;
    app.viewer().get("/api/v1/backup").await.expect(403);
    app.user().get("/api/v1/backup").await.expect(403);
    app.anonymous().get("/api/v1/backup").await.expect(401);
    app.admin().get("/api/v1/backup").await.expect(200);
    app.organization("other", "sl_live_theirs").await;
    for admin in [app.admin(), app.with_token("sl_live_theirs")] {
        admin.get("/api/v1/backup").await.expect(403);
    }
    app.operator().get("/api/v1/backup").await.expect(200);
    app.operator().get("/api/v1/backup?follow=perhaps").await.expect(422);
}

#[tokio::test]
async fn backups_are_made_when_they_are_due_and_the_newest_kept() {
    let (app, dir) = (TestApp::start().await, tempfile::tempdir().unwrap());
    let schedule = Schedule { dir: dir.path().join("deep/backups"), every_seconds: 86_400, keep: 2 };
    let run = async || {
        let (app, schedule) = (app.state.app.clone(), schedule.clone());
        tokio::task::spawn_blocking(move || run_schedule(&app, &schedule).unwrap().is_some()).await.unwrap()
    };
    for (passes, made) in
        [(0, true), (0, false), (DAY - SECOND, false), (SECOND, true), (DAY / 2, false), (DAY, true)]
    {
        app.advance(passes);
        assert_eq!(run().await, made, "{passes}");
    }
    let kept = all_files(&schedule.dir).unwrap();
    let names: Vec<_> = kept.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["smslite-20260501T100000Z.backup", "smslite-20260502T220000Z.backup"]);
    for path in kept {
        restore(fs::File::open(path).unwrap(), None, CACHE, app.clock.now(), Proving::All, |_| ()).unwrap();
    }
    // A clock that was set back must not stop them, nor take away what was just made.
    app.advance(-10 * DAY);
    assert!(run().await && !run().await);
    let names = all_files(&schedule.dir).unwrap();
    assert!(names[0].ends_with("smslite-20260422T220000Z.backup"), "{names:?}");
    // What people name themselves, and those who follow, is none of the schedule's.
    for name in ["smslite-monday.backup", "smslite-follow-20260422T220001Z.backup"] {
        fs::write(schedule.dir.join(name), "theirs").unwrap();
    }
    app.advance(2 * DAY);
    assert!(run().await);
    assert_eq!(fs::read(schedule.dir.join("smslite-monday.backup")).unwrap(), b"theirs");
    assert_eq!(fs::read(schedule.dir.join("smslite-follow-20260422T220001Z.backup")).unwrap(), b"theirs");
    // What may be all that is left of much is not rotated away by little.
    let large = schedule.dir.join("smslite-20260401T000000Z.backup");
    fs::write(&large, vec![0; 1 << 20]).unwrap();
    app.advance(2 * DAY);
    assert!(run().await && large.exists());
}

#[tokio::test]
async fn a_server_makes_its_first_backup_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let backup = Some(BackupSettings { dir: dir.path().to_owned(), every_hours: 24, keep: 2 });
    let _app = TestApp::start_with(smslite::config::Settings { backup, ..settings() }).await;
    while all_files(dir.path()).unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}
