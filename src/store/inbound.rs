//! The inbound verb's commands: a message arrives and everything about it is stored at once, or a
//! signed request that is no message is kept.

use super::key::{self, DedupeKey};
use super::opt_outs;
use super::outbound::EnqueueSms;
use super::phone_numbers::phone_number;
use super::thread::{Joined, Joining};
use super::transaction::{Command, Tx, TxError};
use crate::model::address::Address;
use crate::model::assistant::PhoneNumber;
use crate::model::audit::{AuditEntry, Step};
use crate::model::auto_reply::AutoReply;
use crate::model::call::Direction;
use crate::model::feed::FeedEvent;
use crate::model::ids::{AssistantId, AuditId, CallId, MessageLogId, OrganizationId};
use crate::model::message::Role;
use crate::model::message_log::{DeliveryStatus, MessageLog, Provider, RawPayload};
use crate::model::opt_out::{Keyword, KeywordDecision, OptOutChange, decide_keyword};
use crate::model::outbound::Purpose;
use crate::model::segments::segments;
use crate::model::session::SessionKey;
use crate::model::time::Timestamp;
use redb::ReadableTable;
use std::ops::RangeInclusive;
use std::sync::Arc;

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
    /// What the carrier says the keyword is; without it the words decide.
    pub keyword: Option<Keyword>,
    /// The carrier has told the customer what a keyword does.
    pub keyword_answered: bool,
    /// The assistant's rules; they are not asked about a keyword.
    pub reply: Option<Arc<AutoReply>>,
    /// The job of whatever is answered.
    pub reply_uuid: [u8; 16],
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
        /// An answer was put into the outbox.
        replied: bool,
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
        let Some((assistant_id, number)) = number.and_then(|number| Some((number.assistant_id?, number)))
        else {
            return self.store_unassigned(tx, &digest);
        };
        let session = SessionKey { customer: self.from.clone(), assistant_id, our_number: self.to.clone() };
        self.store_message(tx, &digest, session, &number)
    }
}

impl RecordInbound {
    /// The message with everything about it, and what is to be answered.
    fn store_message(
        &self,
        tx: &mut Tx<'_>,
        digest: &[u8; 16],
        session: SessionKey,
        number: &PhoneNumber,
    ) -> Result<RecordInboundOutcome, TxError> {
        let org = self.organization;
        let joining = Joining {
            organization: org,
            now: self.now,
            session_ttl_seconds: self.session_ttl_seconds,
            session: &session,
            cached: self.cached,
            direction: Direction::Inbound,
            role: Role::User,
            content: &self.body,
        };
        let Joined { call_id, message, started } = joining.join(tx)?;
        let log_id = self.store_log(tx, digest, message.at, Some((call_id, session.assistant_id)))?;
        let mut steps = self.steps.clone();
        steps.extend(started.then_some(Step::ConversationStarted));
        steps.push(Step::MessageStored { message_index: message.index });
        let answer = self.keyword(tx, &mut steps)?;
        let entry = AuditEntry { call_id: Some(call_id), log_id: Some(log_id), at: message.at, steps };
        tx.append_audit(org, &entry)?;
        let event = FeedEvent::MessageReceived { call_id, message_index: message.index, log_id };
        tx.append_feed(org, message.at, event)?;
        let replied = self.reply(tx, &session, call_id, number.provider, answer)?;
        let (index, expires_at) = (message.index, replied.unwrap_or(message.expires_at));
        let replied = replied.is_some();
        let route =
            Route::Conversation { call_id, message_index: index, started, replied, session, expires_at };
        Ok(RecordInboundOutcome::Stored { log_id, route })
    }

    /// What an opt-out keyword changes, in the commit that stores it. `None`: it is none.
    fn keyword(&self, tx: &mut Tx<'_>, steps: &mut Vec<Step>) -> Result<Option<KeywordDecision>, TxError> {
        let Some(keyword) = self.keyword.or_else(|| Keyword::of(&self.body)) else { return Ok(None) };
        let opted_out = opt_outs::has(tx, self.organization, &self.to, &self.from)?;
        let decision = decide_keyword(keyword, opted_out, self.keyword_answered)
            // What the carrier took for a keyword no rule of ours answers.
            .or(self.keyword.map(|_| KeywordDecision { change: None, notice: None }));
        if let Some(change) = decision.and_then(|decision| decision.change) {
            let how = self.body.trim().to_uppercase().chars().take(20).collect();
            steps.push(opt_outs::change(
                tx,
                self.organization,
                (&self.to, &self.from),
                change,
                how,
                self.now,
            )?);
        }
        Ok(decision)
    }

    /// Puts the answer to a keyword, or the rule's, into the outbox; returns until when the session then lives.
    fn reply(
        &self,
        tx: &mut Tx<'_>,
        session: &SessionKey,
        call_id: CallId,
        provider: Provider,
        answer: Option<KeywordDecision>,
    ) -> Result<Option<Timestamp>, TxError> {
        let (body, purpose) = match answer {
            // Who takes messages again gets that, too, like any other message.
            Some(decision) if decision.change == Some(OptOutChange::Remove) => {
                (decision.notice.map(str::to_owned), Purpose::AutoReply)
            }
            Some(decision) => (decision.notice.map(str::to_owned), Purpose::OptOutNotice),
            None => (self.reply.as_ref().and_then(|rules| rules.to(&self.body)), Purpose::AutoReply),
        };
        let Some(body) = body else { return Ok(None) };
        let opted_out = || opt_outs::has(tx, self.organization, &self.to, &self.from);
        if purpose == Purpose::AutoReply && opted_out()? {
            return Ok(None);
        }
        let sms = EnqueueSms {
            organization: self.organization,
            now: self.now,
            session_ttl_seconds: self.session_ttl_seconds,
            cached: Some(call_id),
            uuid: self.reply_uuid,
            from: self.to.clone(),
            to: self.from.clone(),
            segment_count: segments(&body).count,
            body,
            media_urls: Vec::new(),
            idempotency_key: None,
            purpose,
        };
        Ok(Some(sms.enqueue(tx, session, provider)?.expires_at))
    }

    fn store_unassigned(&self, tx: &mut Tx<'_>, digest: &[u8; 16]) -> Result<RecordInboundOutcome, TxError> {
        let log_id = self.store_log(tx, digest, self.now, None)?;
        let mut steps = self.steps.clone();
        steps.push(Step::NumberUnassigned { our_number: self.to.to_string() });
        self.keyword(tx, &mut steps)?;
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
        let log_id = tx.append_log(self.organization, &log)?;
        let (tables, bytes) = tx.encoded(&self.payload);
        tables.raw_payloads.insert(&key::serial(self.organization, log_id.0), bytes)?;
        let dedupe = key::dedupe(self.organization, bucket(self.now), digest);
        tx.tables.dedupe.insert(&dedupe, log_id.0)?;
        Ok(log_id)
    }
}

/// Two weeks: carriers retry within a day, receipts come within three.
const BUCKET_SECONDS: i64 = 14 * 86_400;

pub(super) fn bucket(now: Timestamp) -> u16 {
    u16::try_from(now.unix_seconds().max(0) / BUCKET_SECONDS).unwrap_or(u16::MAX)
}

pub(super) fn digest(provider: Provider, provider_message_id: &str) -> [u8; 16] {
    key::digest_of(&[provider.as_str().as_bytes(), provider_message_id.as_bytes()])
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
        let digest = (!parts.is_empty()).then(|| key::digest_of(&parts));
        if let Some(digest) = &digest
            && let Some(known) = seen_before(&*tx.tables.kept_webhooks, self.organization, self.now, digest)?
        {
            return Ok(AuditId(known));
        }
        let entry = AuditEntry { call_id: None, log_id: None, at: self.now, steps: self.steps.clone() };
        let audit_id = keep(tx, self.organization, &entry, Some(&self.payload), digest)?;
        tx.append_feed(self.organization, self.now, FeedEvent::AuditKept { audit_id })?;
        Ok(audit_id)
    }
}

/// Writes an audit entry of no conversation with what it was made of, and how it is recognised when it comes again.
pub(super) fn keep(
    tx: &mut Tx<'_>,
    org: OrganizationId,
    entry: &AuditEntry,
    payload: Option<&RawPayload>,
    told_by: Option<[u8; 16]>,
) -> Result<AuditId, TxError> {
    let audit_id = tx.append_audit(org, entry)?;
    keep_origin(tx, org, (audit_id, entry.at), payload, told_by)?;
    Ok(audit_id)
}

/// Writes what an audit entry was made of, and how that is recognised when it comes again.
pub(super) fn keep_origin(
    tx: &mut Tx<'_>,
    org: OrganizationId,
    (audit_id, at): (AuditId, Timestamp),
    payload: Option<&RawPayload>,
    told_by: Option<[u8; 16]>,
) -> Result<(), TxError> {
    if let Some(payload) = payload {
        let (tables, bytes) = tx.encoded(payload);
        tables.audit_payloads.insert(&key::serial(org, audit_id.0), bytes)?;
    }
    if let Some(digest) = told_by {
        tx.tables.kept_webhooks.insert(&key::dedupe(org, bucket(at), &digest), audit_id.0)?;
    }
    Ok(())
}
