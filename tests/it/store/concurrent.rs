//! Many callers at once, callers who leave, and commands that fail in the middle of a batch.

use super::acts::{ANN, BOB, DESK, ORG, START, Went, at, bootstrap, keep_audit, message, went};
use super::acts::{assign, create_assistant};
use super::contract::{EVERYTHING, on_a_file};
use super::disk::Disk;
use super::door::{Act, Answer, Door, Reads, execute};
use smslite::model::call::ConversationFilter;
use smslite::model::ids::CallId;
use smslite::model::message::MessageRange;
use smslite::store::{Command, Health, Location, RecordInbound, Store, StoreError, Tx, TxError};
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::task::{Context, Waker};
use std::time::Duration;

/// A command that keeps the writer busy until it is let go, so that what is sent meanwhile makes
/// one batch.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<(bool, bool)>, Condvar)>);

impl Gate {
    /// Returns once the writer stands at the gate.
    pub fn hold(&self, store: &Store) -> Waiting<()> {
        let waiting = submit(store, self.clone());
        let (state, changed) = &*self.0;
        drop(changed.wait_while(state.lock().unwrap(), |(entered, _)| !*entered).unwrap());
        waiting
    }

    pub fn open(&self) {
        self.0.0.lock().unwrap().1 = true;
        self.0.1.notify_all();
    }
}

impl Command for Gate {
    type Outcome = ();
    const NAME: &'static str = "gate";

    fn run(&self, _: &mut Tx<'_>) -> Result<(), TxError> {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        state.0 = true;
        changed.notify_all();
        drop(changed.wait_while(state, |(_, open)| !*open).unwrap());
        Ok(())
    }
}

/// A command that was handed in and whose answer was not yet looked at.
pub struct Waiting<T>(Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>);

impl<T> Waiting<T> {
    pub fn answer(self) -> Result<T, StoreError> {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(self.0)
    }
}

/// Hands a command in now: in the order of these calls they stand in the queue.
pub fn submit<C: Command>(store: &Store, command: C) -> Waiting<C::Outcome> {
    let store = store.clone();
    let mut future = Box::pin(async move { store.execute(command).await });
    // It cannot be done yet: the writer is held at a gate. If it were, it would be asked no more.
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    Waiting(future)
}

/// How a command goes wrong after it has written a whole message.
#[derive(Clone, Copy, Debug)]
enum Mishap {
    PanicBefore,
    PanicAfter,
    Damaged,
    Storage,
    /// Goes well on the first run, panics when its batch is run again.
    PanicOnRerun,
}

struct Clumsy {
    message: RecordInbound,
    mishap: Mishap,
    runs: AtomicUsize,
}

impl Clumsy {
    fn new(message: RecordInbound, mishap: Mishap) -> Clumsy {
        Clumsy { message, mishap, runs: AtomicUsize::new(0) }
    }
}

impl Command for Clumsy {
    type Outcome = ();
    const NAME: &'static str = "clumsy";

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), TxError> {
        let runs_before = self.runs.fetch_add(1, Ordering::SeqCst);
        if let Mishap::PanicBefore = self.mishap {
            panic!("as arranged, before a write");
        }
        self.message.run(tx)?;
        match self.mishap {
            Mishap::PanicOnRerun if runs_before == 0 => Ok(()),
            Mishap::Damaged => Err(TxError::Damaged("as arranged".to_owned())),
            Mishap::Storage => Err(TxError::Storage("as arranged".to_owned())),
            _ => panic!("as arranged, after its writes"),
        }
    }
}

/// On a disk that outlives a reopening, with the desk's number assigned.
fn furnished() -> (Disk, Store) {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    for act in [bootstrap(), create_assistant(ORG, "Support Bot"), assign(ORG, DESK, 1, START)] {
        execute(&store, &act).unwrap();
    }
    (disk, store)
}

fn indexes(store: &Store, id: u64) -> Vec<u32> {
    let lines = Reads(&store.snapshot().unwrap()).messages(ORG, CallId(id), MessageRange::default());
    lines.iter().map(|line| line.index).collect()
}

fn assert_sound(store: &Store) {
    assert_eq!(store.snapshot().unwrap().check().unwrap(), Vec::<String>::new());
}

#[test]
fn many_first_messages_at_once_make_one_conversation() {
    const MESSAGES: usize = 200;
    let mut door = on_a_file();
    super::acts::furnish(&mut door);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let outcomes = runtime.block_on(async {
        let mut tasks = Vec::new();
        for copy in 0..3 {
            for place in 0..MESSAGES {
                let store = door.store().clone();
                // The copies come in different orders, each under another name for the time.
                let place = (place * 7 + copy * 31) % MESSAGES;
                let inbound = message(&format!("SM{place}"), ANN, DESK, at(place as i64));
                tasks.push(tokio::spawn(async move { store.execute(inbound).await }));
            }
        }
        let mut outcomes = Vec::new();
        for task in tasks {
            outcomes.push(went(&task.await.unwrap().unwrap()));
        }
        outcomes
    });
    let duplicates = outcomes.iter().filter(|went| **went == Went::Duplicate).count();
    let started = outcomes.iter().filter(|went| **went == Went::Started(1)).count();
    let joined: BTreeSet<u32> = outcomes
        .iter()
        .filter_map(|went| if let Went::Joined(1, index) = went { Some(*index) } else { None })
        .collect();
    assert_eq!((duplicates, started), (2 * MESSAGES, 1));
    assert_eq!(joined, (2..=MESSAGES as u32).collect());
    assert_eq!(indexes(door.store(), 1), (1..=MESSAGES as u32).collect::<Vec<_>>());
    let rows = door.list(ORG, &ConversationFilter::default(), EVERYTHING, START);
    assert_eq!(rows.iter().map(|row| row.message_count).collect::<Vec<_>>(), [MESSAGES as u32]);
}

#[test]
fn a_caller_who_hangs_up_is_still_stored() {
    let (_disk, store) = furnished();
    let gate = Gate::default();
    let held = gate.hold(&store);
    drop(submit(&store, message("SM1", ANN, DESK, START)));
    let second = submit(&store, message("SM2", ANN, DESK, START));
    drop(submit(&store, message("SM3", ANN, DESK, START)));
    gate.open();
    held.answer().unwrap();
    assert_eq!(went(&second.answer().unwrap()), Went::Joined(1, 2));
    assert_eq!(
        execute(&store, &Act::Inbound(message("SM4", ANN, DESK, START))).map(|answer| match answer {
            Answer::Inbound(outcome) => went(&outcome),
            other => panic!("{other:?}"),
        }),
        Ok(Went::Joined(1, 4))
    );
    assert_eq!(indexes(&store, 1), [1, 2, 3, 4]);
    assert_sound(&store);
}

#[test]
fn a_command_that_fails_fails_alone() {
    for mishap in [Mishap::PanicBefore, Mishap::PanicAfter, Mishap::Damaged, Mishap::PanicOnRerun] {
        let (_disk, store) = furnished();
        let gate = Gate::default();
        let held = gate.hold(&store);
        let good = |sid: &str| submit(&store, message(sid, ANN, DESK, START));
        let bad = |sid: &str, mishap| submit(&store, Clumsy::new(message(sid, BOB, DESK, START), mishap));
        let (first, clumsy, second) = (good("SM1"), bad("BAD1", mishap), good("SM2"));
        let (other, third) = (bad("BAD2", Mishap::PanicAfter), good("SM3"));
        gate.open();
        held.answer().unwrap();
        for (waiting, wanted) in
            [(first, Went::Started(1)), (second, Went::Joined(1, 2)), (third, Went::Joined(1, 3))]
        {
            assert_eq!(waiting.answer().map(|outcome| went(&outcome)), Ok(wanted), "{mishap:?}");
        }
        assert!(matches!(clumsy.answer(), Err(StoreError::Failed(_))), "{mishap:?}");
        assert!(matches!(other.answer(), Err(StoreError::Failed(_))), "{mishap:?}");
        // Nothing of them is there: the next conversation has the next id.
        let bobs = submit_and_wait(&store, message("BAD1", BOB, DESK, START));
        assert_eq!(bobs, Ok(Went::Started(2)), "{mishap:?}");
        assert_sound(&store);
        store.close();
    }
}

fn submit_and_wait(store: &Store, message: RecordInbound) -> Result<Went, StoreError> {
    store.execute_blocking(message).map(|outcome| went(&outcome))
}

/// Hands another in each time it fails.
struct Stubborn(Store, usize);

impl Command for Stubborn {
    type Outcome = ();
    const NAME: &'static str = "stubborn";

    fn run(&self, _: &mut Tx<'_>) -> Result<(), TxError> {
        if self.1 > 0 {
            drop(submit(&self.0, Stubborn(self.0.clone(), self.1 - 1)));
        }
        Err(TxError::Damaged("as arranged".to_owned()))
    }
}

/// Counts how often it is run.
struct Counted(Arc<AtomicUsize>);

impl Command for Counted {
    type Outcome = ();
    const NAME: &'static str = "counted";

    fn run(&self, _: &mut Tx<'_>) -> Result<(), TxError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn those_who_fail_again_and_again_keep_nobody_from_their_commit() {
    let (_disk, store) = furnished();
    let (gate, runs) = (Gate::default(), Arc::new(AtomicUsize::new(0)));
    let held = gate.hold(&store);
    let good = submit(&store, Counted(runs.clone()));
    let failing = submit(&store, Stubborn(store.clone(), 50));
    gate.open();
    held.answer().unwrap();
    good.answer().unwrap();
    assert!(failing.answer().is_err());
    assert_eq!(runs.load(Ordering::SeqCst), 2, "once with the first that failed, once without");
}

#[test]
fn a_storage_error_fails_the_whole_batch_and_the_store_opens_itself_anew() {
    let (disk, store) = furnished();
    assert_eq!(submit_and_wait(&store, message("SM0", BOB, DESK, START)), Ok(Went::Started(1)));
    let gate = Gate::default();
    let held = gate.hold(&store);
    let first = submit(&store, message("SM1", ANN, DESK, START));
    let second = submit(&store, message("SM2", ANN, DESK, START));
    let clumsy = submit(&store, Clumsy::new(message("BAD", BOB, DESK, START), Mishap::Storage));
    let openings = disk.openings();
    gate.open();
    // What comes while a batch is run is of that batch.
    assert!(matches!(held.answer(), Err(StoreError::OutcomeUnknown(_))));
    assert!(matches!(clumsy.answer(), Err(StoreError::OutcomeUnknown(_))));
    for waiting in [first, second] {
        assert!(matches!(waiting.answer(), Err(StoreError::OutcomeUnknown(_))));
    }
    assert_eq!(disk.openings(), openings + 1);
    assert_eq!(store.health(), Health::Ready, "it was tried at once, and worked");
    // What was acknowledged before is there, and of the batch nothing.
    assert_eq!((indexes(&store, 1), indexes(&store, 2)), (vec![1], vec![]));
    assert_eq!(submit_and_wait(&store, message("SM2", ANN, DESK, START)), Ok(Went::Started(2)));
    assert_eq!(submit_and_wait(&store, message("SM1", ANN, DESK, START)), Ok(Went::Joined(2, 2)));
    assert_sound(&store);
}

/// Fills the queue behind a held writer; how many were taken.
fn fill(store: &Store) -> Vec<Waiting<smslite::model::ids::AuditId>> {
    let Act::KeepAudit(command) = keep_audit("one of many", START) else { unreachable!() };
    let mut taken = Vec::new();
    while !store.is_overloaded() {
        taken.push(submit(store, command.clone()));
        assert!(taken.len() < 100_000, "the queue has no bound");
    }
    taken
}

#[test]
fn a_full_queue_refuses_at_once_and_forgets_nothing_it_took() {
    let store = Store::open(Location::Memory, super::disk::CACHE).unwrap();
    execute(&store, &bootstrap()).unwrap();
    let gate = Gate::default();
    let held = gate.hold(&store);
    let taken = fill(&store);
    let Act::KeepAudit(command) = keep_audit("one too many", START) else { unreachable!() };
    assert_eq!(store.execute_blocking(command.clone()), Err(StoreError::Overloaded));
    gate.open();
    held.answer().unwrap();
    let answers: BTreeSet<u64> = taken.into_iter().map(|waiting| waiting.answer().unwrap().0).collect();
    assert!(answers.len() > 1000, "each has an id of its own");
    assert!(!store.is_overloaded());
    assert!(store.execute_blocking(command).is_ok());
    assert_sound(&store);
    store.close();
}

#[test]
fn a_store_closes_after_what_it_took_also_when_its_queue_is_full_and_others_hold_it() {
    let store = Store::open(Location::Memory, super::disk::CACHE).unwrap();
    execute(&store, &bootstrap()).unwrap();
    let gate = Gate::default();
    let held = gate.hold(&store);
    let taken = fill(&store);
    let (closed, told) = mpsc::channel();
    let closing = store.clone();
    std::thread::spawn(move || {
        closing.close();
        let _ = closed.send(());
    });
    // Not before what it took is done; this also lets the other thread come to its close.
    assert!(told.recv_timeout(Duration::from_millis(200)).is_err());
    gate.open();
    held.answer().unwrap();
    told.recv_timeout(Duration::from_secs(60)).expect("close returns");
    for waiting in taken {
        assert!(waiting.answer().is_ok());
    }
    let late = store.execute_blocking(message("SM1", ANN, DESK, START));
    assert!(matches!(late, Err(StoreError::Unavailable(_))), "{late:?}");
    assert!(store.snapshot().is_err());
}
