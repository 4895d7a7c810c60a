//! The two hot shapes, conversations and messages, written straight from the rows as they lie in
//! storage: no value is copied or decoded only to be encoded again. A test holds the bytes against
//! an ordinary serializer.

use crate::config::IdFormat;
use crate::model::call::{Conversation, ConversationStatus};
use crate::model::ids::{AssistantId, CallId, MessageLogId};
use crate::model::message::{Message, Role};
use crate::model::message_log::LogView;
use crate::model::time::{TimeText, TimeWriter, Timestamp};
use crate::store::AssistantNames;
use crate::web::space::Space;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A conversation's id, printed as `id_format` has it.
pub struct ConversationId(pub CallId, pub IdFormat);

impl Serialize for ConversationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.1 {
            IdFormat::Integer => self.0.serialize(serializer),
            IdFormat::String => serializer.collect_str(&self.0),
        }
    }
}

/// A conversation on the wire.
#[derive(ToSchema)]
#[cfg_attr(test, derive(serde::Serialize))]
#[schema(as = SMSConversation)]
pub struct ConversationOut<'a> {
    pub id: ConversationId,
    /// `sms:{customer}:{assistant number}`
    #[schema(example = "sms:+15559876543:+15551234567")]
    pub session_id: String,
    pub assistant_id: u64,
    pub assistant_name: &'a str,
    #[schema(example = "+15559876543")]
    pub customer_phone_number: &'a str,
    #[schema(example = "+15551234567")]
    pub assistant_phone_number: &'a str,
    pub status: ConversationStatus,
    pub message_count: u32,
    pub started_at: Timestamp,
    pub last_activity: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// `sms`
    pub channel: &'a str,
}

/// A message on the wire.
#[derive(ToSchema)]
#[cfg_attr(test, derive(serde::Serialize))]
#[schema(as = SMSMessage)]
pub struct MessageOut<'a> {
    pub id: u64,
    pub conversation_id: ConversationId,
    /// `user`, `assistant` or `system`
    pub role: &'a str,
    pub content: &'a str,
    pub timestamp: Timestamp,
    /// 1, 2, 3 ... without gaps
    pub message_index: u32,
    pub llm_provider: Option<&'a str>,
    pub llm_model: Option<&'a str>,
}

/// Writes the items of one answer.
pub struct JsonWriter {
    pub out: Vec<u8>,
    ids: IdFormat,
    times: TimeWriter,
    /// The rows of a page are of few assistants.
    assistant: Option<(AssistantId, Vec<u8>)>,
}

/// The most that a row takes beside texts of any length.
const ROW_MOST: usize = 384;
const MESSAGE_MOST: usize = 256;
const LOG_MOST: usize = 576;

impl JsonWriter {
    pub fn new(ids: IdFormat, capacity: usize) -> JsonWriter {
        let out = Vec::with_capacity(capacity + ROW_MOST);
        JsonWriter { out, ids, times: TimeWriter::default(), assistant: None }
    }

    /// Appends the seed's twelve fields in its order.
    pub fn conversation(&mut self, row: &Conversation<'_>, names: &AssistantNames, now: Timestamp) {
        if self.assistant.as_ref().is_none_or(|(id, _)| *id != row.assistant_id) {
            self.assistant = Some((row.assistant_id, assistant_fields(row.assistant_id, names)));
        }
        let assistant = self.assistant.as_ref().map_or(&[][..], |(_, fields)| fields);
        // Addresses hold no character that JSON escapes.
        let (customer, our_number) = (row.customer.as_bytes(), row.our_number.as_bytes());
        let most = ROW_MOST + assistant.len() + 2 * (customer.len() + our_number.len());
        let mut space = Space::take(&mut self.out, most);
        space.put(b"{\"id\":");
        call_id(&mut space, row.id, self.ids);
        space.put(b",\"session_id\":\"sms:");
        space.short(customer);
        space.put(b":");
        space.short(our_number);
        space.slice(assistant);
        space.put(b",\"customer_phone_number\":\"");
        space.short(customer);
        space.put(b"\",\"assistant_phone_number\":\"");
        space.short(our_number);
        let ended_at = row.ended_at(now);
        match ended_at {
            None => space.put(b"\",\"status\":\"active\",\"message_count\":"),
            Some(_) => space.put(b"\",\"status\":\"completed\",\"message_count\":"),
        }
        space.number(u64::from(row.message_count));
        space.put(b",\"started_at\":");
        time(&mut space, &mut self.times, row.started_at);
        space.put(b",\"last_activity\":");
        time(&mut space, &mut self.times, row.last_activity);
        space.put(b",\"ended_at\":");
        match ended_at {
            Some(ended_at) => time(&mut space, &mut self.times, ended_at),
            None => space.put(b"null"),
        }
        space.put(b",\"channel\":\"sms\"}");
    }

    /// Appends the seed's eight fields in its order.
    pub fn message(&mut self, conversation: CallId, index: u32, message: &Message<'_>) {
        let (provider, model) = (message.llm_provider.as_deref(), message.llm_model.as_deref());
        let most = MESSAGE_MOST + texts_most(&[Some(&message.content), provider, model]);
        let mut space = Space::take(&mut self.out, most);
        space.put(b"{\"id\":");
        space.number(message.id.0);
        space.put(b",\"conversation_id\":");
        call_id(&mut space, conversation, self.ids);
        match message.role {
            Role::User => space.put(b",\"role\":\"user\",\"content\":"),
            Role::Assistant => space.put(b",\"role\":\"assistant\",\"content\":"),
            Role::System => space.put(b",\"role\":\"system\",\"content\":"),
        }
        space.string(&message.content);
        space.put(b",\"timestamp\":");
        time(&mut space, &mut self.times, message.timestamp);
        space.put(b",\"message_index\":");
        space.number(u64::from(index));
        space.put(b",\"llm_provider\":");
        space.optional(provider);
        space.put(b",\"llm_model\":");
        space.optional(model);
        space.put(b"}");
    }

    /// Appends the fields of `sms_logs::LogOut` in their order.
    pub fn log(&mut self, id: MessageLogId, log: &LogView<'_>, assistant_name: Option<&str>) {
        let texts = [log.provider_message_id, log.from, log.to, log.body, log.provider_status].map(Some);
        let most =
            LOG_MOST + texts_most(&texts) + texts_most(&[log.error_code, log.error_message, assistant_name]);
        let mut space =
            Space::take(&mut self.out, most + log.media_urls.iter().map(|url| url.len() + 3).sum::<usize>());
        space.put(b"{\"id\":");
        space.number(id.0);
        space.put(b",\"provider\":\"");
        space.slice(log.provider.as_str().as_bytes());
        space.put(b"\",\"provider_message_id\":");
        space.string(log.provider_message_id);
        space.put(b",\"direction\":\"");
        space.slice(log.direction.as_str().as_bytes());
        space.put(b"\",\"from_number\":");
        space.string(log.from);
        space.put(b",\"to_number\":");
        space.string(log.to);
        space.put(b",\"body\":");
        space.string(log.body);
        space.put(b",\"media_urls\":[");
        for (place, url) in log.media_urls.iter().enumerate() {
            if place > 0 {
                space.put(b",");
            }
            space.string(url);
        }
        space.put(b"],\"segment_count\":");
        space.number(u64::from(log.segment_count));
        space.put(b",\"status\":\"");
        space.slice(log.status.as_str().as_bytes());
        space.put(b"\",\"provider_status\":");
        space.string(log.provider_status);
        space.put(b",\"error_code\":");
        space.optional(log.error_code);
        space.put(b",\"error_message\":");
        space.optional(log.error_message);
        space.put(b",\"assistant_id\":");
        match log.assistant_id {
            Some(id) => space.number(id.0),
            None => space.put(b"null"),
        }
        space.put(b",\"assistant_name\":");
        space.optional(assistant_name);
        space.put(b",\"created_at\":");
        time(&mut space, &mut self.times, log.created_at);
        space.put(b",\"updated_at\":");
        time(&mut space, &mut self.times, log.updated_at);
        space.put(b"}");
    }

    /// Appends the `,` between the items of an array that was begun with `[`.
    pub fn separate(&mut self) {
        if self.out.last() != Some(&b'[') {
            self.raw(",");
        }
    }

    #[inline]
    pub fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}

/// From the end of the session's id to that of the assistant's name.
fn assistant_fields(id: AssistantId, names: &AssistantNames) -> Vec<u8> {
    let name = names.get(&id).map_or("", |name| name);
    let mut out = Vec::with_capacity(64 + name.len());
    out.extend_from_slice(b"\",\"assistant_id\":");
    out.extend_from_slice(itoa::Buffer::new().format(id.0).as_bytes());
    out.extend_from_slice(b",\"assistant_name\":");
    let mut space = Space::take(&mut out, name.len() + 2);
    space.string(name);
    drop(space);
    out
}

#[inline(always)]
fn call_id(space: &mut Space<'_>, id: CallId, ids: IdFormat) {
    match ids {
        IdFormat::Integer => space.number(id.0),
        IdFormat::String => {
            space.put(b"\"");
            space.number(id.0);
            space.put(b"\"");
        }
    }
}

#[inline(always)]
fn time(space: &mut Space<'_>, times: &mut TimeWriter, value: Timestamp) {
    space.put(b"\"");
    match times.text(value) {
        TimeText::Whole(text) => space.put(text),
        TimeText::Fraction(text) => space.put(text),
    }
    space.put(b"\"");
}

/// The room that texts take as they are, in quotes.
fn texts_most(texts: &[Option<&str>]) -> usize {
    texts.iter().flatten().map(|text| text.len() + 2).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::MessageId;
    use proptest::prelude::*;

    impl<'a> ConversationOut<'a> {
        pub fn new(row: &Conversation<'a>, names: &'a AssistantNames, now: Timestamp, ids: IdFormat) -> Self {
            ConversationOut {
                id: ConversationId(row.id, ids),
                session_id: format!("sms:{}:{}", row.customer, row.our_number),
                assistant_id: row.assistant_id.0,
                assistant_name: names.get(&row.assistant_id).map_or("", |name| name),
                customer_phone_number: row.customer,
                assistant_phone_number: row.our_number,
                status: row.status(now),
                message_count: row.message_count,
                started_at: row.started_at,
                last_activity: row.last_activity,
                ended_at: row.ended_at(now),
                channel: "sms",
            }
        }
    }

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
        let names: AssistantNames = AssistantNames::from([(AssistantId(123), "Support \"Bot\"".into())]);
        let text = |now: &str, ids| {
            let mut json = JsonWriter::new(ids, 0);
            let now = Timestamp::parse(now).unwrap();
            json.conversation(&row, &names, now);
            let by_serde = serde_json::to_string(&ConversationOut::new(&row, &names, now, ids)).unwrap();
            assert_eq!(String::from_utf8(json.out).unwrap(), by_serde);
            by_serde
        };
        let golden = r#"{"id":101,"session_id":"sms:+15559876543:+15551234567","assistant_id":123,"assistant_name":"Support \"Bot\"","customer_phone_number":"+15559876543","assistant_phone_number":"+15551234567","status":"active","message_count":8,"started_at":"2026-04-30T10:00:00Z","last_activity":"2026-04-30T10:14:00Z","ended_at":null,"channel":"sms"}"#;
        assert_eq!(text("2026-05-01T10:13:59.999999Z", IdFormat::Integer), golden);
        let ended = golden
            .replace("\"active\"", "\"completed\"")
            .replace("\"ended_at\":null", "\"ended_at\":\"2026-05-01T10:14:00Z\"")
            .replace("\"id\":101", "\"id\":\"101\"");
        assert_eq!(text("2026-05-01T10:14:00Z", IdFormat::String), ended);
    }

    fn times() -> impl Strategy<Value = Timestamp> {
        let (first, last) = (Timestamp::MIN.0, Timestamp::MAX.0);
        let whole = (first / 1_000_000..=last / 1_000_000).prop_map(|seconds| seconds * 1_000_000);
        prop_oneof![first..=last, whole, Just(first), Just(last)].prop_map(Timestamp)
    }

    fn names() -> impl Strategy<Value = String> {
        prop_oneof![Just(String::new()), any::<String>(), "[a-z]{1,20}", "[a-z\"\\\\\n]{400,2000}"]
    }

    fn addresses() -> impl Strategy<Value = String> {
        prop_oneof!["[0-9A-Za-z]{1,16}", "\\+[0-9A-Za-z]{1,15}"]
    }

    prop_compose! {
        fn rows()(
            id in prop_oneof![any::<u64>(), 0..200u64, Just(u64::MAX)], assistant in 0..3u64,
            customer in addresses(), our_number in addresses(), message_count in any::<u32>(),
            at in [times(), times(), times()], ended_at in proptest::option::of(times()), long in any::<bool>()
        ) -> (Conversation<'static>, (String, String)) {
            let assistant_id = AssistantId(if long { u64::MAX - assistant } else { assistant });
            let row = Conversation {
                id: CallId(id),
                assistant_id,
                customer: "",
                our_number: "",
                message_count,
                started_at: at[0],
                last_activity: at[1],
                expires_at: at[2],
                ended_at,
            };
            (row, (customer, our_number))
        }
    }

    proptest! {
        /// Several by one writer: it remembers the assistant and the time of the row before.
        #[test]
        fn conversations_read_back_as_an_ordinary_serializer_would_write_them(
            rows in proptest::collection::vec(rows(), 1..4), name in [names(), names()], now in times(), as_text in any::<bool>()
        ) {
            let ids = if as_text { IdFormat::String } else { IdFormat::Integer };
            let known = [AssistantId(0), AssistantId(u64::MAX)].into_iter();
            let names: AssistantNames = known.zip(name).map(|(id, name)| (id, name.into())).collect();
            let mut json = JsonWriter::new(ids, 0);
            json.raw("[");
            let rows: Vec<_> = rows
                .iter()
                .map(|(row, (customer, our_number))| Conversation { customer, our_number, ..*row })
                .collect();
            for row in &rows {
                json.separate();
                json.conversation(row, &names, now);
            }
            json.raw("]");
            let wanted: Vec<_> = rows.iter().map(|row| ConversationOut::new(row, &names, now, ids)).collect();
            prop_assert_eq!(String::from_utf8(json.out).unwrap(), serde_json::to_string(&wanted).unwrap());
        }

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
            let mut json = JsonWriter::new(IdFormat::Integer, 0);
            json.message(CallId(7), index, &stored);
            let wanted = MessageOut {
                id,
                conversation_id: ConversationId(CallId(7), IdFormat::Integer),
                role: "assistant",
                content: &content,
                timestamp: stored.timestamp,
                message_index: index,
                llm_provider: None,
                llm_model: model.as_deref(),
            };
            prop_assert_eq!(String::from_utf8(json.out).unwrap(), serde_json::to_string(&wanted).unwrap());
        }
    }
}
