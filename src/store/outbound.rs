//! The outbox: a message is put into it, claimed, and settled by what the carrier said. Each is one command, so
//! that whatever is cut short finds the last one done and nothing of the next.
//!
//! A claim is durable before the carrier is called. What it brings back counts only while it is the newest.

mod due;
mod settle;

pub use due::{Due, Lane};
pub use settle::SettleJob;

use super::inbound::{digest, seen_before};
use super::key;
use super::opt_outs;
use super::phone_numbers::phone_number;
use super::sequences::{Count, job_block};
use super::snapshot::Snapshot;
use super::thread::{Joined, Joining};
use super::transaction::{Command, Tx, TxError};
use super::{ReadError, record};
use crate::model::address::Address;
use crate::model::assistant::PhoneNumber;
use crate::model::audit::{AuditEntry, Step};
use crate::model::call::Direction;
use crate::model::feed::FeedEvent;
use crate::model::ids::{CallId, MessageLogId, OrganizationId};
use crate::model::message::Role;
use crate::model::message_log::{DeliveryStatus, MessageLog, Provider};
use crate::model::outbound::{
    Claim, Claiming, JobStatus, Obstacle, OutboundJob, Purpose, decide_cancel, decide_claim,
};
use crate::model::session::SessionKey;
use crate::model::time::Timestamp;
use redb::ReadableTable;
use uuid::Uuid;

/// One message of ours to a customer.
#[derive(Clone, Debug)]
pub struct EnqueueSms {
    pub organization: OrganizationId,
    pub now: Timestamp,
    pub session_ttl_seconds: u64,
    /// The conversation that the session cache names. It is checked, never trusted.
    pub cached: Option<CallId>,
    /// Of the job, if it is new.
    pub uuid: [u8; 16],
    /// Our number.
    pub from: Address,
    pub to: Address,
    pub body: String,
    pub media_urls: Vec<String>,
    pub segment_count: u32,
    pub idempotency_key: Option<String>,
    pub purpose: Purpose,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnqueueOutcome {
    Queued {
        job: OutboundJob,
        session: SessionKey,
        call_id: CallId,
        expires_at: Timestamp,
    },
    /// The same was asked for before, with this key.
    Known {
        uuid: [u8; 16],
        job: OutboundJob,
    },
    /// The key was used for something else.
    KeyTaken,
    /// No assistant has the number.
    NoSuchNumber,
    OptedOut,
}

impl Command for EnqueueSms {
    type Outcome = EnqueueOutcome;
    const NAME: &'static str = "enqueue_sms";

    fn run(&self, tx: &mut Tx<'_>) -> Result<EnqueueOutcome, TxError> {
        let org = self.organization;
        if let Some((uuid, job)) = self.known(tx)? {
            let same = job.says(self.from.as_str(), self.to.as_str(), &self.body, &self.media_urls);
            return Ok(if same { EnqueueOutcome::Known { uuid, job } } else { EnqueueOutcome::KeyTaken });
        }
        let number = phone_number(tx, org, &self.from)?.filter(|number| number.is_active);
        let Some((assistant_id, provider)) = number.and_then(|it| Some((it.assistant_id?, it.provider)))
        else {
            return Ok(EnqueueOutcome::NoSuchNumber);
        };
        if opt_outs::has(tx, org, &self.from, &self.to)? {
            return Ok(EnqueueOutcome::OptedOut);
        }
        let session = SessionKey { customer: self.to.clone(), assistant_id, our_number: self.from.clone() };
        let Enqueued { job, call_id, expires_at } = self.enqueue(tx, &session, provider)?;
        Ok(EnqueueOutcome::Queued { job, session, call_id, expires_at })
    }
}

/// A message that was put into the outbox.
pub(super) struct Enqueued {
    pub(super) job: OutboundJob,
    pub(super) call_id: CallId,
    /// Until when its session then lives.
    pub(super) expires_at: Timestamp,
}

impl EnqueueSms {
    fn known(&self, tx: &Tx<'_>) -> Result<Option<([u8; 16], OutboundJob)>, TxError> {
        let Some(given) = &self.idempotency_key else { return Ok(None) };
        let named = tx.tables.job_keys.get(&key::job_key(self.organization, given))?;
        let Some(uuid) = named.and_then(|named| named.value().try_into().ok()) else { return Ok(None) };
        Ok(tx.job(self.organization, uuid)?.map(|job| (uuid, job)))
    }

    /// Writes message, log and job.
    pub(super) fn enqueue(
        &self,
        tx: &mut Tx<'_>,
        session: &SessionKey,
        provider: Provider,
    ) -> Result<Enqueued, TxError> {
        let org = self.organization;
        let joining = Joining {
            organization: org,
            now: self.now,
            session_ttl_seconds: self.session_ttl_seconds,
            session,
            cached: self.cached,
            direction: Direction::Outbound,
            role: Role::Assistant,
            content: &self.body,
        };
        let Joined { call_id, message, started } = joining.join(tx)?;
        let log_id = self.write_log(tx, session, call_id, provider, message.at)?;
        let job = self.job(call_id, log_id, provider);
        tx.put_job(org, self.uuid, None, &job)?;
        tx.link_job(org, call_id, self.uuid)?;
        let mut steps: Vec<Step> = started.then_some(Step::ConversationStarted).into_iter().collect();
        steps.push(Step::MessageQueued { job: Uuid::from_bytes(self.uuid), purpose: self.purpose });
        let entry = AuditEntry { call_id: Some(call_id), log_id: Some(log_id), at: message.at, steps };
        tx.append_audit(org, &entry)?;
        let event = FeedEvent::MessageQueued { call_id, message_index: message.index, log_id };
        tx.append_feed(org, message.at, event)?;
        Ok(Enqueued { job, call_id, expires_at: message.expires_at })
    }

    fn write_log(
        &self,
        tx: &mut Tx<'_>,
        session: &SessionKey,
        call_id: CallId,
        provider: Provider,
        at: Timestamp,
    ) -> Result<MessageLogId, TxError> {
        let log = MessageLog {
            call_id: Some(call_id),
            assistant_id: Some(session.assistant_id),
            provider,
            // The carrier gives one when it takes the message.
            provider_message_id: String::new(),
            direction: Direction::Outbound,
            from: self.from.to_string(),
            to: self.to.to_string(),
            body: self.body.clone(),
            media_urls: self.media_urls.clone(),
            segment_count: self.segment_count,
            status: DeliveryStatus::Queued,
            provider_status: String::new(),
            error_code: None,
            error_message: None,
            created_at: at,
            updated_at: at,
        };
        tx.append_log(self.organization, &log)
    }

    fn job(&self, call_id: CallId, log_id: MessageLogId, provider: Provider) -> OutboundJob {
        OutboundJob {
            call_id: Some(call_id),
            log_id: Some(log_id),
            provider,
            from: self.from.to_string(),
            to: self.to.to_string(),
            body: self.body.clone(),
            media_urls: self.media_urls.clone(),
            status: JobStatus::Queued,
            idempotency_key: self.idempotency_key.clone(),
            provider_message_id: None,
            error_code: None,
            error_message: None,
            attempts: 0,
            due_at: self.now,
            created_at: self.now,
            updated_at: self.now,
            purpose: self.purpose,
        }
    }
}

/// Takes a job that is due, for one attempt.
#[derive(Clone, Debug)]
pub struct ClaimJob {
    pub organization: OrganizationId,
    pub uuid: [u8; 16],
    pub claiming: Claiming,
    pub now: Timestamp,
}

impl Command for ClaimJob {
    type Outcome = Claim;
    const NAME: &'static str = "claim_job";

    fn run(&self, tx: &mut Tx<'_>) -> Result<Claim, TxError> {
        let org = self.organization;
        let Some(before) = tx.job(org, self.uuid)? else { return Ok(Claim::NotDue) };
        let claim = decide_claim(&before, self.claiming, obstacle(tx, org, &before)?, self.now);
        match &claim {
            Claim::NotDue => {}
            Claim::Attempt(job) if *job == before => {}
            Claim::Attempt(job) => tx.put_job(org, self.uuid, Some(&before), job)?,
            Claim::Refused(job) => end(tx, org, self.uuid, &before, job, Some(DeliveryStatus::Failed))?,
            Claim::Lost(job) => end(tx, org, self.uuid, &before, job, None)?,
        }
        Ok(claim)
    }
}

/// What stands in the way of a job as things are now.
fn obstacle(tx: &Tx<'_>, org: OrganizationId, job: &OutboundJob) -> Result<Option<Obstacle>, TxError> {
    let (ours, customer) = (Address::stored(job.from.clone()), Address::stored(job.to.clone()));
    let number = phone_number(tx, org, &ours)?;
    let is_ours = |it: PhoneNumber| it.is_active && it.assistant_id.is_some() && it.provider == job.provider;
    if !number.is_some_and(is_ours) {
        return Ok(Some(Obstacle::NotOurs));
    }
    Ok(opt_outs::has(tx, org, &ours, &customer)?.then_some(Obstacle::OptedOut))
}

/// Takes back what waits to be sent.
#[derive(Clone, Debug)]
pub struct CancelJob {
    pub organization: OrganizationId,
    pub uuid: [u8; 16],
    pub now: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CancelOutcome {
    NotThere,
    Cancelled,
    TooLate(JobStatus),
}

impl Command for CancelJob {
    type Outcome = CancelOutcome;
    const NAME: &'static str = "cancel_job";

    fn run(&self, tx: &mut Tx<'_>) -> Result<CancelOutcome, TxError> {
        let Some(before) = tx.job(self.organization, self.uuid)? else { return Ok(CancelOutcome::NotThere) };
        let Some(job) = decide_cancel(&before, self.now) else {
            return Ok(CancelOutcome::TooLate(before.status));
        };
        end(tx, self.organization, self.uuid, &before, &job, Some(DeliveryStatus::Failed))?;
        Ok(CancelOutcome::Cancelled)
    }
}

/// Writes a job that ends without an attempt's outcome, with its log, and tells of it.
fn end(
    tx: &mut Tx<'_>,
    org: OrganizationId,
    uuid: [u8; 16],
    before: &OutboundJob,
    job: &OutboundJob,
    status: Option<DeliveryStatus>,
) -> Result<(), TxError> {
    tx.put_job(org, uuid, Some(before), job)?;
    let step = Step::SendEnded {
        job: Uuid::from_bytes(uuid),
        status: job.status,
        error_code: job.error_code.clone(),
    };
    note(tx, org, job, vec![step], |log| {
        // What a receipt has told since stays.
        if is_open(log) {
            status.inspect(|status| log.status = *status);
            log.error_code.clone_from(&job.error_code);
            log.error_message.clone_from(&job.error_message);
        }
    })
}

/// Whether no carrier has told more of a message than that it has it.
fn is_open(log: &MessageLog) -> bool {
    matches!(log.status, DeliveryStatus::Queued | DeliveryStatus::Sending)
}

/// Changes a job's log and appends what was done, if they are still there: an erasure or an archive may have come
/// in between.
fn note(
    tx: &mut Tx<'_>,
    org: OrganizationId,
    job: &OutboundJob,
    steps: Vec<Step>,
    change: impl FnOnce(&mut MessageLog),
) -> Result<(), TxError> {
    let Some(log_id) = job.log_id else { return Ok(()) };
    let Some(before) = tx.log(org, log_id)? else { return Ok(()) };
    let mut log = before.clone();
    change(&mut log);
    log.updated_at = job.updated_at;
    tx.put_log(org, log_id, &before, &log)?;
    let entry = AuditEntry { call_id: log.call_id, log_id: Some(log_id), at: job.updated_at, steps };
    tx.append_audit(org, &entry)?;
    let event = FeedEvent::DeliveryReached { call_id: log.call_id, log_id, status: log.status };
    tx.append_feed(org, job.updated_at, event)
}

impl Snapshot {
    pub fn job(
        &self,
        organization: OrganizationId,
        uuid: [u8; 16],
    ) -> Result<Option<OutboundJob>, ReadError> {
        let stored = self.tables.outbound_jobs.get(&key::job(organization, uuid))?;
        stored.map(|bytes| record::decode("outbound_jobs", bytes.value())).transpose()
    }

    /// The job that a message of a conversation was sent by, with its UUID. Looks through the conversation's jobs.
    pub fn job_of_log(
        &self,
        organization: OrganizationId,
        call_id: CallId,
        log_id: MessageLogId,
    ) -> Result<Option<([u8; 16], OutboundJob)>, ReadError> {
        let end = |number| key::thread(organization, call_id, key::ThreadPart::Job, number);
        let (first, last) = (end(0), end(u64::MAX));
        for row in self.tables.threads.range::<&key::ThreadKey>(&first..=&last)? {
            let (_, uuids) = row?;
            for uuid in uuids.value().as_chunks().0 {
                let job = self.job(organization, *uuid)?.filter(|job| job.log_id == Some(log_id));
                if let Some(job) = job {
                    return Ok(Some((*uuid, job)));
                }
            }
        }
        Ok(None)
    }

    pub fn has_job_key(
        &self,
        organization: OrganizationId,
        idempotency_key: &str,
    ) -> Result<bool, ReadError> {
        Ok(self.tables.job_keys.get(&key::job_key(organization, idempotency_key))?.is_some())
    }

    pub fn message_log(
        &self,
        organization: OrganizationId,
        id: MessageLogId,
    ) -> Result<Option<MessageLog>, ReadError> {
        super::snapshot::get("message_logs", &self.tables.message_logs, organization, id.0)
    }

    /// How many jobs are in each status, of each provider.
    pub fn job_counts(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<(Provider, JobStatus, u64)>, ReadError> {
        let mut counts = Vec::new();
        for (provider, status) in
            Provider::ALL.into_iter().flat_map(|it| JobStatus::ALL.map(|status| (it, status)))
        {
            let count = self.counted(organization, Count::Jobs, job_block(status, provider))?;
            counts.push((provider, status, count));
        }
        Ok(counts)
    }
}
