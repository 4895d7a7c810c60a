//! Import: NDJSON in. The input is read twice. [`check`] reads all of it and refuses it at the
//! first bad line, with nothing stored; [`run`] stores it in batches between which live traffic
//! goes on. Run again after a crash, the same import completes what is missing.
//!
//! Time does not run backwards in a thread, and an input does not change between its two readings.

mod ahead;
mod check;
mod lines;
mod threads;

pub use check::{Checked, check};
pub use lines::MAX_LINE_BYTES;

use self::ahead::{Parsed, ahead};
use crate::model::ids::MessageId;
use crate::model::transfer::Line;
use crate::store::{
    Command, ImportBatch, ImportBatchOutcome, ImportRecord, ReadError, ReserveIds, Store, StoreError,
};
use std::io::BufRead;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// One batch is about as much as takes twenty milliseconds: live messages wait for one or two of them.
const BATCH_RECORDS: usize = 2000;
const BATCH_BYTES: usize = 2 * 1024 * 1024;
/// How long a batch waits for its turn while live traffic fills the queue: 600 times 50 ms.
const TURNS: u32 = 600;
const TURN: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportSummary {
    pub records: u64,
    pub stored: u64,
    /// There already, or in the input before.
    pub skipped: u64,
    /// How many of those that were stored took the place of what the first start had made.
    pub replaced: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A line cannot be taken. From [`check`]: nothing was stored. From [`run`]: the store has
    /// changed since the check; what was stored before stays.
    #[error("line {line}: {message}")]
    Line { line: u64, message: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the input cannot be read: {0}")]
    Io(std::io::Error),
}

/// Of the line at hand; whoever counts the lines says which it is.
impl From<String> for ImportError {
    fn from(message: String) -> ImportError {
        ImportError::Line { line: 0, message }
    }
}

/// Reads the checked input again and stores it. `progress` is told how many records are done.
/// Blocks; everything told as done is durable.
pub fn run(
    store: &Store,
    checked: Checked,
    input: impl BufRead + Send,
    progress: impl FnMut(u64),
) -> Result<ImportSummary, ImportError> {
    let organization = checked.organization;
    let reserve = ReserveIds { organization, highest: checked.highest };
    let taken = checked.taken_since(execute(store, reserve)?);
    ahead(input, |lines| store_lines(store, checked, taken, lines, progress))
}

fn store_lines(
    store: &Store,
    mut checked: Checked,
    taken: RangeInclusive<MessageId>,
    lines: &mut dyn Iterator<Item = Result<Parsed, ImportError>>,
    mut progress: impl FnMut(u64),
) -> Result<ImportSummary, ImportError> {
    let mut summary = ImportSummary::default();
    let batch = ImportBatch {
        organization: checked.organization,
        now: checked.now,
        session_ttl_seconds: checked.ttl_seconds,
        bare: checked.bare,
        records: Arc::default(),
    };
    let (mut records, mut size) = (Vec::new(), 0);
    for parsed in lines {
        let Parsed { number: line_number, bytes, line } = parsed?;
        summary.records += 1;
        if checked.is_left_out(line_number) {
            summary.skipped += 1;
            continue;
        }
        if let Line::Message(message) = &line
            && let Some(id) = message.id.filter(|id| taken.contains(id))
        {
            let message = format!("id: message {id} came in while the input was checked");
            return Err(ImportError::Line { line: line_number, message });
        }
        let place = checked.place(&line);
        size += bytes;
        records.push(ImportRecord { line_number, line, place });
        if records.len() >= BATCH_RECORDS || size >= BATCH_BYTES {
            size = 0;
            let records = Arc::new(std::mem::take(&mut records));
            summary.add(execute(store, ImportBatch { records, ..batch.clone() })?)?;
            progress(summary.stored + summary.skipped);
        }
    }
    summary.add(execute(store, ImportBatch { records: Arc::new(records), ..batch })?)?;
    progress(summary.records);
    Ok(summary)
}

impl ImportSummary {
    fn add(&mut self, batch: ImportBatchOutcome) -> Result<(), ImportError> {
        self.stored += batch.stored;
        self.skipped += batch.skipped;
        self.replaced += batch.replaced;
        match batch.refused {
            Some((line, message)) => Err(ImportError::Line { line, message }),
            None => Ok(()),
        }
    }
}

/// Live traffic goes first: a full queue is waited for.
fn execute<C: Command + Clone>(store: &Store, command: C) -> Result<C::Outcome, StoreError> {
    for _ in 0..TURNS {
        match store.execute_blocking(command.clone()) {
            Err(StoreError::Overloaded) => std::thread::sleep(TURN),
            answered => return answered,
        }
    }
    store.execute_blocking(command)
}
