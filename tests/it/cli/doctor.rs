//! `smslite doctor`: runs of the binary beside real servers; the judgements by themselves are in `judge`.

mod judge;

use crate::util::client::Person;
use crate::util::fake_carrier::{FakeCarrier, Told};
use crate::util::process::{Server, smslite, stderr, stdout};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const SID: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const TOKEN: &str = "12345abcdef67890fedcba0987654321";

struct Examined {
    code: i32,
    findings: Vec<Value>,
}

impl Examined {
    /// The statuses of a check's findings, and the first that is one of the worst.
    #[track_caller]
    fn of(&self, check: &str) -> (&str, String) {
        let of_it: Vec<_> = self.findings.iter().filter(|finding| finding["check"] == check).collect();
        let rank =
            |finding: &&&Value| ["ok", "skip", "warn", "fail"].iter().position(|it| finding["status"] == *it);
        let worst =
            of_it.iter().rev().max_by_key(rank).unwrap_or_else(|| panic!("{check}: {:#?}", self.findings));
        let advice = worst["advice"].as_str().unwrap_or_default();
        (worst["status"].as_str().unwrap(), format!("{} -> {advice}", worst["finding"].as_str().unwrap()))
    }

    #[track_caller]
    fn expect(&self, check: &str, status: &str, says: &str) {
        let (found, text) = self.of(check);
        assert!(found == status && text.contains(says), "{check}: {found} {text}, not {status} {says}");
    }
}

/// Runs it beside what else the test serves.
async fn doctor(mut command: Command, args: &[&str]) -> Examined {
    command.args(["doctor", "--json"]).args(args);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let findings: Vec<Value> =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    for finding in &findings {
        let fields: Vec<_> = finding.as_object().unwrap().keys().cloned().collect();
        assert_eq!(fields, ["advice", "check", "finding", "status"]);
        let bad = ["warn", "fail"].contains(&finding["status"].as_str().unwrap());
        assert_eq!(bad, finding["advice"].is_string(), "{finding}: what is wrong can be helped");
        assert!(
            !output.stdout.windows(TOKEN.len()).any(|text| text == TOKEN.as_bytes()),
            "no secret is shown"
        );
    }
    let failed = findings.iter().any(|finding| finding["status"] == "fail");
    let code = output.status.code().unwrap();
    assert_eq!(code, i32::from(failed), "{findings:#?}");
    Examined { code, findings }
}

fn with_twilio(data: &Path, carrier: &FakeCarrier) -> Command {
    let mut command = smslite(data);
    command.env("SMSLITE_TWILIO_ACCOUNT_SID", SID).env("SMSLITE_TWILIO_AUTH_TOKEN", TOKEN);
    command.env("SMSLITE_TWILIO_BASE_URL", carrier.url());
    command
}

fn number(data: &Path, provider: &str) {
    for args in [
        &["assistant", "create", "Support Bot"][..],
        &["number", "create", "+15551234567", "--assistant", "1", "--provider", provider],
    ] {
        assert!(smslite(data).args(args).output().unwrap().status.success());
    }
}

fn listing(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_server_that_is_well_is_told_so_and_nothing_is_changed() {
    let (dir, carrier) = (tempfile::tempdir().unwrap(), FakeCarrier::start().await);
    let data = dir.path().join("data");
    number(&data, "twilio");
    let server = Server::start(with_twilio(&data, &carrier), dir.path());
    let found = doctor(with_twilio(&data, &carrier), &["--public-url", &server.url]).await;
    found.expect("configuration", "ok", "no file was read");
    found.expect("data directory", "ok", "has a database");
    found.expect("permissions", "ok", "4 files");
    assert!(found.of("disk speed").1.contains("durable commits a second"), "whatever the disk");
    found.expect("backups", "warn", "[backup] dir");
    found.expect("server", "ok", "is ready");
    found.expect("twilio signatures", "ok", "enforced");
    found.expect("numbers", "ok", "1 number");
    found.expect("reachable", "ok", "leads to this server");
    found.expect("twilio webhook", "ok", "/webhooks/sms/twilio reaches smslite");
    found.expect("clock", "ok", &carrier.url());
    found.expect("refused webhooks", "ok", "none since the server started");
    found.expect("public_url", "fail", "private address");
    let asked = carrier.asked();
    assert_eq!(asked.len(), 1, "the carrier was asked for the time alone");
    assert!(asked[0].header("authorization").is_none() && asked[0].body.is_empty());
    // What it called is not what an admin has to look into.
    let again = doctor(with_twilio(&data, &carrier), &["--public-url", &server.url]).await;
    again.expect("refused webhooks", "ok", "none since");
    let names: Vec<_> = listing(&data).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 4, "{names:?}");
}

#[tokio::test]
async fn without_a_server_the_files_are_looked_at_and_stay_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let nothing = doctor(smslite(&data), &["--offline"]).await;
    nothing.expect("data directory", "skip", "the first start makes it");
    nothing.expect("database", "skip", "none yet");
    assert!(nothing.code == 0 && !data.exists());

    number(&data, "sandbox");
    assert!(smslite(&data).args(["assistant", "create", "Night Desk"]).output().unwrap().status.success());
    let before = listing(&data);
    let found = doctor(smslite(&data), &["--offline"]).await;
    found.expect("server", "skip", "none runs");
    found.expect("numbers", "warn", "no number leads to assistant 2 (Night Desk)");
    found.expect("carriers", "skip", "sandbox");
    found.expect("public_url", "skip", "no carrier needs it");
    assert_eq!((found.code, listing(&data)), (0, before));
    let mut command = smslite(&data);
    command.env("SMSLITE_HOST", "0.0.0.0");
    doctor(command, &["--offline"]).await.expect("listening", "fail", "generated");

    fs::write(data.join("smslite.redb"), include_bytes!("../store/fixtures/format-1.redb")).unwrap();
    let before = listing(&data);
    doctor(smslite(&data), &["--offline"]).await.expect("database", "skip", "older smslite");
    assert!(listing(&data) == before, "it was not brought up to date");
    fs::write(data.join("smslite.redb"), "something else").unwrap();
    doctor(smslite(&data), &["--offline"]).await.expect("database", "fail", "not an smslite database");
}

#[tokio::test]
async fn files_that_others_may_read_are_told_with_what_closes_them() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    number(&data, "sandbox");
    let set = |name: &str, mode| fs::set_permissions(data.join(name), Permissions::from_mode(mode)).unwrap();
    set("smslite.redb", 0o640);
    let found = doctor(smslite(&data), &["--offline"]).await;
    found.expect("permissions", "warn", "smslite.redb (mode 640) -> chmod 600 ");
    set("", 0o755);
    let found = doctor(smslite(&data), &["--offline"]).await;
    found.expect("permissions", "fail", "smslite.redb (mode 640) -> chmod 600 ");
    let both = found.findings.iter().filter(|finding| finding["check"] == "permissions").count();
    assert_eq!(both, 2, "the directory is told of, too");

    let config = dir.path().join("smslite.toml");
    fs::write(&config, format!("[twilio]\nauth_token = \"{TOKEN}\"\n")).unwrap();
    fs::set_permissions(&config, Permissions::from_mode(0o644)).unwrap();
    let mut command = smslite(&data);
    command.current_dir(dir.path()).env("SMSLITE_PROT", "1");
    let found = doctor(command, &["--offline"]).await;
    let configuration: Vec<_> =
        found.findings.iter().filter(|finding| finding["check"] == "configuration").collect();
    assert_eq!(configuration[0]["finding"], "smslite.toml was read; flags and environment win over it");
    let advices: Vec<_> = configuration[1..].iter().map(|finding| &finding["advice"]).collect();
    assert_eq!(advices, [&json!("chmod 600 smslite.toml"), &json!("did you mean SMSLITE_PORT?")]);
}

#[tokio::test]
async fn a_public_url_that_is_another_sites_is_found_out() {
    let (dir, other) = (tempfile::tempdir().unwrap(), FakeCarrier::start().await);
    let data = dir.path().join("data");
    number(&data, "sandbox");
    let server = Server::start(smslite(&data), dir.path());
    let page = |status, headers| Told::Status(status, headers, "<html>Welcome</html>".to_owned());
    for (told, says) in [
        (page(200, &[("server", "nginx")]), "is not smslite: the answer is 200 of nginx"),
        (page(301, &[("location", "https://example.com/")]), "leads elsewhere"),
        (page(401, &[]), "guarded by something"),
        (page(502, &[]), "does not reach smslite"),
        (Told::json(200, &json!({"status": "ready", "instance": "another"})), "another smslite"),
        (Told::TakeAndCut, "cannot be reached from here"),
    ] {
        other.tell([told]);
        let found = doctor(smslite(&data), &["--offline", "--public-url", &other.url()]).await;
        found.expect("reachable", "fail", says);
    }
    other.tell([page(200, &[("date", "Sun, 06 Nov 1994 08:49:37 GMT")])]);
    let found = doctor(smslite(&data), &["--offline", "--public-url", &other.url()]).await;
    found.expect("clock", "fail", "ahead of");
    let unreachable = doctor(smslite(&data), &["--offline", "--public-url", "http://127.0.0.1:1"]).await;
    unreachable.expect("reachable", "fail", "start the proxy");
    let away = doctor(smslite(&data), &["--offline", "--public-url", "https://sms.example.com"]).await;
    away.expect("reachable", "skip", "--offline");
    drop(server);
    let ended = doctor(smslite(&data), &["--offline", "--public-url", &other.url()]).await;
    ended.expect("server", "skip", "has ended");
    ended.expect("reachable", "skip", "no server runs here");
}

#[tokio::test]
async fn a_proxy_that_keeps_webhooks_back_is_found_out() {
    let (dir, proxy) = (tempfile::tempdir().unwrap(), FakeCarrier::start().await);
    let data = dir.path().join("data");
    number(&data, "telnyx");
    let _server = Server::start(smslite(&data), dir.path());
    let file: Value = serde_json::from_slice(&fs::read(data.join("server.json")).unwrap()).unwrap();
    let instance = smslite::app::accounts::instance(file["control_token"].as_str().unwrap());
    let ready = || Told::json(200, &json!({"status": "ready", "instance": instance}));
    for (status, says) in [(403, "guarded"), (413, "client_max_body_size"), (404, "is not smslite")] {
        proxy.tell([ready(), Told::Status(status, &[], "<html></html>".to_owned())]);
        let mut command = smslite(&data);
        command.env("SMSLITE_TELNYX_BASE_URL", "http://127.0.0.1:1");
        let found = doctor(command, &["--offline", "--public-url", &proxy.url()]).await;
        found.expect("reachable", "ok", "this server");
        found.expect("telnyx webhook", "fail", says);
        found.expect("carrier", "warn", "http://127.0.0.1:1");
        found.expect("telnyx signatures", "fail", "telnyx.public_key");
        found.expect("telnyx sending", "fail", "telnyx.api_key");
    }
    assert!(proxy.asked().iter().any(|asked| asked.path == "/webhooks/sms/telnyx"));
}

#[tokio::test]
async fn refused_webhooks_are_summed_up_and_other_settings_than_the_servers_noticed() {
    let (dir, carrier) = (tempfile::tempdir().unwrap(), FakeCarrier::start().await);
    let data = dir.path().join("data");
    number(&data, "twilio");
    let server = Server::start(with_twilio(&data, &carrier), dir.path());
    let anyone = Person::new(server.address(), None);
    for _ in 0..3 {
        let form = [crate::util::carrier::FORM, ("x-twilio-signature", "bm9uZQ==")];
        anyone.ask("POST", "/webhooks/sms/twilio", &form, "To=%2B15551234567").await.expect(403);
    }
    let found = doctor(smslite(&data), &["--offline"]).await;
    found.expect("refused webhooks", "warn", "3 within the last hour, mostly: the signature does not match");
    found.expect("configuration", "warn", "started with other settings of twilio");
    found.expect("twilio signatures", "skip", "not known here");
}

#[test]
fn people_read_a_line_a_check_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let output = smslite(&dir.path().join("data")).args(["doctor", "--offline"]).output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let text = stdout(&output);
    assert!(text.starts_with("ok    configuration: no file was read"), "{text}");
    assert!(text.contains("\nwarn  backups: none are made by schedule\n      -> set [backup] dir"), "{text}");
    assert!(text.ends_with("0 failed, 1 to look at, 8 findings\n"), "{text}");

    fs::write(dir.path().join("bad.toml"), "prot = 1\n").unwrap();
    let bad = ["doctor", "--config", "bad.toml"];
    let output = smslite(&dir.path().join("data")).current_dir(dir.path()).args(bad).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).starts_with("fail  configuration: bad.toml:1: unknown key"),
        "{}",
        stdout(&output)
    );
}
