//! The newest message log that matches, looked for among so many of the newest.

use super::error::ReadError;
use super::log_row;
use super::log_scan::Place;
use super::snapshot::Snapshot;
use crate::model::ids::OrganizationId;
use crate::model::message_log::LogFilter;
use crate::model::search::Scratch;
use crate::model::time::Timestamp;

impl Snapshot {
    /// When it was created. `None`: none of the newest `most` logs matches.
    pub fn newest_log(
        &self,
        organization: OrganizationId,
        filter: &LogFilter,
        most: usize,
    ) -> Result<Option<Timestamp>, ReadError> {
        let (scan, mut scratch) = (self.scan(organization, filter)?, Scratch::default());
        let everywhere = Place { from: 0, to: u64::MAX, rows: u64::MAX, known: None, steps: 0 };
        for row in scan.rows(&everywhere)?.rev().take(most) {
            let (_, bytes) = row?;
            let log = log_row::read(bytes.value())?;
            if scan.matches(&log, &mut scratch) {
                return Ok(Some(log.created_at));
            }
        }
        Ok(None)
    }
}
