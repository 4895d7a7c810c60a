//! Opening: where the data lies, what is refused, and what a fresh database is given.
//!
//! A file that is not ours is left byte for byte as it was: its first bytes are looked at before
//! the engine sees it, and what it says of itself is read without writing.

use super::backend::{Guarded, Watch};
use super::data_dir::{DataDir, private_options};
use super::error::OpenError;
use super::rebuild::{self, sync_dir};
use super::tables::{META, NAMES, Tables};
use redb::backends::FileBackend;
use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, StorageBackend, StorageError, TableError,
    TableHandle, WriteTransaction,
};
use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The version of everything below the tables' names: keys, records, invariants.
pub(super) const FORMAT: u32 = 6;
const APPLICATION: &[u8] = b"smslite";
pub(super) const FILE_NAME: &str = "smslite.redb";
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

impl Location {
    /// The data of a directory to be looked at: what is written, even to recover what a kill left, stays in memory.
    pub fn looked_at(dir: DataDir) -> Location {
        let dir = Arc::new(dir);
        Location::Backend(Arc::new(move || {
            let below = file_to_read(&dir.path().join(FILE_NAME)).map_err(std::io::Error::other)?;
            Ok(Box::new(Guarded::frozen(below)?))
        }))
    }
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
        Location::Directory(dir) => open_file(&dir.path().join(FILE_NAME), cache_bytes),
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
        Location::Directory(dir) => open_present(&dir.path().join(FILE_NAME), cache_bytes),
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
    let (path, below) = match location {
        Location::Directory(dir) => {
            let path = dir.path().join(FILE_NAME);
            let below = file_to_read(&path)?;
            read_ahead(&path);
            (path, below)
        }
        Location::Memory => {
            let below: Box<dyn StorageBackend> = Box::new(redb::backends::InMemoryBackend::new());
            (PathBuf::from("(memory)"), below)
        }
        Location::Backend(make) => {
            let path = PathBuf::from("(backend)");
            let below = make().map_err(|source| OpenError::Directory { path: path.clone(), source })?;
            (path, below)
        }
    };
    let mut builder = builder(cache_bytes);
    builder.set_check_integrity_on_open(true);
    builder.set_repair_callback(move |session| tell((session.progress() * 100.0) as u64));
    let database = frozen(&path, below, &builder)?;
    check(&path, &database)?;
    Ok(database)
}

/// Opens a file of whichever format to be read. Tables that came later are empty, and the file stays as it is.
pub(super) fn look(path: &Path, cache_bytes: usize) -> Result<Database, OpenError> {
    let database = frozen(path, file_to_read(path)?, &builder(cache_bytes))?;
    initialise(&database).map_err(|error| unusable(path, &*error))?;
    Ok(database)
}

fn file_to_read(path: &Path) -> Result<Box<dyn StorageBackend>, OpenError> {
    refuse_foreign_bytes(path)?;
    let file = File::open(path).map_err(|source| OpenError::Directory { path: path.to_owned(), source })?;
    Ok(Box::new(FileBackend::new(file).map_err(|error| refused(path, error))?))
}

/// Lets the operating system have the file at hand: the engine asks for page after page in the order of its trees,
/// and a disk gives them much faster in its own.
fn read_ahead(path: &Path) {
    if let Ok(file) = File::open(path) {
        // If it fails, it is only slower.
        std::thread::spawn(|| {
            std::io::copy(&mut BufReader::with_capacity(1 << 20, file), &mut std::io::sink())
        });
    }
}

fn frozen(
    path: &Path,
    below: Box<dyn StorageBackend>,
    builder: &redb::Builder,
) -> Result<Database, OpenError> {
    let failed = |source| OpenError::Directory { path: path.to_owned(), source };
    builder.create_with_backend(Guarded::frozen(below).map_err(failed)?).map_err(|error| match error {
        DatabaseError::Storage(StorageError::Corrupted(reason)) => {
            OpenError::Damaged { path: path.to_owned(), reason }
        }
        // What is no page at all says so with an I/O error of this kind.
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() == ErrorKind::InvalidData => {
            OpenError::Damaged { path: path.to_owned(), reason: error.to_string() }
        }
        error => refused(path, error),
    })
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
    let as_it_is = || {
        refuse_foreign_bytes(path)?;
        refuse_foreign_database(path)?;
        open_guarded(path, Guarded::file(path)?, cache_bytes)
    };
    match as_it_is() {
        Err(OpenError::Older { found, .. }) => {
            rebuild::upgrade(path, found, cache_bytes)?;
            as_it_is()
        }
        opened => opened,
    }
}

/// A new file appears under its name only when it is whole, whatever happens meanwhile.
fn make_file(path: &Path, cache_bytes: usize) -> Result<(), OpenError> {
    let failed = |source| OpenError::Directory { path: path.to_owned(), source };
    let unfinished = path.with_extension("redb.new");
    let Opened { database, watch } = make(&unfinished, cache_bytes)?;
    drop(database);
    watch.verdict().map_err(|reason| unusable(path, &reason))?;
    fs::rename(&unfinished, path).map_err(failed)?;
    sync_dir(path).map_err(failed)
}

/// A new database in a file of its own; one that is there is overwritten.
pub(super) fn make(path: &Path, cache_bytes: usize) -> Result<Opened, OpenError> {
    let made = private_options().create(true).truncate(true).open(path);
    made.map_err(|source| OpenError::Directory { path: path.to_owned(), source })?;
    open_guarded(path, Guarded::file(path)?, cache_bytes)
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
        Some(found) => Err(OpenError::Older { path: path.to_owned(), found }),
        None => Err(OpenError::Foreign { path: path.to_owned() }),
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
