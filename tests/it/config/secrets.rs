//! Where secrets come from, and that they go nowhere.

use super::*;

#[test]
fn no_secret_can_be_given_as_a_flag() {
    for key in KEYS.iter().filter(|key| key.secret) {
        assert!(flags().iter().all(|flag| flag.get_id() != key.name), "{}", key.name);
    }
}

#[test]
fn a_secret_comes_from_its_variable_or_the_file_it_names() {
    let dir = TempDir::new().unwrap();
    for (name, text) in
        [("one", "abc\n"), ("crlf", "abc\r\n"), ("two", "abc,def\n"), ("lines", "abc\n\n"), ("cr", "abc\r")]
    {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let token = "SMSLITE_TWILIO_AUTH_TOKEN";
    let twin = "SMSLITE_TWILIO_AUTH_TOKEN_FILE";
    for (name, value, tokens) in [
        (token, "abc", &["abc"][..]),
        (token, "abc, def", &["abc", "def"]),
        (twin, "one", &["abc"]),
        (twin, "crlf", &["abc"]),
        (twin, "two", &["abc", "def"]),
        (twin, dir.path().join("one").to_str().unwrap(), &["abc"]),
    ] {
        let resolved = load(None, &env(&[(name, value)]), dir.path()).unwrap();
        assert_eq!(exposed(&resolved.settings.twilio.auth_tokens), tokens, "{value}");
        assert_eq!(source_of(&resolved, "twilio.auth_token"), format!("env {name}"));
    }
    for (name, password) in [("one", "abc"), ("crlf", "abc"), ("lines", "abc\n"), ("cr", "abc\r")] {
        let variables = env(&[("SMSLITE_ADMIN_PASSWORD_FILE", name)]);
        let bootstrap = load(None, &variables, dir.path()).unwrap().bootstrap;
        assert_eq!(bootstrap.admin_password.unwrap().expose(), password);
    }
}

#[test]
fn a_secret_that_cannot_be_had_is_an_error() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("empty"), "\n").unwrap();
    let token = "SMSLITE_TWILIO_AUTH_TOKEN";
    let twin = "SMSLITE_TWILIO_AUTH_TOKEN_FILE";
    let must =
        "env SMSLITE_TWILIO_AUTH_TOKEN: twilio.auth_token must be a string or a list of up to 2 strings";
    for (variables, message) in [
        (&[(twin, "missing")][..], "SMSLITE_TWILIO_AUTH_TOKEN_FILE: cannot read missing: "),
        (&[(twin, "empty")], "SMSLITE_TWILIO_AUTH_TOKEN_FILE: empty is empty"),
        (
            &[(token, "a"), (twin, "b")],
            "SMSLITE_TWILIO_AUTH_TOKEN and SMSLITE_TWILIO_AUTH_TOKEN_FILE are both set; keep one",
        ),
        (&[(token, "a,b,c")], must),
        (&[(token, "a,")], must),
    ] {
        let messages = errors(load(None, &env(variables), dir.path()));
        assert_eq!(messages.len(), 1);
        assert!(messages[0].starts_with(message), "{messages:?}");
    }
}

#[test]
fn no_secret_is_ever_shown() {
    let hidden = "hunter2hunter2hunter2hunter2hunter2";
    let resolved = load_from(
        &format!("[twilio]\nauth_token = ['{hidden}', '{hidden}']"),
        &[
            ("SMSLITE_TWILIO_SHARED_KEYS", hidden),
            ("SMSLITE_ADMIN_PASSWORD", hidden),
            ("SMSLITE_BOOTSTRAP_API_KEY", &format!("sl_live_{hidden}")),
        ],
        &[],
    );
    let resolved = resolved.unwrap();
    let mut printed = Vec::new();
    command::print(&resolved, &mut printed).unwrap();
    let token = &resolved.settings.twilio.auth_tokens[0];
    let mut told = vec![format!("{resolved:?} {token} {token:?}"), String::from_utf8(printed).unwrap()];
    for bad in [
        format!("[twilio]\nauth_token = '{hidden}' 1"),
        format!("[twilio]\nauth_token = {hidden}"),
        format!("[twilio]\nauth_token = ['{hidden}', 1]"),
        format!("[twilio]\nauth_token = ['{hidden}', 'b', 'c']"),
        format!("[twilio]\nauth_tokn = '{hidden}'"),
        format!("[twilio.auth_token]\n'{hidden}' = 1"),
    ] {
        told.extend(errors(file(&bad)));
    }
    told.extend(errors(variable("SMSLITE_TWILIO_AUTH_TOKEN", &format!("{hidden},b,c"))));
    told.extend(errors(variable("SMSLITE_BOOTSTRAP_API_KEY", hidden)));
    assert!(told.len() >= 10);
    for text in told {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_with_secrets_that_others_may_read_is_warned_about() {
    let secret = "[twilio]\nauth_token = 'x'";
    for (text, mode, warned) in [
        (secret, 0o600, false),
        (secret, 0o400, false),
        (secret, 0o644, true),
        (secret, 0o640, true),
        ("[twilio]\naccount_sid = 'x'\nauth_token = []\nshared_keys = ''", 0o644, false),
    ] {
        let dir = dir_with(text);
        set_mode(&dir.path().join("smslite.toml"), mode);
        let variables = env(&[("SMSLITE_TWILIO_SHARED_KEYS", "not in the file")]);
        let warnings = load(None, &variables, dir.path()).unwrap().warnings;
        let text = format!(
            "smslite.toml holds twilio.auth_token and others may read it (mode {mode:o}); chmod 600 smslite.toml"
        );
        assert_eq!(warnings, if warned { vec![text] } else { vec![] });
    }
}

#[test]
fn the_bootstrap_is_taken_as_given() {
    let (shortest, longest) = ("a".repeat(32), "Z".repeat(128));
    for (rest, good) in [
        (shortest.as_str(), true),
        (&longest, true),
        ("0123456789-_ABCDEFGHIJKLMNOPQRSTUV", true),
        (&shortest[1..], false),
        (&format!("{longest}0"), false),
        (&format!("{shortest}."), false),
        (&format!("{shortest}ä"), false),
        ("", false),
    ] {
        let key = format!("sl_live_{rest}");
        let outcome = variable("SMSLITE_BOOTSTRAP_API_KEY", &key);
        let given = outcome.ok().map(|it| it.bootstrap.api_key.unwrap().expose().to_owned());
        assert_eq!(given, good.then_some(key), "{rest}");
    }
    assert_eq!(errors(variable("SMSLITE_BOOTSTRAP_API_KEY", &shortest)).len(), 1);
    let variables = [("SMSLITE_ADMIN_EMAIL", "a@example.com"), ("SMSLITE_ADMIN_PASSWORD", "p, w ")];
    let bootstrap = load_from("", &variables, &[]).unwrap().bootstrap;
    assert_eq!(bootstrap.admin_email.as_deref(), Some("a@example.com"));
    assert_eq!(bootstrap.admin_password.unwrap().expose(), "p, w ");
}
