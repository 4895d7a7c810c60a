//! `smslite backup`, `restore` and `compact` with the real binary: alike with and without a server, and never
//! half of anything.

use crate::util::process::{Server, smslite, stderr, stdout};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

fn run(data: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = smslite(data).args(args).output().unwrap();
    (output.status.code(), stdout(&output), stderr(&output))
}

fn done(data: &Path, args: &[&str]) -> (String, String) {
    let (code, printed, told) = run(data, args);
    assert_eq!(code, Some(0), "{args:?}: {printed}{told}");
    (printed, told)
}

fn refused(data: &Path, args: &[&str]) -> String {
    let (code, printed, told) = run(data, args);
    assert_eq!((code, printed.as_str()), (Some(1), ""), "{args:?}: {told}");
    told
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn exported(data: &Path) -> String {
    done(data, &["export", "--with-secrets"]).0
}

fn backups(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "backup")).collect()
}

#[test]
fn a_backup_moves_everything_with_and_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let [data, elsewhere, file] = ["data", "elsewhere", "b.backup"].map(|name| dir.path().join(name));
    done(&data, &["assistant", "create", "Support Bot"]);
    for served in [false, true] {
        let server = served.then(|| Server::start(smslite(&data), dir.path()));
        let (_, told) = done(&data, &["backup", text(&file)]);
        assert!(told.contains("restore --check"), "{told}");
        let wanted = exported(&data);
        drop(server);
        let (printed, _) = done(&elsewhere, &["restore", text(&file), "--check"]);
        assert!(printed.contains("sound, and it can be restored"), "{printed}");
        assert_eq!(elsewhere.exists(), served, "a proof touches nothing");
        let (printed, _) = done(&elsewhere, &["restore", text(&file)]);
        assert_eq!(printed.contains("before-restore"), served, "what was there is kept: {printed}");
        assert_eq!(exported(&elsewhere), wanted);
        done(&elsewhere, &["check"]);
    }
}

#[test]
fn a_backup_can_be_piped_and_a_broken_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let [data, file] = ["data", "b.backup"].map(|name| dir.path().join(name));
    done(&data, &["assistant", "create", "Support Bot"]);
    let output = smslite(&data).args(["backup", "-"]).output().unwrap();
    assert!(output.status.success());
    fs::write(&file, &output.stdout).unwrap();
    done(&data, &["restore", text(&file), "--check"]);
    let before = exported(&data);
    fs::write(&file, &output.stdout[..output.stdout.len() - 1]).unwrap();
    for args in [&["restore", text(&file)][..], &["restore", text(&file), "--check"]] {
        let told = refused(&data, args);
        assert!(told.contains("nothing was changed") && told.contains("cut short"), "{told}");
    }
    for (path, says) in
        [(dir.path().join("none"), "cannot be read"), (dir.path().join("data"), "no backup in it")]
    {
        let told = refused(&data, &["restore", text(&path)]);
        assert!(told.contains(says), "{told}");
    }
    assert_eq!(exported(&data), before);
}

#[test]
fn a_database_in_use_is_neither_replaced_nor_compacted() {
    let dir = tempfile::tempdir().unwrap();
    let [data, file] = ["data", "b.backup"].map(|name| dir.path().join(name));
    done(&data, &["backup", text(&file)]);
    let server = Server::start(smslite(&data), dir.path());
    for args in [&["restore", text(&file)][..], &["compact"]] {
        let told = refused(&data, args);
        assert!(told.contains("stop it first"), "{told}");
    }
    done(&data, &["restore", text(&file), "--check"]);
    drop(server);
    let (printed, _) = done(&data, &["compact"]);
    assert!(printed.contains("rows; the file had "), "{printed}");
    let told = refused(&dir.path().join("empty"), &["compact"]);
    assert!(told.contains("there is no database in it"), "{told}");
}

/// Ends with the test.
struct Following(Child);

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn follow(data: &Path, into: &Path) -> Following {
    let mut command = smslite(data);
    command.args(["backup", "--follow"]).arg(into).stdout(Stdio::null()).stderr(Stdio::null());
    Following(command.spawn().unwrap())
}

fn wait_for(what: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !what() {
        assert!(Instant::now() < patience, "it never came");
        std::thread::yield_now();
    }
}

#[test]
fn a_lost_machine_is_restored_from_what_was_followed() {
    let dir = tempfile::tempdir().unwrap();
    let [data, elsewhere, into] = ["data", "elsewhere", "into"].map(|name| dir.path().join(name));
    let server = Server::start(smslite(&data), dir.path());
    let following = follow(&data, &into);
    wait_for(|| !backups(&into).is_empty());
    done(&data, &["assistant", "create", "After the backup"]);
    let wanted = exported(&data);
    wait_for(|| {
        run(&elsewhere, &["restore", text(&into)]);
        elsewhere.exists() && exported(&elsewhere) == wanted
    });
    // The server comes back; it is found again, and a fresh backup begun.
    done(&data, &["assistant", "create", "Just before the stop"]);
    let (status, ..) = server.stop();
    assert!(status.success(), "one who follows does not hold a server up");
    let before = backups(&into);
    done(&elsewhere, &["restore", text(&into)]);
    assert!(exported(&elsewhere).contains("Just before the stop"), "a stop loses nothing that was answered");
    let server = Server::start(smslite(&data), dir.path());
    wait_for(|| backups(&into).len() > before.len());
    drop((following, server));
    let told = refused(&data, &["backup", "--follow", text(&into)]);
    assert!(told.contains("does not answer"), "a killed one leaves its address behind: {told}");
    let told = refused(&elsewhere, &["backup", "--follow", text(&into)]);
    assert!(told.contains("no server serves"), "{told}");
}
