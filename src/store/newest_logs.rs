//! The newest logs that match, looked for with bounded effort and without counting the others.

use super::error::ReadError;
use super::key;
use super::log_row;
use super::log_scan::Place;
use super::snapshot::Snapshot;
use crate::model::ids::{MessageLogId, OrganizationId};
use crate::model::message_log::LogFilter;
use crate::model::search::Scratch;
use crate::model::time::Timestamp;

impl Snapshot {
    /// Up to `wanted` of the newest logs that match, the newest first, of the `most` newest: which, and when they came.
    pub fn newest_logs(
        &self,
        organization: OrganizationId,
        filter: &LogFilter,
        wanted: usize,
        most: usize,
    ) -> Result<Vec<(MessageLogId, Timestamp)>, ReadError> {
        let (scan, mut scratch) = (self.scan(organization, filter)?, Scratch::default());
        let everywhere = Place { from: 0, to: u64::MAX, rows: u64::MAX, known: None, steps: 0 };
        let mut found = Vec::new();
        for row in scan.rows(&everywhere)?.rev().take(most) {
            if found.len() >= wanted {
                break;
            }
            let (key, bytes) = row?;
            let log = log_row::read(bytes.value())?;
            if scan.matches(&log, &mut scratch) {
                found.push((MessageLogId(key::serial_id(key.value())), log.created_at));
            }
        }
        Ok(found)
    }
}
