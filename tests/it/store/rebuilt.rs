//! Files made anew: an older format is brought up to date on a copy, and a compacted file has nothing in it
//! but what is still there.

use super::acts::{ANN, DESK, START, archive, at, bootstrap, create_assistant, message, seconds};
use super::acts::{ORG, assign};
use super::disk::{CACHE, open_dir};
use super::door::{Act, execute};
use super::script::{model_states, script, sound_state};
use smslite::store::{DataDir, compact};
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
