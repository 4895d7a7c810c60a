//! The thread rules: which conversation a message joins, when its session expires, what closes it,
//! and what one becomes that is archived or deleted.

use super::address::Address;
use super::call::{Call, Channel};
use super::ids::{AssistantId, CallId};
use super::time::Timestamp;

/// What a session binds to a conversation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    pub customer: Address,
    pub assistant_id: AssistantId,
    pub our_number: Address,
}

impl SessionKey {
    pub fn of(call: &Call) -> SessionKey {
        SessionKey {
            customer: call.customer.clone(),
            assistant_id: call.assistant_id,
            our_number: call.our_number.clone(),
        }
    }
}

/// Which sessions are to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Those that live: they end now.
    Living,
    /// Those that have expired, but whose end is not yet a fact of its own.
    Expired,
}

/// What becomes of the thread when a message arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadDecision {
    /// The session lives: the message joins its conversation.
    Join { call_id: CallId, message: NextMessage },
    /// No session lives: a fresh conversation starts. The one that expired is closed for good, so
    /// that a clock set back cannot bring it to life beside the new one.
    Start { close: Option<Closed>, message: NextMessage },
}

/// Where the message stands in its thread and until when the session then lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextMessage {
    pub index: u32,
    pub at: Timestamp,
    pub expires_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    pub call_id: CallId,
    pub ended_at: Timestamp,
}

/// Decides for a message taken at `now`. `bound` is the conversation that the session names.
pub fn decide_thread(bound: Option<(CallId, &Call)>, now: Timestamp, ttl_seconds: u64) -> ThreadDecision {
    match bound {
        Some((call_id, call)) if lives(call, now) => {
            // Two requests may reach the store in the other order than they were taken in, and a
            // clock may be set back: a thread's time never runs backwards.
            let at = now.max(call.last_activity);
            let index = call.message_count + 1;
            ThreadDecision::Join { call_id, message: next(index, at, ttl_seconds) }
        }
        bound => ThreadDecision::Start {
            close: bound.and_then(|(call_id, call)| {
                // Whatever the clock says now, it is not to live again.
                let ended_at = decide_close(call, Closing::Expired, Timestamp::MAX)?;
                Some(Closed { call_id, ended_at })
            }),
            message: next(1, now, ttl_seconds),
        },
    }
}

/// Whether new messages still join this conversation at `now`.
pub fn lives(call: &Call, now: Timestamp) -> bool {
    call.is_conversation() && call.ended_at(now).is_none()
}

/// When the conversation ends if its session is closed at `now`; none if this closing is not about it.
pub fn decide_close(call: &Call, closing: Closing, now: Timestamp) -> Option<Timestamp> {
    if !call.is_conversation() || call.ended_at.is_some() {
        return None;
    }
    match closing {
        // A message may have come since `now` was read.
        Closing::Living => lives(call, now).then(|| now.max(call.last_activity)),
        Closing::Expired => call.expires_at.filter(|end| *end <= now),
    }
}

/// The record that an archived conversation leaves: ended, hidden, its count of messages kept as what it
/// was. None: it is no conversation, or was archived before.
pub fn decide_archive(call: &Call, now: Timestamp) -> Option<Call> {
    let ended_at = decide_close(call, Closing::Living, now).or_else(|| call.ended_at(now));
    call.is_conversation().then(|| Call {
        ended_at,
        meta: call.meta.with_true("sms_deleted"),
        archived: true,
        ..call.clone()
    })
}

/// Whether a call record was last active before `then`, and nothing can join it any more.
pub fn is_past(call: &Call, then: Timestamp, now: Timestamp) -> bool {
    let last = match call.channel {
        Channel::Sms => call.last_activity,
        Channel::Voice => call.ended_at.unwrap_or(call.started_at).max(call.last_activity),
    };
    last < then && !lives(call, now)
}

/// The record of a call that is being deleted, for as long as rows of its thread are left: nobody sees these.
pub fn decide_forget(call: &Call, now: Timestamp) -> Call {
    decide_archive(call, now).unwrap_or_else(|| Call { archived: true, ..call.clone() })
}

fn next(index: u32, at: Timestamp, ttl_seconds: u64) -> NextMessage {
    NextMessage { index, at, expires_at: at.plus_seconds(ttl_seconds) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::call::{Direction, JsonText};

    fn thread(last_activity: i64, expires_at: i64) -> Call {
        Call {
            channel: Channel::Sms,
            direction: Direction::Inbound,
            assistant_id: AssistantId(1),
            customer: Address::parse("+15559876543").unwrap(),
            our_number: Address::parse("+15551234567").unwrap(),
            message_count: 3,
            started_at: Timestamp(0),
            last_activity: Timestamp(last_activity),
            expires_at: Some(Timestamp(expires_at)),
            ended_at: None,
            duration_seconds: None,
            voice_status: None,
            meta: JsonText::default(),
            archived: false,
        }
    }

    fn joins(call: &Call, now: i64) -> bool {
        let decision = decide_thread(Some((CallId(7), call)), Timestamp(now), 60);
        matches!(decision, ThreadDecision::Join { .. })
    }

    #[test]
    fn a_session_lives_until_the_microsecond_before_its_expiry() {
        let call = thread(1_000, 2_000);
        for (now, joined) in [(1_000, true), (1_999, true), (2_000, false), (2_001, false)] {
            assert_eq!(joins(&call, now), joined, "at {now}");
        }
    }

    #[test]
    fn an_ended_or_archived_conversation_is_never_joined() {
        let ended = Call { ended_at: Some(Timestamp(1_500)), ..thread(1_000, 2_000) };
        let archived = Call { archived: true, ..thread(1_000, 2_000) };
        assert!(!joins(&ended, 1_200));
        assert!(!joins(&archived, 1_200));
    }

    #[test]
    fn a_closing_ends_what_lives_now_and_what_expired_then() {
        let call = thread(1_000, 2_000);
        let ended = Call { ended_at: Some(Timestamp(1_500)), ..call.clone() };
        let archived = Call { archived: true, ..call.clone() };
        for (call, now, living, expired) in [
            (&call, 1_200, Some(1_200), None),
            (&call, 400, Some(1_000), None),
            (&call, 1_999, Some(1_999), None),
            (&call, 2_000, None, Some(2_000)),
            (&call, 9_000, None, Some(2_000)),
            (&ended, 1_200, None, None),
            (&ended, 9_000, None, None),
            (&archived, 1_200, None, None),
            (&archived, 9_000, None, None),
        ] {
            let ends = |closing| decide_close(call, closing, Timestamp(now)).map(|end| end.0);
            assert_eq!((ends(Closing::Living), ends(Closing::Expired)), (living, expired), "at {now}");
        }
    }

    #[test]
    fn an_archived_conversation_has_ended_and_says_so() {
        let with = |ended_at: Option<i64>, meta: &str| Call {
            ended_at: ended_at.map(Timestamp),
            meta: JsonText(meta.to_owned()),
            ..thread(1_000, 2_000)
        };
        for (call, now, ended_at, meta) in [
            (with(None, "{}"), 1_200, 1_200, r#"{"sms_deleted":true}"#),
            (
                with(None, r#"{"z":1.50,"a":{"b":[]}}"#),
                9_000,
                2_000,
                r#"{"a":{"b":[]},"sms_deleted":true,"z":1.50}"#,
            ),
            (with(Some(1_500), r#"{"sms_deleted":false}"#), 9_000, 1_500, r#"{"sms_deleted":true}"#),
            (with(Some(1_500), "[]"), 9_000, 1_500, r#"{"sms_deleted":true}"#),
        ] {
            let left = decide_archive(&call, Timestamp(now)).unwrap();
            assert_eq!((left.ended_at, left.meta.0.as_str()), (Some(Timestamp(ended_at)), meta));
            assert!(left.archived && left.message_count == 3);
            assert_eq!(decide_archive(&left, Timestamp(now)), None, "once");
        }
        let voice = Call { channel: Channel::Voice, ..with(None, "{}") };
        assert_eq!(decide_archive(&voice, Timestamp(0)), None);
    }

    #[test]
    fn time_never_runs_backwards_in_a_thread() {
        let call = thread(1_000, 2_000);
        let decision = decide_thread(Some((CallId(7), &call)), Timestamp(400), 1);
        let message = NextMessage { index: 4, at: Timestamp(1_000), expires_at: Timestamp(1_001_000) };
        assert_eq!(decision, ThreadDecision::Join { call_id: CallId(7), message });
    }

    #[test]
    fn a_fresh_start_closes_what_expired_at_its_expiry() {
        let call = thread(1_000, 2_000);
        let decision = decide_thread(Some((CallId(7), &call)), Timestamp(9_000), 1);
        let message = NextMessage { index: 1, at: Timestamp(9_000), expires_at: Timestamp(1_009_000) };
        let close = Some(Closed { call_id: CallId(7), ended_at: Timestamp(2_000) });
        assert_eq!(decision, ThreadDecision::Start { close, message });
    }
}
