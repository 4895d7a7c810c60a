//! `/parked-events`: customers' messages that an assistant's receiver did not take in time; forwarded again, or given up.

use super::error::PageError;
use super::page::{Editor, Shell, Visitor, go_to, show, show_refused};
use super::paging::Paging;
use super::table::{Ask, Button, Cell, Empty, Table, TableRow};
use crate::app::parked_events::{self, ParkedMessage, Resumed, Which};
use crate::model::ids::MessageLogId;
use crate::model::page::Page;
use crate::web::error::ApiError;
use crate::web::extract::{PathId, QueryParams};
use askama::Template;
use axum::response::Response;

const ROWS: usize = 50;
const COLUMNS: &[&str] = &["From", "Message", "Parked", "Attempts", "Last error", ""];
/// Of a message so much is shown.
const SHOWN: usize = 160;

#[derive(Template)]
#[template(path = "parked_events.html")]
struct ParkedPage<'a> {
    shell: &'a Shell,
    table: Table,
    total: u64,
    refused: Option<String>,
}

pub async fn show_parked_events(visitor: Visitor, query: QueryParams) -> Result<Response, PageError> {
    let mut query = query.filled();
    let page = query.page(ROWS, ROWS as u64);
    query.finish()?;
    show(&parked_page(&visitor, page, None).await?)
}

async fn parked_page(
    Visitor { actor, state, shell }: &Visitor,
    page: Page,
    refused: Option<String>,
) -> Result<ParkedPage<'_>, PageError> {
    let (app, actor) = (state.app.clone(), *actor);
    let listing = move || parked_events::list(&app, &actor, page);
    let (total, found) = tokio::task::spawn_blocking(listing).await??;
    let more = page.has_more(found.len(), total);
    let about = match total {
        0 => "",
        _ => {
            "The receiver of their assistant did not take these messages within five minutes. Replay them once it \
             works again: they go to the URL that the assistant has then."
        }
    };
    let table = Table {
        title: "Parked events",
        about: about.to_owned(),
        columns: COLUMNS,
        rows: found.into_iter().map(|it| row(shell, it)).collect(),
        empty: Empty {
            way: Some(("/assistants", "Assistants and their URLs")),
            ..Empty::new(
                "Nothing is parked",
                "A message that an assistant's webhook URL does not take within five minutes waits here.",
            )
        },
        paging: Paging::new("/parked-events", &[], page, more).named("Previous", "Next"),
        live: true,
    };
    Ok(ParkedPage { shell, table, total, refused })
}

fn row(shell: &Shell, parked: ParkedMessage) -> TableRow {
    let ParkedMessage { id, event, log } = parked;
    let of = format!("the message from {}", log.from);
    let buttons = vec![
        Button::new(format!("/parked-events/{id}/replay"), "Replay", of.clone()),
        Button::asking(format!("/parked-events/{id}/discard"), "Give up…", of),
    ];
    TableRow {
        id: format!("p-{id}"),
        cells: vec![
            Cell::Link { to: format!("/conversations/{}#end", event.call_id), text: log.from },
            Cell::Open { to: format!("/messages/{id}"), text: shortened(&log.body) },
            Cell::When(shell.when(event.parked_at)),
            Cell::Number(event.attempts.into()),
            Cell::state(event.error, "bad"),
            if shell.may_write { Cell::Buttons(buttons) } else { Cell::Nothing },
        ],
    }
}

/// What a list shows of a message; one of pictures alone still has something to press.
pub(super) fn shortened(body: &str) -> String {
    let mut text: String = body.chars().take(SHOWN).collect();
    if text.len() < body.len() {
        text.push('…');
    }
    if text.trim().is_empty() { "(no text)".to_owned() } else { text }
}

pub async fn replay(Editor(visitor): Editor, PathId(id): PathId) -> Result<Response, PageError> {
    let Visitor { actor, state, .. } = &visitor;
    match parked_events::replay(&state.app, actor, MessageLogId(id)).await? {
        Resumed::Done => Ok(go_to("/parked-events?said=replayed")),
        Resumed::NotThere => Err(ApiError::NotFound.into()),
        Resumed::NoReceiver => {
            let refused = "Its assistant has no webhook URL any more: give it one first.".to_owned();
            show_refused(&parked_page(&visitor, Page { skip: 0, limit: ROWS }, Some(refused)).await?)
        }
    }
}

/// Those whose assistant has no URL stay.
pub async fn replay_all(Editor(visitor): Editor) -> Result<Response, PageError> {
    let Visitor { actor, state, .. } = &visitor;
    match parked_events::replay_many(&state.app, actor, Which::All).await? {
        0 => {
            let refused = "None was replayed: their assistants have no webhook URL.".to_owned();
            show_refused(&parked_page(&visitor, Page { skip: 0, limit: ROWS }, Some(refused)).await?)
        }
        _ => Ok(go_to("/parked-events?said=all-replayed")),
    }
}

pub async fn ask_to_discard(
    Editor(Visitor { shell, .. }): Editor,
    PathId(id): PathId,
) -> Result<Response, PageError> {
    show(&Ask {
        shell: &shell,
        question: "Give up this event?".to_owned(),
        lines: vec![
            "The receiver of its assistant will never be told of the message.".to_owned(),
            "The message itself stays in its conversation.".to_owned(),
        ],
        button: Button {
            tone: "danger",
            ..Button::new(format!("/parked-events/{id}/discard"), "Give it up", "")
        },
        back: "/parked-events",
    })
}

pub async fn discard(
    Editor(Visitor { actor, state, .. }): Editor,
    PathId(id): PathId,
) -> Result<Response, PageError> {
    match parked_events::discard(&state.app, &actor, MessageLogId(id)).await? {
        true => Ok(go_to("/parked-events?said=discarded")),
        false => Err(ApiError::NotFound.into()),
    }
}
