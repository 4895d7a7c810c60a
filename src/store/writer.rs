//! Group commit: one thread writes. It takes what queued up while the last commit was made
//! durable and what comes while it runs that, runs each command on the open transaction, commits
//! once, then answers them all.
//!
//! The rules: nothing is answered before it is durable. A command that fails or panics fails
//! alone; the others of its batch are run again without it. When the storage fails, the whole
//! batch is answered with "outcome unknown" and the database is opened anew. A caller who has gone
//! is still committed. The queue is bounded.

use super::activity_blocks::BLOCK_ROWS;
use super::backup::{Listener, Teller, line};
use super::directory::Directory;
use super::error::{OpenError, ReadError, StoreError};
use super::feed::FeedNews;
use super::open::{self, Location, Opened};
use super::rows::RowLog;
use super::snapshot::{Snapshot, SnapshotView};
use super::transaction::{Changes, Command, Tx, TxError};
use crate::metrics::Commits;
use arc_swap::ArcSwap;
use redb::{Database, ReadableDatabase};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How many commands may wait. At some thousand a second this is about a second's work.
const QUEUE: usize = 4096;
/// The most commands in one commit: bounds how long the first of them waits.
const BATCH: usize = 512;
/// How often a storage that failed is tried again.
const REOPEN_EVERY: Duration = Duration::from_secs(1);

/// Whether the storage takes writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    Ready,
    Failing(String),
}

/// What readers see: whatever changes it makes it a greater one. The rows and the directory are numbered each by
/// itself, for a commit whose rows cannot be shown, since storage fails, has changed the directory already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub(crate) commit: u64,
    pub(crate) directory: u64,
}

/// The store: clones share one writer and one newest snapshot.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    queue: SyncSender<Box<dyn Job>>,
    writer: Arc<Mutex<Option<std::thread::JoinHandle<()>>>>,
}

struct Shared {
    directory: Arc<Directory>,
    newest: ArcSwap<Result<Snapshot, String>>,
    /// Why the last write failed, until one succeeds.
    failing: RwLock<Option<String>>,
    waiting: AtomicUsize,
    followers: Mutex<Vec<Teller>>,
    news: FeedNews,
    metrics: Commits,
}

impl Store {
    /// Opens the database and starts its writer. `cache_bytes` bounds the engine's page cache.
    pub fn open(location: Location, cache_bytes: usize) -> Result<Store, OpenError> {
        Store::open_with(location, cache_bytes, BLOCK_ROWS)
    }

    /// As [`Store::open`], with blocks of the list and of logs that have so many rows at most: for tests, which have few.
    pub fn open_with(location: Location, cache_bytes: usize, block_rows: u32) -> Result<Store, OpenError> {
        let opened = open::open(&location, cache_bytes)?;
        let directory = Arc::new(Directory::default());
        let snapshot = snapshot(&opened.database, &directory, 0).and_then(|snapshot| {
            directory.load(&snapshot.tables)?;
            Ok(snapshot)
        });
        let snapshot = snapshot.map_err(|error| OpenError::Unusable {
            path: "the database".into(),
            reason: error.to_string(),
        })?;
        let shared = Arc::new(Shared {
            directory,
            newest: ArcSwap::from_pointee(Ok(snapshot)),
            failing: RwLock::new(None),
            waiting: AtomicUsize::new(0),
            followers: Mutex::default(),
            news: FeedNews::default(),
            metrics: Commits::default(),
        });
        let (queue, jobs) = sync_channel(QUEUE);
        let writer = Writer {
            shared: shared.clone(),
            location,
            cache_bytes,
            block_rows,
            opened,
            commits: 0,
            tried: Instant::now(),
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                let shared = writer.shared.clone();
                if catch_unwind(AssertUnwindSafe(|| writer.work(&jobs))).is_err() {
                    let reason = || "the writer stopped unexpectedly; restart smslite".to_owned();
                    *shared.failing.write().unwrap_or_else(PoisonError::into_inner) = Some(reason());
                    shared.newest.store(Arc::new(Err(reason())));
                }
            })
            .map_err(|source| OpenError::Directory { path: "the writer thread".into(), source })?;
        Ok(Store { shared, queue, writer: Arc::new(Mutex::new(Some(thread))) })
    }

    /// The data as the newest commit left it.
    pub fn snapshot(&self) -> Result<SnapshotView, ReadError> {
        SnapshotView::of(self.shared.newest.load())
    }

    /// The same, for those who read it for long.
    pub fn pin(&self) -> Arc<Result<Snapshot, String>> {
        self.shared.newest.load_full()
    }

    /// What was read after one has learnt the version is right for as long as that is still the version. Each number
    /// is a part of what it numbers and is changed with it in one step. So what is read later is no older than the
    /// version says; it may be newer, but then the version is another one by then, and nobody asks for this one again.
    pub fn version(&self) -> Result<Version, ReadError> {
        let commit = self.snapshot()?.commit_number();
        Ok(Version { commit, directory: self.directory().number() })
    }

    /// What each commit from the one after the next on writes. One who is too slow to take it is told no more.
    pub(super) fn listen(&self) -> Listener {
        let (teller, listener) = line();
        self.shared.followers().push(teller);
        listener
    }

    /// How many follow the commits.
    pub fn followers(&self) -> usize {
        self.shared.followers().len()
    }

    /// Ends what follows the commits: nobody waits for it when the server stops.
    pub fn dismiss_followers(&self) {
        self.shared.followers().clear();
    }

    /// Whether commands wait for the writer right now.
    pub fn is_busy(&self) -> bool {
        self.queue_depth() > 0
    }

    pub fn directory(&self) -> &Directory {
        &self.shared.directory
    }

    /// Tells when feeds go on.
    pub fn news(&self) -> &FeedNews {
        &self.shared.news
    }

    pub fn health(&self) -> Health {
        let failing = self.shared.failing.read().unwrap_or_else(PoisonError::into_inner);
        failing.clone().map_or(Health::Ready, Health::Failing)
    }

    /// How many commands wait for the writer.
    pub fn queue_depth(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// What the writer has done since the start.
    pub fn metrics(&self) -> &Commits {
        &self.shared.metrics
    }

    /// True when a further command would be refused: to be asked before a request is parsed.
    pub fn is_overloaded(&self) -> bool {
        self.queue_depth() >= QUEUE
    }

    /// Carries a command out; its outcome is durable when this returns. Dropping the future does
    /// not take the command back.
    pub async fn execute<C: Command>(&self, command: C) -> Result<C::Outcome, StoreError> {
        let gone = || StoreError::Unavailable("the writer has stopped".to_owned());
        let receiver = self.submit(command)?;
        receiver.await.unwrap_or_else(|_| Err(gone()))
    }

    /// As [`Store::execute`], for threads that may wait.
    pub fn execute_blocking<C: Command>(&self, command: C) -> Result<C::Outcome, StoreError> {
        let gone = || StoreError::Unavailable("the writer has stopped".to_owned());
        let receiver = self.submit(command)?;
        receiver.blocking_recv().unwrap_or_else(|_| Err(gone()))
    }

    fn submit<C: Command>(
        &self,
        command: C,
    ) -> Result<oneshot::Receiver<Result<C::Outcome, StoreError>>, StoreError> {
        let (reply, receiver) = oneshot::channel();
        let job = Box::new(Pending { command, outcome: None, reply });
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        self.queue.try_send(job).map_err(|error| {
            self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => StoreError::Overloaded,
                TrySendError::Disconnected(_) => StoreError::Unavailable("the store is closed".to_owned()),
            }
        })?;
        Ok(receiver)
    }

    /// Waits until everything accepted is done and the file is closed cleanly. Other clones answer
    /// reads no more.
    pub fn close(self) {
        let Store { shared, queue, writer } = self;
        // Waits for its place: a queue that is full goes down, and other clones may keep it open.
        let _ = queue.send(Box::new(Stop));
        drop(queue);
        let thread = writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A writer that panicked has said so on its way.
            let _ = thread.join();
        }
        drop(shared);
    }
}

impl Shared {
    fn followers(&self) -> MutexGuard<'_, Vec<Teller>> {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn snapshot(
    database: &Database,
    directory: &Arc<Directory>,
    commit_number: u64,
) -> Result<Snapshot, ReadError> {
    Snapshot::new(&database.begin_read()?, directory.clone(), commit_number)
}

/// A command in the queue, whatever its type.
trait Job: Send {
    fn name(&self) -> &'static str;
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), TxError>;
    fn answer(self: Box<Self>, result: Result<(), StoreError>);
    /// The queue's end: nothing after it is taken.
    fn is_stop(&self) -> bool {
        false
    }
}

struct Pending<C: Command> {
    command: C,
    outcome: Option<C::Outcome>,
    reply: oneshot::Sender<Result<C::Outcome, StoreError>>,
}

impl<C: Command> Job for Pending<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), TxError> {
        self.outcome = Some(self.command.run(tx)?);
        Ok(())
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        let outcome = self.outcome.ok_or_else(|| StoreError::Failed("it was not run".to_owned()));
        // A caller who hung up wants no answer; what was done stays done.
        let _ = self.reply.send(result.and(outcome));
    }
}

struct Stop;

impl Job for Stop {
    fn name(&self) -> &'static str {
        "stop"
    }

    fn run(&mut self, _: &mut Tx<'_>) -> Result<(), TxError> {
        Ok(())
    }

    fn answer(self: Box<Self>, _: Result<(), StoreError>) {}

    fn is_stop(&self) -> bool {
        true
    }
}

/// A write of nothing new.
struct Probe;

impl Job for Probe {
    fn name(&self) -> &'static str {
        "probe"
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), TxError> {
        tx.rewrite_something()
    }

    fn answer(self: Box<Self>, _: Result<(), StoreError>) {}
}

/// The commands of one commit: the first one, and whatever comes until all that came is run. Whoever was answered
/// by the last commit asks again while this one runs, and need not wait for the next.
struct Batch<'q> {
    taken: Vec<Box<dyn Job>>,
    /// Where more may come from, and how many wait there.
    queue: Option<(&'q Receiver<Box<dyn Job>>, &'q AtomicUsize)>,
    /// The queue's end was met.
    stops: bool,
}

impl<'q> Batch<'q> {
    fn of(job: Box<dyn Job>) -> Batch<'q> {
        Batch { taken: vec![job], queue: None, stops: false }
    }

    fn begin(first: Box<dyn Job>, queue: &'q Receiver<Box<dyn Job>>, waiting: &'q AtomicUsize) -> Batch<'q> {
        let mut batch = Batch { taken: Vec::new(), queue: Some((queue, waiting)), stops: false };
        batch.take(first, waiting);
        batch
    }

    fn take(&mut self, job: Box<dyn Job>, waiting: &AtomicUsize) {
        self.stops = job.is_stop();
        waiting.fetch_sub(usize::from(!self.stops), Ordering::Relaxed);
        self.taken.push(job);
    }

    /// The job at this place, which may have to be taken first.
    fn at(&mut self, place: usize) -> Option<&mut Box<dyn Job>> {
        if place == self.taken.len()
            && place < BATCH
            && !self.stops
            && let Some((queue, waiting)) = self.queue
            && let Ok(job) = queue.try_recv()
        {
            self.take(job, waiting);
        }
        self.taken.get_mut(place)
    }

    /// True: the queue's end was met.
    fn answer_all(self, result: &Result<(), StoreError>) -> bool {
        for job in self.taken {
            job.answer(result.clone());
        }
        self.stops
    }
}

struct Writer {
    shared: Arc<Shared>,
    location: Location,
    cache_bytes: usize,
    block_rows: u32,
    /// While the storage refuses writes: a handle that still reads.
    opened: Opened,
    /// So many commits were made.
    commits: u64,
    tried: Instant,
}

/// How a batch ended that was not committed.
enum BatchError {
    /// The job at this place failed alone.
    Job(usize, String),
    Storage(String),
}

impl Writer {
    fn work(mut self, jobs: &Receiver<Box<dyn Job>>) {
        let shared = self.shared.clone();
        loop {
            let first = match jobs.recv_timeout(REOPEN_EVERY) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => {
                    self.recover();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if self.settle(Batch::begin(first, jobs, &shared.waiting)) {
                break;
            }
        }
        self.show(Err("the store is closed".to_owned()));
        // Dropping the database marks the file as closed cleanly.
    }

    /// Commits a batch and answers all of it. True: it was the last one.
    fn settle(&mut self, mut batch: Batch<'_>) -> bool {
        if let Some(reason) = self.still_failing() {
            return batch.answer_all(&Err(StoreError::Unavailable(reason)));
        }
        while !batch.taken.is_empty() {
            let began = Instant::now();
            let log = (!self.shared.followers().is_empty()).then(RefCell::default);
            match self.commit(&mut batch, log.as_ref()) {
                Ok(changes) => {
                    self.shared.metrics.duration.took(began.elapsed());
                    self.shared.metrics.commands.observe(batch.taken.len() as u64);
                    self.publish(changes);
                    self.tell_followers(log);
                    return batch.answer_all(&Ok(()));
                }
                Err(BatchError::Job(at, reason)) => {
                    // Who fails again and again is not to keep the others from their commit.
                    batch.queue = None;
                    let job = batch.taken.remove(at);
                    tracing::error!(command = job.name(), reason, "a store command failed");
                    job.answer(Err(StoreError::Failed(reason)));
                }
                Err(BatchError::Storage(reason)) => {
                    self.shared.metrics.failed.increment();
                    self.fail(&reason, batch.taken.len());
                    return batch.answer_all(&Err(StoreError::OutcomeUnknown(reason)));
                }
            }
        }
        batch.stops
    }

    /// Makes a durable commit visible: to the directory first, then to readers, then (by the
    /// caller) to those who asked for it.
    fn publish(&mut self, changes: Changes) {
        self.shared.directory.apply(changes.directory);
        self.commits += 1;
        match snapshot(&self.opened.database, &self.shared.directory, self.commits) {
            Ok(snapshot) => self.show(Ok(snapshot)),
            Err(error) => self.fail(&error.to_string(), 0),
        }
        self.shared.news.tell(&changes.feeds);
    }

    /// One who began to follow while this commit was under way has it in their snapshot.
    fn tell_followers(&self, log: Option<RefCell<Vec<u8>>>) {
        if let Some(log) = log {
            let commit = (self.commits, Arc::new(log.into_inner()));
            self.shared.followers().retain(|follower| follower.tell(&commit));
        }
    }

    /// A handle that could not write is of no more use for that. It goes on reading what was there
    /// until the database can be opened anew.
    fn fail(&mut self, reason: &str, commands: usize) {
        tracing::error!(reason, commands, "storage failed; opening the database anew");
        self.set_failing(Some(reason.to_owned()));
        // What came of the batch, only the file tells, and no follower hears of it.
        self.shared.followers().clear();
        self.reopen();
    }

    /// While nobody writes, notices what reads met and what became of the file, and tries whether the
    /// storage takes writes again.
    fn recover(&mut self) {
        if self.failing().is_some() {
            self.still_failing();
            return;
        }
        // A read that met an I/O error leaves the engine refusing all others.
        let refused = self.opened.database.begin_write().err().map(|error| error.to_string());
        if let Some(reason) = refused.or_else(|| self.opened.watch.verdict().err()) {
            self.fail(&reason, 0);
        }
    }

    fn failing(&self) -> Option<String> {
        self.shared.failing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_failing(&self, reason: Option<String>) {
        let mut failing = self.shared.failing.write().unwrap_or_else(PoisonError::into_inner);
        if reason.is_none() && failing.is_some() {
            tracing::warn!("storage takes writes again");
        }
        *failing = reason;
    }

    /// Why the storage takes no writes, after having tried again if it is time to.
    fn still_failing(&mut self) -> Option<String> {
        if self.failing().is_some() && self.tried.elapsed() >= REOPEN_EVERY {
            self.reopen();
        }
        self.failing()
    }

    /// Opens the database anew, shows what is found there, and tries whether it takes writes.
    fn reopen(&mut self) {
        self.tried = Instant::now();
        self.opened.watch.give_up_lock();
        // What is found may be more than what the last commit left.
        self.commits += 1;
        let opened = open::open_again(&self.location, self.cache_bytes).map_err(|error| error.to_string());
        let opened = opened.and_then(|opened| {
            let snapshot = snapshot(&opened.database, &self.shared.directory, self.commits)
                .and_then(|snapshot| self.shared.directory.load(&snapshot.tables).map(|()| snapshot))
                .map_err(|error| error.to_string())?;
            Ok((opened, snapshot))
        });
        let (opened, snapshot) = match opened {
            Ok(found) => found,
            Err(reason) => return self.set_failing(Some(reason)),
        };
        // What came through after all is news to whoever acts on it.
        let organizations = self.shared.directory.organizations().into_iter();
        let feeds = organizations.filter_map(|(id, _)| Some((id, snapshot.sequences(id).ok()?.feed)));
        let feeds: Vec<_> = feeds.collect();
        self.show(Ok(snapshot));
        self.shared.news.tell(&feeds);
        std::mem::replace(&mut self.opened, opened).watch.leave();
        match self.commit(&mut Batch::of(Box::new(Probe)), None) {
            Ok(_) => self.set_failing(None),
            Err(BatchError::Storage(reason) | BatchError::Job(_, reason)) => self.set_failing(Some(reason)),
        }
    }

    fn show(&self, newest: Result<Snapshot, String>) {
        self.shared.newest.store(Arc::new(newest));
    }

    /// Runs the batch on one transaction and commits it, with what comes in the meantime.
    fn commit(&self, batch: &mut Batch<'_>, log: RowLog<'_>) -> Result<Changes, BatchError> {
        let storage = |error: &dyn std::fmt::Display| BatchError::Storage(error.to_string());
        let mut txn = self.opened.database.begin_write().map_err(|error| storage(&error))?;
        // Without it a killed server would walk the whole file when it starts again; what is in memory never does.
        txn.set_quick_repair(!matches!(self.location, Location::Memory));
        let changes = {
            let mut tx = Tx::new(&txn, &self.shared.directory, log, self.block_rows)
                .map_err(|error| storage(&error))?;
            let mut at = 0;
            while let Some(job) = batch.at(at) {
                match catch_unwind(AssertUnwindSafe(|| job.run(&mut tx))) {
                    Ok(Ok(())) => {}
                    Ok(Err(TxError::Storage(reason))) => return Err(BatchError::Storage(reason)),
                    Ok(Err(TxError::Damaged(reason))) => return Err(BatchError::Job(at, reason)),
                    Err(_) => return Err(BatchError::Job(at, "it panicked".to_owned())),
                }
                at += 1;
            }
            // Of what was gathered nobody knows whose fault it is: all of the batch fails, and the writer goes on.
            match catch_unwind(AssertUnwindSafe(|| tx.finish())) {
                Ok(Ok(changes)) => changes,
                Ok(Err(TxError::Storage(reason) | TxError::Damaged(reason))) => {
                    return Err(BatchError::Storage(reason));
                }
                Err(_) => return Err(BatchError::Storage("finishing the batch panicked".to_owned())),
            }
        };
        self.opened.commit(txn).map_err(BatchError::Storage)?;
        Ok(changes)
    }
}
