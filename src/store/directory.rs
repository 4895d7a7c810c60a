//! What every request asks for and little of it changes: API keys, the names of assistants, whose
//! number a number is. Held in memory, read at start, changed by the writer once a commit is
//! durable and before its caller is told, so a revoked key is refused from its answer on.

use super::error::ReadError;
use super::key;
use super::record;
use super::tables::ReadTables;
use crate::model::account::{ApiKey, KeyHash, Organization};
use crate::model::address::Address;
use crate::model::assistant::{Assistant, PhoneNumber};
use crate::model::ids::{ApiKeyId, AssistantId, OrganizationId};
use crate::model::time::Timestamp;
use arc_swap::{ArcSwap, Guard};
use std::collections::{BTreeMap, HashMap};
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
    /// Shared by all that hold this key; kept in memory, since the start of the process.
    pub usage: Arc<KeyUsage>,
}

/// How a key was used. Not a write per request: it is not stored.
#[derive(Debug, Default)]
pub struct KeyUsage {
    last_used_at: AtomicI64,
    count: AtomicU64,
}

impl KeyUsage {
    pub fn note(&self, now: Timestamp) {
        self.last_used_at.store(now.0, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// How often, and when last.
    pub fn read(&self) -> (u64, Option<Timestamp>) {
        let count = self.count.load(Ordering::Relaxed);
        (count, (count > 0).then(|| Timestamp(self.last_used_at.load(Ordering::Relaxed))))
    }
}

#[derive(Clone, Debug)]
pub(super) enum DirectoryChange {
    Organization(OrganizationId, Organization),
    ApiKey(OrganizationId, ApiKeyId, ApiKey),
    AssistantName(OrganizationId, AssistantId, Arc<str>),
    PhoneNumber(OrganizationId, Address, PhoneNumber),
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
    organizations: Arc<BTreeMap<OrganizationId, Arc<Organization>>>,
    keys: Arc<HashMap<KeyHash, KeyOwner>>,
    names: Arc<HashMap<OrganizationId, AssistantNames>>,
    numbers: Arc<HashMap<Address, BTreeMap<OrganizationId, Option<AssistantId>>>>,
}

static NO_NAMES: AssistantNames = AssistantNames::new();

impl Directory {
    pub(super) fn load(&self, tables: &ReadTables) -> Result<(), ReadError> {
        let mut entries = Entries::default();
        for row in tables.organizations.range::<&[u8; 4]>(..)? {
            let (key, bytes) = row?;
            let organization = OrganizationId(u32::from_be_bytes(*key.value()));
            let value = record::decode("organizations", bytes.value())?;
            entries.apply(DirectoryChange::Organization(organization, value));
        }
        for row in tables.api_keys.range::<&key::SerialKey>(..)? {
            let (key, bytes) = row?;
            let id = ApiKeyId(key::serial_id(key.value()));
            let value = record::decode("api_keys", bytes.value())?;
            entries.apply(DirectoryChange::ApiKey(key::organization_of(key.value()), id, value));
        }
        for row in tables.assistants.range::<&key::SerialKey>(..)? {
            let (key, bytes) = row?;
            let id = AssistantId(key::serial_id(key.value()));
            let value: Assistant = record::decode("assistants", bytes.value())?;
            let name = value.name.as_str().into();
            entries.apply(DirectoryChange::AssistantName(key::organization_of(key.value()), id, name));
        }
        for row in tables.phone_numbers.range::<&[u8]>(..)? {
            let (key, bytes) = row?;
            let number = record::decode("phone_numbers", bytes.value())?;
            if let Some(address) = key::address_of(key.value()) {
                let organization = key::organization_of(key.value());
                entries.apply(DirectoryChange::PhoneNumber(organization, address, number));
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
        for change in changes {
            entries.apply(change);
        }
        self.entries.store(Arc::new(entries));
    }

    pub fn view(&self) -> DirectoryView {
        self.entries.load()
    }

    /// The key with this hash, revoked and expired ones too: the caller knows the time.
    pub fn key(&self, hash: &KeyHash) -> Option<KeyOwner> {
        self.view().key(hash).cloned()
    }

    /// The oldest organization whose assistant has this number, else the oldest that has it at all.
    pub fn number_owner(&self, number: &Address) -> Option<OrganizationId> {
        let entries = self.view();
        let owners = entries.numbers.get(number)?;
        let answered = owners.iter().find(|(_, assistant)| assistant.is_some()).map(|(owner, _)| *owner);
        answered.or_else(|| owners.keys().next().copied())
    }

    /// The assistant that has this number in the organization.
    pub fn assistant_of(&self, organization: OrganizationId, number: &Address) -> Option<AssistantId> {
        *self.view().numbers.get(number)?.get(&organization)?
    }

    /// Every organization, the oldest first.
    pub fn organizations(&self) -> Vec<(OrganizationId, Arc<Organization>)> {
        let entries = self.view();
        entries.organizations.iter().map(|(id, organization)| (*id, organization.clone())).collect()
    }
}

impl Entries {
    pub fn key(&self, hash: &KeyHash) -> Option<&KeyOwner> {
        self.keys.get(hash)
    }

    pub fn assistant_names(&self, organization: OrganizationId) -> &AssistantNames {
        self.names.get(&organization).unwrap_or(&NO_NAMES)
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
            DirectoryChange::AssistantName(organization, id, name) => {
                let names = Arc::make_mut(&mut self.names).entry(organization).or_default();
                names.insert(id, name);
            }
            DirectoryChange::PhoneNumber(organization, address, number) => {
                let assistant = number.assistant_id.filter(|_| number.is_active);
                Arc::make_mut(&mut self.numbers).entry(address).or_default().insert(organization, assistant);
            }
        }
    }
}
