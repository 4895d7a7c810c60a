//! What every request asks for and little of it changes: API keys, the names of assistants, whose
//! number a number is. Held in memory, read at start, changed by the writer once a commit is
//! durable and before its caller is told, so a revoked key is refused from its answer on.

use super::error::ReadError;
use super::key;
use super::key::SerialKey;
use super::record;
use super::tables::{AnyTables, ReadTables};
use crate::model::account::{ApiKey, DashboardSession, KeyHash, Organization, Usage, Used, User};
use crate::model::address::Address;
use crate::model::assistant::{Assistant, PhoneNumber};
use crate::model::carrier_account::CarrierAccount;
use crate::model::ids::{ApiKeyId, AssistantId, OrganizationId, UserId};
use crate::model::message_log::Provider;
use crate::model::time::Timestamp;
use arc_swap::{ArcSwap, Guard};
use redb::ReadableTable;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// The names of one organization's assistants.
pub type AssistantNames = BTreeMap<AssistantId, Arc<str>>;

/// A key and whose it is.
#[derive(Clone, Debug)]
pub struct KeyOwner {
    pub organization: OrganizationId,
    pub key_id: ApiKeyId,
    pub key: Arc<ApiKey>,
    /// Shared by all that hold this key.
    pub usage: Arc<UsageMeter>,
}

/// A dashboard session and whose it is.
#[derive(Clone, Debug)]
pub struct SessionOwner {
    pub organization: OrganizationId,
    pub session: Arc<DashboardSession>,
    pub usage: Arc<UsageMeter>,
}

/// How something is used, counted without a write per request.
#[derive(Debug, Default)]
pub struct UsageMeter {
    last_used_at: AtomicI64,
    count: AtomicU64,
    /// The count that is stored.
    written: AtomicU64,
}

impl UsageMeter {
    pub fn note(&self, now: Timestamp) {
        self.last_used_at.store(now.0, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    pub fn read(&self) -> Usage {
        let count = self.count.load(Ordering::Relaxed);
        let last_used_at = (count > 0).then(|| Timestamp(self.last_used_at.load(Ordering::Relaxed)));
        Usage { count, last_used_at }
    }

    /// What is not stored yet; it counts as stored from now on.
    fn take(&self) -> Option<Usage> {
        let usage = self.read();
        (self.written.swap(usage.count, Ordering::Relaxed) != usage.count).then_some(usage)
    }

    fn set(&self, usage: Usage) {
        self.last_used_at.store(usage.last_used_at.map_or(0, |at| at.0), Ordering::Relaxed);
        self.count.store(usage.count, Ordering::Relaxed);
        self.written.store(usage.count, Ordering::Relaxed);
    }
}

#[derive(Clone, Debug)]
pub(super) enum DirectoryChange {
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
pub(super) struct KnownAssistant {
    name: Arc<str>,
    /// `None`: its messages are not forwarded.
    forwards_from: Option<u64>,
}

impl From<&Assistant> for KnownAssistant {
    fn from(assistant: &Assistant) -> KnownAssistant {
        let forwards_from = assistant.receiver().map(|_| assistant.forwards_from);
        KnownAssistant { name: assistant.name.as_str().into(), forwards_from }
    }
}

/// Every request reads it, from every thread: reading takes no lock and counts no reference, for
/// threads that share a counter wait for each other. A change copies the part that it changes.
#[derive(Default)]
pub struct Directory {
    entries: ArcSwap<Entries>,
}

/// The directory at one moment.
pub type DirectoryView = Guard<Arc<Entries>>;

#[derive(Clone, Default)]
pub struct Entries {
    /// So many changes were made before it was so.
    number: u64,
    organizations: Arc<BTreeMap<OrganizationId, Arc<Organization>>>,
    users: Arc<BTreeMap<(OrganizationId, UserId), Arc<User>>>,
    keys: Arc<HashMap<KeyHash, KeyOwner>>,
    sessions: Arc<HashMap<KeyHash, SessionOwner>>,
    names: Arc<HashMap<OrganizationId, Arc<AssistantNames>>>,
    /// Those whose messages are forwarded, and from which entry of the feed on.
    forwarding: Arc<HashMap<OrganizationId, BTreeMap<AssistantId, u64>>>,
    /// Whose a number is, the oldest first. A number of many is copied as quickly as one of few.
    numbers: Arc<HashMap<Address, Arc<Vec<Owner>>>>,
    carriers: Arc<BTreeMap<OrganizationId, Arc<OwnAccounts>>>,
}

/// One who has a number, and which of their assistants answers on it.
type Owner = (OrganizationId, Option<AssistantId>);

type OwnAccounts = BTreeMap<Provider, Arc<CarrierAccount>>;

static NO_NAMES: AssistantNames = AssistantNames::new();

impl Directory {
    pub(super) fn load(&self, tables: &ReadTables) -> Result<(), ReadError> {
        let mut entries = Entries { number: self.number() + 1, ..Entries::default() };
        for change in changes_to(tables, None)? {
            entries.apply(change);
        }
        for (organization, used, meter) in entries.meters() {
            if let Some(bytes) = tables.usage.get(&key::usage(organization, used))? {
                meter.set(record::decode("usage", bytes.value())?);
            }
        }
        self.entries.store(Arc::new(entries));
        Ok(())
    }

    pub(super) fn apply(&self, changes: Vec<DirectoryChange>) {
        if changes.is_empty() {
            return;
        }
        let mut entries = Entries::clone(&self.entries.load());
        entries.number = self.number() + 1;
        for change in changes {
            entries.apply(change);
        }
        self.entries.store(Arc::new(entries));
    }

    pub fn view(&self) -> DirectoryView {
        self.entries.load()
    }

    /// Another one after each change: a part of what it numbers, so that nobody sees one without the other. Only
    /// the writer changes it.
    pub(super) fn number(&self) -> u64 {
        self.entries.load().number
    }

    /// The key with this hash, revoked and expired ones too: the caller knows the time.
    pub fn key(&self, hash: &KeyHash) -> Option<KeyOwner> {
        self.view().key(hash).cloned()
    }

    /// What was used since this was last asked, by organization.
    pub fn take_usage(&self) -> BTreeMap<OrganizationId, Vec<(Used, Usage)>> {
        let mut taken: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (organization, used, meter) in self.view().meters() {
            if let Some(usage) = meter.take() {
                taken.entry(organization).or_default().push((used, usage));
            }
        }
        taken
    }

    /// The oldest organization whose assistant has this number, else the oldest that has it at all.
    pub fn number_owner(&self, number: &Address) -> Option<OrganizationId> {
        let entries = self.view();
        let owners = entries.numbers.get(number)?;
        let answered = owners.iter().find(|(_, assistant)| assistant.is_some());
        answered.or_else(|| owners.first()).map(|(owner, _)| *owner)
    }

    /// The assistant that has this number in the organization.
    pub fn assistant_of(&self, organization: OrganizationId, number: &Address) -> Option<AssistantId> {
        let entries = self.view();
        let owners = entries.numbers.get(number)?;
        let place = owners.binary_search_by_key(&organization, |(owner, _)| *owner).ok()?;
        owners[place].1
    }

    /// Every organization, the oldest first.
    pub fn organizations(&self) -> Vec<(OrganizationId, Arc<Organization>)> {
        let entries = self.view();
        entries.organizations.iter().map(|(id, organization)| (*id, organization.clone())).collect()
    }
}

impl Entries {
    pub fn organization(&self, id: OrganizationId) -> Option<&Arc<Organization>> {
        self.organizations.get(&id)
    }

    pub fn user(&self, organization: OrganizationId, id: UserId) -> Option<&Arc<User>> {
        self.users.get(&(organization, id))
    }

    /// Every user of this email, in any organization, the oldest organization's first.
    pub fn users_of_email(&self, email: &str) -> Vec<(OrganizationId, UserId, Arc<User>)> {
        let found = self.users.iter().filter(|(_, user)| user.email.eq_ignore_ascii_case(email));
        found.map(|((organization, id), user)| (*organization, *id, user.clone())).collect()
    }

    /// The session of this secret, one that is over too: the caller knows the time.
    pub fn session(&self, hash: &KeyHash) -> Option<&SessionOwner> {
        self.sessions.get(hash)
    }

    fn meters(&self) -> Vec<(OrganizationId, Used, Arc<UsageMeter>)> {
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
        let owners = self.numbers.get(number);
        owners.is_some_and(|owners| owners.binary_search_by_key(&organization, |(owner, _)| *owner).is_ok())
    }

    /// The organization's own account at a carrier.
    pub fn carrier_account(
        &self,
        organization: OrganizationId,
        provider: Provider,
    ) -> Option<&Arc<CarrierAccount>> {
        self.carriers.get(&organization)?.get(&provider)
    }

    /// Who have an account of their own at this carrier, the oldest first.
    pub fn carrier_accounts(
        &self,
        provider: Provider,
    ) -> impl Iterator<Item = (OrganizationId, &Arc<CarrierAccount>)> {
        self.carriers.iter().filter_map(move |(organization, own)| Some((*organization, own.get(&provider)?)))
    }

    pub fn assistant_names(&self, organization: OrganizationId) -> &AssistantNames {
        self.names.get(&organization).map_or(&NO_NAMES, |names| names)
    }

    /// The assistants whose messages are forwarded, those that come after this entry of the feed. `None`: there are none.
    pub fn forwarding(&self, organization: OrganizationId) -> Option<&BTreeMap<AssistantId, u64>> {
        self.forwarding.get(&organization)
    }

    fn set_forwarding(&mut self, organization: OrganizationId, id: AssistantId, from: Option<u64>) {
        let known = self.forwarding(organization).and_then(|known| known.get(&id));
        if known == from.as_ref() {
            return;
        }
        let forwarding = Arc::make_mut(&mut self.forwarding);
        let known = forwarding.entry(organization).or_default();
        match from {
            Some(from) => drop(known.insert(id, from)),
            None => drop(known.remove(&id)),
        }
        if known.is_empty() {
            forwarding.remove(&organization);
        }
    }

    fn erase(&mut self, organization: OrganizationId) {
        Arc::make_mut(&mut self.organizations).remove(&organization);
        Arc::make_mut(&mut self.users).retain(|(of, _), _| *of != organization);
        Arc::make_mut(&mut self.keys).retain(|_, owner| owner.organization != organization);
        Arc::make_mut(&mut self.sessions).retain(|_, owner| owner.organization != organization);
        Arc::make_mut(&mut self.names).remove(&organization);
        Arc::make_mut(&mut self.forwarding).remove(&organization);
        Arc::make_mut(&mut self.carriers).remove(&organization);
        Arc::make_mut(&mut self.numbers).retain(|_, owners| {
            if let Ok(place) = owners.binary_search_by_key(&organization, |(owner, _)| *owner) {
                Arc::make_mut(owners).remove(place);
            }
            !owners.is_empty()
        });
    }

    fn apply(&mut self, change: DirectoryChange) {
        match change {
            DirectoryChange::Organization(id, organization) => {
                Arc::make_mut(&mut self.organizations).insert(id, Arc::new(organization));
            }
            DirectoryChange::ApiKey(organization, key_id, key) => {
                let usage = self.keys.get(&key.hash).map(|known| known.usage.clone()).unwrap_or_default();
                let owner = KeyOwner { organization, key_id, key: Arc::new(key), usage };
                Arc::make_mut(&mut self.keys).insert(owner.key.hash, owner);
            }
            DirectoryChange::User(organization, id, user) => {
                Arc::make_mut(&mut self.users).insert((organization, id), Arc::new(user));
            }
            DirectoryChange::SignedIn(organization, session) => {
                let owner = SessionOwner {
                    organization,
                    session: Arc::new(session),
                    usage: Arc::new(UsageMeter::default()),
                };
                Arc::make_mut(&mut self.sessions).insert(owner.session.hash, owner);
            }
            DirectoryChange::SignedOut(hash) => {
                Arc::make_mut(&mut self.sessions).remove(&hash);
            }
            DirectoryChange::Used(hash, usage) => {
                if let Some(known) = self.keys.get(&hash) {
                    known.usage.set(usage);
                }
            }
            DirectoryChange::ApiKeyGone(hash) => {
                Arc::make_mut(&mut self.keys).remove(&hash);
            }
            DirectoryChange::Assistant(organization, id, assistant) => {
                let names = Arc::make_mut(&mut self.names).entry(organization).or_default();
                Arc::make_mut(names).insert(id, assistant.name);
                self.set_forwarding(organization, id, assistant.forwards_from);
            }
            DirectoryChange::CarrierAccount(organization, provider, account) => {
                let own = Arc::make_mut(&mut self.carriers).entry(organization).or_default();
                let own = Arc::make_mut(own);
                match account {
                    Some(account) => drop(own.insert(provider, Arc::new(account))),
                    None => drop(own.remove(&provider)),
                }
            }
            DirectoryChange::Erased(organization) => self.erase(organization),
            DirectoryChange::PhoneNumber(organization, address, number) => {
                let assistant = number.assistant_id.filter(|_| number.is_active);
                let owners = Arc::make_mut(&mut self.numbers).entry(address).or_default();
                let owners = Arc::make_mut(owners);
                match owners.binary_search_by_key(&organization, |(owner, _)| *owner) {
                    Ok(place) => owners[place].1 = assistant,
                    Err(place) => owners.insert(place, (organization, assistant)),
                }
            }
        }
    }
}

/// What makes an empty directory what the tables say of one organization, or of every one.
pub(super) fn changes_to(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_has_a_number_of_its_own_and_no_change_has_none() {
        let directory = Directory::default();
        let named = |name: &str| {
            let known = KnownAssistant { name: name.into(), forwards_from: None };
            DirectoryChange::Assistant(OrganizationId(1), AssistantId(1), known)
        };
        directory.apply(Vec::new());
        assert_eq!(directory.number(), 0);
        directory.apply(vec![named("Old")]);
        directory.apply(vec![named("New"), named("Newest")]);
        assert_eq!(directory.number(), 2);
    }
}
