//! `/conversations/{id}`: what was said, with what the carrier made of it, and the answer.

use super::error::PageError;
use super::page::{Editor, Fields, Shell, Visitor, go_to, show, show_refused};
use super::when::When;
use crate::app::conversations::{self, ThreadPage};
use crate::app::sending::{self, NewSms, Sent};
use crate::app::{accounts, read_marks};
use crate::model::account::Actor;
use crate::model::address::Address;
use crate::model::call::{Call, Channel, Direction};
use crate::model::ids::{CallId, MessageLogId};
use crate::model::message::Role;
use crate::model::message_log::MessageLog;
use crate::model::thread_message::ThreadMessage;
use crate::web::api::sms::MOST_CHARACTERS;
use crate::web::error::ApiError;
use crate::web::extract::{PathId, QueryParams};
use askama::Template;
use axum::http::Uri;
use axum::response::Response;

const MESSAGES: u32 = 50;

#[derive(Template)]
#[template(path = "conversation.html")]
struct ConversationPage<'a> {
    shell: &'a Shell,
    id: CallId,
    customer: String,
    our_number: String,
    assistant: String,
    /// When the session ends; none: it has ended.
    closes: Option<When>,
    ended: Option<When>,
    days: Vec<Day>,
    /// The first message that is shown.
    first: u32,
    /// Where a page begins that shows some earlier ones too.
    earlier: Option<u32>,
    /// Later ones are left out, of which there would be too many: no news is shown here.
    later: bool,
    related: Vec<Related>,
    reply: Reply,
}

/// The messages of one day.
pub struct Day {
    name: String,
    pub messages: Vec<Bubble>,
}

pub struct Bubble {
    pub index: u32,
    /// `in`, `out`, `system`
    pub side: &'static str,
    pub content: String,
    pub at: When,
    /// `gpt-4o-mini`
    model: Option<String>,
    pub log: Option<Carried>,
}

/// What the carrier made of a message.
pub struct Carried {
    pub id: MessageLogId,
    pub status: &'static str,
    pub failed: bool,
    /// Whether nothing more will be heard of it.
    pub is_final: bool,
    why: Option<String>,
    segments: u32,
    media: Vec<Media>,
}

/// A file of a message.
pub struct Media {
    name: String,
    /// None: it leads nowhere that a browser should go.
    url: Option<String>,
}

impl Media {
    pub fn of(url: &str) -> Media {
        let is_web = url.parse::<Uri>().is_ok_and(|url| matches!(url.scheme_str(), Some("http" | "https")));
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let name = if name.is_empty() || !is_web { url } else { name };
        Media { name: name.to_owned(), url: is_web.then(|| url.to_owned()) }
    }
}

/// Another record of the same customer and assistant.
struct Related {
    id: CallId,
    is_sms: bool,
    at: When,
    what: String,
    is_current: bool,
}

/// What is being typed.
struct Reply {
    text: String,
    refused: Option<String>,
    /// So that a form that is sent twice makes one message.
    key: String,
}

impl Reply {
    fn empty() -> Reply {
        Reply { text: String::new(), refused: None, key: accounts::random_secret() }
    }
}

pub async fn show_conversation(
    visitor: Visitor,
    PathId(id): PathId,
    mut query: QueryParams,
) -> Result<Response, PageError> {
    let from = query.integer("from", 1..=u64::from(u32::MAX)).map(|from| from as u32);
    query.finish()?;
    let page = page(&visitor, CallId(id), from, Reply::empty()).await?;
    if let Some(last) = page.days.last().and_then(|day| day.messages.last()) {
        mark_read(&visitor, page.id, last.index);
    }
    show(&page)
}

/// Nobody waits for it; who cannot be noted as having read it sees it as new once more.
fn mark_read(visitor: &Visitor, id: CallId, index: u32) {
    let (app, actor) = (visitor.state.app.clone(), visitor.actor);
    tokio::spawn(async move {
        if let Err(error) = read_marks::mark(&app, &actor, id, index).await {
            tracing::debug!(%error, conversation = %id, "what was read could not be noted");
        }
    });
}

async fn page(
    visitor: &Visitor,
    id: CallId,
    from: Option<u32>,
    reply: Reply,
) -> Result<ConversationPage<'_>, PageError> {
    let Visitor { actor, state, shell } = visitor;
    let thread = match from {
        None => conversations::thread(&state.app, actor, id, None, MESSAGES)?,
        // Far back takes a while.
        Some(from) => {
            let (app, actor) = (state.app.clone(), *actor);
            let look = move || conversations::thread_from(&app, &actor, id, from);
            tokio::task::spawn_blocking(look).await??
        }
    };
    let ThreadPage { call: named, messages, has_earlier } = thread.ok_or(ApiError::NotFound)?;
    let related = conversations::related(&state.app, actor, id)?.unwrap_or_default();
    let first = messages.first().map_or(1, |message| message.index);
    let last = messages.last().map_or(0, |message| message.index);
    let call = named.call;
    let ended = call.ended_at(actor.now);
    Ok(ConversationPage {
        shell,
        id,
        customer: call.customer.as_str().to_owned(),
        our_number: call.our_number.as_str().to_owned(),
        assistant: named.assistant_name.unwrap_or_default(),
        closes: call.expires_at.filter(|_| ended.is_none()).map(|at| shell.when(at)),
        ended: ended.map(|at| shell.when(at)),
        first,
        earlier: has_earlier.then(|| first.saturating_sub(MESSAGES).max(1)),
        later: last < call.message_count && !messages.is_empty(),
        days: days(shell, messages),
        related: related
            .into_iter()
            .map(|(other, call)| related_of(shell, actor, id, other, &call))
            .collect(),
        reply,
    })
}

pub fn days(shell: &Shell, messages: Vec<ThreadMessage>) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for message in messages {
        let bubble = bubble(shell, message);
        match days.last_mut().filter(|day| day.name == bubble.at.day) {
            Some(day) => day.messages.push(bubble),
            None => days.push(Day { name: bubble.at.day.clone(), messages: vec![bubble] }),
        }
    }
    days
}

fn bubble(shell: &Shell, message: ThreadMessage) -> Bubble {
    Bubble {
        index: message.index,
        side: match message.role {
            Role::User => "in",
            Role::Assistant => "out",
            Role::System => "system",
        },
        content: message.content,
        at: shell.when(message.timestamp),
        model: message.llm_model.or(message.llm_provider),
        log: message.log.map(|(id, log)| carried(id, log)),
    }
}

fn carried(id: MessageLogId, log: MessageLog) -> Carried {
    let why = match (log.error_code, log.error_message) {
        (Some(code), Some(message)) => Some(format!("{code}: {message}")),
        (code, message) => code.or(message),
    };
    Carried {
        id,
        status: log.status.as_str(),
        failed: log.status.is_failure(),
        is_final: log.status.is_final(),
        why,
        segments: log.segment_count,
        media: log.media_urls.iter().map(|url| Media::of(url)).collect(),
    }
}

fn related_of(shell: &Shell, actor: &Actor, asked: CallId, id: CallId, call: &Call) -> Related {
    let what = match (call.channel, call.direction) {
        (Channel::Voice, Direction::Inbound) => "Call in".to_owned(),
        (Channel::Voice, Direction::Outbound) => "Call out".to_owned(),
        (Channel::Sms, _) if call.message_count == 1 => "1 message".to_owned(),
        (Channel::Sms, _) => format!("{} messages", call.message_count),
    };
    let length = call.duration_seconds.filter(|_| call.channel == Channel::Voice);
    let length = length.map_or(String::new(), |seconds| format!(", {}:{:02}", seconds / 60, seconds % 60));
    Related {
        id,
        is_sms: call.channel == Channel::Sms,
        at: shell.when(call.started_at),
        what: format!("{what}{length} · {}", call.status(actor.now)),
        is_current: id == asked,
    }
}

/// Answers the customer. It goes where the customer's thread is by then, which may be a fresh one.
pub async fn send_message(
    Editor(visitor): Editor,
    PathId(id): PathId,
    fields: Fields,
) -> Result<Response, PageError> {
    let id = CallId(id);
    let (text, key) = (fields.verbatim("body"), fields.text("key"));
    let refused = match send(&visitor, id, &text, &key).await? {
        Ok(joined) => {
            return Ok(go_to(&format!("/conversations/{}#compose-text", joined.unwrap_or(id))));
        }
        Err(refused) => refused,
    };
    let reply = Reply { text, refused: Some(refused), ..Reply::empty() };
    show_refused(&page(&visitor, id, None, reply).await?)
}

/// The conversation that it joined, or why not, for who typed it.
async fn send(
    visitor: &Visitor,
    id: CallId,
    text: &str,
    key: &str,
) -> Result<Result<Option<CallId>, String>, PageError> {
    let Visitor { actor, state, .. } = visitor;
    let mut numbers = None;
    conversations::get(&state.app, actor, id, |row, _| {
        numbers =
            Some((Address::stored(row.our_number.to_owned()), Address::stored(row.customer.to_owned())));
    })?;
    let (from, to) = numbers.ok_or(ApiError::NotFound)?;
    if text.trim().is_empty() {
        return Ok(Err("Type something first.".to_owned()));
    }
    if text.chars().count() > MOST_CHARACTERS {
        return Ok(Err(format!("A message has {MOST_CHARACTERS} characters at most.")));
    }
    let idempotency_key = Some(format!("dashboard:{key}")).filter(|_| !key.is_empty() && key.len() < 100);
    let sms =
        NewSms { from, to, body: text.to_owned(), media_urls: Vec::new(), idempotency_key, queue: true };
    Ok(match sending::send(&state.app, actor, sms).await? {
        Sent::Job(_, job) => Ok(job.call_id),
        Sent::KeyTaken => {
            Err("This form was sent before, with another text. Send it again if you mean it.".to_owned())
        }
        Sent::NoSuchNumber => {
            Err("No assistant has this number of ours any more, so nothing can be sent from it.".to_owned())
        }
        Sent::OptedOut => Err("The customer has opted out of messages from this number.".to_owned()),
        Sent::NotConfigured(setting) => Err(format!("The carrier cannot be asked before {setting} is set.")),
    })
}

#[derive(Template)]
#[template(path = "archive.html")]
struct ArchivePage<'a> {
    shell: &'a Shell,
    id: CallId,
    customer: String,
    message_count: u32,
    is_active: bool,
}

pub async fn ask_to_archive(
    Editor(Visitor { actor, state, shell }): Editor,
    PathId(id): PathId,
) -> Result<Response, PageError> {
    let (id, mut page) = (CallId(id), None);
    conversations::get(&state.app, &actor, id, |row, _| {
        page = Some(ArchivePage {
            shell: &shell,
            id,
            customer: row.customer.to_owned(),
            message_count: row.message_count,
            is_active: row.ended_at(actor.now).is_none(),
        });
    })?;
    show(&page.ok_or(ApiError::NotFound)?)
}

pub async fn archive(
    Editor(Visitor { actor, state, .. }): Editor,
    PathId(id): PathId,
) -> Result<Response, PageError> {
    match conversations::archive(&state.app, &actor, CallId(id)).await? {
        true => Ok(go_to("/inbox?said=archived")),
        false => Err(ApiError::NotFound.into()),
    }
}
