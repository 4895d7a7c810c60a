//! Message logs and audit entries: their links back to their threads, their payloads, and what tells
//! a duplicate.

use super::Check;
use crate::model::audit::AuditEntry;
use crate::model::ids::OrganizationId;
use crate::model::message_log::{MessageLog, RawPayload};
use crate::store::error::ReadError;
use crate::store::inbound::digest;
use crate::store::key::{self, DedupeKey, ThreadPart};

impl Check<'_> {
    pub(super) fn logs(&mut self) -> Result<(), ReadError> {
        let tables = self.tables;
        self.each::<MessageLog>("message_logs", &tables.message_logs, |check, org, id, log| {
            check.given(org, "message log", id, |given| given.message_log);
            if let Some(call) = log.call_id {
                let link = tables.threads.get(&key::thread(org, call, ThreadPart::Log, id))?;
                let damage = format_args!("message log {id} is not linked from call {call}");
                check.expect(link.is_some(), org, damage);
            }
            Ok(())
        })?;
        self.each::<RawPayload>("raw_payloads", &tables.raw_payloads, |check, org, id, _| {
            let log: Option<MessageLog> = Self::find(&tables.message_logs, org, id)?;
            check.expect(log.is_some(), org, format_args!("raw payload {id} is of no message log"));
            Ok(())
        })
    }

    pub(super) fn dedupe(&mut self) -> Result<(), ReadError> {
        for row in self.tables.dedupe.range::<&DedupeKey>(..)? {
            let (key, id) = row?;
            let (org, id) = (key::organization_of(key.value()), id.value());
            let log: Option<MessageLog> = Self::find(&self.tables.message_logs, org, id)?;
            let sound = match log {
                Some(log) => key.value()[6..] == digest(log.provider, &log.provider_message_id),
                None => {
                    self.may_be_purged(org, id) && {
                        self.tally(org).logless += 1;
                        true
                    }
                }
            };
            self.expect(
                sound,
                org,
                format_args!("a duplicate is told by message log {id}, which is not its own"),
            );
        }
        Ok(())
    }

    pub(super) fn kept_webhooks(&mut self) -> Result<(), ReadError> {
        for row in self.tables.kept_webhooks.range::<&DedupeKey>(..)? {
            let (key, id) = row?;
            let (org, id) = (key::organization_of(key.value()), id.value());
            let entry: Option<AuditEntry> = Self::find(&self.tables.audit_entries, org, id)?;
            self.expect(
                entry.is_some(),
                org,
                format_args!("a kept webhook is told by audit entry {id}, which is not there"),
            );
        }
        Ok(())
    }

    pub(super) fn audit(&mut self) -> Result<(), ReadError> {
        let tables = self.tables;
        // Until which id the entry before this one has steps.
        let mut taken = (OrganizationId(0), 0);
        self.each::<AuditEntry>("audit_entries", &tables.audit_entries, |check, org, id, entry| {
            let last = id + (entry.steps.len() as u64).saturating_sub(1);
            check.given(org, "audit step", last, |given| given.audit);
            check.expect((org, id) > taken, org, format_args!("audit entry {id} overlaps the one before"));
            taken = (org, last);
            if let Some(call) = entry.call_id {
                let link = tables.threads.get(&key::thread(org, call, ThreadPart::Audit, id))?;
                let damage = format_args!("audit entry {id} is not linked from call {call}");
                check.expect(link.is_some(), org, damage);
            }
            if let Some(log) = entry.log_id {
                let found: Option<MessageLog> = Self::find(&tables.message_logs, org, log.0)?;
                let sound = found.is_some() || check.may_be_purged(org, log.0);
                check.expect(sound, org, format_args!("audit entry {id} is of no message log"));
            }
            Ok(())
        })?;
        self.each::<RawPayload>("audit_payloads", &tables.audit_payloads, |check, org, id, _| {
            let entry: Option<AuditEntry> = Self::find(&tables.audit_entries, org, id)?;
            check.expect(entry.is_some(), org, format_args!("audit payload {id} is of no audit entry"));
            Ok(())
        })
    }
}
