//! `/conversations/{id}/timeline`: what was done with the messages of a thread, the newest first.

use super::error::PageError;
use super::page::{Shell, Visitor, show};
use super::paging::Paging;
use super::step::StepView;
use crate::app::sms_logs;
use crate::model::ids::CallId;
use crate::web::error::ApiError;
use crate::web::extract::{PathId, QueryParams};
use askama::Template;
use axum::response::Response;

const STEPS: usize = 40;

#[derive(Template)]
#[template(path = "timeline.html")]
struct TimelinePage<'a> {
    shell: &'a Shell,
    id: CallId,
    steps: Vec<StepView>,
    query: String,
    paging: Paging,
}

pub async fn show_timeline(
    visitor: Visitor,
    PathId(id): PathId,
    mut query: QueryParams,
) -> Result<Response, PageError> {
    let page = query.page(STEPS, STEPS as u64);
    query.finish()?;
    let Visitor { actor, state, shell } = visitor;
    let id = CallId(id);
    let look = move || sms_logs::timeline(&state.app, &actor, id);
    let events = tokio::task::spawn_blocking(look).await??.ok_or(ApiError::NotFound)?;
    let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
    let paging = Paging::new(format!("/conversations/{id}/timeline"), &[], page, {
        events.len().saturating_sub(skip) > page.limit
    });
    let steps = events.into_iter().rev().skip(skip).take(page.limit);
    show(&TimelinePage {
        steps: steps.map(|event| StepView::of(&shell, event)).collect(),
        query: paging.here(),
        paging,
        shell: &shell,
        id,
    })
}
