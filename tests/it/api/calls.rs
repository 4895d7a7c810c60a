//! `/api/v1/calls`

use crate::util::{CARLA, DAY, TestApp};
use serde_json::{Value, json};

const CALLS: &str = "/api/v1/calls/";

/// By id: 101 Carla's conversation with the Support Bot, ended; 102 a voice call of hers; 103 archived,
/// of Carlos; 104 Carlos with the Night Bot, a call at the very moment of 102; 7 the oldest, an outbound
/// call of an alphanumeric sender; then Carla's first message to the server starts 105, which lives.
async fn app_with_calls() -> TestApp {
    let app = TestApp::start().await;
    let call = |id: u64,
                channel: &str,
                assistant: u64,
                customer: &str,
                status: &str,
                start: &str,
                more: &str| {
        format!(
            r#"{{"type":"call","id":{id},"channel":"{channel}","direction":"inbound","assistant_id":{assistant},"customer_phone_number":"{customer}","assistant_phone_number":"+15551234567","status":"{status}","started_at":"{start}"{more}}}"#
        )
    };
    let message = |role: &str, content: &str, at: &str| {
        format!(
            r#"{{"type":"message","call_id":101,"role":"{role}","content":"{content}","timestamp":"{at}","llm_model":"m"}}"#
        )
    };
    let lines = [
        r#"{"type":"assistant","id":1,"name":"Support Bot"}"#.to_owned(),
        r#"{"type":"assistant","id":2,"name":"Night Bot"}"#.to_owned(),
        call(
            101,
            "sms",
            1,
            CARLA,
            "completed",
            "2026-04-28T10:00:00Z",
            r#","ended_at":"2026-04-28T11:00:00Z","call_meta":{"topic":"moving"}"#,
        ),
        call(
            102,
            "voice",
            1,
            CARLA,
            "no-answer",
            "2026-04-29T10:00:00Z",
            r#","duration":0,"ended_at":"2026-04-29T10:00:30Z""#,
        ),
        call(
            103,
            "sms",
            1,
            "+15559876544",
            "completed",
            "2026-04-27T10:00:00Z",
            r#","call_meta":{"sms_deleted":true},"message_count":3"#,
        ),
        call(104, "voice", 2, "+15559876544", "in-progress", "2026-04-29T10:00:00Z", r#","duration":61"#),
        call(7, "voice", 2, "ACME", "completed", "2026-04-26T10:00:00Z", r#","duration":3600"#),
        message("user", "Hi", "2026-04-28T10:00:00Z"),
        message("assistant", "Hello", "2026-04-28T10:01:00Z"),
        message("system", "closed", "2026-04-28T10:02:00Z"),
        message("user", "Bye", "2026-04-28T10:02:00Z"),
    ];
    // The first assistant is there already.
    let ndjson = [("content-type", "application/x-ndjson")];
    app.admin().ask("POST", "/api/v1/import", &ndjson, lines[1..].join("\n")).await.expect(200);
    app.twilio().delivers("SM1", CARLA, "live").await;
    app
}

async fn page(app: &TestApp, query: &str) -> (Vec<u64>, u64) {
    let answer = app.viewer().get(&format!("{CALLS}?{query}")).await.expect(200).json();
    let ids = answer["items"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap());
    (ids.collect(), answer["total"].as_u64().unwrap())
}

#[tokio::test]
async fn the_records_of_both_channels_are_filtered_by_every_parameter_and_counted() {
    let app = app_with_calls().await;
    for (query, expected) in [
        ("", vec![105, 104, 102, 101, 103, 7]),
        ("status=active", vec![105]),
        ("status=completed", vec![101, 103, 7]),
        ("status=no-answer", vec![102]),
        ("status=lost", vec![]),
        ("assistant_id=1", vec![105, 102, 101, 103]),
        ("assistant_id=2", vec![104, 7]),
        ("assistant_id=9", vec![]),
        ("assistant_name=support+bot", vec![105, 102, 101, 103]),
        ("assistant_name=NIGHT", vec![104, 7]),
        ("assistant_name=bot", vec![105, 104, 102, 101, 103, 7]),
        ("assistant_name=bot&assistant_id=2", vec![104, 7]),
        ("assistant_name=nobody", vec![]),
        ("customer_phone=%2B15559876543", vec![105, 102, 101]),
        ("customer_phone=+1+(555)+987-6543", vec![105, 102, 101]),
        ("customer_phone=987654", vec![105, 104, 102, 101, 103]),
        ("customer_phone=acme", vec![7]),
        ("customer_phone=%2B19999999999", vec![]),
        ("call_sid=sms_101", vec![101]),
        ("call_sid=voice_102", vec![102]),
        ("call_sid=sms_102", vec![]),
        ("call_sid=nonsense", vec![]),
        ("call_sid=sms_101&status=active", vec![]),
        ("call_sid=sms_101&assistant_id=1&customer_phone=987", vec![101]),
        ("call_sid=sms_101&assistant_name=night", vec![]),
        ("call_sid=sms_101&date_from=2026-04-29", vec![]),
        ("date_from=2026-04-29T10:00:00Z", vec![105, 104, 102]),
        ("date_from=2026-04-29T10:00:00.000001Z", vec![105]),
        ("date_to=2026-04-27", vec![103, 7]),
        ("date_to=2026-04-29T12:00:00+02:00", vec![104, 102, 101, 103, 7]),
        ("date_from=2026-04-27&date_to=2026-04-28", vec![101, 103]),
        ("min_duration=0", vec![104, 102, 7]),
        ("min_duration=61", vec![104, 7]),
        ("min_duration=62", vec![7]),
        ("max_duration=61", vec![104, 102]),
        ("min_duration=1&max_duration=3599", vec![104]),
        ("min_duration=62&max_duration=61", vec![]),
        ("status=completed&assistant_id=1&customer_phone=%2B15559876543&date_to=2026-04-30", vec![101]),
    ] {
        let total = expected.len() as u64;
        assert_eq!(page(&app, query).await, (expected, total), "{query}");
        let count = app.viewer().get(&format!("{CALLS}count?{query}")).await.expect(200).json();
        assert_eq!(count, json!({"count": total}), "count?{query}");
    }
}

#[tokio::test]
async fn pages_are_told_with_the_exact_total() {
    let app = app_with_calls().await;
    for (query, expected, total) in [
        ("limit=2", vec![105, 104], 6),
        ("skip=1&limit=2", vec![104, 102], 6),
        ("skip=4", vec![103, 7], 6),
        ("skip=5&limit=1", vec![7], 6),
        ("skip=6", vec![], 6),
        ("skip=18446744073709551615&limit=1000", vec![], 6),
        ("skip=1&limit=1&status=completed", vec![103], 3),
        ("skip=1&call_sid=sms_101", vec![], 1),
    ] {
        assert_eq!(page(&app, query).await, (expected, total), "{query}");
    }
    let answer = app.viewer().get(&format!("{CALLS}?skip=6&limit=7")).await.text();
    assert_eq!(answer, r#"{"items":[],"total":6,"skip":6,"limit":7}"#);
    assert!(app.viewer().get(CALLS).await.text().ends_with(r#""total":6,"skip":0,"limit":100}"#));
}

#[tokio::test]
async fn parameters_out_of_range_or_of_the_wrong_type_are_named() {
    let app = TestApp::start().await;
    for (query, name, kind) in [
        ("limit=0", "limit", "greater_than_equal"),
        ("limit=1001", "limit", "less_than_equal"),
        ("skip=-1", "skip", "greater_than_equal"),
        ("assistant_id=0", "assistant_id", "greater_than_equal"),
        ("customer_phone=12", "customer_phone", "value_error"),
        ("date_from=yesterday", "date_from", "datetime_parsing"),
        ("date_to=2026-02-30", "date_to", "datetime_parsing"),
        ("min_duration=-1", "min_duration", "greater_than_equal"),
        ("max_duration=long", "max_duration", "int_parsing"),
    ] {
        let errors = app.viewer().get(&format!("{CALLS}?{query}")).await.expect(422).json();
        let error = &errors["detail"][0];
        assert_eq!((&error["loc"], &error["type"]), (&json!(["query", name]), &json!(kind)), "{query}");
        if !query.starts_with("limit") && !query.starts_with("skip") {
            app.viewer().get(&format!("{CALLS}count?{query}")).await.expect(422);
        }
    }
    app.viewer().get(&format!("{CALLS}1/messages?role=robot")).await.expect(422);
}

#[tokio::test]
async fn a_record_is_told_the_same_by_list_id_and_sid() {
    let app = app_with_calls().await;
    let listed = app.viewer().get(CALLS).await.json();
    for row in listed["items"].as_array().unwrap() {
        let (id, sid) = (&row["id"], row["call_sid"].as_str().unwrap());
        assert_eq!(&app.viewer().get(&format!("{CALLS}{id}")).await.expect(200).json(), row);
        assert_eq!(&app.viewer().get(&format!("{CALLS}sid/{sid}")).await.expect(200).json(), row);
    }
    let record =
        |id: u64| listed["items"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap().clone();
    let expected = |more: Value| {
        let mut expected = json!({
            "flow_name": null, "to_phone_number": "+15551234567", "total_cost": null, "llm_cost": null,
            "tts_cost": null, "stt_cost": null, "telephony_cost": null, "cost_currency": null,
        });
        expected.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        expected
    };
    assert_eq!(
        record(101),
        expected(json!({
            "id": 101, "call_sid": "sms_101", "assistant_id": 1, "assistant_name": "Support Bot",
            "customer_phone_number": CARLA, "status": "completed", "duration": null,
            "started_at": "2026-04-28T10:00:00Z", "ended_at": "2026-04-28T11:00:00Z", "call_meta": {"topic": "moving"},
        }))
    );
    assert_eq!(
        record(102),
        expected(json!({
            "id": 102, "call_sid": "voice_102", "assistant_id": 1, "assistant_name": "Support Bot",
            "customer_phone_number": CARLA, "status": "no-answer", "duration": 0,
            "started_at": "2026-04-29T10:00:00Z", "ended_at": "2026-04-29T10:00:30Z", "call_meta": {},
        }))
    );
    assert_eq!(record(103)["call_meta"], json!({"sms_deleted": true}));
    assert_eq!((&record(105)["status"], &record(105)["ended_at"]), (&json!("active"), &Value::Null));
    app.advance(DAY);
    let live = app.viewer().get(&format!("{CALLS}105")).await.json();
    assert_eq!((&live["status"], &live["ended_at"]), (&json!("completed"), &json!("2026-05-01T10:00:00Z")));
    assert_eq!(page(&app, "status=active").await, (vec![], 0));
}

#[tokio::test]
async fn messages_come_in_order_and_by_role() {
    let app = app_with_calls().await;
    let messages = format!("{CALLS}101/messages");
    for (query, expected) in [
        ("", vec![1, 2, 3, 4]),
        ("?role=user", vec![1, 4]),
        ("?role=assistant", vec![2]),
        ("?role=system", vec![3]),
    ] {
        let listed = app.viewer().get(&format!("{messages}{query}")).await.expect(200).json();
        let indexes: Vec<_> =
            listed.as_array().unwrap().iter().map(|row| row["message_index"].as_u64().unwrap()).collect();
        assert_eq!(indexes, expected, "{query}");
    }
    let first = app.viewer().get(&messages).await.json()[0].clone();
    let expected = json!({
        "id": first["id"], "call_id": 101, "role": "user", "content": "Hi", "message_index": 1,
        "timestamp": "2026-04-28T10:00:00Z", "llm_provider": null, "llm_model": "m",
        "prompt_tokens": null, "completion_tokens": null, "total_tokens": null,
    });
    assert_eq!(first, expected);
    for id in [102, 103] {
        let none = app.viewer().get(&format!("{CALLS}{id}/messages")).await.expect(200);
        assert_eq!(none.text(), "[]", "{id}: a voice call without words, an archived conversation");
    }
}

#[tokio::test]
async fn what_is_no_record_or_anothers_is_not_found() {
    let app = app_with_calls().await;
    app.organization("other", "sl_live_other").await;
    let outsider = app.with_token("sl_live_other");
    assert_eq!(outsider.get(CALLS).await.json()["total"], 0);
    assert_eq!(outsider.get(&format!("{CALLS}count")).await.json(), json!({"count": 0}));
    assert_eq!(outsider.get(&format!("{CALLS}?call_sid=sms_101")).await.json()["total"], 0);
    let missing = app.viewer().get(&format!("{CALLS}999")).await.expect(404);
    for path in ["0", "-1", "x", "1.0", "%FF", "18446744073709551616", "999/messages", "x/messages"] {
        let answer = app.viewer().get(&format!("{CALLS}{path}")).await;
        assert_eq!((answer.status, &answer.body), (404, &missing.body), "{path}");
    }
    for sid in
        ["101", "sms_", "sms_0", "sms_0101", "voice_101", "sms_999", "SMS_101", "sms_101_", "%FF", "_101"]
    {
        let answer = app.viewer().get(&format!("{CALLS}sid/{sid}")).await;
        assert_eq!((answer.status, &answer.body), (404, &missing.body), "{sid}");
    }
    for path in ["101", "sid/sms_101", "101/messages"] {
        let answer = outsider.get(&format!("{CALLS}{path}")).await;
        assert_eq!((answer.status, &answer.body), (404, &missing.body), "{path}");
    }
}
