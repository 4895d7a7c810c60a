//! Phone numbers: giving them to assistants, taking them, listing them.

use super::{App, carriers};
use crate::model::account::Actor;
use crate::model::address::Address;
use crate::model::assistant::PhoneNumber;
use crate::model::ids::AssistantId;
use crate::model::message_log::Provider;
use crate::store::{AssignNumber, AssignNumberOutcome, ReadError, StoreError, UnassignNumber};

/// What became of a number that was to be an assistant's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assigned {
    Number(PhoneNumber),
    NoSuchAssistant,
    /// It is new, and more than one carrier could be its.
    WhichCarrier,
}

/// Gives a number to an assistant.
pub async fn assign(
    app: &App,
    actor: &Actor,
    assistant_id: AssistantId,
    number: Address,
    provider: Option<Provider>,
    friendly_name: Option<String>,
) -> Result<Assigned, StoreError> {
    let known = app.store.directory().view().has_number(actor.organization, &number);
    let provider = match provider {
        None if !known => match carriers::usual(app, actor.organization) {
            None => return Ok(Assigned::WhichCarrier),
            usual => usual,
        },
        given => given,
    };
    let command = AssignNumber {
        organization: actor.organization,
        number,
        assistant_id,
        provider,
        friendly_name,
        now: actor.now,
    };
    match app.store.execute(command).await? {
        AssignNumberOutcome::Assigned(number) => Ok(Assigned::Number(number)),
        AssignNumberOutcome::NoSuchAssistant => Ok(Assigned::NoSuchAssistant),
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
