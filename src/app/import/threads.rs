//! One thread of an input: where its messages stand, what its call line says of them, and whether
//! its session lives once all of them are there.
//!
//! The nth message line of a call is message n, or counts on from the `message_index` that its
//! first one gives; an index that is given is the next one. Time never runs backwards.

use crate::model::call::{Call, Channel};
use crate::model::time::Timestamp;
use crate::model::transfer::{CallLine, MessageLine};
use crate::store::{Place, Settled};

/// The longest that a session may be configured to live.
const LONGEST_SESSION_SECONDS: u64 = 315_360_000;

/// A call record that the input has, or has something of.
#[derive(Debug)]
pub(super) struct Thread {
    /// How many messages were stored before.
    pub(super) stored: u32,
    stored_last: Option<Timestamp>,
    /// Of the messages in the input: the first one's index, how many, how many were given their
    /// place in the second reading.
    first: u32,
    lines: u32,
    placed: u32,
    /// When the last of them was; without any, when the call started.
    last: Timestamp,
    pub(super) archived: bool,
    pub(super) archived_since: bool,
    pub(super) said: Option<Said>,
}

/// What the call's line says that its messages must bear out.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) line: u64,
    message_count: Option<u32>,
    last_activity: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    active: bool,
    sms: bool,
    archived: bool,
}

impl Said {
    pub(super) fn of(line_number: u64, line: &CallLine) -> Said {
        Said {
            line: line_number,
            message_count: line.message_count,
            last_activity: line.last_activity,
            expires_at: line.expires_at,
            active: line.is_active(),
            sms: line.channel == Channel::Sms,
            archived: line.is_archived(),
        }
    }
}

impl Thread {
    pub(super) fn new(started_at: Timestamp) -> Thread {
        Thread {
            stored: 0,
            stored_last: None,
            first: 1,
            lines: 0,
            placed: 0,
            last: started_at,
            archived: false,
            archived_since: false,
            said: None,
        }
    }

    /// That of a call that has no messages in the input, for its line gives no id.
    pub(super) fn without_id(line_number: u64, call: &CallLine) -> Thread {
        Thread { said: Some(Said::of(line_number, call)), ..Thread::new(call.started_at) }
    }

    pub(super) fn stored(call: &Call) -> Thread {
        Thread {
            stored: call.message_count,
            stored_last: Some(call.last_activity),
            // Until a line says that it was archived there as well.
            archived_since: call.archived,
            ..Thread::new(call.started_at)
        }
    }

    /// The place of the thread's next message line.
    pub(super) fn index_of(&mut self, line: &MessageLine) -> Result<u32, String> {
        if let Some(given) = line.message_index.filter(|_| self.lines == 0)
            && (1..=self.stored.saturating_add(1)).contains(&given)
        {
            self.first = given;
        }
        let next = self.first + self.lines;
        match line.message_index {
            Some(given) if given != next => {
                let call = line.call_id;
                Err(format!("message_index: {given}, where message {next} of call {call} is due"))
            }
            _ => Ok(next),
        }
    }

    /// A message that is not stored yet comes after what is there.
    pub(super) fn follows(&self, line: &MessageLine) -> Result<(), String> {
        let reached = self.last.max(self.stored_last.unwrap_or(self.last));
        if line.timestamp < reached {
            let call = line.call_id;
            return Err(format!("timestamp: call {call} had reached {reached}; time does not run backwards"));
        }
        Ok(())
    }

    pub(super) fn take(&mut self, line: &MessageLine, index: u32) {
        self.last = line.timestamp;
        self.lines = index + 1 - self.first;
    }

    fn last_activity(&self) -> Timestamp {
        let said = self.said.as_ref().and_then(|said| said.last_activity);
        if self.lines > 0 { self.last } else { said.or(self.stored_last).unwrap_or(self.last) }
    }

    /// What becomes of the session. To be asked when all messages are known.
    fn settled(&self, now: Timestamp, ttl_seconds: u64) -> Option<Settled> {
        let said = self.said.as_ref().filter(|said| said.sms)?;
        let expires_at = said.expires_at.unwrap_or_else(|| self.last_activity().plus_seconds(ttl_seconds));
        Some(Settled { expires_at, lives: said.active && !said.archived && expires_at > now })
    }

    pub(super) fn place_of_call(&self, now: Timestamp, ttl_seconds: u64) -> Place {
        let settled = self.settled(now, ttl_seconds);
        Place::Call { messages: self.lines, last_activity: self.last_activity(), settled }
    }

    pub(super) fn place_next(&mut self, now: Timestamp, ttl_seconds: u64) -> Place {
        let index = self.first + self.placed;
        self.placed += 1;
        let is_last = self.placed == self.lines;
        Place::Message { index, settled: self.settled(now, ttl_seconds).filter(|_| is_last) }
    }

    /// Whether the messages bear out what the call's line says. `name` is what the call is called.
    pub(super) fn verify(&self, name: &str) -> Result<(), String> {
        let Some(said) = self.said.as_ref().filter(|_| !self.archived_since) else { return Ok(()) };
        let last = self.last_activity();
        if said.expires_at.is_some_and(|end| end < last) {
            return Err(format!("expires_at: it is before the last message of {name}, {last}"));
        }
        if said.expires_at.is_some_and(|end| end > last.plus_seconds(LONGEST_SESSION_SECONDS)) {
            return Err(format!(
                "expires_at: it is more than {LONGEST_SESSION_SECONDS} seconds after the last activity of {name}, {last}"
            ));
        }
        let (count, reached) = match (self.lines, self.stored_last) {
            (0, None) if said.archived => return Ok(()),
            (0, None) => (0, last),
            (0, Some(reached)) => (self.stored, reached),
            (lines, _) => (self.first + lines - 1, last),
        };
        // A conversation that is there may have gone on since.
        let may_be_less = self.lines == 0 && said.active;
        match said.message_count {
            Some(said) if said != count && !(may_be_less && said < count) => {
                return Err(format!("message_count: {said}, but {name} has {count} messages"));
            }
            _ => {}
        }
        match said.last_activity {
            Some(said) if said != reached && !(may_be_less && said < reached) => {
                Err(format!("last_activity: {said}, but the last message of {name} is of {reached}"))
            }
            _ => Ok(()),
        }
    }
}
