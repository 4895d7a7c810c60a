//! Opening: where the data lies, what is refused, and what a fresh database is given.
//!
//! A file that is not ours is left byte for byte as it was: its first bytes are looked at before
//! the engine sees it, and what it says of itself is read without writing.

use super::backend::{Guarded, Watch};
use super::error::OpenError;
use super::tables::{META, NAMES, Tables};
use redb::backends::FileBackend;
use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, StorageBackend, StorageError, TableError,
    TableHandle, WriteTransaction,
};
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The version of everything below the tables' names: keys, records, invariants.
const FORMAT: u32 = 1;
const APPLICATION: &[u8] = b"smslite";
const FILE_NAME: &str = "smslite.redb";
/// The first bytes of every redb file.
const MAGIC: [u8; 9] = *b"redb\x1a\x0a\xa9\x0d\x0a";

/// Makes a storage backend; called again when the storage failed and is opened anew.
pub type OpenBackend = dyn Fn() -> std::io::Result<Box<dyn StorageBackend>> + Send + Sync;

/// Is told how many percent of the pages were verified.
pub(super) type Tell = Arc<dyn Fn(u64) + Send + Sync>;

/// Where a database lies.
#[derive(Clone)]
pub enum Location {
    Directory(Arc<DataDir>),
    /// Gone with the process.
    Memory,
    /// A backend of the caller's, for tests that let the disk fail.
    Backend(Arc<OpenBackend>),
}

/// A data directory that is ours alone as long as this value lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory if need be, for its owner alone, and takes it.
    pub fn take(path: &Path) -> Result<DataDir, OpenError> {
        let failed = |source| OpenError::Directory { path: path.to_owned(), source };
        if path.exists() && !path.is_dir() {
            return Err(OpenError::NotADirectory { path: path.to_owned() });
        }
        create_private_dir(path).map_err(failed)?;
        let lock = private_options().create(true).open(path.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(DataDir { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Held { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// A secret of its own file, for its owner alone: made once by `fresh`, the same from then on.
    pub fn secret(&self, name: &str, fresh: impl FnOnce() -> String) -> Result<String, OpenError> {
        let path = self.path.join(name);
        let failed = |source| OpenError::Directory { path: path.clone(), source };
        match fs::read_to_string(&path) {
            Ok(secret) if !secret.trim().is_empty() => return Ok(secret.trim().to_owned()),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let (secret, unfinished) = (fresh(), self.path.join(format!("{name}.new")));
        let write = || {
            let mut file = private_options().create(true).truncate(true).open(&unfinished)?;
            file.write_all(secret.as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)
        };
        write().map_err(failed)?;
        Ok(secret)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a database in the directory, or something in its place.
    pub fn has_database(path: &Path) -> bool {
        path.join(FILE_NAME).exists()
    }
}

#[cfg(unix)]
fn create_private_dir(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn create_private_dir(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)
}

fn private_options() -> fs::OpenOptions {
    let mut options = File::options();
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

/// An open database, and what tells whether its writes arrive.
pub(super) struct Opened {
    pub database: Database,
    pub watch: Watch,
}

impl Opened {
    /// The engine is not told of writes that fail, so it must not be believed alone.
    pub(super) fn commit(&self, txn: WriteTransaction) -> Result<(), String> {
        txn.commit().map_err(|error| error.to_string())?;
        self.watch.verdict()
    }
}

/// Opens the database, makes it if there is none, refuses what is not ours.
pub(super) fn open(location: &Location, cache_bytes: usize) -> Result<Opened, OpenError> {
    match location {
        Location::Directory(dir) => open_file(&dir.path.join(FILE_NAME), cache_bytes),
        Location::Memory => {
            let backend = redb::backends::InMemoryBackend::new();
            open_backend(Box::new(backend), cache_bytes)
        }
        Location::Backend(make) => {
            let path = PathBuf::from("(backend)");
            let backend = make().map_err(|source| OpenError::Directory { path, source })?;
            open_backend(backend, cache_bytes)
        }
    }
}

/// Opens what was open before and failed. One that is gone is not made anew: an empty database
/// would be taken for the truth.
pub(super) fn open_again(location: &Location, cache_bytes: usize) -> Result<Opened, OpenError> {
    match location {
        Location::Directory(dir) => open_present(&dir.path.join(FILE_NAME), cache_bytes),
        Location::Memory => {
            let reason = "what was held in memory is gone".to_owned();
            Err(OpenError::Unusable { path: "(memory)".into(), reason })
        }
        Location::Backend(_) => open(location, cache_bytes),
    }
}

/// Opens what is there to be looked at: every page is verified, and nothing is written, not even what a crash makes
/// necessary. `tell` hears how far it is, in percent.
pub(super) fn inspect(location: &Location, cache_bytes: usize, tell: Tell) -> Result<Database, OpenError> {
    let path = match location {
        Location::Directory(dir) => dir.path.join(FILE_NAME),
        Location::Memory | Location::Backend(_) => PathBuf::from("(backend)"),
    };
    let failed = |source| OpenError::Directory { path: path.clone(), source };
    let below: Box<dyn StorageBackend> = match location {
        Location::Directory(_) => {
            refuse_foreign_bytes(&path)?;
            let file = File::open(&path).map_err(failed)?;
            Box::new(FileBackend::new(file).map_err(|error| refused(&path, error))?)
        }
        Location::Memory => Box::new(redb::backends::InMemoryBackend::new()),
        Location::Backend(make) => make().map_err(failed)?,
    };
    let mut builder = builder(cache_bytes);
    builder.set_check_integrity_on_open(true);
    builder.set_repair_callback(move |session| tell((session.progress() * 100.0) as u64));
    let opened = builder.create_with_backend(Guarded::frozen(below).map_err(failed)?);
    let database = opened.map_err(|error| match error {
        DatabaseError::Storage(StorageError::Corrupted(reason)) => {
            OpenError::Damaged { path: path.clone(), reason }
        }
        // What is no page at all says so with an I/O error of this kind.
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() == ErrorKind::InvalidData => {
            OpenError::Damaged { path: path.clone(), reason: error.to_string() }
        }
        error => refused(&path, error),
    })?;
    check(&path, &database)?;
    Ok(database)
}

fn open_backend(backend: Box<dyn StorageBackend>, cache_bytes: usize) -> Result<Opened, OpenError> {
    open_guarded(Path::new("(backend)"), Guarded::new(backend), cache_bytes)
}

fn open_guarded(
    path: &Path,
    (backend, watch): (Guarded, Watch),
    cache_bytes: usize,
) -> Result<Opened, OpenError> {
    let opened = builder(cache_bytes).create_with_backend(backend);
    let database = opened.map_err(|error| refused(path, error))?;
    check(path, &database)?;
    // What could not be written while it was opened.
    watch.verdict().map_err(|reason| unusable(path, &reason))?;
    Ok(Opened { database, watch })
}

fn open_file(path: &Path, cache_bytes: usize) -> Result<Opened, OpenError> {
    if !path.exists() {
        make_file(path, cache_bytes)?;
    }
    open_present(path, cache_bytes)
}

fn open_present(path: &Path, cache_bytes: usize) -> Result<Opened, OpenError> {
    refuse_foreign_bytes(path)?;
    refuse_foreign_database(path)?;
    open_guarded(path, Guarded::file(path)?, cache_bytes)
}

/// A new file appears under its name only when it is whole, whatever happens meanwhile.
fn make_file(path: &Path, cache_bytes: usize) -> Result<(), OpenError> {
    let failed = |source| OpenError::Directory { path: path.to_owned(), source };
    let unfinished = path.with_extension("redb.new");
    private_options().create(true).truncate(true).open(&unfinished).map_err(failed)?;
    let database = builder(cache_bytes).create(&unfinished).map_err(|error| refused(path, error))?;
    check(path, &database)?;
    drop(database);
    fs::rename(&unfinished, path).map_err(failed)?;
    // The name is durable once its directory is.
    let directory = path.parent().unwrap_or(Path::new("."));
    File::open(directory).and_then(|dir| dir.sync_all()).map_err(failed)
}

fn refuse_foreign_bytes(path: &Path) -> Result<(), OpenError> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut start))
        .map_err(|source| OpenError::Directory { path: path.to_owned(), source })?;
    if start == MAGIC { Ok(()) } else { Err(OpenError::Foreign { path: path.to_owned() }) }
}

/// Asks the file what it is without the right to write. One that a crash left needs a repair,
/// which only an opening for writing does; it is asked then.
fn refuse_foreign_database(path: &Path) -> Result<(), OpenError> {
    let database = match redb::Builder::new().open_read_only(path) {
        Ok(database) => database,
        Err(DatabaseError::RepairAborted) => return Ok(()),
        Err(error) => return Err(refused(path, error)),
    };
    let txn = database.begin_read().map_err(|error| unusable(path, &error))?;
    let format = match txn.open_table(META) {
        Ok(meta) => read_format(path, &meta)?,
        Err(TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(unusable(path, &error)),
    };
    judge(path, format)
}

fn builder(cache_bytes: usize) -> redb::Builder {
    let mut builder = redb::Builder::new();
    builder.set_cache_size(cache_bytes);
    builder
}

/// What `meta` says: the format, or that there is none.
fn read_format(
    path: &Path,
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<Option<u32>, OpenError> {
    let get = |key| meta.get(key).map_err(|error| unusable(path, &error));
    let application = get("application")?.is_some_and(|name| name.value() == APPLICATION);
    let format = get("format")?.and_then(|bytes| bytes.value().try_into().ok().map(u32::from_be_bytes));
    Ok(format.filter(|_| application))
}

fn judge(path: &Path, format: Option<u32>) -> Result<(), OpenError> {
    match format {
        Some(FORMAT) => Ok(()),
        Some(found) if found > FORMAT => {
            Err(OpenError::Newer { path: path.to_owned(), found, known: FORMAT })
        }
        _ => Err(OpenError::Foreign { path: path.to_owned() }),
    }
}

/// Judges an opened database. An empty one is given its tables and its format.
fn check(path: &Path, database: &Database) -> Result<(), OpenError> {
    let txn = database.begin_read().map_err(|error| unusable(path, &error))?;
    let mut names = txn.list_tables().map_err(|error| unusable(path, &error))?;
    if names.any(|table| table.name() == META.name()) {
        let meta = txn.open_table(META).map_err(|error| unusable(path, &error))?;
        judge(path, read_format(path, &meta)?)?;
        let known: Vec<_> = txn.list_tables().map_err(|error| unusable(path, &error))?.collect();
        let there = |name: &&str| known.iter().any(|table| table.name() == *name);
        if NAMES.iter().all(there) {
            return Ok(());
        }
        // Tables that came later than the file.
        return initialise(database).map_err(|error| unusable(path, &*error));
    }
    let empty = txn.list_tables().map_err(|error| unusable(path, &error))?.next().is_none();
    if !empty {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    initialise(database).map_err(|error| unusable(path, &*error))
}

fn initialise(database: &Database) -> Result<(), Box<dyn std::error::Error>> {
    let txn = database.begin_write()?;
    {
        let mut meta = txn.open_table(META)?;
        meta.insert("application", APPLICATION)?;
        meta.insert("format", FORMAT.to_be_bytes().as_slice())?;
        Tables::open(&txn)?;
    }
    txn.commit()?;
    Ok(())
}

fn refused(path: &Path, error: DatabaseError) -> OpenError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::Held { path: path.to_owned() },
        DatabaseError::Storage(redb::StorageError::Io(source)) if source.kind() != ErrorKind::InvalidData => {
            OpenError::Directory { path: path.to_owned(), source }
        }
        other => unusable(path, &other),
    }
}

fn unusable<E: std::fmt::Display + ?Sized>(path: &Path, error: &E) -> OpenError {
    OpenError::Unusable { path: path.to_owned(), reason: error.to_string() }
}
