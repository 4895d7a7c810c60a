//! `smslite check`: alike with and without a server; it makes nothing, and changes nothing unless asked to repair.

use crate::util::process::{Server, smslite, stderr, stdout};
use redb::{Database, TableDefinition};
use smslite::store::DataDir;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

const ACTIVITY: TableDefinition<'static, &[u8; 20], &[u8]> = TableDefinition::new("activity");
const LINES: &str = concat!(
    r#"{"type":"assistant","id":7,"name":"Imported"}"#,
    "\n",
    r#"{"type":"call","id":1,"channel":"sms","direction":"inbound","assistant_id":7,"customer_phone_number":"+15559876543","assistant_phone_number":"+15551234567","status":"completed","started_at":"2026-04-30T10:00:00Z"}"#,
    "\n",
);

fn run(data: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output: Output = smslite(data).args(args).output().unwrap();
    (output.status.code(), stdout(&output), stderr(&output))
}

/// A data directory with a conversation.
fn filled(dir: &Path) -> PathBuf {
    let (data, file) = (dir.join("data"), dir.join("in.ndjson"));
    fs::write(&file, LINES).unwrap();
    assert_eq!(run(&data, &["import", file.to_str().unwrap()]).0, Some(0));
    data
}

/// Takes the list rows away.
fn spoil(data: &Path) {
    let database = Database::open(data.join("smslite.redb")).unwrap();
    let mut txn = database.begin_write().unwrap();
    txn.set_quick_repair(true);
    txn.open_table(ACTIVITY).unwrap().retain(|_, _| false).unwrap();
    txn.commit().unwrap();
}

const LOST: &str = "organization 1: conversation 1 has no list row\n";

#[test]
fn sound_data_are_told_in_one_line_with_and_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let data = filled(dir.path());
    let before = fs::read(data.join("smslite.redb")).unwrap();
    let (code, printed, told) = run(&data, &["check"]);
    assert_eq!((code, told.as_str()), (Some(0), ""));
    assert!(printed.starts_with("sound: ") && printed.ends_with(" tables, 1 organization\n"), "{printed}");
    assert!(fs::read(data.join("smslite.redb")).unwrap() == before, "not a byte was changed");
    let server = Server::start(smslite(&data), dir.path());
    let (code, served, told) = run(&data, &["check"]);
    assert_eq!((code, served.as_str()), (Some(0), printed.as_str()), "{told}");
    assert!(told.contains("own pages"), "what was not verified is said: {told}");
    drop(server);
}

#[test]
fn damage_is_told_with_and_without_a_server_and_mended_without_one() {
    let dir = tempfile::tempdir().unwrap();
    let data = filled(dir.path());
    spoil(&data);
    let (code, printed, _) = run(&data, &["check"]);
    assert_eq!(code, Some(1));
    assert!(printed.starts_with(LOST) && printed.contains("\n1 damage found: "), "{printed}");
    let server = Server::start(smslite(&data), dir.path());
    assert_eq!(run(&data, &["check"]).0, Some(1));
    assert_eq!(run(&data, &["check"]).1, printed);
    let (code, nothing, told) = run(&data, &["check", "--repair"]);
    assert_eq!((code, nothing.as_str()), (Some(1), ""));
    assert!(told.contains("stop it, then run smslite check --repair again"), "{told}");
    drop(server);
    let (code, repaired, told) = run(&data, &["check", "--repair"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(repaired.starts_with(&format!("repaired: {LOST}1 repaired\nsound: ")), "{repaired}");
    assert!(told.contains("without a copy of the data directory there is no way back"), "{told}");
    let (code, again, _) = run(&data, &["check", "--repair"]);
    assert!(code == Some(0) && again.starts_with("sound: "), "{again}");
}

#[test]
fn a_check_makes_nothing_where_nothing_is() {
    let dir = tempfile::tempdir().unwrap();
    let (empty, none) = (dir.path().join("empty"), dir.path().join("none"));
    fs::create_dir(&empty).unwrap();
    for (path, args) in [(&empty, &["check"][..]), (&empty, &["check", "--repair"]), (&none, &["check"])] {
        let (code, printed, told) = run(path, args);
        assert_eq!((code, printed.as_str()), (Some(1), ""));
        assert!(told.contains("there is no database in it"), "{told}");
    }
    assert!(fs::read_dir(&empty).unwrap().next().is_none() && !none.exists());
}

#[test]
fn what_cannot_be_looked_at_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let data = filled(dir.path());
    let held = DataDir::take(&data).unwrap();
    let (code, _, told) = run(&data, &["check"]);
    assert!(code == Some(1) && told.contains("server.json cannot be read"), "{told}");
    drop(held);
    fs::write(data.join("smslite.redb"), "a shopping list").unwrap();
    let (code, _, told) = run(&data, &["check"]);
    assert!(code == Some(1) && told.contains("not an smslite database"), "{told}");
}
