//! Moving data. Export: what goes out is all there is. Import: what comes in is what is read, what is bad is refused whole, what broke off completes.

mod again;
mod command;
mod export;
mod first_start;
mod killed;
mod refused;
mod sessions;
mod times;
mod types;
mod upload;

use smslite::app::export::{Export, next};
use smslite::app::import::{ImportError, ImportSummary, check, run};
use smslite::model::account::{KeyHash, Organization, Role, User};
use smslite::model::address::Address;
use smslite::model::call::{Call, ConversationFilter};
use smslite::model::ids::{CallId, OrganizationId};
use smslite::model::message::MessageRange;
use smslite::model::message_log::{Provider, RawPayload};
use smslite::model::page::Page;
use smslite::model::time::Timestamp;
use smslite::store::{Bootstrap, Location, NewApiKey, RecordInbound, RecordInboundOutcome, Route, Store};

const ORGANIZATION: OrganizationId = OrganizationId(1);
const TTL: u64 = 3600;

/// What the records of the tests refer to: an assistant and its number.
const PARENTS: &str = r#"{"type":"assistant","id":123,"name":"Support Bot"}
{"type":"phone_number","phone_number":"+15551234567","provider":"twilio","assistant_id":123}
"#;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn now() -> Timestamp {
    at("2026-04-30T12:00:00Z")
}

/// A store with one organization, its admin (user 1) and an API key (1).
fn store() -> Store {
    store_started(Timestamp(0), "admin@localhost", [7; 32])
}

fn store_started(at: Timestamp, email: &str, key_hash: [u8; 32]) -> Store {
    let store = Store::open(Location::Memory, 1 << 20).unwrap();
    let user = User {
        email: email.to_owned(),
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
        hash: KeyHash(key_hash),
        role: Role::Admin,
        expires_at: None,
    };
    let organization =
        Organization { slug: "default".to_owned(), name: "Default".to_owned(), created_at: at };
    store.execute_blocking(Bootstrap { now: at, organization, admin: user, key }).unwrap();
    store
}

fn import_at(store: &Store, text: &str, now: Timestamp) -> Result<ImportSummary, ImportError> {
    let checked = check(store, ORGANIZATION, text.as_bytes(), now, TTL)?;
    let mut told = 0;
    let summary = run(store, checked, text.as_bytes(), |done| told = done)?;
    assert_eq!(told, summary.records, "progress ends at the number of records");
    assert_eq!(summary.records, summary.stored + summary.skipped);
    Ok(summary)
}

fn import(store: &Store, text: &str) -> Result<ImportSummary, ImportError> {
    import_at(store, text, now())
}

/// How many records were stored and skipped. The store is sound afterwards.
fn imported(store: &Store, text: &str) -> (u64, u64) {
    let summary = import(store, text).unwrap();
    sound(store);
    (summary.stored, summary.skipped)
}

/// The export, as it is at [`now`].
fn exported(store: &Store, with_secrets: bool) -> String {
    let mut export = Export::new(ORGANIZATION, with_secrets, now());
    let mut text = Vec::new();
    while let Some(piece) = next(store, &mut export).unwrap() {
        text.extend(piece);
    }
    String::from_utf8(text).unwrap()
}

fn sound(store: &Store) {
    assert_eq!(store.snapshot().unwrap().check().unwrap(), Vec::<String>::new());
}

/// The error of an import that is to be refused; nothing was stored.
fn refusal(store: &Store, text: &str) -> String {
    let before = everything(store);
    let error = match import(store, text) {
        Ok(summary) => panic!("{summary:?} of what is to be refused: {text}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(everything(store), before, "nothing is stored");
    error
}

fn call(store: &Store, id: u64) -> Option<Call> {
    store.snapshot().unwrap().call(ORGANIZATION, CallId(id)).unwrap()
}

fn status(store: &Store, id: u64, now: Timestamp) -> (&'static str, Option<Timestamp>) {
    let call = call(store, id).unwrap();
    let conversation = call.conversation(CallId(id));
    (conversation.status(now).as_str(), conversation.ended_at(now))
}

/// `index role content` of each message of a call.
fn messages(store: &Store, id: u64) -> Vec<String> {
    let mut messages = Vec::new();
    let snapshot = store.snapshot().unwrap();
    let visit = |index, message: &smslite::model::message::Message<'_>| {
        messages.push(format!("{index} {} {}", message.role.as_str(), message.content));
    };
    snapshot.messages(ORGANIZATION, CallId(id), MessageRange::default(), u32::MAX, visit).unwrap();
    messages
}

/// The ids of the conversation list.
fn listed(store: &Store) -> Vec<u64> {
    let mut ids = Vec::new();
    let (filter, page) = (ConversationFilter::default(), Page { skip: 0, limit: 1000 });
    let snapshot = store.snapshot().unwrap();
    snapshot.list_conversations(ORGANIZATION, &filter, page, now(), |row| ids.push(row.id.0)).unwrap();
    ids
}

/// What can be read of the store, for comparing two states of it.
fn everything(store: &Store) -> String {
    let snapshot = store.snapshot().unwrap();
    let mut text = format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n",
        snapshot.users(ORGANIZATION).unwrap(),
        snapshot.api_keys(ORGANIZATION).unwrap(),
        snapshot.assistants(ORGANIZATION).unwrap(),
        snapshot.phone_numbers(ORGANIZATION).unwrap(),
    );
    for id in listed(store) {
        text += &format!("{id} {:?} {:?}\n", call(store, id), messages(store, id));
    }
    text
}

/// A customer's message, as a carrier's webhook brings it.
fn inbound(store: &Store, carrier_id: &str, from: &str, now: Timestamp) -> RecordInboundOutcome {
    let payload = RawPayload {
        received_at: now,
        method: "POST".to_owned(),
        path_and_query: "/webhooks/sms/twilio".to_owned(),
        content_type: "application/x-www-form-urlencoded".to_owned(),
        body: Vec::new(),
    };
    let command = RecordInbound {
        organization: ORGANIZATION,
        now,
        session_ttl_seconds: TTL,
        cached: None,
        provider: Provider::Twilio,
        provider_message_id: carrier_id.to_owned(),
        provider_status: "received".to_owned(),
        from: Address::parse(from).unwrap(),
        to: Address::parse("+15551234567").unwrap(),
        body: "live".to_owned(),
        media_urls: Vec::new(),
        segment_count: 1,
        steps: Vec::new(),
        payload,
        keyword: None,
        keyword_answered: false,
        reply: None,
        reply_uuid: [0; 16],
    };
    store.execute_blocking(command).unwrap()
}

/// The conversation that a live message went to, and its index there.
fn joined(outcome: &RecordInboundOutcome) -> (u64, u32) {
    match outcome {
        RecordInboundOutcome::Stored {
            route: Route::Conversation { call_id, message_index, .. }, ..
        } => (call_id.0, *message_index),
        other => panic!("the message went nowhere: {other:?}"),
    }
}

/// An SMS call line of the customer +1555987`tail`.
fn call_line(id: u64, tail: u32, status: &str, started_at: &str, more: &str) -> String {
    format!(
        r#"{{"type":"call","id":{id},"channel":"sms","direction":"inbound","assistant_id":123,"customer_phone_number":"+1555987{tail}","assistant_phone_number":"+15551234567","status":"{status}","started_at":"{started_at}"{more}}}{}"#,
        "\n"
    )
}

fn message_line(call_id: u64, content: &str, timestamp: &str, more: &str) -> String {
    format!(
        r#"{{"type":"message","call_id":{call_id},"role":"user","content":"{content}","timestamp":"{timestamp}"{more}}}{}"#,
        "\n"
    )
}
