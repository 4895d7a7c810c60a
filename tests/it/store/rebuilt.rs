//! Files made anew: an older format is brought up to date on a copy, and a compacted file has nothing in it
//! but what is still there.

use super::acts::{
    ANN, DESK, ORG, START, archive, assign, at, bootstrap, claiming, create_assistant, enqueue, message,
    seconds,
};
use super::disk::{CACHE, open_dir};
use super::door::{Act, Answer, execute};
use super::script::{model_states, script, sound_state};
use super::sealing::{found, seal};
use smslite::model::message_log::Provider;
use smslite::model::outbound::{Claim, Claiming};
use smslite::store::{DataDir, EnqueueOutcome, Store, compact};
use std::fs;
use std::path::Path;
use std::sync::Arc;

const FORMAT_1: &[u8] = include_bytes!("fixtures/format-1.redb");

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

/// `format-3.redb` is the script's life with, after it, a part of a long message that waits for others, an account at
/// Vonage, an early receipt and two messages of ours, one of them being sent. It was compacted. `format-4.redb` is that
/// file, brought up to date; of its message logs four at a time were sealed, and it was compacted once more.
#[test]
fn files_of_formats_3_and_4_are_opened_and_give_up_what_was_being_sent() {
    for (file, left) in [
        (
            include_bytes!("fixtures/format-3.redb").as_slice(),
            &["lock", "smslite.redb", "smslite.redb.format-3"][..],
        ),
        (include_bytes!("fixtures/format-4.redb"), &["lock", "smslite.redb"]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("smslite.redb"), file).unwrap();
        let store = open_dir(dir.path());
        assert_eq!(names(dir.path()), left, "what was no older was not brought up to date");
        assert_eq!(store.snapshot().unwrap().check().unwrap(), Vec::<String>::new());
        let account = store.directory().view().carrier_account(ORG, Provider::Vonage).unwrap().clone();
        assert_eq!((account.account_id.as_deref(), account.verifying.len()), (Some("ACfixture"), 2));
        let waiting = store.snapshot().unwrap().partial_messages().unwrap();
        assert_eq!(waiting[0].2.text(), "this is SMpart[part 2 of 3 is missing][part 3 of 3 is missing]");
        let late = at(seconds(900));
        let again = execute(&store, &enqueue(17, "+447700900999", Some("a key"), late));
        assert_eq!(again, Ok(known(&store, 15)));
        let claimed = store.snapshot().unwrap().claimed_jobs(ORG).unwrap();
        assert_eq!(claimed.iter().map(|due| due.uuid).collect::<Vec<_>>(), [[16; 16]]);
        let given_up = Act::Claim(claiming(16, Claiming::Abandoned, late));
        assert!(matches!(execute(&store, &given_up), Ok(Answer::Claimed(Claim::Lost(_)))));
        assert_eq!(store.snapshot().unwrap().is_unsealed(ORG, 4).unwrap(), left.len() > 2);
        assert_eq!(found(&store.snapshot().unwrap(), "ARE you"), FOUND);
        seal(&store);
        assert_eq!(found(&store.snapshot().unwrap(), "are YOU?"), FOUND);
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
    for older in [FORMAT_1, include_bytes!("fixtures/format-2.redb")] {
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
