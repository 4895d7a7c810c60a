//! The real binary, killed in the middle of an import at moments that its progress tells.

use super::again::large;
use crate::util::process::{Server, smslite, stderr, stdout};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;

const KEY: &str = "sl_live_0123456789abcdef0123456789abcdef";

fn command(data: &Path) -> std::process::Command {
    let mut command = smslite(data);
    command.env("SMSLITE_BOOTSTRAP_API_KEY", KEY);
    command
}

/// Uploads to a server and kills it once it tells that so many records are stored. Returns how many
/// it had told by then.
fn import_and_kill(data: &Path, dir: &Path, text: &str, after: u64) -> u64 {
    let mut server = Server::start(command(data), dir);
    let mut connection = TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST /api/v1/import HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n",
        text.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(text.as_bytes()).unwrap();
    for line in BufReader::new(connection).lines() {
        let line = line.unwrap();
        if let Ok(told) = serde_json::from_str::<serde_json::Value>(&line)
            && let Some(done) = told["done"].as_u64().filter(|done| *done >= after)
        {
            server.child.kill().unwrap();
            server.child.wait().unwrap();
            return done;
        }
    }
    panic!("the import ended before {after} records were told");
}

fn run(data: &Path, args: &[&str]) -> (String, String) {
    let output = command(data).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    (stdout(&output), stderr(&output))
}

#[test]
fn an_import_that_was_killed_is_completed_by_the_same_import() {
    let dir = tempfile::tempdir().unwrap();
    // Long ago, whatever the clock says, and nothing that is made up on arrival but ids.
    let text = large().replace("2026-04-30", "2020-04-30");
    let text = text.replace("\"assistant_id\":123}", "\"assistant_id\":123,\"created_at\":\"2020-01-01\"}");
    let text = text.replace("\"Support Bot\"", "\"Support Bot\",\"created_at\":\"2020-01-01\"");
    let file = dir.path().join("records.ndjson");
    std::fs::write(&file, &text).unwrap();
    let file = file.to_str().unwrap();
    let whole = dir.path().join("whole");
    run(&whole, &["import", file]);
    let wanted = run(&whole, &["export"]).0;
    assert!(wanted.lines().count() > text.lines().count() / 2);
    for after in [1, 2000, 3000] {
        let data = dir.path().join(format!("killed-{after}"));
        let told = import_and_kill(&data, dir.path(), &text, after);
        let (_, said) = run(&data, &["import", file]);
        let skipped: u64 =
            said.split(" were there").next().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
        assert!(skipped >= told, "what was told as done is durable: {told}, {said}");
        let found = run(&data, &["export"]).0;
        assert_eq!(found, wanted, "killed after {after}");
    }
}
