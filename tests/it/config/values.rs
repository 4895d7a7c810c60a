//! What each kind of value accepts.

use super::*;

#[test]
fn a_host_is_an_address_or_localhost() {
    for (text, host) in [
        ("localhost", Some("127.0.0.1")),
        ("0.0.0.0", Some("0.0.0.0")),
        ("0:0:0:0:0:0:0:1", Some("::1")),
        ("[::1]", None),
        ("example.com", None),
        ("127.0.0.1:80", None),
        (" 127.0.0.1", None),
    ] {
        let host_of = variable("SMSLITE_HOST", text).ok().map(|it| it.settings.host.to_string());
        assert_eq!(host_of.as_deref(), host, "{text}");
    }
}

#[test]
fn a_public_url_is_a_base_without_its_last_slash() {
    for (text, url) in [
        ("https://sms.example.com", Some("https://sms.example.com")),
        ("https://Sms.Example.com/", Some("https://Sms.Example.com")),
        ("http://127.0.0.1:7670//", Some("http://127.0.0.1:7670")),
        ("https://[::1]:8443/a/b/", Some("https://[::1]:8443/a/b")),
        ("https://[::1]", Some("https://[::1]")),
        ("http://my_host-1:65535/~x", Some("http://my_host-1:65535/~x")),
        ("", None),
    ] {
        let given = file(&format!("public_url = '{text}'")).unwrap().settings.public_url;
        assert_eq!(given.as_deref(), url, "{text}");
    }
    for text in [
        "sms.example.com",
        "ftp://sms.example.com",
        "https://",
        "https:///path",
        "https://:80",
        "https://h:",
        "https://h:0",
        "https://h:65536",
        "https://h:+80",
        "https://h:80:80",
        "https://user:pass@h",
        "https://h?x=1",
        "https://h/?x=1",
        "https://h/#top",
        "https://h/a b",
        "https://h/a\\b",
        "https://h\n",
        "https://[::1",
        "https://[zz]",
        "https://::1",
        "https://hö.example",
    ] {
        let messages = errors(variable("SMSLITE_PUBLIC_URL", text));
        let must =
            "env SMSLITE_PUBLIC_URL: public_url must be http(s)://host[:port][/path] without a query, not ";
        assert_eq!(messages, [format!("{must}{text:?}")]);
    }
}

#[test]
fn an_empty_flag_takes_back_what_may_be_unset() {
    let variables = [("SMSLITE_PUBLIC_URL", "https://h"), ("SMSLITE_TRUSTED_PROXIES", "::1")];
    let words = ["--public-url", "", "--trusted-proxies", ""];
    let settings = load_from("", &variables, &words).unwrap().settings;
    assert_eq!((settings.public_url, settings.trusted_proxies), (None, vec![]));
    assert_eq!(errors(load_from("", &[], &["--data-dir", "", "--host", ""])).len(), 2);
}

#[test]
fn a_network_contains_its_addresses() {
    for (network, inside, outside) in [
        ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
        ("192.168.1.128/25", "192.168.1.255", "192.168.1.127"),
        ("10.1.2.3", "10.1.2.3", "10.1.2.2"),
        ("10.0.0.0/8", "::ffff:10.0.0.1", "::a00:1"),
        ("0.0.0.0/0", "255.255.255.255", "::"),
        ("::/0", "ffff::", "0.0.0.0"),
        ("::/0", "::1", "::ffff:10.0.0.1"),
        ("fd00::/8", "fdff::1", "fe00::"),
        ("2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"),
        ("::1", "::1", "::2"),
    ] {
        let parsed: Network = network.parse().unwrap();
        assert!(parsed.contains(inside.parse().unwrap()), "{inside} in {network}");
        assert!(!parsed.contains(outside.parse().unwrap()), "{outside} not in {network}");
    }
    for text in [
        "",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
        "10.0.0.1/31",
        "::/129",
        "::1/127",
        "::ffff:10.0.0.0/104",
        "h/8",
        "10.0.0.0/4294967304",
    ] {
        assert!(text.parse::<Network>().is_err(), "{text}");
    }
}

#[test]
fn a_list_is_separated_by_commas_or_said_again() {
    let words = ["--trusted-proxies", "10.0.0.0/8, ::1", "--trusted-proxies", "127.0.0.1"];
    let resolved = load_from("", &[], &words).unwrap();
    let (_, shown, source) =
        resolved.settings.said.values.iter().find(|(key, _, _)| *key == "trusted_proxies").unwrap();
    assert_eq!(
        (shown.as_str(), source.as_str()),
        ("10.0.0.0/8, ::1/128, 127.0.0.1/32", "flag --trusted-proxies")
    );
}

#[test]
fn everything_that_a_kind_accepts_fits_its_setting() {
    for key in KEYS {
        let texts: Vec<String> = match key.kind {
            Kind::Integer { min, max } => vec![min.to_string(), max.to_string()],
            Kind::Choice(words) => words.iter().map(|word| (*word).to_owned()).collect(),
            _ => continue,
        };
        for text in texts {
            let resolved = variable(&key.variable(), &text).unwrap();
            assert_eq!(source_of(&resolved, key.name), format!("env {}", key.variable()));
            let (_, shown, _) =
                resolved.settings.said.values.iter().find(|(name, _, _)| *name == key.name).unwrap();
            assert_eq!(*shown, text);
        }
    }
}

#[test]
fn metrics_are_off_or_on_or_have_an_address() {
    use smslite::config::MetricsAt::{Main, Nowhere, Own};
    let own = |text: &str| Own(text.parse().unwrap());
    for (text, at) in [
        ("off", Nowhere),
        ("false", Nowhere),
        ("on", Main),
        ("true", Main),
        ("127.0.0.1:9671", own("127.0.0.1:9671")),
        ("localhost:9671", own("127.0.0.1:9671")),
        ("[::]:0", own("[::]:0")),
        ("10.0.0.7:9671", own("10.0.0.7:9671")),
    ] {
        assert_eq!(variable("SMSLITE_METRICS", text).unwrap().settings.metrics, at, "{text}");
        assert_eq!(file(&format!("metrics = '{text}'")).unwrap().settings.metrics, at, "{text}");
    }
    for (line, at) in [("metrics = true", Main), ("metrics = false", Nowhere), ("", Nowhere)] {
        assert_eq!(file(line).unwrap().settings.metrics, at, "{line}");
    }
    for text in ["yes", "9671", ":9671", "127.0.0.1", "127.0.0.1:65536", "metrics.example.com:80"] {
        let must =
            "env SMSLITE_METRICS: metrics must be off, on or an address with a port like 127.0.0.1:9671";
        assert_eq!(errors(variable("SMSLITE_METRICS", text)), [format!("{must}, not {text:?}")]);
    }
}
