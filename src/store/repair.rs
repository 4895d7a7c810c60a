//! A database that nobody serves: looked through without changing it, and put right where what is wrong follows
//! from what is there. Neither loads the directory, so no damaged record keeps it from being looked at.
//!
//! A repair walks what the last commit left and writes beside it, in one transaction a pass, until a pass finds
//! nothing more to mend. Each pass is safe to repeat.

use super::check::{self, CheckReport, MOST_TOLD, Watch, told_of};
use super::directory::Directory;
use super::error::{OpenError, ReadError};
use super::open::{self, Location, Opened, Tell};
use super::snapshot::Snapshot;
use super::tables::{ReadTables, Tables};
use redb::{Database, ReadableDatabase};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

/// What hangs together is mended in two or three passes; more only damage that feeds itself would take.
const PASSES: usize = 8;

/// A database that nobody serves could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the repair could not be made durable, so nothing of its last pass was changed: {0}")]
    Commit(String),
}

/// What a repair put right, and what is still wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// In plain words: what was wrong and is not any more.
    pub mended: Vec<String>,
    pub mends: u64,
    pub left: CheckReport,
}

/// Verifies the pages, then everything in them. Changes nothing. `pages` hears of that first, then `watch`
/// of the rows.
pub fn check_file(
    location: &Location,
    cache_bytes: usize,
    pages: Tell,
    watch: Watch<'_>,
) -> Result<CheckReport, CheckError> {
    look(|| {
        let database = open::inspect(location, cache_bytes, pages)?;
        Ok(Snapshot::new(&read(&database)?, Arc::new(Directory::default()), 0)?.examine(watch)?)
    })
}

/// As [`check_file`], of a file that has no directory's place yet.
pub(super) fn check_rebuilt(path: &Path, cache_bytes: usize) -> Result<CheckReport, ReadError> {
    let damaged = |error: OpenError| ReadError::Unavailable(error.to_string());
    let database = open::look(path, cache_bytes).map_err(damaged)?;
    Snapshot::new(&read(&database)?, Arc::new(Directory::default()), 0)?.examine(&|_, _| ())
}

/// Puts right what can be derived. Nothing is changed when the pages themselves are damaged.
pub fn repair_file(
    location: &Location,
    cache_bytes: usize,
    pages: Tell,
    watch: Watch<'_>,
) -> Result<RepairReport, CheckError> {
    let left = look(|| {
        open::inspect(location, cache_bytes, pages)?;
        Ok(CheckReport::default())
    })?;
    if left.found > 0 {
        return Ok(RepairReport { left, ..RepairReport::default() });
    }
    let opened = open::open_again(location, cache_bytes)?;
    let mut report = RepairReport::default();
    let mut remember = false;
    for pass in 1.. {
        let tables = ReadTables::open(&read(&opened.database)?).map_err(ReadError::from)?;
        let told = write(&opened, |to| check::mend(&tables, to, remember, watch))?;
        remember |= told.forgot;
        report.mends += told.mends;
        let room = MOST_TOLD - report.mended.len();
        report.mended.extend(told.mended.iter().take(room).cloned());
        if told.mends == 0 || pass == PASSES {
            report.left = told.report(&tables)?;
            break;
        }
    }
    told_of(&mut report.mended, report.mends);
    Ok(report)
}

fn read(database: &Database) -> Result<redb::ReadTransaction, ReadError> {
    Ok(database.begin_read()?)
}

/// One durable transaction; it is dropped when there was nothing to write.
fn write(
    opened: &Opened,
    mend: impl FnOnce(&mut Tables<'_>) -> Result<check::Told, ReadError>,
) -> Result<check::Told, CheckError> {
    let failed = |error: &dyn std::fmt::Display| CheckError::Commit(error.to_string());
    let mut txn = opened.database.begin_write().map_err(|error| failed(&error))?;
    txn.set_quick_repair(true);
    let told = mend(&mut Tables::open(&txn).map_err(|error| failed(&error))?)?;
    if told.mends > 0 {
        opened.commit(txn).map_err(CheckError::Commit)?;
    }
    Ok(told)
}

/// Damaged pages are what was looked for. The engine says so; should it stumble over them, that says it too.
fn look(at: impl FnOnce() -> Result<CheckReport, CheckError>) -> Result<CheckReport, CheckError> {
    let reason = match catch_unwind(AssertUnwindSafe(at)) {
        Ok(Err(CheckError::Open(OpenError::Damaged { reason, .. }))) => reason,
        Ok(Err(CheckError::Read(ReadError::Storage(redb::StorageError::Corrupted(reason))))) => reason,
        Err(_) => "it cannot be read to its end".to_owned(),
        Ok(looked) => return looked,
    };
    let damage = format!("the file's own pages are damaged ({reason}); only a backup has what they held");
    Ok(CheckReport { damages: vec![damage], found: 1, ..CheckReport::default() })
}
