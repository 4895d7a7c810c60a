//! What the doctor makes of what it saw, row by row.

use smslite::app::reach::Reach;
use smslite::cli::doctor::judge::carriers::{self, CarrierUse, Refused};
use smslite::cli::doctor::judge::forwarding::forwarding;
use smslite::cli::doctor::judge::machine::{self, Backups};
use smslite::cli::doctor::judge::outside::{self, Answer};
use smslite::cli::doctor::{Finding, Status};
use smslite::config::{MetricsAt, Settings, SignatureMode};
use smslite::model::message_log::Provider;
use smslite::model::time::Timestamp;
use std::net::IpAddr;
use std::time::Duration;

const OK: Status = Status::Ok;
const WARN: Status = Status::Warn;
const FAIL: Status = Status::Fail;
const SKIP: Status = Status::Skip;

#[track_caller]
fn is(found: &Finding, status: Status, says: &str) {
    let text = format!("{} -> {}", found.finding, found.advice.clone().unwrap_or_default());
    assert!(found.status == status && text.contains(says), "{found:?}, not {status:?} {says:?}");
}

#[test]
fn free_space() {
    let (mib, gib) = (1 << 20, 1 << 30);
    for (free, database, status) in [
        (0, 0, FAIL),
        (100 * mib - 1, 0, FAIL),
        (100 * mib, 0, WARN),
        (gib - 1, mib, WARN),
        (gib, mib, OK),
        (gib, gib / 2, OK),
        (gib, gib / 2 + 1, WARN),
        (20 * gib, 10 * gib, OK),
        (gib, u64::MAX, WARN),
    ] {
        assert_eq!(machine::space(free, database).status, status, "{free} free, {database} used");
    }
}

#[test]
fn fsync_times() {
    let millis = |times: &[u64]| times.iter().map(|it| Duration::from_millis(*it)).collect::<Vec<_>>();
    is(&machine::fsync(Vec::new()), SKIP, "nothing");
    is(
        &machine::fsync(millis(&[1, 1, 1, 9])),
        OK,
        "1.0 ms in the middle and 9.0 ms at most: some 500 durable",
    );
    is(&machine::fsync(millis(&[900, 20, 20])), OK, "900.0 ms at most: some 25 durable");
    is(&machine::fsync(millis(&[21, 21, 0])), WARN, "local SSD");
    is(&machine::fsync(millis(&[100, 100])), WARN, "some 5.0 durable");
    is(&machine::fsync(millis(&[0, 0])), OK, "0.0 ms");
}

#[test]
fn permissions_of_directory_and_files() {
    let judged = |dir, file| {
        let found = machine::permissions(("/data", dir), &[("/data/db".to_owned(), file)]);
        found.iter().map(|finding| finding.status).collect::<Vec<_>>()
    };
    for (dir, file, statuses) in [
        (0o700, 0o600, &[OK][..]),
        (0o700, 0o400, &[OK]),
        (0o2700, 0o600, &[OK]),
        (0o700, 0o644, &[WARN]),
        (0o700, 0o620, &[WARN]),
        (0o750, 0o600, &[WARN]),
        (0o755, 0o640, &[WARN, FAIL]),
        (0o701, 0o604, &[WARN, FAIL]),
    ] {
        assert_eq!(judged(dir, file), statuses, "{dir:o} {file:o}");
    }
    assert_eq!(machine::owner("/data", 999, 999), None);
    is(&machine::owner("/data", 999, 0).unwrap(), WARN, "user 999's, and this command runs as user 0");
}

#[test]
fn backups_by_schedule() {
    let hour = 3600;
    is(&machine::backups(None)[0], WARN, "smslite backup --follow");
    for (newest_age, status, says) in [
        (Err("no such directory".to_owned()), FAIL, "no such directory"),
        (Ok(None), WARN, "none in /backups yet"),
        (Ok(Some(0)), OK, "0 seconds old"),
        (Ok(Some(25 * hour)), OK, "25 hours old"),
        (Ok(Some(48 * hour)), OK, "2 days old"),
        (Ok(Some(48 * hour + 1)), FAIL, "the server's log"),
    ] {
        let mut backups =
            Backups { dir: "/backups".to_owned(), every_hours: 24, newest_age, same_disk: false };
        let found = machine::backups(Some(&backups));
        assert_eq!(found.len(), 1);
        is(&found[0], status, says);
        backups.same_disk = true;
        is(&machine::backups(Some(&backups))[1], WARN, "another disk");
    }
}

#[test]
fn who_may_connect() {
    let settings = |host: &str, proxies: &[&str], url: Option<&str>, metrics| Settings {
        host: host.parse().unwrap(),
        trusted_proxies: proxies.iter().map(|proxy| proxy.parse().unwrap()).collect(),
        public_url: url.map(str::to_owned),
        metrics,
        ..Settings::default()
    };
    let own = |text: &str| MetricsAt::Own(text.parse().unwrap());
    let https = Some("https://sms.example.com");
    for (settings, generated, status, says) in [
        (settings("127.0.0.1", &[], None, MetricsAt::Main), true, OK, "this machine alone"),
        (settings("0.0.0.0", &[], None, MetricsAt::Main), false, OK, "others connect"),
        (settings("0.0.0.0", &[], None, MetricsAt::Nowhere), true, FAIL, "SMSLITE_ADMIN_PASSWORD_FILE"),
        (settings("127.0.0.1", &[], https, MetricsAt::Nowhere), false, WARN, "set trusted_proxies"),
        (settings("127.0.0.1", &["127.0.0.1"], https, MetricsAt::Nowhere), false, OK, ""),
        (settings("::1", &["0.0.0.0/0"], None, MetricsAt::Nowhere), false, WARN, "pretend to be anybody"),
        (settings("::1", &["10.0.0.0/8"], None, own("10.0.0.7:9671")), false, OK, ""),
        (settings("::1", &[], None, own("0.0.0.0:9671")), false, WARN, "without a key"),
        (settings("::1", &[], None, own("203.0.113.9:9671")), false, WARN, "without a key"),
    ] {
        let found = machine::reach_of_all(&settings, generated);
        assert_eq!(found.len(), 1, "{found:?}");
        is(&found[0], status, says);
    }
}

#[test]
fn addresses_that_the_internet_cannot_reach() {
    for (address, private) in [
        ("127.0.0.1", true),
        ("10.1.2.3", true),
        ("172.16.0.1", true),
        ("172.32.0.1", false),
        ("192.168.1.1", true),
        ("169.254.1.1", true),
        ("100.64.0.1", true),
        ("100.128.0.1", false),
        ("8.8.8.8", false),
        ("::1", true),
        ("fd00::1", true),
        ("fe80::1", true),
        ("2001:db8::1", false),
        ("::ffff:10.0.0.1", true),
    ] {
        assert_eq!(machine::is_private(address.parse().unwrap()), private, "{address}");
    }
}

#[test]
fn a_public_url_by_itself() {
    for (url, real, status, says) in [
        (None, false, SKIP, "no carrier"),
        (None, true, WARN, "not set"),
        (Some("https://sms.example.com"), true, OK, "https://sms.example.com"),
        (Some("https://example.com/sms"), true, OK, ""),
        (Some("https://example.com:8443"), true, OK, ""),
        (Some("http://sms.example.com"), true, WARN, "not https"),
        (Some("http://sms.example.com"), false, OK, ""),
        (Some("https://sms.example.com/webhooks/sms/twilio"), true, FAIL, "take the path off"),
        (Some("https://sms.example.com/api/v1"), false, FAIL, "take the path off"),
        (Some("http://localhost:7670"), true, FAIL, "private"),
        (Some("http://localhost:7670"), false, OK, ""),
        (Some("https://127.0.0.1"), true, FAIL, "private"),
        (Some("https://192.168.1.7"), true, FAIL, "private"),
        (Some("https://[fd00::1]:1"), true, FAIL, "private"),
        (Some("https://server.lan"), true, FAIL, "private"),
        (Some("https://server"), true, FAIL, "private"),
        (Some("https://8.8.8.8"), true, OK, ""),
    ] {
        let found = outside::public_url(url, real);
        assert_eq!(found.status, status, "{url:?} {real}: {found:?}");
        is(&found, status, says);
    }
}

#[test]
fn the_name_in_it() {
    let found = |addresses: &[&str]| {
        Ok::<Vec<IpAddr>, String>(addresses.iter().map(|address| address.parse().unwrap()).collect())
    };
    assert_eq!(outside::name("8.8.8.8", &found(&[]), true), None);
    assert_eq!(outside::name("[::1]", &found(&[]), true), None);
    for (addresses, real, status, says) in [
        (Err("unknown".to_owned()), true, FAIL, "is not found: unknown"),
        (found(&[]), false, FAIL, "no address"),
        (found(&["8.8.8.8", "2001:db8::1"]), true, OK, "is 8.8.8.8, 2001:db8::1"),
        (found(&["10.0.0.1", "8.8.8.8"]), true, OK, ""),
        (found(&["10.0.0.1"]), true, WARN, "private, as seen from here"),
        (found(&["10.0.0.1"]), false, OK, ""),
    ] {
        is(&outside::name("sms.example.com", &addresses, real).unwrap(), status, says);
    }
}

fn answer(status: u16, body: &str) -> Result<Answer, String> {
    Ok(Answer { status, body: body.into(), request_id: Some("id-1".to_owned()), ..Answer::default() })
}

#[test]
fn the_server_of_the_data_directory() {
    let health = |version: &str| answer(200, &format!(r#"{{"version": "{version}"}}"#)).ok();
    let failing = r#"{"status": "not ready", "detail": "No space left"}"#;
    for (ready, health, status, says) in [
        (answer(200, "{}"), health(env!("CARGO_PKG_VERSION")), OK, "is ready"),
        (answer(200, "{}"), None, OK, "is ready"),
        (answer(200, "{}"), health("0.0.1"), WARN, "runs 0.0.1, and this command is"),
        (answer(503, failing), health("0.0.1"), FAIL, "takes no writes: No space left"),
    ] {
        is(&outside::server("http://127.0.0.1:7670", &ready.unwrap(), health.as_ref()), status, says);
    }
}

#[test]
fn who_answers_at_the_public_url() {
    for (answer, status, says) in [
        (answer(200, r#"{"status": "ready", "instance": "me"}"#), OK, "this server"),
        (answer(503, r#"{"status": "not ready", "instance": "me"}"#), OK, "this server"),
        (answer(200, r#"{"status": "ready", "instance": "you"}"#), FAIL, "another smslite"),
        (answer(200, "<html>"), FAIL, "is not smslite"),
        (answer(403, ""), FAIL, "without asking for a login"),
        (answer(503, "no backend"), FAIL, "upstream"),
        (answer(308, ""), FAIL, "is not smslite"),
        (Err("no answer within 5 s".to_owned()), FAIL, "firewall"),
        (Err("invalid peer certificate: Expired".to_owned()), FAIL, "renew the certificate"),
        (Err("Connection refused".to_owned()), FAIL, "start the proxy"),
    ] {
        is(&outside::reach("https://sms.example.com", &answer, "me"), status, says);
    }
}

#[test]
fn what_a_webhooks_url_answers() {
    let too_large = r#"{"detail": "The body is larger than 65536 bytes"}"#;
    let moved = Answer { status: 307, location: Some("/login".to_owned()), ..Answer::default() };
    for (answer, status, says) in [
        (answer(413, too_large), OK, "reaches smslite"),
        (answer(413, "<html>nginx"), FAIL, "client_max_body_size"),
        (answer(503, r#"{"detail": "Storage is unavailable"}"#), OK, "too busy"),
        (answer(503, "<html>"), FAIL, "upstream"),
        (answer(404, r#"{"detail": "Not found"}"#), FAIL, "pass path and method on"),
        (answer(405, r#"{"detail": "Method not allowed"}"#), FAIL, "pass path and method on"),
        (answer(404, "<html>"), FAIL, "is not smslite"),
        (answer(403, "<html>"), FAIL, "guarded"),
        (answer(200, "thanks"), FAIL, "is not smslite"),
        (Ok(moved), FAIL, "follow no redirect"),
        (Err("no answer within 5 s".to_owned()), FAIL, "firewall"),
    ] {
        let url = "https://sms.example.com/webhooks/sms/twilio";
        is(&outside::webhook("twilio", url, &answer, "id-1"), status, says);
    }
}

#[test]
fn the_clock_by_others() {
    let others = |ahead: &[i64]| -> Vec<_> {
        ahead.iter().enumerate().map(|(at, ahead)| (format!("site {at}"), *ahead)).collect()
    };
    for (ahead, status, says) in [
        (&[][..], SKIP, "nobody"),
        (&[0], OK, "within 1 second of site 0's"),
        (&[60], OK, ""),
        (&[-60], OK, ""),
        (&[61], WARN, "61 seconds behind site 0"),
        (&[-300], WARN, "5 minutes ahead of site 0"),
        (&[301], FAIL, "set-ntp"),
        (&[-100_000_000], FAIL, "1157 days ahead of"),
        (&[0, 100_000, 1], OK, "site 2"),
        (&[400, 400, 1], FAIL, "6 minutes behind"),
    ] {
        is(&outside::clock(&others(ahead)), status, says);
    }
}

fn twilio() -> CarrierUse {
    CarrierUse {
        provider: Provider::Twilio,
        numbers: 1,
        own: None,
        missing: None,
        secrets: 1,
        configured: true,
        differs: false,
        signatures: SignatureMode::Enforce,
        misshapen: Vec::new(),
    }
}

#[test]
fn secrets_and_signatures() {
    let (off, report) = (SignatureMode::Off, SignatureMode::Report);
    for (carrier, exposed, status, says) in [
        (twilio(), true, OK, "enforced"),
        (CarrierUse { secrets: 0, ..twilio() }, true, FAIL, "set twilio.auth_token"),
        (CarrierUse { secrets: 0, own: Some(1), ..twilio() }, true, OK, ""),
        (
            CarrierUse { secrets: 0, own: Some(0), ..twilio() },
            true,
            FAIL,
            "each webhook of twilio is refused",
        ),
        (CarrierUse { secrets: 0, differs: true, ..twilio() }, true, SKIP, "not known here"),
        (CarrierUse { provider: Provider::Telnyx, secrets: 0, ..twilio() }, false, FAIL, "telnyx.public_key"),
        (
            CarrierUse { provider: Provider::Vonage, secrets: 0, ..twilio() },
            false,
            FAIL,
            "vonage.signature_secret",
        ),
        (CarrierUse { signatures: off, ..twilio() }, true, FAIL, "enforce"),
        (CarrierUse { signatures: off, ..twilio() }, false, WARN, "trying out"),
        (CarrierUse { signatures: report, ..twilio() }, true, WARN, "flagged"),
    ] {
        is(&carriers::signatures(&carrier, exposed)[0], status, says);
    }
    let wrong = CarrierUse { misshapen: vec!["twilio.account_sid"], ..twilio() };
    is(&carriers::signatures(&wrong, true)[1], WARN, "twilio.account_sid does not look like one");
    let missing = Some("twilio.account_sid".to_owned());
    assert_eq!(carriers::sending(&twilio()), None);
    assert_eq!(carriers::sending(&CarrierUse { numbers: 0, missing: missing.clone(), ..twilio() }), None);
    let found = carriers::sending(&CarrierUse { numbers: 2, missing, ..twilio() });
    is(&found.unwrap(), FAIL, "2 numbers can receive and not send: twilio.account_sid");
}

#[test]
fn numbers_and_assistants() {
    let names = |count: usize| (1..=count).map(|at| format!("n{at}")).collect::<Vec<_>>();
    is(&carriers::numbers(&[], 0, &names(1))[0], WARN, "smslite assistant create");
    is(&carriers::numbers(&[], 2, &[])[0], OK, "2 numbers, each with its assistant");
    let found = carriers::numbers(&names(1), 2, &names(5));
    is(&found[0], WARN, "no assistant has n1:");
    is(&found[1], WARN, "no number leads to n1, n2, n3 and 2 more");
}

#[test]
fn refused_webhooks() {
    let now = Timestamp::parse("2026-04-30T10:00:00Z").unwrap();
    let refused = |seconds, reason: &str| Refused {
        at: now.minus_seconds(seconds),
        url: "https://sms.example.com/webhooks/sms/twilio".to_owned(),
        reason: reason.to_owned(),
    };
    is(&carriers::refused(&[], now), OK, "none since");
    is(&carriers::refused(&[refused(7300, "x")], now), OK, "the last 2 hours ago");
    let list = [refused(1, "a"), refused(2, "b"), refused(3, "b"), refused(9000, "a"), refused(9000, "a")];
    let says = "3 within the last hour, mostly: b (https://sms.example.com/webhooks/sms/twilio was called)";
    is(&carriers::refused(&list, now), WARN, says);
}

#[test]
fn where_messages_are_forwarded() {
    let reach = Reach::Public { loopback: true, allowed: ["10.0.0.0/8".parse().unwrap()].as_slice().into() };
    for (parked, url, status, says) in [
        (0, "https://app.example/sms", OK, "messages of 1 assistant are forwarded"),
        (0, "http://127.0.0.1:3000/sms", OK, "none is parked"),
        (0, "http://localhost:3000/sms", OK, "none is parked"),
        (0, "http://[::1]:3000/", OK, "none is parked"),
        (0, "https://10.1.2.3/", OK, "none is parked"),
        (0, "http://app.example/sms", WARN, "give it an https URL"),
        (0, "http://10.1.2.3/", WARN, "https"),
        (0, "https://192.168.1.1/", FAIL, "forwarding.allowed_networks"),
        (0, "https://[fd00::1]/", FAIL, "is not called"),
        (3, "https://app.example/sms", WARN, "3 messages could not be forwarded in time"),
    ] {
        let found = forwarding(parked, &[("assistant 1 (Bot)".to_owned(), url.to_owned())], &reach);
        assert_eq!(found.len(), 1, "{url}: {found:?}");
        is(&found[0], status, says);
    }
    assert!(forwarding(0, &[], &reach).is_empty());
    is(&forwarding(1, &[], &reach)[0], WARN, "smslite parked replay");
}
