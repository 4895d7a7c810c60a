//! Backups: written to whoever asks, and by schedule into a directory, the newest of which are kept. Their
//! names sort by time, so the directory itself tells when the next one is due.

use super::App;
use crate::model::time::Timestamp;
use crate::store::{BackupError, Follower, ReadError, StoreError, write_backup};
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;

pub const ENDING: &str = ".backup";
/// While somebody waits for the writer, the backup takes every third moment, and rests no longer than this.
const LONGEST_TURN: Duration = Duration::from_millis(50);

/// When backups are made without being asked for.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub dir: PathBuf,
    pub every_seconds: u64,
    /// How many of them are kept.
    pub keep: usize,
}

/// Writes a backup of every organization's rows, as the last commit left them; one who follows gets what later
/// commits write, too, until the server stops. Blocks.
pub fn write(app: &App, follow: bool, out: impl Write) -> Result<(), BackupError> {
    let out = UntilStop { stopping: &app.stopping, out };
    let out = BufWriter::with_capacity(1 << 16, out);
    let turn = turns(app);
    if follow {
        let unavailable = |error: StoreError| ReadError::Unavailable(error.to_string());
        let follower = Follower::begin(&app.store).map_err(unavailable)?;
        return follower.write(|| app.clock.now(), out, turn);
    }
    let pinned = app.store.pin();
    let newest = pinned.as_ref().as_ref().map_err(|reason| ReadError::Unavailable(reason.clone()))?;
    let rows = write_backup(newest, app.clock.now(), out, turn)?;
    tracing::info!(rows, "a backup was written");
    Ok(())
}

/// A backup may take longer than a server has that is told to stop.
struct UntilStop<'a, W> {
    stopping: &'a AtomicBool,
    out: W,
}

impl<W: Write> Write for UntilStop<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err(std::io::Error::other("the server is stopping"));
        }
        self.out.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// Lets those who wait for the writer go first.
fn turns(app: &App) -> impl FnMut() {
    let (store, mut began) = (app.store.clone(), Instant::now());
    move || {
        if store.is_busy() {
            std::thread::sleep((began.elapsed() * 2).min(LONGEST_TURN));
        }
        began = Instant::now();
    }
}

/// `smslite-20260430T100000Z.backup`
pub fn file_name(now: Timestamp) -> String {
    format!("smslite-{}{ENDING}", now.for_file_names())
}

/// The backups in a directory, the oldest first.
pub fn files(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with("smslite-") && name.to_string_lossy().ends_with(ENDING) {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Removes all but the newest.
pub fn prune(dir: &Path, keep: usize) -> std::io::Result<()> {
    let files = files(dir)?;
    let older = files.len().saturating_sub(keep.max(1));
    files[..older].iter().try_for_each(fs::remove_file)
}

/// Makes a backup if one is due. It appears under its name when it is whole; one that is broken off leaves
/// nothing. Blocks.
pub fn run_schedule(app: &App, schedule: &Schedule) -> Result<Option<PathBuf>, BackupError> {
    let now = app.clock.now();
    fs::create_dir_all(&schedule.dir)?;
    let last = files(&schedule.dir)?.pop();
    // A clock that was set back must not stop backups until it has caught up.
    let since = file_name(now.minus_seconds(schedule.every_seconds));
    let is_recent = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name > since && name <= file_name(now)
    };
    if last.as_ref().is_some_and(is_recent) {
        return Ok(None);
    }
    let mut file = NamedTempFile::new_in(&schedule.dir)?;
    write(app, false, &mut file)?;
    file.as_file().sync_all()?;
    let path = schedule.dir.join(file_name(now));
    file.persist(&path).map_err(|error| error.error)?;
    fs::File::open(&schedule.dir)?.sync_all()?;
    prune(&schedule.dir, schedule.keep)?;
    tracing::info!(file = %path.display(), "the scheduled backup is made");
    Ok(Some(path))
}
