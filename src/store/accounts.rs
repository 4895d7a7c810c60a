//! Organizations and API keys: the commands that make and change them.

use super::directory::DirectoryChange;
use super::error::ReadError;
use super::key;
use super::record;
use super::snapshot::{self, Snapshot};
use super::transaction::{Command, Tx, TxError};
use super::users::put_user;
use crate::model::account::{ApiKey, KeyHash, Organization, Role, User};
use crate::model::feed::FeedEvent;
use crate::model::ids::{ApiKeyId, OrganizationId, UserId};
use crate::model::time::Timestamp;
use redb::{ReadableTable, ReadableTableMetadata};

/// The first organization with its admin and an API key, in a database that has none.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    pub now: Timestamp,
    pub organization: Organization,
    pub admin: User,
    pub key: NewApiKey,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bootstrapped {
    Made {
        organization: OrganizationId,
        admin: UserId,
        key: ApiKeyId,
    },
    /// There is an organization already; nothing was changed.
    AlreadyThere,
}

impl Command for Bootstrap {
    type Outcome = Bootstrapped;
    const NAME: &'static str = "bootstrap";

    fn run(&self, tx: &mut Tx<'_>) -> Result<Bootstrapped, TxError> {
        if tx.tables.organizations.len()? > 0 {
            return Ok(Bootstrapped::AlreadyThere);
        }
        make_organization(tx, OrganizationId(1), self)
    }
}

/// An organization beside those that there are. `AlreadyThere`: its slug is taken.
#[derive(Clone, Debug)]
pub struct CreateOrganization(pub Bootstrap);

impl Command for CreateOrganization {
    type Outcome = Bootstrapped;
    const NAME: &'static str = "create_organization";

    fn run(&self, tx: &mut Tx<'_>) -> Result<Bootstrapped, TxError> {
        let mut last = 0;
        for row in tx.tables.organizations.range::<&[u8; 4]>(..)? {
            let (key, bytes) = row?;
            let known: Organization = record::decode("organizations", bytes.value())?;
            if known.slug == self.0.organization.slug {
                return Ok(Bootstrapped::AlreadyThere);
            }
            last = u32::from_be_bytes(*key.value());
        }
        make_organization(tx, OrganizationId(last + 1), &self.0)
    }
}

fn make_organization(tx: &mut Tx<'_>, id: OrganizationId, new: &Bootstrap) -> Result<Bootstrapped, TxError> {
    put_organization(tx, id, &new.organization)?;
    tx.append_feed(id, new.now, FeedEvent::OrganizationCreated)?;

    let sequences = tx.sequences(id)?;
    sequences.user += 1;
    let admin = UserId(sequences.user);
    put_user(tx, id, admin, &new.admin, new.now)?;
    let key = insert_key(tx, id, admin, &new.key, new.now)?;
    Ok(Bootstrapped::Made { organization: id, admin, key })
}

pub(super) fn put_organization(
    tx: &mut Tx<'_>,
    id: OrganizationId,
    organization: &Organization,
) -> Result<(), TxError> {
    let (tables, bytes) = tx.encoded(organization);
    tables.organizations.insert(&key::organization(id), bytes)?;
    tx.changes.push(DirectoryChange::Organization(id, organization.clone()));
    Ok(())
}

/// A key that is to be made. Its secret was shown to its owner and is not known here.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    pub name: String,
    pub key_prefix: String,
    pub hash: KeyHash,
    pub role: Role,
    pub expires_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct CreateApiKey {
    pub organization: OrganizationId,
    pub user_id: UserId,
    pub key: NewApiKey,
    pub now: Timestamp,
}

impl Command for CreateApiKey {
    type Outcome = ApiKeyId;
    const NAME: &'static str = "create_api_key";

    fn run(&self, tx: &mut Tx<'_>) -> Result<ApiKeyId, TxError> {
        insert_key(tx, self.organization, self.user_id, &self.key, self.now)
    }
}

/// Gives a key another name.
#[derive(Clone, Debug)]
pub struct RenameApiKey {
    pub organization: OrganizationId,
    pub key_id: ApiKeyId,
    pub name: String,
    pub now: Timestamp,
}

impl Command for RenameApiKey {
    /// False: there is no such key.
    type Outcome = bool;
    const NAME: &'static str = "rename_api_key";

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, TxError> {
        let Some(key) = stored_key(tx, self.organization, self.key_id)? else {
            return Ok(false);
        };
        let renamed = ApiKey { name: self.name.clone(), updated_at: self.now, ..key };
        put_key(tx, self.organization, self.key_id, &renamed, self.now)?;
        Ok(true)
    }
}

/// Ends a key. With the answer it is refused everywhere.
#[derive(Clone, Debug)]
pub struct RevokeApiKey {
    pub organization: OrganizationId,
    pub key_id: ApiKeyId,
    pub now: Timestamp,
}

impl Command for RevokeApiKey {
    /// False: there is no such key, or it was revoked before.
    type Outcome = bool;
    const NAME: &'static str = "revoke_api_key";

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, TxError> {
        let stored = stored_key(tx, self.organization, self.key_id)?;
        let Some(stored) = stored.filter(|key| key.revoked_at.is_none()) else {
            return Ok(false);
        };
        let revoked = ApiKey { revoked_at: Some(self.now), updated_at: self.now, ..stored };
        put_key(tx, self.organization, self.key_id, &revoked, self.now)?;
        Ok(true)
    }
}

fn insert_key(
    tx: &mut Tx<'_>,
    organization: OrganizationId,
    user_id: UserId,
    new: &NewApiKey,
    now: Timestamp,
) -> Result<ApiKeyId, TxError> {
    if let Some((owner, id)) = known_key(tx, &new.hash) {
        return if owner == organization {
            Ok(id)
        } else {
            Err(TxError::Damaged("this API key is another organization's".to_owned()))
        };
    }
    let sequences = tx.sequences(organization)?;
    sequences.api_key += 1;
    let id = ApiKeyId(sequences.api_key);
    let key = ApiKey {
        user_id,
        name: new.name.clone(),
        key_prefix: new.key_prefix.clone(),
        hash: new.hash,
        role: new.role,
        created_at: now,
        updated_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
    };
    put_key(tx, organization, id, &key, now)?;
    Ok(id)
}

fn stored_key(tx: &Tx<'_>, organization: OrganizationId, id: ApiKeyId) -> Result<Option<ApiKey>, TxError> {
    let stored = tx.tables.api_keys.get(&key::serial(organization, id.0))?;
    Ok(stored.map(|bytes| record::decode("api_keys", bytes.value())).transpose()?)
}

/// A key is one secret: the same one is never kept twice, or revoking it would leave the other.
pub(super) fn known_key(tx: &Tx<'_>, hash: &KeyHash) -> Option<(OrganizationId, ApiKeyId)> {
    let in_batch = tx.changes.iter().find_map(|change| match change {
        DirectoryChange::ApiKey(organization, id, key) if key.hash == *hash => Some((*organization, *id)),
        _ => None,
    });
    in_batch.or_else(|| tx.directory.key(hash).map(|owner| (owner.organization, owner.key_id)))
}

pub(super) fn put_key(
    tx: &mut Tx<'_>,
    organization: OrganizationId,
    id: ApiKeyId,
    api_key: &ApiKey,
    now: Timestamp,
) -> Result<(), TxError> {
    let (tables, bytes) = tx.encoded(api_key);
    tables.api_keys.insert(&key::serial(organization, id.0), bytes)?;
    tx.changes.push(DirectoryChange::ApiKey(organization, id, api_key.clone()));
    tx.append_feed(organization, now, FeedEvent::ApiKeyChanged(id))
}

impl Snapshot {
    /// Every key of the organization, revoked ones too, by id.
    pub fn api_keys(&self, organization: OrganizationId) -> Result<Vec<(ApiKeyId, ApiKey)>, ReadError> {
        let keys = snapshot::all("api_keys", &self.tables.api_keys, organization)?;
        Ok(keys.into_iter().map(|(id, key)| (ApiKeyId(id), key)).collect())
    }
}
