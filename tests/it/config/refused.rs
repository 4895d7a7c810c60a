//! What is wrong, and how it is told.

use super::*;

#[test]
fn a_named_file_that_cannot_be_read_is_an_error() {
    for name in ["missing.toml", "."] {
        let messages = errors(variable("SMSLITE_CONFIG", name));
        assert_eq!(messages.len(), 1);
        assert!(messages[0].starts_with(&format!("cannot read {name}: ")), "{messages:?}");
    }
    assert!(errors(load_from("", &[], &["--config", "missing.toml"]))[0].contains("missing.toml"));
}

#[test]
fn what_is_wrong_in_the_file_is_told_with_its_line() {
    let must = "smslite.toml:2: port must be an integer from 0 to 65535, not";
    let ttl = "smslite.toml:2: session_ttl_seconds must be an integer from 1 to 315360000, not";
    let networks = "smslite.toml:2: trusted_proxies must be a list of IP addresses and networks like \
                    10.0.0.0/8 (zeros behind the prefix), not";
    for (line, expected) in [
        ("prot = 1", r#"smslite.toml:2: unknown key "prot"; did you mean "port"?"#.to_owned()),
        ("\n\nprot = 1", r#"smslite.toml:4: unknown key "prot"; did you mean "port"?"#.to_owned()),
        (
            "auth_token = 'x'",
            r#"smslite.toml:2: unknown key "auth_token"; did you mean "twilio.auth_token"?"#.to_owned(),
        ),
        (
            "[twilio]\nport = 1",
            r#"smslite.toml:3: unknown key "twilio.port"; did you mean "port"?"#.to_owned(),
        ),
        (
            "twilio.acount_sid = 'x'",
            r#"smslite.toml:2: unknown key "twilio.acount_sid"; did you mean "twilio.account_sid"?"#
                .to_owned(),
        ),
        (
            "[twillio]\naccount_sid = 'x'",
            r#"smslite.toml:2: unknown table "twillio"; did you mean "twilio"?"#.to_owned(),
        ),
        (
            "'twilio.account_sid' = 'x'",
            r#"smslite.toml:2: unknown key "twilio.account_sid"; did you mean "twilio.account_sid"?"#
                .to_owned(),
        ),
        (
            "lg_format = 1",
            r#"smslite.toml:2: unknown key "lg_format"; did you mean "log_format"?"#.to_owned(),
        ),
        (
            "[twilio]\nsignature = 1",
            r#"smslite.toml:3: unknown key "twilio.signature"; did you mean "twilio.signatures"?"#.to_owned(),
        ),
        ("qqq = 1", r#"smslite.toml:2: unknown key "qqq""#.to_owned()),
        ("twilio = 1", "smslite.toml:2: twilio must be a table".to_owned()),
        ("[[twilio]]", "smslite.toml:2: twilio must be a table".to_owned()),
        ("[port]", format!("{must} a table")),
        ("port = \"abc\"", format!("{must} \"abc\"")),
        ("port = \"80\"", format!("{must} \"80\"")),
        ("port = 65536", format!("{must} 65536")),
        ("port = -1", format!("{must} -1")),
        ("port = 80.0", format!("{must} 80.0")),
        ("port = true", format!("{must} true")),
        ("port = [80]", format!("{must} [80]")),
        ("port = 99999999999999999999999", format!("{must} 99999999999999999999999")),
        ("session_ttl_seconds = 0", format!("{ttl} 0")),
        ("session_ttl_seconds = 315360001", format!("{ttl} 315360001")),
        ("trusted_proxies = ['10.0.0.1/8']", format!("{networks} ['10.0.0.1/8']")),
        ("trusted_proxies = [1]", format!("{networks} [1]")),
        (
            "cache_bytes = 1048575",
            "smslite.toml:2: cache_bytes must be an integer from 1048576 to 9223372036854775807, not 1048575"
                .to_owned(),
        ),
        (
            "id_format = 'uuid'",
            "smslite.toml:2: id_format must be one of integer, string, not 'uuid'".to_owned(),
        ),
        ("log_format = ''", "smslite.toml:2: log_format must be one of auto, text, json, not ''".to_owned()),
        ("host = 7", "smslite.toml:2: host must be an IP address or localhost, not 7".to_owned()),
        ("data_dir = ''", "smslite.toml:2: data_dir must be a string, not ''".to_owned()),
        (
            "[twilio]\nsignatures = 'no'",
            "smslite.toml:3: twilio.signatures must be one of enforce, report, off, not 'no'".to_owned(),
        ),
    ] {
        assert_eq!(errors(file(&format!("# a comment\n{line}\n"))), [expected]);
    }
}

#[test]
fn a_file_that_is_no_toml_is_told_with_its_line() {
    for (text, place) in [
        ("a = 1\nport = = 2", "smslite.toml:2: "),
        ("port = 1\n\nport = 2", "smslite.toml:3: "),
        ("\u{feff}port = 1\nport", "smslite.toml:2: "),
    ] {
        for message in errors(file(text)) {
            assert!(message.strip_prefix(place).is_some_and(|rest| !rest.is_empty()), "{message}");
        }
    }
}

#[test]
fn what_is_wrong_elsewhere_is_told_with_its_variable_or_flag() {
    let port = "port must be an integer from 0 to 65535, not \"abc\"";
    assert_eq!(errors(variable("SMSLITE_PORT", "abc")), [format!("env SMSLITE_PORT: {port}")]);
    assert_eq!(errors(load_from("", &[], &["--port", "abc"])), [format!("flag --port: {port}")]);
    let proxies = errors(variable("SMSLITE_TRUSTED_PROXIES", "10.0.0.1,,::1"));
    assert!(proxies[0].starts_with("env SMSLITE_TRUSTED_PROXIES: trusted_proxies must be a list"));
}

#[test]
fn all_errors_are_told_together() {
    let outcome = load_from(
        "prot = 1\nport = 70000\n[twilio]\nsignatures = 'no'\n",
        &[
            ("SMSLITE_LOG_FORMAT", "xml"),
            ("SMSLITE_ADMIN_PASSWORD_FILE", "missing"),
            ("SMSLITE_BOOTSTRAP_API_KEY", "short"),
        ],
        &["--host", "nowhere"],
    );
    let messages = errors(outcome);
    let starts: Vec<_> = messages.iter().map(|message| message.split(": ").next().unwrap()).collect();
    let expected = [
        "smslite.toml:1",
        "smslite.toml:2",
        "smslite.toml:4",
        "env SMSLITE_LOG_FORMAT",
        "flag --host",
        "SMSLITE_ADMIN_PASSWORD_FILE",
        "env SMSLITE_BOOTSTRAP_API_KEY",
    ];
    assert_eq!(starts, expected);
    assert_eq!(ConfigErrors(messages.clone()).to_string(), messages.join("\n"));
}

#[test]
fn a_wrong_value_is_told_even_when_another_wins() {
    let messages = errors(load_from("port = 'x'", &[("SMSLITE_PORT", "80")], &[]));
    assert_eq!(messages.len(), 1);
}

#[test]
fn an_unknown_variable_is_a_warning() {
    for (name, warning) in [
        ("SMSLITE_PROT", Some("unknown environment variable SMSLITE_PROT; did you mean SMSLITE_PORT?")),
        (
            "SMSLITE_TWILIO_TOKEN",
            Some(
                "unknown environment variable SMSLITE_TWILIO_TOKEN; did you mean SMSLITE_TWILIO_AUTH_TOKEN?",
            ),
        ),
        (
            "SMSLITE_PORT_FILE",
            Some("unknown environment variable SMSLITE_PORT_FILE; did you mean SMSLITE_PORT?"),
        ),
        (
            "SMSLITE_CONFIG_FILE",
            Some("unknown environment variable SMSLITE_CONFIG_FILE; did you mean SMSLITE_CONFIG?"),
        ),
        ("SMSLITE_PORT", None),
        ("SMSLITE_TWILIO_AUTH_TOKEN_FILE", None),
        ("SMSLITE_CONFIG", None),
        ("SMSLITE_BOOTSTRAP_API_KEY", None),
        ("SMSLITE_ADMIN_EMAIL_FILE", None),
        ("SMSLITE_ADMIN_PASSWORD", None),
        ("PORT", None),
    ] {
        let warnings = variable(name, "").unwrap().warnings;
        assert_eq!(warnings, warning.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn signatures_are_off_only_on_loopback() {
    let off = ("SMSLITE_TWILIO_SIGNATURES", "off");
    for (host, good) in [
        ("127.0.0.1", true),
        ("127.8.8.8", true),
        ("localhost", true),
        ("::1", true),
        ("::ffff:127.0.0.1", true),
        ("0.0.0.0", false),
        ("::", false),
        ("192.168.1.1", false),
    ] {
        let outcome = load_from("", &[off], &["--host", host]);
        assert_eq!(outcome.is_ok(), good, "{host}");
        for signatures in ["report", "enforce"] {
            let variables = [("SMSLITE_TWILIO_SIGNATURES", signatures)];
            let settings = load_from("", &variables, &["--host", host]).unwrap().settings;
            assert_eq!(settings.is_loopback(), good, "{host}");
        }
    }
    let message = "env SMSLITE_TWILIO_SIGNATURES: twilio.signatures may be off only while host is a \
                   loopback address, not 0.0.0.0 (smslite.toml:1)";
    assert_eq!(errors(load_from("host = '0.0.0.0'", &[off], &[])), [message]);
}
