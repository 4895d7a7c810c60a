//! `smslite user`, and what signing in survives.

use crate::util::client::Person;
use crate::util::process::{Server, smslite, stderr, stdout};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

/// Runs a command with something to read.
fn run(data: &Path, args: &[&str], input: &str) -> Output {
    let mut command = smslite(data);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn done(data: &Path, args: &[&str], input: &str) -> String {
    let output = run(data, args, input);
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    stdout(&output)
}

async fn sign_in(server: &Server, password: &str) -> Option<Value> {
    let body = json!({"email": "ann@example.com", "password": password}).to_string();
    let answer = Person::new(server.address(), None).post("/api/auth/login/simple", &body).await;
    (answer.status == 200).then(|| answer.json())
}

fn token(signed_in: &Value) -> &str {
    signed_in["access_token"].as_str().unwrap()
}

#[tokio::test]
async fn users_are_made_and_changed_from_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    done(&data, &["user", "create", "ann@example.com", "--first-name", "Ann"], "a long password\n");
    let server = Server::start(smslite(&data), dir.path());
    let first = sign_in(&server, "a long password").await.expect("she may come in");
    let listed = done(&data, &["user", "list"], "");
    assert!(listed.lines().any(|line| line.starts_with("2   ann@example.com  Ann ")), "{listed}");
    let me = "/api/auth/me";
    let ann = Person::new(server.address(), Some(token(&first)));
    ann.get(me).await.expect(200);
    ann.get("/api/v1/users").await.expect(403);
    done(&data, &["user", "set-role", "ann@example.com", "--role", "admin"], "");
    ann.get("/api/v1/users").await.expect(200);
    done(&data, &["user", "set-password", "ANN@example.com"], "another password\r\n");
    ann.get(me).await.expect(401);
    assert!(sign_in(&server, "a long password").await.is_none());
    let second = sign_in(&server, "another password").await.expect("the new one counts");
    done(&data, &["user", "disable", "ann@example.com"], "");
    Person::new(server.address(), Some(token(&second))).get(me).await.expect(401);
    assert!(sign_in(&server, "another password").await.is_none());
    done(&data, &["user", "enable", "ann@example.com"], "");
    assert!(sign_in(&server, "another password").await.is_some());
}

#[tokio::test]
async fn a_session_and_its_token_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    done(&data, &["user", "create", "ann@example.com"], "a long password");
    let server = Server::start(smslite(&data), dir.path());
    let kept = sign_in(&server, "a long password").await.unwrap();
    let ended = sign_in(&server, "a long password").await.unwrap();
    let out = Person::new(server.address(), Some(token(&ended)));
    out.post("/api/auth/logout", "").await.expect(200);
    let (status, _, _) = server.stop();
    assert!(status.success());
    let server = Server::start(smslite(&data), dir.path());
    Person::new(server.address(), Some(token(&kept))).get("/api/auth/me").await.expect(200);
    Person::new(server.address(), Some(token(&ended))).get("/api/auth/me").await.expect(401);
    let secret = data.join("jwt-secret");
    assert_eq!(std::fs::read_to_string(&secret).unwrap().len(), 43);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(secret).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn what_cannot_be_done_is_said_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    done(&data, &["user", "create", "idp@example.com", "--no-password"], "");
    for (args, input, code, says) in [
        (&["user", "create", "new@example.com"][..], "", 1, "no password was given"),
        (&["user", "create", "new@example.com"], "short", 1, "8 characters"),
        (&["user", "create", "idp@example.com"], "a long password", 1, "exists"),
        (&["user", "create", "no address"], "a long password", 1, "email"),
        (&["user", "disable", "nobody@example.com"], "", 1, "there is no user nobody@example.com"),
        (&["user", "disable", "admin@localhost"], "", 1, "Nobody would be left"),
        (&["user", "set-role", "admin@localhost", "--role", "king"], "", 2, "king"),
        (&["user", "set-role", "admin@localhost"], "", 2, "--role"),
        (&["user"], "", 2, "Usage"),
    ] {
        let output = run(&data, args, input);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(says), "{args:?}: {}", stderr(&output));
    }
    assert_eq!(done(&data, &["user", "list"], "").lines().count(), 3);
}
