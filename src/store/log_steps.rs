//! What happened to one message: of the timeline of its thread what is about it. No index leads from a log to its audit
//! entries; those of a thread are linked from it, and what is of no thread was written at the moment of its log.

use super::error::ReadError;
use super::key::{self, SerialKey, ThreadKey, ThreadPart};
use super::record::{self, Fields};
use super::snapshot::Snapshot;
use crate::model::audit::AuditEntry;
use crate::model::ids::{AuditId, CallId, MessageLogId, OrganizationId};
use crate::model::time::Timestamp;
use crate::model::timeline::{TimelineEvent, timeline};

const TABLE: &str = "audit_entries";
/// So many entries of about one moment are looked at.
const NEIGHBOURS: usize = 64;

type Entries = Vec<(AuditId, AuditEntry)>;

impl Snapshot {
    /// What happened to a message, by time. `None`: there is no such log, or nobody sees it.
    pub fn steps(
        &self,
        organization: OrganizationId,
        id: MessageLogId,
    ) -> Result<Option<Vec<TimelineEvent>>, ReadError> {
        let Some((log, _)) = self.log(organization, id)? else { return Ok(None) };
        let entries = match log.call_id {
            Some(call) => self.entries_of_thread(organization, call, id)?,
            None => self.entries_of_moment(organization, log.created_at, id)?,
        };
        Ok(Some(timeline(entries, vec![(id, log)])))
    }

    fn entries_of_thread(
        &self,
        organization: OrganizationId,
        call: CallId,
        log: MessageLogId,
    ) -> Result<Entries, ReadError> {
        let link = |number| key::thread(organization, call, ThreadPart::Audit, number);
        let mut entries = Vec::new();
        for row in self.tables.threads.range::<&ThreadKey>(&link(0)..=&link(u64::MAX))? {
            let number = key::thread_number(row?.0.value());
            let stored = self.tables.audit_entries.get(&key::serial(organization, number))?;
            let Some(bytes) = stored else { continue };
            // A thread may be long, and most of it is about other messages.
            if about(bytes.value())? == Some(log) {
                entries.push((AuditId(number), record::decode(TABLE, bytes.value())?));
            }
        }
        Ok(entries)
    }

    /// Entries are appended, so their times ascend unless a clock was set back or something was imported: what lies elsewhere then
    /// is left out.
    fn entries_of_moment(
        &self,
        organization: OrganizationId,
        at: Timestamp,
        log: MessageLogId,
    ) -> Result<Entries, ReadError> {
        let end = key::serial(organization, u64::MAX);
        let from = |id| {
            let first = key::serial(organization, id);
            self.tables.audit_entries.range::<&SerialKey>(&first..=&end)
        };
        let (mut low, mut high) = (0, self.sequences(organization)?.audit + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = from(middle)?.next().transpose()?;
            let entry =
                found.map(|(_, bytes)| record::decode::<AuditEntry>(TABLE, bytes.value())).transpose()?;
            match entry.is_some_and(|entry| entry.at < at) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let mut entries = Vec::new();
        for row in from(low)?.take(NEIGHBOURS) {
            let (key, bytes) = row?;
            if about(bytes.value())? == Some(log) {
                entries.push((AuditId(key::serial_id(key.value())), record::decode(TABLE, bytes.value())?));
            }
        }
        Ok(entries)
    }
}

/// The log that an entry is about: its second field.
fn about(bytes: &[u8]) -> Result<Option<MessageLogId>, ReadError> {
    let mut fields = record::fields(TABLE, bytes)?;
    let damaged = || ReadError::Damaged { table: TABLE, reason: "no audit entry".to_owned() };
    let _call_id = fields.optional(Fields::number).ok_or_else(damaged)?;
    Ok(fields.optional(Fields::number).ok_or_else(damaged)?.map(MessageLogId))
}
