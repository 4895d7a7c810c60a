//! What is to be forwarded and what is parked: each is of a message log of its conversation, and not both.

use super::{Check, push};
use crate::model::forward::{Forward, ParkedEvent};
use crate::model::ids::{CallId, MessageLogId, OrganizationId};
use crate::model::message_log::MessageLog;
use crate::store::error::ReadError;
use crate::store::key::{self, ForwardKey};
use crate::store::sequences::Sequences;

impl Check<'_, '_, '_> {
    pub(super) fn forwards(&mut self) -> Result<(), ReadError> {
        let tables = self.tables;
        for row in tables.forwards.range::<&ForwardKey>(..)? {
            let (key, bytes) = row?;
            let (org, call, log) = key::forward_parts(key.value());
            self.row(org);
            self.decode::<Forward>("forwards", org, bytes.value());
            let holds = self.is_log_of(org, log, call)?;
            let damage =
                format_args!("what is to be forwarded of message log {log} is of no log of call {call}");
            self.derived(holds, org, damage, |t| t.forwards.remove(key.value()).map(drop))?;
        }
        self.each::<ParkedEvent>("parked_events", &tables.parked_events, |check, org, id, parked| {
            let (call, log) = (parked.call_id, MessageLogId(id));
            let waits = check.tables.forwards.get(&key::forward(org, call, log))?.is_some();
            let holds = check.is_log_of(org, log, call)? && !waits;
            let damage = format_args!("parked event {id} is of no message log of call {call}, or not parked");
            check.derived(holds, org, damage, |t| t.parked_events.remove(&key::serial(org, id)).map(drop))
        })?;
        Ok(())
    }

    /// Nobody looks beyond the feed's end. Where its sequence was lost, so was how far it was looked through: what is
    /// old is not forwarded again.
    pub(super) fn looked_through(&mut self, org: OrganizationId, feed: u64, stored: Sequences) {
        let end = feed.max(stored.feed);
        let (beyond, lost) = (stored.forwarded > end, stored.feed < feed);
        let damage = format_args!("the feed is looked through up to {}, and ends at {end}", stored.forwarded);
        if self.mending.is_none() {
            return self.expect(!beyond, org, damage);
        }
        if beyond || lost {
            let tally = self.tally(org);
            (tally.given.forwarded, tally.raised) = (end, true);
            self.told.mends += 1;
            push(&mut self.told.mended, org, damage);
        }
    }

    fn is_log_of(&self, org: OrganizationId, log: MessageLogId, call: CallId) -> Result<bool, ReadError> {
        Check::has(&self.tables.message_logs, org, log.0, |log: MessageLog| log.call_id == Some(call))
    }
}
