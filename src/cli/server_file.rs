//! `server.json`: how commands find the server that holds a data directory.

use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

#[derive(Serialize, Deserialize)]
pub(super) struct ServerFile {
    pub url: String,
    pub pid: u32,
    /// Whoever can read this may command the server.
    pub control_token: String,
}

impl ServerFile {
    fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("server.json")
    }

    /// Written whole or not at all, for its owner alone.
    pub(super) fn write(&self, data_dir: &Path) -> io::Result<()> {
        write_whole(&ServerFile::path(data_dir), &serde_json::to_vec(self)?)
    }

    pub(super) fn read(data_dir: &Path) -> io::Result<ServerFile> {
        Ok(serde_json::from_slice(&fs::read(ServerFile::path(data_dir))?)?)
    }

    pub(super) fn remove(data_dir: &Path) {
        // It may never have been written; one that stays behind is not believed without the lock.
        let _ = fs::remove_file(ServerFile::path(data_dir));
    }
}

/// A file that appears under its name only when it is whole; readable by its owner alone.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(&unfinished)?.write_all(bytes)?;
    fs::rename(&unfinished, path)
}
