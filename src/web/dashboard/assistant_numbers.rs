//! The forms of `/assistants` that give a number to an assistant and take it away.

use super::assistants::{NumberForm, page};
use super::error::{PageError, refusal};
use super::page::{Editor, Fields, Visitor, go_to, show_refused};
use super::wiring::Base;
use crate::app::phone_numbers::{self, Assigned};
use crate::model::ids::AssistantId;
use crate::model::message_log::Provider;
use crate::web::api::phone_numbers::{WHICH_CARRIER, parsed};
use crate::web::error::ApiError;
use crate::web::extract::PathId;
use axum::response::Response;

pub async fn assign_number(
    Editor(visitor): Editor,
    PathId(id): PathId,
    Base(base): Base,
    fields: Fields,
) -> Result<Response, PageError> {
    let id = AssistantId(id);
    let mut form = NumberForm {
        number: fields.text("phone_number"),
        name: fields.text("friendly_name"),
        provider: fields.text("provider"),
        refused: None,
    };
    match assign(&visitor, id, &form).await {
        Ok(()) => Ok(go_to(&format!("/assistants?said=number-assigned#assistant-{id}"))),
        Err(error) => {
            form.refused = Some(refusal(error)?);
            let mut page = page(&visitor, &base).await?;
            page.card(id).ok_or(ApiError::NotFound)?.number = form;
            show_refused(&page)
        }
    }
}

async fn assign(visitor: &Visitor, id: AssistantId, form: &NumberForm) -> Result<(), ApiError> {
    let address = parsed(&form.number)?;
    let provider = match form.provider.as_str() {
        "" => None,
        word => {
            let known = Provider::ALL.into_iter().find(|provider| provider.as_str() == word);
            Some(known.ok_or_else(|| ApiError::field("provider", "There is no such carrier"))?)
        }
    };
    let name = Some(form.name.clone()).filter(|name| !name.is_empty());
    let Visitor { actor, state, .. } = visitor;
    match phone_numbers::assign(&state.app, actor, id, address, provider, name).await? {
        Assigned::Number(_) => Ok(()),
        Assigned::NoSuchAssistant => Err(ApiError::NotFound),
        Assigned::WhichCarrier => Err(ApiError::field("provider", WHICH_CARRIER)),
    }
}

pub async fn unassign_number(
    Editor(Visitor { actor, state, .. }): Editor,
    PathId(id): PathId,
    fields: Fields,
) -> Result<Response, PageError> {
    let (id, address) = (AssistantId(id), parsed(&fields.text("phone_number"))?);
    let taken = phone_numbers::unassign(&state.app, &actor, id, address).await?;
    taken.ok_or(ApiError::NotFound)?;
    Ok(go_to(&format!("/assistants?said=number-unassigned#assistant-{id}")))
}
