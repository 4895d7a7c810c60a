//! More damages, of what the check looks at beside threads, lists and logs; some need records that decode.

use super::acts::{ANN, DESK, START, address, at, seconds};
use super::checker::{
    ASSISTANTS, BLOCKS, COUNTS, Damage, FORWARDS, HEAD, JOB, JOBS, JUNK, KEYS, LOGS, MESSAGE, OPT_OUTS,
    PARKED, READ_BEFORE, READ_MARKS, SEQUENCES, THREADS, USERS, copy, first_block, forward, lasting,
    mendable, put, remove, serial, thread,
};
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;
use smslite::model::account::{DashboardSession, KeyHash, Usage};
use smslite::model::call::Call;
use smslite::model::forward::{Forward, ParkedEvent};
use smslite::model::ids::{AssistantId, CallId, MessageLogId, UserId};
use smslite::model::message::Message;
use smslite::model::message_log::{MessageLog, Provider};
use smslite::model::opt_out::OptOut;
use smslite::model::outbound::{JobStatus, OutboundJob, Purpose};
use smslite::model::read_mark::ReadMark;
use smslite::store::Sequences;

type Bytes = TableDefinition<'static, &'static [u8; 12], &'static [u8]>;
const SESSIONS: Bytes = TableDefinition::new("dashboard_sessions");
const USAGE: TableDefinition<'static, &[u8; 13], &[u8]> = TableDefinition::new("usage");
const NUMBERS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("phone_numbers");
const ORGANIZATIONS: TableDefinition<'static, &[u8; 4], &[u8]> = TableDefinition::new("organizations");
const KEPT: TableDefinition<'static, &[u8; 22], u64> = TableDefinition::new("kept_webhooks");
const DEDUPE: TableDefinition<'static, &[u8; 22], u64> = TableDefinition::new("dedupe");

pub fn record(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend(postcard::to_stdvec(value).unwrap());
    bytes
}

/// Changes a record that stays readable.
fn change<const N: usize, T: Serialize + DeserializeOwned>(
    txn: &WriteTransaction,
    table: TableDefinition<'static, &'static [u8; N], &'static [u8]>,
    key: [u8; N],
    change: impl FnOnce(&mut T),
) {
    let mut table = txn.open_table(table).unwrap();
    let mut value = postcard::from_bytes(&table.get(&key).unwrap().unwrap().value()[1..]).unwrap();
    change(&mut value);
    table.insert(&key, record(&value).as_slice()).unwrap();
}

fn counted(kind: u8, block: u64) -> [u8; 13] {
    let mut key = [0; 13];
    key[3] = 1;
    key[4] = kind;
    key[5..].copy_from_slice(&block.to_be_bytes());
    key
}

pub fn job(number: u8) -> [u8; 20] {
    let mut key = [number; 20];
    key[..4].copy_from_slice(&[0, 0, 0, 1]);
    key
}

fn put_job(txn: &WriteTransaction, number: u8, call: u64, log: Option<u64>) {
    let log_id = log.map(MessageLogId);
    let job_record = OutboundJob { log_id, ..outbound_job(Some(CallId(call)), JobStatus::Queued) };
    put(txn, JOBS, job(number), &record(&job_record));
}

/// Last touched at [`START`].
pub fn outbound_job(call_id: Option<CallId>, status: JobStatus) -> OutboundJob {
    OutboundJob {
        call_id,
        log_id: None,
        provider: Provider::Twilio,
        from: DESK.to_owned(),
        to: ANN.to_owned(),
        body: "hello".to_owned(),
        media_urls: Vec::new(),
        status,
        idempotency_key: None,
        provider_message_id: None,
        error_code: None,
        error_message: None,
        attempts: 1,
        due_at: START,
        created_at: START,
        updated_at: START,
        purpose: Purpose::Message,
    }
}

fn session(user: u64) -> Vec<u8> {
    let hash = KeyHash([7; 32]);
    let user_id = UserId(user);
    record(&DashboardSession { user_id, hash, started_at: START, idle_seconds: 60, ends_at: START })
}

fn opt_out_key(numbers: &str) -> Vec<u8> {
    [&[0, 0, 0, 1], numbers.as_bytes()].concat()
}

pub fn more() -> Vec<Damage> {
    [
        damages_of_accounts(),
        damages_of_jobs(),
        damages_of_forwards(),
        damages_of_read_marks(),
        damages_of_fields(),
        damages_of_blocks(),
        super::log_blocks::damages_of_log_blocks(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn damages_of_accounts() -> Vec<Damage> {
    vec![
        lasting("an organization is gone", "it has rows, but no record that can be read", |t| {
            drop(t.open_table(ORGANIZATIONS).unwrap().remove(&[0, 0, 0, 2]).unwrap().unwrap());
        }),
        lasting("an organization is unreadable", "damaged organizations record", |t| {
            drop(t.open_table(ORGANIZATIONS).unwrap().insert(&[0, 0, 0, 1], JUNK).unwrap());
        }),
        lasting("a user is unreadable", "damaged users record", |t| put(t, USERS, serial(1), JUNK)),
        lasting("a key is unreadable", "damaged api_keys record", |t| put(t, KEYS, serial(1), JUNK)),
        lasting("an assistant is unreadable", "damaged assistants record", |t| {
            put(t, ASSISTANTS, serial(1), JUNK)
        }),
        lasting("a number is unreadable", "damaged phone_numbers record", |t| {
            let mut table = t.open_table(NUMBERS).unwrap();
            let key = table.first().unwrap().unwrap().0.value().to_vec();
            table.insert(key.as_slice(), JUNK).unwrap();
        }),
        lasting("somebody is signed in who is not there", "a dashboard session is of no user", |t| {
            put(t, SESSIONS, serial(0x0707_0707_0707_0707), &session(99))
        }),
        lasting("a dashboard session lies elsewhere", "or not in its place", |t| {
            put(t, SESSIONS, serial(5), &session(1))
        }),
        mendable(
            "usage of a key that is not there",
            "usage of kind 1 is noted of what is not there (99)",
            |t| {
                let usage = record(&Usage { count: 1, last_used_at: Some(START) });
                drop(t.open_table(USAGE).unwrap().insert(&counted(1, 99), usage.as_slice()).unwrap());
            },
        ),
        mendable("usage of nobody knows what", "usage of kind 9 is noted", |t| {
            let usage = record(&Usage::default());
            drop(t.open_table(USAGE).unwrap().insert(&counted(9, 1), usage.as_slice()).unwrap());
        }),
        mendable("a count of nobody knows what", "nobody knows what a count counts", |t| {
            drop(t.open_table(COUNTS).unwrap().insert(&counted(9, 0), 7).unwrap());
        }),
        mendable("a kept webhook to nowhere", "a kept webhook is told by audit entry 999", |t| {
            let mut key = [0; 22];
            key[3] = 1;
            drop(t.open_table(KEPT).unwrap().insert(&key, 999).unwrap());
        }),
        lasting("an opt-out of one number", "the key of an opt-out is no two numbers", |t| {
            let opt_out = record(&OptOut { at: START, how: "import".to_owned() });
            let key = opt_out_key("+15551234567\0");
            drop(t.open_table(OPT_OUTS).unwrap().insert(key.as_slice(), opt_out.as_slice()).unwrap());
        }),
    ]
}

fn damages_of_jobs() -> Vec<Damage> {
    vec![
        mendable("a job is not linked", "is not linked from call 4", |t| put_job(t, 7, 4, None)),
        mendable("a job is not linked beside another", "is not linked from call 4", |t| {
            put_job(t, 7, 4, None);
            put(t, THREADS, thread(4, JOB, 0x0808_0808_0808_0808), &[8; 16]);
            put_job(t, 8, 4, None);
        }),
        lasting("a job of no call", "is of no call", |t| put_job(t, 7, 99, None)),
        lasting("a job of no log", "is of no message log", |t| put_job(t, 7, 4, Some(999))),
        mendable("a link has half a job", "links to an outbound job, not one of its own", |t| {
            put_job(t, 7, 4, None);
            let link = thread(4, JOB, 0x0707_0707_0707_0707);
            put(t, THREADS, link, &[7; 20]);
        }),
        mendable("a link lies elsewhere", "links to an outbound job, not one of its own", |t| {
            put_job(t, 7, 4, None);
            put(t, THREADS, thread(4, JOB, 5), &[7; 16]);
        }),
    ]
}

/// Blocks of the search: the first log is in the first, and not alone.
fn damages_of_blocks() -> Vec<Damage> {
    let first = "the search's block of message logs 1 to";
    let change = |change: fn(&mut (u64, u64, u32, Vec<u8>))| {
        move |txn: &WriteTransaction| {
            let mut block = first_block(txn);
            change(&mut block);
            put(txn, BLOCKS, serial(1), &record(&block));
        }
    };
    vec![
        mendable("a block denies a body", first, change(|block| block.3.fill(0))),
        mendable(
            "a block denies one run of letters",
            first,
            change(|block| {
                let byte = block.3.iter().rposition(|byte| *byte != 0).unwrap();
                block.3[byte] = 0;
            }),
        ),
        mendable("a block counts more", first, change(|block| block.1 += 1)),
        mendable("a block reaches too far", first, change(|block| block.0 = 999)),
        mendable("a block ends early", first, change(|block| block.0 -= 1)),
        mendable("a block ends before it begins", first, change(|block| block.0 = 0)),
        mendable("a block begins in another", "the search's block of message logs 2 to", |t| {
            copy(t, BLOCKS, serial(1), serial(2));
        }),
        mendable("a block of no logs", "the search's block of message logs 700 to", |t| {
            copy(t, BLOCKS, serial(1), serial(700));
        }),
        mendable("a block is unreadable", first, |t| put(t, BLOCKS, serial(1), JUNK)),
        mendable("a block is gone and still counted", "rows of kind 7 and block 0 are counted", |t| {
            remove(t, BLOCKS, serial(1))
        }),
    ]
}

fn put_forward(txn: &WriteTransaction, call: u64, log: u64) {
    put(txn, FORWARDS, forward(call, log), &record(&Forward::new(START)));
}

fn park(txn: &WriteTransaction, call: u64, log: u64) {
    let parked =
        ParkedEvent { call_id: CallId(call), parked_at: START, attempts: 1, error: "down".to_owned() };
    put(txn, PARKED, serial(log), &record(&parked));
}

fn damages_of_forwards() -> Vec<Damage> {
    vec![
        mendable("a forward of no log", "forwarded of message log 99 is of no log of call 1", |t| {
            put_forward(t, 1, 99)
        }),
        mendable("a forward of another's log", "forwarded of message log 4 is of no log of call 1", |t| {
            put_forward(t, 1, 4)
        }),
        mendable("a forward of a stray log", "forwarded of message log 3 is of no log of call 1", |t| {
            put_forward(t, 1, 3)
        }),
        lasting("a forward is unreadable", "damaged forwards record", |t| {
            put(t, FORWARDS, forward(1, 1), JUNK)
        }),
        mendable("a parked event of no log", "parked event 99 is of no message log of call 1", |t| {
            park(t, 1, 99)
        }),
        mendable("a parked event of another's log", "parked event 4 is of no message log of call 1", |t| {
            park(t, 1, 4)
        }),
        mendable("an event is parked and waits", "parked event 1 is of no message log of call 1", |t| {
            put_forward(t, 1, 1);
            park(t, 1, 1);
        }),
        lasting("a parked event is unreadable", "damaged parked_events record", |t| {
            put(t, PARKED, serial(1), JUNK)
        }),
        mendable("the feed is looked through beyond its end", "looked through up to 999", |t| {
            change(t, SEQUENCES, [0, 0, 0, 1], |given: &mut Sequences| given.forwarded = 999)
        }),
    ]
}

fn damages_of_read_marks() -> Vec<Damage> {
    let mark = |t: &WriteTransaction, user, call| {
        put(t, READ_MARKS, forward(user, call), &record(&ReadMark { message_index: 1, read_at: START }))
    };
    vec![
        mendable("a mark of nobody's", "what user 99 has read of call 1 is of no user", move |t| {
            mark(t, 99, 1)
        }),
        mendable("a mark of no call", "what user 1 has read of call 99 is of no user", move |t| {
            mark(t, 1, 99)
        }),
        mendable("a mark of what is archived", "what user 1 has read of call 6 is of no user", move |t| {
            mark(t, 1, 6)
        }),
        lasting("a mark is unreadable", "damaged read_marks record", |t| {
            put(t, READ_MARKS, forward(1, 1), JUNK)
        }),
        mendable("nobody has read everything", "what user 99 has read is of no user", |t| {
            put(t, READ_BEFORE, serial(99), &record(&START))
        }),
        lasting("what is read is unreadable", "damaged read_before record", |t| {
            put(t, READ_BEFORE, serial(1), JUNK)
        }),
    ]
}

fn damages_of_fields() -> Vec<Damage> {
    vec![
        mendable("the longest session is forgotten", "expires later than the longest session does", |t| {
            change(t, SEQUENCES, [0, 0, 0, 1], |given: &mut Sequences| given.longest_ttl_seconds = 0)
        }),
        lasting("a call of no assistant", "call 1 is of no assistant", |t| {
            change(t, THREADS, thread(1, HEAD, 0), |call: &mut Call| call.assistant_id = AssistantId(99))
        }),
        lasting("a log of no assistant", "message log 1 is of no assistant", |t| {
            change(t, LOGS, serial(1), |log: &mut MessageLog| log.assistant_id = Some(AssistantId(99)))
        }),
        mendable("a log is of another call", "message log 1 is not linked from call 4", |t| {
            change(t, LOGS, serial(1), |log: &mut MessageLog| log.call_id = Some(CallId(4)))
        }),
        lasting("time runs backwards", "message 2 of call 1 is older than what comes before it", |t| {
            let later = |message: &mut Message<'static>| message.timestamp = at(seconds(90));
            change_message(t, thread(1, MESSAGE, 1), later);
        }),
        mendable("a record ends before its messages", "call 1 was last active at", |t| {
            change(t, THREADS, thread(1, HEAD, 0), |call: &mut Call| call.last_activity = START)
        }),
        mendable("a record counts wrong", "call 1 counts 9 messages and has 2", |t| {
            change(t, THREADS, thread(1, HEAD, 0), |call: &mut Call| call.message_count = 9)
        }),
        mendable("a customer is another", "call 1 is not found by its customer", |t| {
            change(t, THREADS, thread(1, HEAD, 0), |call: &mut Call| call.customer = address("+15550000099"))
        }),
        lasting("two of a session are open", "is open, but its session does not name it", |t| {
            let first =
                t.open_table(THREADS).unwrap().get(&thread(4, HEAD, 0)).unwrap().unwrap().value().to_vec();
            change(t, THREADS, thread(1, HEAD, 0), |call: &mut Call| {
                *call = postcard::from_bytes(&first[1..]).unwrap();
            });
        }),
        mendable("a purged call is to be purged", "call 99 is to be purged, but is not archived", |t| {
            copy(t, super::checker::PURGES, serial(6), serial(99))
        }),
        mendable("a log's duplicates are told by two", "a duplicate is told by message log 1", |t| {
            let mut key = [9; 22];
            key[..4].copy_from_slice(&[0, 0, 0, 1]);
            drop(t.open_table(DEDUPE).unwrap().insert(&key, 1).unwrap());
        }),
        mendable("all list rows are gone", "conversation 4 has no list row", |t| {
            let mut table = t.open_table(super::checker::ACTIVITY).unwrap();
            table.retain(|_, _| false).unwrap();
        }),
        lasting("a head is gone with a link", "call 1 has rows, but no readable record", |t| {
            remove(t, THREADS, thread(1, HEAD, 0));
            remove(t, THREADS, thread(1, super::checker::LOG, 2));
        }),
    ]
}

fn change_message(txn: &WriteTransaction, key: [u8; 21], change: impl FnOnce(&mut Message<'static>)) {
    let mut table = txn.open_table(THREADS).unwrap();
    let bytes = table.get(&key).unwrap().unwrap().value().to_vec();
    let message: Message<'_> = postcard::from_bytes(&bytes[1..]).unwrap();
    let content = message.content.into_owned().into();
    let mut message = Message { content, llm_provider: None, llm_model: None, ..message };
    change(&mut message);
    table.insert(&key, record(&message).as_slice()).unwrap();
}
