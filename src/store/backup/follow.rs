//! Following: after a backup, what each commit writes, until nobody wants it any more or the server cannot
//! keep up. A follower begins with a snapshot and then hears of every commit after it, of none twice.

use super::{BackupError, Kind, whole};
use crate::model::time::Timestamp;
use crate::store::error::{ReadError, StoreError};
use crate::store::snapshot::Snapshot;
use crate::store::transaction::{Command, Tx, TxError};
use crate::store::writer::Store;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::Duration;

/// How long what was committed waits to be shipped.
const GATHER: Duration = Duration::from_millis(500);
/// How often an idle server says that nothing happened.
const BEAT: Duration = Duration::from_secs(10);
const MOST_BYTES: usize = 1 << 20;

/// The rows that one commit wrote, and its number.
pub(in crate::store) type Commit = (u64, Arc<Vec<u8>>);

/// So much may wait for a follower while its backup is still being written, or its caller is slow.
const MOST_WAITING: usize = 256 << 20;

/// The writer's end of what one follower hears.
pub(in crate::store) struct Teller {
    commits: Sender<Commit>,
    waiting: Arc<AtomicUsize>,
}

/// The follower's end.
pub(in crate::store) struct Listener {
    commits: Receiver<Commit>,
    waiting: Arc<AtomicUsize>,
}

pub(in crate::store) fn line() -> (Teller, Listener) {
    let ((sender, receiver), waiting) = (channel(), Arc::new(AtomicUsize::new(0)));
    (Teller { commits: sender, waiting: waiting.clone() }, Listener { commits: receiver, waiting })
}

impl Teller {
    /// False: the follower has gone or is too far behind, and is told no more.
    pub(in crate::store) fn tell(&self, commit: &Commit) -> bool {
        let bytes = commit.1.len();
        let waiting = self.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes;
        waiting <= MOST_WAITING && self.commits.send(commit.clone()).is_ok()
    }
}

impl Listener {
    fn took(&self, commit: Commit) -> Commit {
        self.waiting.fetch_sub(commit.1.len(), Ordering::Relaxed);
        commit
    }

    fn wait(&self) -> Result<Commit, RecvTimeoutError> {
        self.commits.recv_timeout(BEAT).map(|commit| self.took(commit))
    }

    fn next(&self) -> Result<Commit, TryRecvError> {
        self.commits.try_recv().map(|commit| self.took(commit))
    }
}

pub struct Follower {
    snapshot: Arc<Result<Snapshot, String>>,
    commits: Listener,
}

/// Does nothing, after everything that was asked for before it.
struct Barrier;

impl Command for Barrier {
    type Outcome = ();
    const NAME: &'static str = "barrier";

    fn run(&self, _: &mut Tx<'_>) -> Result<(), TxError> {
        Ok(())
    }
}

impl Follower {
    /// Blocks until the commit that is under way is done: from the next one on, all is heard of.
    pub fn begin(store: &Store) -> Result<Follower, StoreError> {
        let commits = store.listen();
        store.execute_blocking(Barrier)?;
        Ok(Follower { snapshot: store.pin(), commits })
    }

    /// Writes a backup and then what each commit writes, until `out` takes no more, the store is closed or the
    /// follower falls behind. `clock` tells until when all is shipped.
    pub fn write(
        self,
        clock: impl Fn() -> Timestamp,
        out: impl Write,
        turn: impl FnMut(),
    ) -> Result<(), BackupError> {
        let Follower { snapshot, commits } = self;
        let newest = snapshot.as_ref().as_ref();
        let newest = newest.map_err(|reason| ReadError::Unavailable(reason.clone()))?;
        let included = newest.commit_number();
        let mut until = clock();
        let (_, mut frames) = whole(newest, until, out, turn)?;
        // No page is held back any longer.
        drop(snapshot);
        while let Some(rows) = gather(&commits, included, &clock, &mut until) {
            let content = [until.0.to_le_bytes().as_slice(), rows.as_slice()].concat();
            frames.write(Kind::Tail, &content)?;
            frames.out.flush()?;
        }
        Ok(())
    }
}

/// What was committed within some moments, nothing after a longer silence; none: there will be no more.
fn gather(
    commits: &Listener,
    included: u64,
    clock: &impl Fn() -> Timestamp,
    until: &mut Timestamp,
) -> Option<Vec<u8>> {
    let mut rows = Vec::new();
    let mut append = |(number, written): Commit| {
        // What the snapshot had already would set it back.
        if number > included {
            rows.extend_from_slice(&written);
        }
        rows.len() < MOST_BYTES
    };
    match commits.wait() {
        Ok(first) => {
            append(first);
            std::thread::sleep(GATHER);
        }
        Err(RecvTimeoutError::Timeout) => {}
        Err(RecvTimeoutError::Disconnected) => return None,
    }
    // What was answered before this moment was told before it.
    let moment = clock();
    loop {
        match commits.next() {
            Ok(commit) => {
                if !append(commit) {
                    break;
                }
            }
            Err(TryRecvError::Empty) => {
                *until = moment;
                break;
            }
            // What came after it was told no more may have been answered before this moment.
            Err(TryRecvError::Disconnected) => break,
        }
    }
    Some(rows)
}
