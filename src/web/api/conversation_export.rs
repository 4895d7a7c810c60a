//! `/api/v1/sms-conversations/{id}/export`: a conversation as a download. It is streamed in short reads: a
//! long thread takes no memory, and no snapshot is held while a slow client reads.

use crate::app::App;
use crate::app::conversations::{self, Patience};
use crate::config::IdFormat;
use crate::model::account::Actor;
use crate::model::call::Conversation;
use crate::model::ids::CallId;
use crate::model::message::{Message, MessageRange};
use crate::model::time::{TimeText, TimeWriter, Timestamp};
use crate::store::{AssistantNames, ReadError, Thread};
use crate::web::auth::Authority;
use crate::web::error::ApiError;
use crate::web::extract::{PathId, QueryParams};
use crate::web::json::JsonWriter;
use crate::web::space::{Space, has_any};
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use csv::{Terminator, WriterBuilder};
use memchr::memchr;
use serde::Deserialize;
use std::borrow::Cow;

/// How many messages one read takes.
const CHUNK: u32 = 500;
/// A conversation of so many is written where it is asked for and sent in one piece: that takes some tenths of a
/// millisecond. Of a longer one each piece is read where it holds up nobody.
const QUICK: u32 = 1_000;

/// A message is some so many bytes long.
const MESSAGE_BYTES: usize = 128;

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Txt,
    Csv,
    Json,
}

impl Format {
    /// The end of the file's name, and its media type.
    fn describe(self) -> (&'static str, &'static str) {
        match self {
            Format::Txt => ("txt", "text/plain; charset=utf-8"),
            Format::Csv => ("csv", "text/csv; charset=utf-8"),
            Format::Json => ("json", "application/json"),
        }
    }
}

/// Export a conversation
///
/// A download, not a JSON wrapper: text, CSV (RFC 4180; a text that a spreadsheet would run is defused by a
/// leading `'`), or JSON with `conversation` and `messages`. When the conversation is archived meanwhile, the
/// download breaks off.
#[utoipa::path(
    get,
    path = "",
    params(
        ("format" = Option<String>, Query, description = "`txt` (default), `csv` or `json`"),
    ),
    responses((
        status = 200,
        description = "The file; `Content-Disposition` names it",
        content(
            (String = "text/plain"),
            (String = "text/csv"),
            (Object = "application/json"),
        ),
    )),
)]
pub async fn export_conversation(
    Authority(actor, state): Authority,
    PathId(id): PathId,
    mut query: QueryParams,
) -> Result<Response, ApiError> {
    let says = "Input should be 'txt', 'csv' or 'json'";
    let format = query.word("format", says).unwrap_or(Format::Txt);
    query.finish()?;
    let ids = state.settings.id_format;
    let mut begun = None;
    conversations::get(&state.app, &actor, CallId(id), |conversation, names| {
        begun = Some((conversation.message_count, begin(format, conversation, names, actor.now, ids)));
    })?;
    let (last, beginning) = begun.ok_or(ApiError::NotFound)?;
    let download = Download {
        app: state.app.clone(),
        actor,
        id: CallId(id),
        format,
        ids,
        beginning: Some(beginning),
        next: 1,
        last,
    };
    let body = if last <= QUICK {
        Body::from(download.read(QUICK)?.ok_or(ApiError::NotFound)?.0)
    } else {
        Body::from_stream(futures_util::stream::try_unfold(Some(download), Download::step))
    };
    let (ending, media_type) = format.describe();
    let name = format!("attachment; filename=\"sms-conversation-{id}.{ending}\"");
    Ok(([(CONTENT_TYPE, media_type.to_owned()), (CONTENT_DISPOSITION, name)], body).into_response())
}

/// What is still to be sent.
struct Download {
    app: App,
    actor: Actor,
    id: CallId,
    format: Format,
    ids: IdFormat,
    /// What stands before the messages.
    beginning: Option<Vec<u8>>,
    next: u32,
    /// The last message when the download began: what comes later is not in it.
    last: u32,
}

/// The body is broken off: what was sent is not the whole.
type BrokenOff = Box<dyn std::error::Error + Send + Sync>;

impl Download {
    async fn step(download: Option<Download>) -> Result<Option<(Bytes, Option<Download>)>, BrokenOff> {
        let Some(download) = download else { return Ok(None) };
        let piece = tokio::task::spawn_blocking(move || download.read(CHUNK)).await??;
        piece.map(Some).ok_or_else(|| "the conversation was archived while it was exported".into())
    }

    /// The next piece of so many messages, and the rest if there is one. `None`: the conversation was archived.
    fn read(mut self, most: u32) -> Result<Option<(Bytes, Option<Download>)>, ReadError> {
        let (first_piece, beginning) = (self.next == 1, self.beginning.take().unwrap_or_default());
        let limit = (self.last + 1).saturating_sub(self.next).min(most);
        let range = MessageRange { after_index: self.next - 1, skip: 0, limit: Some(limit) };
        self.next += limit;
        let whole = self.next > self.last;
        let (thread, piece) = match self.format {
            Format::Json => {
                let mut json = JsonWriter::new(self.ids, 0);
                json.out = beginning;
                let thread = self.visit(range, |index, message| {
                    if !(first_piece && index == 1) {
                        json.raw(",");
                    }
                    json.message(self.id, index, message);
                })?;
                if whole {
                    json.raw("]}");
                }
                (thread, json.out)
            }
            Format::Csv => {
                let mut csv = CsvWriter::new(beginning);
                csv.out.reserve(limit as usize * MESSAGE_BYTES);
                let thread = self.visit(range, |index, message| csv.message(index, message))?;
                (thread, csv.out)
            }
            Format::Txt => {
                let mut out = beginning;
                let thread = self.visit(range, |_, message| write_txt(&mut out, message))?;
                (thread, out)
            }
        };
        Ok((thread == Thread::Visited).then(|| (piece.into(), (!whole).then_some(self))))
    }

    fn visit(&self, range: MessageRange, visit: impl FnMut(u32, &Message<'_>)) -> Result<Thread, ReadError> {
        conversations::messages(&self.app, &self.actor, self.id, range, Patience::Endless, visit)
    }
}

fn begin(
    format: Format,
    conversation: &Conversation<'_>,
    names: &AssistantNames,
    now: Timestamp,
    ids: IdFormat,
) -> Vec<u8> {
    match format {
        Format::Json => {
            let mut json = JsonWriter::new(ids, 1024);
            json.raw("{\"conversation\":");
            json.conversation(conversation, names, now);
            json.raw(",\"messages\":[");
            json.out
        }
        Format::Csv => b"message_index,timestamp,role,content,llm_provider,llm_model\r\n".to_vec(),
        Format::Txt => {
            let name = names.get(&conversation.assistant_id).map_or("", |name| name);
            let name = in_lines(name).join(" ");
            let ended = conversation.ended_at(now).map_or(String::new(), |end| format!(", ended {end}"));
            format!(
                "SMS conversation {}\nCustomer: {}\nAssistant: {name} ({})\nStarted: {}\nStatus: {}{ended}\n\
                 Messages: {}\n\n",
                conversation.id,
                conversation.customer,
                conversation.our_number,
                conversation.started_at,
                conversation.status(now).as_str(),
                conversation.message_count,
            )
            .into_bytes()
        }
    }
}

fn write_txt(out: &mut Vec<u8>, message: &Message<'_>) {
    // Only a message begins at a line's beginning; otherwise one could pretend to be two.
    let content = in_lines(&message.content).join("\n    ");
    let line = format!("[{}] {}: {content}\n", message.timestamp, message.role.as_str());
    out.extend_from_slice(line.as_bytes());
}

/// At whatever a reader may take for the end of a line.
fn in_lines(text: &str) -> Vec<&str> {
    let ends = ['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];
    text.split("\r\n").flat_map(|part| part.split(ends)).collect()
}

struct CsvWriter {
    out: Vec<u8>,
    times: TimeWriter,
}

/// The most that a message takes beside its texts.
const ROW_MOST: usize = 96;

impl CsvWriter {
    /// Goes on where `out` ends.
    fn new(out: Vec<u8>) -> CsvWriter {
        CsvWriter { out, times: TimeWriter::default() }
    }

    fn message(&mut self, index: u32, message: &Message<'_>) {
        let mut space = Space::take(&mut self.out, ROW_MOST);
        space.number(u64::from(index));
        space.put(b",");
        match self.times.text(message.timestamp) {
            TimeText::Whole(text) => space.put(text),
            TimeText::Fraction(text) => space.put(text),
        }
        space.put(b",");
        space.slice(message.role.as_str().as_bytes());
        drop(space);
        self.field(&message.content);
        self.field(message.llm_provider.as_deref().unwrap_or_default());
        self.field(message.llm_model.as_deref().unwrap_or_default());
        self.out.extend_from_slice(b"\r\n");
    }

    /// After a comma. Most texts hold nothing to think of, or no more than a comma; the library takes its time over each
    /// letter.
    fn field(&mut self, text: &str) {
        let text = defused(text);
        let text = text.as_bytes();
        if !has_any(text, 0, *b"\",\r\n") {
            let mut space = Space::take(&mut self.out, 1 + text.len());
            space.put(b",");
            space.slice(text);
        } else if memchr(b'"', text).is_none() {
            let mut space = Space::take(&mut self.out, 3 + text.len());
            space.put(b",\"");
            space.slice(text);
            space.put(b"\"");
        } else {
            self.out.push(b',');
            let mut csv = WriterBuilder::new().terminator(Terminator::Any(b'\n')).from_writer(&mut self.out);
            csv.write_record([text]).and_then(|()| Ok(csv.flush()?)).expect("memory takes what is written");
            drop(csv);
            // It ends a record.
            self.out.pop();
        }
    }
}

/// A text that a spreadsheet would take for a formula is made plain.
fn defused(text: &str) -> Cow<'_, str> {
    match text.as_bytes().first() {
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r') => format!("'{text}").into(),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_field_is_written_as_the_library_writes_it(texts in proptest::collection::vec("[a ,\"\r\n\t#ß😀]{0,40}", 2..4)) {
            let mut whole = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
            whole.write_record(texts.iter().map(|text| defused(text).into_owned())).unwrap();
            let mut csv = CsvWriter::new(Vec::new());
            texts.iter().for_each(|text| csv.field(text));
            csv.out.extend_from_slice(b"\r\n");
            // There is a comma before the first, too.
            prop_assert_eq!(String::from_utf8(csv.out[1..].to_vec()).unwrap(), String::from_utf8(whole.into_inner().unwrap()).unwrap());
        }
    }
}
