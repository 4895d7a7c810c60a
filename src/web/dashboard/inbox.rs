//! `/inbox`: the conversations, newest activity first, with what is new to who looks.

use super::error::PageError;
use super::page::{Editor, Shell, Visitor, go_to, show};
use super::paging::Paging;
use super::parked_events::shortened;
use super::when::When;
use crate::app::assistants;
use crate::app::conversations::{self, Patience, Preview};
use crate::app::read_marks;
use crate::app::sms_logs;
use crate::model::account::Actor;
use crate::model::address::AddressQuery;
use crate::model::call::{Conversation, ConversationFilter, ConversationStatus};
use crate::model::ids::{AssistantId, CallId, MessageLogId};
use crate::model::message::Role;
use crate::model::message_log::LogFilter;
use crate::model::page::Page;
use crate::model::search::Search;
use crate::model::time::Timestamp;
use crate::store::{AssistantNames, ReadError};
use crate::web::AppState;
use crate::web::api::conversations::filter;
use crate::web::extract::QueryParams;
use askama::Template;
use axum::response::Response;

const ROWS: usize = 50;
/// Among so many of the newest those with news are looked for.
const LOOKED_THROUGH: usize = 2_000;
/// So many messages are shown that contain what was searched for.
const HITS: usize = 20;

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage<'a> {
    shell: &'a Shell,
    q: String,
    status: String,
    assistant: String,
    only_unread: bool,
    assistants: Vec<(String, String)>,
    rows: Vec<Row>,
    hits: Vec<Hit>,
    /// Of the page as it is now: what its list is asked for by again.
    query: String,
    paging: Paging,
    filtered: bool,
}

/// A conversation as it was found.
pub struct Found {
    pub id: CallId,
    pub assistant_id: AssistantId,
    pub customer: String,
    pub assistant: String,
    pub our_number: String,
    pub message_count: u32,
    pub last_activity: Timestamp,
    pub expires_at: Timestamp,
    is_active: bool,
}

impl Found {
    pub fn of(row: &Conversation<'_>, names: &AssistantNames, now: Timestamp) -> Found {
        Found {
            id: row.id,
            assistant_id: row.assistant_id,
            customer: row.customer.to_owned(),
            assistant: names.get(&row.assistant_id).map(|name| name.to_string()).unwrap_or_default(),
            our_number: row.our_number.to_owned(),
            message_count: row.message_count,
            last_activity: row.last_activity,
            expires_at: row.expires_at,
            is_active: row.status(now) == ConversationStatus::Active,
        }
    }
}

/// A conversation as the list shows it.
struct Row {
    id: CallId,
    customer: String,
    assistant: String,
    our_number: String,
    at: When,
    /// When its session ends; none: it has ended.
    closes: Option<When>,
    unread: u32,
    ours: bool,
    preview: String,
}

/// A message that contains what was searched for.
struct Hit {
    log_id: MessageLogId,
    call_id: Option<CallId>,
    customer: String,
    ours: bool,
    body: String,
    at: When,
}

pub async fn show_inbox(visitor: Visitor, query: QueryParams) -> Result<Response, PageError> {
    let Visitor { actor, state, shell } = visitor;
    let mut query = query.filled();
    let (q, only_unread) = (query.text("q").unwrap_or_default(), query.text("unread").is_some());
    let (status, assistant) =
        (query.text("status").unwrap_or_default(), query.text("assistant_id").unwrap_or_default());
    let mut wanted = filter(&mut query);
    let page = query.page(ROWS, ROWS as u64);
    query.finish()?;
    // What is no number is looked for in what was said; a word could be a sender's name, but is hardly meant so.
    let is_of_words = q.chars().any(char::is_alphabetic);
    wanted.customer = AddressQuery::parse(&q).filter(|_| !is_of_words);
    let text = Some(&q).filter(|q| !q.is_empty() && wanted.customer.is_none());
    let filtered = only_unread || !wanted.is_empty();
    let of_assistant = wanted.assistant_id;
    let (found, more) = match text {
        Some(_) => (Vec::new(), false),
        None => found(&state, &actor, wanted, page, only_unread).await?,
    };
    // Digits that are in no number may be those of an order.
    let text = text.or(Some(&q).filter(|q| !q.is_empty() && found.is_empty()));
    let hits = match text {
        Some(text) => hits(&state, &actor, (text, of_assistant), &shell).await?,
        None => Vec::new(),
    };
    let rows = rows(&state, &actor, &shell, found)?;
    let names = assistants::list(&state.app, &actor)?;
    let assistants = names.into_iter().map(|(id, it)| (id.to_string(), it.name)).collect();
    let unread = if only_unread { "1" } else { "" };
    let fields = [("q", q.as_str()), ("status", &status), ("assistant_id", &assistant), ("unread", unread)];
    let paging = Paging::new("/inbox", &fields, page, more);
    let query = paging.here();
    show(&InboxPage {
        shell: &shell,
        q: q.clone(),
        status: status.clone(),
        assistant: assistant.clone(),
        only_unread,
        assistants,
        rows,
        hits,
        query,
        paging,
        filtered: filtered || text.is_some(),
    })
}

/// Everything there is now is read.
pub async fn mark_all_read(Editor(Visitor { actor, state, .. }): Editor) -> Result<Response, PageError> {
    read_marks::mark_all(&state.app, &actor).await?;
    Ok(go_to("/inbox?said=all-read"))
}

/// A page of the conversations, and whether others follow.
async fn found(
    state: &AppState,
    actor: &Actor,
    filter: ConversationFilter,
    page: Page,
    only_unread: bool,
) -> Result<(Vec<Found>, bool), PageError> {
    let (state, actor) = (state.clone(), *actor);
    if only_unread {
        let look = move || unread(&state, &actor, &filter, page);
        return Ok(tokio::task::spawn_blocking(look).await??);
    }
    // One more tells whether there are more.
    let wanted = Page { skip: page.skip, limit: page.limit + 1 };
    let mut found = match list(&state, &actor, &filter, wanted, Patience::Quick)? {
        Some(found) => found,
        None => {
            let look = move || list(&state, &actor, &filter, wanted, Patience::Endless);
            tokio::task::spawn_blocking(look).await??.unwrap_or_default()
        }
    };
    let more = found.len() > page.limit;
    found.truncate(page.limit);
    Ok((found, more))
}

/// `None`: it takes more patience.
fn list(
    state: &AppState,
    actor: &Actor,
    filter: &ConversationFilter,
    page: Page,
    patience: Patience,
) -> Result<Option<Vec<Found>>, ReadError> {
    let mut found = Vec::new();
    let whole = conversations::list(&state.app, actor, filter, page, patience, |row, names| {
        found.push(Found::of(row, names, actor.now));
    })?;
    Ok(whole.then_some(found))
}

fn unread(
    state: &AppState,
    actor: &Actor,
    filter: &ConversationFilter,
    page: Page,
) -> Result<(Vec<Found>, bool), ReadError> {
    let newest = Page { skip: 0, limit: LOOKED_THROUGH };
    let found = list(state, actor, filter, newest, Patience::Endless)?.unwrap_or_default();
    let news = read_marks::unread(&state.app, actor, &marked(&found))?;
    let mut unread = found.into_iter().zip(news).filter(|(_, news)| *news > 0).map(|(found, _)| found);
    let found = unread.by_ref().skip(page.skip as usize).take(page.limit).collect();
    Ok((found, unread.next().is_some()))
}

fn marked(found: &[Found]) -> Vec<(CallId, u32, Timestamp)> {
    found.iter().map(|row| (row.id, row.message_count, row.last_activity)).collect()
}

fn rows(state: &AppState, actor: &Actor, shell: &Shell, found: Vec<Found>) -> Result<Vec<Row>, ReadError> {
    let news = read_marks::unread(&state.app, actor, &marked(&found))?;
    let last: Vec<_> = found.iter().map(|row| (row.id, row.message_count)).collect();
    let previews = conversations::previews(&state.app, actor, &last)?;
    let row = |((found, unread), preview): ((Found, u32), Option<Preview>)| Row {
        id: found.id,
        customer: found.customer,
        assistant: found.assistant,
        our_number: found.our_number,
        at: shell.when(found.last_activity),
        closes: found.is_active.then(|| shell.when(found.expires_at)),
        unread,
        ours: preview.as_ref().is_some_and(|preview| preview.role != Role::User),
        preview: preview.map(|preview| preview.text).unwrap_or_default(),
    };
    Ok(found.into_iter().zip(news).zip(previews).map(row).collect())
}

async fn hits(
    state: &AppState,
    actor: &Actor,
    (text, assistant_id): (&str, Option<AssistantId>),
    shell: &Shell,
) -> Result<Vec<Hit>, PageError> {
    let filter = LogFilter { search: Some(Search::new(text)), assistant_id, ..LogFilter::default() };
    let (app, actor) = (state.app.clone(), *actor);
    let look = move || sms_logs::newest(&app, &actor, &filter, HITS);
    let found = tokio::task::spawn_blocking(look).await??;
    let hit = |named: sms_logs::NamedLog| {
        let log = named.log;
        let ours = log.direction == crate::model::call::Direction::Outbound;
        Hit {
            log_id: named.id,
            call_id: log.call_id,
            customer: if ours { log.to } else { log.from },
            ours,
            body: shortened(&log.body),
            at: shell.when(log.created_at),
        }
    };
    Ok(found.into_iter().map(hit).collect())
}
