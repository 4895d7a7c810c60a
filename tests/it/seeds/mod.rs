//! Seeds: what is declared is there, what is bad is refused with its lines, and applied once more it changes nothing.

mod again;
mod documents;
mod hostile;
mod refused;

use smslite::app::export::{Export, next};
use smslite::app::seeds::{self, Applied};
use smslite::model::account::{KeyHash, Organization, Role, User};
use smslite::model::ids::OrganizationId;
use smslite::model::seed::{Base, Seed};
use smslite::model::time::Timestamp;
use smslite::store::{Bootstrap, Location, NewApiKey, Store};

const ORGANIZATION: OrganizationId = OrganizationId(1);
const DAY: u64 = 86_400;

fn now() -> Timestamp {
    Timestamp::parse("2026-04-30T12:00:00Z").unwrap()
}

fn base() -> Base {
    Base { now: now(), clock: None, session_ttl_seconds: DAY, of_world: true }
}

#[track_caller]
fn seed(text: &str) -> Seed {
    Seed::parse(text, base()).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// A store with one organization, its admin (user 1) and an API key (1).
fn store() -> Store {
    let (store, at) = (Store::open(Location::Memory, 1 << 20).unwrap(), Timestamp(0));
    let admin = User {
        email: "admin@localhost".to_owned(),
        first_name: None,
        last_name: None,
        role: Role::Admin,
        password: None,
        is_active: true,
        created_at: at,
        updated_at: at,
    };
    let key = NewApiKey {
        name: "first".to_owned(),
        key_prefix: "sl_live_aaaa".to_owned(),
        hash: KeyHash([7; 32]),
        role: Role::Admin,
        expires_at: None,
    };
    let organization =
        Organization { slug: "default".to_owned(), name: "Default".to_owned(), created_at: at };
    store.execute_blocking(Bootstrap { now: at, organization, admin, key }).unwrap();
    store
}

/// Bytes that count.
fn counted() -> impl FnMut() -> [u8; 32] + Send {
    let mut count = 0;
    move || {
        count += 1;
        [count; 32]
    }
}

#[track_caller]
fn apply(store: &Store, text: &str) -> Applied {
    let applied = seeds::apply(store, ORGANIZATION, &seed(text), &mut counted()).unwrap();
    sound(store);
    applied
}

#[track_caller]
fn make(store: &Store, slug: &str, text: &str) -> (OrganizationId, Applied) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let made =
        runtime.block_on(seeds::make(store, (slug, OrganizationId(0)), &seed(text), &mut counted())).unwrap();
    sound(store);
    made
}

fn exported(store: &Store, organization: OrganizationId) -> String {
    let mut export = Export::new(organization, true, now());
    let mut text = Vec::new();
    while let Some(piece) = next(store, &mut export).unwrap() {
        text.extend(piece);
    }
    String::from_utf8(text).unwrap()
}

#[track_caller]
fn sound(store: &Store) {
    assert_eq!(store.snapshot().unwrap().check().unwrap(), Vec::<String>::new());
}
