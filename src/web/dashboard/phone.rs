//! `/phone`: somebody writes as any customer to one of our numbers, by the carrier's real webhook, and sees what the
//! customer gets and what the server does.

use super::conversation::{Day, days};
use super::error::PageError;
use super::page::{Editor, Fields, Shell, Visitor, sentences, show, show_refused};
use super::step::StepView;
use crate::app::conversations::{self, Patience};
use crate::app::{assistants, phone_numbers, sms_logs};
use crate::model::address::{Address, AddressQuery};
use crate::model::call::ConversationFilter;
use crate::model::ids::{AssistantId, CallId, MessageLogId};
use crate::model::message_log::DeliveryStatus;
use crate::model::page::Page;
use crate::web::error::ApiError;
use crate::web::extract::QueryParams;
use crate::web::webhooks::phone::{allowed, customer_writes};
use crate::web::webhooks::played::Exchange;
use crate::web::webhooks::told::{Became, carrier_tells};
use askama::Template;
use axum::response::Response;

const MESSAGES: u32 = 30;
const STEPS: usize = 25;
/// Among so many conversations of a customer the one with the number is looked for.
const CONVERSATIONS: usize = 50;
/// A customer for whoever has none in mind, of the numbers that are kept for stories.
const SOMEBODY: &str = "+15555550142";
/// Customers that the sandbox treats in their own way.
const SPECIAL: [(&str, &str); 6] = [
    (SOMEBODY, "anybody: delivered at once"),
    ("+15005550011", "slow: 30 seconds to each receipt"),
    ("+15005550015", "nothing is ever heard of it"),
    ("+15005550012", "undelivered"),
    ("+15005550013", "failed"),
    ("+15005550014", "taken at the third attempt"),
];

#[derive(Template)]
#[template(path = "phone.html")]
struct PhonePage<'a> {
    shell: &'a Shell,
    from: String,
    to: String,
    text: String,
    said: Option<String>,
    refused: Option<String>,
    numbers: Vec<Number>,
    special: [(&'static str, &'static str); 6],
    conversation: Option<CallId>,
    days: Vec<Day>,
    steps: Vec<StepView>,
    exchanges: Vec<Exchange>,
    /// What the panes are asked for by again.
    query: String,
}

/// One of our numbers.
struct Number {
    number: String,
    assistant: String,
    /// Whose it is.
    answers: Option<AssistantId>,
    provider: &'static str,
    /// Why it cannot be written to from here.
    why_not: Option<&'static str>,
}

/// What was just done.
#[derive(Default)]
struct Done {
    text: String,
    said: Option<String>,
    refused: Option<String>,
    exchanges: Vec<Exchange>,
}

pub async fn show_phone(Editor(visitor): Editor, query: QueryParams) -> Result<Response, PageError> {
    let given = |name: &str| query.text(name).unwrap_or_default();
    show(&page(&visitor, &given("from"), &given("to"), Done::default()).await?)
}

/// Writes as the customer.
pub async fn write(Editor(visitor): Editor, fields: Fields) -> Result<Response, PageError> {
    let (from, to, text) = (fields.text("from"), fields.text("to"), fields.verbatim("body"));
    let done = match bring(&visitor, &from, &to, &text).await {
        Ok(exchanges) => Done { exchanges, ..Done::default() },
        Err(error) => {
            let done = Done { text, refused: Some(sentence(error)?), ..Done::default() };
            return show_refused(&page(&visitor, &from, &to, done).await?);
        }
    };
    show(&page(&visitor, &from, &to, done).await?)
}

async fn bring(visitor: &Visitor, from: &str, to: &str, text: &str) -> Result<Vec<Exchange>, ApiError> {
    let address = |name: &str, text: &str| {
        Address::parse(text).map_err(|_| ApiError::field(name, "Input should be a phone number"))
    };
    let (from, to) = (address("from", from)?, address("to", to)?);
    let Visitor { actor, state, .. } = visitor;
    Ok(customer_writes(state, actor, &from, &to, text, &[]).await?.exchanges)
}

/// Tells the status of a message of ours, as its carrier.
pub async fn tell(Editor(visitor): Editor, fields: Fields) -> Result<Response, PageError> {
    let log = fields.text("log_id").parse().map(MessageLogId).map_err(|_| ApiError::NotFound)?;
    let (word, code) = (fields.text("status"), fields.text("error_code"));
    let status = DeliveryStatus::ALL.into_iter().find(|status| status.as_str() == word);
    let status = status.ok_or_else(|| ApiError::field("status", "Input should be a status"))?;
    let code = Some(code.as_str()).filter(|code| !code.is_empty());
    let (from, to) = (fields.text("from"), fields.text("to"));
    let done = match carrier_tells(&visitor.state, &visitor.actor, log, status, code).await {
        Ok(told) => Done {
            said: Some(became(told.became)),
            exchanges: told.exchange.into_iter().collect(),
            ..Done::default()
        },
        Err(error) => Done { refused: Some(sentence(error)?), ..Done::default() },
    };
    show(&page(&visitor, &from, &to, done).await?)
}

fn became(became: Became) -> String {
    match became {
        Became::Moved(status) => format!("The message is {} now.", status.as_str()),
        Became::TooLate(status) => {
            format!("It stays {}: receipts move a status forward only.", status.as_str())
        }
        Became::Unknown(_) => "The receipt was kept; no message is known by the carrier's id.".to_owned(),
        Became::Refused(_) => "The webhook was refused; the answer tells why.".to_owned(),
    }
}

/// What somebody can mend, in words; anything else is a page of its own.
fn sentence(error: ApiError) -> Result<String, PageError> {
    match error {
        ApiError::Invalid(_)
        | ApiError::Unprocessable(_)
        | ApiError::Conflict(_)
        | ApiError::NotFoundBecause(_) => Ok(sentences(&error)),
        error => Err(error.into()),
    }
}

async fn page<'a>(
    visitor: &'a Visitor,
    from: &str,
    to: &str,
    done: Done,
) -> Result<PhonePage<'a>, PageError> {
    let Visitor { actor, state, shell } = visitor;
    let numbers = numbers(visitor)?;
    let from = if from.is_empty() { SOMEBODY } else { from };
    let usable = || {
        let open = numbers.iter().filter(|number| number.why_not.is_none() && number.answers.is_some());
        open.min_by_key(|number| number.answers).or(numbers.first())
    };
    let to = match to {
        "" => usable().map(|number| number.number.clone()).unwrap_or_default(),
        to => to.to_owned(),
    };
    let conversation = conversation(visitor, from, &to).await?;
    let (mut messages, mut steps) = (Vec::new(), Vec::new());
    if let Some(id) = conversation {
        let (app, actor) = (state.app.clone(), *actor);
        let look = move || {
            let thread = conversations::thread(&app, &actor, id, None, MESSAGES)?;
            let timeline = sms_logs::timeline(&app, &actor, id)?.unwrap_or_default();
            Ok::<_, ApiError>((thread.map_or(Vec::new(), |thread| thread.messages), timeline))
        };
        let (thread, timeline) = tokio::task::spawn_blocking(look).await??;
        messages = thread;
        steps = timeline.into_iter().rev().take(STEPS).map(|event| StepView::of(shell, event)).collect();
    }
    let query = form_urlencoded::Serializer::new("/phone?".to_owned())
        .append_pair("from", from)
        .append_pair("to", &to)
        .finish();
    Ok(PhonePage {
        shell,
        from: from.to_owned(),
        to,
        text: done.text,
        said: done.said,
        refused: done.refused,
        numbers,
        special: SPECIAL,
        conversation,
        days: days(shell, messages),
        steps,
        exchanges: done.exchanges,
        query,
    })
}

fn numbers(visitor: &Visitor) -> Result<Vec<Number>, PageError> {
    let Visitor { actor, state, .. } = visitor;
    let names = assistants::list(&state.app, actor)?;
    let known = phone_numbers::list(&state.app, actor)?.into_iter().map(|(number, it)| {
        let assistant = names.iter().find(|(id, _)| it.assistant_id == Some(*id));
        Number {
            number: number.as_str().to_owned(),
            assistant: assistant.map_or("nobody", |(_, assistant)| &assistant.name).to_owned(),
            answers: assistant.map(|(id, _)| *id),
            provider: it.provider.as_str(),
            why_not: allowed(&state.settings, it.provider).err(),
        }
    });
    Ok(known.collect())
}

/// The newest one of the customer with the number.
async fn conversation(visitor: &Visitor, from: &str, to: &str) -> Result<Option<CallId>, PageError> {
    let (Ok(from), Ok(to)) = (Address::parse(from), Address::parse(to)) else { return Ok(None) };
    let filter =
        ConversationFilter { customer: AddressQuery::parse(from.as_str()), ..ConversationFilter::default() };
    let (app, actor) = (visitor.state.app.clone(), visitor.actor);
    let look = move || {
        let (mut found, page) = (None, Page { skip: 0, limit: CONVERSATIONS });
        conversations::list(&app, &actor, &filter, page, Patience::Endless, |row, _| {
            if row.our_number == to.as_str() && row.customer == from.as_str() {
                found = found.or(Some(row.id));
            }
        })?;
        Ok::<_, ApiError>(found)
    };
    Ok(tokio::task::spawn_blocking(look).await??)
}
