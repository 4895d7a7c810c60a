//! The directory at one moment: what is known of each organization, and whose a key, a session and a number is. A
//! change costs what it changes, however many organizations there are.

use super::changes::DirectoryChange;
use super::{AssistantNames, KeyOwner, SessionOwner};
use crate::model::account::{KeyHash, Organization, Used, User};
use crate::model::address::Address;
use crate::model::carrier_account::CarrierAccount;
use crate::model::ids::{AssistantId, OrganizationId, UserId};
use crate::model::message_log::Provider;
use crate::store::by_organization::ByOrganization;
use crate::store::sharded::Sharded;
use crate::store::usage_meter::UsageMeter;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

#[derive(Clone, Default)]
pub struct Entries {
    /// So many changes were made before it was so.
    pub(super) number: u64,
    organizations: ByOrganization<Arc<OfOrganization>>,
    keys: Sharded<KeyHash, KeyOwner>,
    sessions: Sharded<KeyHash, SessionOwner>,
    /// Whose a number is, and which of their assistants answers on it.
    pub(super) numbers: Sharded<Address, ByOrganization<Option<AssistantId>>>,
}

/// What is known of one organization, and what of the rest is its own. A change copies the map that it is in.
#[derive(Clone, Default)]
struct OfOrganization {
    organization: Option<Arc<Organization>>,
    users: Arc<BTreeMap<UserId, Arc<User>>>,
    names: Arc<AssistantNames>,
    /// Those whose messages are forwarded, and from which entry of the feed on.
    forwarding: Arc<BTreeMap<AssistantId, u64>>,
    carriers: Arc<OwnAccounts>,
    numbers: Arc<HashMap<Address, Option<AssistantId>>>,
    keys: Arc<HashSet<KeyHash>>,
    sessions: Arc<HashSet<KeyHash>>,
}

type OwnAccounts = BTreeMap<Provider, Arc<CarrierAccount>>;

static NO_NAMES: AssistantNames = AssistantNames::new();

impl Entries {
    fn of(&self, organization: OrganizationId) -> Option<&OfOrganization> {
        self.organizations.get(organization).map(|own| &**own)
    }

    pub fn organization(&self, id: OrganizationId) -> Option<&Arc<Organization>> {
        self.of(id)?.organization.as_ref()
    }

    /// Every organization, the oldest first.
    pub fn organizations(&self) -> impl Iterator<Item = (OrganizationId, &Arc<Organization>)> {
        self.organizations.iter().filter_map(|(id, own)| Some((id, own.organization.as_ref()?)))
    }

    pub fn user(&self, organization: OrganizationId, id: UserId) -> Option<&Arc<User>> {
        self.of(organization)?.users.get(&id)
    }

    /// Every user of this email, in this organization or in any, the oldest organization's first.
    pub fn users_of_email(
        &self,
        within: Option<OrganizationId>,
        email: &str,
    ) -> Vec<(OrganizationId, UserId, Arc<User>)> {
        let of_email = |(of, own): (OrganizationId, &Arc<OfOrganization>)| {
            let found = own.users.iter().filter(|(_, user)| user.email.eq_ignore_ascii_case(email));
            found.map(|(id, user)| (of, *id, user.clone())).collect::<Vec<_>>()
        };
        match within {
            Some(only) => self.organizations.get(only).map(|own| of_email((only, own))).unwrap_or_default(),
            None => self.organizations.iter().flat_map(of_email).collect(),
        }
    }

    /// The session of this secret, one that is over too: the caller knows the time.
    pub fn session(&self, hash: &KeyHash) -> Option<&SessionOwner> {
        self.sessions.get(hash)
    }

    pub(super) fn meters(&self) -> Vec<(OrganizationId, Used, Arc<UsageMeter>)> {
        let keys =
            self.keys.values().map(|key| (key.organization, Used::ApiKey(key.key_id), key.usage.clone()));
        let sessions = self.sessions.values().map(|owner| {
            (owner.organization, Used::DashboardSession(owner.session.number()), owner.usage.clone())
        });
        keys.chain(sessions).collect()
    }

    pub fn key(&self, hash: &KeyHash) -> Option<&KeyOwner> {
        self.keys.get(hash)
    }

    pub fn has_number(&self, organization: OrganizationId, number: &Address) -> bool {
        self.of(organization).is_some_and(|own| own.numbers.contains_key(number))
    }

    pub(super) fn number_owner(&self, number: &Address) -> Option<OrganizationId> {
        let owners = self.numbers.get(number)?;
        let answered = owners.iter().find(|(_, assistant)| assistant.is_some());
        answered.or_else(|| owners.iter().next()).map(|(owner, _)| owner)
    }

    pub(super) fn assistant_of(&self, organization: OrganizationId, number: &Address) -> Option<AssistantId> {
        *self.of(organization)?.numbers.get(number)?
    }

    /// The organization's own account at a carrier.
    pub fn carrier_account(
        &self,
        organization: OrganizationId,
        provider: Provider,
    ) -> Option<&Arc<CarrierAccount>> {
        self.of(organization)?.carriers.get(&provider)
    }

    /// Who have an account of their own at this carrier, the oldest first.
    pub fn carrier_accounts(
        &self,
        provider: Provider,
    ) -> impl Iterator<Item = (OrganizationId, &Arc<CarrierAccount>)> {
        self.organizations.iter().filter_map(move |(id, own)| Some((id, own.carriers.get(&provider)?)))
    }

    pub fn assistant_names(&self, organization: OrganizationId) -> &AssistantNames {
        self.of(organization).map_or(&NO_NAMES, |own| &own.names)
    }

    /// The assistants whose messages are forwarded, those that come after this entry of the feed. `None`: there are none.
    pub fn forwarding(&self, organization: OrganizationId) -> Option<&BTreeMap<AssistantId, u64>> {
        self.of(organization).map(|own| &*own.forwarding).filter(|known| !known.is_empty())
    }

    fn of_mut(&mut self, organization: OrganizationId) -> &mut OfOrganization {
        Arc::make_mut(self.organizations.or_default(organization))
    }

    fn end_key(&mut self, hash: &KeyHash) {
        if let Some(owner) = self.keys.remove(hash) {
            Arc::make_mut(&mut self.of_mut(owner.organization).keys).remove(hash);
        }
    }

    fn end_session(&mut self, hash: &KeyHash) {
        if let Some(owner) = self.sessions.remove(hash) {
            Arc::make_mut(&mut self.of_mut(owner.organization).sessions).remove(hash);
        }
    }

    fn take_number(&mut self, organization: OrganizationId, number: &Address) {
        let Some(owners) = self.numbers.get_mut(number) else { return };
        owners.remove(organization);
        if owners.is_empty() {
            self.numbers.remove(number);
        }
    }

    fn erase(&mut self, organization: OrganizationId) {
        let Some(own) = self.organizations.remove(organization) else { return };
        own.keys.iter().for_each(|hash| drop(self.keys.remove(hash)));
        own.sessions.iter().for_each(|hash| drop(self.sessions.remove(hash)));
        own.numbers.keys().for_each(|number| self.take_number(organization, number));
    }

    pub(super) fn apply(&mut self, change: DirectoryChange) {
        match change {
            DirectoryChange::Organization(id, organization) => {
                self.of_mut(id).organization = Some(Arc::new(organization));
            }
            DirectoryChange::ApiKey(organization, key_id, key) => {
                let usage = self.keys.get(&key.hash).map(|known| known.usage.clone()).unwrap_or_default();
                let owner = KeyOwner { organization, key_id, key: Arc::new(key), usage };
                // What was somebody else's is not erased with them.
                self.end_key(&owner.key.hash);
                Arc::make_mut(&mut self.of_mut(organization).keys).insert(owner.key.hash);
                self.keys.insert(owner.key.hash, owner);
            }
            DirectoryChange::User(organization, id, user) => {
                Arc::make_mut(&mut self.of_mut(organization).users).insert(id, Arc::new(user));
            }
            DirectoryChange::SignedIn(organization, session) => {
                let owner = SessionOwner {
                    organization,
                    session: Arc::new(session),
                    usage: Arc::new(UsageMeter::default()),
                };
                self.end_session(&owner.session.hash);
                Arc::make_mut(&mut self.of_mut(organization).sessions).insert(owner.session.hash);
                self.sessions.insert(owner.session.hash, owner);
            }
            DirectoryChange::SignedOut(hash) => self.end_session(&hash),
            DirectoryChange::Used(hash, usage) => {
                if let Some(known) = self.keys.get(&hash) {
                    known.usage.set(usage);
                }
            }
            DirectoryChange::ApiKeyGone(hash) => self.end_key(&hash),
            DirectoryChange::Assistant(organization, id, assistant) => {
                let own = self.of_mut(organization);
                Arc::make_mut(&mut own.names).insert(id, assistant.name);
                if own.forwarding.get(&id) != assistant.forwards_from.as_ref() {
                    let forwarding = Arc::make_mut(&mut own.forwarding);
                    match assistant.forwards_from {
                        Some(from) => drop(forwarding.insert(id, from)),
                        None => drop(forwarding.remove(&id)),
                    }
                }
            }
            DirectoryChange::CarrierAccount(organization, provider, account) => {
                let own = Arc::make_mut(&mut self.of_mut(organization).carriers);
                match account {
                    Some(account) => drop(own.insert(provider, Arc::new(account))),
                    None => drop(own.remove(&provider)),
                }
            }
            DirectoryChange::Erased(organization) => self.erase(organization),
            DirectoryChange::PhoneNumber(organization, address, number) => {
                let assistant = number.assistant_id.filter(|_| number.is_active);
                let numbers = Arc::make_mut(&mut self.of_mut(organization).numbers);
                numbers.insert(address.clone(), assistant);
                *self.numbers.or_default(address).or_default(organization) = assistant;
            }
        }
    }
}
