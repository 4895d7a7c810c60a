//! Receiving a backup: what arrives is verified and kept, frame by frame, so that whoever receives knows when
//! it is whole and until when it is followed.

use super::read::{Backup, BackupError, Part};
use crate::model::time::Timestamp;
use std::io::{Read, Result, Write};

/// What has arrived and was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// So many bytes of rows, so far, before they were compressed.
    Rows(u64),
    /// The backup is whole.
    Whole,
    /// And everything until then.
    Until(Timestamp),
}

/// Keeps what it hands on.
struct Tee<R, W> {
    input: R,
    output: W,
}

impl<R: Read, W: Write> Read for Tee<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.input.read(buffer)?;
        self.output.write_all(&buffer[..read])?;
        Ok(read)
    }
}

/// Copies a backup until it ends or `each` wants no more. An error also when it ends before it is whole.
pub fn receive<W: Write>(
    input: impl Read,
    output: W,
    mut each: impl FnMut(Received, &mut W) -> Result<bool>,
) -> std::result::Result<(), BackupError> {
    let mut backup = Backup::open(Tee { input, output })?;
    let mut bytes = 0;
    while let Some(part) = backup.next()? {
        let received = match part {
            Part::Rows(rows) => {
                bytes += rows.len() as u64;
                Received::Rows(bytes)
            }
            Part::End { .. } => Received::Whole,
            Part::Tail { at, .. } => Received::Until(at),
        };
        if !each(received, &mut backup.input.inner.output)? {
            break;
        }
    }
    Ok(())
}
