//! Reads of message logs: filtered, counted, one with its raw payload; the timeline of a thread.
//!
//! Ids count up as logs arrive, so the newest page is the right edge of the table. Logs of a conversation that is
//! archived and not yet purged are seen by nobody; `purges` names those few, or each row would ask for its record.

use super::archive::pending;
use super::error::ReadError;
use super::key::{self, SerialKey, ThreadKey, ThreadPart};
use super::log_row;
use super::sequences::{Count, Counted};
use super::snapshot::{Snapshot, get};
use crate::model::ids::{AuditId, CallId, MessageLogId, OrganizationId};
use crate::model::message_log::{LogCounts, LogFilter, LogKind, LogRow, LogView, MessageLog, RawPayload};
use crate::model::page::{Page, Pager, Turn};
use crate::model::timeline::{TimelineEvent, timeline};
use std::collections::BTreeSet;

const TABLE: &str = "message_logs";

/// What one stretch of logs has of those that match: how many, and the newest ids.
#[derive(Default)]
struct Matches {
    count: u64,
    ids: Vec<u64>,
}

/// So many of the newest rows are looked through where they are asked for.
const QUICK_ROWS: usize = 2_000;

impl Snapshot {
    /// Visits a page of the logs that match, the newest first, and tells how many there are, if the page lies among the
    /// newest rows and the total is kept. `None`: it does not, and what was visited is not the page.
    pub fn newest_logs(
        &self,
        organization: OrganizationId,
        filter: &LogFilter,
        page: Page,
        mut visit: impl FnMut(MessageLogId, &LogView<'_>),
    ) -> Result<Option<u64>, ReadError> {
        if !filter.is_of_kinds() || self.is_purging(organization)? {
            return Ok(None);
        }
        let total = self.count_kinds(organization, filter)?.total();
        let end = page.skip.saturating_add(page.limit as u64).min(total);
        let (mut pager, mut seen) = (Pager::new(page), 0);
        let range = key::serial_range(organization);
        let rows = self.tables.message_logs.range::<&SerialKey>(range.start()..=range.end())?.rev();
        for row in rows.take(QUICK_ROWS) {
            if seen >= end || page.skip >= end {
                break;
            }
            let (key, bytes) = row?;
            if filter.matches_kind(log_row::kind(bytes.value())?) {
                seen += 1;
                if pager.turn() == Turn::Take {
                    visit(MessageLogId(key::serial_id(key.value())), &log_row::view(bytes.value())?);
                }
            }
        }
        Ok((seen >= end || page.skip >= end).then_some(total))
    }

    /// How many logs match, and a page of them, the newest first.
    pub fn list_logs(
        &self,
        organization: OrganizationId,
        filter: &LogFilter,
        page: Page,
    ) -> Result<(u64, Vec<(MessageLogId, MessageLog)>), ReadError> {
        let counts = filter.is_of_kinds().then(|| self.count_logs(organization, filter)).transpose()?;
        let known = counts.map(|counts| counts.total());
        let end = page.skip.saturating_add(page.limit as u64).min(known.unwrap_or(u64::MAX));
        let stretches = self.stretches(organization, filter)?;
        let (mut rest, mut seen, mut ids) = (stretches.as_slice(), 0, Vec::new());
        // Where the total is known, what lies beyond the page need not be read.
        let mut turn = if known.is_some() { 1 } else { rest.len() };
        while !rest.is_empty() && (known.is_none() || (seen < end && page.skip < end)) {
            let (now, later) = rest.split_at(turn.min(rest.len()));
            let room = end.saturating_sub(seen);
            let visit = |matches: &mut Matches, id, _: &LogRow<'_>| {
                matches.count += 1;
                if matches.ids.len() < room as usize {
                    matches.ids.push(id);
                }
                known.is_none() || matches.count < room
            };
            for matches in self.scan(organization, filter, now, visit)? {
                let from = page.skip.saturating_sub(seen).min(matches.ids.len() as u64);
                let to = end.saturating_sub(seen).min(matches.ids.len() as u64).max(from);
                ids.extend_from_slice(&matches.ids[from as usize..to as usize]);
                seen += matches.count;
            }
            (rest, turn) = (later, turn * 2);
        }
        let log = |id| {
            let log = get(TABLE, &self.tables.message_logs, organization, id)?;
            Ok(log.map(|log| (MessageLogId(id), log)))
        };
        let found = ids.into_iter().filter_map(|id| log(id).transpose()).collect::<Result<_, ReadError>>()?;
        Ok((known.unwrap_or(seen), found))
    }

    /// How many logs of each kind match.
    pub fn count_logs(
        &self,
        organization: OrganizationId,
        filter: &LogFilter,
    ) -> Result<LogCounts, ReadError> {
        // What is kept counts also those that nobody sees while they are being purged.
        if filter.is_of_kinds() && !self.is_purging(organization)? {
            return self.count_kinds(organization, filter);
        }
        let mut counts = LogCounts::default();
        let visit = |counts: &mut LogCounts, _, log: &LogRow<'_>| {
            counts.add(log.kind(), 1);
            true
        };
        let stretches = self.stretches(organization, filter)?;
        for some in self.scan(organization, filter, &stretches, visit)? {
            counts.merge(&some);
        }
        Ok(counts)
    }

    /// What is kept of the kinds that match.
    fn count_kinds(&self, organization: OrganizationId, filter: &LogFilter) -> Result<LogCounts, ReadError> {
        let mut counts = LogCounts::default();
        for kind in LogKind::all().filter(|kind| filter.matches_kind(*kind)) {
            counts.add(kind, self.counted(organization, Count::Logs, kind.block())?);
        }
        Ok(counts)
    }

    fn is_purging(&self, organization: OrganizationId) -> Result<bool, ReadError> {
        let range = key::serial_range(organization);
        let first = self.tables.purges.range::<&SerialKey>(range.start()..=range.end())?.next();
        Ok(first.transpose()?.is_some())
    }

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
