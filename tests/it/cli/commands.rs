//! Commands work alike, whether or not a server holds the data.

use crate::util::client::Person;
use crate::util::process::{Server, smslite, stderr, stdout};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

/// Runs a command that must succeed, and returns what it printed.
fn run(data: &Path, args: &[&str]) -> String {
    let output = smslite(data).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    stdout(&output)
}

fn set_up(data: &Path) {
    assert_eq!(run(data, &["assistant", "create", "Support Bot"]), "1\n");
    assert_eq!(
        run(data, &["number", "create", "+1 555 123 4567", "--assistant", "1", "--name", "Front desk"]),
        "+15551234567\n"
    );
    let number = run(data, &["number", "list"]);
    assert!(number.contains("+15551234567  sandbox   1          Support Bot  Front desk"), "{number}");
    assert!(run(data, &["assistant", "list"]).contains("1   Support Bot  true"));
}

#[tokio::test]
async fn commands_work_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    set_up(&data);
    let key = run(&data, &["key", "create", "ci", "--role", "viewer"]);
    let server = Server::start(smslite(&data), dir.path());
    let viewer = Person::new(server.address(), Some(key.trim()));
    assert_eq!(viewer.get("/api/v1/assistants").await.expect(200).json()[0]["name"], "Support Bot");
}

#[tokio::test]
async fn commands_find_the_server_and_what_they_do_counts_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start(smslite(&data), dir.path());
    set_up(&data);
    let key = run(&data, &["key", "create", "ci"]);
    let user = Person::new(server.address(), Some(key.trim()));
    user.get("/api/v1/assistants").await.expect(200);
    let listed = run(&data, &["key", "list"]);
    let row = listed.lines().find(|line| line.contains(" ci ")).unwrap();
    run(&data, &["key", "revoke", row.split_whitespace().next().unwrap()]);
    user.get("/api/v1/assistants").await.expect(401);
    assert_eq!(run(&data, &["healthcheck", "--wait", "5"]), "ready\n");
}

#[test]
fn the_first_command_in_an_empty_directory_makes_the_organization() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let output = smslite(&data).args(["key", "list"]).output().unwrap();
    assert!(stderr(&output).contains("sl_live_"), "what was made is shown: {}", stderr(&output));
    assert!(stdout(&output).contains("first key"));
    let given = "sl_live_0123456789abcdef0123456789abcdef";
    let other = dir.path().join("other");
    let mut command = smslite(&other);
    command.env("SMSLITE_BOOTSTRAP_API_KEY", given).env("SMSLITE_ADMIN_PASSWORD", "correct horse");
    let output = command.args(["key", "list"]).output().unwrap();
    assert!(stdout(&output).contains("sl_live_0123 "), "{}", stdout(&output));
    assert!(!stderr(&output).contains(given) && !stderr(&output).contains("password"), "{}", stderr(&output));
}

#[test]
fn what_the_api_refuses_the_command_says() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    for (args, says) in [
        (&["number", "create", "5551234567", "--assistant", "1"][..], "phone_number: not a phone number"),
        (&["number", "create", "+15551234567", "--assistant", "9"], "Not found"),
        (&["key", "revoke", "99"], "Not found"),
        (&["key", "create", "x", "--expires-at", "soon"], "expires_at: "),
        (&["assistant", "list", "--organization", "nobody"], "There is no organization \"nobody\""),
        (&["key", "create", "x", "--expires-at", "2001-01-01"], "expires_at: Input should be in the future"),
    ] {
        let output = smslite(&data).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(stderr(&output).contains(says), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn config_tells_every_value_and_its_source_but_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = smslite(&dir.path().join("data"));
    command.env("SMSLITE_TWILIO_AUTH_TOKEN", "s3cr3t-t0ken").env("SMSLITE_PROT", "1");
    let output = command.args(["--port", "1234", "config"]).output().unwrap();
    let printed = stdout(&output);
    assert!(
        printed.contains("flag --port") && printed.contains("env SMSLITE_TWILIO_AUTH_TOKEN"),
        "{printed}"
    );
    assert!(!printed.contains("s3cr3t"), "{printed}");
    assert!(stderr(&output).contains("SMSLITE_PROT"), "{}", stderr(&output));
}

#[tokio::test]
async fn an_import_works_alike_with_and_without_a_server() {
    let lines = concat!(
        r#"{"type":"assistant","id":7,"name":"Imported"}"#,
        "\n",
        r#"{"type":"call","id":101,"channel":"sms","direction":"inbound","assistant_id":7,"customer_phone_number":"+15559876543","assistant_phone_number":"+15550001111","status":"completed","started_at":"2026-04-01T10:00:00Z","ended_at":"2026-04-02T10:00:00Z"}"#,
        "\n",
    );
    for with_server in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let file = dir.path().join("records.ndjson");
        std::fs::write(&file, lines).unwrap();
        let server = with_server.then(|| Server::start(smslite(&data), dir.path()));
        let import = |file: &Path| smslite(&data).arg("import").arg(file).output().unwrap();
        assert!(stderr(&import(&file)).ends_with("2 records: 2 stored, 0 were there already\n"));
        let again = import(&file);
        assert_eq!(
            (again.status.code(), stderr(&again).as_str()),
            (Some(0), "2 records: 0 stored, 2 were there already\n")
        );

        std::fs::write(&file, format!("{lines}{{}}\n")).unwrap();
        let bad = import(&file);
        assert_eq!(bad.status.code(), Some(1));
        assert!(stderr(&bad).starts_with(&format!("error: {}:3: ", file.display())), "{}", stderr(&bad));
        assert_eq!(import(&dir.path().join("nothing")).status.code(), Some(1));
        drop(server);
    }
}

#[tokio::test]
async fn opt_outs_and_carrier_accounts_are_set_from_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    set_up(&data);
    run(&data, &["opt-out", "add", "+15551234567", "+1 555 987 6543"]);
    let server = Server::start(smslite(&data), dir.path());
    let listed = run(&data, &["opt-out", "list", "--number", "+15551234567"]);
    assert!(listed.contains("+15551234567  +15559876543") && listed.contains("api"), "{listed}");
    run(&data, &["opt-out", "remove", "+15551234567", "+15559876543"]);
    assert_eq!(run(&data, &["opt-out", "list"]).lines().count(), 1);
    let set = |options: &[&str]| {
        let mut command = smslite(&data);
        command.args(["carrier", "set"]).args(options);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"KEY-secret\n").unwrap();
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success());
        String::from_utf8(ended.stderr).unwrap()
    };
    let told = set(&["twilio"]);
    assert!(told.contains("it has no twilio.account_sid"), "{told}");
    let told = set(&["telnyx"]);
    assert!(told.contains("--verifying was not given"), "{told}");
    let told = set(&["telnyx", "--verifying", "6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw="]);
    assert_eq!(told.lines().count(), 1, "{told}");
    let carriers = run(&data, &["carrier", "list"]);
    assert!(carriers.contains("telnyx   organization"), "{carriers}");
    assert!(!carriers.contains("KEY-secret"));
    run(&data, &["carrier", "unset", "telnyx"]);
    Person::new(server.address(), None).post("/my-twilio-webhook", "").await.expect(404);
    assert!(run(&data, &["carrier", "refused"]).contains("/webhooks/sms/twilio"));
}
