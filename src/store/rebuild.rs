//! A database file made anew from rows, and put in another's place when it is whole: how a backup is
//! restored, an older format brought up to date, and a file compacted. Until the last step the file that is
//! there is not touched; what is left of a broken attempt is overwritten by the next.

use super::ReadError;
use super::data_dir::DataDir;
use super::error::OpenError;
use super::open::{self, FILE_NAME, FORMAT, Location, Opened};
use super::rows::Row;
use super::tables::{NAMES, ReadTables, Tables};
use redb::{Database, Durability, ReadableDatabase};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempPath;

/// So many bytes of rows go into the new file at a time.
const CHUNK_BYTES: usize = 8 << 20;

/// A file could not be made anew. What was there is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the new file cannot be written: {0}")]
    Write(String),
}

impl From<redb::StorageError> for RebuildError {
    fn from(error: redb::StorageError) -> RebuildError {
        RebuildError::Read(error.into())
    }
}

/// A new file under way.
pub(super) struct Rebuild {
    /// Removed unless it takes its place.
    path: TempPath,
    opened: Opened,
    waiting: Vec<u8>,
}

impl Rebuild {
    /// Begins in `dir`, under a name that no server opens.
    pub(super) fn begin(dir: &Path, cache_bytes: usize) -> Result<Rebuild, RebuildError> {
        let path = dir.join(FILE_NAME).with_extension("redb.new");
        let opened = open::make(&path, cache_bytes)?;
        let path = TempPath::try_from_path(path).map_err(|error| RebuildError::Write(error.to_string()))?;
        Ok(Rebuild { path, opened, waiting: Vec::new() })
    }

    pub(super) fn put(&mut self, row: &Row<'_>) -> Result<(), RebuildError> {
        row.append(&mut self.waiting);
        if self.waiting.len() >= CHUNK_BYTES { self.flush(false) } else { Ok(()) }
    }

    /// Only the last chunk need be made durable, and all others with it.
    fn flush(&mut self, last: bool) -> Result<(), RebuildError> {
        let failed = |error: &dyn std::fmt::Display| RebuildError::Write(error.to_string());
        let mut txn = self.opened.database.begin_write().map_err(|error| failed(&error))?;
        if !last {
            txn.set_durability(Durability::None).map_err(|error| failed(&error))?;
        }
        txn.set_quick_repair(last);
        {
            let mut tables = Tables::open(&txn).map_err(|error| failed(&error))?;
            let mut rows = self.waiting.as_slice();
            while !rows.is_empty() {
                tables.apply(&Row::take(&mut rows)?)?;
            }
        }
        self.waiting.clear();
        self.opened.commit(txn).map_err(RebuildError::Write)
    }

    /// Makes it durable. It is closed, and still under its own name.
    pub(super) fn finish(mut self) -> Result<Rebuilt, RebuildError> {
        self.flush(true)?;
        let Rebuild { path, opened, .. } = self;
        let Opened { database, watch } = opened;
        drop(database);
        watch.verdict().map_err(RebuildError::Write)?;
        Ok(Rebuilt(path))
    }
}

/// A new file that is whole.
pub(super) struct Rebuilt(TempPath);

impl Rebuilt {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Takes the place of the database in its directory, in one step. What was there is kept under `keep`, a
    /// name's ending, or given up.
    pub(super) fn take_place(self, keep: Option<&str>) -> Result<Option<PathBuf>, RebuildError> {
        let place = self.0.with_file_name(FILE_NAME);
        let swap = || {
            let kept =
                keep.filter(|_| place.exists()).map(|ending| keep_beside(&place, ending)).transpose()?;
            self.0.persist(&place).map_err(|error| error.error)?;
            // It has taken its place; a power cut may still undo that.
            if let Err(error) = sync_dir(&place) {
                tracing::warn!(%error, "the directory could not be synced");
            }
            Ok(kept)
        };
        swap().map_err(|error: std::io::Error| RebuildError::Write(error.to_string()))
    }
}

/// Gives a file a second name, one that nothing has: at no moment is there no file under the first.
fn keep_beside(place: &Path, ending: &str) -> std::io::Result<PathBuf> {
    let names = std::iter::once(ending.to_owned()).chain((2..).map(|again| format!("{ending}.{again}")));
    for name in names {
        let kept = place.with_extension(format!("redb.{name}"));
        match fs::hard_link(place, &kept) {
            Ok(()) => return Ok(kept),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            // Some file systems know no second names.
            Err(_) => {
                File::create_new(&kept)?;
                fs::copy(place, &kept)?;
                File::open(&kept)?.sync_all()?;
                return Ok(kept);
            }
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// A name is durable once its directory is.
pub(super) fn sync_dir(path: &Path) -> std::io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()
}

/// What a file held and what is left of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compacted {
    pub rows: u64,
    pub bytes_before: u64,
    pub bytes_after: u64,
}

/// Makes the file anew with nothing but its rows: freed pages, and what they held, are gone. `watch` hears of
/// the rows so far and of how many there are.
pub fn compact(
    dir: &Arc<DataDir>,
    cache_bytes: usize,
    watch: impl FnMut(u64, u64),
) -> Result<Compacted, RebuildError> {
    let place = dir.path().join(FILE_NAME);
    let length = || fs::metadata(&place).map(|found| found.len()).unwrap_or(0);
    let bytes_before = length();
    // Older formats are brought up to date first, and a crash is recovered from.
    let source = open::open_again(&Location::Directory(dir.clone()), cache_bytes)?;
    let (rebuilt, rows) = copied(&source.database, FORMAT, dir.path(), cache_bytes, watch)?;
    drop(source);
    rebuilt.take_place(None)?;
    Ok(Compacted { rows, bytes_before, bytes_after: length() })
}

/// Brings a file of an older format up to date: on a copy, which then takes its place. The old file is kept.
pub(super) fn upgrade(place: &Path, found: u32, cache_bytes: usize) -> Result<(), OpenError> {
    let dir = place.parent().unwrap_or(Path::new("."));
    tracing::warn!(from = found, to = FORMAT, "bringing the database up to date, on a copy");
    let source = open::look(place, cache_bytes)?;
    let upgraded = copied(&source, found, dir, cache_bytes, |_, _| ())
        .and_then(|(rebuilt, rows)| Ok((rebuilt.take_place(Some(&format!("format-{found}")))?, rows)));
    let (kept, rows) = upgraded.map_err(|error| OpenError::Unusable {
        path: place.to_owned(),
        reason: format!("it could not be brought up to date, and is as it was: {error}"),
    })?;
    let kept = kept.map(|path| path.display().to_string());
    tracing::warn!(rows, kept, "the database is up to date; the old file was kept and may be removed");
    Ok(())
}

fn copied(
    source: &Database,
    format: u32,
    dir: &Path,
    cache_bytes: usize,
    mut watch: impl FnMut(u64, u64),
) -> Result<(Rebuilt, u64), RebuildError> {
    let txn = source.begin_read().map_err(ReadError::from)?;
    let tables = ReadTables::open(&txn).map_err(ReadError::from)?;
    let (mut rebuild, mut rows, all) = (Rebuild::begin(dir, cache_bytes)?, 0, tables.rows()?);
    let mut changed = Vec::new();
    tables.each(|row| {
        rows += 1;
        if rows % 10_000 == 0 {
            watch(rows, all);
        }
        rebuild.put(&of_today(row, format, &mut changed))
    })?;
    let rebuilt = rebuild.finish()?;
    let copy = open::look(rebuilt.path(), cache_bytes)?;
    let copied =
        ReadTables::open(&copy.begin_read().map_err(ReadError::from)?).map_err(ReadError::from)?.rows()?;
    if copied != all {
        return Err(RebuildError::Write(format!("{copied} of {all} rows are in the copy")));
    }
    Ok((rebuilt, rows))
}

/// A row of an older format as today's format has it. Format 2: the sequences tell where the feed begins.
pub(super) fn of_today<'a>(row: Row<'a>, format: u32, changed: &'a mut Vec<u8>) -> Row<'a> {
    match (NAMES[usize::from(row.table)], row.value) {
        ("sequences", Some(value)) if format < 2 => {
            changed.clear();
            changed.extend_from_slice(value);
            changed.push(0);
            Row { value: Some(changed), ..row }
        }
        _ => row,
    }
}
