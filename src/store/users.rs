//! Users: the commands that make and change them, and who is among them.

use super::directory::DirectoryChange;
use super::error::ReadError;
use super::key;
use super::record;
use super::snapshot::{self, Snapshot};
use super::transaction::{Command, Tx, TxError};
use crate::model::account::{Role, Usage, Used, User, UserChange};
use crate::model::feed::FeedEvent;
use crate::model::ids::{OrganizationId, UserId};
use crate::model::time::Timestamp;
use redb::ReadableTable;

#[derive(Clone, Debug)]
pub struct CreateUser {
    pub organization: OrganizationId,
    pub user: User,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserOutcome {
    Done(UserId, User),
    NoSuchUser,
    /// Another user of the organization has this email.
    EmailTaken,
    /// Nobody would be left to administer the organization.
    LastAdmin,
}

impl Command for CreateUser {
    type Outcome = UserOutcome;
    const NAME: &'static str = "create_user";

    fn run(&self, tx: &mut Tx<'_>) -> Result<UserOutcome, TxError> {
        let users = users(tx, self.organization)?;
        if users.iter().any(|(_, known)| known.email.eq_ignore_ascii_case(&self.user.email)) {
            return Ok(UserOutcome::EmailTaken);
        }
        let sequences = tx.sequences(self.organization)?;
        sequences.user += 1;
        let id = UserId(sequences.user);
        put_user(tx, self.organization, id, &self.user, self.user.created_at)?;
        Ok(UserOutcome::Done(id, self.user.clone()))
    }
}

/// Changes what is said of a user. A changed password and the end of being active end their sessions.
#[derive(Clone, Debug)]
pub struct UpdateUser {
    pub organization: OrganizationId,
    pub user_id: UserId,
    pub change: UserChange,
    pub now: Timestamp,
}

impl Command for UpdateUser {
    type Outcome = UserOutcome;
    const NAME: &'static str = "update_user";

    fn run(&self, tx: &mut Tx<'_>) -> Result<UserOutcome, TxError> {
        let users = users(tx, self.organization)?;
        let Some((_, before)) = users.iter().find(|(id, _)| *id == self.user_id) else {
            return Ok(UserOutcome::NoSuchUser);
        };
        let mut user = User { updated_at: self.now, ..before.clone() };
        self.change.apply(&mut user);
        let administers = |user: &User| user.is_active && user.role == Role::Admin;
        let others = users.iter().any(|(id, other)| *id != self.user_id && administers(other));
        if administers(before) && !administers(&user) && !others {
            return Ok(UserOutcome::LastAdmin);
        }
        put_user(tx, self.organization, self.user_id, &user, self.now)?;
        if self.change.password.is_some() || !user.is_active {
            super::dashboard_sessions::end(tx, self.organization, |session| session.user_id == self.user_id)?;
        }
        Ok(UserOutcome::Done(self.user_id, user))
    }
}

fn users(tx: &Tx<'_>, organization: OrganizationId) -> Result<Vec<(UserId, User)>, TxError> {
    let range = key::serial_range(organization);
    let rows = tx.tables.users.range::<&key::SerialKey>(range.start()..=range.end())?;
    rows.map(|row| {
        let (key, bytes) = row?;
        Ok((UserId(key::serial_id(key.value())), record::decode("users", bytes.value())?))
    })
    .collect()
}

pub(super) fn put_user(
    tx: &mut Tx<'_>,
    organization: OrganizationId,
    id: UserId,
    user: &User,
    now: Timestamp,
) -> Result<(), TxError> {
    let (tables, bytes) = tx.encoded(user);
    tables.users.insert(&key::serial(organization, id.0), bytes)?;
    tx.changes.push(DirectoryChange::User(organization, id, user.clone()));
    tx.append_feed(organization, now, FeedEvent::UserChanged(id))
}

impl Snapshot {
    /// Every user of the organization, by id.
    pub fn users(&self, organization: OrganizationId) -> Result<Vec<(UserId, User)>, ReadError> {
        let users = snapshot::all("users", &self.tables.users, organization)?;
        Ok(users.into_iter().map(|(id, user)| (UserId(id), user)).collect())
    }

    /// How often the user signed in, and when last.
    pub fn sign_ins(&self, organization: OrganizationId, user_id: UserId) -> Result<Usage, ReadError> {
        let stored = self.tables.usage.get(&key::usage(organization, Used::User(user_id)))?;
        Ok(stored.map(|bytes| record::decode("usage", bytes.value())).transpose()?.unwrap_or_default())
    }
}
