//! Restoring: the backup is read and verified whole, a database is made of it and looked through, and only
//! then does it take the place of what was there, which is kept.

use super::read::{Backup, BackupError, Part};
use crate::model::time::Timestamp;
use crate::store::data_dir::DataDir;
use crate::store::rebuild::{Rebuild, Rebuilt};
use crate::store::repair;
use crate::store::rows::Row;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a backup held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub created_at: Timestamp,
    pub rows: u64,
    /// Until when it was followed, and how many rows were written meanwhile.
    pub followed_until: Option<Timestamp>,
    pub followed_rows: u64,
    /// After the last whole part: of one that was being written, or damaged.
    pub unused_bytes: u64,
    /// Where the database that was there before is now.
    pub kept: Option<PathBuf>,
}

/// What is verified before a backup takes the database's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proving {
    /// That it is whole, and that what it holds hangs together.
    All,
    /// That it is whole: what it holds may have to be repaired, and there is nothing better.
    Bytes,
}

/// Puts a backup in the place of the database in `dir`; what was there is kept under another name. Without
/// `dir` the backup is proved and nothing is touched. `turn` hears of the rows so far.
pub fn restore(
    backup: impl Read,
    dir: Option<&Arc<DataDir>>,
    cache_bytes: usize,
    now: Timestamp,
    proving: Proving,
    turn: impl FnMut(u64),
) -> Result<Restored, BackupError> {
    let scratch = if dir.is_none() { Some(tempfile::tempdir()?) } else { None };
    let place = dir.map(|dir| dir.path()).or(scratch.as_ref().map(|dir| dir.path()));
    let place = place.unwrap_or(Path::new("."));
    let (rebuilt, restored) = read(backup, place, cache_bytes, turn)?;
    if proving == Proving::All {
        prove(rebuilt.path(), cache_bytes)?;
    }
    if dir.is_none() {
        return Ok(restored);
    }
    let kept = rebuilt.take_place(Some(&format!("before-restore-{}", now.for_file_names())))?;
    Ok(Restored { kept, ..restored })
}

fn read(
    input: impl Read,
    dir: &Path,
    cache_bytes: usize,
    mut turn: impl FnMut(u64),
) -> Result<(Rebuilt, Restored), BackupError> {
    let mut backup = Backup::open(input)?;
    let (format, created_at) = (backup.format, backup.created_at);
    let mut rebuild = Rebuild::begin(dir, format, cache_bytes)?.restores();
    let mut restored =
        Restored { created_at, rows: 0, followed_until: None, followed_rows: 0, unused_bytes: 0, kept: None };
    while let Some(part) = backup.next()? {
        let (rows, count) = match &part {
            Part::Rows(rows) => (rows, &mut restored.rows),
            Part::End { rows } if *rows == restored.rows => continue,
            Part::End { rows } => {
                let first = format!("{rows} rows are said to be in it, {} are", restored.rows);
                return Err(BackupError::Unsound { found: 1, first });
            }
            Part::Tail { at, rows } => {
                restored.followed_until = Some(*at);
                (rows, &mut restored.followed_rows)
            }
        };
        let mut rows = rows.as_slice();
        while !rows.is_empty() {
            let row = backup.ours(Row::take(&mut rows)?)?;
            rebuild.put(row)?;
            *count += 1;
        }
        turn(restored.rows + restored.followed_rows);
    }
    restored.unused_bytes = backup.unused_bytes;
    Ok((rebuild.finish()?, restored))
}

fn prove(path: &Path, cache_bytes: usize) -> Result<(), BackupError> {
    let report = repair::check_rebuilt(path, cache_bytes)?;
    match report.damages.first() {
        None => Ok(()),
        Some(first) => Err(BackupError::Unsound { found: report.found, first: first.clone() }),
    }
}
