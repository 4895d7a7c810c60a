//! Reads of conversations and their messages; `conversation_list` has the list.

use super::error::ReadError;
use super::key::{self, ThreadKey, ThreadPart};
use super::record;
use super::sequences::Count;
use super::snapshot::Snapshot;
use crate::model::address::Address;
use crate::model::call::{Call, Conversation, ConversationFilter};
use crate::model::ids::{AssistantId, CallId, OrganizationId};
use crate::model::message::{Message, MessageRange};
use crate::model::page::{Page, Pager, Turn};
use crate::model::time::Timestamp;
use std::cmp::Reverse;

impl Snapshot {
    /// One whole number: its records are few, and found by the customer's index.
    pub(super) fn list_of_customer(
        &self,
        (organization, customer): (OrganizationId, &Address),
        filter: &ConversationFilter,
        page: Page,
        now: Timestamp,
        most: u64,
        mut visit: impl FnMut(&Conversation<'_>),
    ) -> Result<bool, ReadError> {
        let (from, to) = key::starting_with(&key::address(organization, customer));
        let (mut found, mut records) = (Vec::new(), 0);
        for row in self.tables.calls_by_customer.range(from.as_slice()..=to.as_slice())? {
            records += 1;
            if records > most {
                return Ok(false);
            }
            let id = key::customer_call(row?.0.value());
            let Some(stored) = self.tables.threads.get(&key::head(organization, id))? else { continue };
            let call = record::decode_conversation(id, stored.value())?;
            if let Some(call) = call.filter(|call| filter.matches(call, now)) {
                found.push((Reverse((call.last_activity, id)), stored));
            }
        }
        found.sort_by_key(|(place, _)| *place);
        let mut pager = Pager::new(page);
        for (Reverse((_, id)), stored) in &found {
            if pager.turn() == Turn::Take {
                record::decode_conversation(*id, stored.value())?.iter().for_each(&mut visit);
            }
        }
        Ok(true)
    }

    /// Visits the call records of a customer and an assistant, of both channels, newest start first.
    /// Archived ones are left out. `visit` tells whether it wants more.
    pub fn related(
        &self,
        organization: OrganizationId,
        customer: &Address,
        assistant_id: AssistantId,
        mut visit: impl FnMut(CallId, &Call) -> bool,
    ) -> Result<(), ReadError> {
        let prefix = key::customer_and_assistant(organization, customer, assistant_id);
        let (from, to) = key::starting_with(&prefix);
        for row in self.tables.calls_by_customer.range(from.as_slice()..=to.as_slice())? {
            let id = key::customer_call(row?.0.value());
            let call = self.call(organization, id)?.filter(|call| !call.archived);
            if call.is_some_and(|call| !visit(id, &call)) {
                break;
            }
        }
        Ok(())
    }

    /// How many conversations the list has without a filter.
    pub fn conversation_count(&self, organization: OrganizationId) -> Result<u64, ReadError> {
        self.counted(organization, Count::Conversations, 0)
    }

    /// A call record of either channel, archived ones too.
    pub fn call(&self, organization: OrganizationId, id: CallId) -> Result<Option<Call>, ReadError> {
        let stored = self.tables.threads.get(&key::head(organization, id))?;
        stored.map(|bytes| record::decode("threads", bytes.value())).transpose()
    }

    /// Visits one conversation. `false`: it is unknown, archived or a voice call.
    pub fn conversation(
        &self,
        organization: OrganizationId,
        id: CallId,
        visit: impl FnOnce(&Conversation<'_>),
    ) -> Result<bool, ReadError> {
        let Some(stored) = self.tables.threads.get(&key::head(organization, id))? else {
            return Ok(false);
        };
        let conversation = record::decode_conversation(id, stored.value())?;
        Ok(conversation.map(|conversation| visit(&conversation)).is_some())
    }

    /// Visits messages of a conversation in the order of their index. From the first message on, the
    /// conversation and its messages are one scan.
    pub fn messages(
        &self,
        organization: OrganizationId,
        id: CallId,
        range: MessageRange,
        at_most: u32,
        mut visit: impl FnMut(u32, &Message<'_>),
    ) -> Result<Thread, ReadError> {
        let key = |index: u32| key::thread(organization, id, ThreadPart::Message, u64::from(index));
        let (first, last) = range.indexes().unwrap_or((u32::MAX, 0));
        let (start, end) = (key::head(organization, id), key(if first == 1 { last } else { 0 }));
        let mut rows = self.tables.threads.range::<&ThreadKey>(&start..=&end)?;
        let Some(call) = rows.next().transpose()? else {
            return Ok(Thread::NotThere);
        };
        if *call.0.value() != start {
            return Ok(Thread::NotThere);
        }
        let Some(call) = record::decode_conversation(id, call.1.value())? else {
            return Ok(Thread::NotThere);
        };
        if call.message_count > at_most {
            return Ok(Thread::TooLong);
        }
        if first > 1 && first <= last {
            rows = self.tables.threads.range::<&ThreadKey>(&key(first)..=&key(last))?;
        }
        for row in rows {
            let (key, bytes) = row?;
            let index = u32::try_from(key::thread_number(key.value())).unwrap_or(u32::MAX);
            visit(index, &record::decode_message(bytes.value())?);
        }
        Ok(Thread::Visited)
    }
}

/// What became of reading a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thread {
    Visited,
    /// No such conversation, or an archived one.
    NotThere,
    /// It has more messages than the caller wants to wait for here; none was visited.
    TooLong,
}
