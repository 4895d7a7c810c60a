//! `/metrics`: who may ask, where it answers, and that the numbers are the right ones.

use crate::util::carrier::sms;
use crate::util::fake_carrier::{FakeCarrier, Told};
use crate::util::{CARLA, OUR_NUMBER, TestApp, settings};
use smslite::config::{MetricsAt, Secret, Settings};
use smslite::metrics::ALL;
use smslite::store::{DataDir, Location};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use tokio::net::TcpListener;

fn on() -> Settings {
    Settings { metrics: MetricsAt::Main, ..settings() }
}

/// The samples by what stands before their value. Fails on what Prometheus would not take: a sample without HELP and
/// TYPE before it, a family in two places, a series twice, a histogram whose buckets do not add up.
#[track_caller]
fn parsed(text: &str) -> BTreeMap<String, f64> {
    let (mut samples, mut families, mut family) = (BTreeMap::new(), BTreeSet::new(), ("", ""));
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE ")).unwrap();
            let kind = kind.strip_prefix(name).unwrap().trim();
            assert!(help.ends_with('.') && ["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(families.insert(name), "{name} is told twice");
            family = (name, kind);
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').map_or((series, ""), |(name, rest)| {
            (name, rest.strip_suffix('}').unwrap_or_else(|| panic!("{line}")))
        });
        let ending =
            name.strip_prefix(family.0).unwrap_or_else(|| panic!("{line} stands under {}", family.0));
        let endings: &[&str] = if family.1 == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        assert!(endings.contains(&ending), "{line}");
        for label in labels.split("\",").filter(|label| !label.is_empty()) {
            let (name, value) = label.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && !value.is_empty(), "{line}");
        }
        let value: f64 = value.parse().unwrap();
        assert!(samples.insert(series.to_owned(), value).is_none(), "{series} is told twice");
    }
    for (series, all) in samples.iter().filter(|(series, _)| series.contains("le=\"+Inf\"")) {
        let count = series.replace("_bucket{", "_count{").replace("le=\"+Inf\"", "").replace(",}", "}");
        assert_eq!(samples.get(&count.replace("{}", "")), Some(all), "{series}");
    }
    samples
}

async fn asked(app: &TestApp) -> BTreeMap<String, f64> {
    let answer = app.admin().get("/metrics").await.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    parsed(&answer.text())
}

#[tokio::test]
async fn metrics_are_there_when_they_are_wanted_and_for_the_operator_alone() {
    let off = TestApp::start().await;
    for who in [off.admin(), off.anonymous(), off.operator()] {
        who.get("/metrics").await.expect(404);
    }
    let app = TestApp::start_with(on()).await;
    for (who, status) in [
        (app.anonymous(), 401),
        (app.with_token("sl_live_nobody"), 401),
        (app.viewer(), 403),
        (app.user(), 403),
        (app.admin(), 200),
        (app.operator(), 200),
    ] {
        for path in ["/metrics", "/metrics/"] {
            who.get(path).await.expect(status);
        }
    }
    app.organization("other", "sl_live_other").await;
    app.admin().get("/metrics").await.expect(403);
    app.with_token("sl_live_other").get("/metrics").await.expect(403);
    app.operator().get("/metrics").await.expect(200);
}

#[tokio::test]
async fn requests_are_counted_by_template_and_no_id_or_number_gets_into_a_label() {
    let app = TestApp::start_with(on()).await;
    app.twilio().delivers("SM1", CARLA, "a secret word").await;
    for id in [1, 1, 1, 999] {
        app.admin().get(&format!("/api/v1/sms-conversations/{id}/?x={CARLA}")).await;
    }
    app.anonymous().get("/api/v1/sms-conversations/1").await.expect(401);
    app.admin().delete("/api/v1/sms-sessions/%2B15559876543/1").await.expect(200);
    app.anonymous().get("/wp-login.php").await.expect(404);
    app.anonymous().get("/docs/index.html").await;
    app.anonymous().ask("BREW", "/health", &[], "").await.expect(405);
    app.anonymous().ask("HEAD", "/health", &[], "").await.expect(200);
    let found = asked(&app).await;
    let one = "/api/v1/sms-conversations/{conversation_id}";
    for (method, route, status, count) in [
        ("GET", one, 200, 3.0),
        ("GET", one, 404, 1.0),
        ("GET", one, 401, 1.0),
        ("DELETE", "/api/v1/sms-sessions/{phone_number}/{assistant_id}", 200, 1.0),
        ("POST", "/webhooks/sms/twilio", 200, 1.0),
        ("GET", "unmatched", 404, 1.0),
        ("GET", "/docs", 200, 1.0),
        ("other", "/health", 405, 1.0),
        ("HEAD", "/health", 200, 1.0),
    ] {
        let series =
            format!(r#"smslite_http_requests_total{{method="{method}",route="{route}",status="{status}"}}"#);
        assert_eq!(found.get(&series), Some(&count), "{series} of {found:#?}");
    }
    assert_eq!(
        found[&format!(r#"smslite_http_request_duration_seconds_count{{route="{one}"}}"#)],
        5.0,
        "every request has taken some time"
    );
    for series in found.keys() {
        for private in ["15559876543", "15551234567", "secret", "999", "wp-login", "BREW"] {
            assert!(!series.contains(private), "{series}");
        }
    }
}

#[tokio::test]
async fn webhooks_commits_sessions_and_the_feeds_lag_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let at = Location::Directory(Arc::new(DataDir::take(&dir.path().join("data")).unwrap()));
    let app = TestApp::start_at(on(), at).await;
    let before = asked(&app).await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    app.twilio().posts(&sms("SM2", CARLA, "+15550009999", "to nobody")).await.expect(200);
    app.twilio().posts(&[("MessageSid", "SM9"), ("MessageStatus", "delivered"), ("From", OUR_NUMBER)]).await;
    app.twilio().posts(&[("Strange", "1")]).await.expect(200);
    app.anonymous().post("/webhooks/sms/twilio", "{}").await.expect(403);
    app.anonymous().post("/webhooks/sms/telnyx", &" ".repeat(65_537)).await.expect(413);
    let found = asked(&app).await;
    for (provider, outcome, count) in [
        ("twilio", "stored", 1.0),
        ("twilio", "duplicate", 1.0),
        ("twilio", "kept", 1.0),
        ("twilio", "receipt", 1.0),
        ("twilio", "unusable", 1.0),
        ("twilio", "refused", 1.0),
        ("telnyx", "invalid", 1.0),
        ("telnyx", "stored", 0.0),
        ("vonage", "unavailable", 0.0),
    ] {
        let series = format!(r#"smslite_webhooks_total{{provider="{provider}",outcome="{outcome}"}}"#);
        assert_eq!(found.get(&series), Some(&count), "{series}");
    }
    let more = |series: &str| found[series] - before[series];
    assert_eq!(more("smslite_sms_sessions_active"), 1.0);
    // One after the other, each is a commit of its own: five webhooks.
    assert_eq!((more("smslite_commits_total"), more("smslite_commit_commands_sum")), (5.0, 5.0));
    assert_eq!(found["smslite_commit_duration_seconds_count"], found["smslite_commits_total"]);
    let on_disk = fs::metadata(dir.path().join("data/smslite.redb")).unwrap().len() as f64;
    assert_eq!(found["smslite_database_file_bytes"], on_disk);
    assert_eq!((found["smslite_storage_ready"], found["smslite_writer_queue_depth"]), (1.0, 0.0));
    assert!(found["process_start_time_seconds"] > 1e9 && found["smslite_uptime_seconds"] >= 0.0);
    assert!(found.contains_key(concat!(
        r#"smslite_build_info{version=""#,
        env!("CARGO_PKG_VERSION"),
        r#""}"#
    )));
    let lag = r#"smslite_feed_lag_events{reader="forwarding"}"#;
    assert_eq!(found[lag], 0.0, "all is looked through");
    app.state.app.metrics.feed_lag.set("forwarding", 7);
    assert_eq!(asked(&app).await[lag], 7.0);
}

#[tokio::test]
async fn what_carriers_answered_is_told() {
    let carrier = FakeCarrier::start().await;
    let mut settings = on();
    settings.twilio.account_sid = Some("ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned());
    settings.twilio.auth_tokens = vec![Secret::new("t".to_owned())];
    settings.twilio.carrier.base_url = Some(carrier.url());
    settings.twilio.carrier.number_messages_per_minute = 60_000;
    let app = TestApp::start_with(settings).await;
    carrier.tell([
        Told::json(201, &serde_json::json!({"sid": "SM1", "status": "queued"})),
        Told::twilio(400, 21211),
    ]);
    for to in ["+15550000001", "+15550000002"] {
        let body = serde_json::json!({
            "from_phone_number": OUR_NUMBER, "to_phone_number": to, "message": "hi", "queue": false,
        });
        app.admin().post("/sms/send", &body.to_string()).await;
    }
    let found = asked(&app).await;
    for (series, count) in [
        (r#"smslite_carrier_requests_total{provider="twilio",outcome="accepted"}"#, 1.0),
        (r#"smslite_carrier_requests_total{provider="twilio",outcome="refused"}"#, 1.0),
        (r#"smslite_carrier_requests_total{provider="telnyx",outcome="accepted"}"#, 0.0),
        (r#"smslite_carrier_request_duration_seconds_count{provider="twilio"}"#, 2.0),
        (r#"smslite_outbound_jobs{provider="twilio",status="sent"}"#, 1.0),
        (r#"smslite_outbound_jobs{provider="twilio",status="failed"}"#, 1.0),
        (r#"smslite_outbound_jobs{provider="twilio",status="queued"}"#, 0.0),
    ] {
        assert_eq!(found.get(series), Some(&count), "{series}");
    }
}

#[tokio::test]
async fn an_address_of_its_own_asks_for_no_key_and_answers_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = TestApp::start_with(Settings { metrics: MetricsAt::Own(address), ..settings() }).await;
    tokio::spawn(smslite::server::serve_metrics(listener, app.state.clone()));
    let prometheus = crate::util::client::Person::new(address, None);
    app.admin().get("/metrics").await.expect(404);
    let found = parsed(&prometheus.get("/metrics").await.expect(200).text());
    let counted = r#"smslite_http_requests_total{method="GET",route="unmatched",status="404"}"#;
    assert_eq!(found.get(counted), Some(&1.0));
    for path in ["/", "/health", "/metrics/x", "/api/v1/assistants", "/docs", "/webhooks/sms/twilio"] {
        let answer = prometheus.get(path).await.expect(404);
        assert!(answer.header("x-request-id").is_some());
    }
    prometheus.post("/metrics", "{}").await.expect(405);
}

#[test]
fn the_table_in_the_docs_is_the_one_in_the_code() {
    let rows = ALL.iter().map(|metric| {
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {} | {} | {} |\n", metric.name, metric.kind, labels.join(", "), metric.help)
    });
    let table =
        format!("| metric | type | labels | meaning |\n|---|---|---|---|\n{}", rows.collect::<String>());
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(&table), "docs/metrics.md must have this table:\n{table}");
    assert_eq!(text.matches("\n| `").count(), ALL.len(), "and no further rows");
    for metric in ALL {
        let total = metric.name.ends_with("_total");
        assert!(
            total == (metric.kind == "counter"),
            "{}: counters, and only they, end in _total",
            metric.name
        );
        let ours = metric.name.starts_with("smslite_") || metric.name.starts_with("process_");
        assert!(ours && metric.help.ends_with('.'), "{}", metric.name);
    }
}
