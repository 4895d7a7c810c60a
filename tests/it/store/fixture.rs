//! Files of the formats that were released: each is read by every later version.
//!
//! `fixtures/format-1.redb` was made once by the binary of format 1, in a fresh data directory with
//! `SMSLITE_BOOTSTRAP_API_KEY` set: `smslite import fixtures/format-1.ndjson`; `smslite serve` with
//! a session TTL of a second and `twilio.signatures = "report"`, to which a correctly and a wrongly
//! signed message came, more than a second apart; `smslite serve` with the default TTL and
//! signatures off, to which the rest came; SIGTERM; `smslite assistant create` and `smslite number
//! create`. Then it was compacted. Between them the records have every variant that is stored.
//!
//! A file is never made again for a format that was released. When a test here fails, the change
//! breaks the databases that people have: read the old shape as well (see `store::record`), or
//! raise the format, and put a file of the new one beside this.

use super::disk::open_dir;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::de::DeserializeOwned;
use smslite::app::import::{check, run};
use smslite::model::account::{PasswordHash, Role as Rights};
use smslite::model::address::Address;
use smslite::model::audit::{AuditEntry, SignatureVerdict, Step};
use smslite::model::call::{Conversation, ConversationFilter};
use smslite::model::feed::{FeedEntry, FeedEvent};
use smslite::model::ids::{
    ApiKeyId, AssistantId, AuditId, CallId, MessageLogId, OrganizationId, PhoneNumberId, UserId,
};
use smslite::model::message::{Message, MessageRange};
use smslite::model::message_log::{Provider, RawPayload};
use smslite::model::page::Page;
use smslite::model::time::Timestamp;
use smslite::store::{KeepAudit, RecordInbound, RecordInboundOutcome, Route, Store};
use std::path::Path;

const FORMAT_1: &[u8] = include_bytes!("fixtures/format-1.redb");
const IMPORTED: &str = include_str!("fixtures/format-1.ndjson");
const ORGANIZATION: OrganizationId = OrganizationId(1);
const TTL: u64 = 86_400;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Within the session of conversation 107.
fn now() -> Timestamp {
    at("2026-11-23T10:24:00Z")
}

/// The file in a directory of its own: what opens it may write to it.
fn copy() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("smslite.redb"), FORMAT_1).unwrap();
    dir
}

fn sound(store: &Store) {
    assert_eq!(store.snapshot().unwrap().check().unwrap(), Vec::<String>::new());
}

/// The records of a table as they stand in the file, without our own reading of it.
fn stored<T: DeserializeOwned>(dir: &Path, table: &str) -> Vec<(u64, T)> {
    let database = Database::open(dir.join("smslite.redb")).unwrap();
    let table: TableDefinition<'_, &[u8; 12], &[u8]> = TableDefinition::new(table);
    let table = database.begin_read().unwrap().open_table(table).unwrap();
    let rows = table.iter().unwrap().map(|row| {
        let (key, record) = row.unwrap();
        assert_eq!((&key.value()[..4], record.value()[0]), (&[0, 0, 0, 1][..], 1));
        let id = u64::from_be_bytes(*key.value().last_chunk().unwrap());
        (id, postcard::from_bytes(&record.value()[1..]).unwrap())
    });
    rows.collect()
}

#[test]
fn every_record_of_format_1_is_still_what_the_import_put_there() {
    let dir = copy();
    let store = open_dir(dir.path());
    sound(&store);
    let records = IMPORTED.lines().count() as u64;
    // A line is recognised when each of its fields is what the record has, and refused when not.
    let checked = check(&store, ORGANIZATION, IMPORTED.as_bytes(), now(), TTL).unwrap();
    let summary = run(&store, checked, IMPORTED.as_bytes(), |_| {}).unwrap();
    assert_eq!((records, summary.stored, summary.skipped), (38, 0, 38));
    sound(&store);
}

#[test]
fn the_list_of_format_1_is_unchanged() {
    let dir = copy();
    let store = open_dir(dir.path());
    let mut rows = Vec::new();
    let (filter, page) = (ConversationFilter::default(), Page { skip: 0, limit: 1000 });
    let visit = |row: &Conversation<'_>| {
        let (id, assistant, count, status) =
            (row.id, row.assistant_id, row.message_count, row.status(now()).as_str());
        let ended = row.ended_at.map_or("-".to_owned(), |end| end.to_string());
        let times = format!("{} {} {} {ended}", row.started_at, row.last_activity, row.expires_at);
        rows.push(format!("{id} {assistant} {} {} {count} {status} {times}", row.customer, row.our_number));
    };
    let snapshot = store.snapshot().unwrap();
    snapshot.list_conversations(ORGANIZATION, &filter, page, now(), visit).unwrap();
    assert_eq!(
        rows,
        [
            "107 123 +15550007777 +15551234567 4 active 2026-11-23T10:23:24.336843Z 2026-11-23T10:23:24.359190Z 2026-11-24T10:23:24.359190Z -",
            "106 123 +15559876543 +15551234567 1 completed 2026-11-23T10:23:24.275306Z 2026-11-23T10:23:24.275306Z 2026-11-23T10:23:25.275306Z -",
            "105 123 +15559876543 +15551234567 1 completed 2026-11-23T10:23:22.770678Z 2026-11-23T10:23:22.770678Z 2026-11-23T10:23:23.770678Z 2026-11-23T10:23:23.770678Z",
            "101 123 +15559876543 +15551234567 2 completed 2026-04-30T10:00:00Z 2026-04-30T10:06:00Z 2026-04-30T11:06:00Z 2026-04-30T10:30:00Z",
            "104 124 ACME 72345 3 completed 2026-04-27T10:00:00Z 2026-04-27T10:02:00.000003Z 2026-04-28T10:02:00.000003Z 2026-04-27T10:02:00.000003Z",
        ]
    );
}

#[test]
fn the_threads_of_format_1_are_unchanged() {
    let dir = copy();
    let store = open_dir(dir.path());
    let messages = |id: u64| {
        let mut messages = Vec::new();
        let visit = |index, message: &Message<'_>| {
            let Message { id, role, content, timestamp, .. } = message;
            messages.push(format!("{index} {id} {} {timestamp} {content}", role.as_str()));
        };
        let snapshot = store.snapshot().unwrap();
        snapshot.messages(ORGANIZATION, CallId(id), MessageRange::default(), u32::MAX, visit).unwrap();
        messages
    };
    assert_eq!(
        messages(104),
        [
            "1 21 system 2026-04-27T10:00:00Z Message of system",
            "2 22 assistant 2026-04-27T10:01:00Z Message of assistant",
            "3 23 user 2026-04-27T10:02:00.000003Z Message of user",
        ]
    );
    assert_eq!(
        messages(107),
        [
            "1 26 user 2026-11-23T10:23:24.336843Z Café ☕",
            "2 27 user 2026-11-23T10:23:24.344298Z Again",
            "3 28 user 2026-11-23T10:23:24.352008Z ",
            "4 29 user 2026-11-23T10:23:24.359190Z STOP",
        ]
    );
}

#[test]
fn the_accounts_assistants_and_numbers_of_format_1_are_unchanged() {
    let dir = copy();
    let store = open_dir(dir.path());
    let snapshot = store.snapshot().unwrap();
    let users = snapshot.users(ORGANIZATION).unwrap();
    let first = &users[0].1;
    assert_eq!(first.created_at, at("2026-11-23T10:23:22.652594Z"));
    let generated = "WSS_jsp3khYNk99wuJrt98CK6BdUdLEMD1WxPa1LyCI".to_owned();
    assert_eq!(first.password, Some(PasswordHash::Generated(generated)));
    assert_eq!(
        users.iter().map(|(id, user)| (id.0, user.email.as_str(), user.role)).collect::<Vec<_>>(),
        [
            (1, "admin@localhost", Rights::Admin),
            (5, "ann@example.com", Rights::Admin),
            (6, "bob@example.com", Rights::Viewer),
            (7, "eve@example.com", Rights::User),
        ]
    );
    let keys = snapshot.api_keys(ORGANIZATION).unwrap();
    assert_eq!(
        keys.iter().map(|(id, key)| (id.0, key.key_prefix.as_str(), key.role)).collect::<Vec<_>>(),
        [
            (1, "sl_live_fixt", Rights::Admin),
            (9, "sl_live_abcd", Rights::Viewer),
            (10, "sl_live_efgh", Rights::User)
        ]
    );
    assert_eq!(keys[0].1.hash.0[..4], [111, 19, 197, 43]);
    let assistants = snapshot.assistants(ORGANIZATION).unwrap();
    assert_eq!(
        assistants.iter().map(|(id, assistant)| (id.0, assistant.name.as_str())).collect::<Vec<_>>(),
        [(123, "Support Bot"), (124, "Second"), (125, "Made here")]
    );
    assert_eq!(assistants[2].1.sms_webhook_url.as_deref(), Some("https://example.com/made"));
    let numbers = snapshot.phone_numbers(ORGANIZATION).unwrap();
    assert_eq!(
        numbers
            .iter()
            .map(|(number, it)| (number.as_str(), it.id.0, it.provider, it.assistant_id))
            .collect::<Vec<_>>(),
        [
            ("+15551230000", 4, Provider::Vonage, None),
            ("+15551234567", 3, Provider::Twilio, Some(AssistantId(123))),
            ("+15554440000", 6, Provider::Twilio, Some(AssistantId(125))),
            ("72345", 5, Provider::Sandbox, Some(AssistantId(124))),
        ]
    );
}

#[test]
fn what_live_traffic_left_in_the_audit_trail_of_format_1_is_unchanged() {
    let (twilio, text) = (Provider::Twilio, str::to_owned);
    let received = |signature| Step::WebhookReceived { provider: twilio, signature };
    let off = || received(SignatureVerdict::NotChecked);
    let stored_as = |message_index| Step::MessageStored { message_index };
    let receipt = Step::ReceiptReceived {
        provider: twilio,
        provider_message_id: text("SMout1"),
        provider_status: text("undelivered"),
        error_code: Some(text("30003")),
    };
    let unusable = Step::WebhookUnusable { provider: twilio, reason: text("From is no address we know") };
    let expected = [
        (
            75,
            Some(105),
            Some(47),
            vec![received(SignatureVerdict::Valid), Step::ConversationStarted, stored_as(1)],
        ),
        (
            78,
            Some(106),
            Some(48),
            vec![received(SignatureVerdict::InvalidButKept), Step::ConversationStarted, stored_as(1)],
        ),
        (81, Some(107), Some(49), vec![off(), Step::ConversationStarted, stored_as(1)]),
        (84, Some(107), Some(50), vec![off(), stored_as(2)]),
        (86, None, Some(51), vec![off(), Step::NumberUnassigned { our_number: text("+15559990000") }]),
        (88, None, None, vec![off(), receipt]),
        (90, Some(107), Some(52), vec![off(), stored_as(3)]),
        (92, None, None, vec![off(), unusable]),
        (94, Some(107), Some(53), vec![off(), Step::OptOutKeyword { keyword: text("STOP") }, stored_as(4)]),
    ];
    let dir = copy();
    let mut entries = stored::<AuditEntry>(dir.path(), "audit_entries");
    // The imported ones are compared with their lines.
    let imported: Vec<u64> = entries.drain(..5).map(|(id, _)| id).collect();
    assert_eq!(imported, [70, 71, 72, 73, 74]);
    let found = entries
        .into_iter()
        .map(|(id, entry)| (id, entry.call_id.map(|id| id.0), entry.log_id.map(|id| id.0), entry.steps));
    assert_eq!(found.collect::<Vec<_>>(), expected);
    let payloads = stored::<RawPayload>(dir.path(), "audit_payloads");
    assert_eq!(payloads.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [71, 88, 92]);
    let payload = RawPayload {
        received_at: at("2026-11-23T10:23:24.350209Z"),
        method: text("POST"),
        path_and_query: text("/webhooks/sms/twilio"),
        content_type: text("application/x-www-form-urlencoded"),
        body: b"MessageSid=SMout1&MessageStatus=undelivered&From=%2B15551234567&To=%2B15550007777&ErrorCode=30003".to_vec(),
    };
    assert_eq!(payloads[1].1, payload);
}

#[test]
fn the_feed_of_format_1_is_unchanged() {
    let started = |call: u64| FeedEvent::ConversationStarted { call_id: CallId(call) };
    let message = |call: u64, message_index: u32, log: u64| FeedEvent::MessageReceived {
        call_id: CallId(call),
        message_index,
        log_id: MessageLogId(log),
    };
    let kept = |audit: u64| FeedEvent::AuditKept { audit_id: AuditId(audit) };
    let expected = vec![
        FeedEvent::OrganizationCreated,
        FeedEvent::UserChanged(UserId(1)),
        FeedEvent::ApiKeyChanged(ApiKeyId(1)),
        FeedEvent::Imported { records: 38, calls: [101, 102, 103, 104].map(CallId).to_vec() },
        started(105),
        message(105, 1, 47),
        FeedEvent::ConversationEnded { call_id: CallId(105) },
        started(106),
        message(106, 1, 48),
        started(107),
        message(107, 1, 49),
        message(107, 2, 50),
        kept(86),
        kept(88),
        message(107, 3, 52),
        kept(92),
        message(107, 4, 53),
        FeedEvent::AssistantChanged(AssistantId(125)),
        FeedEvent::PhoneNumberChanged(PhoneNumberId(6)),
    ];
    let entries = stored::<FeedEntry>(copy().path(), "feed");
    assert_eq!(entries.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), (1..=19).collect::<Vec<_>>());
    assert_eq!(entries[18].1.at, at("2026-11-23T10:23:24.382118Z"));
    assert_eq!(entries.into_iter().map(|(_, entry)| entry.event).collect::<Vec<_>>(), expected);
}

fn payload() -> RawPayload {
    let [method, path_and_query, content_type] = [const { String::new() }; 3];
    RawPayload { received_at: now(), method, path_and_query, content_type, body: Vec::new() }
}

#[test]
fn live_traffic_goes_on_in_a_database_of_format_1() {
    let dir = copy();
    let store = open_dir(dir.path());
    let receive = |sid: &str| {
        let command = RecordInbound {
            organization: ORGANIZATION,
            now: now(),
            session_ttl_seconds: TTL,
            cached: None,
            provider: Provider::Twilio,
            provider_message_id: sid.to_owned(),
            provider_status: "received".to_owned(),
            from: Address::parse("+15550007777").unwrap(),
            to: Address::parse("+15551234567").unwrap(),
            body: "Still there?".to_owned(),
            media_urls: Vec::new(),
            segment_count: 1,
            steps: Vec::new(),
            payload: payload(),
            keyword: None,
            keyword_answered: false,
            reply: None,
            reply_uuid: [0; 16],
        };
        store.execute_blocking(command).unwrap()
    };
    assert_eq!(receive("SMlive4"), RecordInboundOutcome::Duplicate { log_id: MessageLogId(50) });
    let RecordInboundOutcome::Stored {
        log_id,
        route: Route::Conversation { call_id, message_index, started, .. },
    } = receive("SMnew")
    else {
        panic!("the session of conversation 107 is not found")
    };
    assert_eq!((log_id.0, call_id.0, message_index, started), (54, 107, 5, false));
    let told_by = ["twilio", "receipt", "SMout1", "undelivered"].map(str::to_owned).to_vec();
    let again =
        KeepAudit { organization: ORGANIZATION, now: now(), told_by, steps: Vec::new(), payload: payload() };
    assert_eq!(store.execute_blocking(again).unwrap(), AuditId(88));
    sound(&store);
}
