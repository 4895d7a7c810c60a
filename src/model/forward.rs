//! Forwarding: an inbound message is told to the URL of the assistant that answers, at least once and in the order of
//! its conversation. What cannot be told is tried again for five minutes; then it is parked, and the next goes on.

use super::ids::CallId;
use super::time::Timestamp;
use http::Uri;
use serde::{Deserialize, Serialize};

/// How long an event holds up its conversation, from when it was taken up.
pub const HELD_SECONDS: u64 = 300;
/// How long a receiver may take to answer.
pub const LIMIT_SECONDS: u64 = 10;
/// Between attempts: this, doubled each time, up to the most.
const FIRST_DELAY_SECONDS: u64 = 1;
const LONGEST_DELAY_SECONDS: u64 = 60;

/// Where an assistant's messages are told. The error says what is wrong with it.
pub fn receiver(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|error| format!("it is no URL: {error}"))?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    match uri.authority().filter(|it| is_http && !it.host().is_empty()) {
        None => Err("it is no http or https URL".to_owned()),
        // Everybody who may read the assistant would read it; requests are signed instead.
        Some(authority) if authority.as_str().contains('@') => {
            Err("it has a user or password in it; verify the signature instead".to_owned())
        }
        Some(_) => Ok(uri),
    }
}

/// A message that is to be forwarded, without its conversation and its log, which are its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// When it was taken up.
    pub planned_at: Timestamp,
    pub due_at: Timestamp,
    pub attempts: u32,
}

/// One that could not be told, without its log, which is its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedEvent {
    pub call_id: CallId,
    pub parked_at: Timestamp,
    pub attempts: u32,
    pub error: String,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardOutcome {
    /// The receiver answered with success.
    Delivered {
        http_status: u16,
        reply: ForwardReply,
    },
    Failed {
        http_status: Option<u16>,
        error: String,
    },
    /// Nobody was asked: the receiver has failed too often just now.
    NotTried {
        error: String,
    },
    /// The assistant has no URL any more.
    NoReceiver,
}

/// What the receiver's answer asks to be sent to the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardReply {
    None,
    Text(String),
    /// It asks for something that cannot be sent.
    Unusable(String),
}

/// What is to be done then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardNext {
    Done,
    Again(Forward),
    Park(ParkedEvent),
}

impl Forward {
    pub fn new(now: Timestamp) -> Forward {
        Forward { planned_at: now, due_at: now, attempts: 0 }
    }

    /// When the last attempt begins, so that even one that gets no answer ends in time. What came before the
    /// server started is given the whole time again; a clock that was set back holds nobody longer.
    pub fn last_at(&self, server_started: Timestamp, now: Timestamp) -> Timestamp {
        self.planned_at.max(server_started).min(now).plus_seconds(HELD_SECONDS - LIMIT_SECONDS)
    }

    /// Whether it may be tried now. What is due later than any attempt may be was put off by another clock.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due_at <= now || self.due_at > now.plus_seconds(LONGEST_DELAY_SECONDS)
    }
}

pub fn decide_forward(
    before: &Forward,
    call_id: CallId,
    outcome: &ForwardOutcome,
    server_started: Timestamp,
    now: Timestamp,
) -> ForwardNext {
    let (error, attempts) = match outcome {
        ForwardOutcome::Delivered { .. } | ForwardOutcome::NoReceiver => return ForwardNext::Done,
        ForwardOutcome::Failed { error, .. } => (error, before.attempts.saturating_add(1)),
        ForwardOutcome::NotTried { error } => (error, before.attempts),
    };
    let last_at = before.last_at(server_started, now);
    if now >= last_at {
        return ForwardNext::Park(ParkedEvent { call_id, parked_at: now, attempts, error: error.clone() });
    }
    let delay = FIRST_DELAY_SECONDS << attempts.saturating_sub(1).min(10);
    let due_at = now.plus_seconds(delay.min(LONGEST_DELAY_SECONDS)).min(last_at);
    ForwardNext::Again(Forward { due_at, attempts, planned_at: before.planned_at.min(now) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> ForwardOutcome {
        ForwardOutcome::Failed { http_status: Some(500), error: "500".to_owned() }
    }

    #[test]
    fn what_fails_is_tried_for_five_minutes_and_then_parked() {
        let start = Timestamp(1_000_000_000);
        let (mut forward, mut now, mut seconds) = (Forward::new(start), start, Vec::new());
        let parked = loop {
            match decide_forward(&forward, CallId(1), &failed(), start, now) {
                ForwardNext::Again(next) => (now, forward) = (next.due_at, next),
                ForwardNext::Park(parked) => break parked,
                ForwardNext::Done => panic!("it failed"),
            }
            seconds.push((now.0 - start.0) / 1_000_000);
        };
        assert_eq!(seconds, [1, 3, 7, 15, 31, 63, 123, 183, 243, 290]);
        assert_eq!((parked.attempts, parked.error.as_str()), (11, "500"));
        assert_eq!(parked.parked_at, start.plus_seconds(290));
    }

    #[test]
    fn one_that_waited_behind_others_is_held_no_longer_than_they() {
        let start = Timestamp(0);
        let late = start.plus_seconds(295);
        let next = decide_forward(&Forward::new(start), CallId(1), &failed(), start, late);
        assert!(matches!(next, ForwardNext::Park(ParkedEvent { attempts: 1, .. })));
    }

    #[test]
    fn the_time_begins_anew_when_the_server_starts() {
        let (planned, started) = (Timestamp(0), Timestamp(0).plus_seconds(86_400));
        let forward = Forward { attempts: 9, ..Forward::new(planned) };
        let next = decide_forward(&forward, CallId(1), &failed(), started, started.plus_seconds(2));
        assert!(matches!(next, ForwardNext::Again(Forward { attempts: 10, .. })));
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nobody_longer() {
        let (planned, back) = (Timestamp(0).plus_seconds(86_400), Timestamp(0));
        let forward = Forward { due_at: planned.plus_seconds(60), ..Forward::new(planned) };
        assert!(forward.is_due(back) && !forward.is_due(planned) && forward.is_due(planned.plus_seconds(60)));
        let ForwardNext::Again(again) = decide_forward(&forward, CallId(1), &failed(), back, back) else {
            panic!("five minutes are not over")
        };
        assert_eq!(again.last_at(back, back.plus_seconds(100)), back.plus_seconds(290));
    }

    #[test]
    fn an_attempt_that_was_not_made_is_not_counted() {
        let outcome = ForwardOutcome::NotTried { error: "down".to_owned() };
        let start = Timestamp(0);
        let next = decide_forward(&Forward::new(start), CallId(1), &outcome, start, start);
        assert!(matches!(next, ForwardNext::Again(Forward { attempts: 0, .. })));
        let next = decide_forward(&Forward::new(start), CallId(1), &outcome, start, start.plus_seconds(290));
        assert!(matches!(next, ForwardNext::Park(ParkedEvent { attempts: 0, .. })));
    }
}
