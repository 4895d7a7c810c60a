//! A message of a thread with the carrier's side of it. Messages and logs do not name each other; what we store of both is
//! of one commit and one moment, and what was imported is of about one.

use super::call::Direction;
use super::ids::MessageLogId;
use super::message::{Message, Role};
use super::message_log::MessageLog;
use super::time::Timestamp;

/// Imported messages and their logs may be so far apart: whoever wrote them did one after the other.
pub const APART_SECONDS: u64 = 60;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadMessage {
    pub index: u32,
    pub role: Role,
    pub content: String,
    pub timestamp: Timestamp,
    pub llm_provider: Option<String>,
    pub llm_model: Option<String>,
    /// None: no carrier had to do with it, or nothing is kept of that.
    pub log: Option<(MessageLogId, MessageLog)>,
}

impl ThreadMessage {
    pub fn new(index: u32, message: &Message<'_>) -> ThreadMessage {
        ThreadMessage {
            index,
            role: message.role,
            content: message.content.to_string(),
            timestamp: message.timestamp,
            llm_provider: message.llm_provider.as_deref().map(str::to_owned),
            llm_model: message.llm_model.as_deref().map(str::to_owned),
            log: None,
        }
    }

    fn is_of(&self, log: &MessageLog) -> bool {
        let direction = match self.role {
            Role::User => Direction::Inbound,
            Role::Assistant => Direction::Outbound,
            Role::System => return false,
        };
        log.direction == direction && log.body == self.content
    }
}

/// Gives messages their logs, each log to one of them. Both are in their order, the oldest first. The same may be said often
/// and some of it without a log, so what is of the same moment comes together first; then what is of about the same. Of
/// several the newest message has the newest log.
pub fn pair(messages: &mut [ThreadMessage], logs: Vec<(MessageLogId, MessageLog)>) {
    let mut logs: Vec<_> = logs.into_iter().map(Some).collect();
    for apart in [0, APART_SECONDS] {
        for message in messages.iter_mut().rev().filter(|message| message.log.is_none()) {
            let from = message.timestamp.minus_seconds(apart);
            let to = message.timestamp.plus_seconds(apart);
            let fits = |(_, log): &(MessageLogId, MessageLog)| {
                (from..=to).contains(&log.created_at) && message.is_of(log)
            };
            message.log = logs.iter_mut().rev().find_map(|log| log.take_if(|log| fits(log)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::message_log::{DeliveryStatus, Provider};

    /// `u` is the customer's, `a` ours, `s` nobody's; then the second and the text.
    fn message(said: &str) -> ThreadMessage {
        let (role, (at, content)) = (&said[..1], said[1..].split_once(' ').unwrap());
        let role = match role {
            "u" => Role::User,
            "a" => Role::Assistant,
            _ => Role::System,
        };
        let timestamp = Timestamp::from_unix_seconds(at.parse().unwrap());
        let content = content.to_owned();
        ThreadMessage { index: 0, role, content, timestamp, llm_provider: None, llm_model: None, log: None }
    }

    fn log(said: &str) -> MessageLog {
        let ThreadMessage { role, content, timestamp, .. } = message(said);
        let inbound = role == Role::User;
        MessageLog {
            call_id: None,
            assistant_id: None,
            provider: Provider::Twilio,
            provider_message_id: String::new(),
            direction: if inbound { Direction::Inbound } else { Direction::Outbound },
            from: String::new(),
            to: String::new(),
            body: content,
            media_urls: Vec::new(),
            segment_count: 1,
            status: DeliveryStatus::Received,
            provider_status: String::new(),
            error_code: None,
            error_message: None,
            created_at: timestamp,
            updated_at: timestamp,
        }
    }

    #[test]
    fn each_message_has_the_log_that_was_written_with_it() {
        type Row<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a [u64]);
        // Messages, logs from 1 on, and which log each message has; 0 is none.
        let rows: [Row<'_>; 13] = [
            ("nothing", &[], &[], &[]),
            ("a talk", &["u1 hi", "a2 hello", "u3 bye"], &["u1 hi", "a2 hello", "u3 bye"], &[1, 2, 3]),
            ("both say the same", &["u1 ok", "a1 ok"], &["u1 ok", "a1 ok"], &[1, 2]),
            ("often at one moment", &["u1 ok", "u1 ok", "u1 ok"], &["u1 ok", "u1 ok", "u1 ok"], &[1, 2, 3]),
            ("often, the first without", &["u1 ok", "u1 ok"], &["u1 ok"], &[0, 1]),
            ("often, the last without", &["u1 ok", "u200 ok"], &["u1 ok"], &[1, 0]),
            ("the last without, a moment later", &["u1 ok", "u2 ok"], &["u1 ok"], &[1, 0]),
            ("one between without", &["u1 ok", "u2 ok", "u3 ok"], &["u1 ok", "u3 ok"], &[1, 0, 2]),
            ("what nobody sent", &["s1 hi", "u2 hi"], &["u2 hi", "a1 hi"], &[0, 1]),
            ("logs in another order", &["u1 a", "u2 b"], &["u2 b", "u1 a"], &[2, 1]),
            (
                "imported, seconds apart",
                &["u10 ok", "a20 ok", "u30 ok"],
                &["u9 ok", "a22 ok", "u31 ok"],
                &[1, 2, 3],
            ),
            ("imported, a minute and no more", &["u100 ok", "u300 ok"], &["u40 ok", "u361 ok"], &[1, 0]),
            ("logs that no message is of", &["u5 hi"], &["u5 ho", "a5 hi", "u5 hi!", "u500 hi"], &[0]),
        ];
        for (name, said, logged, wanted) in rows {
            let mut messages: Vec<_> = said.iter().map(|said| message(said)).collect();
            let logs = logged.iter().map(|said| log(said));
            pair(&mut messages, (1..).map(MessageLogId).zip(logs).collect());
            let found = messages.iter().map(|message| message.log.as_ref().map_or(0, |(id, _)| id.0));
            assert_eq!(found.collect::<Vec<_>>(), wanted, "{name}");
        }
    }
}
