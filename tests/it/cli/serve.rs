//! `smslite serve`: the first start, the next ones, the end.

use crate::util::client::Person;
use crate::util::process::{Server, smslite, stderr, stdout};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;

const KEY: &str = "sl_live_0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn the_first_start_prints_a_key_that_works_and_commands_that_do() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(smslite(&dir.path().join("data")), dir.path());
    let address = server.address();
    let (status, printed, logged) = server.stop();
    assert!(status.success(), "{logged}");
    let key = printed.split_whitespace().find(|word| word.starts_with("sl_live_")).unwrap().to_owned();
    assert!(printed.contains(&format!("http://{address}/api/v1/sms-conversations/")), "{printed}");
    assert!(!logged.contains(&key), "no secret is logged");

    let again = Server::start(smslite(&dir.path().join("data")), dir.path());
    Person::new(again.address(), Some(&key)).get("/api/v1/sms-conversations/").await.expect(200);
    let (_, printed, _) = again.stop();
    assert_eq!(printed, "", "secrets are shown once");
}

#[tokio::test]
async fn given_secrets_are_used_and_none_is_printed() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = smslite(&dir.path().join("data"));
    command.env("SMSLITE_BOOTSTRAP_API_KEY", KEY);
    command.env("SMSLITE_ADMIN_EMAIL", "ops@example.com").env("SMSLITE_ADMIN_PASSWORD", "correct horse");
    let server = Server::start(command, dir.path());
    Person::new(server.address(), Some(KEY)).get("/api/v1/assistants").await.expect(200);
    let (_, printed, logged) = server.stop();
    for secret in [KEY, "correct horse"] {
        assert!(!printed.contains(secret) && !logged.contains(secret), "{printed}{logged}");
    }
    assert!(printed.contains("ops@example.com") && !printed.contains("password "), "{printed}");
}

#[tokio::test]
async fn a_made_up_password_keeps_the_server_on_loopback() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let refused = smslite(&data).args(["serve", "--host", "0.0.0.0", "--port", "0"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("SMSLITE_ADMIN_PASSWORD"), "{}", stderr(&refused));
    assert_eq!(stdout(&refused), "", "nothing was made that would never be shown again");

    drop(Server::start(smslite(&data), dir.path()));
    let refused = smslite(&data).args(["serve", "--host", "0.0.0.0", "--port", "0"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "also when it was made at an earlier start");
    let mut command = smslite(&data);
    command.env("SMSLITE_ADMIN_PASSWORD", "correct horse").env("SMSLITE_HOST", "0.0.0.0");
    assert!(Server::start(command, dir.path()).stop().0.success());
    let mut command = smslite(&data);
    command.env("SMSLITE_HOST", "0.0.0.0");
    assert!(Server::start(command, dir.path()).stop().0.success(), "the chosen one stands from then on");
}

#[tokio::test]
async fn the_data_directory_is_its_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start(smslite(&data), dir.path());
    let mode = |name: &str| std::fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("smslite.redb"), mode("server.json")), (0o700, 0o600, 0o600));
    server.stop();
    assert!(!data.join("server.json").exists(), "a server that stopped is not found");
}

#[tokio::test]
async fn the_demo_is_alive_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut command = smslite(&data);
    command.arg("--demo");
    let server = Server::start(command, dir.path());
    let address = server.address();
    let form = "MessageSid=SM1&From=%2B15559876543&To=%2B15551234567&Body=hi";
    let path = "/webhooks/sms/twilio";
    Person::new(address, None).ask("POST", path, &[crate::util::carrier::FORM], form).await.expect(200);
    let (_, printed, _) = server.stop();
    assert!(printed.contains("sl_live_"), "{printed}");
    assert!(!data.exists());
    let beyond = smslite(&data).args(["--demo", "--host", "0.0.0.0"]).output().unwrap();
    assert_eq!(beyond.status.code(), Some(1));
}

#[tokio::test]
async fn the_demo_has_conversations_in_every_state_and_their_logs() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = smslite(&dir.path().join("data"));
    command.arg("--demo").env("SMSLITE_BOOTSTRAP_API_KEY", KEY);
    let server = Server::start(command, dir.path());
    let admin = Person::new(server.address(), Some(KEY));
    let get = async |path: &str| admin.get(path).await.expect(200).json();
    let list = get("/api/v1/sms-conversations/").await;
    let mut states: Vec<_> =
        list.as_array().unwrap().iter().map(|it| it["status"].as_str().unwrap()).collect();
    states.sort_unstable();
    assert_eq!(states, ["active", "active", "active", "completed", "completed", "completed"]);
    for (path, count) in [
        ("/api/v1/sms-conversations/1/messages", 3),
        ("/api/v1/sms-conversations/3/related", 2),
        ("/api/v1/assistants", 2),
    ] {
        assert_eq!(get(path).await.as_array().unwrap().len(), count, "{path}");
    }
    assert_eq!(get("/api/v1/sms-logs/").await["total"], 16);
    assert_eq!(
        get("/api/v1/sms/1/logs").await["log_count"],
        4,
        "two were received, one was sent and arrived"
    );
    assert_eq!(get("/api/v1/sms-logs/stats").await["failed_count"], 1);
    assert_eq!(get("/api/v1/sms-sessions/").await["data"]["active_sessions"], 3);
}

const SEED: &str = "clock = 2026-04-30T10:00:00Z
assistants = [{ name = \"Support\" }]
numbers = [{ number = \"+15551234567\", assistant = \"Support\" }]
api_keys = [{ name = \"made up\", role = \"viewer\" }]
[[conversations]]
customer = \"+15550100001\"
assistant = \"Support\"
messages = [{ role = \"user\", content = \"Hello?\" }]
";

#[tokio::test]
async fn a_seed_is_there_from_the_start_and_only_once() {
    let dir = tempfile::tempdir().unwrap();
    let (data, seed) = (dir.path().join("data"), dir.path().join("seed.toml"));
    std::fs::write(&seed, SEED).unwrap();
    let start = || {
        let mut command = smslite(&data);
        command.arg("--seed").arg(&seed).env("SMSLITE_BOOTSTRAP_API_KEY", KEY);
        Server::start(command, dir.path())
    };
    let server = start();
    let (_, printed, logged) = server.stop();
    let key = printed.split_whitespace().find(|word| word.starts_with("sl_live_")).unwrap().to_owned();
    assert!(printed.contains(&format!("{key}  made up")), "{printed}");
    assert!(logged.contains("seed.toml:1: clock is passed over"), "{logged}");
    let server = start();
    for (key, path) in [(KEY, "/api/v1/assistants"), (&key, "/api/v1/sms-conversations/")] {
        let list = Person::new(server.address(), Some(key)).get(path).await.expect(200).json();
        assert_eq!(list.as_array().unwrap().len(), 1, "{path}: {list}");
    }
    let (_, printed, _) = server.stop();
    assert_eq!(printed, "", "secrets are shown once");
}

#[test]
fn a_bad_seed_is_told_by_its_lines_and_nothing_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let (data, seed) = (dir.path().join("data"), dir.path().join("seed.toml"));
    std::fs::write(&seed, SEED.replace("assistant = \"Support\"\n", "assistant = \"Suport\"\n")).unwrap();
    let output = smslite(&data).arg("serve").arg("--seed").arg(&seed).output().unwrap();
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
    let told = format!("{}:7: conversations.assistant: there is no assistant", seed.display());
    assert!(stderr(&output).contains(&told), "{}", stderr(&output));
    assert!(!data.exists(), "nothing is made");
    let output = smslite(&data).args(["serve", "--seed", "nowhere.toml"]).output().unwrap();
    assert!(stderr(&output).contains("nowhere.toml cannot be read"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_nothing_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = smslite(&dir.path().join("data"));
    command.env("RUST_LOG", "debug");
    // Its stderr is a pipe that is read only after the server has stopped.
    let server = Server::start(command, dir.path());
    let anyone = Person::new(server.address(), None);
    for _ in 0..1000 {
        anyone.get("/livez").await.expect(200);
    }
}

#[tokio::test]
async fn a_killed_servers_file_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    let killed = Server::start(smslite(&old), dir.path());
    let left_behind = std::fs::read_to_string(old.join("server.json")).unwrap();
    drop(killed);
    let running = Server::start(smslite(&new), dir.path());
    let url = |text: &str| {
        serde_json::from_str::<serde_json::Value>(text).unwrap()["url"].as_str().unwrap().to_owned()
    };
    let moved = left_behind.replace(&url(&left_behind), &running.url);
    std::fs::write(old.join("server.json"), moved).unwrap();
    let output = smslite(&old).arg("healthcheck").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "the port is another server's now");
    assert!(smslite(&new).arg("healthcheck").output().unwrap().status.success());
    let output = smslite(&old).args(["key", "list"]).output().unwrap();
    assert!(output.status.success() && !old.join("server.json").exists(), "{}", stderr(&output));
}

#[tokio::test]
async fn metrics_have_an_address_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = smslite(&dir.path().join("data"));
    command.env("SMSLITE_METRICS", "127.0.0.1:0");
    let mut server = Server::start(command, dir.path());
    let mut log = BufReader::new(server.child.stderr.take().unwrap()).lines();
    // The log tells which port it became.
    let url = log
        .find_map(|line| Some(line.unwrap().split_once("http://")?.1.split_once("/metrics")?.0.to_owned()));
    let prometheus = Person::new(url.unwrap().parse().unwrap(), None);
    assert!(prometheus.get("/metrics").await.expect(200).text().contains("smslite_storage_ready 1"));
    prometheus.get("/health").await.expect(404);
    Person::new(server.address(), None).get("/metrics").await.expect(404);

    let taken = prometheus.address.to_string();
    let refused =
        smslite(&dir.path().join("other")).args(["--port", "0", "--metrics", &taken]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{}", stderr(&refused));
    assert!(stderr(&refused).contains(&taken), "{}", stderr(&refused));
    assert!(!dir.path().join("other").exists(), "nothing is made for a server that cannot listen");
}
