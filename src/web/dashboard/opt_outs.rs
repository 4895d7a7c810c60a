//! `/opt-outs`: who wants no more messages from which of our numbers; added and taken away.

use super::error::{PageError, sentences};
use super::page::{Editor, Fields, Shell, Visitor, go_to, show, show_refused};
use super::paging::Paging;
use super::table::{Ask, Button, Cell, Empty, Table, TableRow};
use crate::app::{opt_outs, phone_numbers};
use crate::model::address::Address;
use crate::model::opt_out::{OptOutChange, OptedOut};
use crate::model::page::Page;
use crate::web::api::opt_outs::numbers;
use crate::web::error::ApiError;
use crate::web::extract::QueryParams;
use askama::Template;
use axum::response::Response;

const ROWS: usize = 50;
const COLUMNS: &[&str] = &["Customer", "Our number", "Since", "How", ""];

#[derive(Template)]
#[template(path = "opt_outs.html")]
struct OptOutsPage<'a> {
    shell: &'a Shell,
    table: Table,
    /// Of ours, to choose from.
    ours: Vec<String>,
    /// The number whose opt-outs are shown.
    number: String,
    typed: Typed,
}

/// What was typed to add one, and why it was not.
#[derive(Default)]
struct Typed {
    ours: String,
    customer: String,
    refused: Option<String>,
}

/// Of which number which page is shown.
struct Wanted {
    number: Option<Address>,
    text: String,
    page: Page,
}

pub async fn show_opt_outs(visitor: Visitor, query: QueryParams) -> Result<Response, PageError> {
    let mut query = query.filled();
    let text = query.text("phone_number").unwrap_or_default();
    let page = query.page(ROWS, ROWS as u64);
    query.finish()?;
    let number = Address::parse(&text).ok();
    let is_wrong = number.is_none() && !text.is_empty();
    let wanted = Wanted { number, text, page };
    if is_wrong {
        let refused = Some("That is no phone number; all are shown.".to_owned());
        return show_refused(&opt_outs_page(&visitor, wanted, Typed { refused, ..Typed::default() }).await?);
    }
    show(&opt_outs_page(&visitor, wanted, Typed::default()).await?)
}

async fn opt_outs_page(
    visitor: &Visitor,
    wanted: Wanted,
    typed: Typed,
) -> Result<OptOutsPage<'_>, PageError> {
    let Visitor { actor, state, shell } = visitor;
    let Wanted { number, text, page } = wanted;
    let ours = phone_numbers::list(&state.app, actor)?;
    let is_filtered = number.is_some();
    let (app, actor) = (state.app.clone(), *actor);
    let listing = move || opt_outs::list(&app, &actor, number.as_ref(), page);
    let (total, found) = tokio::task::spawn_blocking(listing).await??;
    let more = page.has_more(found.len(), total);
    let empty = match is_filtered {
        true => Empty::filtered("/opt-outs"),
        false => Empty::new(
            "Nobody has opted out",
            "Customers who write STOP, or whom a carrier reports, are listed here by themselves.",
        ),
    };
    let table = Table {
        title: "Opt-outs",
        about: match total {
            0 => String::new(),
            1 => "1 customer gets no messages from one of our numbers, not even what is queued.".to_owned(),
            many => format!("{many} times a customer gets no messages from one of our numbers."),
        },
        columns: COLUMNS,
        rows: found.into_iter().map(|it| row(shell, it)).collect(),
        empty,
        paging: Paging::new("/opt-outs", &[("phone_number", &text)], page, more).named("Previous", "Next"),
        live: true,
    };
    let ours = ours.into_iter().map(|(number, _)| number.as_str().to_owned()).collect();
    Ok(OptOutsPage { shell, table, ours, number: text, typed })
}

fn row(shell: &Shell, opted_out: OptedOut) -> TableRow {
    let OptedOut { our_number, customer, opt_out } = opted_out;
    let (ours, customer) = (our_number.as_str(), customer.as_str());
    let button = Button::asking("/opt-outs/remove", "Remove", customer)
        .with("phone_number", ours)
        .with("customer_phone_number", customer);
    TableRow {
        id: format!("o-{}-{}", ours.trim_start_matches('+'), customer.trim_start_matches('+')),
        cells: vec![
            Cell::text(customer),
            Cell::text(ours),
            Cell::When(shell.when(opt_out.at)),
            Cell::Text(opt_out.how),
            if shell.may_write { Cell::Buttons(vec![button]) } else { Cell::Nothing },
        ],
    }
}

/// Nothing is sent to the customer from this number any more.
pub async fn add_opt_out(Editor(visitor): Editor, fields: Fields) -> Result<Response, PageError> {
    let (ours, customer) = (fields.text("phone_number"), fields.text("customer_phone_number"));
    let refused = match numbers(&ours, &customer) {
        Ok((ours, customer)) => {
            let Visitor { actor, state, .. } = &visitor;
            opt_outs::change(&state.app, actor, ours, customer, OptOutChange::Add).await?;
            return Ok(go_to("/opt-outs?said=opted-out"));
        }
        Err(error) => Some(sentences(&error)),
    };
    let all = Wanted { number: None, text: String::new(), page: Page { skip: 0, limit: ROWS } };
    show_refused(&opt_outs_page(&visitor, all, Typed { ours, customer, refused }).await?)
}

pub async fn ask_to_remove(
    Editor(Visitor { shell, .. }): Editor,
    query: QueryParams,
) -> Result<Response, PageError> {
    let text = |name: &str| query.text(name).unwrap_or_default();
    let (ours, customer) = numbers(&text("phone_number"), &text("customer_phone_number"))?;
    let button = Button::new("/opt-outs/remove", "Remove the opt-out", "")
        .with("phone_number", ours.as_str())
        .with("customer_phone_number", customer.as_str());
    show(&Ask {
        shell: &shell,
        question: format!("Send messages to {} again?", customer.as_str()),
        lines: vec![
            format!("The customer gets messages from {} again.", ours.as_str()),
            "Do so only with their consent: they asked for no more. They can also write START themselves."
                .to_owned(),
        ],
        button: Button { tone: "danger", ..button },
        back: "/opt-outs",
    })
}

pub async fn remove_opt_out(
    Editor(Visitor { actor, state, .. }): Editor,
    fields: Fields,
) -> Result<Response, PageError> {
    let (ours, customer) = numbers(&fields.text("phone_number"), &fields.text("customer_phone_number"))?;
    match opt_outs::change(&state.app, &actor, ours, customer, OptOutChange::Remove).await? {
        true => Ok(go_to("/opt-outs?said=opted-in")),
        false => Err(ApiError::NotFound.into()),
    }
}
