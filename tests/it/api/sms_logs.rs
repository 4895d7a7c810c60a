//! `/api/v1/sms-logs`

use crate::util::carrier::{PATH, form, sms};
use crate::util::{CARLA, CARLOS, OUR_NUMBER, TestApp, start_of_time};
use base64::Engine;
use serde_json::{Value, json};
use smslite::app::search_blocks::{self, BLOCK_ROWS};
use smslite::model::ids::{CallId, OrganizationId};
use smslite::store::ArchiveConversation;

const LOGS: &str = "/api/v1/sms-logs/";
const PROVIDERS: [&str; 4] = ["twilio", "telnyx", "vonage", "sandbox"];
const FATES: [&str; 6] = ["queued", "sending", "sent", "delivered", "undelivered", "failed"];
const BODIES: [&str; 6] =
    ["Can I reschedule?", "Größe XL, bitte", "ΟΔΟΣ 7", "300 \u{212a}", "50% off_all", ""];

/// 96 logs of every kind, whose ids are not in the order of their times; the even ones are of conversation 101
/// with the Support Bot, some others of 102 with the Night Bot, the rest of none.
fn lines() -> String {
    let call = |id: u64, assistant: u64, customer: &str| {
        json!({
            "type": "call", "id": id, "channel": "sms", "direction": "inbound", "assistant_id": assistant, "customer_phone_number": customer,
            "assistant_phone_number": OUR_NUMBER, "status": "completed", "started_at": "2026-04-01T10:00:00Z",
        })
    };
    let log = |n: usize| {
        let (customer, inbound) = ([CARLA, CARLOS, "72345", "ACME"][n / 4 % 4], n.is_multiple_of(3));
        let (from, to) = if inbound { (customer, OUR_NUMBER) } else { (OUR_NUMBER, customer) };
        let status = if inbound { "received" } else { FATES[n / 3 % 6] };
        let failed = status == "failed" || status == "undelivered";
        let (call, assistant) = match n % 4 {
            0 | 2 => (Some(101), Some(1)),
            1 => (Some(102), Some(2)),
            _ => (None, None),
        };
        json!({
            "type": "message_log", "id": n + 1, "call_id": call, "assistant_id": assistant, "provider": PROVIDERS[n / 2 % 4],
            "provider_message_id": format!("M{n}"), "direction": if inbound { "inbound" } else { "outbound" },
            "from_number": from, "to_number": to, "body": BODIES[n / 5 % 6], "media_urls": if n.is_multiple_of(7) { vec!["https://m.example/1"] } else { vec![] },
            "segment_count": n % 3 + 1, "status": status, "provider_status": status.to_uppercase(),
            "error_code": failed.then_some("30003"), "error_message": failed.then_some("Unreachable"),
            "created_at": format!("2026-04-{:02}T10:00:00Z", n * 11 % 28 + 1), "updated_at": "2026-04-30T00:00:00Z",
        })
    };
    let lines = [
        json!({"type": "assistant", "id": 2, "name": "Night Bot"}),
        call(101, 1, CARLA),
        call(102, 2, CARLOS),
    ];
    let lines: Vec<_> = lines.into_iter().chain((0..96).map(log)).map(|line| line.to_string()).collect();
    lines.join("\n")
}

async fn app_with_logs() -> TestApp {
    let app = TestApp::start().await;
    app.imports(lines()).await;
    app
}

async fn page(app: &TestApp, query: &str) -> Value {
    app.viewer().get(&format!("{LOGS}?{query}")).await.expect(200).json()
}

fn ids(page: &Value) -> Vec<u64> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_u64().unwrap()).collect()
}

/// What each parameter means, asked of an answer instead of a row.
fn fits(item: &Value, (name, value): (&str, &str)) -> bool {
    let text = |field: &str| item[field].as_str().unwrap();
    match name {
        "provider" | "direction" | "status" => text(name) == value,
        "from_number" | "to_number" if value.starts_with('+') => text(name) == value,
        "from_number" | "to_number" => text(name).to_lowercase().contains(&value.to_lowercase()),
        "assistant_id" => item[name].as_u64() == Some(value.parse().unwrap()),
        "date_from" => text("created_at") >= value,
        "date_to" => text("created_at") <= value,
        "search" => text("body").to_lowercase().contains(&value.to_lowercase()),
        name => panic!("{name} is no filter"),
    }
}

const CHOICES: [(&str, &str); 22] = [
    ("provider", "twilio"),
    ("provider", "sandbox"),
    ("direction", "inbound"),
    ("direction", "outbound"),
    ("status", "received"),
    ("status", "queued"),
    ("status", "delivered"),
    ("status", "undelivered"),
    ("status", "failed"),
    ("from_number", CARLA),
    ("from_number", "555"),
    ("to_number", CARLOS),
    ("to_number", "234"),
    ("to_number", "acme"),
    ("assistant_id", "1"),
    ("assistant_id", "9"),
    ("date_from", "2026-04-12T10:00:00Z"),
    ("date_to", "2026-04-12T10:00:00Z"),
    ("search", "RESCHEDULE"),
    ("search", "größe xl"),
    ("search", "0 k"),
    ("search", "%"),
];

#[tokio::test]
async fn every_filter_and_every_two_of_them_find_what_a_look_at_all_logs_finds() {
    let app = app_with_logs().await;
    let all = page(&app, "limit=500").await;
    assert_eq!(ids(&all), (1..=96).rev().collect::<Vec<_>>());
    assert_eq!(page(&app, "limit=500&search=").await, all);
    for item in all["items"].as_array().unwrap() {
        let name = [Value::Null, json!("Support Bot"), json!("Night Bot")]
            [item["assistant_id"].as_u64().unwrap_or(0) as usize]
            .clone();
        assert_eq!(item["assistant_name"], name, "{item}");
    }
    let mut found = 0;
    for (at, one) in CHOICES.into_iter().enumerate() {
        // Of a parameter that is given twice the last one counts.
        for other in CHOICES.into_iter().skip(at).filter(|other| other.0 != one.0 || *other == one) {
            let items = all["items"].as_array().unwrap().iter();
            let expected: Vec<_> =
                items.filter(|item| fits(item, one) && fits(item, other)).cloned().collect();
            found += usize::from(!expected.is_empty());
            let query = form(&[one, other, ("limit", "500")]);
            let total = expected.len();
            let whole =
                json!({"items": expected, "total": total, "skip": 0, "limit": 500, "has_more": false});
            assert_eq!(page(&app, &query).await, whole, "{query}");
        }
    }
    assert!(found > 150, "only {found} filters find anything");
    // All of them at once, as each log itself has it.
    for item in all["items"].as_array().unwrap().iter().filter(|item| !item["assistant_id"].is_null()) {
        let text = |field: &str| item[field].as_str().unwrap();
        let assistant = item["assistant_id"].to_string();
        let mut asked = ["provider", "direction", "status"].map(|name| (name, text(name))).to_vec();
        asked.extend(["from_number", "to_number"].map(|name| (name, text(name))));
        asked.extend([("date_from", text("created_at")), ("date_to", text("created_at"))]);
        asked.extend([("assistant_id", assistant.as_str()), ("search", text("body"))]);
        let items = all["items"].as_array().unwrap().iter();
        let fits_all = |item: &&Value| asked.iter().all(|one| fits(item, *one));
        let expected: Vec<_> = items.filter(fits_all).cloned().collect();
        assert!(expected.contains(item));
        assert_eq!(page(&app, &form(&asked)).await["items"], json!(expected), "{asked:?}");
    }
}

#[tokio::test]
async fn words_numbers_and_dates_are_understood_as_elsewhere() {
    let app = app_with_logs().await;
    for (query, total) in [
        ("from_number=+1+(555)+987-6543", 8),
        ("from_number=0015559876543", 8),
        ("from_number=987-654", 16),
        ("to_number=ACME", 16),
        ("date_from=2026-04-28", 4),
        ("date_to=2026-04-01", 4),
        ("date_from=2026-04-01&date_to=2026-04-01", 4),
        ("date_from=2026-04-01T12:00:00%2B02:00&date_to=2026-04-01T10:00:00Z", 4),
        ("date_from=2026-04-01T10:00:00.000001Z&date_to=2026-04-01", 0),
        ("date_from=2026-04-29", 0),
        ("search=%CE%BF%CE%B4%CE%BF%CF%82", 15),
        ("search=OFF_ALL", 15),
        ("search=off+all", 0),
    ] {
        assert_eq!(page(&app, query).await["total"], total, "{query}");
    }
}

#[tokio::test]
async fn pages_are_told_with_the_exact_total() {
    let app = app_with_logs().await;
    for filter in [
        "",
        "direction=outbound",
        "status=failed&provider=telnyx",
        "search=xl",
        "assistant_id=2",
        "status=failed&direction=inbound",
    ] {
        let all = ids(&page(&app, &format!("{filter}&limit=500")).await);
        let total = all.len();
        for (skip, limit) in [
            (0, 1),
            (0, total.max(1)),
            (1, 2),
            (total.saturating_sub(1), 1),
            (total.saturating_sub(1), 2),
            (total, 1),
            (total + 1, 500),
        ] {
            let shown = page(&app, &format!("{filter}&skip={skip}&limit={limit}")).await;
            let expected: Vec<_> = all.iter().copied().skip(skip).take(limit).collect();
            assert_eq!(ids(&shown), expected, "{filter} {skip} {limit}");
            let rest = json!({"items": shown["items"], "total": total, "skip": skip, "limit": limit, "has_more": skip + limit < total});
            assert_eq!(shown, rest, "{filter} {skip} {limit}");
        }
    }
    let beyond = app.viewer().get(&format!("{LOGS}?skip=18446744073709551615")).await.text();
    assert_eq!(beyond, r#"{"items":[],"total":96,"skip":18446744073709551615,"limit":50,"has_more":false}"#);
    assert_eq!(ids(&page(&app, "").await), (47..=96).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn parameters_out_of_range_or_of_the_wrong_type_are_named() {
    let app = TestApp::start().await;
    for (query, name, kind) in [
        ("limit=0", "limit", "greater_than_equal"),
        ("limit=501", "limit", "less_than_equal"),
        ("skip=-1", "skip", "greater_than_equal"),
        ("provider=pigeon", "provider", "literal_error"),
        ("provider=Twilio", "provider", "literal_error"),
        ("direction=up", "direction", "literal_error"),
        ("direction=", "direction", "literal_error"),
        ("status=lost", "status", "literal_error"),
        ("from_number=12", "from_number", "value_error"),
        ("to_number=", "to_number", "value_error"),
        ("assistant_id=0", "assistant_id", "greater_than_equal"),
        ("assistant_id=bot", "assistant_id", "int_parsing"),
        ("date_from=yesterday", "date_from", "datetime_parsing"),
        ("date_to=2026-02-30", "date_to", "datetime_parsing"),
    ] {
        let errors = app.viewer().get(&format!("{LOGS}?{query}")).await.expect(422).json();
        let error = &errors["detail"][0];
        assert_eq!((&error["loc"], &error["type"]), (&json!(["query", name]), &json!(kind)), "{query}");
        let counted = app.viewer().get(&format!("{LOGS}stats?{query}")).await.status;
        assert_eq!(counted, if name.starts_with("date") { 422 } else { 200 }, "{query}");
    }
}

/// A log and what is told of its raw payload.
async fn log(app: &TestApp, id: u64) -> Value {
    app.viewer().get(&format!("{LOGS}{id}")).await.expect(200).json()
}

#[tokio::test]
async fn a_log_is_told_field_by_field_as_in_the_list_and_with_what_the_carrier_sent() {
    let app = TestApp::start().await;
    let mut params = sms("SM1", CARLA, OUR_NUMBER, "Grüße & mehr");
    params.push(("Tag", "one"));
    params.push(("Tag", "two"));
    params.push(("Tag", "three"));
    app.twilio().posts_to(&format!("{PATH}?from=url"), &form(&params)).await.expect(200);
    let listed = app.viewer().get(LOGS).await.text();
    let item = r#"{"id":1,"provider":"twilio","provider_message_id":"SM1","direction":"inbound","from_number":"+15559876543","to_number":"+15551234567","body":"Grüße & mehr","media_urls":[],"segment_count":1,"status":"received","provider_status":"received","error_code":null,"error_message":null,"assistant_id":1,"assistant_name":"Support Bot","created_at":"2026-04-30T10:00:00Z","updated_at":"2026-04-30T10:00:00Z"}"#;
    assert_eq!(listed, format!(r#"{{"items":[{item}],"total":1,"skip":0,"limit":50,"has_more":false}}"#));
    let one = app.viewer().get(&format!("{LOGS}1")).await.expect(200).text();
    let shared = item.trim_end_matches('}');
    assert!(one.starts_with(&format!(r#"{shared},"organization_id":1,"provider_payload":{{"#)), "{one}");
    let payload = &log(&app, 1).await["provider_payload"];
    assert_eq!(payload["Body"], "Grüße & mehr");
    assert_eq!(payload["Tag"], json!(["one", "two", "three"]));
    assert_eq!(payload.as_object().unwrap().len(), 10, "{payload}");

    app.admin()
        .ask(
            "PATCH",
            "/api/v1/assistants/1",
            &[("content-type", "application/json")],
            r#"{"name": "Renamed"}"#,
        )
        .await
        .expect(200);
    assert_eq!(log(&app, 1).await["assistant_name"], "Renamed");
    app.admin().delete("/api/v1/assistants/1").await.expect(200);
    assert_eq!(log(&app, 1).await["assistant_name"], "Renamed");
    app.twilio().delivers("SM2", CARLA, "to a number of nobody").await;
    let unassigned = log(&app, 2).await;
    assert_eq!((&unassigned["assistant_id"], &unassigned["assistant_name"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_payload_is_an_object_whatever_the_carrier_sent() {
    let app = TestApp::start().await;
    let json = "application/json; charset=utf-8";
    let cases = [
        (
            "application/x-www-form-urlencoded",
            "/hook",
            &b"a=1&b=%E2%82%AC+x&a=2&c"[..],
            json!({"a": ["1", "2"], "b": "€ x", "c": ""}),
        ),
        ("Application/X-WWW-Form-URLencoded; charset=UTF-8", "/hook?q=1", b"a=%FF", json!({"a": "\u{fffd}"})),
        (json, "/hook", br#"{"data": {"id": "x", "n": 1.50}}"#, json!({"data": {"id": "x", "n": 1.5}})),
        (json, "/hook", b"[1, 2]", json!({"raw": "[1, 2]"})),
        (json, "/hook", b"{broken", json!({"raw": "{broken"})),
        ("text/plain", "/hook", b"hi \xff", json!({"raw": "hi \u{fffd}"})),
        ("", "/hook?msisdn=1555&text=hi+there", b"", json!({"msisdn": "1555", "text": "hi there"})),
        ("", "/hook", b"", json!({"raw": ""})),
    ];
    let line = |n: usize, payload: Value| {
        json!({
            "type": "message_log", "id": n, "provider": "telnyx", "provider_message_id": format!("M{n}"), "direction": "inbound", "from_number": CARLA,
            "to_number": OUR_NUMBER, "body": "", "status": "received", "created_at": "2026-04-30T09:00:00Z", "raw_payload": payload,
        })
        .to_string()
    };
    let mut lines = vec![line(99, Value::Null)];
    for (n, (content_type, path, body, _)) in cases.iter().enumerate() {
        let body = base64::engine::general_purpose::STANDARD.encode(body);
        lines.push(line(n + 1, json!({"received_at": "2026-04-30T09:00:00Z", "method": "POST", "path_and_query": path, "content_type": content_type, "body": body})));
    }
    app.imports(lines.join("\n")).await;
    for (n, (.., expected)) in cases.iter().enumerate() {
        assert_eq!(&log(&app, n as u64 + 1).await["provider_payload"], expected, "{n}");
    }
    assert_eq!(log(&app, 99).await["provider_payload"], Value::Null);
    let verbatim = app.viewer().get(&format!("{LOGS}3")).await.text();
    assert!(verbatim.contains(r#""n": 1.50"#), "{verbatim}");
}

#[tokio::test]
async fn the_counts_are_those_of_the_list() {
    let app = app_with_logs().await;
    for (query, shown) in [
        ("", 96),
        ("date_from=2026-04-10", 66),
        ("date_from=2026-04-10&date_to=2026-04-12", 12),
        ("date_to=2026-03-01", 0),
    ] {
        let listed = page(&app, &format!("{query}&limit=500")).await;
        let items = listed["items"].as_array().unwrap();
        let by = |field: &str| {
            let mut counts = serde_json::Map::new();
            for item in items {
                let count = counts.entry(item[field].as_str().unwrap()).or_insert(json!(0));
                *count = json!(count.as_u64().unwrap() + 1);
            }
            counts
        };
        let failed = items.iter().filter(|item| !item["error_code"].is_null()).count();
        let rate = match items.len() {
            0 => 100.0,
            total => format!("{:.2}", 100.0 * (total - failed) as f64 / total as f64).parse().unwrap(),
        };
        let stats = app.viewer().get(&format!("{LOGS}stats?{query}")).await.expect(200).json();
        let expected = json!({
            "total": shown, "by_direction": by("direction"), "by_status": by("status"), "by_provider": by("provider"),
            "failed_count": failed, "success_rate": rate,
        });
        assert_eq!(stats, expected, "{query}");
    }
    let empty = r#"{"total":0,"by_direction":{},"by_status":{},"by_provider":{},"failed_count":0,"success_rate":100.0}"#;
    app.organization("other", "sl_live_other").await;
    assert_eq!(app.with_token("sl_live_other").get(&format!("{LOGS}stats")).await.text(), empty);
}

#[tokio::test]
async fn logs_of_a_conversation_that_is_being_purged_are_seen_by_nobody() {
    let app = app_with_logs().await;
    app.twilio().delivers("SM1", CARLA, "stays").await;
    // As the API does it, but with next to nothing in the same commit; nobody is told.
    let (organization, call_id, now) = (OrganizationId(1), CallId(101), start_of_time());
    app.state.app.store.execute(ArchiveConversation { organization, call_id, now, rows: 1 }).await.unwrap();
    let pending = app.state.app.store.snapshot().unwrap().pending_purges().unwrap();
    assert_eq!(pending, [(organization, call_id)], "there is nothing to be seen");
    for (query, total) in [
        ("", 49),
        ("direction=outbound", 32),
        ("search=", 49),
        ("search=reschedule", 8),
        ("assistant_id=1", 1),
    ] {
        let shown = page(&app, &format!("{query}&limit=500")).await;
        assert_eq!((&shown["total"], ids(&shown).len()), (&json!(total), total), "{query}");
        assert!(ids(&shown).iter().all(|id| *id == 97 || id % 2 == 0), "{query}");
    }
    for query in ["", "?date_from=2026-01-01"] {
        let stats = app.viewer().get(&format!("{LOGS}stats{query}")).await.json();
        assert_eq!(
            (&stats["total"], &stats["by_direction"]),
            (&json!(49), &json!({"inbound": 17, "outbound": 32}))
        );
    }
    app.viewer().get(&format!("{LOGS}1")).await.expect(404);
    app.viewer().get(&format!("{LOGS}2")).await.expect(200);
    app.viewer().get("/api/v1/sms/101/logs").await.expect(404);
}

#[tokio::test]
async fn what_is_no_log_or_anothers_is_not_found() {
    let app = app_with_logs().await;
    app.organization("other", "sl_live_other").await;
    let outsider = app.with_token("sl_live_other");
    let none = r#"{"items":[],"total":0,"skip":0,"limit":50,"has_more":false}"#;
    for query in ["", "?direction=outbound", "?search=r"] {
        assert_eq!(outsider.get(&format!("{LOGS}{query}")).await.text(), none, "{query}");
    }
    let missing = app.viewer().get(&format!("{LOGS}999")).await.expect(404);
    for path in ["0", "-1", "x", "1.0", "%FF", "18446744073709551616", "stats/1"] {
        let answer = app.viewer().get(&format!("{LOGS}{path}")).await;
        assert_eq!((answer.status, &answer.body), (404, &missing.body), "{path}");
    }
    assert_eq!(outsider.get(&format!("{LOGS}1")).await.body, missing.body);
}

#[tokio::test]
async fn what_is_sealed_is_searched_as_what_is_not_and_sealed_anew_when_some_of_it_is_erased() {
    let app = TestApp::start().await;
    let line = |n: usize| {
        json!({
            "type": "message_log", "provider": "twilio", "provider_message_id": format!("M{n}"), "direction": "inbound",
            "from_number": if n.is_multiple_of(100) { CARLA } else { CARLOS }, "to_number": OUR_NUMBER, "body": format!("Größe {n}, bitte"),
            "status": "received", "created_at": "2026-04-30T09:00:00Z",
        })
    };
    let count = 2 * BLOCK_ROWS + 52;
    let lines: Vec<_> = (0..count).map(|n| line(n).to_string()).collect();
    app.imports(lines.join("\n")).await;
    let is_unsealed = || {
        let snapshot = app.state.app.store.snapshot().unwrap();
        snapshot.is_unsealed(OrganizationId(1), BLOCK_ROWS).unwrap()
    };
    let of_carla = count.div_ceil(100);
    for left in [count, count - of_carla] {
        for _ in 0..2 {
            for (search, total) in [
                ("GRÖßE", left),
                ("größe 1001,", 1),
                ("GROESSE 1001", 0),
                ("2000,", usize::from(left == count)),
            ] {
                let page = page(&app, &form(&[("search", search), ("limit", "3")])).await;
                assert_eq!((&page["total"], ids(&page).len()), (&json!(total), total.min(3)), "{search}");
            }
            search_blocks::seal(&app.state.app, true).await.unwrap();
            assert!(!is_unsealed());
        }
        let erasure = format!(r#"{{"phone_number": "{CARLA}"}}"#);
        app.admin().post("/api/v1/erasures", &erasure).await.expect(200);
        assert_eq!(is_unsealed(), left == count);
    }
}

/// More than one block has.
#[tokio::test]
async fn a_page_far_down_and_its_total_are_those_of_a_look_at_all_logs_whatever_is_asked() {
    let app = TestApp::start().await;
    let time = |n: usize| format!("2026-04-{:02}T{:02}:{:02}:00Z", n / 1440 + 1, n / 60 % 24, n % 60);
    let line = |n: usize| {
        let inbound = n.is_multiple_of(2);
        json!({
            "type": "message_log", "id": n, "provider": PROVIDERS[n % 3], "provider_message_id": format!("M{n}"),
            "direction": if inbound { "inbound" } else { "outbound" }, "status": if inbound { "received" } else { FATES[n / 2 % 6] },
            "assistant_id": if n.is_multiple_of(5) { Some(1) } else { None }, "from_number": if n.is_multiple_of(9) { CARLA } else { CARLOS },
            "to_number": OUR_NUMBER, "body": format!("number {n}"), "created_at": time(n),
        })
    };
    let lines: Vec<_> = (1..=5_000).map(line).collect();
    app.imports(lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")).await;
    let (from, to) = (time(1_000), time(4_500));
    let asked: [&[(&str, &str)]; 12] = [
        &[],
        &[("provider", "telnyx")],
        &[("direction", "outbound")],
        &[("status", "delivered")],
        &[("assistant_id", "1")],
        &[("assistant_id", "9")],
        &[("date_from", &from)],
        &[("date_to", &to)],
        &[("status", "received"), ("assistant_id", "1"), ("date_from", &from), ("date_to", &to)],
        &[("from_number", CARLA)],
        &[("to_number", "234"), ("status", "failed")],
        &[("search", "NUMBER 4"), ("direction", "inbound")],
    ];
    for asked in asked {
        let matching: Vec<u64> = (lines.iter().rev())
            .filter(|line| asked.iter().all(|one| fits(line, *one)))
            .map(|line| line["id"].as_u64().unwrap())
            .collect();
        for skip in [0, 300, 800, 1_700, 2_400, 4_990, 9_000] {
            let text = skip.to_string();
            let query = form(&[asked, &[("skip", &text), ("limit", "20")]].concat());
            let page = page(&app, &query).await;
            let wanted: Vec<u64> = matching.iter().skip(skip).take(20).copied().collect();
            assert_eq!((&page["total"], ids(&page)), (&json!(matching.len()), wanted), "{query}");
            assert_eq!(page["has_more"], json!(skip + 20 < matching.len()), "{query}");
        }
    }
    let counts = format!("{LOGS}stats?{}", form(&[("date_from", &from), ("date_to", &to)]));
    let stats: Value = app.viewer().get(&counts).await.expect(200).json();
    assert_eq!((&stats["total"], &stats["by_direction"]["inbound"]), (&json!(3_501), &json!(1_751)));
}
