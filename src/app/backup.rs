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

const MADE: &str = "smslite-";
const FOLLOWED: &str = "smslite-follow-";
const ENDING: &str = ".backup";
/// So many times as large.
const FAR_LARGER: u64 = 4;
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
    let turn = turns(app);
    if follow {
        let unavailable = |error: StoreError| ReadError::Unavailable(error.to_string());
        let follower = Follower::begin(&app.store).map_err(unavailable)?;
        // It is told when it is over, and has all until then.
        return follower.write(|| app.clock.now(), BufWriter::with_capacity(1 << 16, out), turn);
    }
    let out = BufWriter::with_capacity(1 << 16, UntilStop { stopping: &app.stopping, out });
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
    format!("{MADE}{}{ENDING}", now.for_file_names())
}

/// `smslite-follow-20260430T100000Z.backup`: told from those that are made by schedule, whose number is another.
pub fn followed_name(now: Timestamp) -> String {
    format!("{FOLLOWED}{}{ENDING}", now.for_file_names())
}

/// When a backup was made, by its name; none for names that people give.
fn made_at<'n>(name: &'n str, prefix: &str) -> Option<&'n str> {
    let time = name.strip_prefix(prefix)?.strip_suffix(ENDING)?;
    let shape = time.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    shape.eq(*b"00000000T000000Z").then_some(time)
}

/// The backups of one prefix in a directory, the oldest first.
fn files(dir: &Path, prefix: &str) -> std::io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if let Some(time) = made_at(&entry.file_name().to_string_lossy(), prefix) {
            files.push((time.to_owned(), entry.path()));
        }
    }
    files.sort();
    Ok(files)
}

/// Every backup in a directory that was made by schedule or by one who follows, the oldest first.
pub fn all_files(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut both = files(dir, MADE)?;
    both.extend(files(dir, FOLLOWED)?);
    both.sort();
    Ok(both.into_iter().map(|(_, path)| path).collect())
}

/// Removes those of the same kind that are older than the newest `keep`, the one just made among these whatever
/// the clock says. One that is far larger than the new one stays: when the data were lost, it is what is left.
pub fn prune(dir: &Path, made: &Path, keep: usize) -> std::io::Result<()> {
    let name = made.file_name().unwrap_or_default().to_string_lossy();
    let prefix = if name.starts_with(FOLLOWED) { FOLLOWED } else { MADE };
    let mut others = files(dir, prefix)?;
    others.retain(|(_, path)| path != made);
    let surplus = (others.len() + 1).saturating_sub(keep.max(1));
    let most = fs::metadata(made)?.len().saturating_mul(FAR_LARGER);
    for (_, path) in &others[..surplus] {
        if fs::metadata(path)?.len() <= most {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Makes a backup if one is due. It appears under its name when it is whole; one that is broken off leaves
/// nothing. Blocks.
pub fn run_schedule(app: &App, schedule: &Schedule) -> Result<Option<PathBuf>, BackupError> {
    let now = app.clock.now();
    fs::create_dir_all(&schedule.dir)?;
    // A clock that was set back must not stop backups until it has caught up.
    let (since, now_text) =
        (now.minus_seconds(schedule.every_seconds).for_file_names(), now.for_file_names());
    let is_recent = |(time, _): &(String, PathBuf)| *time > since && *time <= now_text;
    if files(&schedule.dir, MADE)?.iter().any(is_recent) {
        return Ok(None);
    }
    let mut file = NamedTempFile::new_in(&schedule.dir)?;
    write(app, false, &mut file)?;
    file.as_file().sync_all()?;
    let path = schedule.dir.join(file_name(now));
    file.persist(&path).map_err(|error| error.error)?;
    fs::File::open(&schedule.dir)?.sync_all()?;
    prune(&schedule.dir, &path, schedule.keep)?;
    tracing::info!(file = %path.display(), "the scheduled backup is made");
    Ok(Some(path))
}
