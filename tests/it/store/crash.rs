//! The power goes at every sync of a life, and the unsynced writes arrive in every shape. What was
//! answered is there, what was not is there whole or not at all, and every table agrees.

use super::acts::{ANN, BOB, DESK, at, message, seconds};
use super::concurrent::{Gate, Waiting, submit};
use super::disk::{Disk, Fault, Loss};
use super::door::{Act, Answer, Door, execute};
use super::model_store::Model;
use super::script::{State, lives, model_states, script, sound_state};
use smslite::store::{RecordInbound, Store, StoreError};

/// Carries acts out until one fails; how many were answered.
fn run_until_refused(store: &Store, acts: &[Act], wanted: &[Answer]) -> usize {
    for (place, act) in acts.iter().enumerate() {
        match execute(store, act) {
            Ok(answer) => assert_eq!(answer, wanted[place], "{act:?}"),
            Err(StoreError::OutcomeUnknown(_)) => return place,
            Err(other) => panic!("{act:?} was answered with {other}"),
        }
    }
    acts.len()
}

fn model_answers(acts: &[Act]) -> Vec<Answer> {
    let mut model = Model::default();
    acts.iter().map(|act| model.act(act)).collect()
}

/// Boots a machine from an image and tells the state that it finds.
fn state_after(image: Vec<u8>) -> State {
    let disk = Disk::with(image);
    let store = disk.open().unwrap();
    let state = sound_state(&store.snapshot().unwrap());
    store.close();
    state
}

fn losses(seed: u64) -> Vec<Loss> {
    let mut losses = vec![Loss::None, Loss::All];
    for chance in 0..3 {
        let seed = seed * 16 + chance;
        losses.extend([Loss::Some(seed), Loss::Torn(seed), Loss::Shuffled(seed)]);
    }
    losses
}

fn syncs_of_a_life(acts: &[Act]) -> u64 {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    disk.set_fault(Fault::None);
    run_until_refused(&store, acts, &model_answers(acts));
    store.close();
    disk.syncs()
}

#[test]
fn a_power_cut_at_any_sync_loses_nothing_that_was_answered() {
    for acts in lives() {
        let (answers, states) = (model_answers(&acts), model_states(&acts));
        let syncs = syncs_of_a_life(&acts);
        assert!(syncs > acts.len() as u64, "each act is synced");
        let mut arrived = 0;
        for sync in 1..=syncs {
            let disk = Disk::default();
            let store = disk.open().unwrap();
            disk.set_fault(Fault::FreezeAtSync(sync));
            let answered = run_until_refused(&store, &acts, &answers);
            store.close();
            assert!(disk.is_frozen(), "sync {sync} was reached");
            // The one that was under way when the power went may have come through.
            let underway = (answered + 1).min(acts.len());
            for loss in losses(sync) {
                let state = state_after(disk.image(loss));
                let kept = state == states[answered];
                assert!(kept || state == states[underway], "sync {sync}, {loss:?}, {answered} answered");
                arrived += usize::from(!kept);
            }
        }
        assert!(arrived > 0, "some unanswered act came through whole");
    }
}

#[test]
fn a_power_cut_during_a_recovery_loses_nothing_either() {
    let acts = script();
    let states = model_states(&acts);
    // A machine that died with everything answered, but never closed.
    let disk = Disk::default();
    let store = disk.open().unwrap();
    assert_eq!(run_until_refused(&store, &acts, &model_answers(&acts)), acts.len());
    let image = disk.image(Loss::All);
    store.close();
    let again = Disk::with(image.clone());
    again.open().unwrap().close();
    for sync in 1..=again.syncs() {
        let disk = Disk::with(image.clone());
        disk.set_fault(Fault::FreezeAtSync(sync));
        if let Ok(store) = disk.open() {
            store.close();
        }
        assert!(disk.is_frozen(), "sync {sync} was reached");
        for loss in losses(sync) {
            assert_eq!(state_after(disk.image(loss)), states[acts.len()], "sync {sync}, {loss:?}");
        }
    }
}

#[test]
fn a_power_cut_at_the_making_of_a_database_leaves_one_that_can_be_made() {
    let whole = Disk::default();
    whole.open().unwrap().close();
    for sync in 1..=whole.syncs() {
        let disk = Disk::default();
        disk.set_fault(Fault::FreezeAtSync(sync));
        if let Ok(store) = disk.open() {
            store.close();
        }
        // Under its name the file appears only when it is whole (see `opening`), so what is asked
        // of a half-made one is no more than to be refused or opened, never to be half of both.
        for loss in losses(sync) {
            if let Ok(store) = Disk::with(disk.image(loss)).open() {
                assert_eq!(sound_state(&store.snapshot().unwrap()), model_states(&[])[0]);
                store.close();
            }
        }
    }
}

/// A batch is one commit: the power leaves all of it or nothing.
#[test]
fn a_power_cut_in_a_batch_leaves_all_of_it_or_nothing() {
    let before = script();
    let batch: Vec<RecordInbound> = (0..20)
        .map(|place| {
            let who = [ANN, BOB, "+15550000009"][place % 3];
            message(&format!("B{place}"), who, DESK, at(seconds(200 + place as i64)))
        })
        .collect();
    let whole: Vec<Act> = before.iter().cloned().chain(batch.iter().cloned().map(Act::Inbound)).collect();
    let states = model_states(&whole);
    let (nothing, everything) = (&states[before.len()], &states[whole.len()]);
    let mut seen = [false; 2];
    for sync in 1.. {
        let disk = Disk::default();
        let store = disk.open().unwrap();
        assert_eq!(run_until_refused(&store, &before, &model_answers(&before)), before.len());
        let gate = Gate::default();
        let held = gate.hold(&store);
        let waiting: Vec<_> = batch.iter().map(|act| submit(&store, act.clone())).collect();
        disk.set_fault(Fault::FreezeAtSync(sync));
        gate.open();
        // The first syncs are the gate's own.
        let _ = held.answer();
        let answers = waiting.into_iter().map(Waiting::answer);
        let answered = answers.filter(Result::is_ok).count();
        store.close();
        assert!(answered == 0 || answered == batch.len(), "{answered} of one commit were answered");
        for loss in losses(sync) {
            let state = state_after(disk.image(loss));
            let all = state == *everything;
            assert!(all || (state == *nothing && answered == 0), "sync {sync}, {loss:?}");
            seen[usize::from(all)] = true;
        }
        if !disk.is_frozen() {
            break;
        }
    }
    assert_eq!(seen, [true, true], "both ends were seen");
}
