//! `/refused-webhooks`: what came from carriers, or seemed to, and was not taken; with what to do about it.

use super::error::PageError;
use super::page::{Manager, Shell, Visitor, show};
use super::paging::Paging;
use super::table::{Cell, Empty, Table, TablePage, TableRow};
use crate::app::refusals::Refused;
use crate::web::extract::QueryParams;
use axum::response::Response;

const COLUMNS: &[&str] = &["When", "Carrier", "Called", "Why", "What to do"];
/// A carrier's clock is this far off ours at most.
const SKEW_SECONDS: i64 = 300;

/// Each is a kilobyte of page.
const ROWS: usize = 25;

pub async fn show_refused_webhooks(
    Manager(Visitor { actor, state, shell }): Manager,
    mut query: QueryParams,
) -> Result<Response, PageError> {
    let page = query.page(ROWS, ROWS as u64);
    query.finish()?;
    let refused = state.app.refusals.list(actor.organization);
    let more = page.has_more(ROWS, refused.len() as u64);
    let shown = refused.into_iter().enumerate().skip(page.skip as usize).take(page.limit);
    let rows = shown.map(|(at, it)| row(&shell, at, it)).collect();
    let table = Table {
        title: "Refused webhooks",
        about: "The newest hundred since the server started. Anybody can send such requests, so one or two are no \
                reason to worry; a carrier whose messages do not arrive is."
            .to_owned(),
        columns: COLUMNS,
        rows,
        empty: Empty::new(
            "Nothing was refused",
            "A webhook with a wrong signature, or to a path that is not known, is listed here until the server \
             stops.",
        ),
        paging: Paging::new("/refused-webhooks", &[], page, more),
        live: false,
    };
    show(&TablePage { shell: &shell, table })
}

fn row(shell: &Shell, at: usize, refused: Refused) -> TableRow {
    let what_to_do = advice(&refused).to_owned();
    let mut facts = Vec::new();
    if let Some(skew) = refused.clock_skew_seconds {
        facts.push(("Clock skew".to_owned(), skew_text(skew)));
    }
    facts.extend(refused.headers);
    let called = Cell::Code(format!("{} {}", refused.method, refused.url));
    let more = if facts.is_empty() { Cell::Nothing } else { Cell::More { summary: "Headers", facts } };
    TableRow {
        id: format!("r-{at}"),
        cells: vec![
            Cell::When(shell.when(refused.at)),
            Cell::maybe(refused.carrier, Cell::text),
            Cell::Several(vec![called, more]),
            Cell::state(refused.reason, "bad"),
            Cell::Text(what_to_do),
        ],
    }
}

/// How far the request's own time is behind our clock.
fn skew_text(seconds: i64) -> String {
    let way = if seconds < 0 { "ahead of" } else { "behind" };
    format!("{} s {way} this server's clock", seconds.unsigned_abs())
}

fn advice(refused: &Refused) -> &'static str {
    let has = |text: &str| refused.reason.contains(text);
    match refused.carrier {
        _ if has("no such path") => {
            "If a carrier of yours sent it, set the webhook's URL there to the one that is named here."
        }
        _ if refused.clock_skew_seconds.is_some_and(|skew| skew.abs() > SKEW_SECONDS) => {
            "Compare this machine's clock with the right time. If it is right, the request was old: replayed, or \
             held up on its way."
        }
        _ if has("no secret is configured") => {
            "Set the setting that is named here, or the organization's own account by PUT /api/v1/carriers/{carrier}."
        }
        _ if has("header is missing") || has("parameter") => {
            "The request was not signed: switch signing on at the carrier, and see that no proxy takes headers away."
        }
        _ if has("another account") => {
            "The carrier's account is not one that is configured here: compare its id with the one in the \
             configuration, or in the organization's own account (smslite carrier)."
        }
        Some("twilio") => {
            "Compare the URL, letter by letter, with the one at the carrier. If it differs in its host or in https, \
             set public_url, or let the proxy tell it. If it is the same, the secret is another one."
        }
        _ => {
            "Compare the secret or key here with the one that the carrier shows. It may have been changed there."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carriers::Refusal;
    use crate::model::time::Timestamp;

    #[test]
    fn what_to_do_follows_from_why_it_was_refused() {
        let mismatch = Refusal::SignatureMismatch { over: "the URL".to_owned() };
        for (carrier, refusal, skew, says) in [
            (Some("twilio"), mismatch.clone(), None, "public_url"),
            (Some("telnyx"), mismatch.clone(), Some(2), "secret or key"),
            (Some("telnyx"), mismatch, Some(-301), "clock"),
            (Some("twilio"), Refusal::NoSecret { setting: "x" }, None, "setting"),
            (Some("twilio"), Refusal::MissingHeader("X-Twilio-Signature"), None, "not signed"),
            (Some("vonage"), Refusal::MissingParameter("sig"), None, "not signed"),
            (Some("vonage"), Refusal::OtherAccount, None, "compare its id"),
        ] {
            let (reason, url) = (refusal.to_string(), String::new());
            let at = Timestamp(0);
            let (method, headers) = ("POST".to_owned(), Vec::new());
            let refused = Refused { at, carrier, method, url, reason, clock_skew_seconds: skew, headers };
            assert!(advice(&refused).contains(says), "{}: {}", refused.reason, advice(&refused));
        }
    }
}
