//! `Snapshot::check` finds damage: rows are changed behind the store's back, one at a time, and
//! each must be told.

use super::disk::Disk;
use super::door::execute;
use super::script::script;
use redb::{Database, ReadableTable, TableDefinition, WriteTransaction};

type Fixed<const N: usize> = TableDefinition<'static, &'static [u8; N], &'static [u8]>;

const THREADS: Fixed<21> = TableDefinition::new("threads");
const ACTIVITY: Fixed<20> = TableDefinition::new("activity");
const LOGS: Fixed<12> = TableDefinition::new("message_logs");
const RAW: Fixed<12> = TableDefinition::new("raw_payloads");
const AUDIT: Fixed<12> = TableDefinition::new("audit_entries");
const AUDIT_PAYLOADS: Fixed<12> = TableDefinition::new("audit_payloads");
const FEED: Fixed<12> = TableDefinition::new("feed");
const USERS: Fixed<12> = TableDefinition::new("users");
const KEYS: Fixed<12> = TableDefinition::new("api_keys");
const ASSISTANTS: Fixed<12> = TableDefinition::new("assistants");
const SEQUENCES: Fixed<4> = TableDefinition::new("sequences");
const PURGES: Fixed<12> = TableDefinition::new("purges");
const JOBS: Fixed<20> = TableDefinition::new("outbound_jobs");
const BY_CUSTOMER: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("calls_by_customer");
const OPT_OUTS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("opt_outs");
const SESSIONS: TableDefinition<'static, &[u8], u64> = TableDefinition::new("sessions");
const DEDUPE: TableDefinition<'static, &[u8; 22], u64> = TableDefinition::new("dedupe");
const COUNTS: TableDefinition<'static, &[u8; 13], u64> = TableDefinition::new("counts");

const HEAD: u8 = 0;
const LOG: u8 = 2;
const AUDITED: u8 = 3;
const MESSAGE: u8 = 1;
const JOB: u8 = 4;

/// Keys of the first organization, written down by hand from the catalogue.
fn thread(call: u64, part: u8, number: u64) -> [u8; 21] {
    let mut key = [0; 21];
    key[3] = 1;
    key[4..12].copy_from_slice(&call.to_be_bytes());
    key[12] = part;
    key[13..].copy_from_slice(&number.to_be_bytes());
    key
}

fn serial(id: u64) -> [u8; 12] {
    let mut key = [0; 12];
    key[3] = 1;
    key[4..].copy_from_slice(&id.to_be_bytes());
    key
}

fn remove<const N: usize>(txn: &WriteTransaction, table: Fixed<N>, key: [u8; N]) {
    let removed = txn.open_table(table).unwrap().remove(&key).unwrap().is_some();
    assert!(removed, "there was such a row");
}

/// Gives a row the bytes of another.
fn copy<const N: usize>(txn: &WriteTransaction, table: Fixed<N>, from: [u8; N], to: [u8; N]) {
    let mut table = txn.open_table(table).unwrap();
    let bytes = table.get(&from).unwrap().expect("there was such a row").value().to_vec();
    table.insert(&to, bytes.as_slice()).unwrap();
}

fn put<const N: usize>(txn: &WriteTransaction, table: Fixed<N>, key: [u8; N], bytes: &[u8]) {
    txn.open_table(table).unwrap().insert(&key, bytes).unwrap();
}

/// Changes one byte of the first list row: conversation 4's.
fn spoil_list_row(txn: &WriteTransaction, at: usize) {
    let mut table = txn.open_table(ACTIVITY).unwrap();
    let (key, mut bytes) = {
        let (key, bytes) = table.first().unwrap().unwrap();
        (*key.value(), bytes.value().to_vec())
    };
    bytes[at] ^= 1;
    table.insert(&key, bytes.as_slice()).unwrap();
}

fn first_list_key(txn: &WriteTransaction) -> [u8; 20] {
    *txn.open_table(ACTIVITY).unwrap().first().unwrap().unwrap().0.value()
}

fn each_session(txn: &WriteTransaction, change: impl Fn(u64) -> Option<u64>) {
    let mut table = txn.open_table(SESSIONS).unwrap();
    let rows: Vec<(Vec<u8>, u64)> = table
        .iter()
        .unwrap()
        .map(|row| row.map(|(key, id)| (key.value().to_vec(), id.value())).unwrap())
        .collect();
    for (key, id) in rows {
        match change(id) {
            Some(other) => drop(table.insert(key.as_slice(), other).unwrap()),
            None => drop(table.remove(key.as_slice()).unwrap()),
        }
    }
}

type Damage = (&'static str, Box<dyn Fn(&WriteTransaction)>, &'static str);

fn damage(name: &'static str, told: &'static str, harm: impl Fn(&WriteTransaction) + 'static) -> Damage {
    (name, Box::new(harm), told)
}

/// Begins like a record and is none.
const JUNK: &[u8] = &[1, 255, 255];

fn damages_of_threads() -> Vec<Damage> {
    vec![
        damage("a head is gone", "call 2 has rows, but no readable record", |t| {
            remove(t, THREADS, thread(2, HEAD, 0))
        }),
        damage("a head is unreadable", "call 2 has rows, but", move |t| {
            put(t, THREADS, thread(2, HEAD, 0), JUNK)
        }),
        damage("a head is another's", "call 2 is not found by its customer", |t| {
            copy(t, THREADS, thread(1, HEAD, 0), thread(2, HEAD, 0));
        }),
        damage("the first message is gone", "call 1 has message 2 where 1 is due", |t| {
            remove(t, THREADS, thread(1, MESSAGE, 1))
        }),
        damage("the last message is gone", "call 1 counts 2 messages and has 1", |t| {
            remove(t, THREADS, thread(1, MESSAGE, 2))
        }),
        damage("a message too many", "call 1 counts 2 messages and has 3", |t| {
            copy(t, THREADS, thread(1, MESSAGE, 2), thread(1, MESSAGE, 3));
        }),
        damage("a message is unreadable", "damaged threads record", move |t| {
            put(t, THREADS, thread(1, MESSAGE, 2), JUNK)
        }),
        damage("a row of no kind", "call 1 has a row of an unknown kind", |t| {
            put(t, THREADS, thread(1, 9, 1), &[])
        }),
        damage("a log link is gone", "message log 2 is not linked from call 1", |t| {
            remove(t, THREADS, thread(1, LOG, 2))
        }),
        damage("a log link to nowhere", "call 1 links to message log 99", |t| {
            put(t, THREADS, thread(1, LOG, 99), &[])
        }),
        damage("a log link to another's", "call 1 links to message log 4", |t| {
            put(t, THREADS, thread(1, LOG, 4), &[])
        }),
        damage("an audit link is gone", "audit entry 1 is not linked from call 1", |t| {
            remove(t, THREADS, thread(1, AUDITED, 1))
        }),
        damage("an audit link to nowhere", "call 2 links to audit entry 1", |t| {
            put(t, THREADS, thread(2, AUDITED, 1), &[])
        }),
    ]
}

fn damages_of_lists() -> Vec<Damage> {
    vec![
        damage("a list row is gone", "conversation 4 has no list row", |t| {
            remove(t, ACTIVITY, first_list_key(t))
        }),
        damage("a list row is of nobody", "is of no conversation (6)", |t| {
            let key = first_list_key(t);
            let mut other = key;
            other[19] = !6;
            copy(t, ACTIVITY, key, other);
        }),
        damage("a list row stands twice", "is of no conversation (4)", |t| {
            let key = first_list_key(t);
            let mut later = key;
            later[11] ^= 1;
            copy(t, ACTIVITY, key, later);
        }),
        damage("the customers' index lost a call", "is not found by its customer", |t| {
            drop(t.open_table(BY_CUSTOMER).unwrap().pop_first().unwrap());
        }),
        damage(
            "the customers' index has a stranger",
            "a row of the customers' index is of no call (7)",
            |t| {
                let mut key = serial(0).to_vec();
                key.extend_from_slice(&(!7u64).to_be_bytes());
                t.open_table(BY_CUSTOMER).unwrap().insert(key.as_slice(), [].as_slice()).unwrap();
            },
        ),
        damage("a key is cut short", "a key of calls_by_customer is cut short", |t| {
            t.open_table(BY_CUSTOMER).unwrap().insert([1].as_slice(), [].as_slice()).unwrap();
        }),
        damage("sessions are gone", "conversation 3 is open, but its session does not name it", |t| {
            each_session(t, |_| None)
        }),
        damage("a session names nobody", "a session names call 99", |t| each_session(t, |_| Some(99))),
        damage("a session names another's", "a session names call 2", |t| {
            each_session(t, |id| Some(if id == 3 { 2 } else { id }));
        }),
    ]
}

fn damages_of_logs() -> Vec<Damage> {
    vec![
        damage("a log is gone", "call 1 links to message log 1", |t| remove(t, LOGS, serial(1))),
        damage("a log is unreadable", "damaged message_logs record", |t| put(t, LOGS, serial(1), &[])),
        damage("a stray log is gone", "4 duplicates are told by no log, 3 logs were purged", |t| {
            remove(t, LOGS, serial(3))
        }),
        damage("a payload of no log", "raw payload 99 is of no message log", |t| {
            copy(t, RAW, serial(1), serial(99))
        }),
        damage("a payload is unreadable", "damaged raw_payloads record", move |t| {
            put(t, RAW, serial(1), JUNK)
        }),
        damage("an audit entry is gone", "call 1 links to audit entry 1", |t| remove(t, AUDIT, serial(1))),
        damage("audit entries overlap", "audit entry 2 overlaps the one before", |t| {
            copy(t, AUDIT, serial(1), serial(2))
        }),
        damage("an audit payload of nobody", "audit payload 1 is of no audit entry", |t| {
            let key = *t.open_table(AUDIT_PAYLOADS).unwrap().first().unwrap().unwrap().0.value();
            copy(t, AUDIT_PAYLOADS, key, serial(2));
            remove(t, AUDIT, serial(1));
            copy(t, AUDIT_PAYLOADS, key, serial(1));
        }),
        damage("a duplicate told by nobody", "a duplicate is told by message log 99", |t| {
            let mut table = t.open_table(DEDUPE).unwrap();
            let key = *table.first().unwrap().unwrap().0.value();
            table.insert(&key, 99).unwrap();
        }),
        damage("duplicates told by another", "a duplicate is told by message log 1", |t| {
            let mut table = t.open_table(DEDUPE).unwrap();
            let keys: Vec<[u8; 22]> = table.iter().unwrap().map(|row| *row.unwrap().0.value()).collect();
            keys.iter().for_each(|key| drop(table.insert(key, 1).unwrap()));
        }),
    ]
}

fn damages_of_the_rest() -> Vec<Damage> {
    vec![
        damage("the feed lost its first", "the feed has 2 where 1 is due", |t| remove(t, FEED, serial(1))),
        damage("the feed lost one", "the feed has 5 where 4 is due", |t| remove(t, FEED, serial(4))),
        damage("the feed goes on", "the feed ends at", |t| {
            let last = u64::try_from(
                t.open_table(FEED)
                    .unwrap()
                    .range::<&[u8; 12]>(&serial(0)..=&serial(u64::MAX))
                    .unwrap()
                    .count(),
            )
            .unwrap();
            copy(t, FEED, serial(last), serial(last + 1));
        }),
        damage("a feed entry is unreadable", "damaged feed record", move |t| put(t, FEED, serial(2), JUNK)),
        damage("the sequences are gone", "call 1 is not among the ids given so far", |t| {
            remove(t, SEQUENCES, [0, 0, 0, 1])
        }),
        damage("the sequences start again", "message log 1 is not among the ids given", |t| {
            put(t, SEQUENCES, [0, 0, 0, 1], &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        }),
        damage("the longest session is forgotten", "expires later than the longest session does", |t| {
            put(t, SEQUENCES, [0, 0, 0, 1], &[1, 99, 99, 99, 99, 99, 99, 99, 99, 99, 0])
        }),
        damage("a count is wrong", "7 conversations are counted, 5 are there", |t| {
            let mut table = t.open_table(COUNTS).unwrap();
            let key = *table.first().unwrap().unwrap().0.value();
            table.insert(&key, 7).unwrap();
        }),
        damage("a count is gone", "0 conversations are counted, 5 are there", |t| {
            drop(t.open_table(COUNTS).unwrap().pop_first().unwrap())
        }),
        damage("a purge is forgotten", "call 6 is archived and has 3 rows that nobody is to purge", |t| {
            remove(t, PURGES, serial(6))
        }),
        damage("a purge of what is not archived", "call 4 is to be purged, but is not archived", |t| {
            copy(t, PURGES, serial(6), serial(4))
        }),
        damage("a job is another's", "call 4 links to an outbound job, not one of its own", |t| {
            put(t, THREADS, thread(4, JOB, 0), &[0; 16])
        }),
        damage("a user is gone", "API key 1 is of no user", |t| remove(t, USERS, serial(1))),
        damage("a key too many", "API key 9 is not among the ids given", |t| {
            copy(t, KEYS, serial(1), serial(9))
        }),
        damage("an assistant is gone", "phone number 1 is of no assistant", |t| {
            remove(t, ASSISTANTS, serial(2))
        }),
        damage("a job is unreadable", "damaged outbound_jobs record", |t| put(t, JOBS, [0; 20], &[])),
        damage("an opt-out is unreadable", "damaged opt_outs record", |t| {
            t.open_table(OPT_OUTS).unwrap().insert(serial(1).as_slice(), [].as_slice()).unwrap();
        }),
    ]
}

/// An image after the script's life.
fn sound_image() -> Vec<u8> {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    for act in script() {
        execute(&store, &act).unwrap();
    }
    store.close();
    disk.image(super::disk::Loss::None)
}

/// What the checker says after the harm.
fn told_after(image: &[u8], harm: &dyn Fn(&WriteTransaction)) -> Vec<String> {
    let disk = Disk::with(image.to_vec());
    let database = Database::builder().create_with_backend(disk.handle()).unwrap();
    let txn = database.begin_write().unwrap();
    harm(&txn);
    txn.commit().unwrap();
    drop(database);
    let store = disk.open().unwrap();
    let told = store.snapshot().unwrap().check().unwrap();
    store.close();
    told
}

#[test]
fn sound_data_are_told_to_be_sound() {
    assert_eq!(told_after(&sound_image(), &|_| ()), Vec::<String>::new());
}

#[test]
fn every_damage_is_told_in_plain_words() {
    let image = sound_image();
    let all = [damages_of_threads(), damages_of_lists(), damages_of_logs(), damages_of_the_rest()];
    for (name, harm, wanted) in all.into_iter().flatten() {
        let told = told_after(&image, &*harm);
        assert!(told.iter().any(|damage| damage.contains(wanted)), "{name}: {told:#?}");
        assert!(told.iter().all(|damage| damage.starts_with("organization ")), "{name}: {told:#?}");
    }
}

#[test]
fn a_list_row_agrees_with_its_record_in_every_field() {
    let image = sound_image();
    // version, assistant, count, start, expiry, end, length of the customer's number, the numbers
    for at in [0, 1, 8, 9, 12, 13, 20, 21, 28, 29, 36, 37, 38, 49, 50, 61] {
        let told = told_after(&image, &move |txn| spoil_list_row(txn, at));
        assert_eq!(told.len(), 1, "byte {at}: {told:#?}");
        assert!(told[0].contains("conversation 4"), "byte {at}: {told:#?}");
    }
}

#[test]
fn a_heap_of_damage_is_told_up_to_what_a_person_reads() {
    let told = told_after(&sound_image(), &|txn| {
        (1000..2500).for_each(|id| put(txn, FEED, serial(id), &[]));
    });
    assert!(told.len() < 1100, "{} were told", told.len());
    assert!(told.last().unwrap().starts_with("and "), "{:?}", told.last());
}
