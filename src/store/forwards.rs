//! What is to be forwarded: taken up from the feed, settled by what the receiver answered, parked, told again.

use super::error::ReadError;
use super::key::{self, ForwardKey, SerialKey};
use super::outbound::{EnqueueOutcome, EnqueueSms};
use super::record;
use super::snapshot::{self, Snapshot};
use super::tables::AnyTables;
use super::transaction::{Command, Tx, TxError};
use crate::model::address::Address;
use crate::model::audit::{AuditEntry, Step};
use crate::model::feed::FeedEvent;
use crate::model::forward::{
    Forward, ForwardNext, ForwardOutcome, ForwardReply, ParkedEvent, decide_forward,
};
use crate::model::ids::{CallId, MessageLogId, OrganizationId};
use crate::model::message_log::MessageLog;
use crate::model::outbound::Purpose;
use crate::model::page::{Page, Pager, Turn};
use crate::model::segments::segments;
use crate::model::time::Timestamp;
use redb::{ReadableTable, ReadableTableMetadata};

/// Takes up what is to be forwarded of a stretch of the feed.
#[derive(Clone, Debug)]
pub struct PlanForwards {
    pub organization: OrganizationId,
    pub now: Timestamp,
    /// The feed was looked through up to here.
    pub up_to: u64,
    /// Each in its conversation.
    pub messages: Vec<(CallId, MessageLogId)>,
}

impl Command for PlanForwards {
    type Outcome = ();
    const NAME: &'static str = "plan_forwards";

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), TxError> {
        let org = self.organization;
        if tx.sequences(org)?.forwarded >= self.up_to {
            return Ok(());
        }
        for &(call, log) in &self.messages {
            // It may have been archived or erased since.
            if forwardable(tx, org, call, log)?.is_some() {
                put_forward(tx, org, call, log, &Forward::new(self.now))?;
            }
        }
        tx.sequences(org)?.forwarded = self.up_to;
        Ok(())
    }
}

/// Writes what became of an attempt, with the answer that the receiver asked for.
#[derive(Clone, Debug)]
pub struct SettleForward {
    pub organization: OrganizationId,
    pub call_id: CallId,
    pub log_id: MessageLogId,
    /// As it was when the attempt was made: what came in between is not overwritten.
    pub before: Forward,
    pub outcome: ForwardOutcome,
    /// For the timeline: without what may be secret in it.
    pub url: String,
    pub server_started: Timestamp,
    pub now: Timestamp,
    pub session_ttl_seconds: u64,
    /// The job of what is answered.
    pub reply_uuid: [u8; 16],
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "the large one is the frequent one")]
pub enum SettledForward {
    /// It was settled already, or is gone.
    Gone,
    /// What was answered, if anything could be.
    Next(ForwardNext, Option<EnqueueOutcome>),
}

impl Command for SettleForward {
    type Outcome = SettledForward;
    const NAME: &'static str = "settle_forward";

    fn run(&self, tx: &mut Tx<'_>) -> Result<SettledForward, TxError> {
        let (org, call, log_id) = (self.organization, self.call_id, self.log_id);
        if forward(&tx.tables, org, call, log_id)?.as_ref() != Some(&self.before) {
            return Ok(SettledForward::Gone);
        }
        let Some(log) = forwardable(tx, org, call, log_id)? else {
            tx.tables.forwards.remove(&key::forward(org, call, log_id))?;
            return Ok(SettledForward::Gone);
        };
        let next = decide_forward(&self.before, call, &self.outcome, self.server_started, self.now);
        match &next {
            ForwardNext::Again(again) => put_forward(tx, org, call, log_id, again)?,
            ForwardNext::Done => drop(tx.tables.forwards.remove(&key::forward(org, call, log_id))?),
            ForwardNext::Park(parked) => {
                tx.tables.forwards.remove(&key::forward(org, call, log_id))?;
                put_parked(tx, org, log_id, parked)?;
            }
        }
        note(tx, org, (call, log_id), self.now, self.steps(&next))?;
        let reply = match self.reply(tx, &log)? {
            Ok(reply) => reply,
            Err(reason) => {
                note(tx, org, (call, log_id), self.now, vec![Step::ReplyRefused { reason }])?;
                None
            }
        };
        Ok(SettledForward::Next(next, reply))
    }
}

impl SettleForward {
    fn steps(&self, next: &ForwardNext) -> Vec<Step> {
        let mut steps = Vec::new();
        let (http_status, error) = match &self.outcome {
            ForwardOutcome::Delivered { http_status, .. } => (Some(*http_status), None),
            ForwardOutcome::Failed { http_status, error } => (*http_status, Some(error.clone())),
            ForwardOutcome::NotTried { .. } | ForwardOutcome::NoReceiver => (None, None),
        };
        if http_status.is_some() || error.is_some() {
            let attempt = self.before.attempts.saturating_add(1);
            steps.push(Step::ForwardAttempted { url: self.url.clone(), attempt, http_status, error });
        }
        if self.outcome == ForwardOutcome::NoReceiver {
            steps.push(Step::ForwardDropped);
        }
        if let ForwardNext::Park(parked) = next {
            steps.push(Step::ForwardParked { attempts: parked.attempts, error: parked.error.clone() });
        }
        steps
    }

    /// Puts what the receiver answered into the outbox. The error says why that cannot be.
    fn reply(
        &self,
        tx: &mut Tx<'_>,
        log: &MessageLog,
    ) -> Result<Result<Option<EnqueueOutcome>, String>, TxError> {
        let body = match &self.outcome {
            ForwardOutcome::Delivered { reply: ForwardReply::Text(text), .. } => text.clone(),
            ForwardOutcome::Delivered { reply: ForwardReply::Unusable(reason), .. } => {
                return Ok(Err(reason.clone()));
            }
            _ => return Ok(Ok(None)),
        };
        let sms = EnqueueSms {
            organization: self.organization,
            now: self.now,
            session_ttl_seconds: self.session_ttl_seconds,
            cached: Some(self.call_id),
            uuid: self.reply_uuid,
            from: Address::stored(log.to.clone()),
            to: Address::stored(log.from.clone()),
            segment_count: segments(&body).count,
            body,
            media_urls: Vec::new(),
            idempotency_key: None,
            purpose: Purpose::ForwardReply,
        };
        Ok(match sms.run(tx)? {
            EnqueueOutcome::OptedOut => Err("the customer has opted out".to_owned()),
            EnqueueOutcome::NoSuchNumber => Err("no assistant has the number any more".to_owned()),
            queued => Ok(Some(queued)),
        })
    }
}

/// Takes parked events up again, or gives them up for good.
#[derive(Clone, Debug)]
pub struct ResumeParked {
    pub organization: OrganizationId,
    pub logs: Vec<MessageLogId>,
    /// False: they are given up.
    pub replay: bool,
    pub now: Timestamp,
}

impl Command for ResumeParked {
    /// Those that were parked.
    type Outcome = Vec<MessageLogId>;
    const NAME: &'static str = "resume_parked";

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<MessageLogId>, TxError> {
        let (org, mut resumed) = (self.organization, Vec::new());
        for &log in &self.logs {
            let key = key::serial(org, log.0);
            let stored = tx.tables.parked_events.get(&key)?;
            let stored = stored.map(|bytes| record::decode::<ParkedEvent>("parked_events", bytes.value()));
            let Some(ParkedEvent { call_id: call, .. }) = stored.transpose()? else { continue };
            // It goes with its conversation.
            if forwardable(tx, org, call, log)?.is_none() {
                continue;
            }
            tx.tables.parked_events.remove(&key)?;
            if self.replay {
                put_forward(tx, org, call, log, &Forward::new(self.now))?;
            }
            let step = if self.replay { Step::ForwardReplayed } else { Step::ForwardDropped };
            note(tx, org, (call, log), self.now, vec![step])?;
            resumed.push(log);
        }
        Ok(resumed)
    }
}

/// The log of a message that may be forwarded: it is there, and its conversation is not archived.
fn forwardable(
    tx: &Tx<'_>,
    org: OrganizationId,
    call: CallId,
    log: MessageLogId,
) -> Result<Option<MessageLog>, TxError> {
    let is_archived = readable(tx.call(org, call))?.is_none_or(|call| call.archived);
    let log = readable(tx.log(org, log))?.filter(|log| log.call_id == Some(call) && !is_archived);
    Ok(log)
}

/// What is damaged is forwarded to nobody, and holds up nobody.
fn readable<T>(read: Result<Option<T>, TxError>) -> Result<Option<T>, TxError> {
    match read {
        Err(TxError::Damaged(_)) => Ok(None),
        read => read,
    }
}

/// One that cannot be read begins anew.
fn decode_forward(bytes: &[u8]) -> Forward {
    record::decode("forwards", bytes).unwrap_or(Forward::new(Timestamp(0)))
}

fn forward(
    tables: &impl AnyTables,
    org: OrganizationId,
    call: CallId,
    log: MessageLogId,
) -> Result<Option<Forward>, ReadError> {
    let stored = tables.forwards().get(&key::forward(org, call, log))?;
    Ok(stored.map(|bytes| decode_forward(bytes.value())))
}

fn put_forward(
    tx: &mut Tx<'_>,
    org: OrganizationId,
    call: CallId,
    log: MessageLogId,
    forward: &Forward,
) -> Result<(), TxError> {
    let (tables, bytes) = tx.encoded(forward);
    tables.forwards.insert(&key::forward(org, call, log), bytes)?;
    Ok(())
}

fn put_parked(
    tx: &mut Tx<'_>,
    org: OrganizationId,
    log: MessageLogId,
    parked: &ParkedEvent,
) -> Result<(), TxError> {
    let (tables, bytes) = tx.encoded(parked);
    tables.parked_events.insert(&key::serial(org, log.0), bytes)?;
    Ok(())
}

fn note(
    tx: &mut Tx<'_>,
    org: OrganizationId,
    (call_id, log_id): (CallId, MessageLogId),
    at: Timestamp,
    steps: Vec<Step>,
) -> Result<(), TxError> {
    if steps.is_empty() {
        return Ok(());
    }
    tx.append_audit(org, &AuditEntry { call_id: Some(call_id), log_id: Some(log_id), at, steps })?;
    tx.append_feed(org, at, FeedEvent::ForwardChanged { call_id, log_id })
}

/// The first message of a conversation that is to be forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardHead {
    pub log_id: MessageLogId,
    pub forward: Forward,
}

impl Snapshot {
    /// Every conversation that has something to be forwarded, and when its first is due.
    pub fn forward_lanes(
        &self,
        of: Option<OrganizationId>,
    ) -> Result<Vec<(OrganizationId, CallId, Timestamp)>, ReadError> {
        let mut lanes: Vec<(OrganizationId, CallId, Timestamp)> = Vec::new();
        let (first, last) = key::range_of(of);
        for row in self.tables.forwards.range::<&ForwardKey>(&first..=&last)? {
            let (key, bytes) = row?;
            let (org, call, _) = key::forward_parts(key.value());
            if lanes.last().is_none_or(|last| (last.0, last.1) != (org, call)) {
                lanes.push((org, call, decode_forward(bytes.value()).due_at));
            }
        }
        Ok(lanes)
    }

    /// What is to be forwarded next of a conversation; nothing is of an archived one.
    pub fn forward_head(
        &self,
        organization: OrganizationId,
        call: CallId,
    ) -> Result<Option<ForwardHead>, ReadError> {
        if self.call(organization, call)?.is_none_or(|call| call.archived) {
            return Ok(None);
        }
        let first = key::forward(organization, call, MessageLogId(0));
        let last = key::forward(organization, call, MessageLogId(u64::MAX));
        let Some(row) = self.tables.forwards.range::<&ForwardKey>(&first..=&last)?.next() else {
            return Ok(None);
        };
        let (key, bytes) = row?;
        let (_, _, log_id) = key::forward_parts(key.value());
        Ok(Some(ForwardHead { log_id, forward: decode_forward(bytes.value()) }))
    }

    /// Of a message that is still to be forwarded.
    pub fn forward(
        &self,
        organization: OrganizationId,
        call: CallId,
        log: MessageLogId,
    ) -> Result<Option<Forward>, ReadError> {
        forward(&self.tables, organization, call, log)
    }

    /// How many messages are to be forwarded and how many are parked, every organization's.
    pub fn forwards(&self) -> Result<(u64, u64), ReadError> {
        Ok((self.tables.forwards.len()?, self.tables.parked_events.len()?))
    }

    /// How many events are parked, and a page of them, the oldest message first.
    pub fn parked_events(
        &self,
        organization: OrganizationId,
        page: Page,
    ) -> Result<(u64, Vec<(MessageLogId, ParkedEvent)>), ReadError> {
        let (mut pager, mut total, mut found) = (Pager::new(page), 0, Vec::new());
        let (range, purging) = (key::serial_range(organization), self.purging(organization)?);
        for row in self.tables.parked_events.range::<&SerialKey>(range.start()..=range.end())? {
            let (key, bytes) = row?;
            let parked: ParkedEvent = record::decode("parked_events", bytes.value())?;
            // Nobody sees what is being purged.
            if purging.contains(&parked.call_id) {
                continue;
            }
            total += 1;
            if pager.turn() == Turn::Take {
                found.push((MessageLogId(key::serial_id(key.value())), parked));
            }
        }
        Ok((total, found))
    }

    pub fn parked_event(
        &self,
        organization: OrganizationId,
        log: MessageLogId,
    ) -> Result<Option<ParkedEvent>, ReadError> {
        snapshot::get("parked_events", &self.tables.parked_events, organization, log.0)
    }
}
