//! Some messages of a thread with the carrier's side of each, and what was said last in some threads.

use super::error::ReadError;
use super::key::{self, ThreadKey, ThreadPart};
use super::log_row;
use super::record;
use super::snapshot::Snapshot;
use crate::model::call::Call;
use crate::model::ids::{CallId, MessageLogId, OrganizationId};
use crate::model::message::Role;
use crate::model::message_log::MessageLog;
use crate::model::thread_message::{APART_SECONDS, ThreadMessage, pair};

/// So many messages before and after are looked at too: a log may be of one of those.
const MORE_MESSAGES: u32 = 16;
/// After so many logs that are too old no other is expected: imported ones may lie in another order.
const OLD_LOGS: u32 = 16;
const LOGS_A_MESSAGE: usize = 4;

/// Which messages of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// The last so many before an index.
    Before { index: u32, limit: u32 },
    /// At most so many from an index on.
    From { index: u32, limit: u32 },
}

impl Stretch {
    /// The first and the last index of it in a thread of so many; of nothing the first is the greater.
    fn indexes(self, count: u32) -> (u32, u32) {
        match self {
            Stretch::Before { index, limit } => {
                let last = index.saturating_sub(1).min(count);
                (last.saturating_sub(limit) + 1, last)
            }
            Stretch::From { index, limit } => {
                let first = index.max(1);
                (first, first.saturating_add(limit).saturating_sub(1).min(count))
            }
        }
    }
}

impl Snapshot {
    /// The messages of a stretch in order, each with its log. `None`: the conversation is unknown, archived or a voice call.
    pub fn thread_messages(
        &self,
        organization: OrganizationId,
        id: CallId,
        stretch: Stretch,
    ) -> Result<Option<(Call, Vec<ThreadMessage>)>, ReadError> {
        let Some(call) = self.call(organization, id)?.filter(Call::is_conversation) else {
            return Ok(None);
        };
        let (first, last) = stretch.indexes(call.message_count);
        if first > last {
            return Ok(Some((call, Vec::new())));
        }
        let key = |index| key::thread(organization, id, ThreadPart::Message, u64::from(index));
        let (from, to) =
            (key(first.saturating_sub(MORE_MESSAGES).max(1)), key(last.saturating_add(MORE_MESSAGES)));
        let mut messages = Vec::new();
        for row in self.tables.threads.range::<&ThreadKey>(&from..=&to)? {
            let (key, bytes) = row?;
            let index = u32::try_from(key::thread_number(key.value())).unwrap_or(u32::MAX);
            messages.push(ThreadMessage::new(index, &record::decode_message(bytes.value())?));
        }
        let logs = self.logs_beside(organization, id, &messages)?;
        pair(&mut messages, logs);
        messages.retain(|message| (first..=last).contains(&message.index));
        Ok(Some((call, messages)))
    }

    /// The logs of the time of these messages, the oldest first. Nothing tells where they lie among those of the thread: it
    /// is looked for from the newest on.
    fn logs_beside(
        &self,
        organization: OrganizationId,
        id: CallId,
        messages: &[ThreadMessage],
    ) -> Result<Vec<(MessageLogId, MessageLog)>, ReadError> {
        let [Some(oldest), Some(newest)] = [messages.first(), messages.last()] else { return Ok(Vec::new()) };
        let from = oldest.timestamp.minus_seconds(APART_SECONDS);
        let to = newest.timestamp.plus_seconds(APART_SECONDS);
        let key = |number| key::thread(organization, id, ThreadPart::Log, number);
        let (mut logs, mut old) = (Vec::new(), 0);
        for row in self.tables.threads.range::<&ThreadKey>(&key(0)..=&key(u64::MAX))?.rev() {
            let number = key::thread_number(row?.0.value());
            let stored = self.tables.message_logs.get(&key::serial(organization, number))?;
            let Some(bytes) = stored else { continue };
            let created_at = log_row::read(bytes.value())?.created_at;
            if (from..=to).contains(&created_at) {
                logs.push((MessageLogId(number), record::decode("message_logs", bytes.value())?));
            }
            old += u32::from(created_at < from);
            if old == OLD_LOGS || logs.len() >= LOGS_A_MESSAGE * messages.len() {
                break;
            }
        }
        logs.reverse();
        Ok(logs)
    }

    /// Who said what with this index, cut after so many characters. `None`: there is no such conversation or message.
    pub fn said(
        &self,
        organization: OrganizationId,
        (id, index): (CallId, u32),
        characters: usize,
    ) -> Result<Option<(Role, String)>, ReadError> {
        if !self.conversation(organization, id, |_| ())? {
            return Ok(None);
        }
        let key = key::thread(organization, id, ThreadPart::Message, u64::from(index));
        let Some(bytes) = self.tables.threads.get(&key)? else { return Ok(None) };
        let message = record::decode_message(bytes.value())?;
        Ok(Some((message.role, message.content.chars().take(characters).collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::Stretch::{self, Before, From};

    #[test]
    fn a_stretch_is_cut_to_what_is_there() {
        let rows: [(Stretch, u32, (u32, u32)); 10] = [
            (Before { index: u32::MAX, limit: 3 }, 10, (8, 10)),
            (Before { index: 8, limit: 3 }, 10, (5, 7)),
            (Before { index: 3, limit: 50 }, 10, (1, 2)),
            (Before { index: 1, limit: 50 }, 10, (1, 0)),
            (Before { index: 0, limit: 50 }, 10, (1, 0)),
            (Before { index: 5, limit: 0 }, 10, (5, 4)),
            (From { index: 9, limit: 50 }, 10, (9, 10)),
            (From { index: 0, limit: 2 }, 10, (1, 2)),
            (From { index: 11, limit: 50 }, 10, (11, 10)),
            (From { index: u32::MAX, limit: u32::MAX }, 10, (u32::MAX, 10)),
        ];
        for (stretch, count, wanted) in rows {
            assert_eq!(stretch.indexes(count), wanted, "{stretch:?}");
        }
    }
}
