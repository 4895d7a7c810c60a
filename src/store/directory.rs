//! What every request asks for and little of it changes: API keys, the names of assistants, whose
//! number a number is. Held in memory, read at start, changed by the writer once a commit is
//! durable and before its caller is told, so a revoked key is refused from its answer on.

mod changes;
mod entries;

use super::error::ReadError;
use super::key;
use super::record;
use super::tables::ReadTables;
use super::usage_meter::UsageMeter;
use crate::model::account::{ApiKey, DashboardSession, KeyHash, Organization, Usage, Used};
use crate::model::address::Address;
use crate::model::ids::{ApiKeyId, AssistantId, OrganizationId};
use arc_swap::{ArcSwap, Guard};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) use changes::{DirectoryChange, changes_to};
pub use entries::Entries;

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

/// Every request reads it, from every thread: reading takes no lock and counts no reference, for
/// threads that share a counter wait for each other. A change copies the part that it changes.
#[derive(Default)]
pub struct Directory {
    entries: ArcSwap<Entries>,
}

/// The directory at one moment.
pub type DirectoryView = Guard<Arc<Entries>>;

impl Directory {
    pub(super) fn load(&self, tables: &ReadTables) -> Result<(), ReadError> {
        let mut entries = Entries::default();
        entries.number = self.number() + 1;
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
        self.view().number_owner(number)
    }

    /// The assistant that has this number in the organization.
    pub fn assistant_of(&self, organization: OrganizationId, number: &Address) -> Option<AssistantId> {
        self.view().assistant_of(organization, number)
    }

    /// Every organization, the oldest first.
    pub fn organizations(&self) -> Vec<(OrganizationId, Arc<Organization>)> {
        let entries = self.view();
        entries.organizations().map(|(id, organization)| (id, organization.clone())).collect()
    }

    /// `None`: there is no organization.
    pub fn oldest_organization(&self) -> Option<OrganizationId> {
        self.view().organizations().next().map(|(oldest, _)| oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::changes::KnownAssistant;
    use super::*;
    use crate::model::account::{Role, User};
    use crate::model::assistant::PhoneNumber;
    use crate::model::ids::{PhoneNumberId, UserId};
    use crate::model::message_log::Provider;
    use crate::model::time::Timestamp;

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

    const TIME: Timestamp = Timestamp(0);

    fn number(last: u32) -> Address {
        Address::parse(&format!("+1555{last:07}")).unwrap()
    }

    fn hash(of: OrganizationId, which: u8) -> KeyHash {
        KeyHash::of(&format!("{of} {which}"))
    }

    /// What makes a small organization: with an admin, a key, a session, an account, and two numbers, of which everyone has
    /// the first.
    fn made(of: OrganizationId) -> Vec<DirectoryChange> {
        let (user_id, role) = (UserId(1), Role::Admin);
        let organization = Organization { slug: of.to_string(), name: of.to_string(), created_at: TIME };
        let user = User {
            email: format!("admin@{of}.example"),
            first_name: None,
            last_name: None,
            role,
            password: None,
            is_active: true,
            created_at: TIME,
            updated_at: TIME,
        };
        let key = ApiKey {
            user_id,
            name: String::new(),
            key_prefix: String::new(),
            hash: hash(of, 1),
            role,
            created_at: TIME,
            updated_at: TIME,
            expires_at: None,
            revoked_at: None,
        };
        let session =
            DashboardSession { user_id, hash: hash(of, 2), started_at: TIME, idle_seconds: 1, ends_at: TIME };
        let phone_number = |id| PhoneNumber {
            id: PhoneNumberId(id),
            provider: Provider::Twilio,
            assistant_id: Some(AssistantId(1)),
            friendly_name: None,
            is_active: true,
            created_at: TIME,
            updated_at: TIME,
        };
        let assistant = KnownAssistant { name: "One".into(), forwards_from: Some(1) };
        vec![
            DirectoryChange::Organization(of, organization),
            DirectoryChange::User(of, user_id, user),
            DirectoryChange::ApiKey(of, ApiKeyId(1), key),
            DirectoryChange::SignedIn(of, session),
            DirectoryChange::Assistant(of, AssistantId(1), assistant),
            DirectoryChange::PhoneNumber(of, number(0), phone_number(1)),
            DirectoryChange::PhoneNumber(of, number(of.0), phone_number(2)),
        ]
    }

    /// Whether all of [`made`] is there; `None`: a part of it.
    fn is_there(directory: &Directory, of: OrganizationId) -> Option<bool> {
        let view = directory.view();
        let found = [
            view.organization(of).is_some(),
            view.organizations().any(|(id, _)| id == of),
            view.user(of, UserId(1)).is_some(),
            !view.users_of_email(None, &format!("ADMIN@{of}.example")).is_empty(),
            view.key(&hash(of, 1)).is_some_and(|owner| owner.organization == of),
            view.session(&hash(of, 2)).is_some_and(|owner| owner.organization == of),
            !view.assistant_names(of).is_empty(),
            view.forwarding(of).is_some(),
            view.has_number(of, &number(0)),
            directory.assistant_of(of, &number(0)).is_some(),
            directory.number_owner(&number(of.0)) == Some(of),
        ];
        found.iter().all(|known| *known == found[0]).then_some(found[0])
    }

    #[test]
    fn an_erased_organization_is_gone_and_the_others_stand() {
        let directory = Directory::default();
        let all = [2, 1, 300].map(OrganizationId);
        all.into_iter().for_each(|of| directory.apply(made(of)));
        assert_eq!(all.map(|of| is_there(&directory, of)), [Some(true); 3]);
        assert_eq!(directory.number_owner(&number(0)), Some(OrganizationId(1)));
        let before = directory.view();
        directory.apply(vec![DirectoryChange::Erased(OrganizationId(1))]);
        assert_eq!(all.map(|of| is_there(&directory, of)), [Some(true), Some(false), Some(true)]);
        assert_eq!(directory.number_owner(&number(0)), Some(OrganizationId(2)));
        assert_eq!(directory.oldest_organization(), Some(OrganizationId(2)));
        assert!(before.key(&hash(OrganizationId(1), 1)).is_some(), "it is what it was");
        let again = [vec![DirectoryChange::Erased(OrganizationId(2))], made(OrganizationId(2))].concat();
        directory.apply(again);
        assert_eq!(is_there(&directory, OrganizationId(2)), Some(true));
        directory.apply(all.map(DirectoryChange::Erased).to_vec());
        assert_eq!(all.map(|of| is_there(&directory, of)), [Some(false); 3]);
        assert!(directory.view().numbers.values().next().is_none(), "nobody's numbers are not kept");
    }

    #[test]
    fn a_key_that_came_to_another_is_not_erased_with_whose_it_was() {
        let directory = Directory::default();
        let [old, new] = [1, 2].map(OrganizationId);
        directory.apply(made(old));
        let moved = made(old).into_iter().filter_map(|change| match change {
            DirectoryChange::ApiKey(_, id, key) => Some(DirectoryChange::ApiKey(new, id, key)),
            _ => None,
        });
        directory.apply(moved.collect());
        directory.apply(vec![DirectoryChange::Erased(old)]);
        assert_eq!(directory.key(&hash(old, 1)).map(|owner| owner.organization), Some(new));
        directory.apply(vec![DirectoryChange::Erased(new)]);
        assert!(directory.key(&hash(old, 1)).is_none());
    }
}
