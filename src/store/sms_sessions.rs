//! Closing sessions: some at a time, each decided once more when it is written, so that what a message
//! has meanwhile brought to life, or another has closed, is left alone.

use super::activity_blocks;
use super::error::ReadError;
use super::key::{self, ActivityKey};
use super::record;
use super::snapshot::Snapshot;
use super::transaction::{Command, Tx, TxError};
use crate::model::address::Address;
use crate::model::call::Call;
use crate::model::feed::FeedEvent;
use crate::model::ids::{AssistantId, CallId, OrganizationId};
use crate::model::session::{Closing, SessionKey, decide_close};
use crate::model::time::Timestamp;
use redb::ReadableTableMetadata;
use std::iter::once;
use std::ops::Bound;

#[derive(Clone, Debug)]
pub struct CloseSessions {
    pub organization: OrganizationId,
    pub now: Timestamp,
    pub closing: Closing,
    pub calls: Vec<CallId>,
}

impl Command for CloseSessions {
    /// Those that this closed.
    type Outcome = Vec<SessionKey>;
    const NAME: &'static str = "close_sessions";

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<SessionKey>, TxError> {
        let org = self.organization;
        let mut closed = Vec::new();
        for &call_id in &self.calls {
            let Some(before) = tx.call(org, call_id)? else { continue };
            let Some(ended_at) = decide_close(&before, self.closing, self.now) else { continue };
            let session = SessionKey::of(&before);
            let call = Call { ended_at: Some(ended_at), ..before.clone() };
            tx.put_call(org, call_id, Some(&before), &call)?;
            if self.closing == Closing::Expired {
                tx.narrow_block(org, call_id, &call)?;
            }
            tx.unbind(org, &session, call_id)?;
            tx.append_feed(org, self.now, FeedEvent::ConversationEnded { call_id })?;
            closed.push(session);
        }
        Ok(closed)
    }
}

/// Which of an organization's sessions are looked at.
#[derive(Clone, Debug)]
pub enum SessionsOf {
    Everyone,
    Customer(Address, AssistantId),
}

impl Snapshot {
    /// How many sessions of all organizations are open: they live, or have expired and were not yet swept.
    pub fn open_sessions(&self) -> Result<u64, ReadError> {
        Ok(self.tables.sessions.len()?)
    }

    /// Looks from the key `from` on at `rows` sessions, or if it is for those that have expired until it found so
    /// many. Returns the conversations whose sessions this closing is about, and where to go on.
    pub fn sessions_to_close(
        &self,
        organization: OrganizationId,
        of: &SessionsOf,
        (closing, now): (Closing, Timestamp),
        from: Option<Vec<u8>>,
        rows: usize,
    ) -> Result<(Vec<CallId>, Option<Vec<u8>>), ReadError> {
        let prefix = match of {
            SessionsOf::Everyone if closing == Closing::Expired => {
                return self.sessions_that_are_over(organization, now, from, rows);
            }
            SessionsOf::Everyone => key::organization(organization).to_vec(),
            SessionsOf::Customer(customer, assistant) => {
                key::customer_and_assistant(organization, customer, *assistant)
            }
        };
        let (start, end) = key::starting_with(&prefix);
        let start = from.unwrap_or(start);
        let mut found = Vec::new();
        for (at, row) in self.tables.sessions.range(start.as_slice()..=end.as_slice())?.enumerate() {
            let (key, id) = row?;
            if at == rows {
                return Ok((found, Some(key.value().to_vec())));
            }
            let id = CallId(id.value());
            let Some(bytes) = self.tables.threads.get(&key::head(organization, id))? else { continue };
            let call: Call = record::decode("threads", bytes.value())?;
            found.extend(decide_close(&call, closing, now).map(|_| id));
        }
        Ok((found, None))
    }

    /// By the list: its blocks tell where sessions may be over, and little else is read. So it costs next to nothing
    /// that many live.
    fn sessions_that_are_over(
        &self,
        organization: OrganizationId,
        now: Timestamp,
        from: Option<Vec<u8>>,
        rows: usize,
    ) -> Result<(Vec<CallId>, Option<Vec<u8>>), ReadError> {
        let (first, last) = key::activity_range(organization).into_inner();
        let from = from.and_then(|key| key.try_into().ok());
        let (mut from, mut found) = (from.map_or(Bound::Included(first), Bound::Included), Vec::new());
        let all = (from, Bound::Included(last));
        let blocks = self.tables.activity_blocks.range::<&ActivityKey>((all.0.as_ref(), all.1.as_ref()))?;
        let ends = blocks.map(|block| {
            let (end, bytes) = block?;
            Ok::<_, ReadError>((*end.value(), activity_blocks::may_be_over(bytes.value(), now)))
        });
        // Beyond the last one there is nothing, unless the file was tampered with.
        for block in ends.chain(once(Ok((last, true)))) {
            let (end, may_be_over) = block?;
            if may_be_over && from != Bound::Excluded(end) {
                let range = (from.as_ref(), Bound::Included(&end));
                for row in self.tables.activity.range::<&ActivityKey>(range)? {
                    let (key, bytes) = row?;
                    if found.len() == rows {
                        return Ok((found, Some(key.value().to_vec())));
                    }
                    let parts = key::activity_parts(key.value());
                    let row = record::decode_activity_numbers(parts, bytes.value())?;
                    found.extend((row.ended_at.is_none() && row.expires_at <= now).then_some(row.id));
                }
            }
            from = Bound::Excluded(end);
        }
        Ok((found, None))
    }
}
