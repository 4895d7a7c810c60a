//! `/messages/{log_id}`: one message at its carrier, what was done with it step by step, and what the carrier sent.

use super::error::PageError;
use super::page::{Shell, Visitor, show};
use super::step::StepView;
use super::when::When;
use crate::app::sms_logs::{self, NamedLog};
use crate::model::call::Direction;
use crate::model::ids::{AuditId, MessageLogId};
use crate::model::message_log::RawPayload;
use crate::store::ReadError;
use crate::web::error::ApiError;
use crate::web::extract::PathId;
use askama::Template;
use axum::response::Response;
use serde_json::Value;

/// More than a message ever has; a carrier that goes on and on fills no page.
const RECEIPTS: usize = 10;

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    shell: &'a Shell,
    named: NamedLog,
    ours: bool,
    at: When,
    updated: When,
    steps: Vec<StepView>,
    /// What came later: receipts.
    receipts: Vec<Payload>,
    payload: Option<Payload>,
}

/// What the carrier sent, for people.
struct Payload {
    at: When,
    request: String,
    content_type: String,
    /// A form's fields as they are meant.
    fields: Vec<(String, String)>,
    /// As it came; JSON with a line a field.
    body: String,
}

pub async fn show_message(visitor: Visitor, PathId(id): PathId) -> Result<Response, PageError> {
    let Visitor { actor, state, shell } = visitor;
    let id = MessageLogId(id);
    let (named, payload) = sms_logs::get(&state.app, &actor, id)?.ok_or(ApiError::NotFound)?;
    // Those of a long thread take a while.
    let look = move || -> Result<_, ReadError> {
        let steps = sms_logs::steps(&state.app, &actor, id)?.unwrap_or_default();
        let ids = steps.iter().filter_map(|step| u64::try_from(step.id).ok());
        let payloads =
            ids.filter_map(|id| sms_logs::step_payload(&state.app, &actor, AuditId(id)).transpose());
        let payloads = payloads.take(RECEIPTS).collect::<Result<Vec<_>, _>>()?;
        Ok((steps, payloads))
    };
    let (steps, receipts) = tokio::task::spawn_blocking(look).await??;
    show(&MessagePage {
        at: shell.when(named.log.created_at),
        updated: shell.when(named.log.updated_at),
        ours: named.log.direction == Direction::Outbound,
        steps: steps.into_iter().map(|event| StepView::of(&shell, event)).collect(),
        receipts: receipts.iter().map(|payload| shown(&shell, payload)).collect(),
        payload: payload.map(|payload| shown(&shell, &payload)),
        shell: &shell,
        named,
    })
}

fn shown(shell: &Shell, payload: &RawPayload) -> Payload {
    let is = |kind: &str| payload.content_type.to_ascii_lowercase().starts_with(kind);
    let form = match is("application/x-www-form-urlencoded") {
        true => payload.body.as_slice(),
        // A carrier that calls with GET says all in the query.
        false => payload.path_and_query.split_once('?').map_or(&b""[..], |(_, query)| query.as_bytes()),
    };
    let fields = form_urlencoded::parse(form).map(|(name, value)| (name.into_owned(), value.into_owned()));
    let text = String::from_utf8_lossy(&payload.body).into_owned();
    let pretty = |text: &str| {
        let value: Value = serde_json::from_str(text).ok()?;
        serde_json::to_string_pretty(&value).ok()
    };
    Payload {
        at: shell.when(payload.received_at),
        request: format!("{} {}", payload.method, payload.path_and_query),
        content_type: payload.content_type.clone(),
        fields: fields.collect(),
        body: if is("application/json") { pretty(&text).unwrap_or(text) } else { text },
    }
}
