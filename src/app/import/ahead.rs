//! The input a little ahead: it is read and parsed on a thread of its own while what came before is
//! judged or stored.

use super::ImportError;
use super::lines::Lines;
use crate::model::transfer::{Line, parse};
use std::io::BufRead;
use std::sync::mpsc::{SyncSender, sync_channel};

/// Lines are handed over so many at a time: waking somebody up for each would cost more than to parse it.
const CHUNK_LINES: usize = 256;
const CHUNK_BYTES: usize = 256 * 1024;
/// So many chunks may wait, which is more than a batch: one is ready as soon as the last is stored.
const CHUNKS: usize = 8;

/// A line that is not blank.
pub(super) struct Parsed {
    pub(super) number: u64,
    /// How long its text is.
    pub(super) bytes: usize,
    pub(super) line: Line,
}

type Chunk = Vec<Result<Parsed, ImportError>>;

/// Shows the lines in their order. The first that cannot be read is the last one.
pub(super) fn ahead<T>(
    input: impl BufRead + Send,
    take: impl FnOnce(&mut dyn Iterator<Item = Result<Parsed, ImportError>>) -> Result<T, ImportError>,
) -> Result<T, ImportError> {
    let (sender, chunks) = sync_channel(CHUNKS);
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().name("import-reader".to_owned());
        reader.spawn_scoped(scope, move || read(input, &sender)).map_err(ImportError::Io)?;
        // When no more is taken the channel goes, and with it the reader.
        take(&mut chunks.into_iter().flatten())
    })
}

fn read(input: impl BufRead, sender: &SyncSender<Chunk>) {
    let mut lines = Lines::new(input);
    let (mut chunk, mut bytes) = (Chunk::new(), 0);
    loop {
        let parsed = match lines.next() {
            Ok(Some((number, text))) => {
                bytes += text.len();
                let parsed = parse(text).map(|line| Parsed { number, bytes: text.len(), line });
                parsed.map_err(|error| ImportError::Line { line: number, message: error.0 })
            }
            Ok(None) => break,
            Err(error) => Err(error),
        };
        let failed = parsed.is_err();
        chunk.push(parsed);
        if failed {
            break;
        }
        if chunk.len() >= CHUNK_LINES || bytes >= CHUNK_BYTES {
            bytes = 0;
            if sender.send(std::mem::take(&mut chunk)).is_err() {
                return;
            }
        }
    }
    // Whoever takes no more needs no end.
    let _ = sender.send(chunk);
}
