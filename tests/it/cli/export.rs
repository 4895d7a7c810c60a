//! `smslite export`: to a file or to standard output, whole or not at all.

use crate::util::process::{Server, smslite, stderr, stdout};
use smslite::store::DataDir;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};

const LINES: &str = concat!(
    r#"{"type":"assistant","id":7,"name":"Imported"}"#,
    "\n",
    r#"{"type":"opt_out","assistant_phone_number":"+15551234567","customer_phone_number":"+15550001111","opted_out_at":"2020-04-20T00:00:00Z"}"#,
    "\n",
);

fn run(data: &Path, args: &[&str]) -> Output {
    smslite(data).args(args).output().unwrap()
}

/// A data directory with two records.
fn filled(dir: &Path) -> std::path::PathBuf {
    let (data, file) = (dir.join("data"), dir.join("in.ndjson"));
    fs::write(&file, LINES).unwrap();
    assert!(run(&data, &["import", file.to_str().unwrap()]).status.success());
    data
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_export_works_alike_with_and_without_a_server_to_a_file_and_to_standard_output() {
    let dir = tempfile::tempdir().unwrap();
    let data = filled(dir.path());
    let mut texts = Vec::new();
    for with_server in [false, true] {
        let server = with_server.then(|| Server::start(smslite(&data), dir.path()));
        let file = dir.path().join("out.ndjson");
        for args in [&["export"][..], &["export", "-"], &["--organization", "default", "export"]] {
            let output = run(&data, args);
            assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), "2 records exported\n"));
            texts.push(stdout(&output));
        }
        let output = run(&data, &["export", file.to_str().unwrap()]);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""), "{}", stderr(&output));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        texts.push(fs::read_to_string(&file).unwrap());
        drop(server);
    }
    assert!(texts[0].starts_with("{\"type\":\"assistant\",\"id\":7,") && texts[0].lines().count() == 2);
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:#?}");
}

#[test]
fn an_export_with_secrets_moves_a_server_to_a_fresh_one() {
    let dir = tempfile::tempdir().unwrap();
    let (data, fresh) = (filled(dir.path()), dir.path().join("fresh"));
    let file = dir.path().join("all.ndjson");
    let file = file.to_str().unwrap();
    let key = stdout(&run(&data, &["key", "create", "mine"]));
    assert!(run(&data, &["export", "--with-secrets", file]).status.success());
    assert!(!fs::read_to_string(file).unwrap().contains(key.trim()), "only hashes are kept");
    let told = stderr(&run(&fresh, &["import", file]));
    assert!(told.contains("gave way to those of the file") && told.contains("First start"), "{told}");
    let again = stderr(&run(&fresh, &["import", file]));
    assert_eq!(again, "6 records: 0 stored, 6 were there already\n");
    assert_eq!(stdout(&run(&fresh, &["export", "--with-secrets"])), fs::read_to_string(file).unwrap());
    assert!(stdout(&run(&fresh, &["key", "list"])).contains("mine"));
}

#[test]
fn a_file_that_cannot_be_whole_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let data = filled(dir.path());
    let outputs = dir.path().join("outputs");
    fs::create_dir(&outputs).unwrap();
    fs::write(outputs.join("old"), "kept").unwrap();
    let old = outputs.join("old");
    for (args, says) in [
        (vec!["export", outputs.to_str().unwrap()], "no regular file"),
        (vec!["export", "/dev/null"], "no regular file"),
        (vec!["export", "/nowhere/at/all"], "cannot be written"),
        (vec!["export", old.to_str().unwrap(), "--organization", "nobody"], "no organization \"nobody\""),
    ] {
        let output = run(&data, &args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(stderr(&output).contains(says), "{args:?}: {}", stderr(&output));
    }
    assert_eq!(
        (names(&outputs), fs::read_to_string(&old).unwrap()),
        (vec!["old".to_owned()], "kept".to_owned())
    );
    let link = outputs.join("link");
    std::os::unix::fs::symlink(&old, &link).unwrap();
    assert!(run(&data, &["export", link.to_str().unwrap()]).status.success());
    assert!(link.is_symlink() && fs::read_to_string(&old).unwrap().lines().count() == 2, "a link stays one");
}

/// Exports from a server that answers these bytes and is gone.
fn export_from_a_server_that_dies_after(answer: &'static str, to: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let held = DataDir::take(dir.path()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = format!(r#"{{"url":"http://{address}","pid":1,"control_token":"t"}}"#);
    fs::write(dir.path().join("server.json"), server).unwrap();
    let dying = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        assert!(connection.read(&mut [0; 4096]).unwrap() > 0);
        connection.write_all(answer.as_bytes()).unwrap();
    });
    let output = smslite(dir.path()).arg("export").args(to).output().unwrap();
    dying.join().unwrap();
    drop(held);
    output
}

#[test]
fn an_export_that_breaks_off_says_so_and_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out.ndjson");
    for answer in [
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n14\r\n{\"type\":\"assistant\"}\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n15\r\n{\"type\":\"assistant\"}\n",
    ] {
        let output = export_from_a_server_that_dies_after(answer, &[file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{answer:?}");
        assert!(stderr(&output).contains("broke off, so nothing was written"), "{}", stderr(&output));
        assert_eq!(names(dir.path()), Vec::<String>::new());
        let output = export_from_a_server_that_dies_after(answer, &[]);
        assert_eq!(output.status.code(), Some(1), "{answer:?}");
        assert!(stderr(&output).contains("what was printed is not whole"), "{}", stderr(&output));
    }
}

#[test]
fn a_full_disk_is_an_error_and_a_reader_who_has_gone_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let data = filled(dir.path());
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = smslite(&data).arg("export").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot be written"), "{}", stderr(&output));
    let mut child =
        smslite(&data).arg("export").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
