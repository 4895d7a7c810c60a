//! The data directory: taken by one process at a time, for its owner alone.

use super::error::OpenError;
use super::open::FILE_NAME;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

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
            Ok(()) => {
                // What a killed restore, compact or first start left.
                let _ = fs::remove_file(path.join(FILE_NAME).with_extension("redb.new"));
                Ok(DataDir { path: path.to_owned(), _lock: lock })
            }
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

    /// Where the database of a data directory is.
    pub fn database(path: &Path) -> PathBuf {
        path.join(FILE_NAME)
    }

    /// Whether there is a database in the directory, or something in its place.
    pub fn has_database(path: &Path) -> bool {
        DataDir::database(path).exists()
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

pub(super) fn private_options() -> fs::OpenOptions {
    let mut options = File::options();
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}
