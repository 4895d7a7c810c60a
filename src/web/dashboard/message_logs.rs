//! `/message-logs`: each message as its carrier has it, with the API's filters, and how many there were by day.

use super::chart::Chart;
use super::error::{PageError, sentences};
use super::page::{Shell, Visitor, show, show_refused};
use super::paging::Paging;
use super::parked_events::shortened;
use super::table::{Cell, Empty, Table, TableRow, counted};
use crate::app::{assistants, sms_logs};
use crate::model::call::Direction;
use crate::model::ids::MessageLogId;
use crate::model::message_log::{DeliveryStatus, LogFilter, LogView, Provider};
use crate::model::page::Page;
use crate::model::time::Timestamp;
use crate::store::ReadError;
use crate::web::api::sms_logs::filter;
use crate::web::extract::QueryParams;
use askama::Template;
use axum::response::Response;

/// Each is some half a kilobyte of page.
const ROWS: usize = 25;
/// So many days are in the chart.
const DAYS: u32 = 14;
const COLUMNS: &[&str] = &["When", "Direction", "From", "To", "Message", "Carrier", "Segments", "Status"];
/// The filters as the API names them.
const FILTERS: [&str; 9] = [
    "search",
    "direction",
    "provider",
    "status",
    "assistant_id",
    "from_number",
    "to_number",
    "date_from",
    "date_to",
];

#[derive(Template)]
#[template(path = "message_logs.html")]
struct LogsPage<'a> {
    shell: &'a Shell,
    table: Table,
    typed: Typed,
    assistants: Vec<(String, String)>,
    /// Whether the chart is asked for: on the first page, if there are any messages.
    with_chart: bool,
    refused: Option<String>,
}

/// The filters as they were asked for.
struct Typed(Vec<(&'static str, String)>);

impl Typed {
    fn of(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text)
    }

    /// Whether some are set that are not needed often.
    fn is_special(&self) -> bool {
        FILTERS[4..].iter().any(|name| !self.of(name).is_empty())
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|(_, text)| text.is_empty())
    }

    /// The words of a filter, and which is chosen.
    fn directions(&self) -> Vec<(&'static str, bool)> {
        self.choices("direction", Direction::ALL.map(Direction::as_str))
    }

    fn carriers(&self) -> Vec<(&'static str, bool)> {
        self.choices("provider", Provider::ALL.map(Provider::as_str))
    }

    fn statuses(&self) -> Vec<(&'static str, bool)> {
        self.choices("status", DeliveryStatus::ALL.map(DeliveryStatus::as_str))
    }

    fn choices<const N: usize>(&self, name: &str, words: [&'static str; N]) -> Vec<(&'static str, bool)> {
        words.into_iter().map(|word| (word, word == self.of(name))).collect()
    }

    /// A date has a field for dates; a time of the day is text.
    fn kind(&self, name: &str) -> &'static str {
        if self.of(name).len() > 10 { "text" } else { "date" }
    }
}

/// A log as the list shows it.
struct Line {
    id: MessageLogId,
    at: Timestamp,
    direction: Direction,
    from: String,
    to: String,
    body: String,
    provider: Provider,
    segments: u32,
    status: DeliveryStatus,
    error: Option<String>,
}

impl Line {
    fn new(id: MessageLogId, log: &LogView<'_>) -> Line {
        let body = match (log.body, log.media_urls.len()) {
            ("", 1) => "(a file)".to_owned(),
            ("", files @ 2..) => format!("({files} files)"),
            (body, _) => shortened(body),
        };
        let error = match (log.error_code, log.error_message) {
            (Some(code), Some(message)) => Some(format!("{code}: {message}")),
            (code, message) => code.or(message).map(str::to_owned),
        };
        Line {
            id,
            at: log.created_at,
            direction: log.direction,
            from: log.from.to_owned(),
            to: log.to.to_owned(),
            body,
            provider: log.provider,
            segments: log.segment_count,
            status: log.status,
            error,
        }
    }
}

pub async fn show_message_logs(visitor: Visitor, query: QueryParams) -> Result<Response, PageError> {
    let mut query = query.filled();
    let typed = FILTERS.map(|name| (name, query.text(name).unwrap_or_default()));
    let typed = Typed(typed.into());
    let wanted = filter(&mut query);
    let page = query.page(ROWS, ROWS as u64);
    match query.finish() {
        Ok(()) => show(&logs_page(&visitor, typed, Some(wanted), page, None).await?),
        Err(wrong) => {
            let refused = Some(sentences(&wrong));
            show_refused(&logs_page(&visitor, typed, None, page, refused).await?)
        }
    }
}

/// Without a filter nothing is listed: what was typed is none.
async fn logs_page(
    Visitor { actor, state, shell }: &Visitor,
    typed: Typed,
    filter: Option<LogFilter>,
    page: Page,
    refused: Option<String>,
) -> Result<LogsPage<'_>, PageError> {
    let names = assistants::list(&state.app, actor)?;
    let (app, actor) = (state.app.clone(), *actor);
    let is_first = page.skip == 0 && filter.is_some();
    let look = move || -> Result<_, ReadError> {
        let mut lines = Vec::new();
        let total = match filter {
            Some(filter) => sms_logs::list(&app, &actor, &filter, (page, u64::MAX), |id, log, _| {
                lines.push(Line::new(id, log));
            })?,
            None => None,
        };
        Ok((total.unwrap_or(0), lines))
    };
    let (total, lines) = tokio::task::spawn_blocking(look).await??;
    let with_chart = is_first && (total > 0 || !typed.is_empty());
    let table = table(shell, &typed, page, (total, lines));
    let assistants = names.into_iter().map(|(id, it)| (id.to_string(), it.name)).collect();
    Ok(LogsPage { shell, table, typed, assistants, with_chart, refused })
}

#[derive(Template)]
#[template(path = "by_day.html")]
struct ByDayPage<'a> {
    shell: &'a Shell,
    /// None: there was no message.
    chart: Option<Chart>,
}

/// The chart, which the page of the logs takes out of this one: counting takes longer than a page may.
pub async fn show_by_day(visitor: Visitor) -> Result<Response, PageError> {
    let Visitor { actor, state, shell } = visitor;
    let zone = shell.zone_minutes();
    let look = move || sms_logs::by_day(&state.app, &actor, DAYS, zone);
    let days = tokio::task::spawn_blocking(look).await??;
    let chart = days.iter().any(|day| !day.providers.is_empty()).then(|| Chart::new(&days));
    show(&ByDayPage { shell: &shell, chart })
}

fn table(shell: &Shell, typed: &Typed, page: Page, (total, lines): (u64, Vec<Line>)) -> Table {
    let fields: Vec<(&str, &str)> = typed.0.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let paging = Paging::new("/message-logs", &fields, page, page.has_more(lines.len(), total));
    let empty = match typed.is_empty() {
        true => {
            Empty::new("No messages yet", "Each message in or out is listed here, as its carrier has it.")
        }
        false => Empty::filtered("/message-logs"),
    };
    Table {
        title: "Message logs",
        about: match (total, typed.is_empty()) {
            (0, _) => String::new(),
            (total, true) => counted(total, "message"),
            (1, false) => "1 message matches".to_owned(),
            (many, false) => format!("{many} messages match"),
        },
        columns: COLUMNS,
        rows: lines.into_iter().map(|line| row(shell, line)).collect(),
        empty,
        paging,
        live: true,
    }
}

fn row(shell: &Shell, line: Line) -> TableRow {
    let tone = match line.status {
        status if status.is_failure() => "bad",
        DeliveryStatus::Delivered | DeliveryStatus::Received => "good",
        _ => "",
    };
    let status = Cell::state(line.status.as_str(), tone);
    TableRow {
        id: format!("l-{}", line.id),
        cells: vec![
            Cell::When(shell.when(line.at)),
            Cell::text(line.direction.as_str()),
            Cell::Text(line.from),
            Cell::Text(line.to),
            Cell::Open { to: format!("/messages/{}", line.id), text: line.body },
            Cell::text(line.provider.as_str()),
            Cell::Number(line.segments.into()),
            match line.error {
                Some(error) => Cell::Several(vec![status, Cell::Dim(error)]),
                None => status,
            },
        ],
    }
}
