//! Threads and what is found through them: the list rows, the customers' index, the sessions.

use super::Check;
use crate::model::audit::AuditEntry;
use crate::model::call::Call;
use crate::model::ids::{CallId, OrganizationId};
use crate::model::message::Message;
use crate::model::message_log::MessageLog;
use crate::model::outbound::OutboundJob;
use crate::model::session::SessionKey;
use crate::store::error::ReadError;
use crate::store::key::{self, ActivityKey, SerialKey, ThreadKey, ThreadPart};
use crate::store::record;

/// The thread whose rows are going by.
struct Thread {
    organization: OrganizationId,
    id: CallId,
    call: Option<Call>,
    messages: u64,
    /// Those that an archived one has only until it is purged.
    rows: u64,
}

impl Check<'_> {
    pub(super) fn threads(&mut self) -> Result<(), ReadError> {
        let mut thread: Option<Thread> = None;
        for row in self.tables.threads.range::<&ThreadKey>(..)? {
            let (key, bytes) = row?;
            let key = key.value();
            let (organization, id) = (key::organization_of(key), key::call_of(key));
            let mut current = match thread.take() {
                Some(same) if (same.organization, same.id) == (organization, id) => same,
                before => {
                    self.end_thread(before)?;
                    Thread { organization, id, call: None, messages: 0, rows: 0 }
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
            return thread.call.as_ref().map_or(Ok(()), |call| self.head(org, id, call));
        }
        let part = key::thread_part(key);
        // An import may give audit events to what was archived elsewhere.
        thread.rows += u64::from(part != Some(ThreadPart::Audit));
        if part == Some(ThreadPart::Log) {
            let log: Option<MessageLog> = Self::find(&self.tables.message_logs, org, number)?;
            let back = log.is_some_and(|log| log.call_id == Some(id));
            self.expect(
                back,
                org,
                format_args!("call {id} links to message log {number}, not one of its own"),
            );
        } else if part == Some(ThreadPart::Audit) {
            let entry: Option<AuditEntry> = Self::find(&self.tables.audit_entries, org, number)?;
            let back = entry.is_some_and(|entry| entry.call_id == Some(id));
            self.expect(
                back,
                org,
                format_args!("call {id} links to audit entry {number}, not one of its own"),
            );
        } else if part == Some(ThreadPart::Job) {
            for uuid in bytes.as_chunks().0 {
                let job = self.tables.outbound_jobs.get(&key::job(org, *uuid))?;
                let job = job.and_then(|job| record::decode::<OutboundJob>("", job.value()).ok());
                let back = job.is_some_and(|job| job.call_id == Some(id));
                self.expect(
                    back,
                    org,
                    format_args!("call {id} links to an outbound job, not one of its own"),
                );
            }
        } else if part == Some(ThreadPart::Message) {
            let due = thread.messages + 1;
            self.expect(
                number == due,
                org,
                format_args!("call {id} has message {number} where {due} is due"),
            );
            thread.messages = number;
            if let Some(message) = self.decode::<Message<'_>>("threads", org, bytes) {
                self.given(org, "message", message.id.0, |given| given.message);
            }
        } else {
            self.tell(org, format_args!("call {id} has a row of an unknown kind"));
        }
        Ok(())
    }

    /// A call record against everything that is found by it.
    fn head(&mut self, org: OrganizationId, id: CallId, call: &Call) -> Result<(), ReadError> {
        self.given(org, "call", id.0, |given| given.call);
        let by_customer = key::customer(org, &call.customer, call.assistant_id, call.started_at, id);
        let found = self.tables.calls_by_customer.get(by_customer.as_slice())?;
        self.expect(found.is_some(), org, format_args!("call {id} is not found by its customer"));
        if !call.is_conversation() {
            return Ok(());
        }
        self.tally(org).conversations += 1;
        let place = key::activity(org, call.last_activity, id);
        let listed = self.tables.activity.get(&place)?;
        let row =
            listed.as_ref().map(|row| record::decode_activity(key::activity_parts(&place), row.value()));
        match row {
            Some(Ok(row)) if row == call.conversation(id) => {}
            Some(Ok(_)) => {
                self.tell(org, format_args!("the list row of conversation {id} is not as its record"))
            }
            Some(Err(error)) => self.tell(org, format_args!("conversation {id}: {error}")),
            None => self.tell(org, format_args!("conversation {id} has no list row")),
        }
        let longest = self.tally(org).given.longest_ttl_seconds;
        let covered = call.conversation(id).expires_at <= call.last_activity.plus_seconds(longest);
        self.expect(
            covered,
            org,
            format_args!("conversation {id} expires later than the longest session does"),
        );
        if call.ended_at.is_none() {
            let session = self.tables.sessions.get(session_of(org, call).as_slice())?;
            let named = session.is_some_and(|named| named.value() == id.0);
            self.expect(
                named,
                org,
                format_args!("conversation {id} is open, but its session does not name it"),
            );
        }
        Ok(())
    }

    fn end_thread(&mut self, thread: Option<Thread>) -> Result<(), ReadError> {
        let Some(Thread { organization, id, call, messages, rows }) = thread else { return Ok(()) };
        match call {
            // An archived thread has lost its messages, or is losing them.
            Some(call) if call.archived => {
                let purge = self.tables.purges.get(&key::serial(organization, id.0))?;
                let damage =
                    format_args!("call {id} is archived and has {rows} rows that nobody is to purge");
                self.expect(rows == 0 || purge.is_some(), organization, damage);
            }
            Some(call) if u64::from(call.message_count) == messages => {}
            Some(call) => {
                let counted = call.message_count;
                self.tell(
                    organization,
                    format_args!("call {id} counts {counted} messages and has {messages}"),
                );
            }
            None => self.tell(organization, format_args!("call {id} has rows, but no readable record")),
        }
        Ok(())
    }

    pub(super) fn purges(&mut self) -> Result<(), ReadError> {
        for row in self.tables.purges.range::<&SerialKey>(..)? {
            let (key, _) = row?;
            let (org, id) = (key::organization_of(key.value()), CallId(key::serial_id(key.value())));
            let archived = self.call(org, id)?.is_some_and(|call| call.archived);
            self.expect(archived, org, format_args!("call {id} is to be purged, but is not archived"));
        }
        Ok(())
    }

    /// Each row of the list and of the customers' index is that of a call record.
    pub(super) fn lists(&mut self) -> Result<(), ReadError> {
        for row in self.tables.activity.range::<&ActivityKey>(..)? {
            let (key, _) = row?;
            let org = key::organization_of(key.value());
            let (last_activity, id) = key::activity_parts(key.value());
            let call = self.call(org, id)?;
            let sound =
                call.is_some_and(|call| call.is_conversation() && call.last_activity == last_activity);
            self.expect(
                sound,
                org,
                format_args!("a list row at {last_activity} is of no conversation ({id})"),
            );
        }
        for row in self.tables.calls_by_customer.range::<&[u8]>(..)? {
            let (key, _) = row?;
            if self.is_cut_short("calls_by_customer", key.value()) {
                continue;
            }
            let (org, id) = (key::organization_of(key.value()), key::customer_call(key.value()));
            let call = self.call(org, id)?;
            let rebuilt =
                call.map(|call| key::customer(org, &call.customer, call.assistant_id, call.started_at, id));
            let sound = rebuilt.as_deref() == Some(key.value());
            self.expect(sound, org, format_args!("a row of the customers' index is of no call ({id})"));
        }
        Ok(())
    }

    pub(super) fn sessions(&mut self) -> Result<(), ReadError> {
        for row in self.tables.sessions.range::<&[u8]>(..)? {
            let (key, id) = row?;
            if self.is_cut_short("sessions", key.value()) {
                continue;
            }
            let (org, id) = (key::organization_of(key.value()), CallId(id.value()));
            let call = self.call(org, id)?.filter(|call| call.is_conversation() && call.ended_at.is_none());
            let sound = call.is_some_and(|call| session_of(org, &call) == key.value());
            self.expect(
                sound,
                org,
                format_args!("a session names call {id}, not an open one of that session"),
            );
        }
        Ok(())
    }
}

fn session_of(organization: OrganizationId, call: &Call) -> Vec<u8> {
    key::session(organization, &SessionKey::of(call))
}
