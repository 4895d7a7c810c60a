//! Accounts: the first start's bootstrap, API keys, the operator.

use super::{App, passwords, sign_in};
use crate::model::account::{
    API_KEY_PREFIX, Actor, ApiKey, KeyHash, Organization, PasswordHash, Role, Usage, User, UserChange,
};
use crate::model::ids::{ApiKeyId, OrganizationId, UserId};
use crate::model::time::Timestamp;
use crate::store::{
    Bootstrap, Bootstrapped, CreateApiKey, Entries, KeyOwner, NewApiKey, ReadError, RenameApiKey,
    RevokeApiKey, Store, StoreError, UpdateUser,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How many characters of a key are kept for its owner to tell it by: the prefix and four more.
const SHOWN: usize = API_KEY_PREFIX.len() + 4;
pub const DEFAULT_ADMIN_EMAIL: &str = "admin@localhost";

/// What the first start was told to use instead of making it up.
#[derive(Clone, Debug, Default)]
pub struct FirstStart {
    pub api_key: Option<String>,
    pub admin_email: Option<String>,
    /// Whether a person chose the admin's password; it is set by [`choose_admin_password`].
    pub password_chosen: bool,
}

/// What the first start made up, to be shown once.
#[derive(Clone, Debug)]
pub struct MadeUp {
    pub api_key: Option<String>,
    pub admin_email: String,
    pub admin_password: Option<String>,
}

/// 256 random bits as URL-safe text.
pub fn random_secret() -> String {
    secret_of(random_bytes())
}

pub(super) fn secret_of(bits: [u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(bits)
}

pub(super) fn random_bytes() -> [u8; 32] {
    let mut bits = [0; 32];
    // Without randomness no secret can be made, and nothing else would be safe either.
    getrandom::fill(&mut bits).expect("the operating system has randomness");
    bits
}

/// What a process may tell of its control token to everyone: whoever has the token knows it again.
pub fn instance(control_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&KeyHash::of(control_token).0[..12])
}

/// Makes the first organization with an admin and an API key. `None`: there was one already.
pub fn bootstrap(store: &Store, now: Timestamp, first: &FirstStart) -> Result<Option<MadeUp>, StoreError> {
    if store.directory().oldest_organization().is_some() {
        return Ok(None);
    }
    let made_key = first.api_key.is_none().then(|| format!("{API_KEY_PREFIX}{}", random_secret()));
    let made_password = (!first.password_chosen).then(random_secret);
    let email = first.admin_email.clone().unwrap_or_else(|| DEFAULT_ADMIN_EMAIL.to_owned());
    let api_key = first.api_key.as_ref().or(made_key.as_ref()).cloned().unwrap_or_default();
    let command = Bootstrap {
        now,
        organization: Organization {
            slug: "default".to_owned(),
            name: "Default".to_owned(),
            created_at: now,
        },
        admin: User {
            email: email.clone(),
            first_name: None,
            last_name: None,
            role: Role::Admin,
            password: made_password.as_deref().map(passwords::generated),
            is_active: true,
            created_at: now,
            updated_at: now,
        },
        key: new_key("first key", &api_key, Role::Admin, None),
    };
    match store.execute_blocking(command)? {
        Bootstrapped::AlreadyThere => Ok(None),
        Bootstrapped::Made { .. } => {
            Ok(Some(MadeUp { api_key: made_key, admin_email: email, admin_password: made_password }))
        }
    }
}

pub(super) fn new_key(name: &str, secret: &str, role: Role, expires_at: Option<Timestamp>) -> NewApiKey {
    NewApiKey {
        name: name.to_owned(),
        key_prefix: secret.chars().take(SHOWN).collect(),
        hash: KeyHash::of(secret),
        role,
        expires_at,
    }
}

/// Whether an admin's password is still one that we made up: then only this machine may connect.
pub fn generated_password_stands(store: &Store) -> Result<bool, ReadError> {
    Ok(first_admin(store)?
        .is_some_and(|(_, _, admin)| matches!(admin.password, Some(PasswordHash::Generated(_)))))
}

fn first_admin(store: &Store) -> Result<Option<(OrganizationId, UserId, User)>, ReadError> {
    let Some(organization) = store.directory().oldest_organization() else {
        return Ok(None);
    };
    Ok(admin_of(store, organization)?.map(|(id, admin)| (organization, id, admin)))
}

/// The oldest admin of an organization.
fn admin_of(store: &Store, organization: OrganizationId) -> Result<Option<(UserId, User)>, ReadError> {
    let users = store.snapshot()?.users(organization)?;
    Ok(users.into_iter().find(|(_, user)| user.role == Role::Admin))
}

/// What is done in the name of an organization's oldest admin.
pub fn admin_actor(
    store: &Store,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<Option<Actor>, ReadError> {
    let admin = admin_of(store, organization)?;
    Ok(admin.map(|(user_id, _)| Actor { organization, user_id, role: Role::Admin, now, until: None }))
}

/// Gives the first admin a chosen password unless a person chose one before. Slow by design
/// (Argon2id): to be called off the start-up path.
pub fn choose_admin_password(store: &Store, now: Timestamp, password: &str) -> anyhow::Result<()> {
    let Some((organization, user_id, admin)) = first_admin(store)? else {
        return Ok(());
    };
    if matches!(admin.password, Some(PasswordHash::Chosen(_))) {
        return Ok(());
    }
    let change = UserChange { password: Some(passwords::choose(password)?), ..UserChange::default() };
    store.execute_blocking(UpdateUser { organization, user_id, change, now })?;
    Ok(())
}

/// Makes an API key and tells its secret, which nobody can read again.
pub async fn create_key(
    app: &App,
    actor: &Actor,
    name: &str,
    role: Role,
    expires_at: Option<Timestamp>,
) -> Result<(ApiKeyId, String), StoreError> {
    let secret = format!("{API_KEY_PREFIX}{}", app.chance.secret());
    // What a key that ends makes ends with it, or it would not end.
    let expires_at = [expires_at, actor.until].into_iter().flatten().min();
    let command = CreateApiKey {
        organization: actor.organization,
        user_id: actor.user_id,
        key: new_key(name, &secret, role, expires_at),
        now: actor.now,
    };
    Ok((app.store.execute(command).await?, secret))
}

/// A key with how it was used.
pub struct UsedKey {
    pub id: ApiKeyId,
    pub key: ApiKey,
    pub usage: Usage,
}

/// The caller's keys; an admin's list has those of the whole organization.
pub fn keys(app: &App, actor: &Actor) -> Result<Vec<UsedKey>, ReadError> {
    let keys = app.store.snapshot()?.api_keys(actor.organization)?;
    let directory = app.store.directory().view();
    let used = |(id, key): (ApiKeyId, ApiKey)| {
        let usage = directory.key(&key.hash).map(|known| known.usage.read()).unwrap_or_default();
        UsedKey { id, key, usage }
    };
    Ok(keys.into_iter().filter(|(_, key)| may_manage(actor, key)).map(used).collect())
}

/// One of [`keys`].
pub fn key(app: &App, actor: &Actor, id: ApiKeyId) -> Result<Option<UsedKey>, ReadError> {
    Ok(keys(app, actor)?.into_iter().find(|used| used.id == id))
}

fn may_manage(actor: &Actor, key: &ApiKey) -> bool {
    // A weak key in the wrong hands must not end the strong ones of its owner.
    (key.user_id == actor.user_id && key.role <= actor.role) || actor.role == Role::Admin
}

/// `false` when there is no such key.
pub async fn rename_key(
    app: &App,
    actor: &Actor,
    key_id: ApiKeyId,
    name: String,
) -> Result<bool, StoreError> {
    app.store.execute(RenameApiKey { organization: actor.organization, key_id, name, now: actor.now }).await
}

/// Ends a key; `false` when there is no such key that still works.
pub async fn revoke_key(app: &App, actor: &Actor, key_id: ApiKeyId) -> Result<bool, StoreError> {
    app.store.execute(RevokeApiKey { organization: actor.organization, key_id, now: actor.now }).await
}

/// Who a presented API key speaks for at `now`: its owner, while they are active.
pub fn actor_of_key(store: &Store, presented: &str, now: Timestamp) -> Option<Actor> {
    let directory = store.directory().view();
    let owner = directory.key(&KeyHash::of(presented)).filter(|owner| owner.key.is_valid(now))?;
    let actor = of_key(&directory, owner, now)?;
    owner.usage.note(now);
    Some(actor)
}

/// As [`actor_of_key`], of one that was presented before: that it still holds is no new use.
pub fn actor_still_of_key(store: &Store, hash: &KeyHash, now: Timestamp) -> Option<Actor> {
    let directory = store.directory().view();
    let owner = directory.key(hash).filter(|owner| owner.key.is_valid(now))?;
    of_key(&directory, owner, now)
}

fn of_key(directory: &Entries, owner: &KeyOwner, now: Timestamp) -> Option<Actor> {
    let actor = sign_in::actor(directory, owner.organization, owner.key.user_id, Some(owner.key.role), now)?;
    Some(Actor { until: owner.key.expires_at, ..actor })
}

/// The first admin of an organization by its slug; without a slug, of the only one. For the operator
/// at the machine, who has the control token. The error is a sentence for them.
pub fn operator(store: &Store, slug: Option<&str>, now: Timestamp) -> Result<Actor, String> {
    let organizations = store.directory().organizations();
    let organization = match (slug, &organizations[..]) {
        (None, [(only, _)]) => *only,
        (None, []) => return Err("There is no organization yet".to_owned()),
        (None, _) => return Err("There are several organizations; name one with --organization".to_owned()),
        (Some(slug), all) => {
            let known = all.iter().find(|(_, organization)| organization.slug == slug);
            known.map(|(id, _)| *id).ok_or_else(|| format!("There is no organization \"{slug}\""))?
        }
    };
    let admin = admin_of(store, organization).map_err(|error| error.to_string())?;
    let (user_id, _) = admin.ok_or_else(|| "The organization has no admin".to_owned())?;
    Ok(Actor { organization, user_id, role: Role::Admin, now, until: None })
}
