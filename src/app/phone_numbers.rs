//! Phone numbers: giving them to assistants, taking them, listing them.

use super::App;
use crate::model::account::Actor;
use crate::model::address::Address;
use crate::model::assistant::PhoneNumber;
use crate::model::ids::AssistantId;
use crate::model::message_log::Provider;
use crate::store::{AssignNumber, AssignNumberOutcome, ReadError, StoreError, UnassignNumber};

/// Gives a number to an assistant. `None`: there is no such assistant.
pub async fn assign(
    app: &App,
    actor: &Actor,
    assistant_id: AssistantId,
    number: Address,
    provider: Option<Provider>,
    friendly_name: Option<String>,
) -> Result<Option<PhoneNumber>, StoreError> {
    let command = AssignNumber {
        organization: actor.organization,
        number,
        assistant_id,
        provider,
        friendly_name,
        now: actor.now,
    };
    match app.store.execute(command).await? {
        AssignNumberOutcome::Assigned(number) => Ok(Some(number)),
        AssignNumberOutcome::NoSuchAssistant => Ok(None),
    }
}

/// Takes a number from an assistant. `None`: it does not have it.
pub async fn unassign(
    app: &App,
    actor: &Actor,
    assistant_id: AssistantId,
    number: Address,
) -> Result<Option<PhoneNumber>, StoreError> {
    let command = UnassignNumber { organization: actor.organization, number, assistant_id, now: actor.now };
    app.store.execute(command).await
}

pub fn list(app: &App, actor: &Actor) -> Result<Vec<(Address, PhoneNumber)>, ReadError> {
    app.store.snapshot()?.phone_numbers(actor.organization)
}
