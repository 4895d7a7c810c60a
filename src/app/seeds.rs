//! Seeds: an organization is made of one, or given what it lacks of one. Either is one commit, so a seed is stored whole
//! or not at all, and applied once more it changes nothing: what is there already stays as it is, whatever became of it.
//!
//! A user is known by the email, a key by its secret or else by its owner and name, an assistant by the name, a number
//! and a carrier account by themselves, an opt-out by its two numbers; the second conversation of a customer with a
//! number in the seed is the second that there is.

mod plan;
mod there;

use self::plan::Plan;
use self::there::There;
use super::{accounts, passwords};
use crate::model::account::{Organization, PasswordHash, Role};
use crate::model::address::Address;
use crate::model::ids::{ApiKeyId, AssistantId, CallId, OrganizationId, UserId};
use crate::model::seed::{Seed, SeedErrors};
use crate::store::{FillOrganization, Filled, MakeOrganization, ReadError, Store, StoreError};

/// The sample that `smslite serve --demo` begins with: assistants, their numbers, conversations in every state.
pub const DEMO: &str = include_str!("seeds/demo.toml");

/// How often an organization that goes on meanwhile is looked at once more.
const TURNS: u32 = 100;

/// Where 256 bits come from that nobody can guess, or that follow from a world's own number.
pub type Chance<'c> = &'c mut (dyn FnMut() -> [u8; 32] + Send);

/// The operating system's randomness, as a [`Chance`].
pub fn chance() -> [u8; 32] {
    accounts::random_bytes()
}

/// What a seed declares, as it is stored now; each in the order of the seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// How many records are new.
    pub stored: u64,
    pub users: Vec<(String, UserId)>,
    pub keys: Vec<AppliedKey>,
    pub assistants: Vec<(String, AssistantId)>,
    pub numbers: Vec<(Address, Option<AssistantId>)>,
    /// Voice calls too.
    pub conversations: Vec<CallId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedKey {
    pub id: ApiKeyId,
    pub name: String,
    pub user_id: UserId,
    pub role: Role,
    /// None: it was there already, and of what was made up then only the hash was kept.
    pub secret: Option<String>,
    /// The secret was made up just now. It is to be shown, nobody can read it again.
    pub made_up: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// It cannot be here: an API key is somebody else's, or nobody administers the organization.
    #[error(transparent)]
    Refused(#[from] SeedErrors),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Makes an organization of a seed, with an admin (`admin@localhost`) and a key of theirs if the seed has none. Nobody
/// may have the slug.
///
/// For worlds, of which many are made a second: passwords are hashed as made-up ones are, at once, for who reads the
/// seed knows them.
pub async fn make(
    store: &Store,
    (slug, after): (&str, OrganizationId),
    seed: &Seed,
    chance: Chance<'_>,
) -> Result<(OrganizationId, Applied), SeedError> {
    let quick = |password: &str| Ok(passwords::generated(password));
    let there = There::nothing();
    let plan = Plan::of(seed, &there, chance, &quick)?;
    let name = seed.name.clone().unwrap_or_else(|| slug.to_owned());
    let made = MakeOrganization {
        after,
        now: seed.now,
        organization: Organization { slug: slug.to_owned(), name, created_at: seed.now },
        session_ttl_seconds: seed.session_ttl_seconds,
        records: plan.records.into(),
    };
    match store.execute(made).await? {
        Filled::Done(organization) => Ok((organization, plan.applied)),
        Filled::KeyTaken { line } => Err(key_taken(line)),
        Filled::Changed => Err(StoreError::Overloaded.into()),
    }
}

/// Gives an organization what it lacks of a seed. Blocks; each password that is new takes the tens of milliseconds that
/// Argon2id is to take.
pub fn apply(
    store: &Store,
    organization: OrganizationId,
    seed: &Seed,
    chance: Chance<'_>,
) -> Result<Applied, SeedError> {
    for _ in 0..TURNS {
        let snapshot = store.snapshot()?;
        let there = There::look(store, &snapshot, organization)?;
        let plan = Plan::of(seed, &there, chance, &choose)?;
        if plan.records.is_empty() {
            return Ok(plan.applied);
        }
        let fill = FillOrganization {
            organization,
            feed: there.sequences.feed,
            now: seed.now,
            session_ttl_seconds: seed.session_ttl_seconds,
            records: plan.records.into(),
        };
        match store.execute_blocking(fill)? {
            Filled::Done(_) => return Ok(plan.applied),
            Filled::KeyTaken { line } => return Err(key_taken(line)),
            Filled::Changed => {}
        }
    }
    Err(StoreError::Overloaded.into())
}

fn choose(password: &str) -> Result<PasswordHash, StoreError> {
    passwords::choose(password).map_err(|error| StoreError::Failed(error.to_string()))
}

fn key_taken(line: u64) -> SeedError {
    let line = u32::try_from(line).unwrap_or(u32::MAX);
    SeedErrors::one(line, "api_keys.secret: it is the secret of another key").into()
}
