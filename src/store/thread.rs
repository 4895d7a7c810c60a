//! A message joins a thread, in or out: the conversation that its session names, or a fresh one.

use super::key::{self, ThreadPart};
use super::transaction::{Tx, TxError};
use crate::model::call::{Call, Channel, Direction, JsonText};
use crate::model::feed::FeedEvent;
use crate::model::ids::{CallId, MessageId, OrganizationId};
use crate::model::message::{Message, Role};
use crate::model::session::{Closed, NextMessage, SessionKey, ThreadDecision, decide_thread, lives};
use crate::model::time::Timestamp;
use redb::ReadableTable;
use std::borrow::Cow;

/// A message on its way into its thread.
pub(super) struct Joining<'j> {
    pub(super) organization: OrganizationId,
    pub(super) now: Timestamp,
    pub(super) session_ttl_seconds: u64,
    pub(super) session: &'j SessionKey,
    /// The conversation that the session cache names. It is checked, never trusted.
    pub(super) cached: Option<CallId>,
    pub(super) direction: Direction,
    pub(super) role: Role,
    pub(super) content: &'j str,
}

/// Where it went.
pub(super) struct Joined {
    pub(super) call_id: CallId,
    pub(super) message: NextMessage,
    pub(super) started: bool,
}

impl Joining<'_> {
    /// Applies the thread decision and writes the message: the call record with its rows, the session, the message.
    pub(super) fn join(&self, tx: &mut Tx<'_>) -> Result<Joined, TxError> {
        let org = self.organization;
        let bound = bound_conversation(tx, org, self.session, self.cached, self.now)?;
        let decision =
            decide_thread(bound.as_ref().map(|(id, call)| (*id, call)), self.now, self.session_ttl_seconds);
        let sequences = tx.sequences(org)?;
        sequences.longest_ttl_seconds = sequences.longest_ttl_seconds.max(self.session_ttl_seconds);
        let joined = match decision {
            ThreadDecision::Join { call_id, message } => {
                let (_, before) =
                    bound.ok_or_else(|| TxError::Damaged("joined a thread that was not loaded".into()))?;
                let call = Call {
                    message_count: message.index,
                    last_activity: message.at,
                    expires_at: Some(message.expires_at),
                    ..before.clone()
                };
                tx.put_call(org, call_id, Some(&before), &call)?;
                Joined { call_id, message, started: false }
            }
            ThreadDecision::Start { close, message } => {
                if let (Some(Closed { call_id, ended_at }), Some((_, before))) = (close, bound) {
                    let call = Call { ended_at: Some(ended_at), ..before.clone() };
                    tx.put_call(org, call_id, Some(&before), &call)?;
                    tx.append_feed(org, self.now, FeedEvent::ConversationEnded { call_id })?;
                }
                self.start(tx, message)?
            }
        };
        self.write(tx, &joined)?;
        Ok(joined)
    }

    fn start(&self, tx: &mut Tx<'_>, message: NextMessage) -> Result<Joined, TxError> {
        let (org, session) = (self.organization, self.session);
        let sequences = tx.sequences(org)?;
        sequences.call += 1;
        let call_id = CallId(sequences.call);
        let call = Call {
            channel: Channel::Sms,
            direction: self.direction,
            assistant_id: session.assistant_id,
            customer: session.customer.clone(),
            our_number: session.our_number.clone(),
            message_count: message.index,
            started_at: message.at,
            last_activity: message.at,
            expires_at: Some(message.expires_at),
            ended_at: None,
            duration_seconds: None,
            voice_status: None,
            meta: JsonText::default(),
            archived: false,
        };
        tx.put_call(org, call_id, None, &call)?;
        let key = key::session(org, session);
        tx.tables.sessions.insert(key.as_slice(), call_id.0)?;
        tx.append_feed(org, message.at, FeedEvent::ConversationStarted { call_id })?;
        Ok(Joined { call_id, message, started: true })
    }

    fn write(&self, tx: &mut Tx<'_>, joined: &Joined) -> Result<(), TxError> {
        let (org, message) = (self.organization, joined.message);
        let sequences = tx.sequences(org)?;
        sequences.message += 1;
        let stored = Message {
            id: MessageId(sequences.message),
            role: self.role,
            content: Cow::Borrowed(self.content),
            timestamp: message.at,
            llm_provider: None,
            llm_model: None,
        };
        let key = key::thread(org, joined.call_id, ThreadPart::Message, u64::from(message.index));
        let (tables, bytes) = tx.encoded(&stored);
        tables.threads.insert(&key, bytes)?;
        Ok(())
    }
}

/// The conversation that a session was last bound to. A cached answer is good only while its
/// conversation lives and is of this session; a session is rebound only after the one before ended.
fn bound_conversation(
    tx: &Tx<'_>,
    organization: OrganizationId,
    session: &SessionKey,
    cached: Option<CallId>,
    now: Timestamp,
) -> Result<Option<(CallId, Call)>, TxError> {
    if let Some(call_id) = cached
        && let Some(call) = tx.call(organization, call_id)?
        && lives(&call, now)
        && SessionKey::of(&call) == *session
    {
        return Ok(Some((call_id, call)));
    }
    let key = key::session(organization, session);
    let Some(call_id) = tx.tables.sessions.get(key.as_slice())?.map(|id| CallId(id.value())) else {
        return Ok(None);
    };
    Ok(tx.call(organization, call_id)?.map(|call| (call_id, call)))
}
