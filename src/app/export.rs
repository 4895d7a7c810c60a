//! Export: NDJSON out, a piece at a time. What it promises is told in `store::export`.

pub use crate::store::{Export, ExportError};

use crate::store::Store;

/// The next lines, from the newest snapshot; `None` when that was all. Blocks.
pub fn next(store: &Store, export: &mut Export) -> Result<Option<Vec<u8>>, ExportError> {
    loop {
        let piece = export.piece(&*store.snapshot()?)?;
        if piece.as_ref().is_none_or(|text| !text.is_empty()) {
            return Ok(piece);
        }
    }
}
