//! Signing in and out: a session begins with a password, is known by a cookie's secret or by a token that
//! names it, and ends by its timeouts, by signing out, or with its user. Who signs in elsewhere brings the
//! token of the identity provider.

use super::{App, passwords};
use crate::model::account::{
    Actor, DashboardSession, KeyHash, LONGEST_EMAIL, LONGEST_PASSWORD, Organization, Role, User,
};
use crate::model::ids::{OrganizationId, UserId};
use crate::model::time::Timestamp;
use crate::store::{EndDashboardSession, Entries, StartDashboardSession, Store, StoreError};
use std::net::IpAddr;
use std::sync::Arc;

const HOUR: u64 = 3600;
/// Until a session ends that is not used, and until it ends however busy it is.
const IDLE_SECONDS: u64 = 2 * HOUR;
const ABSOLUTE_SECONDS: u64 = 12 * HOUR;
/// Both, for who asks to be remembered.
const REMEMBERED_SECONDS: u64 = 30 * 24 * HOUR;

/// Who asks for a session.
pub struct Attempt {
    pub email: String,
    pub password: String,
    pub remember_me: bool,
    pub address: IpAddr,
}

pub struct SignedIn {
    /// For the cookie; it cannot be had again.
    pub secret: String,
    pub session: DashboardSession,
    pub organization: (OrganizationId, Arc<Organization>),
    pub user: (UserId, Arc<User>),
}

pub enum Refused {
    WrongCredentials,
    TooManyAttempts {
        retry_after_seconds: u64,
    },
    Store(StoreError),
    /// A thread did not come back.
    Failed(String),
}

/// Begins a session. Of an email that is known in several organizations the password tells which.
pub async fn sign_in(app: &App, now: Timestamp, attempt: Attempt) -> Result<SignedIn, Refused> {
    if attempt.email.len() > LONGEST_EMAIL || attempt.password.len() > LONGEST_PASSWORD {
        return Err(Refused::WrongCredentials);
    }
    app.throttle
        .attempt(&attempt.email, attempt.address)
        .map_err(|retry_after_seconds| Refused::TooManyAttempts { retry_after_seconds })?;
    let mut candidates = app.store.directory().view().users_of_email(app.only(), &attempt.email);
    candidates.retain(|(_, _, user)| user.is_active);
    let hashes: Vec<_> = match candidates.is_empty() {
        true => vec![None],
        false => candidates.iter().map(|(_, _, user)| user.password.clone()).collect(),
    };
    let mut right = None;
    for (place, hash) in hashes.into_iter().enumerate() {
        let is_right = passwords::is_right(attempt.password.clone(), hash).await;
        if is_right.map_err(|error| Refused::Failed(error.to_string()))? {
            right = candidates.get(place).cloned();
            break;
        }
    }
    let (organization, user_id, user) = right.ok_or(Refused::WrongCredentials)?;
    let (idle_seconds, absolute_seconds) = match attempt.remember_me {
        true => (REMEMBERED_SECONDS, REMEMBERED_SECONDS),
        false => (IDLE_SECONDS, ABSOLUTE_SECONDS),
    };
    let secret = app.chance.secret();
    let session = DashboardSession {
        user_id,
        hash: KeyHash::of(&secret),
        started_at: now,
        idle_seconds,
        ends_at: now.plus_seconds(absolute_seconds),
    };
    let password = user.password.clone();
    let start = StartDashboardSession { organization, session: session.clone(), password };
    if !app.store.execute(start).await.map_err(Refused::Store)? {
        return Err(Refused::WrongCredentials);
    }
    app.throttle.succeeded(&attempt.email, attempt.address);
    let known = app.store.directory().view().organization(organization).cloned();
    let known = known.ok_or_else(|| Refused::Failed("a user's organization is unknown".to_owned()))?;
    Ok(SignedIn { secret, session, organization: (organization, known), user: (user_id, user) })
}

pub async fn sign_out(app: &App, organization: OrganizationId, hash: KeyHash) -> Result<(), StoreError> {
    app.store.execute(EndDashboardSession { organization, hash }).await
}

/// What a session still has.
#[derive(Clone)]
pub struct LiveSession {
    pub session: Arc<DashboardSession>,
    pub last_used_at: Timestamp,
}

/// Who the session of this hash speaks for at `now`, if it lives. Asking is using it.
pub fn actor_of_session(store: &Store, hash: &KeyHash, now: Timestamp) -> Option<(Actor, LiveSession)> {
    let known = actor_still_of_session(store, hash, now)?;
    if let Some(owner) = store.directory().view().session(hash) {
        owner.usage.note(now);
    }
    Some(known)
}

/// As [`actor_of_session`], without using it.
pub fn actor_still_of_session(store: &Store, hash: &KeyHash, now: Timestamp) -> Option<(Actor, LiveSession)> {
    let directory = store.directory().view();
    let owner = directory.session(hash)?;
    let session = owner.session.clone();
    let last_used_at = owner.usage.read().last_used_at.unwrap_or(session.started_at);
    if session.expires_at(last_used_at) <= now {
        return None;
    }
    let actor = actor(&directory, owner.organization, session.user_id, None, now)?;
    Some((actor, LiveSession { session, last_used_at }))
}

/// Who the identity provider vouched for, in the organization that it names by slug or id.
pub fn actor_of_person(
    store: &Store,
    email: &str,
    organization: Option<&str>,
    role: Option<Role>,
    now: Timestamp,
) -> Option<Actor> {
    let directory = store.directory().view();
    let mut users = directory.users_of_email(None, email);
    if let Some(named) = organization {
        users.retain(|(id, _, _)| {
            let known = directory.organization(*id);
            known.is_some_and(|known| known.slug == named) || id.0.to_string() == named
        });
    }
    // An email in several organizations does not tell which is meant.
    let [(organization, user_id, _)] = users[..] else { return None };
    actor(&directory, organization, user_id, role, now)
}

/// An active user, with no more than this role.
pub(super) fn actor(
    directory: &Entries,
    organization: OrganizationId,
    user_id: UserId,
    at_most: Option<Role>,
    now: Timestamp,
) -> Option<Actor> {
    let user = directory.user(organization, user_id).filter(|user| user.is_active)?;
    let role = at_most.map_or(user.role, |role| role.min(user.role));
    Some(Actor { organization, user_id, role, now, until: None })
}
