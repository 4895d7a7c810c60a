//! What the carriers' answers to a send mean.

use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::{Value, json};
use smslite::carriers::telnyx::{Telnyx, TelnyxAccount};
use smslite::carriers::twilio::{Twilio, TwilioAccount};
use smslite::carriers::vonage::{Vonage, VonageAccount};
use smslite::carriers::{Carrier, CarrierReply, SendOutcome};
use smslite::model::message_log::Provider;

use super::samples::NOW;

fn twilio() -> Twilio {
    Twilio::new(TwilioAccount::default())
}

fn telnyx() -> Telnyx {
    Telnyx::new(TelnyxAccount::default())
}

fn vonage() -> Vonage {
    Vonage::new(VonageAccount::default())
}

fn outcome(carrier: &dyn Carrier, status: u16, headers: &[(&str, &str)], body: &str) -> SendOutcome {
    let pair = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    let headers: HeaderMap = headers.iter().map(pair).collect();
    let status = StatusCode::from_u16(status).unwrap();
    carrier.read_reply(&CarrierReply {
        status,
        headers: &headers,
        body: body.as_bytes(),
        now_unix: NOW,
        attempt: 1,
    })
}

/// In a few words: a table row.
fn said(outcome: &SendOutcome) -> String {
    match outcome {
        SendOutcome::Accepted { provider_message_id, more_ids, provider_status, segment_count } => {
            let ids = [std::slice::from_ref(provider_message_id), &more_ids[..]].concat().join("+");
            format!(
                "accepted {ids} {provider_status} {}",
                segment_count.map_or("?".into(), |count| count.to_string())
            )
        }
        SendOutcome::Retry { after_seconds, error, busy } => {
            let after = after_seconds.map_or(String::new(), |seconds| format!(" after {seconds}"));
            let word = if *busy { "busy" } else { "retry" };
            format!("{word} {}{after}", error.code.as_deref().unwrap_or("-"))
        }
        SendOutcome::Refused { why, error } => format!("{why:?} {}", error.code.as_deref().unwrap_or("-")),
        SendOutcome::Unknown { .. } => "unknown".to_owned(),
    }
}

fn assert_rows(carrier: &dyn Carrier, rows: &[(u16, Value, &str)]) {
    for (status, body, expected) in rows {
        let outcome = outcome(carrier, *status, &[], &body.to_string());
        assert_eq!(said(&outcome), *expected, "{status} {body}");
    }
}

#[test]
fn twilios_answers() {
    let error = |code: u32| json!({ "code": code, "message": "words", "more_info": "", "status": 400 });
    let took = |change: Value| {
        let mut body = json!({ "sid": "SM1", "status": "accepted", "num_segments": "2", "error_code": null });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    assert_rows(
        &twilio(),
        &[
            (201, took(json!({})), "accepted SM1 accepted 2"),
            (201, took(json!({ "num_segments": "0" })), "accepted SM1 accepted ?"),
            (200, took(json!({ "status": null })), "accepted SM1 queued 2"),
            (201, took(json!({ "sid": "" })), "unknown"),
            (201, took(json!({ "sid": null })), "unknown"),
            (400, error(21211), "InvalidNumber 21211"),
            (400, error(21614), "InvalidNumber 21614"),
            (400, error(21635), "InvalidNumber 21635"),
            (400, error(21610), "OptedOut 21610"),
            (400, error(21606), "Configuration 21606"),
            (400, error(21612), "Configuration 21612"),
            (400, error(21408), "Configuration 21408"),
            (400, error(21608), "Configuration 21608"),
            (401, error(20003), "Configuration 20003"),
            (401, error(99999), "Configuration 99999"),
            (400, error(21602), "Request 21602"),
            (400, error(21617), "Request 21617"),
            (400, error(21611), "retry 21611"),
            (429, error(20429), "busy 20429"),
            (429, error(12345), "busy 12345"),
            (400, error(14107), "busy 14107"),
            (400, error(30007), "Compliance 30007"),
            (400, error(30034), "Compliance 30034"),
            (400, error(30004), "Other 30004"),
            (404, error(20404), "Other 20404"),
            (500, error(20500), "unknown"),
            (503, error(20503), "unknown"),
            (500, json!({ "message": "Internal server error" }), "unknown"),
            (502, json!({ "code": "bad_gateway", "message": "m" }), "unknown"),
        ],
    );
}

#[test]
fn telnyxs_answers() {
    let error =
        |code: &str, title: &str| json!({ "errors": [{ "code": code, "title": title, "detail": "d" }] });
    let took = json!({ "data": { "id": "t1", "parts": 2, "to": [{ "status": "queued" }] } });
    assert_rows(
        &telnyx(),
        &[
            (200, took, "accepted t1 queued 2"),
            (200, json!({ "data": { "id": "t1" } }), "accepted t1 queued ?"),
            (200, json!({ "data": {} }), "unknown"),
            (401, error("10009", ""), "Configuration 10009"),
            (403, error("20100", ""), "Configuration 20100"),
            (422, error("10015", ""), "Request 10015"),
            (400, error("10016", ""), "Request 10016"),
            (429, error("10011", ""), "busy 10011"),
            (400, error("40318", ""), "retry 40318"),
            (400, error("40006", ""), "retry 40006"),
            (400, error("40300", "Blocked due to STOP message"), "OptedOut 40300"),
            (400, error("40300", "Blocked"), "Other 40300"),
            (400, error("40001", ""), "InvalidNumber 40001"),
            (400, error("40310", ""), "InvalidNumber 40310"),
            (400, error("40003", ""), "Compliance 40003"),
            (400, error("40302", ""), "Request 40302"),
            (400, error("40305", ""), "Configuration 40305"),
            (400, error("40008", ""), "Other 40008"),
            (400, error("99999", ""), "Other 99999"),
            (500, error("10007", ""), "retry 10007"),
            (500, json!({ "errors": [] }), "unknown"),
            (409, json!({}), "retry -"),
        ],
    );
}

#[test]
fn the_answers_of_vonages_sms_api() {
    let item = |status: &str, id: &str| json!({ "status": status, "message-id": id, "error-text": "words" });
    let items = |items: &[Value]| json!({ "message-count": items.len().to_string(), "messages": items });
    let one = |status: &str| items(&[item(status, "")]);
    let throttled =
        json!({ "status": "1", "error-text": "Throughput Rate Exceeded - please wait [ 1250 ] and retry" });
    assert_rows(
        &vonage(),
        &[
            (200, items(&[item("0", "a")]), "accepted a 0 1"),
            (200, items(&[item("0", "a"), item("0", "b"), item("0", "c")]), "accepted a+b+c 0 3"),
            (200, items(&[item("0", "a"), item("1", ""), item("0", "c")]), "accepted a+c partly_accepted 3"),
            (200, items(&[item("1", ""), item("0", "b")]), "accepted b partly_accepted 2"),
            (200, items(&[item("0", "")]), "unknown"),
            (200, items(&[json!({})]), "unknown"),
            (200, items(&[]), "unknown"),
            (200, items(&[throttled]), "busy 1 after 2"),
            (200, one("5"), "retry 5"),
            (200, one("10"), "retry 10"),
            (200, one("2"), "Request 2"),
            (200, one("12"), "Request 12"),
            (200, one("4"), "Configuration 4"),
            (200, one("9"), "Configuration 9"),
            (200, one("15"), "Configuration 15"),
            (200, one("101"), "Configuration 101"),
            (200, one("7"), "InvalidNumber 7"),
            (200, one("999"), "Other 999"),
            (401, one("4"), "Configuration 4"),
        ],
    );
}

#[test]
fn the_answers_of_vonages_messages_api() {
    let error = |code: &str| {
        let kind = format!("https://developer.vonage.com/api-errors/messages#{code}");
        json!({ "type": kind, "title": "Words", "detail": "d", "instance": "i" })
    };
    let mut foreign = error("1000");
    foreign["type"] = "https://proxy.example/errors#1000".into();
    assert_rows(
        &vonage(),
        &[
            (202, json!({ "message_uuid": "u1" }), "accepted u1 0 ?"),
            (202, json!({}), "unknown"),
            (429, error("1000"), "busy 1000"),
            (400, error("1000"), "busy 1000"),
            (422, error("1020"), "Request 1020"),
            (400, error("1240"), "OptedOut 1240"),
            (400, error("1170"), "InvalidNumber 1170"),
            (402, error("1070"), "Configuration 1070"),
            (400, error("1210"), "Compliance 1210"),
            (400, error("1330"), "Other 1330"),
            (400, error("9999"), "Other 9999"),
            (401, error("unauthorized"), "Configuration unauthorized"),
            (500, error("1000"), "unknown"),
            (502, foreign, "unknown"),
        ],
    );
}

#[test]
fn an_answer_that_is_not_the_carriers_own_is_judged_by_its_status() {
    let rows = [
        (200, "unknown"),
        (204, "unknown"),
        (302, "Configuration -"),
        (400, "Request -"),
        (401, "Configuration -"),
        (403, "Configuration -"),
        (404, "Configuration -"),
        (408, "retry - or unknown"),
        (409, "retry - or unknown"),
        (418, "Other -"),
        (429, "busy -"),
        (500, "unknown"),
        (502, "unknown"),
        (503, "retry - or unknown"),
        (504, "unknown"),
        (520, "unknown"),
    ];
    let carriers: [Box<dyn Carrier>; 3] = [Box::new(twilio()), Box::new(telnyx()), Box::new(vonage())];
    for (status, expected) in rows {
        for body in ["", "<html>gateway</html>", "{}", "[]", "null", "{\"ok\":true}"] {
            for carrier in &carriers {
                let outcome = outcome(&**carrier, status, &[], body);
                // Telnyx recognises a request that it has had before.
                let recognised = carrier.provider() == Provider::Telnyx;
                let expected = match expected.split_once(" or ") {
                    Some((repeated, _)) if recognised => repeated,
                    Some((_, once)) => once,
                    None => expected,
                };
                assert_eq!(said(&outcome), expected, "{:?} {status} {body}", carrier.provider());
            }
        }
    }
}

#[test]
fn the_carrier_says_how_long_to_wait() {
    // The clock is at 06:35:00 of that Monday.
    let rows: [(&[(&str, &str)], &str); 11] = [
        (&[], "busy -"),
        (&[("retry-after", "7")], "busy - after 7"),
        (&[("retry-after", " 7 ")], "busy - after 7"),
        (&[("retry-after", "Mon, 23 Nov 2026 06:36:30 GMT")], "busy - after 90"),
        (&[("retry-after", "Mon, 23 Nov 2026 06:30:00 GMT")], "busy - after 0"),
        (&[("retry-after", "soon")], "busy -"),
        (&[("retry-after", "-1")], "busy -"),
        (&[("retry-after-ms", "1001"), ("retry-after", "7")], "busy - after 2"),
        (&[("retry-after-ms", "x"), ("retry-after", "7")], "busy - after 7"),
        (&[("x-ratelimit-reset", "9")], "busy - after 9"),
        (&[("x-ratelimit-reset", "9"), ("retry-after", "7")], "busy - after 7"),
    ];
    for (headers, expected) in rows {
        assert_eq!(said(&outcome(&telnyx(), 429, headers, "")), expected, "{headers:?}");
    }
    // One who is busy says until when, and then has not taken the message.
    for (headers, expected) in [(&[("retry-after", "7")][..], "retry - after 7"), (&[], "unknown")] {
        assert_eq!(said(&outcome(&twilio(), 503, headers, "")), expected, "{headers:?}");
    }
}

#[test]
fn what_may_pass_by_itself_is_tried_once_more() {
    let twilio_said = json!({ "code": 30008, "message": "unknown error", "status": 400 }).to_string();
    for (attempt, expected) in [(1, "retry 30008"), (2, "Other 30008")] {
        let reply = CarrierReply {
            status: StatusCode::BAD_REQUEST,
            headers: &HeaderMap::new(),
            body: twilio_said.as_bytes(),
            now_unix: NOW,
            attempt,
        };
        assert_eq!(said(&twilio().read_reply(&reply)), expected);
    }
}

#[test]
fn an_error_keeps_the_carriers_words() {
    let body =
        r#"{"errors":[{"code":"40300","title":"Blocked due to STOP message","detail":"They replied."}]}"#;
    let SendOutcome::Refused { error, .. } = outcome(&telnyx(), 400, &[], body) else {
        panic!("not refused")
    };
    assert_eq!(error.message, "Blocked due to STOP message: They replied.");
}
