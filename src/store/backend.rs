//! What the engine reads and writes. From the first write that fails on, nothing more reaches the disk, as
//! if the power had gone, and the engine is not told: it would refuse to read, too. What it writes after
//! that lives in memory until the handle is dropped. The writer asks [`Watch`] before it answers anybody.

use super::error::OpenError;
use redb::StorageBackend;
use std::fs::{File, TryLockError};
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whether what was written is on the disk that it was meant for. Clones are of one handle.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    state: Arc<State>,
    file: Option<Arc<(PathBuf, File)>>,
}

#[derive(Debug, Default)]
struct State {
    failed: AtomicBool,
    left: AtomicBool,
    /// As the disk last told it: one that is broken tells nothing.
    length: AtomicU64,
    beyond: Mutex<Beyond>,
}

/// What did not reach the disk.
#[derive(Debug, Default)]
struct Beyond {
    reason: String,
    length: u64,
    /// In the order of time: a later one wins.
    writes: Vec<(u64, Vec<u8>)>,
}

impl State {
    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    fn beyond(&self) -> MutexGuard<'_, Beyond> {
        self.beyond.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// An error: what was written last may not be there after a restart.
    pub(super) fn verdict(&self) -> std::result::Result<(), String> {
        if self.state.has_failed() {
            return Err(self.state.beyond().reason.clone());
        }
        match &self.file {
            Some(file) if !is_the_same(&file.0, &file.1) => {
                Err(format!("{}: the file was removed or replaced", file.0.display()))
            }
            _ => Ok(()),
        }
    }

    /// Lets another handle have the file: this one goes on reading, and nothing that it writes, not even when it
    /// is closed, reaches the disk any more.
    pub(super) fn give_up_lock(&self) {
        if !self.state.has_failed() {
            let length = self.state.length.load(Ordering::Acquire);
            let reason = "the database is being opened anew".to_owned();
            *self.state.beyond() = Beyond { reason, length, ..Beyond::default() };
            self.state.failed.store(true, Ordering::Release);
        }
        if let Some(file) = &self.file {
            // Without the lock there is nothing to give up.
            let _ = file.1.unlock();
        }
    }

    /// From now on nothing is read: another handle may overwrite what this one would find.
    pub(super) fn leave(&self) {
        self.state.left.store(true, Ordering::Release);
    }
}

#[cfg(unix)]
fn is_the_same(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |found: std::fs::Metadata| (found.dev(), found.ino());
    let there = path.metadata().map(id);
    there.is_ok_and(|there| file.metadata().is_ok_and(|held| id(held) == there))
}

/// Elsewhere a file that is open can neither be removed nor replaced.
#[cfg(not(unix))]
fn is_the_same(_: &Path, _: &File) -> bool {
    true
}

/// A backend that freezes at the first write that fails.
#[derive(Debug)]
pub(super) struct Guarded {
    inner: Box<dyn StorageBackend>,
    state: Arc<State>,
}

impl Guarded {
    pub(super) fn new(inner: Box<dyn StorageBackend>) -> (Guarded, Watch) {
        let state = Arc::new(State::default());
        (Guarded { inner, state: state.clone() }, Watch { state, file: None })
    }

    /// Frozen from the start: what is there is read, even recovered, and not a byte of it is changed.
    pub(super) fn frozen(inner: Box<dyn StorageBackend>) -> Result<Guarded> {
        let (guarded, _) = Guarded::new(inner);
        guarded.state.beyond().length = guarded.len()?;
        guarded.state.failed.store(true, Ordering::Release);
        Ok(guarded)
    }

    /// The file at `path`, which no other engine may have open.
    pub(super) fn file(path: &Path) -> std::result::Result<(Guarded, Watch), OpenError> {
        let failed = |source| OpenError::Directory { path: path.to_owned(), source };
        let open = || File::options().read(true).write(true).open(path).map_err(failed);
        let (file, held) = (open()?, open()?);
        match held.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Held { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let inner = redb::backends::FileBackend::new(file)
            .map_err(|error| OpenError::Unusable { path: path.to_owned(), reason: error.to_string() })?;
        let (guarded, watch) = Guarded::new(Box::new(inner));
        Ok((guarded, Watch { file: Some(Arc::new((path.to_owned(), held))), ..watch }))
    }

    /// Carries a change out; once one failed, `instead` is done in memory.
    fn change(&self, on_disk: impl FnOnce() -> Result<()>, instead: impl FnOnce(&mut Beyond)) -> Result<()> {
        if !self.state.has_failed() {
            let Err(error) = on_disk() else { return Ok(()) };
            let length = self.len().unwrap_or_else(|_| self.state.length.load(Ordering::Acquire));
            *self.state.beyond() = Beyond { reason: error.to_string(), length, ..Beyond::default() };
            self.state.failed.store(true, Ordering::Release);
        }
        instead(&mut self.state.beyond());
        Ok(())
    }
}

impl StorageBackend for Guarded {
    fn len(&self) -> Result<u64> {
        if self.state.has_failed() {
            return Ok(self.state.beyond().length);
        }
        let length = self.inner.len()?;
        self.state.length.store(length, Ordering::Release);
        Ok(length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        if self.state.left.load(Ordering::Acquire) {
            return Err(Error::other("the database was opened anew"));
        }
        if !self.state.has_failed() {
            return self.inner.read(offset, out);
        }
        let on_disk = self.inner.len()?.saturating_sub(offset).min(out.len() as u64) as usize;
        self.inner.read(offset, &mut out[..on_disk])?;
        out[on_disk..].fill(0);
        self.state.beyond().patch(offset, out);
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<()> {
        self.change(|| self.inner.set_len(length), |beyond| beyond.length = length)?;
        self.state.length.store(length, Ordering::Release);
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        self.change(|| self.inner.sync_data(), |_| ())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        self.change(|| self.inner.write(offset, data), |beyond| beyond.write(offset, data))
    }

    fn close(&self) -> Result<()> {
        self.inner.close()
    }
}

impl Beyond {
    fn write(&mut self, offset: u64, data: &[u8]) {
        self.length = self.length.max(offset + data.len() as u64);
        self.writes.push((offset, data.to_vec()));
    }

    /// Lays what was written over what was read from the disk.
    fn patch(&self, offset: u64, out: &mut [u8]) {
        let end = offset + out.len() as u64;
        for (at, data) in &self.writes {
            let (from, to) = ((*at).max(offset), (at + data.len() as u64).min(end));
            if from < to {
                let (there, here) = ((from - at) as usize, (from - offset) as usize);
                let length = (to - from) as usize;
                out[here..here + length].copy_from_slice(&data[there..there + length]);
            }
        }
    }
}
