//! Backups: what is restored is what was there, a changed one is noticed whatever was changed, and one that
//! follows has every commit.

use super::acts::{ANN, DESK, ORG, START, at, message, seconds};
use super::checker::{self, ACTIVITY, HEAD, JUNK, THREADS, thread};
use super::concurrent::{Gate, submit};
use super::disk::{CACHE, Chance, Disk, Fault, open_dir};
use super::door::{Act, execute};
use super::script::{State, model_states, script, sound_state};
use smslite::model::time::Timestamp;
use smslite::store::{
    BackupError, DataDir, Follower, Location, Proving, Restored, Store, restore, write_backup,
};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

fn live(store: &Store, acts: &[Act]) {
    acts.iter().for_each(|act| drop(execute(store, act).unwrap()));
}

fn backup_of(store: &Store) -> Vec<u8> {
    let mut backup = Vec::new();
    write_backup(&store.snapshot().unwrap(), START, &mut backup, || ()).unwrap();
    backup
}

pub fn backup_of_a_life() -> Vec<u8> {
    let store = Disk::default().open().unwrap();
    live(&store, &script());
    let backup = backup_of(&store);
    store.close();
    backup
}

fn restored_in(dir: &Path, backup: &[u8]) -> Result<Restored, BackupError> {
    let dir = Arc::new(DataDir::take(dir).unwrap());
    restore(backup, Some(&dir), CACHE, START, Proving::All, |_| ())
}

pub fn proved(backup: &[u8]) -> Result<Restored, BackupError> {
    restore(backup, None, CACHE, START, Proving::All, |_| ())
}

/// A refused restore leaves everything as it was.
fn assert_changes_nothing(dir: &Path, refused: &[u8]) {
    let place = dir.join("smslite.redb");
    let before = fs::read(&place).unwrap();
    assert!(restored_in(dir, refused).is_err());
    assert!(fs::read(&place).unwrap() == before);
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["lock", "smslite.redb"], "nothing is left lying about");
}

fn state_in(dir: &Path) -> State {
    let store = open_dir(dir);
    let state = sound_state(&store.snapshot().unwrap());
    store.close();
    state
}

#[test]
fn what_is_restored_is_what_was_there() {
    let acts = script();
    let before = model_states(&acts);
    let states: Vec<_> = before.iter().cloned().map(State::restored).collect();
    for lived in [0, 1, acts.len() / 2, acts.len()] {
        let store = Disk::default().open().unwrap();
        live(&store, &acts[..lived]);
        let backup = backup_of(&store);
        store.close();
        let dir = tempfile::tempdir().unwrap();
        let restored = restored_in(dir.path(), &backup).unwrap();
        assert_eq!((restored.created_at, restored.kept), (START, None));
        assert_eq!(state_in(dir.path()), states[lived], "{lived} acts");
        let again = open_dir(dir.path());
        // To the byte, where nothing was still to be sent.
        assert_eq!(backup_of(&again) == backup, states[lived] == before[lived]);
        again.close();
    }
}

#[test]
fn a_backup_does_not_change_with_what_happens_meanwhile() {
    let acts = script();
    let store = Disk::default().open().unwrap();
    live(&store, &acts[..8]);
    let pinned = store.pin();
    live(&store, &acts[8..]);
    let mut backup = Vec::new();
    write_backup(pinned.as_ref().as_ref().unwrap(), START, &mut backup, || ()).unwrap();
    store.close();
    let dir = tempfile::tempdir().unwrap();
    restored_in(dir.path(), &backup).unwrap();
    assert_eq!(state_in(dir.path()), model_states(&acts)[8]);
}

#[test]
fn a_backup_that_was_changed_anywhere_is_refused() {
    let backup = backup_of_a_life();
    proved(&backup).unwrap();
    let mut chance = Chance(7);
    for at in (0..backup.len()).step_by(backup.len() / 60) {
        let mut changed = backup.clone();
        changed[at] ^= 1 << (chance.next() % 8);
        assert!(proved(&changed).is_err(), "byte {at}");
    }
}

#[test]
fn a_backup_that_was_cut_short_is_refused() {
    let backup = backup_of_a_life();
    for length in (0..backup.len()).step_by(backup.len() / 40).chain([backup.len() - 1]) {
        let refused = proved(&backup[..length]);
        assert!(
            matches!(refused, Err(BackupError::Foreign | BackupError::CutShort { .. })),
            "{length} bytes: {refused:?}"
        );
    }
}

#[test]
fn what_is_no_backup_is_refused_and_the_database_stays_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_dir(dir.path());
    live(&store, &script()[..4]);
    store.close();
    let before = fs::read(dir.path().join("smslite.redb")).unwrap();
    let whole = backup_of_a_life();
    for refused in [b"".as_slice(), b"SQLite format 3\0", &before, &whole[..whole.len() / 2]] {
        assert_changes_nothing(dir.path(), refused);
    }
}

#[test]
fn a_backup_of_what_was_unsound_already_is_refused_and_the_database_stays_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_dir(dir.path());
    live(&store, &script()[..4]);
    store.close();
    type Harm = fn(&redb::WriteTransaction);
    let harms: [(Harm, &str); 2] = [
        (|txn| checker::put(txn, THREADS, thread(1, HEAD, 0), JUNK), "damaged threads record"),
        (|txn| drop(txn.open_table(ACTIVITY).unwrap().pop_first().unwrap().unwrap()), "list row"),
    ];
    for (harm, wanted) in harms {
        let store = checker::harmed(&checker::sound_image(), &harm).open().unwrap();
        let backup = backup_of(&store);
        store.close();
        match proved(&backup) {
            Err(BackupError::Unsound { first, .. }) => assert!(first.contains(wanted), "{first}"),
            other => panic!("{wanted}: {other:?}"),
        }
        assert_changes_nothing(dir.path(), &backup);
    }
}

#[test]
fn a_restore_keeps_what_was_there_every_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_dir(dir.path());
    live(&store, &script()[..4]);
    store.close();
    let before = fs::read(dir.path().join("smslite.redb")).unwrap();
    let backup = backup_of_a_life();
    let kept = restored_in(dir.path(), &backup).unwrap().kept.unwrap();
    assert!(fs::read(&kept).unwrap() == before);
    let kept_again = restored_in(dir.path(), &backup).unwrap().kept.unwrap();
    assert_ne!(kept, kept_again);
    assert!(fs::read(&kept).unwrap() == before, "the first one too");
}

/// Where a follower writes: it can be looked at while it is written to.
#[derive(Clone, Default)]
struct Shipped(Arc<(Mutex<Vec<u8>>, Condvar)>);

impl Write for Shipped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.0.lock().unwrap().extend_from_slice(bytes);
        self.0.1.notify_all();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shipped {
    fn bytes(&self) -> Vec<u8> {
        self.0.0.lock().unwrap().clone()
    }

    /// Waits until what was shipped is that state.
    fn wait_for(&self, wanted: &State) {
        let (bytes, more) = &*self.0;
        let mut shipped = bytes.lock().unwrap();
        loop {
            let dir = tempfile::tempdir().unwrap();
            if restored_in(dir.path(), &shipped).is_ok() && state_in(dir.path()) == *wanted {
                return;
            }
            let (again, patience) = more.wait_timeout(shipped, Duration::from_secs(20)).unwrap();
            assert!(!patience.timed_out(), "it was never shipped");
            shipped = again;
        }
    }
}

#[test]
fn one_who_follows_has_every_commit_and_every_piece_is_a_moment_that_was() {
    let acts = script();
    let states: Vec<_> = model_states(&acts).into_iter().map(State::restored).collect();
    let store = Disk::default().open().unwrap();
    live(&store, &acts[..6]);
    let shipped = Shipped::default();
    let follower = Follower::begin(&store).unwrap();
    // Before the first byte is shipped, and meanwhile.
    live(&store, &acts[6..12]);
    let out = shipped.clone();
    let following = std::thread::spawn(move || follower.write(|| Timestamp(START.0 + 7), out, || ()));
    shipped.wait_for(&states[12]);
    live(&store, &acts[12..]);
    shipped.wait_for(&states[acts.len()]);
    store.dismiss_followers();
    following.join().unwrap().unwrap();
    store.close();

    let shipped = shipped.bytes();
    let restored = proved(&shipped).unwrap();
    assert_eq!(restored.followed_until, Some(Timestamp(START.0 + 7)));
    assert!(restored.followed_rows > 0);
    // Wherever the machine was lost.
    let base = (0..).find(|length| proved(&shipped[..*length]).is_ok()).unwrap();
    let mut place = 6;
    for length in (base..shipped.len()).step_by((shipped.len() - base) / 25) {
        let dir = tempfile::tempdir().unwrap();
        restored_in(dir.path(), &shipped[..length]).unwrap();
        let found = state_in(dir.path());
        place += states[place..].iter().position(|state| *state == found).expect("it was never so");
    }
}

#[test]
fn one_whose_backup_takes_long_hears_of_everything_that_was_committed_meanwhile() {
    let store = Store::open(Location::Memory, CACHE).unwrap();
    live(&store, &script()[..6]);
    let follower = Follower::begin(&store).unwrap();
    let count = |store: &Store| store.snapshot().unwrap().conversation_count(ORG).unwrap();
    for place in 0..1500 {
        let told = message(&format!("LONG{place}"), &format!("+1555{place:07}"), DESK, START);
        execute(&store, &Act::Inbound(told)).unwrap();
    }
    let wanted = count(&store);
    store.dismiss_followers();
    let shipped = Shipped::default();
    follower.write(|| START, shipped.clone(), || ()).unwrap();
    store.close();
    let dir = tempfile::tempdir().unwrap();
    restored_in(dir.path(), &shipped.bytes()).unwrap();
    let again = open_dir(dir.path());
    assert_eq!(count(&again), wanted);
    again.close();
}

#[test]
fn what_a_lost_machine_leaves_after_the_last_whole_piece_is_told_and_not_used() {
    let store = Disk::default().open().unwrap();
    live(&store, &script()[..6]);
    let (shipped, follower) = (Shipped::default(), Follower::begin(&store).unwrap());
    live(&store, &script()[6..12]);
    let out = shipped.clone();
    let following = std::thread::spawn(move || follower.write(|| START, out, || ()));
    let states = model_states(&script()[..12]);
    shipped.wait_for(&states[12]);
    store.dismiss_followers();
    following.join().unwrap().unwrap();
    let whole = shipped.bytes();
    assert_eq!(proved(&whole).unwrap().unused_bytes, 0);
    let base = (0..).find(|length| proved(&whole[..*length]).is_ok()).unwrap();
    for more in [vec![0; 64], vec![0xff; 5], vec![4, 9, 0, 0, 0, 1, 2, 3]] {
        let restored = proved(&[whole.as_slice(), &more].concat()).unwrap();
        assert_eq!((restored.unused_bytes, restored.followed_rows > 0), (more.len() as u64, true));
    }
    // A bit of the first piece's length is another, so nothing after it is believed.
    let mut flipped = whole.clone();
    flipped[base + 3] ^= 0x10;
    let restored = proved(&flipped).unwrap();
    assert_eq!((restored.unused_bytes, restored.followed_rows), ((whole.len() - base) as u64, 0));
    store.close();
}

/// What is sound to the byte may still not hang together: it was so when the backup was made.
#[test]
fn a_backup_of_unsound_data_is_restored_only_by_who_says_so() {
    let image = super::checker::sound_image();
    let damage =
        super::checker::damages().into_iter().find(|damage| damage.name == "a count is wrong").unwrap();
    let disk = super::checker::harmed(&image, &*damage.harm);
    let store = disk.open().unwrap();
    let backup = backup_of(&store);
    store.close();
    assert!(matches!(proved(&backup), Err(BackupError::Unsound { .. })));
    let dir = tempfile::tempdir().unwrap();
    assert!(restored_in(dir.path(), &backup).is_err());
    let data = Arc::new(DataDir::take(dir.path()).unwrap());
    restore(backup.as_slice(), Some(&data), CACHE, START, Proving::Bytes, |_| ()).unwrap();
    drop(data);
    let store = open_dir(dir.path());
    assert!(!store.snapshot().unwrap().check().unwrap().is_empty());
    store.close();
}

#[test]
fn a_follower_is_told_no_more_once_an_outcome_is_unknown() {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    live(&store, &script()[..6]);
    let follower = Follower::begin(&store).unwrap();
    disk.set_fault(Fault::FailSync { at: 1, lose: true });
    assert!(execute(&store, &script()[6]).is_err());
    // It ends: whoever follows begins anew.
    assert!(follower.write(|| START, Shipped::default(), || ()).is_err());
    store.close();
}

#[test]
fn one_who_follows_is_left_even_when_what_is_unknown_came_through() {
    let acts = script();
    let disk = Disk::default();
    let store = disk.open().unwrap();
    live(&store, &acts[..6]);
    let (shipped, (ended, end)) = (Shipped::default(), std::sync::mpsc::channel());
    let (follower, out) = (Follower::begin(&store).unwrap(), shipped.clone());
    let following = std::thread::spawn(move || ended.send(follower.write(|| START, out, || ())));
    // Nothing is read from the old handle any more: only what is told can end it.
    shipped.wait_for(&model_states(&acts)[6]);
    disk.set_fault(Fault::FailSync { at: 1, lose: false });
    assert!(execute(&store, &acts[6]).is_err());
    let ended = end.recv_timeout(Duration::from_secs(20));
    store.dismiss_followers();
    following.join().unwrap().unwrap();
    store.close();
    ended.expect("it goes on without a commit that may be there").unwrap();
}

#[test]
fn what_the_backup_has_already_is_not_shipped_once_more() {
    let store = Disk::default().open().unwrap();
    live(&store, &script()[..6]);
    let gate = Gate::default();
    let held = gate.hold(&store);
    let behind = store.clone();
    let beginning = std::thread::spawn(move || Follower::begin(&behind).unwrap());
    while !store.is_busy() {
        std::thread::yield_now();
    }
    // It is of the commit that the follower waits for: told to it, and in its snapshot.
    let stored = submit(&store, message("SM90", ANN, DESK, at(seconds(6))));
    gate.open();
    held.answer().unwrap();
    stored.answer().unwrap();
    let follower = beginning.join().unwrap();
    live(&store, &[Act::Inbound(message("SM91", ANN, DESK, at(seconds(7))))]);
    store.dismiss_followers();
    let mut shipped = Vec::new();
    follower.write(|| START, &mut shipped, || ()).unwrap();
    let restored = proved(&shipped).unwrap();
    store.close();

    let store = Disk::default().open().unwrap();
    live(&store, &script()[..6]);
    live(&store, &[Act::Inbound(message("SM90", ANN, DESK, at(seconds(6))))]);
    let follower = Follower::begin(&store).unwrap();
    live(&store, &[Act::Inbound(message("SM91", ANN, DESK, at(seconds(7))))]);
    store.dismiss_followers();
    let mut wanted = Vec::new();
    follower.write(|| START, &mut wanted, || ()).unwrap();
    store.close();
    assert_eq!(restored, proved(&wanted).unwrap());
    assert!(restored.followed_rows > 0);
}
