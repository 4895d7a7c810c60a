//! Who is signed in, and how often things are used: the commands that begin and end dashboard sessions
//! and that note usage. Usage is gathered in memory and written now and then, not with each request.

use super::directory::DirectoryChange;
use super::key;
use super::record;
use super::transaction::{Command, Tx, TxError};
use crate::model::account::{DashboardSession, KeyHash, PasswordHash, Usage, Used, User};
use crate::model::ids::OrganizationId;
use redb::ReadableTable;

/// A user signed in. Sessions of the organization that are over by their absolute end are swept.
#[derive(Clone, Debug)]
pub struct StartDashboardSession {
    pub organization: OrganizationId,
    pub session: DashboardSession,
    /// The password that was found right: while that took, the user may have got another, or have gone.
    pub password: Option<PasswordHash>,
}

impl Command for StartDashboardSession {
    /// False: the user may not come in any more.
    type Outcome = bool;
    const NAME: &'static str = "start_dashboard_session";

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, TxError> {
        let (organization, session) = (self.organization, &self.session);
        let stored = tx.tables.users.get(&key::serial(organization, session.user_id.0))?;
        let user = stored.map(|bytes| record::decode::<User>("users", bytes.value())).transpose()?;
        if !user.is_some_and(|user| user.is_active && user.password == self.password) {
            return Ok(false);
        }
        let now = session.started_at;
        end(tx, organization, |old| old.ends_at <= now)?;
        let (tables, bytes) = tx.encoded(session);
        tables.dashboard_sessions.insert(&key::serial(organization, session.number()), bytes)?;
        tx.changes.push(DirectoryChange::SignedIn(organization, session.clone()));
        let used = Used::User(session.user_id);
        let before = usage(tx, organization, used)?;
        put_usage(tx, organization, used, Usage { count: before.count + 1, last_used_at: Some(now) })?;
        Ok(true)
    }
}

/// A user signed out, or their session was ended for them. With the answer it is refused everywhere.
#[derive(Clone, Debug)]
pub struct EndDashboardSession {
    pub organization: OrganizationId,
    pub hash: KeyHash,
}

impl Command for EndDashboardSession {
    type Outcome = ();
    const NAME: &'static str = "end_dashboard_session";

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), TxError> {
        end(tx, self.organization, |session| session.hash == self.hash)
    }
}

/// Writes how one organization's keys and sessions were used. What is gone by now is left out.
#[derive(Clone, Debug)]
pub struct NoteUsage {
    pub organization: OrganizationId,
    pub used: Vec<(Used, Usage)>,
}

impl Command for NoteUsage {
    type Outcome = ();
    const NAME: &'static str = "note_usage";

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), TxError> {
        for &(used, usage) in &self.used {
            let stands = match used {
                Used::DashboardSession(number) => {
                    tx.tables.dashboard_sessions.get(&key::serial(self.organization, number))?.is_some()
                }
                Used::ApiKey(_) | Used::User(_) => true,
            };
            if stands {
                put_usage(tx, self.organization, used, usage)?;
            }
        }
        Ok(())
    }
}

/// Ends the sessions of the organization that `which` chooses. There are as many as people signed in.
pub(super) fn end(
    tx: &mut Tx<'_>,
    organization: OrganizationId,
    which: impl Fn(&DashboardSession) -> bool,
) -> Result<(), TxError> {
    let range = key::serial_range(organization);
    let mut ended = Vec::new();
    for row in tx.tables.dashboard_sessions.range::<&key::SerialKey>(range.start()..=range.end())? {
        let session: DashboardSession = record::decode("dashboard_sessions", row?.1.value())?;
        if which(&session) {
            ended.push(session);
        }
    }
    for session in ended {
        let number = session.number();
        tx.tables.dashboard_sessions.remove(&key::serial(organization, number))?;
        tx.tables.usage.remove(&key::usage(organization, Used::DashboardSession(number)))?;
        tx.changes.push(DirectoryChange::SignedOut(session.hash));
    }
    Ok(())
}

fn usage(tx: &Tx<'_>, organization: OrganizationId, used: Used) -> Result<Usage, TxError> {
    let stored = tx.tables.usage.get(&key::usage(organization, used))?;
    Ok(stored.map(|bytes| record::decode("usage", bytes.value())).transpose()?.unwrap_or_default())
}

pub(super) fn put_usage(
    tx: &mut Tx<'_>,
    organization: OrganizationId,
    used: Used,
    usage: Usage,
) -> Result<(), TxError> {
    let (tables, bytes) = tx.encoded(&usage);
    tables.usage.insert(&key::usage(organization, used), bytes)?;
    Ok(())
}
