//! What may be configured, where, and who wins.

mod refused;
mod secrets;
mod values;

use clap::Command;
use smslite::cli::config as command;
use smslite::config::{
    ConfigErrors, Environment, IdFormat, KEYS, Kind, LogFormat, Network, Resolved, Said, Settings,
    SignatureMode, environment, example, flags, load,
};
use std::ffi::OsString;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory that holds nothing but a configuration file, as a careful owner has it.
fn dir_with(file: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    write_private(&dir.path().join("smslite.toml"), file);
    dir
}

fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    set_mode(path, 0o600);
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) {}

fn env(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The program's command line as far as configuration is concerned: bare, it serves.
fn command_line() -> Command {
    let (global, serve): (Vec<_>, Vec<_>) = flags().into_iter().partition(|flag| flag.is_global_set());
    Command::new("smslite")
        .args(global)
        .args(serve.clone())
        .subcommand(Command::new("serve").args(serve))
        .subcommand(command::command())
}

/// Loads from a file's text, variables and the words after the program's name.
fn load_from(file: &str, variables: &[(&str, &str)], words: &[&str]) -> Result<Resolved, ConfigErrors> {
    let dir = dir_with(file);
    let line = ["smslite"].iter().chain(words);
    let matches = command_line().try_get_matches_from(line).unwrap();
    load(Some(&matches), &env(variables), dir.path())
}

fn file(text: &str) -> Result<Resolved, ConfigErrors> {
    load_from(text, &[], &[])
}

fn variable(name: &str, value: &str) -> Result<Resolved, ConfigErrors> {
    load_from("", &[(name, value)], &[])
}

fn errors(outcome: Result<Resolved, ConfigErrors>) -> Vec<String> {
    outcome.map(|resolved| resolved.settings).expect_err("this must be refused").0
}

fn source_of(resolved: &Resolved, wanted: &str) -> String {
    let found = resolved.settings.said.values.iter().find(|(key, _, _)| *key == wanted);
    found.map(|(_, _, source)| source.clone()).unwrap()
}

fn exposed(secrets: &[smslite::config::Secret]) -> Vec<&str> {
    secrets.iter().map(|secret| secret.expose()).collect()
}

#[test]
fn with_nothing_said_the_defaults_stand() {
    let dir = TempDir::new().unwrap();
    let resolved = load(None, &Environment::new(), dir.path()).unwrap();
    assert!(resolved.settings.said.values.iter().all(|(_, _, source)| source == "default"));
    assert_eq!(resolved.warnings, [""; 0]);
    assert!(resolved.bootstrap.api_key.is_none() && resolved.bootstrap.admin_email.is_none());
    let settings = resolved.settings;
    assert_eq!(settings.host, IpAddr::from([127, 0, 0, 1]));
    assert_eq!(settings.port, 7670);
    assert_eq!(settings.data_dir, PathBuf::from("./smslite-data"));
    assert_eq!(settings.public_url, None);
    assert_eq!(settings.id_format, IdFormat::Integer);
    assert_eq!(settings.session_ttl_seconds, 86400);
    assert_eq!(settings.log_format, LogFormat::Auto);
    assert_eq!(settings.trusted_proxies, []);
    assert_eq!(settings.cache_bytes, 64 << 20);
    assert_eq!(settings.twilio.account_sid, None);
    assert!(settings.twilio.auth_tokens.is_empty() && settings.twilio.shared_keys.is_empty());
    assert_eq!(settings.twilio.carrier.signatures, SignatureMode::Enforce);
    assert_eq!(format!("{settings:?}"), format!("{:?}", Settings::default()));
}

#[test]
fn every_key_of_the_file_reaches_its_setting() {
    let resolved = file(
        r#"
        host = "::1"
        port = 0x50
        data_dir = "/srv/sms"
        public_url = "https://sms.example.com/api/"
        id_format = "string"
        session_ttl_seconds = 1_800
        log_format = "json"
        trusted_proxies = ["10.0.0.0/8", "::1"]
        cache_bytes = 1048576
        [twilio]
        account_sid = "AC1"
        auth_token = "token, with a comma"
        shared_keys = ["key1", "key2"]
        signatures = "report"
        "#,
    );
    let settings = resolved.unwrap().settings;
    assert_eq!(settings.host, "::1".parse::<IpAddr>().unwrap());
    assert_eq!(settings.port, 80);
    assert_eq!(settings.data_dir, PathBuf::from("/srv/sms"));
    assert_eq!(settings.public_url.as_deref(), Some("https://sms.example.com/api"));
    assert_eq!(settings.id_format, IdFormat::String);
    assert_eq!(settings.session_ttl_seconds, 1800);
    assert_eq!(settings.log_format, LogFormat::Json);
    let networks: [Network; 2] = ["10.0.0.0/8", "::1/128"].map(|text| text.parse().unwrap());
    assert_eq!(settings.trusted_proxies, networks);
    assert_eq!(settings.cache_bytes, 1 << 20);
    assert_eq!(settings.twilio.account_sid.as_deref(), Some("AC1"));
    assert_eq!(exposed(&settings.twilio.auth_tokens), ["token, with a comma"]);
    assert_eq!(exposed(&settings.twilio.shared_keys), ["key1", "key2"]);
    assert_eq!(settings.twilio.carrier.signatures, SignatureMode::Report);
}

#[test]
fn flags_win_over_the_environment_over_the_file_over_defaults() {
    let in_file = "# port\nport = 1";
    let in_env = [("SMSLITE_PORT", "2")];
    let in_flag = ["--port", "3"];
    for (file, variables, words, port, source) in [
        ("", &[][..], &[][..], 7670, "default"),
        (in_file, &[], &[], 1, "smslite.toml:2"),
        (in_file, &in_env, &[], 2, "env SMSLITE_PORT"),
        (in_file, &in_env, &in_flag, 3, "flag --port"),
        ("", &[], &in_flag, 3, "flag --port"),
        (in_file, &[("SMSLITE_PORT", "")], &[], 1, "smslite.toml:2"),
    ] {
        let resolved = load_from(file, variables, words).unwrap();
        assert_eq!((resolved.settings.port, source_of(&resolved, "port")), (port, source.into()));
    }
}

#[test]
fn a_flag_counts_before_and_after_the_command() {
    for (words, port, data_dir) in [
        (&["serve", "--port", "3", "--data-dir", "d"][..], 3, "d"),
        (&["--port", "3", "--data-dir", "d", "serve"], 3, "d"),
        (&["--port", "2", "--data-dir", "c", "serve", "--port", "3", "--data-dir", "d"], 3, "d"),
        (&["config", "--data-dir", "d"], 7670, "d"),
        (&["config"], 7670, "./smslite-data"),
    ] {
        let settings = load_from("", &[], words).unwrap().settings;
        assert_eq!((settings.port, settings.data_dir), (port, PathBuf::from(data_dir)), "{words:?}");
    }
}

#[test]
fn only_the_data_directory_and_the_file_are_flags_of_every_command() {
    command_line().debug_assert();
    let (global, serve): (Vec<_>, Vec<_>) = flags().into_iter().partition(|flag| flag.is_global_set());
    let names = |flags: Vec<clap::Arg>| -> Vec<_> {
        flags.iter().map(|flag| flag.get_long().unwrap().to_owned()).collect()
    };
    assert_eq!(names(global), ["config", "data-dir"]);
    let expected =
        "host port public-url id-format session-ttl-seconds log-format metrics trusted-proxies cache-bytes";
    assert_eq!(names(serve).join(" "), expected);
    assert!(command_line().try_get_matches_from(["smslite", "config", "--port", "1"]).is_err());
    let help = command_line().render_help().to_string();
    assert!(help.contains("0 takes a free one. [env: SMSLITE_PORT] [default: 7670]"), "{help}");
}

#[test]
fn the_file_is_the_one_that_was_named() {
    let dir = dir_with("port = 1");
    write_private(&dir.path().join("env.toml"), "port = 2");
    write_private(&dir.path().join("flag.toml"), "port = 3");
    let absolute = dir.path().join("env.toml");
    for (variables, words, port) in [
        (&[][..], &[][..], 1),
        (&[("SMSLITE_CONFIG", "")], &[], 1),
        (&[("SMSLITE_CONFIG", "env.toml")], &[], 2),
        (&[("SMSLITE_CONFIG", absolute.to_str().unwrap())], &[], 2),
        (&[("SMSLITE_CONFIG", "env.toml")], &["--config", "flag.toml"], 3),
        (&[("SMSLITE_CONFIG", "missing.toml")], &["config", "--config", "flag.toml"], 3),
    ] {
        let line = ["smslite"].iter().chain(words);
        let matches = command_line().try_get_matches_from(line).unwrap();
        let resolved = load(Some(&matches), &env(variables), dir.path()).unwrap();
        assert_eq!(resolved.settings.port, port, "{variables:?} {words:?}");
        assert_eq!(resolved.warnings, [""; 0]);
    }
}

#[test]
fn only_our_variables_are_taken_and_must_be_utf8() {
    let ours = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
    let taken = environment([ours("SMSLITE_PORT", "1"), ours("PATH", "/bin")].into_iter()).unwrap();
    assert_eq!(taken, env(&[("SMSLITE_PORT", "1")]));
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        let broken = || OsString::from_vec(vec![0xff]);
        let refused = environment([("SMSLITE_HOST".into(), broken()), (broken(), broken())].into_iter());
        assert_eq!(refused.unwrap_err().0, ["env SMSLITE_HOST: not UTF-8"]);
        assert!(environment([("PATH".into(), broken())].into_iter()).unwrap().is_empty());
    }
}

#[test]
fn the_example_file_is_the_one_that_the_table_makes() {
    assert_eq!(include_str!("../../config.example.toml"), example());
}

#[test]
fn the_example_file_uncommented_says_the_defaults() {
    let said: Vec<_> = example()
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') => key.to_owned(),
            _ => line.to_owned(),
        })
        .collect();
    let resolved = file(&said.join("\n")).unwrap();
    for (key, _, source) in &resolved.settings.said.values {
        assert!(source.starts_with("smslite.toml:"), "{key} is not in the example");
    }
    let but_who_said_it =
        |settings: Settings| format!("{:?}", Settings { said: Said::default(), ..settings });
    assert_eq!(but_who_said_it(resolved.settings), but_who_said_it(Settings::default()));
    assert!(file(&example()).unwrap().settings.said.values.iter().all(|(_, _, source)| source == "default"));
}

#[test]
fn smslite_config_shows_value_and_source_of_every_key() {
    let resolved = load_from(
        "id_format = 'string'\n[twilio]\nauth_token = 'x'",
        &[("SMSLITE_LOG_FORMAT", "text")],
        &["--port", "0"],
    );
    let mut printed = Vec::new();
    command::print(&resolved.unwrap(), &mut printed).unwrap();
    let expected = "\
# read from smslite.toml
host                               127.0.0.1       default
port                               0               flag --port
data_dir                           ./smslite-data  default
public_url                         (not set)       default
id_format                          string          smslite.toml:1
session_ttl_seconds                86400           default
log_format                         text            env SMSLITE_LOG_FORMAT
metrics                            off             default
trusted_proxies                    (not set)       default
cache_bytes                        67108864        default
backup.dir                         (not set)       default
backup.every_hours                 24              default
backup.keep                        7               default
jwt.issuer                         (not set)       default
jwt.audience                       (not set)       default
jwt.algorithm                      RS256           default
jwt.secret                         (not set)       default
jwt.public_key_file                (not set)       default
jwt.user_claim                     email           default
jwt.organization_claim             (not set)       default
jwt.role_claim                     (not set)       default
twilio.account_sid                 (not set)       default
twilio.auth_token                  (set, hidden)   smslite.toml:3
twilio.shared_keys                 (not set)       default
twilio.signatures                  enforce         default
twilio.base_url                    (not set)       default
twilio.messages_per_minute         3000            default
twilio.number_messages_per_minute  60              default
telnyx.api_key                     (not set)       default
telnyx.public_key                  (not set)       default
telnyx.signatures                  enforce         default
telnyx.base_url                    (not set)       default
telnyx.messages_per_minute         3000            default
telnyx.number_messages_per_minute  60              default
vonage.api_key                     (not set)       default
vonage.api_secret                  (not set)       default
vonage.signature_secret            (not set)       default
vonage.signature_method            md5hash         default
vonage.signatures                  enforce         default
vonage.base_url                    (not set)       default
vonage.messages_per_minute         1800            default
vonage.number_messages_per_minute  60              default
sending.timeout_seconds            30              default
forwarding.timeout_seconds         10              default
forwarding.allowed_networks        (not set)       default
retention.conversations_days       0               default
retention.logs_days                0               default
retention.raw_payloads_days        0               default
retention.audit_days               0               default
retention.feed_days                0               default
";
    assert_eq!(String::from_utf8(printed).unwrap(), expected);
}
