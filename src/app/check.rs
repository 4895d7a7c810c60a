//! Checking the data while they are served. What is verified stands in `store::check`.

use super::App;
use crate::store::{CheckReport, ReadError, Watch};

/// Checks one snapshot, every organization's rows. Blocks.
pub fn run(app: &App, watch: Watch<'_>) -> Result<CheckReport, ReadError> {
    let report = app.store.snapshot()?.examine(watch)?;
    tracing::info!(rows = report.rows, damages = report.found, "a check ended");
    Ok(report)
}
