//! What commands print of the program itself. They touch no data.

use crate::util::process::{smslite, stderr, stdout};
use std::fs;
use std::path::Path;

fn run(dir: &Path, args: &[&str]) -> String {
    let output = smslite(&dir.join("data")).current_dir(dir).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    assert!(!dir.join("data").exists(), "{args:?} touches no data");
    stdout(&output)
}

#[test]
fn openapi_prints_the_document_of_this_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let id_type = |args: &[&str]| {
        let document: serde_json::Value = serde_json::from_str(&run(dir.path(), args)).unwrap();
        assert!(document["paths"]["/api/v1/export"]["get"].is_object());
        document["components"]["schemas"]["ConversationId"]["type"].clone()
    };
    assert_eq!(id_type(&["openapi"]), "integer");
    assert_eq!(id_type(&["openapi", "--id-format", "string"]), "string");
    assert_eq!(id_type(&["--id-format", "string", "openapi"]), "string");
    assert!(run(dir.path(), &["openapi"]).starts_with("{\n  \"openapi\": \"3."), "for people to read");
}

#[test]
fn completions_know_the_commands_whatever_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("smslite.toml"), "no = configuration").unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let text = run(dir.path(), &["completions", shell]);
        for word in ["export", "with-secrets", "data-dir", "healthcheck"] {
            assert!(text.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn config_says_which_file_it_read_and_takes_the_flags_of_serve_before_and_after() {
    let dir = tempfile::tempdir().unwrap();
    assert!(
        run(dir.path(), &["config"]).starts_with("# no configuration file: there is no ./smslite.toml\n")
    );
    fs::write(dir.path().join("smslite.toml"), "port = 1111\nhost = \"::1\"\n").unwrap();
    fs::write(dir.path().join("other.toml"), "port = 2222\n[twilio]\nauth_token = \"s3cr3t\"\n").unwrap();
    for (args, first, port, source) in [
        (&["config"][..], "smslite.toml", "1111", "smslite.toml:1"),
        (&["config", "--port", "3333"], "smslite.toml", "3333", "flag --port"),
        (&["--port", "3333", "config"], "smslite.toml", "3333", "flag --port"),
        (&["--port", "3333", "config", "--port", "4444"], "smslite.toml", "4444", "flag --port"),
        (&["--config", "other.toml", "config"], "other.toml", "2222", "other.toml:1"),
        (&["config", "--config", "other.toml"], "other.toml", "2222", "other.toml:1"),
    ] {
        let text = run(dir.path(), args);
        assert_eq!(text.lines().next(), Some(format!("# read from {first}").as_str()), "{args:?}");
        let line = text.lines().find(|line| line.starts_with("port ")).unwrap();
        assert_eq!(line.split_whitespace().collect::<Vec<_>>()[1..].join(" "), format!("{port} {source}"));
        assert!(!text.contains("s3cr3t"), "{text}");
    }
    assert!(run(dir.path(), &["config", "--data-dir", "there"]).contains("there"));
}
