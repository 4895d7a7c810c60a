//! The input line by line: UTF-8, ended by `\n` or `\r\n`, none too long, blank ones passed over.

use super::ImportError;
use std::io::{BufRead, Read};

/// The longest line that is taken. A message with its raw payload is a few kilobytes.
pub const MAX_LINE_BYTES: usize = 8 * 1024 * 1024;

pub(super) struct Lines<R> {
    input: R,
    number: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Lines<R> {
        Lines { input, number: 0, buffer: Vec::new() }
    }

    /// The next line that is not blank, with its number.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &str)>, ImportError> {
        loop {
            self.buffer.clear();
            let most = MAX_LINE_BYTES as u64 + 2;
            let read = (&mut self.input).take(most).read_until(b'\n', &mut self.buffer);
            if read.map_err(ImportError::Io)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.number == 1 && self.buffer.starts_with("\u{feff}".as_bytes()) {
                // Some editors put a byte order mark first.
                self.buffer.drain(..3);
            }
            while let Some(b'\n' | b'\r') = self.buffer.last() {
                self.buffer.pop();
            }
            if self.buffer.len() > MAX_LINE_BYTES {
                return Err(self.bad(format!("the line is longer than {} MiB", MAX_LINE_BYTES >> 20)));
            }
            if !self.buffer.iter().all(u8::is_ascii_whitespace) {
                break;
            }
        }
        match std::str::from_utf8(&self.buffer) {
            Ok(text) => Ok(Some((self.number, text))),
            Err(error) => Err(self.bad(format!("not UTF-8 (column {})", error.valid_up_to() + 1))),
        }
    }

    fn bad(&self, message: String) -> ImportError {
        ImportError::Line { line: self.number, message }
    }
}
