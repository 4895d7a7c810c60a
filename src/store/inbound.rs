//! The inbound verb's commands: a message arrives and everything about it is stored at once, or a
//! signed request that is no message is kept.

use super::key::{self, DedupeKey, ThreadPart};
use super::phone_numbers::phone_number;
use super::transaction::{Command, Tx, TxError};
use crate::model::address::Address;
use crate::model::audit::{AuditEntry, Step};
use crate::model::call::{Call, Channel, Direction, JsonText};
use crate::model::feed::FeedEvent;
use crate::model::ids::{AssistantId, AuditId, CallId, MessageId, MessageLogId, OrganizationId};
use crate::model::message::{Message, Role};
use crate::model::message_log::{DeliveryStatus, MessageLog, Provider, RawPayload};
use crate::model::session::{Closed, NextMessage, SessionKey, ThreadDecision, decide_thread};
use crate::model::time::Timestamp;
use redb::ReadableTable;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// One inbound message as the carrier delivered it.
#[derive(Clone, Debug)]
pub struct RecordInbound {
    pub organization: OrganizationId,
    /// When we took it.
    pub now: Timestamp,
    pub session_ttl_seconds: u64,
    /// The conversation that the session cache names. It is checked, never trusted.
    pub cached: Option<CallId>,
    pub provider: Provider,
    pub provider_message_id: String,
    pub provider_status: String,
    pub from: Address,
    pub to: Address,
    pub body: String,
    pub media_urls: Vec<String>,
    pub segment_count: u32,
    /// What was done before storing, the receipt of the webhook first.
    pub steps: Vec<Step>,
    pub payload: RawPayload,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordInboundOutcome {
    Stored {
        log_id: MessageLogId,
        route: Route,
    },
    /// The carrier sent it before: nothing new was stored.
    Duplicate {
        log_id: MessageLogId,
    },
}

/// Where an inbound message went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Conversation {
        call_id: CallId,
        message_index: u32,
        started: bool,
        session: SessionKey,
        expires_at: Timestamp,
    },
    /// No assistant has the number: it was logged, no conversation was made.
    Unassigned,
}

impl Command for RecordInbound {
    type Outcome = RecordInboundOutcome;
    const NAME: &'static str = "record_inbound";

    fn run(&self, tx: &mut Tx<'_>) -> Result<RecordInboundOutcome, TxError> {
        let digest = digest(self.provider, &self.provider_message_id);
        if let Some(id) = seen_before(&*tx.tables.dedupe, self.organization, self.now, &digest)? {
            return Ok(RecordInboundOutcome::Duplicate { log_id: MessageLogId(id) });
        }
        let number = phone_number(tx, self.organization, &self.to)?.filter(|number| number.is_active);
        let Some(assistant_id) = number.and_then(|number| number.assistant_id) else {
            return self.store_unassigned(tx, &digest);
        };
        let session = SessionKey { customer: self.from.clone(), assistant_id, our_number: self.to.clone() };
        let bound = bound_conversation(tx, self.organization, &session, self.cached, self.now)?;
        let decision =
            decide_thread(bound.as_ref().map(|(id, call)| (*id, call)), self.now, self.session_ttl_seconds);
        let placed = self.place(tx, &session, bound, decision)?;
        self.store_message(tx, &digest, session, placed)
    }
}

/// The thread as the decision left it.
struct Placed {
    call_id: CallId,
    message: NextMessage,
    started: bool,
}

impl RecordInbound {
    /// Applies the thread decision: the call record with its rows, the session.
    fn place(
        &self,
        tx: &mut Tx<'_>,
        session: &SessionKey,
        bound: Option<(CallId, Call)>,
        decision: ThreadDecision,
    ) -> Result<Placed, TxError> {
        let ttl = self.session_ttl_seconds;
        let sequences = tx.sequences(self.organization)?;
        sequences.longest_ttl_seconds = sequences.longest_ttl_seconds.max(ttl);
        match decision {
            ThreadDecision::Join { call_id, message } => {
                let (_, before) =
                    bound.ok_or_else(|| TxError::Damaged("joined a thread that was not loaded".into()))?;
                let call = Call {
                    message_count: message.index,
                    last_activity: message.at,
                    expires_at: Some(message.expires_at),
                    ..before.clone()
                };
                tx.put_call(self.organization, call_id, Some(&before), &call)?;
                Ok(Placed { call_id, message, started: false })
            }
            ThreadDecision::Start { close, message } => {
                if let (Some(Closed { call_id, ended_at }), Some((_, before))) = (close, bound) {
                    let call = Call { ended_at: Some(ended_at), ..before.clone() };
                    tx.put_call(self.organization, call_id, Some(&before), &call)?;
                    tx.append_feed(self.organization, self.now, FeedEvent::ConversationEnded { call_id })?;
                }
                self.start(tx, session, message)
            }
        }
    }

    fn start(&self, tx: &mut Tx<'_>, session: &SessionKey, message: NextMessage) -> Result<Placed, TxError> {
        let sequences = tx.sequences(self.organization)?;
        sequences.call += 1;
        let call_id = CallId(sequences.call);
        let call = Call {
            channel: Channel::Sms,
            direction: Direction::Inbound,
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
        tx.put_call(self.organization, call_id, None, &call)?;
        let key = key::session(self.organization, session);
        tx.tables.sessions.insert(key.as_slice(), call_id.0)?;
        tx.append_feed(self.organization, message.at, FeedEvent::ConversationStarted { call_id })?;
        Ok(Placed { call_id, message, started: true })
    }

    fn store_message(
        &self,
        tx: &mut Tx<'_>,
        digest: &[u8; 16],
        session: SessionKey,
        placed: Placed,
    ) -> Result<RecordInboundOutcome, TxError> {
        let Placed { call_id, message, started } = placed;
        let sequences = tx.sequences(self.organization)?;
        sequences.message += 1;
        let stored = Message {
            id: MessageId(sequences.message),
            role: Role::User,
            content: Cow::Borrowed(&self.body),
            timestamp: message.at,
            llm_provider: None,
            llm_model: None,
        };
        let key = key::thread(self.organization, call_id, ThreadPart::Message, u64::from(message.index));
        let (tables, bytes) = tx.encoded(&stored);
        tables.threads.insert(&key, bytes)?;

        let log_id = self.store_log(tx, digest, message.at, Some((call_id, session.assistant_id)))?;
        let mut steps = self.steps.clone();
        steps.extend(started.then_some(Step::ConversationStarted));
        steps.push(Step::MessageStored { message_index: message.index });
        let entry = AuditEntry { call_id: Some(call_id), log_id: Some(log_id), at: message.at, steps };
        tx.append_audit(self.organization, &entry)?;
        let event = FeedEvent::MessageReceived { call_id, message_index: message.index, log_id };
        tx.append_feed(self.organization, message.at, event)?;
        let route = Route::Conversation {
            call_id,
            message_index: message.index,
            started,
            session,
            expires_at: message.expires_at,
        };
        Ok(RecordInboundOutcome::Stored { log_id, route })
    }

    fn store_unassigned(&self, tx: &mut Tx<'_>, digest: &[u8; 16]) -> Result<RecordInboundOutcome, TxError> {
        let log_id = self.store_log(tx, digest, self.now, None)?;
        let mut steps = self.steps.clone();
        steps.push(Step::NumberUnassigned { our_number: self.to.to_string() });
        let entry = AuditEntry { call_id: None, log_id: Some(log_id), at: self.now, steps };
        let audit_id = tx.append_audit(self.organization, &entry)?;
        tx.append_feed(self.organization, self.now, FeedEvent::AuditKept { audit_id })?;
        Ok(RecordInboundOutcome::Stored { log_id, route: Route::Unassigned })
    }

    fn store_log(
        &self,
        tx: &mut Tx<'_>,
        digest: &[u8; 16],
        at: Timestamp,
        thread: Option<(CallId, AssistantId)>,
    ) -> Result<MessageLogId, TxError> {
        let sequences = tx.sequences(self.organization)?;
        sequences.message_log += 1;
        let log_id = MessageLogId(sequences.message_log);
        let key = key::serial(self.organization, log_id.0);
        let log = MessageLog {
            call_id: thread.map(|(call_id, _)| call_id),
            assistant_id: thread.map(|(_, assistant_id)| assistant_id),
            provider: self.provider,
            provider_message_id: self.provider_message_id.clone(),
            direction: Direction::Inbound,
            from: self.from.to_string(),
            to: self.to.to_string(),
            body: self.body.clone(),
            media_urls: self.media_urls.clone(),
            segment_count: self.segment_count,
            status: DeliveryStatus::Received,
            provider_status: self.provider_status.clone(),
            error_code: None,
            error_message: None,
            created_at: at,
            updated_at: at,
        };
        let (tables, bytes) = tx.encoded(&log);
        tables.message_logs.insert(&key, bytes)?;
        let (tables, bytes) = tx.encoded(&self.payload);
        tables.raw_payloads.insert(&key, bytes)?;
        let dedupe = key::dedupe(self.organization, bucket(self.now), digest);
        tx.tables.dedupe.insert(&dedupe, log_id.0)?;
        if let Some((call_id, _)) = thread {
            tx.link(self.organization, call_id, ThreadPart::Log, log_id.0)?;
        }
        Ok(log_id)
    }
}

/// Two weeks: carriers retry within a day, receipts come within three.
const BUCKET_SECONDS: i64 = 14 * 86_400;

pub(super) fn bucket(now: Timestamp) -> u16 {
    u16::try_from(now.unix_seconds().max(0) / BUCKET_SECONDS).unwrap_or(u16::MAX)
}

pub(super) fn digest(provider: Provider, provider_message_id: &str) -> [u8; 16] {
    digest_of(&[provider.as_str().as_bytes(), provider_message_id.as_bytes()])
}

fn digest_of(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for (at, part) in parts.iter().enumerate() {
        hasher.update(&b"\0"[..usize::from(at > 0)]);
        hasher.update(part);
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hasher.finalize()[..16]);
    digest
}

/// The buckets where something is that came up to two weeks ago, or before a clock was set back.
pub(super) fn buckets(now: Timestamp) -> RangeInclusive<u16> {
    bucket(now).saturating_sub(1)..=bucket(now).saturating_add(1)
}

/// What came up to two weeks before and is told by this digest.
pub(super) fn seen_before(
    table: &impl ReadableTable<&'static DedupeKey, u64>,
    organization: OrganizationId,
    now: Timestamp,
    digest: &[u8; 16],
) -> Result<Option<u64>, redb::StorageError> {
    for bucket in buckets(now) {
        if let Some(id) = table.get(&key::dedupe(organization, bucket, digest))? {
            return Ok(Some(id.value()));
        }
    }
    Ok(None)
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
        && crate::model::session::lives(&call, now)
        && call.customer == session.customer
        && call.assistant_id == session.assistant_id
        && call.our_number == session.our_number
    {
        return Ok(Some((call_id, call)));
    }
    let key = key::session(organization, session);
    let Some(call_id) = tx.tables.sessions.get(key.as_slice())?.map(|id| CallId(id.value())) else {
        return Ok(None);
    };
    Ok(tx.call(organization, call_id)?.map(|call| (call_id, call)))
}

/// A signed webhook that is no message, or none that we can use, kept for people to look at.
#[derive(Clone, Debug)]
pub struct KeepAudit {
    pub organization: OrganizationId,
    pub now: Timestamp,
    /// What tells the webhook from others: when it comes again nothing new is kept. Empty: nothing.
    pub told_by: Vec<String>,
    pub steps: Vec<Step>,
    pub payload: RawPayload,
}

impl Command for KeepAudit {
    /// The entry, also when it was kept before.
    type Outcome = AuditId;
    const NAME: &'static str = "keep_audit";

    fn run(&self, tx: &mut Tx<'_>) -> Result<AuditId, TxError> {
        let parts: Vec<&[u8]> = self.told_by.iter().map(String::as_bytes).collect();
        let digest = (!parts.is_empty()).then(|| digest_of(&parts));
        if let Some(digest) = &digest
            && let Some(known) = seen_before(&*tx.tables.kept_webhooks, self.organization, self.now, digest)?
        {
            return Ok(AuditId(known));
        }
        let entry = AuditEntry { call_id: None, log_id: None, at: self.now, steps: self.steps.clone() };
        let audit_id = tx.append_audit(self.organization, &entry)?;
        let key = key::serial(self.organization, audit_id.0);
        let (tables, bytes) = tx.encoded(&self.payload);
        tables.audit_payloads.insert(&key, bytes)?;
        if let Some(digest) = digest {
            let key = key::dedupe(self.organization, bucket(self.now), &digest);
            tx.tables.kept_webhooks.insert(&key, audit_id.0)?;
        }
        tx.append_feed(self.organization, self.now, FeedEvent::AuditKept { audit_id })?;
        Ok(audit_id)
    }
}
