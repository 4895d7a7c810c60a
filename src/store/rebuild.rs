//! A database file made anew from rows, and put in another's place when it is whole: how a backup is
//! restored, an older format brought up to date, and a file compacted. Until the last step the file that is
//! there is not touched; what is left of a broken attempt is overwritten by the next.

use super::ReadError;
use super::activity_blocks::BLOCK_ROWS;
use super::block_changes;
use super::data_dir::DataDir;
use super::error::OpenError;
use super::key::{self, SerialKey};
use super::log_block_changes;
use super::open::{self, FILE_NAME, FORMAT, Location, Opened};
use super::record;
use super::rows::Row;
use super::sequences::{Count, Counted};
use super::tables::{NAMES, ReadTables, Tables};
use crate::model::message_log::MessageLog;
use crate::model::outbound::{OutboundJob, Purpose, decide_arrival};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata};
use std::collections::BTreeMap;
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
    /// That of the rows that come.
    format: u32,
    /// How many rows were made of others.
    derived: u64,
    /// The rows are of a time that has passed.
    restores: bool,
}

impl Rebuild {
    /// Begins in `dir`, under a name that no server opens.
    pub(super) fn begin(dir: &Path, format: u32, cache_bytes: usize) -> Result<Rebuild, RebuildError> {
        let path = dir.join(FILE_NAME).with_extension("redb.new");
        let opened = open::make(&path, cache_bytes)?;
        let path = TempPath::try_from_path(path).map_err(|error| RebuildError::Write(error.to_string()))?;
        Ok(Rebuild { path, opened, waiting: Vec::new(), format, derived: 0, restores: false })
    }

    /// Of a backup: what was still to be sent then may have been sent since.
    pub(super) fn restores(self) -> Rebuild {
        Rebuild { restores: true, ..self }
    }

    pub(super) fn put(&mut self, row: Row<'_>) -> Result<(), RebuildError> {
        of_today(row, self.format, &mut Vec::new()).append(&mut self.waiting);
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
            if last && (self.restores || self.format < 3) {
                park(&mut tables)?;
            }
            if last && self.format < 3 {
                self.derived = derive(&mut tables)?;
            }
            if last && self.format < 5 {
                self.derived += block_changes::make_all(&mut tables)?;
            }
            if last && self.format < 6 {
                self.derived += log_block_changes::make_all(&mut tables, BLOCK_ROWS)?;
            }
        }
        self.waiting.clear();
        self.opened.commit(txn).map_err(RebuildError::Write)
    }

    /// Makes it durable. It is closed, and still under its own name.
    pub(super) fn finish(mut self) -> Result<Rebuilt, RebuildError> {
        self.flush(true)?;
        let Rebuild { path, opened, derived, .. } = self;
        let Opened { database, watch } = opened;
        drop(database);
        watch.verdict().map_err(RebuildError::Write)?;
        Ok(Rebuilt { path, derived })
    }
}

/// A new file that is whole.
pub(super) struct Rebuilt {
    path: TempPath,
    /// How many of its rows did not come, but were made of others.
    derived: u64,
}

impl Rebuilt {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the place of the database in its directory, in one step. What was there is kept under `keep`, a
    /// name's ending, or given up.
    pub(super) fn take_place(self, keep: Option<&str>) -> Result<Option<PathBuf>, RebuildError> {
        let place = self.path.with_file_name(FILE_NAME);
        let swap = || {
            let kept =
                keep.filter(|_| place.exists()).map(|ending| keep_beside(&place, ending)).transpose()?;
            self.path.persist(&place).map_err(|error| error.error)?;
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
    let (mut rebuild, mut rows, all) = (Rebuild::begin(dir, format, cache_bytes)?, 0, tables.rows()?);
    tables.each(|row| {
        rows += 1;
        if rows % 10_000 == 0 {
            watch(rows, all);
        }
        rebuild.put(row)
    })?;
    let rebuilt = rebuild.finish()?;
    let copy = open::look(rebuilt.path(), cache_bytes)?;
    let copied =
        ReadTables::open(&copy.begin_read().map_err(ReadError::from)?).map_err(ReadError::from)?.rows()?;
    if copied != all + rebuilt.derived {
        return Err(RebuildError::Write(format!("{copied} of {all} rows are in the copy")));
    }
    Ok((rebuilt, rows))
}

/// A row of an older format as today's format has it. Format 2: the sequences tell where the feed begins. Format 3:
/// a job tells why it is sent; what waits to be sent and what is counted have rows, which [`derive`] makes. Format 4:
/// the sequences tell how far the feed was looked through for messages to forward, an assistant since when they are and
/// what they are signed with; there are blocks of the search, made when the file is served. Format 5: there are blocks of
/// the conversation list. Format 6: and of message logs.
fn of_today<'a>(row: Row<'a>, format: u32, changed: &'a mut Vec<u8>) -> Row<'a> {
    let Some(value) = row.value else { return row };
    changed.clear();
    changed.extend_from_slice(value);
    match NAMES[usize::from(row.table)] {
        "sequences" if format < 4 => complete_sequences(changed, format),
        "outbound_jobs" if format < 3 => changed.push(Purpose::Message as u8),
        // Forwarded from the beginning, of which nothing is left to be looked through, and no secrets.
        "assistants" if format < 4 => changed.extend_from_slice(&[0, 0]),
        _ => return row,
    }
    Row { value: Some(changed), ..row }
}

/// What formats 2 and 4 added to an organization's sequences. Nothing that is there is to be forwarded.
fn complete_sequences(sequences: &mut Vec<u8>, format: u32) {
    if format < 2 {
        sequences.push(0);
    }
    // What is damaged stays so, and is told when it is read.
    if let Ok(counters) = record::decode::<[u64; 11]>("sequences", sequences) {
        let feed = counters[8];
        *sequences = [sequences.as_slice(), &postcard::to_stdvec(&feed).unwrap_or_default()].concat();
    }
}

/// Makes the rows of format 3 that follow from others, and says how many.
fn derive(tables: &mut Tables<'_>) -> Result<u64, RebuildError> {
    let (mut counts, mut jobs) = (BTreeMap::new(), Vec::new());
    for row in tables.message_logs.range::<&SerialKey>(..)? {
        let (key, bytes) = row?;
        // A damaged one is told by a check, as before.
        let Ok(log) = record::decode::<MessageLog>("message_logs", bytes.value()) else { continue };
        let org = key::organization_of(key.value());
        *counts.entry(key::count(org, Count::Logs as u8, log.block())).or_insert(0) += 1;
    }
    for row in tables.outbound_jobs.range::<&key::JobKey>(..)? {
        let (key, bytes) = row?;
        let Ok(job) = record::decode::<OutboundJob>("outbound_jobs", bytes.value()) else { continue };
        let org = key::organization_of(key.value());
        *counts.entry(key::count(org, Count::Jobs as u8, job.block())).or_insert(0) += 1;
        jobs.push((org, key::job_uuid(key.value()), job));
    }
    for (org, uuid, job) in &jobs {
        if let Some(place) = key::outbox_of(*org, *uuid, job) {
            tables.outbox.insert(place.as_slice(), [job.provider as u8].as_slice())?;
        }
        if let Some(key) = &job.idempotency_key {
            tables.job_keys.insert(&key::job_key(*org, key), uuid.as_slice())?;
        }
    }
    for (key, count) in &counts {
        tables.counts.insert(key, count)?;
    }
    Ok(counts.len() as u64 + tables.outbox.len()? + tables.job_keys.len()?)
}

/// Takes what was still to be sent out of the outbox.
fn park(tables: &mut Tables<'_>) -> Result<(), RebuildError> {
    let mut parked = Vec::new();
    for row in tables.outbound_jobs.range::<&key::JobKey>(..)? {
        let (key, bytes) = row?;
        let Ok(job) = record::decode::<OutboundJob>("outbound_jobs", bytes.value()) else { continue };
        parked.extend(decide_arrival(&job).map(|after| (*key.value(), job, after)));
    }
    let mut bytes = Vec::new();
    for (key, before, after) in &parked {
        let org = key::organization_of(key);
        record::encode(after, &mut bytes);
        tables.outbound_jobs.insert(key, bytes.as_slice())?;
        if let Some(place) = key::outbox_of(org, key::job_uuid(key), before) {
            tables.outbox.remove(place.as_slice())?;
        }
        for (job, change) in [(before, -1), (after, 1)] {
            let key = key::count(org, Count::Jobs as u8, job.block());
            // Files of older formats have no counts yet.
            let counted = tables.counts.get(&key)?.map(|count| count.value());
            if counted.is_some() || change > 0 {
                tables.counts.insert(&key, counted.unwrap_or(0).saturating_add_signed(change))?;
            }
        }
    }
    Ok(())
}
