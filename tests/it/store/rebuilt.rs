//! Files made anew: an older format is brought up to date on a copy, and a compacted file has nothing in it
//! but what is still there.

use super::acts::{
    ANN, DESK, ORG, START, archive, assign, at, bootstrap, claiming, create_assistant, enqueue, message,
    seconds,
};
use super::checker::{ACTIVITY, ACTIVITY_BLOCKS, ASSISTANTS, Fixed, LOGS, SEQUENCES, serial};
use super::disk::{CACHE, open_dir};
use super::door::{Act, Answer, execute};
use super::log_blocks::{LOG_BLOCKS, compare, stored};
use super::script::{model_states, script, sound_state};
use super::sealing::{found, seal};
use redb::{Database, ReadableDatabase, ReadableTable};
use smslite::model::call::ConversationFilter;
use smslite::model::feed::{FeedEntry, FeedEvent};
use smslite::model::ids::{AssistantId, OrganizationId};
use smslite::model::message_log::{DeliveryStatus, LogFilter, Provider};
use smslite::model::outbound::{Claim, Claiming};
use smslite::model::page::Page;
use smslite::store::{DataDir, EnqueueOutcome, Sequences, Snapshot, Store, compact};
use std::fs;
use std::path::Path;
use std::sync::Arc;

const FORMAT_1: &[u8] = include_bytes!("fixtures/format-1.redb");
const FORMAT_2: &[u8] = include_bytes!("fixtures/format-2.redb");
const FORMAT_3: &[u8] = include_bytes!("fixtures/format-3.redb");
const FORMAT_4: &[u8] = include_bytes!("fixtures/format-4.redb");
const FORMAT_5: &[u8] = include_bytes!("fixtures/format-5.redb");

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_older_format_is_brought_up_to_date_and_the_old_file_kept() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("smslite.redb");
    fs::write(&place, FORMAT_1).unwrap();
    // What a broken attempt left.
    fs::write(dir.path().join("smslite.redb.new"), &FORMAT_1[..5000]).unwrap();
    open_dir(dir.path()).close();
    assert_eq!(names(dir.path()), ["lock", "smslite.redb", "smslite.redb.format-1"]);
    assert!(fs::read(dir.path().join("smslite.redb.format-1")).unwrap() == FORMAT_1, "byte for byte");

    let up_to_date = fs::read(&place).unwrap();
    let store = open_dir(dir.path());
    assert_eq!(store.snapshot().unwrap().check().unwrap(), Vec::<String>::new());
    assert!(store.snapshot().unwrap().sequences(ORG).unwrap().feed > 0);
    store.close();
    assert_eq!(fs::read(&place).unwrap().len(), up_to_date.len(), "once");
    // Somebody puts the old one back.
    fs::write(&place, FORMAT_1).unwrap();
    open_dir(dir.path()).close();
    assert!(names(dir.path()).contains(&"smslite.redb.format-1.2".to_owned()), "no kept file is overwritten");
}

#[test]
fn an_older_file_that_cannot_be_brought_up_to_date_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("smslite.redb");
    fs::write(&place, FORMAT_1).unwrap();
    // The copy's name is taken by what no file can be made of.
    fs::create_dir(dir.path().join("smslite.redb.new")).unwrap();
    let data = Arc::new(DataDir::take(dir.path()).unwrap());
    let location = smslite::store::Location::Directory(data);
    let error = smslite::store::Store::open(location, CACHE).err().unwrap().to_string();
    assert!(error.contains("is as it was"), "{error}");
    assert!(fs::read(&place).unwrap() == FORMAT_1);
}

#[test]
fn a_compacted_file_has_what_is_there_and_no_byte_of_what_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_dir(dir.path());
    let secret = "a secret that was archived";
    let setup = [bootstrap(), create_assistant(ORG, "Support Bot"), assign(ORG, DESK, 1, START)];
    setup.iter().for_each(|act| drop(execute(&store, act).unwrap()));
    for place in 0..200 {
        let told = message(&format!("SM{place}"), ANN, DESK, at(seconds(place)));
        let told = smslite::store::RecordInbound { body: format!("{secret} {place}"), ..told };
        execute(&store, &Act::Inbound(told)).unwrap();
    }
    execute(&store, &archive(1, at(seconds(300)), 10_000)).unwrap();
    let before = sound_state(&store.snapshot().unwrap());
    store.close();

    let place = dir.path().join("smslite.redb");
    let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    assert!(holds(&fs::read(&place).unwrap()), "freed pages keep what they held");
    let length = fs::metadata(&place).unwrap().len();
    let data = Arc::new(DataDir::take(dir.path()).unwrap());
    let compacted = compact(&data, CACHE, |_, _| ()).unwrap();
    drop(data);
    assert_eq!(
        (compacted.bytes_before, compacted.bytes_after),
        (length, fs::metadata(&place).unwrap().len())
    );
    assert!(compacted.bytes_after < length / 2, "{compacted:?}");
    assert!(!holds(&fs::read(&place).unwrap()));
    assert_eq!(names(dir.path()), ["lock", "smslite.redb"]);
    let store = open_dir(dir.path());
    assert_eq!(sound_state(&store.snapshot().unwrap()), before);
    store.close();
}

#[test]
fn a_life_goes_on_in_a_compacted_file() {
    let acts = script();
    let dir = tempfile::tempdir().unwrap();
    for part in acts.chunks(acts.len() / 3) {
        let store = open_dir(dir.path());
        part.iter().for_each(|act| drop(execute(&store, act).unwrap()));
        store.close();
        let data = Arc::new(DataDir::take(dir.path()).unwrap());
        compact(&data, CACHE, |_, _| ()).unwrap();
    }
    let store = open_dir(dir.path());
    assert_eq!(sound_state(&store.snapshot().unwrap()), *model_states(&acts).last().unwrap());
    store.close();
}

/// `format-3.redb` is the life of the script of then with, after it, a part of a long message that waits for others, an
/// account at Vonage, an early receipt and two messages of ours, one of them being sent. It was compacted.
#[test]
fn a_file_of_format_3_is_brought_up_to_date_and_gives_up_what_was_being_sent() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("smslite.redb"), FORMAT_3).unwrap();
    let store = open_dir(dir.path());
    assert_eq!(names(dir.path()), ["lock", "smslite.redb", "smslite.redb.format-3"]);
    assert!(fs::read(dir.path().join("smslite.redb.format-3")).unwrap() == FORMAT_3, "byte for byte");
    assert_eq!(store.snapshot().unwrap().check().unwrap(), Vec::<String>::new());
    let account = store.directory().view().carrier_account(ORG, Provider::Vonage).unwrap().clone();
    assert_eq!((account.account_id.as_deref(), account.verifying.len()), (Some("ACfixture"), 2));
    let waiting = store.snapshot().unwrap().partial_messages(None).unwrap();
    assert_eq!(waiting[0].2.text(), "this is SMpart[part 2 of 3 is missing][part 3 of 3 is missing]");
    let late = at(seconds(900));
    assert_eq!(execute(&store, &enqueue(17, "+447700900999", Some("a key"), late)), Ok(known(&store, 15)));
    let claimed = store.snapshot().unwrap().claimed_jobs(ORG).unwrap();
    assert_eq!(claimed.iter().map(|due| due.uuid).collect::<Vec<_>>(), [[16; 16]]);
    let given_up = Act::Claim(claiming(16, Claiming::Abandoned, late));
    assert!(matches!(execute(&store, &given_up), Ok(Answer::Claimed(Claim::Lost(_)))));
    assert_eq!(found(&store.snapshot().unwrap(), "ARE you"), FOUND);
    seal(&store);
    assert_eq!(found(&store.snapshot().unwrap(), "are YOU?"), FOUND);
    store.close();
    open_dir(dir.path()).close();
    assert_eq!(names(dir.path()), ["lock", "smslite.redb", "smslite.redb.format-3"], "once");
}

/// `format-4.redb` is the life of the script of then with, after it, a message each of twenty customers, a second one of
/// three of them, and what was unsealed sealed. It was compacted.
#[test]
fn a_file_of_format_4_gets_the_blocks_of_its_list() {
    let dir = upgraded(FORMAT_4);
    assert_eq!(names(dir.path()), ["lock", "smslite.redb", "smslite.redb.format-4"]);
    assert!(fs::read(dir.path().join("smslite.redb.format-4")).unwrap() == FORMAT_4, "byte for byte");
    let up_to_date = fs::read(dir.path().join("smslite.redb")).unwrap();
    assert_eq!(rows(FORMAT_4, ACTIVITY), rows(&up_to_date, ACTIVITY));
    // One each of two organizations.
    assert_eq!(rows(&up_to_date, ACTIVITY_BLOCKS).len(), 2);
    assert!(!rows(&up_to_date, LOG_BLOCKS).is_empty());
    let store = open_dir(dir.path());
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.check().unwrap(), Vec::<String>::new());
    let newest = |skip, limit| {
        let (mut ids, page) = (Vec::new(), Page { skip, limit });
        let all = ConversationFilter::default();
        snapshot.list_conversations(ORG, &all, page, at(seconds(3000)), |row| ids.push(row.id.0)).unwrap();
        ids
    };
    let all = newest(0, usize::MAX);
    assert_eq!(all.len() as u64, snapshot.conversation_count(ORG).unwrap());
    // The three that wrote again, then the others, from the last one on.
    let first = all[3] - 19;
    assert_eq!(all[..4], [first + 11, first + 5, first + 3, first + 19]);
    assert_eq!((newest(2, 20), newest(20, 50)), (all[2..22].to_vec(), all[20..].to_vec()));
    drop(snapshot);
    // By now it has blocks of a few.
    let told = Act::Inbound(message("SMnew", ANN, DESK, at(seconds(3000))));
    execute(&store, &told).unwrap();
    assert_eq!(store.snapshot().unwrap().check().unwrap(), Vec::<String>::new());
    store.close();
}

/// `format-5.redb` is the life of the script of then with, after it, a message each of twenty customers, whose logs begin
/// at 5,001, one of ours to three of them, and what was unsealed sealed. It was compacted.
#[test]
fn a_file_of_format_5_gets_the_blocks_of_its_logs() {
    let dir = upgraded(FORMAT_5);
    assert_eq!(names(dir.path()), ["lock", "smslite.redb", "smslite.redb.format-5"]);
    assert!(fs::read(dir.path().join("smslite.redb.format-5")).unwrap() == FORMAT_5, "byte for byte");
    let up_to_date = fs::read(dir.path().join("smslite.redb")).unwrap();
    assert_eq!(rows(FORMAT_5, LOGS), rows(&up_to_date, LOGS));
    assert_eq!(rows(FORMAT_5, ACTIVITY_BLOCKS), rows(&up_to_date, ACTIVITY_BLOCKS));
    let ends: Vec<[u8; 12]> = rows(&up_to_date, LOG_BLOCKS).into_iter().map(|(end, _)| end).collect();
    assert_eq!(ends[..2], [serial(4_095), serial(8_191)]);
    let store = open_dir(dir.path());
    let newest = |store: &Store, all: usize, received: usize| {
        let snapshot = store.snapshot().unwrap();
        assert_eq!(snapshot.check().unwrap(), Vec::<String>::new());
        let logs = stored(&snapshot);
        let is_new = |id: u64| id > 5_000;
        assert_eq!(logs.iter().filter(|(id, _)| is_new(*id)).count(), all);
        for (status, skip) in [(None, all), (Some(DeliveryStatus::Received), received)] {
            let filter = LogFilter { status, ..LogFilter::default() };
            let dated = LogFilter { created_from: Some(START), ..filter.clone() };
            for skip in [0, 3, skip as u64 - 1, skip as u64 + 5] {
                compare(&snapshot, &logs, &filter, Page { skip, limit: 4 }, u64::MAX);
                compare(&snapshot, &logs, &dated, Page { skip, limit: 4 }, u64::MAX);
            }
        }
    };
    newest(&store, 23, 20);
    // By now it has blocks of a few.
    let told = Act::Inbound(message("SMnew", ANN, DESK, at(seconds(3000))));
    execute(&store, &told).unwrap();
    newest(&store, 24, 21);
    store.close();
}

/// A table's rows as they lie in a file, whichever format it is of.
fn rows<const N: usize>(file: &[u8], table: Fixed<N>) -> Vec<([u8; N], Vec<u8>)> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), file).unwrap();
    let database = Database::open(dir.path().join("file")).unwrap();
    let table = database.begin_read().unwrap().open_table(table).unwrap();
    let rows = table.iter().unwrap().map(Result::unwrap);
    rows.map(|(key, row)| (*key.value(), row.value().to_vec())).collect()
}

/// The numbers of a record that has nothing else.
fn numbers(mut record: &[u8]) -> Vec<u64> {
    let (mut numbers, version) = (Vec::new(), record[0]);
    record = &record[1..];
    assert_eq!(version, 1);
    while !record.is_empty() {
        let (number, rest) = postcard::take_from_bytes(record).unwrap();
        numbers.push(number);
        record = rest;
    }
    numbers
}

fn upgraded(older: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("smslite.redb"), older).unwrap();
    open_dir(dir.path()).close();
    dir
}

#[test]
fn the_sequences_of_every_older_format_stay_and_their_feeds_are_looked_through() {
    for (format, older, fields) in [(1, FORMAT_1, 10), (2, FORMAT_2, 11), (3, FORMAT_3, 11)] {
        let dir = upgraded(older);
        let before = rows(older, SEQUENCES);
        let after = rows(&fs::read(dir.path().join("smslite.redb")).unwrap(), SEQUENCES);
        assert_eq!(before.len(), after.len(), "format {format}");
        for ((key, before), (same, after)) in before.into_iter().zip(after) {
            let (before, after) = (numbers(&before), numbers(&after));
            assert_eq!((key, before.len(), after.len()), (same, fields, 12), "format {format}");
            assert_eq!(after[..fields], before, "format {format}");
            let Sequences { feed, feed_forgotten, forwarded, .. } = sequences(dir.path(), key);
            // Format 1 forgot nothing.
            assert_eq!(feed_forgotten, before.get(10).copied().unwrap_or(0), "format {format}");
            assert!(feed > 0 && forwarded == feed, "format {format}: {forwarded} of {feed}");
        }
    }
}

fn sequences(dir: &Path, organization: [u8; 4]) -> Sequences {
    let store = open_dir(dir);
    let organization = OrganizationId(u32::from_be_bytes(organization));
    let sequences = store.snapshot().unwrap().sequences(organization).unwrap();
    store.close();
    sequences
}

#[test]
fn the_assistants_of_every_older_format_stay_as_they_were_and_have_no_secrets() {
    for (format, older) in [(1, FORMAT_1), (2, FORMAT_2), (3, FORMAT_3)] {
        let dir = upgraded(older);
        let after = rows(&fs::read(dir.path().join("smslite.redb")).unwrap(), ASSISTANTS);
        let before = rows(older, ASSISTANTS);
        assert!(!before.is_empty(), "format {format}");
        // What is new stands at the end.
        let wanted: Vec<_> =
            before.into_iter().map(|(key, row)| (key, [row.as_slice(), &[0, 0]].concat())).collect();
        assert_eq!(after, wanted, "format {format}");
        let store = open_dir(dir.path());
        for (id, assistant) in store.snapshot().unwrap().assistants(ORG).unwrap() {
            let new = (assistant.forwards_from, assistant.webhook_secrets.len());
            assert_eq!(new, (0, 0), "format {format}, {id}");
        }
        store.close();
    }
}

#[test]
fn an_assistant_of_an_older_format_that_has_a_url_is_told_of_nothing_old_and_of_everything_new() {
    for (format, older) in [(1, FORMAT_1), (2, FORMAT_2)] {
        let dir = upgraded(older);
        let store = open_dir(dir.path());
        let snapshot = store.snapshot().unwrap();
        let forwarding = snapshot.directory().view().forwarding(ORG).cloned().unwrap();
        assert_eq!(forwarding[&AssistantId(123)], 0, "format {format}");
        let is_message = |entry: &FeedEntry| matches!(entry.event, FeedEvent::MessageReceived { .. });
        let after = |snapshot: &Snapshot, after: u64| -> usize {
            let entries = snapshot.feed_after(ORG, after, usize::MAX).unwrap();
            entries.iter().filter(|(_, entry)| is_message(entry)).count()
        };
        let looked_through = snapshot.sequences(ORG).unwrap().forwarded;
        assert!(after(&snapshot, 0) > 0, "format {format} has messages of it");
        assert_eq!(after(&snapshot, looked_through), 0, "format {format}");
        assert_eq!(snapshot.forwards().unwrap(), (0, 0), "format {format}");
        let new = Act::Inbound(message("SMnew", ANN, DESK, at(seconds(900))));
        execute(&store, &new).unwrap();
        assert_eq!(after(&store.snapshot().unwrap(), looked_through), 1, "format {format}");
        store.close();
    }
}

/// The logs of what we sent.
const FOUND: &[u64] = &[42, 41, 40, 39, 30, 29, 28, 27, 26];

fn known(store: &Store, uuid: u8) -> Answer {
    let job = store.snapshot().unwrap().job(ORG, [uuid; 16]).unwrap().unwrap();
    Answer::Enqueued(EnqueueOutcome::Known { uuid: [uuid; 16], job })
}

#[test]
fn a_job_of_an_older_format_waits_in_the_outbox_and_is_counted() {
    for older in [FORMAT_1, FORMAT_2] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("smslite.redb"), older).unwrap();
        let store = open_dir(dir.path());
        let snapshot = store.snapshot().unwrap();
        assert_eq!(snapshot.check().unwrap(), Vec::<String>::new());
        let counted: u64 = snapshot.job_counts(ORG).unwrap().iter().map(|(.., count)| count).sum();
        let logs = snapshot.count_logs(ORG, &Default::default()).unwrap().total();
        assert!(counted > 0 && logs > 0, "{counted} jobs, {logs} logs");
        store.close();
    }
}
