//! What users have read: who looks at a conversation marks it, and everything at once may be marked. It is a person's own
//! affair, so the feed does not tell of it, and what a user reads of a conversation goes with it.

use super::error::ReadError;
use super::key::{self, ForwardKey, ThreadPart};
use super::record;
use super::snapshot::Snapshot;
use super::tables::AnyTables;
use super::transaction::{Command, Tx, TxError};
use crate::model::account::User;
use crate::model::call::Call;
use crate::model::ids::{CallId, OrganizationId, UserId};
use crate::model::read_mark::{ReadMark, read_of};
use crate::model::time::Timestamp;
use redb::ReadableTable;

/// A user has seen a conversation up to a message.
#[derive(Clone, Copy, Debug)]
pub struct MarkRead {
    pub organization: OrganizationId,
    pub user_id: UserId,
    pub call_id: CallId,
    pub message_index: u32,
    pub now: Timestamp,
}

impl Command for MarkRead {
    /// False: it was read before, or there is no such conversation.
    type Outcome = bool;
    const NAME: &'static str = "mark_read";

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, TxError> {
        let (org, user, id) = (self.organization, self.user_id, self.call_id);
        let Some(call) = tx.call(org, id)?.filter(Call::is_conversation) else { return Ok(false) };
        let Some(read_before) = read_before(&tx.tables, org, user)? else { return Ok(false) };
        let message_index = self.message_index.min(call.message_count);
        if message_index <= marked(&tx.tables, org, user, id)?
            || is_old(&tx.tables, org, (id, message_index), read_before)?
        {
            return Ok(false);
        }
        let (tables, bytes) = tx.encoded(&ReadMark { message_index, read_at: self.now });
        tables.read_marks.insert(&key::read_mark(org, user, id), bytes)?;
        Ok(true)
    }
}

/// A user has seen all that there is.
#[derive(Clone, Copy, Debug)]
pub struct MarkAllRead {
    pub organization: OrganizationId,
    pub user_id: UserId,
    pub now: Timestamp,
}

impl Command for MarkAllRead {
    /// False: there is no such user, or it was so before.
    type Outcome = bool;
    const NAME: &'static str = "mark_all_read";

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, TxError> {
        let (org, user) = (self.organization, self.user_id);
        let Some(before) = read_before(&tx.tables, org, user)? else { return Ok(false) };
        let (first, last) =
            (key::read_mark(org, user, CallId(0)), key::read_mark(org, user, CallId(u64::MAX)));
        let rows = tx.tables.read_marks.range::<&ForwardKey>(&first..=&last)?;
        let marks = rows.map(|row| Ok(*row?.0.value())).collect::<Result<Vec<_>, TxError>>()?;
        for mark in &marks {
            tx.tables.read_marks.remove(mark)?;
        }
        let range = key::activity_range(org);
        let newest = tx.tables.activity.range::<&key::ActivityKey>(range.start()..=range.end())?.next();
        let newest = newest.transpose()?.map(|(key, _)| key::activity_parts(key.value()).0);
        // A clock that was set back leaves what is newer than now.
        let at = self.now.max(newest.unwrap_or(Timestamp::MIN)).max(before);
        if at > before {
            let (tables, bytes) = tx.encoded(&at);
            tables.read_before.insert(&key::serial(org, user.0), bytes)?;
        }
        Ok(at > before || !marks.is_empty())
    }
}

/// What users have read of a conversation goes with it.
pub(super) fn forget(tx: &mut Tx<'_>, org: OrganizationId, call: CallId) -> Result<(), TxError> {
    let range = key::serial_range(org);
    let users = tx.tables.users.range::<&key::SerialKey>(range.start()..=range.end())?;
    let users =
        users.map(|row| Ok(UserId(key::serial_id(row?.0.value())))).collect::<Result<Vec<_>, TxError>>()?;
    for user in users {
        let key = key::read_mark(org, user, call);
        // What removes nothing need not be told to followers.
        if tx.tables.read_marks.get(&key)?.is_some() {
            tx.tables.read_marks.remove(&key)?;
        }
    }
    Ok(())
}

impl Snapshot {
    /// How many messages of conversations a user has not read; each is given with how many it has and when it was last active.
    pub fn unread(
        &self,
        org: OrganizationId,
        user: UserId,
        rows: &[(CallId, u32, Timestamp)],
    ) -> Result<Vec<u32>, ReadError> {
        let Some(read_before) = read_before(&self.tables, org, user)? else { return Ok(vec![0; rows.len()]) };
        let unread = |&(call, count, last_activity): &(CallId, u32, Timestamp)| {
            if last_activity <= read_before {
                return Ok(0);
            }
            let is_old = |index| is_old(&self.tables, org, (call, index), read_before);
            Ok(count - read_of(count, marked(&self.tables, org, user, call)?, is_old)?)
        };
        rows.iter().map(unread).collect()
    }
}

/// Up to when a user has read everything: at first what was there before them. `None`: there is no such user.
fn read_before(
    tables: &impl AnyTables,
    org: OrganizationId,
    user: UserId,
) -> Result<Option<Timestamp>, ReadError> {
    let key = key::serial(org, user.0);
    if let Some(bytes) = tables.read_before().get(&key)? {
        return record::decode("read_before", bytes.value()).map(Some);
    }
    let user = tables.users().get(&key)?;
    let user = user.map(|bytes| record::decode::<User>("users", bytes.value())).transpose()?;
    Ok(user.map(|user| user.created_at))
}

/// The last message that is marked; 0: none.
fn marked(
    tables: &impl AnyTables,
    org: OrganizationId,
    user: UserId,
    call: CallId,
) -> Result<u32, ReadError> {
    let mark = tables.read_marks().get(&key::read_mark(org, user, call))?;
    let mark = mark.map(|bytes| record::decode::<ReadMark>("read_marks", bytes.value())).transpose()?;
    Ok(mark.map_or(0, |mark| mark.message_index))
}

fn is_old(
    tables: &impl AnyTables,
    org: OrganizationId,
    (call, index): (CallId, u32),
    read_before: Timestamp,
) -> Result<bool, ReadError> {
    let key = key::thread(org, call, ThreadPart::Message, u64::from(index));
    let Some(bytes) = tables.threads().get(&key)? else { return Ok(false) };
    Ok(record::decode_message(bytes.value())?.timestamp <= read_before)
}
