//! Reads of message logs: one with its raw payload, the timeline of a thread, and which logs nobody sees: those of a
//! conversation that is archived and not yet purged. `purges` names those few, or each row would ask for its record.

use super::archive::pending;
use super::error::ReadError;
use super::inbound::{digest, seen_before};
use super::key::{self, SerialKey, ThreadKey, ThreadPart};
use super::snapshot::{Snapshot, get};
use crate::model::ids::{AuditId, CallId, MessageLogId, OrganizationId};
use crate::model::message_log::{MessageLog, Provider, RawPayload};
use crate::model::time::Timestamp;
use crate::model::timeline::{TimelineEvent, timeline};
use std::collections::BTreeSet;

const TABLE: &str = "message_logs";

impl Snapshot {
    /// Calls whose logs nobody sees.
    pub(super) fn purging(&self, organization: OrganizationId) -> Result<BTreeSet<CallId>, ReadError> {
        let range = key::serial_range(organization);
        let rows = self.tables.purges.range::<&SerialKey>(range.start()..=range.end())?;
        rows.map(|row| Ok(CallId(key::serial_id(row?.0.value())))).collect()
    }

    /// One log, and what the carrier sent, if that is still there.
    pub fn log(
        &self,
        organization: OrganizationId,
        id: MessageLogId,
    ) -> Result<Option<(MessageLog, Option<RawPayload>)>, ReadError> {
        let tables = &self.tables;
        let Some(log) = get::<MessageLog>(TABLE, &tables.message_logs, organization, id.0)? else {
            return Ok(None);
        };
        if let Some(call) = log.call_id
            && pending(tables, organization, call)?.is_some()
        {
            return Ok(None);
        }
        Ok(Some((log, get("raw_payloads", &tables.raw_payloads, organization, id.0)?)))
    }

    /// What the carrier sent, of a webhook that made no log. The id is that of its first step.
    pub fn audit_payload(
        &self,
        organization: OrganizationId,
        first: AuditId,
    ) -> Result<Option<RawPayload>, ReadError> {
        get("audit_payloads", &self.tables.audit_payloads, organization, first.0)
    }

    /// The log of a message that a carrier knows by this id, of the last two weeks.
    pub fn log_of_message(
        &self,
        organization: OrganizationId,
        provider_message_id: &str,
        now: Timestamp,
    ) -> Result<Option<MessageLog>, ReadError> {
        for provider in Provider::REAL {
            let digest = digest(provider, provider_message_id);
            if let Some(id) = seen_before(&self.tables.dedupe, organization, now, &digest)? {
                return get(TABLE, &self.tables.message_logs, organization, id);
            }
        }
        Ok(None)
    }

    /// What happened in a call record of either channel, by time. `None`: it is unknown or archived.
    pub fn timeline(
        &self,
        organization: OrganizationId,
        id: CallId,
    ) -> Result<Option<Vec<TimelineEvent>>, ReadError> {
        if self.call(organization, id)?.is_none_or(|call| call.archived) {
            return Ok(None);
        }
        let (tables, mut entries, mut logs) = (&self.tables, Vec::new(), Vec::new());
        // The links to logs lie right before those to audit entries.
        let first = key::thread(organization, id, ThreadPart::Log, 0);
        let last = key::thread(organization, id, ThreadPart::Audit, u64::MAX);
        for row in tables.threads.range::<&ThreadKey>(&first..=&last)? {
            let (key, _) = row?;
            let number = key::thread_number(key.value());
            if key::thread_part(key.value()) == Some(ThreadPart::Log) {
                let log = get(TABLE, &tables.message_logs, organization, number)?;
                logs.extend(log.map(|log| (MessageLogId(number), log)));
            } else {
                let entry = get("audit_entries", &tables.audit_entries, organization, number)?;
                entries.extend(entry.map(|entry| (AuditId(number), entry)));
            }
        }
        Ok(Some(timeline(entries, logs)))
    }
}
