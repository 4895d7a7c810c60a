//! A database that nobody serves is looked through without a change, and mended where what is wrong follows from
//! what is there.

use super::checker::{Damage, damages, harmed, image_of, sound_image};
use super::disk::{CACHE, Chance, Disk, Loss};
use super::door::execute;
use super::script::{script, sound_state};
use smslite::store::{CheckReport, RepairReport, check_file, repair_file};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn check(disk: &Disk) -> CheckReport {
    check_file(&disk.location(), CACHE, Arc::new(|_| ()), &|_, _| ()).unwrap()
}

fn repair(disk: &Disk) -> RepairReport {
    repair_file(&disk.location(), CACHE, Arc::new(|_| ()), &|_, _| ()).unwrap()
}

#[test]
fn what_is_sound_is_told_to_be_sound_and_has_nothing_to_mend() {
    for (image, organizations) in [(sound_image(), 2), (image_of(&script()), 2)] {
        let disk = Disk::with(image);
        let report = check(&disk);
        assert_eq!((&report.damages, report.found), (&Vec::new(), 0));
        assert!(report.rows > 50 && report.organizations == organizations, "{report:?}");
        assert_eq!(repair(&disk), RepairReport { left: report, ..RepairReport::default() });
    }
}

#[test]
fn a_check_changes_no_byte_whatever_it_finds() {
    for damage in damages() {
        let disk = harmed(&sound_image(), &*damage.harm);
        let before = disk.image(Loss::None);
        let report = check(&disk);
        assert!(report.damages.iter().any(|told| told.contains(damage.told)), "{}: {report:#?}", damage.name);
        assert!(report.found > 0 && disk.image(Loss::None) == before, "{}", damage.name);
    }
}

#[test]
fn what_follows_from_other_rows_is_mended_and_what_does_not_is_named() {
    let image = sound_image();
    for Damage { name, harm, told, mendable } in damages() {
        let disk = harmed(&image, &*harm);
        let report = repair(&disk);
        let words = if mendable { &report.mended } else { &report.left.damages };
        assert!(words.iter().any(|word| word.contains(told)), "{name}: {report:#?}");
        assert_eq!(report.left.found == 0, mendable, "{name}: {report:#?}");
        assert_eq!(check(&disk), report.left, "{name}: the check says the same");
        let again = repair(&disk);
        assert_eq!((again.mends, again.left), (0, report.left), "{name}: once is enough");
    }
}

#[test]
fn what_is_mended_reads_as_before() {
    let image = sound_image();
    let state = |disk: &Disk| {
        let store = disk.open().unwrap();
        let state = sound_state(&store.snapshot().unwrap());
        store.close();
        state
    };
    let before = state(&Disk::with(image.clone()));
    let lost = [
        "a log link is gone",
        "an audit link is gone",
        "a list row is gone",
        "all list rows are gone",
        "sessions are gone",
        "a session names nobody",
        "the customers' index lost a call",
        "a count is wrong",
        "the sequences are gone",
        "a record counts wrong",
        "a record ends before its messages",
        "duplicates told by another",
        "a forward of no log",
        "a forward of another's log",
        "a parked event of no log",
        "the feed is looked through beyond its end",
    ];
    for damage in damages().into_iter().filter(|damage| lost.contains(&damage.name)) {
        let disk = harmed(&image, &*damage.harm);
        assert!(repair(&disk).mends > 0, "{}", damage.name);
        assert!(state(&disk) == before, "{}", damage.name);
    }
}

#[test]
fn a_flipped_byte_anywhere_is_found_or_harmless() {
    let small = Disk::default();
    let store = small.open().unwrap();
    script().iter().take(12).for_each(|act| drop(execute(&store, act).unwrap()));
    store.close();
    let mut found = 0;
    for (image, tries) in [(small.image(Loss::None), 150), (image_of(&script()), 100)] {
        let sound = check(&Disk::with(image.clone()));
        let mut chance = Chance(7);
        // The header is where it all begins.
        let header = (0..320).step_by(5);
        let offsets =
            header.chain(std::iter::repeat_with(|| chance.next() as usize % image.len()).take(tries));
        for offset in offsets.collect::<Vec<_>>() {
            let mut flipped = image.clone();
            flipped[offset] ^= 1 << (chance.next() % 8);
            let disk = Disk::with(flipped);
            match check_file(&disk.location(), CACHE, Arc::new(|_| ()), &|_, _| ()) {
                Ok(report) if report.found == 0 => assert_eq!(report, sound, "byte {offset} is not harmless"),
                Ok(report) => {
                    found += 1;
                    assert!(!report.damages[0].contains("to its end"), "byte {offset}: a panic");
                    assert!(report.damages[0].contains("only a backup"), "{report:?}");
                    let before = disk.image(Loss::None);
                    assert_eq!(repair(&disk).left, report, "byte {offset}: not for us to mend");
                    assert!(disk.image(Loss::None) == before);
                }
                Err(error) => assert!(offset < 320, "byte {offset}: {error}"),
            }
        }
    }
    assert!(found > 20, "{found} were found");
}

#[test]
fn a_file_that_a_kill_left_is_no_damage_and_stays_as_it_was_left() {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    script().iter().for_each(|act| drop(execute(&store, act).unwrap()));
    let left = disk.image(Loss::All);
    store.close();
    let disk = Disk::with(left.clone());
    assert_eq!(check(&disk).damages, Vec::<String>::new());
    assert!(disk.image(Loss::None) == left);
    assert_eq!(repair(&disk).mends, 0);
}

#[test]
fn a_watcher_hears_of_pages_and_of_rows() {
    let (percent, rows) = (Arc::new(AtomicU64::new(0)), AtomicU64::new(0));
    let disk = harmed(&sound_image(), &|txn| {
        (1..40_000)
            .for_each(|id| super::checker::put(txn, super::checker::RAW, super::checker::serial(id), &[]));
    });
    let pages = {
        let percent = percent.clone();
        move |read| {
            percent.fetch_max(read, Ordering::Relaxed);
        }
    };
    let watch = |done: u64, of: u64| {
        assert!(of > 40_000);
        rows.fetch_max(done, Ordering::Relaxed);
    };
    let report = check_file(&disk.location(), CACHE, Arc::new(pages), &watch).unwrap();
    assert!(report.found > 39_000 && report.damages.len() == 1001, "{}", report.found);
    assert!(rows.into_inner() > 30_000 && percent.load(Ordering::Relaxed) >= 60);
}
