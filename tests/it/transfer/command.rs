//! What the command says when the input or the server is not what it should be.

use crate::util::process::{smslite, stderr};
use smslite::store::DataDir;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

/// Answers the upload with these bytes and is gone, as a server that is killed. Returns what the
/// command ended with.
fn import_from_a_server_that_dies_after(answer: &'static str) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let file = dir.path().join("records.ndjson");
    std::fs::write(&file, r#"{"type":"assistant","id":7,"name":"Imported"}"#).unwrap();
    let held = DataDir::take(&data).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = format!(r#"{{"url":"http://{address}","pid":1,"control_token":"t"}}"#);
    std::fs::write(data.join("server.json"), server).unwrap();
    let dying = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        // A chunked upload ends so.
        while !asked.ends_with(b"\r\n0\r\n\r\n") {
            let mut bytes = [0; 4096];
            let read = connection.read(&mut bytes).unwrap();
            assert!(read > 0, "the upload ends as chunks do");
            asked.extend_from_slice(&bytes[..read]);
        }
        connection.write_all(answer.as_bytes()).unwrap();
    });
    let output = smslite(&data).arg("import").arg(&file).output().unwrap();
    dying.join().unwrap();
    drop(held);
    (output.status.code(), stderr(&output))
}

#[test]
fn a_server_that_dies_in_the_middle_is_told_as_such_with_what_to_do() {
    let says = "error: the connection was cut; run the same import again to complete it\n";
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1b\r\n{\"done\":10000,\"records\":2}\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1b\r\n{\"done\":10",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 422 Unprocessable Entity\r\ncontent-length: 100\r\n\r\n{\"detail\":",
    ] {
        assert_eq!(import_from_a_server_that_dies_after(answer), (Some(1), says.to_owned()), "{answer:?}");
    }
}

#[test]
fn a_directory_is_refused_before_anything_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let import = |file: &Path| smslite(&data).arg("import").arg(file).output().unwrap();
    let output = import(dir.path());
    let says = format!("error: {} is a directory; give the NDJSON file in it\n", dir.path().display());
    assert_eq!((output.status.code(), stderr(&output)), (Some(1), says));
    assert!(!data.exists());
}
