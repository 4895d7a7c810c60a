//! `smslite erase` with the real binary.

use crate::util::process::{Server, smslite, stderr, stdout};
use serde_json::Value;
use std::path::Path;

const OURS: &str = "+15550001111";

fn run(data: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = smslite(data).args(args).output().unwrap();
    (output.status.code(), stdout(&output), stderr(&output))
}

fn done(data: &Path, args: &[&str]) -> String {
    let (code, printed, told) = run(data, args);
    assert_eq!(code, Some(0), "{args:?}: {printed}{told}");
    printed
}

#[test]
fn a_number_is_erased_with_and_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let (data, file) = (dir.path().join("data"), dir.path().join("all.ndjson"));
    let mut lines = format!(
        r#"{{"type":"assistant","id":7,"name":"Night Desk"}}
{{"type":"phone_number","phone_number":"{OURS}","provider":"twilio","assistant_id":7}}
"#
    );
    let customers = ["+15559876543", "+15559876544"];
    for (customer, id) in customers.iter().zip(101..) {
        lines += &format!(
            r#"{{"type":"call","id":{id},"channel":"sms","direction":"inbound","assistant_id":7,"customer_phone_number":"{customer}","assistant_phone_number":"{OURS}","status":"completed","started_at":"2026-04-30T10:00:00Z","ended_at":"2026-05-01T10:00:00Z"}}
{{"type":"message","call_id":{id},"role":"user","content":"hello","timestamp":"2026-04-30T10:00:00Z"}}
"#
        );
    }
    std::fs::write(&file, lines).unwrap();
    done(&data, &["import", file.to_str().unwrap()]);
    for (customer, served) in customers.into_iter().zip([false, true]) {
        let _server = served.then(|| Server::start(smslite(&data), dir.path()));
        assert!(done(&data, &["export"]).contains(customer));
        let receipt: Value = serde_json::from_str(&done(&data, &["erase", customer])).unwrap();
        assert_eq!((&receipt["conversations"], &receipt["messages"]), (&1.into(), &1.into()), "{receipt}");
        assert!(!done(&data, &["export"]).contains(customer));
        assert!(done(&data, &["check"]).starts_with("sound"));
        for (number, says) in [(OURS, "organization's own"), ("nonsense", "E.164")] {
            let (code, printed, told) = run(&data, &["erase", number]);
            assert_eq!((code, printed.as_str()), (Some(1), ""), "{told}");
            assert!(told.contains(says), "{told}");
        }
    }
    assert_eq!(run(&data, &["erase"]).0, Some(2));
}
