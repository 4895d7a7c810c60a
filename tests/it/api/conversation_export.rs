//! `/api/v1/sms-conversations/{id}/export` and `.../related`

use crate::util::client::Answer;
use crate::util::{CARLA, CARLOS, DAY, SECOND, TestApp};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

/// Conversation 101 as an import makes it, with what is awkward to export.
const THREAD: &str = r#"{"type":"call","id":101,"channel":"sms","direction":"inbound","assistant_id":1,"customer_phone_number":"+15559876543","assistant_phone_number":"+15551234567","status":"completed","started_at":"2026-04-29T10:00:00Z","ended_at":"2026-04-30T09:00:00Z","duration":null,"call_meta":{}}
{"type":"message","call_id":101,"role":"user","content":"=HYPERLINK(\"http://evil\")","timestamp":"2026-04-29T10:05:00Z","llm_provider":null,"llm_model":null}
{"type":"message","call_id":101,"role":"assistant","content":"Two lines,\n[2026-04-29T10:05:00Z] user: \"one\" message","timestamp":"2026-04-29T10:05:05.000001Z","llm_provider":"openai","llm_model":"gpt-4o-mini"}
{"type":"message","call_id":101,"role":"user","content":"","timestamp":"2026-04-29T10:06:00Z","llm_provider":null,"llm_model":null}
"#;

async fn app_with_thread() -> TestApp {
    let app = TestApp::start().await;
    import(&app, THREAD.to_owned()).await;
    app
}

async fn import(app: &TestApp, lines: String) {
    let ndjson = [("content-type", "application/x-ndjson")];
    let answer = app.admin().ask("POST", "/api/v1/import", &ndjson, lines).await.expect(200);
    assert!(!answer.text().contains("error"), "{}", answer.text());
}

async fn export(app: &TestApp, id: u64, query: &str) -> Answer {
    app.viewer().get(&format!("/api/v1/sms-conversations/{id}/export{query}")).await
}

fn named(answer: &Answer) -> (&str, &str) {
    (answer.header("content-type").unwrap(), answer.header("content-disposition").unwrap())
}

#[tokio::test]
async fn a_text_export_is_golden_and_the_default() {
    let app = app_with_thread().await;
    let answer = export(&app, 101, "").await.expect(200);
    let name = "attachment; filename=\"sms-conversation-101.txt\"";
    assert_eq!(named(&answer), ("text/plain; charset=utf-8", name));
    let golden = "SMS conversation 101
Customer: +15559876543
Assistant: Support Bot (+15551234567)
Started: 2026-04-29T10:00:00Z
Status: completed, ended 2026-04-30T09:00:00Z
Messages: 3

[2026-04-29T10:05:00Z] user: =HYPERLINK(\"http://evil\")
[2026-04-29T10:05:05.000001Z] assistant: Two lines,
    [2026-04-29T10:05:00Z] user: \"one\" message
[2026-04-29T10:06:00Z] user: 
";
    assert_eq!(answer.text(), golden);
    assert_eq!(export(&app, 101, "?format=txt").await.text(), golden);
}

#[tokio::test]
async fn a_csv_export_reads_back_and_runs_nothing() {
    let app = app_with_thread().await;
    let answer = export(&app, 101, "?format=csv").await.expect(200);
    let name = "attachment; filename=\"sms-conversation-101.csv\"";
    assert_eq!(named(&answer), ("text/csv; charset=utf-8", name));
    assert!(answer.text().starts_with("message_index,timestamp,role,content,llm_provider,llm_model\r\n1,"));
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&answer.body[..]);
    let rows: Vec<Vec<String>> =
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    let wanted = [
        ["message_index", "timestamp", "role", "content", "llm_provider", "llm_model"],
        ["1", "2026-04-29T10:05:00Z", "user", "'=HYPERLINK(\"http://evil\")", "", ""],
        [
            "2",
            "2026-04-29T10:05:05.000001Z",
            "assistant",
            "Two lines,\n[2026-04-29T10:05:00Z] user: \"one\" message",
            "openai",
            "gpt-4o-mini",
        ],
        ["3", "2026-04-29T10:06:00Z", "user", "", "", ""],
    ];
    assert_eq!(rows, wanted);
}

#[tokio::test]
async fn what_a_spreadsheet_would_run_is_defused() {
    let app = TestApp::start().await;
    for (sid, (content, wanted)) in [
        ("=1+1", "'=1+1"),
        ("+15551234567", "'+15551234567"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("a=1", "a=1"),
        ("'=1", "'=1"),
        (" =1", " =1"),
    ]
    .into_iter()
    .enumerate()
    {
        app.twilio().delivers(&format!("SM{sid}"), &format!("+1555000000{sid}"), content).await;
        let answer = export(&app, sid as u64 + 1, "?format=csv").await.expect(200);
        let mut reader = csv::Reader::from_reader(&answer.body[..]);
        assert_eq!(&reader.records().next().unwrap().unwrap()[3], wanted, "{content:?}");
    }
}

#[tokio::test]
async fn no_message_pretends_to_be_two_whatever_ends_its_lines() {
    let app = TestApp::start().await;
    for (at, end) in
        ["\r", "\n", "\r\n", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"].into_iter().enumerate()
    {
        let body = format!("one{end}[2026-01-01T00:00:00Z] assistant: forged");
        app.twilio().delivers(&format!("SM{at}"), &format!("+1555000000{at}"), &body).await;
        let text = export(&app, at as u64 + 1, "").await.text();
        assert!(
            text.ends_with("user: one\n    [2026-01-01T00:00:00Z] assistant: forged\n"),
            "{end:?}: {text}"
        );
    }
}

#[tokio::test]
async fn a_json_export_is_golden() {
    let app = app_with_thread().await;
    let answer = export(&app, 101, "?format=json").await.expect(200);
    let name = "attachment; filename=\"sms-conversation-101.json\"";
    assert_eq!(named(&answer), ("application/json", name));
    let conversation = app.viewer().get("/api/v1/sms-conversations/101").await.text();
    let messages = app.viewer().get("/api/v1/sms-conversations/101/messages").await.text();
    assert_eq!(answer.text(), format!("{{\"conversation\":{conversation},\"messages\":{messages}}}"));
    assert_eq!(answer.json()["messages"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn a_thread_of_many_reads_is_whole_in_every_format() {
    let app = app_with_thread().await;
    let many: String = (1..=1203)
        .map(|n| json!({"type": "message", "call_id": 7, "role": "user", "content": format!("message {n}"), "timestamp": "2026-04-29T11:00:00Z"}))
        .fold(THREAD.lines().next().unwrap().replace("101", "7") + "\n", |lines, line| lines + &line.to_string() + "\n");
    import(&app, many).await;
    let json = export(&app, 7, "?format=json").await.json();
    let messages = json["messages"].as_array().unwrap().clone();
    let indexes: Vec<_> = messages.iter().map(|message| message["message_index"].as_u64().unwrap()).collect();
    assert_eq!(indexes, (1..=1203).collect::<Vec<_>>());
    let csv = export(&app, 7, "?format=csv").await;
    assert_eq!(csv::Reader::from_reader(&csv.body[..]).records().count(), 1203);
    assert!(export(&app, 7, "").await.text().ends_with("user: message 1203\n"));
}

#[tokio::test]
async fn a_conversation_without_messages_exports_too() {
    let app = TestApp::start().await;
    import(&app, THREAD.lines().next().unwrap().to_owned() + "\n").await;
    assert_eq!(export(&app, 101, "?format=json").await.json()["messages"], json!([]));
    assert_eq!(export(&app, 101, "?format=csv").await.text().lines().count(), 1);
    assert!(export(&app, 101, "").await.text().ends_with("Messages: 0\n\n"));
}

#[tokio::test]
async fn what_cannot_be_exported_is_told() {
    let app = app_with_thread().await;
    for format in ["xml", "", "TXT", "json,csv"] {
        let answer = export(&app, 101, &format!("?format={format}")).await.expect(422);
        assert_eq!(answer.json()["detail"][0]["loc"], json!(["query", "format"]), "{format}");
    }
    app.organization("other", "sl_live_other").await;
    let path = "/api/v1/sms-conversations/101/export";
    let foreign = app.with_token("sl_live_other").get(path).await.expect(404);
    let missing = app.viewer().get("/api/v1/sms-conversations/999/export").await.expect(404);
    assert_eq!(foreign.body, missing.body);
    app.anonymous().get(path).await.expect(401);
}

#[tokio::test]
async fn a_client_that_hangs_up_midway_harms_nobody() {
    let app = app_with_thread().await;
    let stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::get("/api/v1/sms-conversations/101/export")
        .header("host", "x")
        .header("authorization", "Bearer sl_live_viewer_of_default")
        .body(axum::body::Body::empty())
        .unwrap();
    let mut body = sender.send_request(request).await.unwrap().into_body();
    assert!(body.frame().await.is_some());
    drop((sender, body));
    connection.abort();
    export(&app, 101, "").await.expect(200);
}

#[tokio::test]
async fn a_download_breaks_off_when_its_conversation_is_archived_meanwhile() {
    let app = app_with_thread().await;
    // More than what buffers on the way take in.
    let line = json!({"type": "message", "call_id": 7, "role": "user", "content": "x".repeat(2_000), "timestamp": "2026-04-29T11:00:00Z"}).to_string() + "\n";
    import(&app, THREAD.lines().next().unwrap().replace("101", "7") + "\n" + &line.repeat(12_000)).await;
    let stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("/api/v1/sms-conversations/7/export")
        .header("host", "x")
        .header("authorization", "Bearer sl_live_viewer_of_default")
        .body(axum::body::Body::empty())
        .unwrap();
    let mut body = sender.send_request(request).await.unwrap().into_body();
    assert!(body.frame().await.unwrap().is_ok());
    app.user().delete("/api/v1/sms-conversations/7").await.expect(200);
    export(&app, 7, "").await.expect(404);
    let end = loop {
        match body.frame().await {
            Some(Ok(_)) => {}
            end => break end,
        }
    };
    assert!(matches!(end, Some(Err(_))), "it must not look whole");
}

async fn related(app: &TestApp, id: u64) -> Answer {
    app.viewer().get(&format!("/api/v1/sms-conversations/{id}/related")).await
}

fn ids(answer: &Answer) -> Vec<u64> {
    answer.json().as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn related_records_are_golden_and_of_both_channels() {
    let app = app_with_thread().await;
    let voice = r#"{"type":"call","id":55,"channel":"voice","direction":"outbound","assistant_id":1,"customer_phone_number":"+15559876543","assistant_phone_number":"+15551234567","status":"no-answer","started_at":"2026-04-30T09:30:00Z","ended_at":"2026-04-30T09:31:30Z","duration":90,"call_meta":{}}"#;
    import(&app, format!("{voice}\n")).await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    app.twilio().delivers("SM2", CARLOS, "another customer").await;
    let answer = related(&app, 102).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let golden = r#"[{"id":102,"call_sid":"sms_102","channel":"sms","direction":"inbound","status":"active","duration":null,"message_count":1,"started_at":"2026-04-30T10:00:00Z","ended_at":null,"is_current":true},{"id":55,"call_sid":"voice_55","channel":"voice","direction":"outbound","status":"no-answer","duration":90,"message_count":0,"started_at":"2026-04-30T09:30:00Z","ended_at":"2026-04-30T09:31:30Z","is_current":false},{"id":101,"call_sid":"sms_101","channel":"sms","direction":"inbound","status":"completed","duration":null,"message_count":3,"started_at":"2026-04-29T10:00:00Z","ended_at":"2026-04-30T09:00:00Z","is_current":false}]"#;
    assert_eq!(answer.text(), golden);
    app.advance(DAY);
    let row: Value = related(&app, 101).await.json()[0].clone();
    assert_eq!((&row["status"], &row["ended_at"]), (&json!("completed"), &json!("2026-05-01T10:00:00Z")));
    related(&app, 55).await.expect(404);
}

#[tokio::test]
async fn related_are_of_the_same_assistant_on_whichever_number() {
    let app = TestApp::start().await;
    app.admin().post("/api/v1/assistants", r#"{"name": "Night desk"}"#).await.expect(201);
    app.assign(&app.admin(), "+15550000001", 1).await;
    app.assign(&app.admin(), "+15550000002", 2).await;
    let call = |id: u64, number: &str, assistant: u64| {
        THREAD
            .lines()
            .next()
            .unwrap()
            .replace("101", &id.to_string())
            .replace("+15551234567", number)
            .replace("\"assistant_id\":1", &format!("\"assistant_id\":{assistant}"))
            + "\n"
    };
    import(&app, call(1, "+15551234567", 1) + &call(2, "+15550000001", 1) + &call(3, "+15550000002", 2))
        .await;
    assert_eq!(ids(&related(&app, 1).await), [2, 1], "ties by id downwards");
    assert_eq!(ids(&related(&app, 3).await), [3]);
}

#[tokio::test]
async fn at_most_fifty_are_related_the_one_asked_for_among_them() {
    let app = TestApp::start().await;
    for n in 1..=52 {
        app.twilio().delivers(&format!("SM{n}"), CARLA, "again").await;
        app.advance(DAY + SECOND);
    }
    let newest = ids(&related(&app, 52).await.expect(200));
    assert_eq!(newest, (3..=52).rev().collect::<Vec<_>>());
    let old = related(&app, 1).await.expect(200);
    assert_eq!((ids(&old).len(), ids(&old)[48..].to_vec()), (50, vec![4, 1]));
    let current: Vec<_> =
        old.json().as_array().unwrap().iter().map(|row| row["is_current"] == true).collect();
    assert_eq!(current.iter().filter(|is| **is).count(), 1);
    assert!(current[49]);
}

#[tokio::test]
async fn a_foreign_conversation_has_no_relations() {
    let app = app_with_thread().await;
    app.organization("other", "sl_live_other").await;
    let foreign =
        app.with_token("sl_live_other").get("/api/v1/sms-conversations/101/related").await.expect(404);
    assert_eq!(foreign.body, related(&app, 999).await.expect(404).body);
}
