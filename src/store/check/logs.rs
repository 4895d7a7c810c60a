//! Message logs and audit entries: their links back to their threads, their payloads, and what tells
//! a duplicate.

use super::ids::Ids;
use super::log_blocks::Counting;
use super::search_blocks::Sealed;
use super::{Check, Derived, Side};
use crate::model::audit::AuditEntry;
use crate::model::ids::{CallId, OrganizationId};
use crate::model::message_log::{MessageLog, RawPayload};
use crate::store::error::ReadError;
use crate::store::inbound::{bucket, buckets, digest};
use crate::store::key::{self, DedupeKey, ThreadPart};

impl Check<'_, '_, '_> {
    /// Returns the ids of the logs that are there.
    pub(super) fn logs(&mut self) -> Result<Ids, ReadError> {
        let tables = self.tables;
        let named = self.named()?;
        let (mut sealed, mut counting) = (Sealed::new(tables)?, Counting::new(tables)?);
        let see = |check: &mut Self, log, bytes: &[u8]| {
            counting.see(check, log, bytes)?;
            sealed.see(check, log, bytes)
        };
        let logs =
            self.each_seen("message_logs", &tables.message_logs, see, |check, org, id, log: MessageLog| {
                check.given(org, "message log", id, |given| &mut given.message_log);
                check.count(org, &log);
                let known =
                    log.assistant_id.is_none_or(|assistant| check.assistants.contains(org, assistant.0));
                check.expect(known, org, format_args!("message log {id} is of no assistant"));
                if let Some(call) = log.call_id {
                    check.linked(org, call, ThreadPart::Log, id)?;
                }
                if named.contains(org, id) {
                    let digest = digest(log.provider, &log.provider_message_id);
                    check.is_summed(Side::Record, Derived::Duplicate, &key::serial(org, id), &digest);
                } else if check.remember {
                    check.remember(org, id, &log)?;
                }
                Ok(())
            })?;
        sealed.until(self, None)?;
        counting.finish(self)?;
        let raw = &tables.raw_payloads;
        self.each::<RawPayload>("raw_payloads", raw, |check, org, id, _| {
            let damage = format_args!("raw payload {id} is of no message log");
            let key = key::serial(org, id);
            check.derived(logs.contains(org, id), org, damage, |t| t.raw_payloads.remove(&key).map(drop))
        })?;
        self.dedupe(&logs)?;
        Ok(logs)
    }

    /// A log, or an audit entry, that its thread must link to.
    fn linked(
        &mut self,
        org: OrganizationId,
        call: CallId,
        part: ThreadPart,
        id: u64,
    ) -> Result<(), ReadError> {
        let key = key::thread(org, call, part, id);
        if self.is_summed(Side::Record, Derived::Link, &key, &[]) {
            return Ok(());
        }
        let linked = self.tables.threads.get(&key)?.is_some();
        let what = if part == ThreadPart::Log { "message log" } else { "audit entry" };
        let damage = format_args!("{what} {id} is not linked from call {call}");
        self.derived(linked, org, damage, |t| t.threads.insert(&key, [].as_slice()).map(drop))
    }

    /// The logs that tell duplicates.
    fn named(&mut self) -> Result<Ids, ReadError> {
        let mut named = Ids::default();
        for row in self.tables.dedupe.range::<&DedupeKey>(..)? {
            let (key, id) = row?;
            let org = key::organization_of(key.value());
            self.row(org);
            named.insert(org, id.value());
        }
        Ok(named)
    }

    /// A log that lost what its duplicates are told by.
    fn remember(&mut self, org: OrganizationId, id: u64, log: &MessageLog) -> Result<(), ReadError> {
        let digest = digest(log.provider, &log.provider_message_id);
        let mut known = log.provider_message_id.is_empty();
        for bucket in buckets(log.created_at) {
            known |= self.tables.dedupe.get(&key::dedupe(org, bucket, &digest))?.is_some();
        }
        let key = key::dedupe(org, bucket(log.created_at), &digest);
        let damage = format_args!("nothing tells duplicates of message log {id}");
        self.derived(known, org, damage, |t| t.dedupe.insert(&key, id).map(drop))
    }

    /// Whether a message log that is not there may have been: it has had an id, and some were purged.
    pub(super) fn may_be_purged(&mut self, organization: OrganizationId, log: u64) -> bool {
        let tally = self.tally(organization);
        tally.purged_logs > 0 && (1..=tally.given.message_log).contains(&log)
    }

    fn dedupe(&mut self, logs: &Ids) -> Result<(), ReadError> {
        for row in self.tables.dedupe.range::<&DedupeKey>(..)? {
            let (key, id) = row?;
            let (org, id, key) = (key::organization_of(key.value()), id.value(), *key.value());
            let sound = if !logs.contains(org, id) {
                let purged = self.may_be_purged(org, id);
                self.tally(org).logless += u64::from(purged);
                purged
            } else if self.is_summed(Side::Row, Derived::Duplicate, &key::serial(org, id), &key[6..]) {
                true
            } else {
                let its_own = |log: MessageLog| key[6..] == digest(log.provider, &log.provider_message_id);
                Self::has(&self.tables.message_logs, org, id, its_own)?
            };
            let damage = format_args!("a duplicate is told by message log {id}, which is not its own");
            self.told.forgot |= !sound;
            self.derived(sound, org, damage, |t| t.dedupe.remove(&key).map(drop))?;
        }
        Ok(())
    }

    pub(super) fn audit(&mut self, logs: &Ids) -> Result<(), ReadError> {
        let tables = self.tables;
        // Until which id the entry before this one has steps.
        let mut taken = (OrganizationId(0), 0);
        let audit = &tables.audit_entries;
        let entries = self.each::<AuditEntry>("audit_entries", audit, |check, org, id, entry| {
            let last = id.saturating_add((entry.steps.len() as u64).saturating_sub(1));
            check.given(org, "audit step", last, |given| &mut given.audit);
            check.expect((org, id) > taken, org, format_args!("audit entry {id} overlaps the one before"));
            taken = (org, last);
            if let Some(call) = entry.call_id {
                check.linked(org, call, ThreadPart::Audit, id)?;
            }
            if let Some(log) = entry.log_id {
                // One that was deleted has had its id all the same.
                check.given(org, "message log", log.0, |given| &mut given.message_log);
                let sound = logs.contains(org, log.0) || check.may_be_purged(org, log.0);
                check.expect(sound, org, format_args!("audit entry {id} is of no message log"));
            }
            Ok(())
        })?;
        self.each::<RawPayload>("audit_payloads", &tables.audit_payloads, |check, org, id, _| {
            let damage = format_args!("audit payload {id} is of no audit entry");
            let key = key::serial(org, id);
            check.derived(entries.contains(org, id), org, damage, |t| t.audit_payloads.remove(&key).map(drop))
        })?;
        for row in tables.kept_webhooks.range::<&DedupeKey>(..)? {
            let (key, id) = row?;
            let (org, id, key) = (key::organization_of(key.value()), id.value(), *key.value());
            self.row(org);
            let damage = format_args!("a kept webhook is told by audit entry {id}, which is not there");
            let tally = self.tally(org);
            // With an entry of its own, or with the conversation whose message it was about.
            let some_are_gone = tally.forgotten_audits > 0 || tally.purged_logs > 0;
            let deleted = some_are_gone && (1..=tally.given.audit).contains(&id);
            let sound = deleted || entries.contains(org, id);
            self.derived(sound, org, damage, |t| t.kept_webhooks.remove(&key).map(drop))?;
        }
        Ok(())
    }
}
