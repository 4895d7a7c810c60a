//! Threads and what is found through them: the list rows, the customers' index, the sessions.

use super::{Check, Derived, Side};
use crate::model::audit::AuditEntry;
use crate::model::call::Call;
use crate::model::ids::{CallId, OrganizationId};
use crate::model::message::Message;
use crate::model::message_log::MessageLog;
use crate::model::outbound::OutboundJob;
use crate::model::session::SessionKey;
use crate::model::time::Timestamp;
use crate::store::error::ReadError;
use crate::store::key::{self, ActivityKey, SerialKey, ThreadKey, ThreadPart};
use crate::store::record;
use crate::store::tables::Tables;
use redb::{ReadableTable, StorageError};

/// The thread whose rows are going by.
struct Thread {
    organization: OrganizationId,
    id: CallId,
    call: Option<Call>,
    messages: u64,
    /// All messages so far can be read and count up from 1.
    whole: bool,
    last: Option<Timestamp>,
    /// Those that an archived one has only until it is purged.
    rows: u64,
}

impl Check<'_, '_, '_> {
    pub(super) fn threads(&mut self) -> Result<(), ReadError> {
        let mut thread: Option<Thread> = None;
        for row in self.tables.threads.range::<&ThreadKey>(..)? {
            let (key, bytes) = row?;
            let key = key.value();
            let (organization, id) = (key::organization_of(key), key::call_of(key));
            self.row(organization);
            let mut current = match thread.take() {
                Some(same) if (same.organization, same.id) == (organization, id) => same,
                before => {
                    self.end_thread(before)?;
                    Thread { organization, id, call: None, messages: 0, whole: true, last: None, rows: 0 }
                }
            };
            self.thread_row(&mut current, key, bytes.value())?;
            thread = Some(current);
        }
        self.end_thread(thread)
    }

    fn thread_row(&mut self, thread: &mut Thread, key: &ThreadKey, bytes: &[u8]) -> Result<(), ReadError> {
        let (org, id, number) = (thread.organization, thread.id, key::thread_number(key));
        if *key == key::head(org, id) {
            thread.call = self.decode("threads", org, bytes);
            thread.last = thread.call.as_ref().map(|call| call.started_at);
            return thread.call.as_ref().map_or(Ok(()), |call| self.head(org, id, call));
        }
        let part = key::thread_part(key);
        // An import may give audit events to what was archived elsewhere.
        thread.rows += u64::from(part != Some(ThreadPart::Audit));
        match part {
            Some(ThreadPart::Log | ThreadPart::Audit)
                if self.is_summed(Side::Row, Derived::Link, key, bytes) =>
            {
                Ok(())
            }
            Some(ThreadPart::Log) => {
                let own = |log: MessageLog| log.call_id == Some(id);
                let own = Self::has(&self.tables.message_logs, org, number, own)?;
                let damage = format_args!("call {id} links to message log {number}, not one of its own");
                self.derived(own, org, damage, |t| t.threads.remove(key).map(drop))
            }
            Some(ThreadPart::Audit) => {
                let own = |entry: AuditEntry| entry.call_id == Some(id);
                let own = Self::has(&self.tables.audit_entries, org, number, own)?;
                let damage = format_args!("call {id} links to audit entry {number}, not one of its own");
                self.derived(own, org, damage, |t| t.threads.remove(key).map(drop))
            }
            Some(ThreadPart::Job) => self.jobs(org, id, key, bytes),
            Some(ThreadPart::Message) => {
                self.message(thread, number, bytes);
                Ok(())
            }
            Some(ThreadPart::Head) | None => {
                self.expect(false, org, format_args!("call {id} has a row of an unknown kind"));
                Ok(())
            }
        }
    }

    fn jobs(
        &mut self,
        org: OrganizationId,
        id: CallId,
        key: &ThreadKey,
        bytes: &[u8],
    ) -> Result<(), ReadError> {
        let (uuids, rest) = bytes.as_chunks();
        let mut own = Vec::new();
        for uuid in uuids {
            let job = self.tables.outbound_jobs.get(&key::job(org, *uuid))?;
            let of_call = |job: OutboundJob| job.call_id == Some(id);
            let is_own = job.is_some_and(|job| record::decode("", job.value()).map_or(true, of_call));
            if is_own && key::job_link(*uuid) == key::thread_number(key) {
                own.extend_from_slice(uuid);
            }
        }
        let sound = rest.is_empty() && !own.is_empty() && own.len() == bytes.len();
        let damage = format_args!("call {id} links to an outbound job, not one of its own");
        self.derived(sound, org, damage, |t| match own.is_empty() {
            true => t.threads.remove(key).map(drop),
            false => t.threads.insert(key, own.as_slice()).map(drop),
        })
    }

    fn message(&mut self, thread: &mut Thread, number: u64, bytes: &[u8]) {
        let (org, id, due) = (thread.organization, thread.id, thread.messages.saturating_add(1));
        self.expect(number == due, org, format_args!("call {id} has message {number} where {due} is due"));
        thread.messages = number;
        let message = self.decode::<Message<'_>>("threads", org, bytes);
        thread.whole &= number == due && message.is_some();
        let Some(message) = message else { return };
        self.given(org, "message", message.id.0, |given| &mut given.message);
        let follows = thread.last.is_none_or(|last| last <= message.timestamp);
        let damage = format_args!("message {number} of call {id} is older than what comes before it");
        self.expect(follows, org, damage);
        thread.last = Some(message.timestamp);
    }

    /// A call record against everything that is found by it.
    fn head(&mut self, org: OrganizationId, id: CallId, call: &Call) -> Result<(), ReadError> {
        self.given(org, "call", id.0, |given| &mut given.call);
        let known = self.assistants.contains(org, call.assistant_id.0);
        self.expect(known, org, format_args!("call {id} is of no assistant"));
        let by_customer = key::customer(org, &call.customer, call.assistant_id, call.started_at, id);
        let by_customer = by_customer.as_slice();
        if !self.is_summed(Side::Record, Derived::ByCustomer, by_customer, &[]) {
            let found = self.tables.calls_by_customer.get(by_customer)?.is_some();
            self.derived(found, org, format_args!("call {id} is not found by its customer"), |t| {
                t.calls_by_customer.insert(by_customer, [].as_slice()).map(drop)
            })?;
        }
        if !call.is_conversation() {
            return Ok(());
        }
        self.tally(org).conversations += 1;
        self.list_row(org, id, call)?;
        let longest = self.tally(org).given.longest_ttl_seconds;
        let expires_at = call.conversation(id).expires_at;
        if expires_at > call.last_activity.plus_seconds(longest) {
            let lasts = expires_at.0.saturating_sub(call.last_activity.0).unsigned_abs().div_ceil(1_000_000);
            let damage = format_args!("conversation {id} expires later than the longest session does");
            self.raise(org, lasts, |given| &mut given.longest_ttl_seconds, damage);
        }
        if call.ended_at.is_none() { self.open_session(org, id, call) } else { Ok(()) }
    }

    fn list_row(&mut self, org: OrganizationId, id: CallId, call: &Call) -> Result<(), ReadError> {
        let (place, mut bytes) = (key::activity(org, call.last_activity, id), Vec::new());
        record::encode_activity(&call.conversation(id), &mut bytes);
        if self.is_summed(Side::Record, Derived::ListRow, &place, &bytes) {
            return Ok(());
        }
        let listed = self.tables.activity.get(&place)?;
        let fix = |t: &mut Tables<'_>| t.activity.insert(&place, bytes.as_slice()).map(drop);
        let parts = key::activity_parts(&place);
        let row = listed.as_ref().map(|row| record::decode_activity(parts, row.value()));
        let sound = matches!(&row, Some(Ok(row)) if *row == call.conversation(id));
        self.told.unlisted |= !sound;
        match row {
            Some(Ok(_)) => {
                let damage = format_args!("the list row of conversation {id} is not as its record");
                self.derived(sound, org, damage, fix)
            }
            Some(Err(error)) => self.derived(false, org, format_args!("conversation {id}: {error}"), fix),
            None => self.derived(false, org, format_args!("conversation {id} has no list row"), fix),
        }
    }

    fn open_session(&mut self, org: OrganizationId, id: CallId, call: &Call) -> Result<(), ReadError> {
        let session = session_of(org, call);
        let session = session.as_slice();
        if self.is_summed(Side::Record, Derived::Session, session, &id.0.to_be_bytes()) {
            return Ok(());
        }
        let named = self.tables.sessions.get(session)?.map(|named| CallId(named.value()));
        let damage = format_args!("conversation {id} is open, but its session does not name it");
        let rival = named.filter(|named| *named != id);
        if let Some(rival) = rival
            && self.has_call(org, rival, |call| is_open_of(org, &call, session))?
        {
            // Both are records: which of them is to live, nothing here can tell.
            self.expect(false, org, damage);
            return Ok(());
        }
        self.derived(named == Some(id), org, damage, |t| {
            let gone = t.sessions.get(session)?.is_none_or(|now| Some(CallId(now.value())) == rival);
            if gone { t.sessions.insert(session, id.0).map(drop) } else { Ok(()) }
        })
    }

    fn end_thread(&mut self, thread: Option<Thread>) -> Result<(), ReadError> {
        let Some(Thread { organization: org, id, call, messages, whole, last, rows }) = thread else {
            return Ok(());
        };
        let Some(call) = call else {
            self.expect(false, org, format_args!("call {id} has rows, but no readable record"));
            return Ok(());
        };
        if call.archived {
            // It has lost its messages, or is losing them.
            let purge = key::serial(org, id.0);
            let sound = rows == 0 || self.tables.purges.get(&purge)?.is_some();
            let damage = format_args!("call {id} is archived and has {rows} rows that nobody is to purge");
            return self.derived(sound, org, damage, |t| t.purges.insert(&purge, [].as_slice()).map(drop));
        }
        let last = last.filter(|_| messages > 0).unwrap_or(call.last_activity);
        let count = u32::try_from(messages).unwrap_or(u32::MAX);
        let (counted, active) = (call.message_count, call.last_activity);
        let counts = format_args!("call {id} counts {counted} messages and has {messages}");
        let ends = format_args!("call {id} was last active at {active}, its last message is of {last}");
        if !whole {
            // What is missing may be the end.
            self.expect(u64::from(counted) == messages, org, counts);
            return Ok(());
        }
        let after = Call { message_count: count, last_activity: last, ..call.clone() };
        self.derived(counted == count, org, counts, |t| put(t, org, id, &call, &after))?;
        self.derived(active == last, org, ends, |t| put(t, org, id, &call, &after))
    }

    pub(super) fn purges(&mut self) -> Result<(), ReadError> {
        for row in self.tables.purges.range::<&SerialKey>(..)? {
            let (key, _) = row?;
            let (org, id) = (key::organization_of(key.value()), CallId(key::serial_id(key.value())));
            self.row(org);
            let archived = self.has_call(org, id, |call| call.archived)?;
            let damage = format_args!("call {id} is to be purged, but is not archived");
            self.derived(archived, org, damage, |t| t.purges.remove(key.value()).map(drop))?;
        }
        Ok(())
    }

    /// Each row of the list and of the customers' index is that of a call record.
    pub(super) fn lists(&mut self) -> Result<(), ReadError> {
        for row in self.tables.activity.range::<&ActivityKey>(..)? {
            let (key, bytes) = row?;
            let (key, org) = (key.value(), key::organization_of(key.value()));
            self.row(org);
            if self.is_summed(Side::Row, Derived::ListRow, key, bytes.value()) {
                continue;
            }
            let (last_activity, id) = key::activity_parts(key);
            let own = |call: Call| call.is_conversation() && call.last_activity == last_activity;
            let sound = self.has_call(org, id, own)?;
            self.told.unlisted |= !sound;
            let damage = format_args!("a list row at {last_activity} is of no conversation ({id})");
            self.derived(sound, org, damage, |t| t.activity.remove(key).map(drop))?;
        }
        for row in self.tables.calls_by_customer.range::<&[u8]>(..)? {
            let (key, bytes) = row?;
            let key = key.value();
            if self.is_cut_short(
                ("calls_by_customer", 12),
                key,
                Some(|t, key| t.calls_by_customer.remove(key).map(drop)),
            )? {
                continue;
            }
            let (org, id) = (key::organization_of(key), key::customer_call(key));
            self.row(org);
            if self.is_summed(Side::Row, Derived::ByCustomer, key, bytes.value()) {
                continue;
            }
            let own = |call: Call| {
                key::customer(org, &call.customer, call.assistant_id, call.started_at, id) == key
            };
            let sound = self.has_call(org, id, own)?;
            let damage = format_args!("a row of the customers' index is of no call ({id})");
            self.derived(sound, org, damage, |t| t.calls_by_customer.remove(key).map(drop))?;
        }
        Ok(())
    }

    pub(super) fn sessions(&mut self) -> Result<(), ReadError> {
        for row in self.tables.sessions.range::<&[u8]>(..)? {
            let (key, id) = row?;
            let key = key.value();
            if self.is_cut_short(("sessions", 12), key, Some(|t, key| t.sessions.remove(key).map(drop)))? {
                continue;
            }
            let (org, id) = (key::organization_of(key), CallId(id.value()));
            self.row(org);
            if self.is_summed(Side::Row, Derived::Session, key, &id.0.to_be_bytes()) {
                continue;
            }
            let sound = self.has_call(org, id, |call| is_open_of(org, &call, key))?;
            let damage = format_args!("a session names call {id}, not an open one of that session");
            self.derived(sound, org, damage, |t| {
                // By now it may name another.
                let still = t.sessions.get(key)?.is_some_and(|named| named.value() == id.0);
                if still { t.sessions.remove(key).map(drop) } else { Ok(()) }
            })?;
        }
        Ok(())
    }
}

fn session_of(organization: OrganizationId, call: &Call) -> Vec<u8> {
    key::session(organization, &SessionKey::of(call))
}

fn is_open_of(organization: OrganizationId, call: &Call, session: &[u8]) -> bool {
    call.is_conversation() && call.ended_at.is_none() && session_of(organization, call) == session
}

/// Writes a call record that its messages put right, and its list row.
fn put(
    tables: &mut Tables<'_>,
    org: OrganizationId,
    id: CallId,
    before: &Call,
    after: &Call,
) -> Result<(), StorageError> {
    let mut bytes = Vec::new();
    record::encode(after, &mut bytes);
    tables.threads.insert(&key::head(org, id), bytes.as_slice())?;
    if after.is_conversation() {
        tables.activity.remove(&key::activity(org, before.last_activity, id))?;
        record::encode_activity(&after.conversation(id), &mut bytes);
        tables.activity.insert(&key::activity(org, after.last_activity, id), bytes.as_slice())?;
    }
    Ok(())
}
