//! What is small: the counters, accounts, assistants, numbers; and opt-outs and outbound jobs.

use super::ids::Ids;
use super::{Check, Derived, Side};
use crate::model::account::{ApiKey, DashboardSession, Organization, Usage, User};
use crate::model::assistant::{Assistant, PhoneNumber};
use crate::model::carrier_account::CarrierAccount;
use crate::model::feed::FeedEntry;
use crate::model::ids::OrganizationId;
use crate::model::message_log::Provider;
use crate::model::opt_out::OptOut;
use crate::model::outbound::{JobStatus, OutboundJob};
use crate::model::partial_message::PartialMessage;
use crate::model::receipt::Receipt;
use crate::store::error::ReadError;
use crate::store::key::{self, CountKey, ThreadPart};
use crate::store::record;
use crate::store::sequences::Count;
use crate::store::transaction::link_job;
use uuid::Uuid;

const KEPT_LOGS: u8 = Count::Logs as u8;
const KEPT_JOBS: u8 = Count::Jobs as u8;
const KEPT_SEALED: u8 = Count::SealedLogs as u8;

impl Check<'_, '_, '_> {
    /// First: what the rest is judged by.
    pub(super) fn accounts(&mut self) -> Result<(), ReadError> {
        self.organizations()?;
        self.counted()?;
        let tables = self.tables;
        let users = self.each::<User>("users", &tables.users, |check, org, id, _| {
            check.given(org, "user", id, |given| &mut given.user);
            Ok(())
        })?;
        let keys = self.each::<ApiKey>("api_keys", &tables.api_keys, |check, org, id, key| {
            check.given(org, "API key", id, |given| &mut given.api_key);
            check.expect(users.contains(org, key.user_id.0), org, format_args!("API key {id} is of no user"));
            Ok(())
        })?;
        let sessions = &tables.dashboard_sessions;
        let sessions =
            self.each::<DashboardSession>("dashboard_sessions", sessions, |check, org, id, session| {
                let sound = session.number() == id && users.contains(org, session.user_id.0);
                check.expect(
                    sound,
                    org,
                    format_args!("a dashboard session is of no user, or not in its place"),
                );
                Ok(())
            })?;
        self.usage(&keys, &sessions, &users)?;
        self.read_marks(&users)?;
        let carriers = &tables.carrier_accounts;
        self.each::<CarrierAccount>("carrier_accounts", carriers, |check, org, id, _| {
            check.expect(
                Provider::numbered(id).is_some(),
                org,
                format_args!("a carrier account is of no carrier"),
            );
            Ok(())
        })?;
        self.assistants = self.each::<Assistant>("assistants", &tables.assistants, |check, org, id, _| {
            check.given(org, "assistant", id, |given| &mut given.assistant);
            Ok(())
        })?;
        self.numbers()
    }

    fn organizations(&mut self) -> Result<(), ReadError> {
        for row in self.tables.organizations.range::<&[u8; 4]>(..)? {
            let (key, bytes) = row?;
            let org = key::organization_of(key.value());
            self.tally(org).exists =
                self.decode::<Organization>("organizations", org, bytes.value()).is_some();
        }
        for row in self.tables.sequences.range::<&[u8; 4]>(..)? {
            let (key, bytes) = row?;
            let org = key::organization_of(key.value());
            self.row(org);
            let given = self.decode("sequences", org, bytes.value());
            self.tally(org).given = given.unwrap_or_default();
        }
        Ok(())
    }

    fn counted(&mut self) -> Result<(), ReadError> {
        for row in self.tables.counts.range::<&CountKey>(..)? {
            let (key, count) = row?;
            let (org, count) = (key::organization_of(key.value()), count.value());
            self.row(org);
            let is = |kind: Count| *key.value() == key::count(org, kind as u8, 0);
            let tally = self.tally(org);
            if is(Count::Conversations) {
                tally.counted = count;
            } else if is(Count::PurgedLogs) {
                tally.purged_logs = count;
            } else if is(Count::ForgottenCalls) {
                tally.forgotten_calls = count;
            } else if is(Count::ForgottenAudits) {
                tally.forgotten_audits = count;
            } else if let kind @ (KEPT_LOGS | KEPT_JOBS | KEPT_SEALED) = key::count_parts(key.value()).0 {
                tally.kept.entry((kind, key::count_parts(key.value()).1)).or_default().0 = count;
            } else {
                let key = *key.value();
                self.derived(false, org, format_args!("nobody knows what a count counts"), |tables| {
                    tables.counts.remove(&key).map(drop)
                })?;
            }
        }
        Ok(())
    }

    fn usage(&mut self, keys: &Ids, sessions: &Ids, users: &Ids) -> Result<(), ReadError> {
        for row in self.tables.usage.range::<&CountKey>(..)? {
            let (key, bytes) = row?;
            let (org, (kind, id)) = (key::organization_of(key.value()), key::count_parts(key.value()));
            self.row(org);
            self.decode::<Usage>("usage", org, bytes.value());
            let owners = [keys, sessions, users].get(usize::from(kind).wrapping_sub(1)).copied();
            let sound = owners.is_some_and(|owners| owners.contains(org, id));
            let key = *key.value();
            let damage = format_args!("usage of kind {kind} is noted of what is not there ({id})");
            self.derived(sound, org, damage, |tables| tables.usage.remove(&key).map(drop))?;
        }
        Ok(())
    }

    fn numbers(&mut self) -> Result<(), ReadError> {
        for row in self.tables.phone_numbers.range::<&[u8]>(..)? {
            let (key, bytes) = row?;
            if self.is_cut_short(("phone_numbers", 6), key.value(), None)? {
                continue;
            }
            let org = key::organization_of(key.value());
            self.row(org);
            let rebuilt = key::address_of(key.value()).map(|address| key::address(org, &address));
            let sound = rebuilt.as_deref() == Some(key.value());
            self.expect(sound, org, format_args!("the key of a phone number is no number"));
            let Some(number) = self.decode::<PhoneNumber>("phone_numbers", org, bytes.value()) else {
                continue;
            };
            self.given(org, "phone number", number.id.0, |given| &mut given.phone_number);
            if let Some(assistant) = number.assistant_id {
                let in_use = |found: Assistant| !found.is_deleted();
                let sound = Self::has(&self.tables.assistants, org, assistant.0, in_use)?;
                self.expect(sound, org, format_args!("phone number {} is of no assistant", number.id));
            }
        }
        Ok(())
    }

    pub(super) fn feed(&mut self) -> Result<(), ReadError> {
        let feed = &self.tables.feed;
        self.each::<FeedEntry>("feed", feed, |check, org, sequence, _| {
            let tally = check.tally(org);
            let due = tally.feed.max(tally.given.feed_forgotten).saturating_add(1);
            tally.feed = sequence;
            check.expect(sequence == due, org, format_args!("the feed has {sequence} where {due} is due"));
            Ok(())
        })?;
        Ok(())
    }

    pub(super) fn outbound(&mut self, logs: &Ids) -> Result<(), ReadError> {
        for row in self.tables.opt_outs.range::<&[u8]>(..)? {
            let (key, bytes) = row?;
            if self.is_cut_short(("opt_outs", 6), key.value(), None)? {
                continue;
            }
            let org = key::organization_of(key.value());
            self.row(org);
            let rebuilt =
                key::opt_out_parts(key.value()).map(|(ours, theirs)| key::opt_out(org, &ours, &theirs));
            let sound = rebuilt.as_deref() == Some(key.value());
            self.expect(sound, org, format_args!("the key of an opt-out is no two numbers"));
            self.decode::<OptOut>("opt_outs", org, bytes.value());
        }
        for row in self.tables.outbound_jobs.range::<&[u8; 20]>(..)? {
            let (key, bytes) = row?;
            let (org, uuid) = (key::organization_of(key.value()), key::job_uuid(key.value()));
            self.row(org);
            if let Some(job) = self.decode::<OutboundJob>("outbound_jobs", org, bytes.value()) {
                self.count(org, &job);
                self.waits(org, uuid, &job)?;
                self.job(org, uuid, &job, logs)?;
            }
        }
        for row in self.tables.partial_messages.range::<&key::JobKey>(..)? {
            let (key, bytes) = row?;
            let org = key::organization_of(key.value());
            self.row(org);
            self.decode::<PartialMessage>("partial_messages", org, bytes.value());
        }
        for row in self.tables.early_receipts.range::<&key::DedupeKey>(..)? {
            let (key, bytes) = row?;
            let org = key::organization_of(key.value());
            self.row(org);
            self.decode::<Vec<Receipt>>("early_receipts", org, bytes.value());
        }
        self.outbox()?;
        self.job_keys()
    }

    /// What the outbox and the idempotency keys must have of a job.
    fn waits(&mut self, org: OrganizationId, uuid: [u8; 16], job: &OutboundJob) -> Result<(), ReadError> {
        let name = Uuid::from_bytes(uuid);
        if let Some(place) = key::outbox_of(org, uuid, job)
            && !self.is_summed(Side::Record, Derived::Outbox, &place, &[job.provider as u8])
        {
            let found = self
                .tables
                .outbox
                .get(place.as_slice())?
                .is_some_and(|row| row.value() == [job.provider as u8]);
            let damage = format_args!("outbound job {name} is not in the outbox as it should be");
            self.derived(found, org, damage, |t| {
                t.outbox.insert(place.as_slice(), [job.provider as u8].as_slice()).map(drop)
            })?;
        }
        if let Some(key) = job.idempotency_key.as_ref().map(|key| key::job_key(org, key))
            && !self.is_summed(Side::Record, Derived::JobKey, &key, &uuid)
        {
            let found = self.tables.job_keys.get(&key)?.is_some_and(|named| named.value() == uuid);
            let damage = format_args!("outbound job {name} is not found by its idempotency key");
            self.derived(found, org, damage, |t| t.job_keys.insert(&key, uuid.as_slice()).map(drop))?;
        }
        Ok(())
    }

    fn outbox(&mut self) -> Result<(), ReadError> {
        for row in self.tables.outbox.range::<&[u8]>(..)? {
            let (key, provider) = row?;
            let key = key.value();
            if self.is_cut_short(("outbox", 38), key, Some(|t, key| t.outbox.remove(key).map(drop)))? {
                continue;
            }
            let org = key::organization_of(key);
            self.row(org);
            if self.is_summed(Side::Row, Derived::Outbox, key, provider.value()) {
                continue;
            }
            let own = match key::outbox_parts(key) {
                Some((.., uuid)) => {
                    self.has_job(org, uuid, |job| key::outbox_of(org, uuid, job).as_deref() == Some(key))?
                }
                None => false,
            };
            let damage = format_args!("a row of the outbox is of no job that waits there");
            self.derived(own, org, damage, |t| t.outbox.remove(key).map(drop))?;
        }
        Ok(())
    }

    fn job_keys(&mut self) -> Result<(), ReadError> {
        for row in self.tables.job_keys.range::<&key::JobKey>(..)? {
            let (key, uuid) = row?;
            let (key, org) = (*key.value(), key::organization_of(key.value()));
            self.row(org);
            if self.is_summed(Side::Row, Derived::JobKey, &key, uuid.value()) {
                continue;
            }
            let is_its = |job: &OutboundJob| {
                job.idempotency_key.as_ref().is_some_and(|given| key::job_key(org, given) == key)
            };
            let own = match uuid.value().try_into() {
                Ok(uuid) => self.has_job(org, uuid, is_its)?,
                Err(_) => false,
            };
            let damage = format_args!("an idempotency key is of no job that has it");
            self.derived(own, org, damage, |t| t.job_keys.remove(&key).map(drop))?;
        }
        Ok(())
    }

    fn has_job(
        &self,
        org: OrganizationId,
        uuid: [u8; 16],
        wanted: impl FnOnce(&OutboundJob) -> bool,
    ) -> Result<bool, ReadError> {
        let stored = self.tables.outbound_jobs.get(&key::job(org, uuid))?;
        Ok(stored.is_some_and(|bytes| record::decode("", bytes.value()).map_or(true, |job| wanted(&job))))
    }

    fn job(
        &mut self,
        org: OrganizationId,
        uuid: [u8; 16],
        job: &OutboundJob,
        logs: &Ids,
    ) -> Result<(), ReadError> {
        let name = Uuid::from_bytes(uuid);
        if let Some(log) = job.log_id {
            let sound = logs.contains(org, log.0) || self.may_be_purged(org, log.0);
            self.expect(sound, org, format_args!("outbound job {name} is of no message log"));
        }
        let Some(call) = job.call_id else { return Ok(()) };
        let mut archived = false;
        let there = self.has_call(org, call, |call| {
            archived = call.archived;
            true
        })?;
        let tally = self.tally(org);
        // What was sent stays when its conversation is archived, and for a while when this is deleted.
        let deleted = tally.forgotten_calls > 0 && (1..=tally.given.call).contains(&call.0);
        self.expect(there || deleted, org, format_args!("outbound job {name} is of no call"));
        let link = self.tables.threads.get(&key::thread(org, call, ThreadPart::Job, key::job_link(uuid)))?;
        let linked = link.is_some_and(|link| link.value().as_chunks().0.contains(&uuid));
        // An archive finds by it what waits to be sent; what was sent stays, and the first files have no links.
        let wanted = job.status == JobStatus::Queued && there && !archived;
        let damage = format_args!("outbound job {name} is not linked from call {call}");
        self.derived(linked || !wanted, org, damage, |tables| link_job(tables, org, call, uuid))
    }
}
