//! The two hot shapes, conversations and messages, written straight from the rows as they lie in
//! storage: no value is copied or decoded only to be encoded again. A test holds the bytes against
//! an ordinary serializer.

use crate::config::IdFormat;
use crate::model::call::Conversation;
use crate::model::ids::CallId;
use crate::model::message::Message;
use crate::model::time::Timestamp;
use crate::store::AssistantNames;

/// Appends the seed's twelve fields in its order.
pub fn conversation(
    out: &mut Vec<u8>,
    row: &Conversation<'_>,
    names: &AssistantNames,
    now: Timestamp,
    ids: IdFormat,
) {
    out.extend_from_slice(b"{\"id\":");
    call_id(out, row.id, ids);
    // Addresses hold no character that JSON escapes.
    for part in [",\"session_id\":\"sms:", row.customer, ":", row.our_number, "\",\"assistant_id\":"] {
        out.extend_from_slice(part.as_bytes());
    }
    number(out, row.assistant_id.0);
    out.extend_from_slice(b",\"assistant_name\":");
    string(out, names.get(&row.assistant_id).map_or("", |name| name));
    for part in
        [",\"customer_phone_number\":\"", row.customer, "\",\"assistant_phone_number\":\"", row.our_number]
    {
        out.extend_from_slice(part.as_bytes());
    }
    let ended_at = row.ended_at(now);
    out.extend_from_slice(b"\",\"status\":\"");
    out.extend_from_slice(row.status(now).as_str().as_bytes());
    out.extend_from_slice(b"\",\"message_count\":");
    number(out, u64::from(row.message_count));
    out.extend_from_slice(b",\"started_at\":");
    time(out, row.started_at);
    out.extend_from_slice(b",\"last_activity\":");
    time(out, row.last_activity);
    out.extend_from_slice(b",\"ended_at\":");
    match ended_at {
        Some(ended_at) => time(out, ended_at),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"channel\":\"sms\"}");
}

/// Appends the seed's eight fields in its order.
pub fn message(out: &mut Vec<u8>, conversation: CallId, index: u32, message: &Message<'_>, ids: IdFormat) {
    out.extend_from_slice(b"{\"id\":");
    number(out, message.id.0);
    out.extend_from_slice(b",\"conversation_id\":");
    call_id(out, conversation, ids);
    out.extend_from_slice(b",\"role\":\"");
    out.extend_from_slice(message.role.as_str().as_bytes());
    out.extend_from_slice(b"\",\"content\":");
    string(out, &message.content);
    out.extend_from_slice(b",\"timestamp\":");
    time(out, message.timestamp);
    out.extend_from_slice(b",\"message_index\":");
    number(out, u64::from(index));
    for (name, value) in
        [(",\"llm_provider\":", &message.llm_provider), (",\"llm_model\":", &message.llm_model)]
    {
        out.extend_from_slice(name.as_bytes());
        match value {
            Some(value) => string(out, value),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
}

/// Appends the `,` between the items of an array that was begun with `[`.
pub fn separate(out: &mut Vec<u8>) {
    if out.last() != Some(&b'[') {
        out.push(b',');
    }
}

fn call_id(out: &mut Vec<u8>, id: CallId, ids: IdFormat) {
    match ids {
        IdFormat::Integer => number(out, id.0),
        IdFormat::String => {
            out.push(b'"');
            number(out, id.0);
            out.push(b'"');
        }
    }
}

fn number(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn time(out: &mut Vec<u8>, value: Timestamp) {
    out.push(b'"');
    value.write(out);
    out.push(b'"');
}

fn string(out: &mut Vec<u8>, value: &str) {
    serde_json::to_writer(out, value).expect("a string is JSON, and memory grows");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::{AssistantId, MessageId};
    use crate::model::message::Role;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::collections::HashMap;

    #[test]
    fn a_conversation_has_the_seeds_fields_in_its_order() {
        let row = Conversation {
            id: CallId(101),
            assistant_id: AssistantId(123),
            customer: "+15559876543",
            our_number: "+15551234567",
            message_count: 8,
            started_at: Timestamp::parse("2026-04-30T10:00:00Z").unwrap(),
            last_activity: Timestamp::parse("2026-04-30T10:14:00Z").unwrap(),
            expires_at: Timestamp::parse("2026-05-01T10:14:00Z").unwrap(),
            ended_at: None,
        };
        let names: AssistantNames = HashMap::from([(AssistantId(123), "Support \"Bot\"".into())]);
        let text = |now: &str, ids| {
            let mut out = Vec::new();
            conversation(&mut out, &row, &names, Timestamp::parse(now).unwrap(), ids);
            String::from_utf8(out).unwrap()
        };
        let golden = r#"{"id":101,"session_id":"sms:+15559876543:+15551234567","assistant_id":123,"assistant_name":"Support \"Bot\"","customer_phone_number":"+15559876543","assistant_phone_number":"+15551234567","status":"active","message_count":8,"started_at":"2026-04-30T10:00:00Z","last_activity":"2026-04-30T10:14:00Z","ended_at":null,"channel":"sms"}"#;
        assert_eq!(text("2026-05-01T10:13:59.999999Z", IdFormat::Integer), golden);
        let ended = golden
            .replace("\"active\"", "\"completed\"")
            .replace("\"ended_at\":null", "\"ended_at\":\"2026-05-01T10:14:00Z\"")
            .replace("\"id\":101", "\"id\":\"101\"");
        assert_eq!(text("2026-05-01T10:14:00Z", IdFormat::String), ended);
    }

    proptest! {
        #[test]
        fn a_message_reads_back_as_an_ordinary_serializer_would_write_it(
            id in any::<u64>(), index in any::<u32>(), content in any::<String>(), model in proptest::option::of(any::<String>())
        ) {
            let stored = Message {
                id: MessageId(id),
                role: Role::Assistant,
                content: content.as_str().into(),
                timestamp: Timestamp(1_777_543_500_000_001),
                llm_provider: None,
                llm_model: model.as_deref().map(Into::into),
            };
            let mut out = Vec::new();
            message(&mut out, CallId(7), index, &stored, IdFormat::Integer);
            let wanted = json!({
                "id": id, "conversation_id": 7, "role": "assistant", "content": content,
                "timestamp": "2026-04-30T10:05:00.000001Z", "message_index": index, "llm_provider": null, "llm_model": model,
            });
            prop_assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), wanted);
        }
    }
}
