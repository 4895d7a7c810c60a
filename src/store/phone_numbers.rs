//! Phone numbers: the commands that give them to assistants and take them, and their reads.

use super::assistants::assistant;
use super::directory::DirectoryChange;
use super::error::ReadError;
use super::key;
use super::record;
use super::snapshot::Snapshot;
use super::transaction::{Command, Tx, TxError};
use crate::model::address::Address;
use crate::model::assistant::PhoneNumber;
use crate::model::feed::FeedEvent;
use crate::model::ids::{AssistantId, OrganizationId, PhoneNumberId};
use crate::model::message_log::Provider;
use crate::model::time::Timestamp;
use redb::ReadableTable;

/// Gives a number to an assistant, whether the number is new or another assistant had it.
#[derive(Clone, Debug)]
pub struct AssignNumber {
    pub organization: OrganizationId,
    pub number: Address,
    pub assistant_id: AssistantId,
    /// `None` keeps the carrier that a known number has; a new one is Twilio's.
    pub provider: Option<Provider>,
    /// `None` keeps the name that a known number has.
    pub friendly_name: Option<String>,
    pub now: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssignNumberOutcome {
    Assigned(PhoneNumber),
    NoSuchAssistant,
}

impl Command for AssignNumber {
    type Outcome = AssignNumberOutcome;
    const NAME: &'static str = "assign_number";

    fn run(&self, tx: &mut Tx<'_>) -> Result<AssignNumberOutcome, TxError> {
        if assistant(tx, self.organization, self.assistant_id)?.is_none() {
            return Ok(AssignNumberOutcome::NoSuchAssistant);
        }
        let known = phone_number(tx, self.organization, &self.number)?;
        let number = match known {
            Some(known) => PhoneNumber {
                provider: self.provider.unwrap_or(known.provider),
                assistant_id: Some(self.assistant_id),
                friendly_name: self.friendly_name.clone().or(known.friendly_name),
                is_active: true,
                updated_at: self.now,
                ..known
            },
            None => PhoneNumber {
                id: next_number_id(tx, self.organization)?,
                provider: self.provider.unwrap_or(Provider::Twilio),
                assistant_id: Some(self.assistant_id),
                friendly_name: self.friendly_name.clone(),
                is_active: true,
                created_at: self.now,
                updated_at: self.now,
            },
        };
        put_number(tx, self.organization, &self.number, &number)?;
        tx.append_feed(self.organization, self.now, FeedEvent::PhoneNumberChanged(number.id))?;
        Ok(AssignNumberOutcome::Assigned(number))
    }
}

/// Takes a number from the assistant that has it.
#[derive(Clone, Debug)]
pub struct UnassignNumber {
    pub organization: OrganizationId,
    pub number: Address,
    pub assistant_id: AssistantId,
    pub now: Timestamp,
}

impl Command for UnassignNumber {
    /// The number as it is now; `None`: this assistant does not have it.
    type Outcome = Option<PhoneNumber>;
    const NAME: &'static str = "unassign_number";

    fn run(&self, tx: &mut Tx<'_>) -> Result<Option<PhoneNumber>, TxError> {
        let known = phone_number(tx, self.organization, &self.number)?;
        match known.filter(|known| known.assistant_id == Some(self.assistant_id)) {
            Some(known) => unassign(tx, self.organization, &self.number, known, self.now).map(Some),
            None => Ok(None),
        }
    }
}

pub(super) fn unassign(
    tx: &mut Tx<'_>,
    organization: OrganizationId,
    address: &Address,
    known: PhoneNumber,
    now: Timestamp,
) -> Result<PhoneNumber, TxError> {
    let number = PhoneNumber { assistant_id: None, updated_at: now, ..known };
    put_number(tx, organization, address, &number)?;
    tx.append_feed(organization, now, FeedEvent::PhoneNumberChanged(number.id))?;
    Ok(number)
}

pub(super) fn next_number_id(
    tx: &mut Tx<'_>,
    organization: OrganizationId,
) -> Result<PhoneNumberId, TxError> {
    let sequences = tx.sequences(organization)?;
    sequences.phone_number += 1;
    Ok(PhoneNumberId(sequences.phone_number))
}

pub(super) fn phone_number(
    tx: &Tx<'_>,
    organization: OrganizationId,
    number: &Address,
) -> Result<Option<PhoneNumber>, TxError> {
    let key = key::address(organization, number);
    let stored = tx.tables.phone_numbers.get(key.as_slice())?;
    Ok(stored.map(|bytes| record::decode("phone_numbers", bytes.value())).transpose()?)
}

pub(super) fn put_number(
    tx: &mut Tx<'_>,
    organization: OrganizationId,
    address: &Address,
    number: &PhoneNumber,
) -> Result<(), TxError> {
    let key = key::address(organization, address);
    let (tables, bytes) = tx.encoded(number);
    tables.phone_numbers.insert(key.as_slice(), bytes)?;
    tx.changes.push(DirectoryChange::PhoneNumber(organization, address.clone(), number.clone()));
    Ok(())
}

/// Every number of the organization, in the order of the numbers.
pub(super) fn numbers(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    organization: OrganizationId,
) -> Result<Vec<(Address, PhoneNumber)>, ReadError> {
    let (from, to) = key::starting_with(&key::organization(organization));
    let rows = table.range(from.as_slice()..=to.as_slice())?.map(|row| {
        let (key, bytes) = row?;
        let number = key::address_of(key.value()).ok_or_else(|| ReadError::Damaged {
            table: "phone_numbers",
            reason: "the key is no number".to_owned(),
        })?;
        Ok((number, record::decode("phone_numbers", bytes.value())?))
    });
    rows.collect()
}

impl Snapshot {
    pub fn phone_number(
        &self,
        organization: OrganizationId,
        number: &Address,
    ) -> Result<Option<PhoneNumber>, ReadError> {
        let stored = self.tables.phone_numbers.get(key::address(organization, number).as_slice())?;
        stored.map(|bytes| record::decode("phone_numbers", bytes.value())).transpose()
    }

    /// Every number of the organization, in the order of the numbers.
    pub fn phone_numbers(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<(Address, PhoneNumber)>, ReadError> {
        numbers(&self.tables.phone_numbers, organization)
    }
}
