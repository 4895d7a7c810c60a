//! 0 done, 1 failed, 2 wrong usage: for every command, wherever `--data-dir` and `--config` stand.

use crate::util::process::{smslite, stderr};
use std::fs;

#[test]
fn every_command_ends_with_the_promised_code() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("good"), "{\"type\":\"assistant\",\"id\":1,\"name\":\"a\"}\n").unwrap();
    fs::write(path("bad"), "{}\n").unwrap();
    fs::write(path("file"), "").unwrap();
    fs::write(path("good.toml"), "port = 1\n").unwrap();
    fs::write(path("bad.toml"), "prot = 1\n").unwrap();
    let rows = [
        ("--help", 0),
        ("--version", 0),
        ("help export", 0),
        ("sevre", 2),
        ("--prot 1", 2),
        ("--data-dir", 2),
        ("serve --port 70000", 2),
        ("serve --data-dir {file}", 1),
        ("--data-dir {file} serve --port 0", 1),
        ("serve extra", 2),
        ("--demo --host 0.0.0.0 --port 0", 1),
        ("import {good}", 0),
        ("import {bad}", 1),
        ("import {none}", 1),
        ("import", 2),
        ("import {good} {bad}", 2),
        ("export", 0),
        ("export -", 0),
        ("export {out} --with-secrets", 0),
        ("export {none}/x", 1),
        ("export - -", 2),
        ("export --organization nobody", 1),
        ("export --with-secrets=1", 2),
        ("export --data-dir {file}", 1),
        ("check", 0),
        ("check --repair", 0),
        ("check --organization default", 0),
        ("check --fix", 2),
        ("check {file}", 2),
        ("check --data-dir {file}", 1),
        ("check --data-dir {none}", 1),
        ("key create a", 0),
        ("key create a --role king", 2),
        ("key create", 2),
        ("key list", 0),
        ("key", 2),
        ("key revoke 99", 1),
        ("key revoke x", 2),
        ("--config {good.toml} key list", 0),
        ("key list --config {good.toml}", 0),
        ("key --config {bad.toml} list", 2),
        ("key list --config {none}", 2),
        ("assistant create b", 0),
        ("assistant create", 2),
        ("assistant list", 0),
        ("assistant", 2),
        ("assistant list --organization nobody", 1),
        ("assistant list --data-dir {file}", 1),
        ("number create +15551234567 --assistant 1", 0),
        ("number create 555 --assistant", 2),
        ("number create +15551234568 --assistant 99", 1),
        ("number list", 0),
        ("number", 2),
        ("user list", 0),
        ("user", 2),
        ("user list --data-dir {file}", 1),
        ("config", 0),
        ("config --config {bad.toml}", 2),
        ("config --port x", 2),
        ("config extra", 2),
        ("healthcheck", 1),
        ("healthcheck --url http://127.0.0.1:1", 1),
        ("healthcheck --wait x", 2),
        ("doctor --offline", 0),
        ("doctor --json --offline", 0),
        ("doctor --offline --config {bad.toml}", 1),
        ("doctor --offline --data-dir {file}", 1),
        ("doctor --json=1", 2),
        ("doctor extra", 2),
        ("openapi", 0),
        ("openapi --id-format roman", 2),
        ("openapi extra", 2),
        ("completions bash", 0),
        ("completions tcsh", 2),
        ("completions", 2),
    ];
    let mut wrong = Vec::new();
    for (said, code) in rows {
        let word = |word: &str| match word.split_once('{').and_then(|(_, rest)| rest.split_once('}')) {
            Some((name, rest)) => format!("{}{rest}", path(name)),
            None => word.to_owned(),
        };
        // Somebody may serve at the port that is meant where none is said.
        let mut command = smslite(&dir.path().join("data"));
        let output = command.env("SMSLITE_PORT", "1").args(said.split(' ').map(word)).output().unwrap();
        if output.status.code() != Some(code) {
            wrong.push((said, code, output.status.code(), stderr(&output)));
        }
        if code == 2 {
            assert!(!stderr(&output).is_empty(), "{said}: what is wrong is said");
        }
    }
    assert!(wrong.is_empty(), "said, wanted, found: {wrong:#?}");
}

#[test]
fn a_command_that_only_reads_tells_on_standard_error_what_it_made_in_an_empty_directory() {
    for args in [&["export"][..], &["number", "list"], &["user", "list"]] {
        let dir = tempfile::tempdir().unwrap();
        let output = smslite(&dir.path().join("data")).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(stderr(&output).contains("First start: the organization \"default\" was made."), "{args:?}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("First start"), "{args:?}");
    }
}
