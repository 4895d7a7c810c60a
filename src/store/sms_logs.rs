//! Reads of message logs: filtered, counted, one with its raw payload; the timeline of a thread.
//!
//! Ids count up as logs arrive, so the newest page is the right edge of the table. Logs of a conversation that is
//! archived and not yet purged are seen by nobody; `purges` names those few, or each row would ask for its record.

use super::archive::pending;
use super::error::ReadError;
use super::key::{self, SerialKey, ThreadKey, ThreadPart};
use super::record;
use super::sequences::{Count, Counted};
use super::snapshot::{Snapshot, get};
use crate::model::ids::{AuditId, CallId, MessageLogId, OrganizationId};
use crate::model::message_log::{LogCounts, LogFilter, LogKind, LogRow, MessageLog, RawPayload};
use crate::model::page::{Page, Pager, Turn};
use crate::model::timeline::{TimelineEvent, timeline};
use std::collections::BTreeSet;

const TABLE: &str = "message_logs";

impl Snapshot {
    /// How many logs match, and a page of them, the newest first.
    pub fn list_logs(
        &self,
        organization: OrganizationId,
        filter: &LogFilter,
        page: Page,
    ) -> Result<(u64, Vec<(MessageLogId, MessageLog)>), ReadError> {
        let counts = filter.is_of_kinds().then(|| self.count_logs(organization, filter)).transpose()?;
        let known = counts.map(|counts| counts.total());
        let (mut pager, mut seen, mut found) = (Pager::new(page), 0, Vec::new());
        if known.is_some_and(|total| page.skip >= total) {
            return Ok((known.unwrap_or(0), found));
        }
        self.each_log(organization, filter, |id, _, bytes| {
            seen += 1;
            if pager.turn() == Turn::Take {
                found.push((id, record::decode(TABLE, bytes)?));
            }
            // Where the total is known, what lies beyond the page need not be read.
            Ok(known.is_none_or(|total| seen < total && !pager.is_full()))
        })?;
        Ok((known.unwrap_or(seen), found))
    }

    /// How many logs of each kind match.
    pub fn count_logs(
        &self,
        organization: OrganizationId,
        filter: &LogFilter,
    ) -> Result<LogCounts, ReadError> {
        let mut counts = LogCounts::default();
        // What is kept counts also those that nobody sees while they are being purged.
        if filter.is_of_kinds() && self.purging(organization)?.is_empty() {
            for kind in LogKind::all().filter(|kind| filter.matches_kind(*kind)) {
                counts.add(kind, self.counted(organization, Count::Logs, kind.block())?);
            }
            return Ok(counts);
        }
        self.each_log(organization, filter, |_, log, _| {
            counts.add(log.kind(), 1);
            Ok(true)
        })?;
        Ok(counts)
    }

    /// Visits the logs that match, the newest first, as rows and as they are stored. `visit` tells whether it
    /// wants more.
    fn each_log(
        &self,
        organization: OrganizationId,
        filter: &LogFilter,
        mut visit: impl FnMut(MessageLogId, &LogRow<'_>, &[u8]) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        let (range, purging) = (key::serial_range(organization), self.purging(organization)?);
        for row in self.tables.message_logs.range::<&SerialKey>(range.start()..=range.end())?.rev() {
            let (key, bytes) = row?;
            let log: LogRow<'_> = record::decode(TABLE, bytes.value())?;
            let is_shown = log.call_id.is_none_or(|call| !purging.contains(&call));
            let id = MessageLogId(key::serial_id(key.value()));
            if is_shown && filter.matches(&log) && !visit(id, &log, bytes.value())? {
                break;
            }
        }
        Ok(())
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::call::Direction;
    use crate::model::ids::AssistantId;
    use crate::model::message_log::{DeliveryStatus, LogKind, Provider};
    use crate::model::time::Timestamp;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_row_is_read_as_the_log_that_it_is(
            ids in any::<[Option<u64>; 2]>(), kind in (0usize..4, any::<bool>(), 0usize..7), texts in any::<[String; 5]>(),
            errors in any::<[Option<String>; 2]>(), media_urls in any::<Vec<String>>(), segment_count in any::<u32>(), times in any::<[i64; 2]>()
        ) {
            let [provider_message_id, from, to, body, provider_status] = texts;
            let [error_code, error_message] = errors;
            let log = MessageLog {
                call_id: ids[0].map(CallId),
                assistant_id: ids[1].map(AssistantId),
                provider: Provider::ALL[kind.0],
                provider_message_id,
                direction: if kind.1 { Direction::Inbound } else { Direction::Outbound },
                from,
                to,
                body,
                media_urls,
                segment_count,
                status: DeliveryStatus::ALL[kind.2],
                provider_status,
                error_code,
                error_message,
                created_at: Timestamp(times[0]),
                updated_at: Timestamp(times[1]),
            };
            let mut bytes = Vec::new();
            record::encode(&log, &mut bytes);
            let row: LogRow<'_> = record::decode(TABLE, &bytes).unwrap();
            let LogKind { direction, status, provider } = row.kind();
            prop_assert_eq!((direction, status, provider), (log.direction, log.status, log.provider));
            prop_assert_eq!((row.call_id, row.assistant_id, row.created_at), (log.call_id, log.assistant_id, log.created_at));
            prop_assert_eq!((row.from, row.to, row.body), (log.from.as_str(), log.to.as_str(), log.body.as_str()));
        }
    }
}
