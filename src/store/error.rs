//! What can go wrong at the door, named by what the caller can do about it.

use std::path::PathBuf;

/// A command was not carried out, or it is not known whether it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nothing was stored: too much is waiting. Try again in a moment.
    #[error("too many writes are waiting")]
    Overloaded,
    /// Nothing was stored: the storage refuses. Try again later.
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// The storage failed while this was being stored. Messages and imports may be repeated: they are
    /// recognised. What has no key to be known by (an assistant, a kept webhook) may be there twice then.
    #[error("storage failed, the outcome is unknown: {0}")]
    OutcomeUnknown(String),
    /// This command alone failed, from a defect or a damaged record. Nothing of it was stored.
    #[error("the command failed: {0}")]
    Failed(String),
}

/// A read could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("storage failed while reading: {0}")]
    Storage(#[from] redb::StorageError),
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// A record does not decode: the file is damaged, or was written by something else.
    #[error("damaged {table} record: {reason}")]
    Damaged { table: &'static str, reason: String },
}

/// A database could not be opened. Each message says what the operator can do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{path}: not a directory; name another with --data-dir")]
    NotADirectory { path: PathBuf },
    #[error("{path}: cannot be used as the data directory: {source}")]
    Directory { path: PathBuf, source: std::io::Error },
    #[error("{path}: another smslite is using this data directory; stop it, or name another with --data-dir")]
    Held { path: PathBuf },
    #[error("{path}: not an smslite database; it was left as it is")]
    Foreign { path: PathBuf },
    #[error(
        "{path}: written by a newer smslite (format {found}, this one knows up to {known}); upgrade smslite"
    )]
    Newer { path: PathBuf, found: u32, known: u32 },
    /// Found by looking for it, not by opening.
    #[error("{path}: its pages are damaged: {reason}")]
    Damaged { path: PathBuf, reason: String },
    /// Opening it for use brings it up to date.
    #[error("{path}: written by an older smslite (format {found}); smslite serve brings it up to date")]
    Older { path: PathBuf, found: u32 },
    #[error("{path}: cannot be opened: {reason}")]
    Unusable { path: PathBuf, reason: String },
}

impl From<redb::TransactionError> for ReadError {
    fn from(error: redb::TransactionError) -> ReadError {
        match error {
            redb::TransactionError::Storage(error) => ReadError::Storage(error),
            other => ReadError::Unavailable(other.to_string()),
        }
    }
}

impl From<redb::TableError> for ReadError {
    fn from(error: redb::TableError) -> ReadError {
        match error {
            redb::TableError::Storage(error) => ReadError::Storage(error),
            other => ReadError::Unavailable(other.to_string()),
        }
    }
}
