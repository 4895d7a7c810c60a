//! Bad input: refused whole, at the line, in words.

use super::*;

/// A good line with one thing replaced.
fn bad(line: &str, good: &str, wrong: &str) -> String {
    assert!(line.contains(good), "{good:?} is not in {line}");
    line.replacen(good, wrong, 1)
}

fn first_call() -> String {
    call_line(101, 6543, "active", "2026-04-30T10:00:00Z", "")
}

#[test]
fn a_line_that_is_bad_by_itself_is_refused_in_words() {
    let call = first_call();
    let message = message_line(101, "a", "2026-04-30T10:05:00Z", "");
    let log = r#"{"type":"message_log","id":1,"provider":"twilio","provider_message_id":"SM1","direction":"inbound","from_number":"+15559876543","to_number":"+15551234567","body":"a","status":"received","created_at":"2026-04-30T10:05:00Z","raw_payload":null}"#;
    let key =
        r#"{"type":"api_key","user_id":1,"name":"a","key_prefix":"sl_live_b","key_hash":"00","role":"user"}"#;
    let user = r#"{"type":"user","email":"a@example.com","role":"user","password_hash":"hunter2"}"#;
    let job = r#"{"type":"outbound_job","uuid":"7b0e0c5e","provider":"twilio","from_number":"1","to_number":"2","body":"a","status":"sent","created_at":"2026-04-30"}"#;
    let assistant = r#"{"type":"assistant","name":"Signing","sms_webhook_secrets":[{"secret":"whsec_YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh","expires_at":null}]}"#;
    let (not_a_number, short) =
        ("\"customer_phone_number\":\"+15559876543\"", "cut short: it ends within its JSON object");
    let mut wrong = Vec::new();
    for (text, error) in [
        (bad(&call, "}", ""), format!("the line is {short}")),
        (call[..60].to_owned(), format!("the line is {short}")),
        (bad(&call, "\"id\":101,", "\"id\":101 "), "not JSON: expected `,` or `}` (column 25)".into()),
        (format!("{}{}", call.trim_end(), call), "not JSON: trailing characters (column 215)".into()),
        ("[1]".into(), "not a JSON object".into()),
        ("type,id".into(), "not a JSON object".into()),
        ("{}".into(), "missing field `type`".into()),
        ("{\"type\":5}".into(), "type: invalid type: integer `5`, expected a string".into()),
        ("{\"type\":\"mesage\"}".into(), "unknown type `mesage`; did you mean `message`?".into()),
        ("{\"type\":\"xyz\"}".into(), "unknown type `xyz`".into()),
        (bad(&call, "\"direction\"", "\"directoin\""), "unknown field `directoin`; did you mean `direction`?".into()),
        (bad(&call, "\"started_at\":\"2026-04-30T10:00:00Z\"", "\"duration\":1"), "missing field `started_at`".into()),
        (bad(&call, "\"id\":101", "\"id\":101,\"id\":101"), "duplicate field `id`".into()),
        (
            r#"{"type":"assistant","name":"a","mood":1,"mood":2}"#.into(),
            "duplicate field `mood`".into(),
        ),
        (
            bad(&call, "\"id\":101", "\"id\":18446744073709551616"),
            "id: invalid type: floating point `1.8446744073709552e+19`, expected u64".into(),
        ),
        (
            bad(&call, "\"id\":101", "\"id\":4503599627370497"),
            "id: invalid value: integer `4503599627370497`, expected a whole number from 1 to 4503599627370496".into(),
        ),
        (
            bad(&call, "\"id\":101", "\"id\":0"),
            "id: invalid value: integer `0`, expected a whole number from 1 to 4503599627370496".into(),
        ),
        (
            bad(&call, "\"id\":101", "\"id\":-1"),
            "id: invalid value: integer `-1`, expected u64".into(),
        ),
        (
            bad(&call, "\"id\":101", "\"id\":\"101\""),
            "id: invalid type: string \"101\", expected u64".into(),
        ),
        (
            bad(&call, not_a_number, "\"customer_phone_number\":\"555\\u00e9\""),
            "customer_phone_number: \"555é\" is not a phone number: use E.164 (+ and 7 to 15 digits, country code first), a short code (3 to 8 digits) or an alphanumeric sender (up to 11 letters and digits)".into(),
        ),
        (
            bad(&call, not_a_number, "\"customer_phone_number\":15559876543"),
            "customer_phone_number: invalid type: integer `15559876543`, expected a string".into(),
        ),
        (
            bad(&call, "2026-04-30T10:00:00Z", "2026-02-30T10:00:00Z"),
            "started_at: \"2026-02-30T10:00:00Z\" is no time; write it like 2026-04-30T10:00:00Z".into(),
        ),
        (
            bad(&call, "\"2026-04-30T10:00:00Z\"", "1777540800"),
            "started_at: invalid type: integer `1777540800`, expected a string".into(),
        ),
        (bad(&call, "\"sms\"", "\"fax\""), "channel: unknown variant `fax`, expected `sms` or `voice`".into()),
        (bad(&call, "\"active\"", "\"ended\""), "status: an SMS conversation is `active` or `completed`".into()),
        (
            bad(&call, "\"id\":101", "\"id\":101,\"ended_at\":\"2026-04-30T11:00:00Z\""),
            "ended_at: an `active` conversation has none".into(),
        ),
        (
            bad(&bad(&call, "active", "completed"), "\"id\":101", "\"id\":101,\"ended_at\":\"2026-04-30T09:00:00Z\""),
            "ended_at: it is before started_at".into(),
        ),
        (
            bad(&call, "\"id\":101", "\"id\":101,\"last_activity\":\"2026-04-30T09:00:00Z\""),
            "last_activity: it is before started_at".into(),
        ),
        (
            bad(&call, "\"id\":101", "\"id\":101,\"expires_at\":\"2026-04-30T09:00:00Z\""),
            "expires_at: it is before the last activity".into(),
        ),
        (
            bad(&bad(&call, "sms", "voice"), "\"id\":101", "\"id\":101,\"expires_at\":\"2026-04-30T11:00:00Z\""),
            "expires_at: only an SMS conversation has a session that expires".into(),
        ),
        (bad(&call, "\"id\":101", "\"id\":101,\"call_meta\":[]"), "call_meta: expected a JSON object".into()),
        (
            bad(&call, "\"id\":101", "\"id\":101,\"call_meta\":{\"a\":\"\\ud800\"}"),
            "call_meta: expected a JSON object".into(),
        ),
        (
            bad(&message, "\"role\":\"user\"", "\"role\":\"customer\""),
            "role: unknown variant `customer`, expected one of `user`, `assistant`, `system`".into(),
        ),
        (bad(&message, "\"content\":\"a\"", "\"content\":null"), "content: invalid type: null, expected a string".into()),
        (
            bad(log, "\"id\":1,", "").replace("SM1", ""),
            "a message_log needs an id or a provider_message_id".into(),
        ),
        (
            bad(log, "\"raw_payload\":null", "\"raw_payload\":{\"received_at\":\"2026-04-30\",\"method\":\"\",\"path_and_query\":\"\",\"content_type\":\"\",\"body\":\"?\"}"),
            "raw_payload: \"?\" is no base64".into(),
        ),
        (
            r#"{"type":"audit_event","timestamp":"2026-04-30","event_type":"a","message":"b"}"#.into(),
            "an audit_event needs an id or a call_id".into(),
        ),
        (key.into(), "key_hash: expected the key's SHA-256 as 64 hexadecimal digits".into()),
        (user.into(), "password_hash: expected a hash: \"sha256:...\" or \"$argon2...\"".into()),
        (job.into(), "uuid: UUID parsing failed: invalid length: found 8".into()),
        (
            bad(assistant, "whsec_", ""),
            "sms_webhook_secrets: a secret is whsec_ and base64 of 24 to 64 bytes".into(),
        ),
        (
            bad(assistant, "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh", "YWFh"),
            "sms_webhook_secrets: a secret is whsec_ and base64 of 24 to 64 bytes".into(),
        ),
        (
            bad(assistant, "}]", "},{\"secret\":\"whsec_?\",\"expires_at\":\"2026-05-01T00:00:00Z\"}]"),
            "sms_webhook_secrets: a secret is whsec_ and base64 of 24 to 64 bytes".into(),
        ),
    ] {
        let store = store();
        let line = PARENTS.lines().count() + 1;
        let text = format!("{PARENTS}{text}\n{call}");
        let (told, wanted) = (refusal(&store, &text), format!("line {line}: {error}"));
        if told != wanted {
            wrong.push((text, told, wanted));
        }
    }
    assert!(wrong.is_empty(), "text, told, wanted: {wrong:#?}");
}

#[test]
fn a_line_that_does_not_fit_the_others_is_refused_in_words() {
    let call = first_call();
    let message = |content: &str, minute: u32, more: &str| {
        message_line(101, content, &format!("2026-04-30T10:{minute:02}:00Z"), more)
    };
    let log = r#"{"type":"message_log","call_id":101,"provider":"twilio","provider_message_id":"SM1","direction":"inbound","from_number":"+15559876543","to_number":"+15551234567","body":"a","status":"received","created_at":"2026-04-30T10:05:00Z"}"#;
    let archived = bad(&call, "\"id\":101", "\"id\":101,\"call_meta\":{\"sms_deleted\":true}");
    let audit =
        r#"{"type":"audit_event","id":1,"log_id":4,"timestamp":"2026-04-30","event_type":"a","message":"b"}"#;
    let key = r#"{"type":"api_key","user_id":8,"name":"a","key_prefix":"sl_live_b","key_hash":"0101010101010101010101010101010101010101010101010101010101010101","role":"user"}"#;
    let mut wrong = Vec::new();
    for (lines, at, error) in [
        (vec![message("a", 5, ""), call.clone()], 1, "call_id: call 101 is neither here nor earlier in the input"),
        (vec![log.to_owned()], 1, "call_id: call 101 is neither here nor earlier in the input"),
        (
            vec![bad(&call, "\"assistant_id\":123", "\"assistant_id\":9")],
            1,
            "assistant_id: assistant 9 is neither here nor earlier in the input",
        ),
        (
            vec![r#"{"type":"phone_number","phone_number":"+15550000001","provider":"telnyx","assistant_id":9}"#.into()],
            1,
            "assistant_id: assistant 9 is neither here nor earlier in the input",
        ),
        (vec![audit.to_owned()], 1, "log_id: message log 4 is neither here nor earlier in the input"),
        (vec![key.to_owned()], 1, "user_id: user 8 is neither here nor earlier in the input"),
        (
            vec![call.clone(), bad(&call, "active", "completed")],
            2,
            "id: another call line has the same, and says something else",
        ),
        (
            vec![call.clone(), message("a", 5, ",\"id\":4"), message("b", 5, ",\"id\":4")],
            3,
            "id: another message line has the same, and says something else",
        ),
        (
            vec![
                r#"{"type":"user","id":2,"email":"ann@example.com","role":"user"}"#.into(),
                r#"{"type":"user","id":3,"email":"Ann@example.com","role":"user"}"#.into(),
            ],
            2,
            "email: another user line has the same, and says something else",
        ),
        (vec![r#"{"type":"user","id":3,"email":"admin@localhost","role":"admin"}"#.into()], 1, "email: it is that of user 1 already"),
        (
            vec![call.clone(), message("a", 5, ""), message("b", 4, "")],
            3,
            "timestamp: call 101 had reached 2026-04-30T10:05:00Z; time does not run backwards",
        ),
        (
            vec![call.clone(), message_line(101, "a", "2026-04-30T09:59:59.999999Z", "")],
            2,
            "timestamp: call 101 had reached 2026-04-30T10:00:00Z; time does not run backwards",
        ),
        (
            vec![call.clone(), message("a", 5, ",\"message_index\":2")],
            2,
            "message_index: 2, where message 1 of call 101 is due",
        ),
        (
            vec![call.clone(), message("a", 5, ""), message("b", 5, ",\"message_index\":1")],
            3,
            "message_index: 1, where message 2 of call 101 is due",
        ),
        (
            vec![call.clone(), message("a", 5, ""), message("b", 5, ",\"message_index\":4294967295")],
            3,
            "message_index: 4294967295, where message 2 of call 101 is due",
        ),
        (
            vec![bad(&call, "\"id\":101", "\"id\":101,\"message_count\":2"), message("a", 5, "")],
            1,
            "message_count: 2, but call 101 has 1 messages",
        ),
        (
            vec![bad(&call, "\"id\":101", "\"id\":101,\"message_count\":2")],
            1,
            "message_count: 2, but call 101 has 0 messages",
        ),
        (
            vec![bad(&call, "\"id\":101,", "\"message_count\":2,")],
            1,
            "message_count: 2, but a call without an id has 0 messages",
        ),
        (
            vec![
                bad(&call, "\"id\":101", "\"id\":101,\"last_activity\":\"2026-04-30T10:06:00Z\""),
                message("a", 5, ""),
            ],
            1,
            "last_activity: 2026-04-30T10:06:00Z, but the last message of call 101 is of 2026-04-30T10:05:00Z",
        ),
        (
            vec![
                bad(&call, "\"id\":101", "\"id\":101,\"expires_at\":\"2026-04-30T10:04:00Z\""),
                message("a", 5, ""),
            ],
            1,
            "expires_at: it is before the last message of call 101, 2026-04-30T10:05:00Z",
        ),
        (
            vec![archived.clone(), message("a", 5, "")],
            2,
            "call_id: call 101 is archived (call_meta.sms_deleted), it has no messages",
        ),
        (
            vec![archived, log.to_owned()],
            2,
            "call_id: call 101 is archived (call_meta.sms_deleted), it has no messages",
        ),
        (
            vec![r#"{"type":"organization","slug":"other"}"#.into()],
            1,
            "slug: this is organization \"other\", imported into \"default\"; import each organization by itself, with --organization",
        ),
    ] {
        let store = store();
        let mut text = PARENTS.to_owned();
        for line in &lines {
            text += line.trim_end();
            text.push('\n');
        }
        let line = PARENTS.lines().count() + at;
        let (told, wanted) = (refusal(&store, &text), format!("line {line}: {error}"));
        if told != wanted {
            wrong.push((text, told, wanted));
        }
    }
    assert!(wrong.is_empty(), "text, told, wanted: {wrong:#?}");
}

#[test]
fn what_the_store_has_otherwise_is_refused() {
    let store = store();
    let call = first_call();
    let message = |content: &str, more: &str| message_line(101, content, "2026-04-30T10:05:00Z", more);
    imported(&store, &format!("{PARENTS}{call}{}{}", message("a", ",\"id\":7"), message("b", ",\"id\":8")));
    let second = call_line(102, 6543, "active", "2026-04-30T10:00:00Z", "");
    for (text, error) in [
        (message("c", ""), "line 1: message 1 of call 101 is there already, and with another content"),
        (message("a", ",\"id\":9"), "line 1: message 1 of call 101 is there already, and with another id"),
        (
            message("c", ",\"message_index\":2"),
            "line 1: message 2 of call 101 is there already, and with another content",
        ),
        (
            message("c", ",\"message_index\":4"),
            "line 1: message_index: 4, where message 1 of call 101 is due",
        ),
        (
            message_line(101, "c", "2026-04-30T10:04:00Z", ",\"message_index\":3"),
            "line 1: timestamp: call 101 had reached 2026-04-30T10:05:00Z; time does not run backwards",
        ),
        (
            format!("{second}{}", message("c", ",\"id\":8").replace("101", "102")),
            "line 2: id: message 8 is there already, at another place",
        ),
        (
            bad(&call, "\"status\"", "\"duration\":5,\"status\""),
            "line 1: call 101 is there already, and with another duration",
        ),
        (
            r#"{"type":"assistant","name":"Support Bot","llm_provider":"openai"}"#.to_owned(),
            "line 1: assistant 123 is there already, and with another llm_provider",
        ),
        (
            r#"{"type":"phone_number","id":1,"phone_number":"+15550000002","provider":"twilio"}"#.to_owned(),
            "line 1: id: it is that of phone number 1 already",
        ),
    ] {
        assert_eq!(refusal(&store, &text), error, "{text}");
    }
    // A message that follows what is there is taken.
    assert_eq!(imported(&store, &message("c", ",\"message_index\":3")), (1, 0));
    assert_eq!(messages(&store, 101), ["1 user a", "2 user b", "3 user c"]);
}

#[test]
fn a_key_of_another_organization_is_refused() {
    let store = store();
    let text = r#"{"type":"api_key","user_id":1,"name":"a","key_prefix":"sl_live_b","key_hash":"0707070707070707070707070707070707070707070707070707070707070707","role":"admin"}"#;
    let user = r#"{"type":"user","id":1,"email":"a@example.com","role":"admin"}"#;
    let input = format!("{user}\n{text}");
    let checked = check(&store, OrganizationId(2), input.as_bytes(), now(), TTL);
    let error = checked.unwrap_err().to_string();
    assert_eq!(error, "line 2: key_hash: this key is known already, but not here");
}

#[test]
fn what_is_no_text_or_too_long_is_refused() {
    let store = store();
    let long = format!("{PARENTS}\n{{\"type\":\"message\",\"content\":\"{}\"}}", "x".repeat(8 << 20));
    assert_eq!(refusal(&store, &long), "line 4: the line is longer than 8 MiB");
    let latin: &[u8] = b"{\"type\":\"assistant\",\"name\":\"Caf\xe9\"}\n";
    let error = check(&store, ORGANIZATION, latin, now(), TTL).unwrap_err();
    assert_eq!(error.to_string(), "line 1: not UTF-8 (column 32)");
}
