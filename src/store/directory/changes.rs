//! What changes the directory, and the changes that make it what the tables say.

use crate::model::account::{ApiKey, DashboardSession, KeyHash, Organization, Usage, User};
use crate::model::address::Address;
use crate::model::assistant::{Assistant, PhoneNumber};
use crate::model::carrier_account::CarrierAccount;
use crate::model::ids::{ApiKeyId, AssistantId, OrganizationId, UserId};
use crate::model::message_log::Provider;
use crate::store::error::ReadError;
use crate::store::key::{self, SerialKey};
use crate::store::record;
use crate::store::tables::AnyTables;
use redb::ReadableTable;
use serde::de::DeserializeOwned;
use std::ops::RangeInclusive;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(in crate::store) enum DirectoryChange {
    Organization(OrganizationId, Organization),
    User(OrganizationId, UserId, User),
    ApiKey(OrganizationId, ApiKeyId, ApiKey),
    /// An import tells how a key was used elsewhere.
    Used(KeyHash, Usage),
    /// No record has this key any more.
    ApiKeyGone(KeyHash),
    SignedIn(OrganizationId, DashboardSession),
    SignedOut(KeyHash),
    Assistant(OrganizationId, AssistantId, KnownAssistant),
    PhoneNumber(OrganizationId, Address, PhoneNumber),
    CarrierAccount(OrganizationId, Provider, Option<CarrierAccount>),
    /// Everything of an organization is gone.
    Erased(OrganizationId),
}

/// What is kept of an assistant.
#[derive(Clone, Debug)]
pub(in crate::store) struct KnownAssistant {
    pub(super) name: Arc<str>,
    /// `None`: its messages are not forwarded.
    pub(super) forwards_from: Option<u64>,
}

impl From<&Assistant> for KnownAssistant {
    fn from(assistant: &Assistant) -> KnownAssistant {
        let forwards_from = assistant.receiver().map(|_| assistant.forwards_from);
        KnownAssistant { name: assistant.name.as_str().into(), forwards_from }
    }
}

/// What makes an empty directory what the tables say of one organization, or of every one.
pub(in crate::store) fn changes_to(
    tables: &impl AnyTables,
    of: Option<OrganizationId>,
) -> Result<Vec<DirectoryChange>, ReadError> {
    let mut changes = Vec::new();
    let (first, last) = key::range_of(of);
    for row in tables.organizations().range::<&[u8; 4]>(&first..=&last)? {
        let (key, bytes) = row?;
        let organization = OrganizationId(u32::from_be_bytes(*key.value()));
        let value = record::decode("organizations", bytes.value())?;
        changes.push(DirectoryChange::Organization(organization, value));
    }
    let (first, last) = key::range_of(of);
    let ids = &first..=&last;
    each("users", tables.users(), ids.clone(), |organization, id, user| {
        changes.push(DirectoryChange::User(organization, UserId(id), user));
    })?;
    each("api_keys", tables.api_keys(), ids.clone(), |organization, id, key| {
        changes.push(DirectoryChange::ApiKey(organization, ApiKeyId(id), key));
    })?;
    each("dashboard_sessions", tables.dashboard_sessions(), ids.clone(), |organization, _, session| {
        changes.push(DirectoryChange::SignedIn(organization, session));
    })?;
    each("assistants", tables.assistants(), ids.clone(), |organization, id, assistant: Assistant| {
        changes.push(DirectoryChange::Assistant(organization, AssistantId(id), (&assistant).into()));
    })?;
    each("carrier_accounts", tables.carrier_accounts(), ids, |organization, number, account| {
        if let Some(provider) = Provider::numbered(number) {
            changes.push(DirectoryChange::CarrierAccount(organization, provider, Some(account)));
        }
    })?;
    let (first, last) = key::starting_with(&of.map_or(Vec::new(), |of| key::organization(of).to_vec()));
    for row in tables.phone_numbers().range::<&[u8]>(first.as_slice()..=last.as_slice())? {
        let (key, bytes) = row?;
        let number = record::decode("phone_numbers", bytes.value())?;
        if let Some(address) = key::address_of(key.value()) {
            let organization = key::organization_of(key.value());
            changes.push(DirectoryChange::PhoneNumber(organization, address, number));
        }
    }
    Ok(changes)
}

/// Shows each record of a table that is keyed by ids.
fn each<T: DeserializeOwned>(
    name: &'static str,
    table: &impl ReadableTable<&'static SerialKey, &'static [u8]>,
    ids: RangeInclusive<&SerialKey>,
    mut visit: impl FnMut(OrganizationId, u64, T),
) -> Result<(), ReadError> {
    for row in table.range::<&SerialKey>(ids)? {
        let (key, bytes) = row?;
        let value = record::decode(name, bytes.value())?;
        visit(key::organization_of(key.value()), key::serial_id(key.value()), value);
    }
    Ok(())
}
