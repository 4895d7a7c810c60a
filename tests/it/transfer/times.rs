//! Times in the future: none is taken, or live messages would be stamped with it.

use super::*;

/// A day after the tests' now, which is the last that is taken, and a microsecond later.
const LATEST: &str = "2026-05-01T12:00:00Z";
const LATER: &str = "2026-05-01T12:00:00.000001Z";

#[test]
fn a_time_in_the_future_is_refused_whichever_field_has_it() {
    let record = |fields: &str| format!("{{{fields}}}\n");
    let log = r#""type":"message_log","id":1,"provider":"twilio","provider_message_id":"SM1","direction":"inbound","from_number":"+15559876543","to_number":"+15551234567","body":"a","status":"received""#;
    let job = r#""type":"outbound_job","uuid":"7b0e0c5e-3f0a-4f0e-9b1a-0c2d4e6f8a01","provider":"twilio","from_number":"+15551234567","to_number":"+15550001111","body":"a","status":"sent""#;
    let key = r#""type":"api_key","user_id":1,"name":"a","key_prefix":"sl_live_b","key_hash":"0101010101010101010101010101010101010101010101010101010101010101","role":"user""#;
    let opt_out =
        r#""type":"opt_out","assistant_phone_number":"+15551234567","customer_phone_number":"+15550001111""#;
    let user = r#""type":"user","email":"ann@example.com","role":"user""#;
    let number = r#""type":"phone_number","phone_number":"+15550000001","provider":"telnyx""#;
    let created = r#""created_at":"2026-04-30","updated_at":"TIME""#;
    let call = call_line(101, 6543, "active", "2026-04-30T10:00:00Z", "");
    let completed = r#","last_activity":"2026-04-30T10:00:00Z","ended_at":"TIME""#;
    let mut wrong = Vec::new();
    for (field, text) in [
        ("timestamp", format!("{call}{}", message_line(101, "a", "TIME", ""))),
        ("started_at", call_line(101, 6543, "active", "TIME", "")),
        (
            "last_activity",
            call_line(101, 6543, "active", "2026-04-30T10:00:00Z", ",\"last_activity\":\"TIME\""),
        ),
        ("ended_at", call_line(101, 6543, "completed", "2026-04-30T10:00:00Z", completed)),
        ("started_at", call_line(0, 6543, "active", "TIME", "").replace("\"id\":0,", "")),
        ("created_at", record(r#""type":"organization","slug":"default","created_at":"TIME""#)),
        ("created_at", record(&format!(r#"{user},"created_at":"TIME""#))),
        ("updated_at", record(&format!("{user},{created}"))),
        ("created_at", record(&format!(r#"{key},"created_at":"TIME""#))),
        ("updated_at", record(&format!("{key},{created}"))),
        ("revoked_at", record(&format!(r#"{key},"revoked_at":"TIME""#))),
        ("created_at", record(r#""type":"assistant","name":"a","created_at":"TIME""#)),
        ("updated_at", record(&format!(r#""type":"assistant","name":"a",{created}"#))),
        ("created_at", record(&format!(r#"{number},"created_at":"TIME""#))),
        ("updated_at", record(&format!("{number},{created}"))),
        ("created_at", record(&format!(r#"{log},"created_at":"TIME""#))),
        ("updated_at", record(&format!("{log},{created}"))),
        (
            "timestamp",
            record(r#""type":"audit_event","id":1,"timestamp":"TIME","event_type":"a","message":"b""#),
        ),
        ("opted_out_at", record(&format!(r#"{opt_out},"opted_out_at":"TIME""#))),
        ("created_at", record(&format!(r#"{job},"created_at":"TIME""#))),
        ("updated_at", record(&format!("{job},{created}"))),
    ] {
        let line = PARENTS.lines().count() + text.lines().count();
        let text = format!("{PARENTS}{text}");
        for far in [LATER, "9999-12-31T23:59:59.999999Z"] {
            let told = refusal(&store(), &text.replace("TIME", far));
            if told != format!("line {line}: {field}: {far} is in the future") {
                wrong.push((field, text.clone(), told));
            }
        }
        imported(&store(), &text.replace("TIME", LATEST));
    }
    assert!(wrong.is_empty(), "field, text, told: {wrong:#?}");
}

#[test]
fn what_lies_ahead_by_its_nature_is_taken() {
    let job = r#"{"type":"outbound_job","uuid":"7b0e0c5e-3f0a-4f0e-9b1a-0c2d4e6f8a01","provider":"twilio","from_number":"+15551234567","to_number":"+15550001111","body":"a","status":"queued","created_at":"2026-04-30","due_at":"2030-01-01"}"#;
    let key = r#"{"type":"api_key","user_id":1,"name":"a","key_prefix":"sl_live_b","key_hash":"0101010101010101010101010101010101010101010101010101010101010101","role":"user","expires_at":"9999-12-31"}"#;
    let session = call_line(101, 6543, "active", "2026-04-30T10:00:00Z", ",\"expires_at\":\"2027-01-01\"");
    assert_eq!(imported(&store(), &format!("{PARENTS}{job}\n{key}\n{session}")), (5, 0));
}

#[test]
fn a_session_of_more_than_ten_years_is_refused() {
    // 315,360,000 seconds are 3650 days.
    for (message, expires_at, refused) in [
        (None, "2036-04-27T10:00:00Z", false),
        (None, "2036-04-27T10:00:00.000001Z", true),
        (None, "9999-12-31T23:59:59Z", true),
        (Some("2026-04-30T10:05:00Z"), "2036-04-27T10:05:00Z", false),
        (Some("2026-04-30T10:05:00Z"), "2036-04-27T10:05:01Z", true),
    ] {
        let call = call_line(
            101,
            6543,
            "active",
            "2026-04-30T10:00:00Z",
            &format!(",\"expires_at\":\"{expires_at}\""),
        );
        let message_lines = message.map(|time| message_line(101, "a", time, "")).unwrap_or_default();
        let unnamed = call.replace("\"id\":101,", "");
        let last = message.unwrap_or("2026-04-30T10:00:00Z");
        let mut inputs = vec![("call 101", format!("{PARENTS}{call}{message_lines}"))];
        if message.is_none() {
            inputs.push(("a call without an id", format!("{PARENTS}{unnamed}")));
        }
        for (name, text) in inputs {
            let wanted = format!(
                "line 3: expires_at: it is more than 315360000 seconds after the last activity of {name}, {last}"
            );
            match refused {
                true => assert_eq!(refusal(&store(), &text), wanted, "{expires_at}"),
                false => drop(imported(&store(), &text)),
            }
        }
    }
}
