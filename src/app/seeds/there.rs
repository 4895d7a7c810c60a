//! What an organization has already, as a seed recognises it.

use crate::model::account::{ApiKey, KeyHash, Organization, Role, User};
use crate::model::address::{Address, AddressQuery};
use crate::model::assistant::{Assistant, PhoneNumber};
use crate::model::call::{CallFilter, Channel};
use crate::model::ids::{ApiKeyId, AssistantId, CallId, OrganizationId, UserId};
use crate::model::message_log::Provider;
use crate::model::page::Page;
use crate::model::time::Timestamp;
use crate::store::{ReadError, Sequences, SnapshotView, Store};
use std::collections::HashMap;
use std::sync::Arc;

/// Conversations of one customer.
const MOST_CALLS: usize = 1_000_000;

#[derive(Default)]
pub(super) struct There<'s> {
    snapshot: Option<(&'s SnapshotView, OrganizationId)>,
    /// What the first start made may get another name, as long as the organization holds nothing.
    pub(super) bare: Option<Arc<Organization>>,
    pub(super) sequences: Sequences,
    pub(super) users: Vec<(UserId, User)>,
    pub(super) keys: Vec<(ApiKeyId, ApiKey)>,
    assistants: Vec<(AssistantId, Assistant)>,
    numbers: HashMap<Address, PhoneNumber>,
    carriers: Vec<Provider>,
}

/// Who talks with whom on what.
pub(super) type Pair = (Channel, Address, Address);

impl<'s> There<'s> {
    pub(super) fn nothing() -> There<'static> {
        There::default()
    }

    pub(super) fn look(
        store: &Store,
        snapshot: &'s SnapshotView,
        organization: OrganizationId,
    ) -> Result<There<'s>, ReadError> {
        let bare = snapshot.is_bare(organization)?;
        let named = || store.directory().view().organization(organization).cloned();
        let mut assistants = snapshot.assistants(organization)?;
        assistants.retain(|(_, assistant)| !assistant.is_deleted());
        let carriers = snapshot.carrier_accounts(organization)?;
        Ok(There {
            snapshot: Some((snapshot, organization)),
            bare: bare.then(named).flatten(),
            sequences: snapshot.sequences(organization)?,
            users: snapshot.users(organization)?,
            keys: snapshot.api_keys(organization)?,
            assistants,
            numbers: snapshot.phone_numbers(organization)?.into_iter().collect(),
            carriers: carriers.into_iter().map(|(provider, _)| provider).collect(),
        })
    }

    pub(super) fn is_new(&self) -> bool {
        self.snapshot.is_none()
    }

    pub(super) fn first_admin(&self) -> Option<UserId> {
        let administers = |user: &User| user.role == Role::Admin && user.is_active;
        self.users.iter().find(|(_, user)| administers(user)).map(|(id, _)| *id)
    }

    pub(super) fn user(&self, email: &str) -> Option<UserId> {
        self.users.iter().find(|(_, user)| user.email.eq_ignore_ascii_case(email)).map(|(id, _)| *id)
    }

    pub(super) fn key(&self, secret: Option<&str>, owner: UserId, name: &str) -> Option<&(ApiKeyId, ApiKey)> {
        let hash = secret.map(KeyHash::of);
        self.keys.iter().find(|(_, key)| match hash {
            Some(hash) => key.hash == hash,
            None => key.user_id == owner && key.name == name,
        })
    }

    pub(super) fn assistant(&self, name: &str) -> Option<AssistantId> {
        self.assistants.iter().find(|(_, assistant)| assistant.name == name).map(|(id, _)| *id)
    }

    pub(super) fn number(&self, number: &Address) -> Option<&PhoneNumber> {
        self.numbers.get(number)
    }

    pub(super) fn has_carrier(&self, provider: Provider) -> bool {
        self.carriers.contains(&provider)
    }

    pub(super) fn has_opted_out(&self, ours: &Address, customer: &Address) -> Result<bool, ReadError> {
        match self.snapshot {
            Some((snapshot, organization)) => snapshot.has_opted_out(organization, ours, customer),
            None => Ok(false),
        }
    }

    /// The ids of the conversations, the oldest first.
    pub(super) fn calls(&self, (channel, customer, ours): &Pair) -> Result<Vec<CallId>, ReadError> {
        let Some((snapshot, organization)) = self.snapshot.filter(|_| self.sequences.call > 0) else {
            return Ok(Vec::new());
        };
        let customer = Some(AddressQuery::Exactly(customer.clone()));
        let filter = CallFilter { customer, ..CallFilter::default() };
        let page = Page { skip: 0, limit: MOST_CALLS };
        let (_, calls) = snapshot.list_calls(organization, &filter, page, Timestamp::MAX)?;
        let of_pair = calls.into_iter().filter(|(_, it)| it.channel == *channel && it.our_number == *ours);
        let mut ids: Vec<_> = of_pair.map(|(id, _)| id).collect();
        ids.sort();
        Ok(ids)
    }
}
