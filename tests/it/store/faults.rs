//! A disk that fails once and then works, and one that stays broken: who is told what, and that the
//! store finds back by itself.

use super::acts::{ANN, DESK, ORG, START, at, message};
use super::disk::{Disk, Fault, open_dir};
use super::door::{Act, Answer, Door, execute};
use super::model_store::Model;
use super::script::{State, lives, model_states, script, sound_state};
use smslite::model::call::ConversationFilter;
use smslite::model::page::Page;
use smslite::store::{
    DataDir, Health, Location, ReceiptOutcome, RecordInboundOutcome, RecordPartOutcome, Store, StoreError,
};
use std::fs::{self, File};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn state(store: &Store) -> State {
    sound_state(&store.snapshot().unwrap())
}

/// Entries that were kept twice have taken ids.
fn is_same(answer: &Answer, wanted: &Answer) -> bool {
    use ReceiptOutcome::Kept;
    matches!((answer, wanted), (Answer::Receipt(Kept(_)), Answer::Receipt(Kept(_)))) || answer == wanted
}

/// Carries an act out as a carrier would: repeats what it has no answer to. True: a fault struck.
fn persist(store: &Store, act: &Act, wanted: &Answer, before: &State, after: &State) -> bool {
    let refusal = match execute(store, act) {
        Ok(answer) => {
            assert!(is_same(&answer, wanted), "{act:?}: {answer:?} instead of {wanted:?}");
            return false;
        }
        Err(refusal) => refusal,
    };
    assert!(matches!(refusal, StoreError::OutcomeUnknown(_)), "{act:?} was answered with {refusal}");
    assert_eq!(store.health(), Health::Ready, "the fault is over, and the store has tried");
    let found = state(store);
    assert!(found == *before || found == *after, "{act:?} is there in part");
    let came_through = found != *before;
    match (act, wanted) {
        (Act::Inbound(_), Answer::Inbound(stored)) => {
            let answer = execute(store, act).unwrap();
            let (RecordInboundOutcome::Stored { log_id, .. } | RecordInboundOutcome::Duplicate { log_id }) =
                stored;
            let known = Answer::Inbound(RecordInboundOutcome::Duplicate { log_id: *log_id });
            assert!(answer == known || (!came_through && answer == *wanted), "{act:?}: {answer:?}");
        }
        // Whether a kept webhook came through is not seen from outside; kept twice does no harm.
        (Act::KeepAudit(_) | Act::NoteErasure(_), _) => {
            execute(store, act).unwrap();
        }
        // Nor whether one came through that moved nothing: then it is known.
        (Act::Receipt(_), _) => {
            let answer = execute(store, act).unwrap();
            let known = answer == Answer::Receipt(ReceiptOutcome::Duplicate);
            assert!(known || (!came_through && is_same(&answer, wanted)), "{act:?}: {answer:?}");
        }
        (Act::Part(_), _) => {
            let answer = execute(store, act).unwrap();
            let known = answer == Answer::Part(RecordPartOutcome::Duplicate);
            assert!(known || (!came_through && answer == *wanted), "{act:?}: {answer:?}");
        }
        // An account is shown by the directory alone.
        (Act::CarrierAccount(_), _) => drop(execute(store, act).unwrap()),
        _ if came_through => {}
        _ => assert_eq!(execute(store, act), Ok(wanted.clone())),
    }
    assert_eq!(state(store), *after, "{act:?} was stored exactly once");
    true
}

/// Lives a life on a disk with this fault. False: the fault never struck.
fn live_through(fault: Fault, acts: &[Act], states: &[State]) -> bool {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    disk.set_fault(fault);
    let mut model = Model::default();
    let mut strikes = 0;
    for (place, act) in acts.iter().enumerate() {
        let wanted = model.act(act);
        strikes += usize::from(persist(&store, act, &wanted, &states[place], &states[place + 1]));
    }
    assert_eq!(store.health(), Health::Ready);
    let struck = disk.has_struck();
    assert_eq!(strikes, usize::from(struck), "{fault:?}");
    store.close();
    let again = disk.open().unwrap();
    assert_eq!(state(&again), states[acts.len()], "{fault:?}");
    again.close();
    struck
}

fn live_through_each(fault: impl Fn(u64) -> Fault, step: usize) {
    for acts in lives() {
        let states = model_states(&acts);
        let struck = (1..).step_by(step).take_while(|at| live_through(fault(*at), &acts, &states)).count();
        assert!(struck > 20, "the fault struck {struck} times");
    }
}

#[test]
fn one_failed_sync_is_survived_and_every_retry_stores_once() {
    live_through_each(|at| Fault::FailSync { at, lose: false }, 1);
}

#[test]
fn one_failed_sync_whose_writes_are_lost_is_survived_too() {
    live_through_each(|at| Fault::FailSync { at, lose: true }, 1);
}

#[test]
fn one_failed_write_is_survived_and_every_retry_stores_once() {
    live_through_each(Fault::FailWrite, 5);
}

#[test]
fn a_disk_that_stays_broken_is_told_and_nothing_hangs() {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    for act in script().iter().take(6) {
        execute(&store, act).unwrap();
    }
    let old = store.snapshot().unwrap();
    let before = state(&store);
    disk.freeze();
    let stored = |sid: &str| execute(&store, &Act::Inbound(message(sid, ANN, DESK, at(5))));
    assert!(matches!(stored("SM90"), Err(StoreError::OutcomeUnknown(_))));
    assert!(matches!(stored("SM91"), Err(StoreError::Unavailable(_))));
    assert!(matches!(stored("SM90"), Err(StoreError::Unavailable(_))));
    assert!(matches!(store.health(), Health::Failing(_)));
    // One who still reads gets an answer or an error.
    let page = Page { skip: 0, limit: 50 };
    let _ = old.list_conversations(super::acts::ORG, &ConversationFilter::default(), page, START, |_| ());
    let _ = old.check();
    drop(old);

    disk.repair();
    assert!(disk.wait_for_opening(disk.openings()), "the store tries again by itself");
    let answer = stored("SM90").unwrap();
    assert!(matches!(answer, Answer::Inbound(RecordInboundOutcome::Stored { .. })));
    assert_eq!(store.health(), Health::Ready);
    assert_ne!(state(&store), before);
    store.close();
}

/// Nobody writes, so nobody tells when: it is asked until it is so.
fn wait_until_ready(store: &Store) {
    let patience = Instant::now() + Duration::from_secs(20);
    while store.health() != Health::Ready {
        assert!(Instant::now() < patience, "{:?}", store.health());
        std::thread::yield_now();
    }
}

#[test]
fn a_disk_that_takes_no_writes_is_read_all_the_same_until_it_does() {
    let acts = script();
    let states = model_states(&acts);
    let half = acts.len() / 2;
    let disk = Disk::default();
    let store = disk.open().unwrap();
    acts[..half].iter().for_each(|act| drop(execute(&store, act).unwrap()));
    store.close();
    // Without a cache, so that every read goes to the disk.
    let store = Store::open(disk.location(), 0).unwrap();
    disk.set_fault(Fault::ReadOnly);
    assert!(matches!(execute(&store, &acts[half]), Err(StoreError::OutcomeUnknown(_))));
    for _ in 0..3 {
        assert!(matches!(store.health(), Health::Failing(_)));
        assert!(matches!(execute(&store, &acts[half]), Err(StoreError::Unavailable(_))));
        assert_eq!(state(&store), states[half]);
        assert!(disk.wait_for_opening(disk.openings()), "it tries again and again");
    }
    disk.repair();
    wait_until_ready(&store);
    execute(&store, &acts[half]).unwrap();
    assert_eq!(state(&store), states[half + 1]);
    store.close();
}

#[test]
fn a_full_disk_is_told_and_what_was_stored_is_read_until_there_is_room() {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    script()[..6].iter().for_each(|act| drop(execute(&store, act).unwrap()));
    disk.set_fault(Fault::Full);
    let count = |store: &Store| store.snapshot().unwrap().conversation_count(ORG).unwrap();
    let before = count(&store);
    let fill =
        |place: u64| Act::Inbound(message(&format!("FILL{place}"), &format!("+1555{place:07}"), DESK, START));
    // It still takes what fits into the room that the file has.
    let (taken, refusal) =
        (0..).find_map(|place| Some((place, execute(&store, &fill(place)).err()?))).unwrap();
    assert!(matches!(refusal, StoreError::OutcomeUnknown(_)), "{refusal}");
    let kept = count(&store) - before;
    assert!(kept == taken || kept == taken + 1, "{kept} are read, {taken} were answered");
    disk.repair();
    wait_until_ready(&store);
    execute(&store, &fill(taken)).unwrap();
    assert_eq!(count(&store) - before, taken + 1);
    sound_state(&store.snapshot().unwrap());
    store.close();
}

#[test]
fn a_store_on_a_broken_disk_can_be_closed() {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    disk.freeze();
    assert!(execute(&store, &script()[0]).is_err());
    store.close();
}

#[test]
fn one_failed_read_does_not_end_reading() {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    for act in script() {
        execute(&store, &act).unwrap();
    }
    let before = state(&store);
    store.close();
    // Without a cache, so that every read goes to the disk.
    let store = Store::open(disk.location(), 0).unwrap();
    disk.set_fault(Fault::FailRead(1));
    assert!(store.snapshot().unwrap().check().is_err());
    assert!(disk.wait_for_opening(disk.openings()), "the store opens itself anew");
    execute(&store, &super::acts::bootstrap()).unwrap();
    assert_eq!(state(&store), before);
    store.close();
}

#[test]
fn a_file_that_is_taken_away_or_replaced_is_noticed_and_one_that_is_there_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let [path, aside] = ["smslite.redb", "aside"].map(|name| dir.path().join(name));
    let acts = script();
    let states = model_states(&acts);
    let older = {
        let store = open_dir(dir.path());
        acts[..4].iter().for_each(|act| drop(execute(&store, act).unwrap()));
        store.close();
        fs::read(&path).unwrap()
    };
    let store = open_dir(dir.path());
    acts[4..8].iter().for_each(|act| drop(execute(&store, act).unwrap()));

    fs::rename(&path, &aside).unwrap();
    assert!(matches!(execute(&store, &acts[8]), Err(StoreError::OutcomeUnknown(_))));
    assert!(matches!(store.health(), Health::Failing(_)), "a file that nobody finds again is no store");
    assert!(!path.exists(), "none is made anew");
    assert_eq!(state(&store), states[8], "what was there is still read");

    fs::rename(&aside, &path).unwrap();
    wait_until_ready(&store);
    let found = state(&store);
    assert!(found == states[8] || found == states[9], "the one of unknown outcome is there whole or not");

    fs::write(&aside, older).unwrap();
    fs::rename(&aside, &path).unwrap();
    assert!(matches!(execute(&store, &acts[9]), Err(StoreError::OutcomeUnknown(_))));
    wait_until_ready(&store);
    assert_eq!(state(&store), states[4], "the file that is there is the truth");
    store.close();
}

#[test]
fn a_file_that_is_taken_away_is_noticed_while_nobody_writes() {
    let dir = tempfile::tempdir().unwrap();
    let [path, aside] = ["smslite.redb", "aside"].map(|name| dir.path().join(name));
    let store = open_dir(dir.path());
    script()[..6].iter().for_each(|act| drop(execute(&store, act).unwrap()));
    let before = state(&store);
    fs::rename(&path, &aside).unwrap();
    let patience = Instant::now() + Duration::from_secs(20);
    while store.health() == Health::Ready {
        assert!(Instant::now() < patience, "it was never noticed");
        std::thread::yield_now();
    }
    fs::rename(&aside, &path).unwrap();
    wait_until_ready(&store);
    assert_eq!(state(&store), before);
    store.close();
}

#[test]
fn a_database_that_vanished_is_not_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("smslite.redb");
    let data = DataDir::take(dir.path()).unwrap();
    let store = Store::open(Location::Directory(Arc::new(data)), 0).unwrap();
    for act in script().iter().take(6) {
        execute(&store, act).unwrap();
    }
    // As when the volume beneath goes away: nothing can be read, and the name is gone.
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    fs::remove_file(&path).unwrap();
    let stored = execute(&store, &Act::Inbound(message("SM90", ANN, DESK, START)));
    assert!(matches!(stored, Err(StoreError::OutcomeUnknown(_))), "{stored:?}");
    assert!(matches!(store.health(), Health::Failing(_)), "an empty store is no answer");
    assert!(!path.exists());
    store.close();
}
