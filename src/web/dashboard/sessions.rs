//! `/sessions`: those that live, and ending them.

use super::error::PageError;
use super::inbox::Found;
use super::page::{Editor, Fields, Shell, Visitor, go_to, show};
use super::paging::Paging;
use super::table::{Ask, Button, Cell, Empty, Table, TableRow};
use crate::app::conversations::{self, Patience};
use crate::app::sms_sessions::{close, count_living};
use crate::model::address::Address;
use crate::model::call::{ConversationFilter, ConversationStatus};
use crate::model::ids::{AssistantId, parse_id};
use crate::model::page::Page;
use crate::model::session::Closing;
use crate::store::{ReadError, SessionsOf};
use crate::web::error::ApiError;
use crate::web::extract::QueryParams;
use askama::Template;
use axum::response::Response;

/// Each is most of a kilobyte of page.
const ROWS: usize = 35;
const COLUMNS: &[&str] = &["Customer", "Assistant", "Our number", "Messages", "Last message", "Ends", ""];

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage<'a> {
    shell: &'a Shell,
    table: Table,
    living: u64,
}

pub async fn show_sessions(
    Visitor { actor, state, shell }: Visitor,
    query: QueryParams,
) -> Result<Response, PageError> {
    let mut query = query.filled();
    let page = query.page(ROWS, ROWS as u64);
    query.finish()?;
    let (app, ttl_seconds) = (state.app.clone(), state.app.session_ttl_seconds);
    let look = move || -> Result<_, ReadError> {
        let filter = ConversationFilter { status: Some(ConversationStatus::Active), ..Default::default() };
        let mut rows = Vec::new();
        conversations::list(&app, &actor, &filter, page, Patience::Endless, |row, names| {
            rows.push(Found::of(row, names, actor.now));
        })?;
        Ok((count_living(&app, &actor)?, rows))
    };
    let (living, found) = tokio::task::spawn_blocking(look).await??;
    let table = table(&shell, (living, ttl_seconds), page, found);
    show(&SessionsPage { shell: &shell, table, living })
}

fn table(shell: &Shell, (living, ttl_seconds): (u64, u64), page: Page, found: Vec<Found>) -> Table {
    let ends = format!(
        "A session ends {} after its last message; what the customer writes then starts a fresh conversation.",
        span(ttl_seconds)
    );
    let number = match living {
        0 => String::new(),
        1 => "1 session lives. ".to_owned(),
        many => format!("{many} sessions live. "),
    };
    let more = page.has_more(found.len(), living);
    Table {
        title: "Sessions",
        about: format!("{number}{ends}"),
        columns: COLUMNS,
        rows: found.into_iter().map(|it| row(shell, it)).collect(),
        empty: Empty::new("No session lives", "One begins when a customer writes, or is written to."),
        paging: Paging::new("/sessions", &[], page, more),
        live: true,
    }
}

/// `24 h`, `90 min`, `45 s`
fn span(seconds: u64) -> String {
    match seconds {
        whole if whole > 0 && whole % 3_600 == 0 => format!("{} h", whole / 3_600),
        whole if whole > 0 && whole % 60 == 0 => format!("{} min", whole / 60),
        other => format!("{other} s"),
    }
}

fn row(shell: &Shell, living: Found) -> TableRow {
    let button = Button::new("/sessions/clear", "Clear", format!("the session of {}", living.customer))
        .with("phone_number", living.customer.clone())
        .with("assistant_id", living.assistant_id.to_string());
    TableRow {
        id: format!("s-{}", living.id),
        cells: vec![
            Cell::Open { to: format!("/conversations/{}#end", living.id), text: living.customer },
            Cell::Text(living.assistant),
            Cell::Text(living.our_number),
            Cell::Number(living.message_count.into()),
            Cell::When(shell.when(living.last_activity)),
            Cell::When(shell.when(living.expires_at)),
            if shell.may_write { Cell::Buttons(vec![button]) } else { Cell::Nothing },
        ],
    }
}

/// Of one customer with one assistant. Nothing that was said is lost by it.
pub async fn clear_session(
    Editor(Visitor { actor, state, .. }): Editor,
    fields: Fields,
) -> Result<Response, PageError> {
    let customer = Address::parse(&fields.text("phone_number"));
    let customer = customer.map_err(|error| ApiError::field("phone_number", &error.to_string()))?;
    let assistant = parse_id(&fields.text("assistant_id")).map(AssistantId).ok_or(ApiError::NotFound)?;
    let theirs = SessionsOf::Customer(customer, assistant);
    match close(&state.app, actor.organization, theirs, Closing::Living, actor.now).await? {
        0 => Err(ApiError::NotFoundBecause("the session has ended already").into()),
        _ => Ok(go_to("/sessions?said=session-cleared")),
    }
}

pub async fn ask_to_clear_all(
    Editor(Visitor { actor, state, shell }): Editor,
) -> Result<Response, PageError> {
    let living = tokio::task::spawn_blocking(move || count_living(&state.app, &actor)).await??;
    show(&Ask {
        shell: &shell,
        question: match living {
            1 => "Clear the session that lives?".to_owned(),
            many => format!("Clear all {many} sessions?"),
        },
        lines: vec![
            "Their conversations end now, for everybody. What was said stays.".to_owned(),
            "The customers' next messages start fresh conversations, without what was said before."
                .to_owned(),
        ],
        button: Button { tone: "danger", ..Button::new("/sessions/clear-all", "Clear all sessions", "") },
        back: "/sessions",
    })
}

pub async fn clear_all(Editor(Visitor { actor, state, .. }): Editor) -> Result<Response, PageError> {
    close(&state.app, actor.organization, SessionsOf::Everyone, Closing::Living, actor.now).await?;
    Ok(go_to("/sessions?said=sessions-cleared"))
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn a_span_is_told_in_its_largest_whole_unit() {
        for (seconds, text) in [(86_400, "24 h"), (5_400, "90 min"), (61, "61 s"), (0, "0 s")] {
            assert_eq!(span(seconds), text);
        }
    }
}
