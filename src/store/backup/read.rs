//! Reading a backup, frame by frame; nothing of one is believed before its checksum was.

use super::{CHAIN, End, Head, Kind, LONGEST, MAGIC, chained};
use crate::model::time::Timestamp;
use crate::store::error::{OpenError, ReadError};
use crate::store::open::FORMAT;
use crate::store::rebuild::RebuildError;
use crate::store::rows::{self, Row};
use std::io::{ErrorKind, Read};

/// A backup was not made, or cannot be used. Nothing that was there has changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("it is no smslite backup")]
    Foreign,
    #[error("it was made by a newer smslite (format {found}, this one knows up to {known}); upgrade smslite")]
    Newer { found: u32, known: u32 },
    #[error("it is cut short after {at} bytes: it was never whole")]
    CutShort { at: u64 },
    #[error("it is damaged at byte {at}: {reason}")]
    Damaged { at: u64, reason: String },
    /// The bytes are as they were written, and what they say does not hang together.
    #[error("what it holds is damaged, {found} times, first: {first}")]
    Unsound { found: u64, first: String },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Rebuild(#[from] RebuildError),
}

impl From<redb::StorageError> for BackupError {
    fn from(error: redb::StorageError) -> BackupError {
        BackupError::Read(error.into())
    }
}

/// What a backup consists of, besides its head.
pub(super) enum Part {
    Rows(Vec<u8>),
    End { rows: u64 },
    Tail { at: Timestamp, rows: Vec<u8> },
}

/// Counts what is read.
pub(super) struct Counted<R> {
    pub inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

pub(super) struct Backup<R> {
    pub input: Counted<R>,
    at: u64,
    chain: [u8; CHAIN],
    ended: bool,
    /// Bytes after the last whole part: of one that was being written, or damaged.
    pub unused_bytes: u64,
    pub format: u32,
    pub created_at: Timestamp,
    /// Our numbers of its tables.
    tables: Vec<u8>,
}

impl<R: Read> Backup<R> {
    pub(super) fn open(input: R) -> Result<Backup<R>, BackupError> {
        let mut input = Counted { inner: input, bytes: 0 };
        let mut magic = [0; MAGIC.len()];
        let read = fill(&mut input, &mut magic)?;
        if read < magic.len() || magic != *MAGIC {
            return Err(BackupError::Foreign);
        }
        let mut backup = Backup {
            input,
            at: read as u64,
            chain: [0; CHAIN],
            ended: false,
            unused_bytes: 0,
            format: 0,
            created_at: Timestamp(0),
            tables: Vec::new(),
        };
        let head = match backup.frame()? {
            Some((kind, content)) if kind == Kind::Head as u8 => content,
            _ => return Err(BackupError::CutShort { at: backup.at }),
        };
        let head: Head = backup.json(&head)?;
        if head.format > FORMAT {
            return Err(BackupError::Newer { found: head.format, known: FORMAT });
        }
        let known = head.tables.iter().map(|name| rows::place(name)).collect::<Option<_>>();
        let known = known.ok_or_else(|| backup.damaged("it has a table that smslite never had"));
        (backup.format, backup.created_at, backup.tables) = (head.format, head.created_at, known?);
        Ok(backup)
    }

    fn damaged(&self, reason: &str) -> BackupError {
        BackupError::Damaged { at: self.at, reason: reason.to_owned() }
    }

    fn json<T: serde::de::DeserializeOwned>(&self, content: &[u8]) -> Result<T, BackupError> {
        serde_json::from_slice(content).map_err(|error| self.damaged(&error.to_string()))
    }

    /// The next frame's kind and content; none at the end of the file, or where the last one breaks off.
    fn frame(&mut self) -> Result<Option<(u8, Vec<u8>)>, BackupError> {
        let mut start = [0; 5];
        if fill(&mut self.input, &mut start)? < start.len() {
            return Ok(None);
        }
        let [kind, length @ ..] = start;
        let length = u32::from_le_bytes(length);
        if length > LONGEST {
            return Err(self.damaged("a frame is longer than any that smslite writes"));
        }
        let mut payload = Vec::new();
        let wanted = u64::from(length) + CHAIN as u64;
        if (&mut self.input).take(wanted).read_to_end(&mut payload)? < wanted as usize {
            return Ok(None);
        }
        let chain = payload.split_off(length as usize);
        self.chain = chained(&self.chain, kind, length, &payload);
        if chain != self.chain {
            return Err(self.damaged("a checksum is not that of its bytes"));
        }
        let content = zstd::stream::decode_all(payload.as_slice());
        let content = content.map_err(|error| self.damaged(&error.to_string()))?;
        self.at += start.len() as u64 + wanted;
        Ok(Some((kind, content)))
    }

    /// The next part; none when that was all.
    pub(super) fn next(&mut self) -> Result<Option<Part>, BackupError> {
        let (kind, content) = match self.frame() {
            Ok(Some(frame)) => frame,
            Ok(None) if !self.ended => return Err(BackupError::CutShort { at: self.at }),
            // A machine that is lost leaves the last part cut short, or as zeros.
            Ok(None) | Err(BackupError::Damaged { .. }) if self.ended => {
                std::io::copy(&mut self.input, &mut std::io::sink())?;
                self.unused_bytes = self.input.bytes - self.at;
                return Ok(None);
            }
            other => return other.map(|_| None),
        };
        match (self.ended, kind) {
            (false, kind) if kind == Kind::Rows as u8 => Ok(Some(Part::Rows(content))),
            (false, kind) if kind == Kind::End as u8 => {
                self.ended = true;
                let End { rows } = self.json(&content)?;
                Ok(Some(Part::End { rows }))
            }
            (true, kind) if kind == Kind::Tail as u8 => {
                let (at, rows) =
                    content.split_first_chunk().ok_or_else(|| self.damaged("a tail without a time"))?;
                Ok(Some(Part::Tail { at: Timestamp(i64::from_le_bytes(*at)), rows: rows.to_vec() }))
            }
            _ => Err(self.damaged("a frame stands where it cannot")),
        }
    }

    /// A row with our number of its table.
    pub(super) fn ours<'r>(&self, row: Row<'r>) -> Result<Row<'r>, BackupError> {
        let table = self.tables.get(usize::from(row.table)).copied();
        Ok(Row { table: table.ok_or_else(|| self.damaged("a row of no table"))?, ..row })
    }
}

/// Reads until the buffer is full or the input ends; tells how far it came.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> Result<usize, BackupError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}
