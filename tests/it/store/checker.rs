//! `Snapshot::check` finds damage: rows are changed behind the store's back, one at a time, and
//! each must be told.

use super::acts::{ORG, OTHER_ORG, START};
use super::disk::Disk;
use super::door::{Act, execute};
use super::list_blocks::Block;
use super::script::receiving;
use redb::{Database, ReadableTable, TableDefinition, WriteTransaction};
use smslite::store::{PlanForwards, Sequences};

pub type Fixed<const N: usize> = TableDefinition<'static, &'static [u8; N], &'static [u8]>;

pub const THREADS: Fixed<21> = TableDefinition::new("threads");
pub const ACTIVITY: Fixed<20> = TableDefinition::new("activity");
pub const ACTIVITY_BLOCKS: Fixed<20> = TableDefinition::new("activity_blocks");
pub const LOGS: Fixed<12> = TableDefinition::new("message_logs");
pub const BLOCKS: Fixed<12> = TableDefinition::new("search_blocks");
pub const RAW: Fixed<12> = TableDefinition::new("raw_payloads");
pub const AUDIT: Fixed<12> = TableDefinition::new("audit_entries");
const AUDIT_PAYLOADS: Fixed<12> = TableDefinition::new("audit_payloads");
pub const FEED: Fixed<12> = TableDefinition::new("feed");
pub const USERS: Fixed<12> = TableDefinition::new("users");
pub const KEYS: Fixed<12> = TableDefinition::new("api_keys");
pub const ASSISTANTS: Fixed<12> = TableDefinition::new("assistants");
pub const SEQUENCES: Fixed<4> = TableDefinition::new("sequences");
pub const PURGES: Fixed<12> = TableDefinition::new("purges");
pub const JOBS: Fixed<20> = TableDefinition::new("outbound_jobs");
pub const FORWARDS: Fixed<20> = TableDefinition::new("forwards");
pub const READ_BEFORE: Fixed<12> = TableDefinition::new("read_before");
pub const READ_MARKS: Fixed<20> = TableDefinition::new("read_marks");
pub const PARKED: Fixed<12> = TableDefinition::new("parked_events");
const BY_CUSTOMER: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("calls_by_customer");
pub const OPT_OUTS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("opt_outs");
const SESSIONS: TableDefinition<'static, &[u8], u64> = TableDefinition::new("sessions");
pub const DEDUPE: TableDefinition<'static, &[u8; 22], u64> = TableDefinition::new("dedupe");
pub const COUNTS: TableDefinition<'static, &[u8; 13], u64> = TableDefinition::new("counts");

pub const HEAD: u8 = 0;
pub const LOG: u8 = 2;
const AUDITED: u8 = 3;
pub const MESSAGE: u8 = 1;
pub const JOB: u8 = 4;

/// Keys of the first organization, written down by hand from the catalogue.
pub fn thread(call: u64, part: u8, number: u64) -> [u8; 21] {
    let mut key = [0; 21];
    key[3] = 1;
    key[4..12].copy_from_slice(&call.to_be_bytes());
    key[12] = part;
    key[13..].copy_from_slice(&number.to_be_bytes());
    key
}

pub fn serial(id: u64) -> [u8; 12] {
    let mut key = [0; 12];
    key[3] = 1;
    key[4..].copy_from_slice(&id.to_be_bytes());
    key
}

pub fn forward(call: u64, log: u64) -> [u8; 20] {
    let mut key = [0; 20];
    key[3] = 1;
    key[4..12].copy_from_slice(&call.to_be_bytes());
    key[12..].copy_from_slice(&log.to_be_bytes());
    key
}

pub fn remove<const N: usize>(txn: &WriteTransaction, table: Fixed<N>, key: [u8; N]) {
    let removed = txn.open_table(table).unwrap().remove(&key).unwrap().is_some();
    assert!(removed, "there was such a row");
}

/// Gives a row the bytes of another.
pub fn copy<const N: usize>(txn: &WriteTransaction, table: Fixed<N>, from: [u8; N], to: [u8; N]) {
    let mut table = txn.open_table(table).unwrap();
    let bytes = table.get(&from).unwrap().expect("there was such a row").value().to_vec();
    table.insert(&to, bytes.as_slice()).unwrap();
}

pub fn put<const N: usize>(txn: &WriteTransaction, table: Fixed<N>, key: [u8; N], bytes: &[u8]) {
    txn.open_table(table).unwrap().insert(&key, bytes).unwrap();
}

/// Changes one byte of the first list row: conversation 10's.
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

/// Up to which log the first block of the search reaches, how many logs and what version it tells, and its runs of
/// letters.
pub fn first_block(txn: &WriteTransaction) -> (u64, u64, u32, Vec<u8>) {
    let table = txn.open_table(BLOCKS).unwrap();
    let bytes = table.get(&serial(1)).unwrap().expect("the first log is sealed").value().to_vec();
    postcard::from_bytes(&bytes[1..]).unwrap()
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

/// A damage made by hand.
pub struct Damage {
    pub name: &'static str,
    pub harm: Box<dyn Fn(&WriteTransaction)>,
    /// What the check says of it.
    pub told: &'static str,
    /// Whether it follows from other rows what there should be.
    pub mendable: bool,
}

impl Damage {
    /// A server would not start with it.
    pub fn unreadable(&self) -> bool {
        let loaded =
            ["organizations", "users", "api_keys", "dashboard_sessions", "assistants", "phone_numbers"];
        loaded.iter().any(|table| self.told == format!("damaged {table} record"))
    }
}

pub fn mendable(
    name: &'static str,
    told: &'static str,
    harm: impl Fn(&WriteTransaction) + 'static,
) -> Damage {
    Damage { name, harm: Box::new(harm), told, mendable: true }
}

pub fn lasting(name: &'static str, told: &'static str, harm: impl Fn(&WriteTransaction) + 'static) -> Damage {
    Damage { mendable: false, ..mendable(name, told, harm) }
}

/// Begins like a record and is none.
pub const JUNK: &[u8] = &[1, 255, 255];

fn damages_of_threads() -> Vec<Damage> {
    vec![
        lasting("a head is gone", "call 2 has rows, but no readable record", |t| {
            remove(t, THREADS, thread(2, HEAD, 0))
        }),
        lasting("a head is unreadable", "call 2 has rows, but", move |t| {
            put(t, THREADS, thread(2, HEAD, 0), JUNK)
        }),
        mendable("a head is another's", "call 2 is not found by its customer", |t| {
            copy(t, THREADS, thread(1, HEAD, 0), thread(2, HEAD, 0));
        }),
        lasting("the first message is gone", "call 1 has message 2 where 1 is due", |t| {
            remove(t, THREADS, thread(1, MESSAGE, 1))
        }),
        mendable("the last message is gone", "call 1 counts 2 messages and has 1", |t| {
            remove(t, THREADS, thread(1, MESSAGE, 2))
        }),
        mendable("a message too many", "call 1 counts 2 messages and has 3", |t| {
            copy(t, THREADS, thread(1, MESSAGE, 2), thread(1, MESSAGE, 3));
        }),
        lasting("a message is unreadable", "damaged threads record", move |t| {
            put(t, THREADS, thread(1, MESSAGE, 2), JUNK)
        }),
        lasting("a row of no kind", "call 1 has a row of an unknown kind", |t| {
            put(t, THREADS, thread(1, 9, 1), &[])
        }),
        mendable("a log link is gone", "message log 2 is not linked from call 1", |t| {
            remove(t, THREADS, thread(1, LOG, 2))
        }),
        mendable("a log link to nowhere", "call 1 links to message log 99", |t| {
            put(t, THREADS, thread(1, LOG, 99), &[])
        }),
        mendable("a log link to another's", "call 1 links to message log 4", |t| {
            put(t, THREADS, thread(1, LOG, 4), &[])
        }),
        mendable("an audit link is gone", "audit entry 1 is not linked from call 1", |t| {
            remove(t, THREADS, thread(1, AUDITED, 1))
        }),
        mendable("an audit link to nowhere", "call 2 links to audit entry 1", |t| {
            put(t, THREADS, thread(2, AUDITED, 1), &[])
        }),
    ]
}

fn damages_of_lists() -> Vec<Damage> {
    vec![
        mendable("a list row is gone", "conversation 10 has no list row", |t| {
            remove(t, ACTIVITY, first_list_key(t))
        }),
        mendable("a list row is of nobody", "is of no conversation (6)", |t| {
            let key = first_list_key(t);
            let mut other = key;
            other[19] = !6;
            copy(t, ACTIVITY, key, other);
        }),
        mendable("a list row stands twice", "is of no conversation (10)", |t| {
            let key = first_list_key(t);
            let mut later = key;
            later[11] ^= 1;
            copy(t, ACTIVITY, key, later);
        }),
        mendable("the customers' index lost a call", "is not found by its customer", |t| {
            drop(t.open_table(BY_CUSTOMER).unwrap().pop_first().unwrap());
        }),
        mendable(
            "the customers' index has a stranger",
            "a row of the customers' index is of no call (7)",
            |t| {
                let mut key = serial(0).to_vec();
                key.extend_from_slice(&(!7u64).to_be_bytes());
                t.open_table(BY_CUSTOMER).unwrap().insert(key.as_slice(), [].as_slice()).unwrap();
            },
        ),
        mendable("a key is cut short", "a key of calls_by_customer is cut short", |t| {
            t.open_table(BY_CUSTOMER).unwrap().insert([1].as_slice(), [].as_slice()).unwrap();
        }),
        mendable("sessions are gone", "conversation 3 is open, but its session does not name it", |t| {
            each_session(t, |_| None)
        }),
        mendable("a session names nobody", "a session names call 99", |t| each_session(t, |_| Some(99))),
        mendable("a session names another's", "a session names call 2", |t| {
            each_session(t, |id| Some(if id == 3 { 2 } else { id }));
        }),
    ]
}

/// Changes the first block of the list.
fn change_block(t: &WriteTransaction, change: impl FnOnce(&mut Block)) {
    let (key, mut block) = {
        let table = t.open_table(ACTIVITY_BLOCKS).unwrap();
        let (key, row) = table.first().unwrap().unwrap();
        (*key.value(), postcard::from_bytes(&row.value()[1..]).unwrap())
    };
    change(&mut block);
    put(t, ACTIVITY_BLOCKS, key, &super::damages::record(&block));
}

fn damages_of_blocks() -> Vec<Damage> {
    let told = "list rows is not what they are";
    let none = "a block of 0 list rows is not what they are";
    vec![
        mendable("a block of the list is gone", told, |t| {
            drop(t.open_table(ACTIVITY_BLOCKS).unwrap().pop_first().unwrap())
        }),
        mendable("all blocks of the list are gone", none, |t| {
            t.open_table(ACTIVITY_BLOCKS).unwrap().retain(|_, _| false).unwrap();
        }),
        mendable("a block of the list is unreadable", none, |t| {
            let key = *t.open_table(ACTIVITY_BLOCKS).unwrap().first().unwrap().unwrap().0.value();
            put(t, ACTIVITY_BLOCKS, key, JUNK)
        }),
        mendable("a block of the list has no rows", none, |t| {
            let key = *t.open_table(ACTIVITY_BLOCKS).unwrap().first().unwrap().unwrap().0.value();
            let mut other = key;
            (other[3], other[19]) = (7, 7);
            put(t, ACTIVITY_BLOCKS, other, &super::damages::record(&Block::default()));
        }),
        mendable("a block of the list counts one more", told, |t| {
            change_block(t, |(counts, _, _, _)| counts.0 += 1)
        }),
        mendable("a block of the list counts an end", told, |t| {
            change_block(t, |(counts, _, _, assistants)| {
                (counts.0, counts.1) = (counts.0 - 1, counts.1 + 1);
                (assistants[0].1.0, assistants[0].1.1) = (assistants[0].1.0 - 1, assistants[0].1.1 + 1);
            })
        }),
        mendable("a block of the list knows another assistant", told, |t| {
            change_block(t, |(_, _, _, assistants)| assistants[0].0 += 1)
        }),
        mendable("a block of the list expires too early", told, |t| {
            change_block(t, |(_, expires, _, _)| expires.1 -= 1)
        }),
        mendable("a block of the list starts too late", told, |t| {
            change_block(t, |(_, _, started, _)| started.0 += 1)
        }),
    ]
}

fn damages_of_logs() -> Vec<Damage> {
    vec![
        mendable("a log is gone", "call 1 links to message log 1", |t| remove(t, LOGS, serial(1))),
        lasting("a log is unreadable", "damaged message_logs record", |t| put(t, LOGS, serial(1), &[])),
        mendable("a stray log is gone", "6 duplicates are told by no log, 5 logs were purged", |t| {
            remove(t, LOGS, serial(3))
        }),
        mendable("a payload of no log", "raw payload 99 is of no message log", |t| {
            copy(t, RAW, serial(1), serial(99))
        }),
        lasting("a payload is unreadable", "damaged raw_payloads record", move |t| {
            put(t, RAW, serial(1), JUNK)
        }),
        mendable("an audit entry is gone", "call 1 links to audit entry 1", |t| remove(t, AUDIT, serial(1))),
        lasting("audit entries overlap", "audit entry 2 overlaps the one before", |t| {
            copy(t, AUDIT, serial(1), serial(2))
        }),
        mendable("an audit payload of nobody", "audit payload 1 is of no audit entry", |t| {
            let key = *t.open_table(AUDIT_PAYLOADS).unwrap().first().unwrap().unwrap().0.value();
            copy(t, AUDIT_PAYLOADS, key, serial(2));
            remove(t, AUDIT, serial(1));
            copy(t, AUDIT_PAYLOADS, key, serial(1));
        }),
        mendable("a duplicate told by nobody", "a duplicate is told by message log 99", |t| {
            let mut table = t.open_table(DEDUPE).unwrap();
            let key = *table.first().unwrap().unwrap().0.value();
            table.insert(&key, 99).unwrap();
        }),
        mendable("duplicates told by another", "a duplicate is told by message log 1", |t| {
            let mut table = t.open_table(DEDUPE).unwrap();
            let keys: Vec<[u8; 22]> = table.iter().unwrap().map(|row| *row.unwrap().0.value()).collect();
            keys.iter().for_each(|key| drop(table.insert(key, 1).unwrap()));
        }),
    ]
}

fn damages_of_the_rest() -> Vec<Damage> {
    vec![
        lasting("the feed lost its first", "the feed has 2 where 1 is due", |t| remove(t, FEED, serial(1))),
        lasting("the feed lost one", "the feed has 5 where 4 is due", |t| remove(t, FEED, serial(4))),
        mendable("the feed goes on", "the feed ends at", |t| {
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
        lasting("a feed entry is unreadable", "damaged feed record", move |t| put(t, FEED, serial(2), JUNK)),
        mendable("the sequences are gone", "call 1 is not among the ids given so far", |t| {
            remove(t, SEQUENCES, [0, 0, 0, 1])
        }),
        mendable("the sequences start again", "message log 1 is not among the ids given", |t| {
            put(t, SEQUENCES, [0, 0, 0, 1], &super::damages::record(&Sequences::default()))
        }),
        mendable("a count is wrong", "70 conversations are counted, 9 are there", |t| {
            let mut table = t.open_table(COUNTS).unwrap();
            let key = *table.first().unwrap().unwrap().0.value();
            table.insert(&key, 70).unwrap();
        }),
        mendable("a count is gone", "0 conversations are counted, 9 are there", |t| {
            drop(t.open_table(COUNTS).unwrap().pop_first().unwrap())
        }),
        mendable("a purge is forgotten", "call 6 is archived and has 3 rows that nobody is to purge", |t| {
            remove(t, PURGES, serial(6))
        }),
        mendable("a purge of what is not archived", "call 4 is to be purged, but is not archived", |t| {
            copy(t, PURGES, serial(6), serial(4))
        }),
        mendable("a job is another's", "call 4 links to an outbound job, not one of its own", |t| {
            put(t, THREADS, thread(4, JOB, 0), &[0; 16])
        }),
        lasting("a user is gone", "API key 1 is of no user", |t| remove(t, USERS, serial(1))),
        mendable("a key too many", "API key 9 is not among the ids given", |t| {
            copy(t, KEYS, serial(1), serial(9))
        }),
        lasting("an assistant is gone", "phone number 1 is of no assistant", |t| {
            remove(t, ASSISTANTS, serial(2))
        }),
        lasting("a job is unreadable", "damaged outbound_jobs record", |t| put(t, JOBS, [0; 20], &[])),
        lasting("an opt-out is unreadable", "damaged opt_outs record", |t| {
            t.open_table(OPT_OUTS).unwrap().insert(serial(1).as_slice(), [].as_slice()).unwrap();
        }),
    ]
}

/// Every damage of every kind.
pub fn damages() -> Vec<Damage> {
    let all = [
        damages_of_threads(),
        damages_of_lists(),
        damages_of_blocks(),
        damages_of_logs(),
        damages_of_the_rest(),
    ];
    all.into_iter().flatten().chain(super::damages::more()).collect()
}

/// An image after a life without messages of ours.
pub fn sound_image() -> Vec<u8> {
    image_of(&receiving())
}

/// An image after these acts. Nothing is left to be looked for in the feeds, as a server leaves them.
pub fn image_of(acts: &[Act]) -> Vec<u8> {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    for act in acts {
        execute(&store, act).unwrap();
    }
    for organization in [ORG, OTHER_ORG] {
        let up_to = store.snapshot().unwrap().sequences(organization).unwrap().feed;
        let planned = PlanForwards { organization, now: START, up_to, messages: Vec::new() };
        store.execute_blocking(planned).unwrap();
    }
    store.close();
    disk.image(super::disk::Loss::None)
}

/// The image after the harm.
pub fn harmed(image: &[u8], harm: &dyn Fn(&WriteTransaction)) -> Disk {
    let disk = Disk::with(image.to_vec());
    let database = Database::builder().create_with_backend(disk.handle()).unwrap();
    let mut txn = database.begin_write().unwrap();
    txn.set_quick_repair(true);
    harm(&txn);
    txn.commit().unwrap();
    drop(database);
    disk
}

/// What the checker says after the harm, while it is served.
fn told_after(image: &[u8], harm: &dyn Fn(&WriteTransaction)) -> Vec<String> {
    let disk = harmed(image, harm);
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
    for Damage { name, harm, told: wanted, .. } in damages().into_iter().filter(|damage| !damage.unreadable())
    {
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
        assert!(told[0].contains("conversation 10"), "byte {at}: {told:#?}");
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
