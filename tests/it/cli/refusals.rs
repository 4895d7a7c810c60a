//! What cannot work is said plainly, with exit code 1 or 2, and nothing is lost.

use crate::util::process::{Server, smslite, stderr};
use std::fs;

#[test]
fn a_data_directory_that_cannot_be_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "kept").unwrap();
    let foreign = dir.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("smslite.redb"), "not a database").unwrap();
    for (data, says) in [
        (&file, "not a directory"),
        (&file.join("below"), "cannot be used"),
        (&foreign, "not an smslite database"),
    ] {
        let output = smslite(data).args(["serve", "--port", "0"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{says}");
        let error = stderr(&output);
        assert!(error.contains(says) && error.contains(&*data.to_string_lossy()), "{says}: {error}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
    assert_eq!(fs::read_to_string(foreign.join("smslite.redb")).unwrap(), "not a database");
}

#[test]
fn a_port_or_a_directory_in_use_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start(smslite(&data), dir.path());
    let port = server.address().port().to_string();
    let other = dir.path().join("other");
    let output = smslite(&other).args(["serve", "--port", &port]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--port") && stderr(&output).contains(&port), "{}", stderr(&output));
    assert!(!other.exists(), "a server that cannot listen makes nothing");

    let output = smslite(&data).args(["serve", "--port", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("another smslite is using"), "{}", stderr(&output));
}

#[test]
fn a_typo_in_the_configuration_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("smslite.toml");
    fs::write(&file, "host = \"127.0.0.1\"\nprot = 7670\n").unwrap();
    let output = smslite(&dir.path().join("data")).arg("--config").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = stderr(&output);
    assert!(
        error.contains("smslite.toml:2") && error.contains("\"prot\"") && error.contains("\"port\""),
        "{error}"
    );
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        &["sevre"][..],
        &["--prot", "1"],
        &["key"],
        &["key", "revoke", "x"],
        &["number", "create", "+15551234567"],
        &["serve", "--port", "70000"],
    ] {
        let output = smslite(&dir.path().join("data")).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(!dir.path().join("data").exists(), "{args:?}");
    }
}

#[test]
fn an_output_that_cannot_be_written_is_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    smslite(&dir.path().join("data")).args(["key", "list"]).output().unwrap();
    for args in [&["key", "list"][..], &["config"], &["number", "list"]] {
        let output = smslite(&dir.path().join("data")).args(args).stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", stderr(&output));
    }
    let output =
        smslite(&dir.path().join("data")).args(["key", "create", "x"]).stdout(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "a secret goes where it can be seen");
    assert!(stderr(&output).contains("sl_live_"), "{}", stderr(&output));
    let output =
        smslite(&dir.path().join("data")).args(["key", "revoke", "99"]).stderr(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_server_that_is_not_there_is_not_healthy() {
    let dir = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [format!("http://{free}"), "https://127.0.0.1".to_owned(), "no url".to_owned()] {
        let output = smslite(dir.path()).args(["healthcheck", "--url", &url]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{url}");
        assert!(stderr(&output).starts_with("error: "), "{url}: {}", stderr(&output));
    }
}
