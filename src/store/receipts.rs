//! Delivery receipts: what a carrier tells of a message of ours. A status moves only forward; what comes late or
//! again stays as an audit event, and the first reason of a failure stays what it is.

use super::inbound::{bucket, buckets, digest, keep, keep_origin, seen_before};
use super::key;
use super::opt_outs;
use super::record;
use super::transaction::{Command, Tx, TxError};
use crate::model::address::Address;
use crate::model::audit::{AuditEntry, Step};
use crate::model::call::Direction;
use crate::model::feed::FeedEvent;
use crate::model::ids::{AuditId, MessageLogId, OrganizationId};
use crate::model::message_log::{DeliveryStatus, MessageLog, Provider, RawPayload};
use crate::model::outbound::{JobStatus, OutboundJob};
use crate::model::receipt::Receipt;
use crate::model::time::Timestamp;
use redb::ReadableTable;

/// So many receipts are kept of a message that we have not heard of.
const MOST_EARLY: usize = 16;

#[derive(Clone, Debug)]
pub struct RecordReceipt {
    pub organization: OrganizationId,
    pub now: Timestamp,
    pub provider: Provider,
    pub provider_message_id: String,
    /// The job that the carrier was asked with, when it tells.
    pub job: Option<[u8; 16]>,
    /// Whom the message was for; a job is believed only for the same.
    pub customer: Option<Address>,
    pub receipt: Receipt,
    /// The receipt of the webhook first.
    pub steps: Vec<Step>,
    /// None: the sandbox made it.
    pub payload: Option<RawPayload>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptOutcome {
    /// It came before, to the letter.
    Duplicate,
    /// The status of this log is now what the receipt says.
    Moved(MessageLogId),
    /// Late: the status stays.
    Stays(MessageLogId),
    /// Of a message that we do not know (yet): kept.
    Kept(AuditId),
}

impl Command for RecordReceipt {
    type Outcome = ReceiptOutcome;
    const NAME: &'static str = "record_receipt";

    fn run(&self, tx: &mut Tx<'_>) -> Result<ReceiptOutcome, TxError> {
        let (org, now) = (self.organization, self.now);
        let told_by = self.told_by();
        let again = seen_before(&*tx.tables.kept_webhooks, org, now, &told_by)?.is_some();
        let Some(log_id) = self.find(tx)? else {
            return if again { Ok(ReceiptOutcome::Duplicate) } else { self.keep_early(tx, told_by) };
        };
        let (moved, audit_id) = apply(tx, org, log_id, &self.receipt, self.steps.clone(), now)?;
        if again {
            return Ok(ReceiptOutcome::Duplicate);
        }
        keep_origin(tx, org, (audit_id, now), self.payload.as_ref(), Some(told_by))?;
        Ok(if moved { ReceiptOutcome::Moved(log_id) } else { ReceiptOutcome::Stays(log_id) })
    }
}

impl RecordReceipt {
    /// What tells it from others.
    fn told_by(&self) -> [u8; 16] {
        let Receipt { provider_status, error_code, .. } = &self.receipt;
        let code = error_code.as_deref().unwrap_or_default();
        let parts = [self.provider.as_str(), "receipt", &self.provider_message_id, provider_status, code];
        key::digest_of(&parts.map(str::as_bytes))
    }

    /// Of a message that we have not heard of (yet): it counts when the carrier's answer to the send tells the id.
    fn keep_early(&self, tx: &mut Tx<'_>, told_by: [u8; 16]) -> Result<ReceiptOutcome, TxError> {
        let (org, now) = (self.organization, self.now);
        let entry = AuditEntry { call_id: None, log_id: None, at: now, steps: self.steps.clone() };
        let audit_id = keep(tx, org, &entry, self.payload.as_ref(), Some(told_by))?;
        tx.append_feed(org, now, FeedEvent::AuditKept { audit_id })?;
        let key = key::dedupe(org, bucket(now), &digest(self.provider, &self.provider_message_id));
        let stored = tx.tables.early_receipts.get(&key)?;
        let mut early: Vec<Receipt> = match &stored {
            Some(bytes) => record::decode("early_receipts", bytes.value())?,
            None => Vec::new(),
        };
        drop(stored);
        if early.len() < MOST_EARLY {
            early.push(self.receipt.clone());
            let (tables, bytes) = tx.encoded(&early);
            tables.early_receipts.insert(&key, bytes)?;
        }
        Ok(ReceiptOutcome::Kept(audit_id))
    }

    /// The log of the message: by the carrier's id, else by the job that the carrier was asked with. A job whose
    /// outcome nobody knows, or not yet, has one by that.
    fn find(&self, tx: &mut Tx<'_>) -> Result<Option<MessageLogId>, TxError> {
        let (org, now) = (self.organization, self.now);
        let digest = digest(self.provider, &self.provider_message_id);
        if let Some(id) = seen_before(&*tx.tables.dedupe, org, now, &digest)? {
            let ours = tx.log(org, MessageLogId(id))?.filter(|log| log.direction == Direction::Outbound);
            return Ok(ours.map(|_| MessageLogId(id)));
        }
        let Some(uuid) = self.job else { return Ok(None) };
        let own = |job: &OutboundJob| {
            let told = job.provider_message_id.as_ref();
            job.provider == self.provider
                && self.customer.as_ref().is_some_and(|customer| customer.as_str() == job.to)
                && (job.is_settled_by_receipt()
                    || told == Some(&self.provider_message_id)
                    || self.is_part_of(job))
        };
        let Some(job) = tx.job(org, uuid)?.filter(own) else { return Ok(None) };
        let Some(log_id) = job.log_id else { return Ok(None) };
        let Some(log) = tx.log(org, log_id)? else { return Ok(None) };
        if job.is_settled_by_receipt() {
            self.settle(tx, uuid, &job, log_id, &log, &digest)?;
        }
        Ok(Some(log_id))
    }

    /// Of a long message some carriers count each part as a message of its own.
    fn is_part_of(&self, job: &OutboundJob) -> bool {
        self.provider == Provider::Vonage && job.status == JobStatus::Sent
    }

    /// The carrier took it, whatever becomes of its answer.
    fn settle(
        &self,
        tx: &mut Tx<'_>,
        uuid: [u8; 16],
        before: &OutboundJob,
        log_id: MessageLogId,
        log: &MessageLog,
        digest: &[u8; 16],
    ) -> Result<(), TxError> {
        let (org, id) = (self.organization, &self.provider_message_id);
        let job = OutboundJob {
            status: JobStatus::Sent,
            provider_message_id: Some(id.clone()),
            error_code: None,
            error_message: None,
            due_at: Timestamp::MAX,
            updated_at: self.now,
            ..before.clone()
        };
        tx.put_job(org, uuid, Some(before), &job)?;
        let known = MessageLog {
            provider_message_id: id.clone(),
            error_code: None,
            error_message: None,
            ..log.clone()
        };
        tx.put_log(org, log_id, log, &known)?;
        tx.tables.dedupe.insert(&key::dedupe(org, bucket(self.now), digest), log_id.0)?;
        Ok(())
    }
}

/// What came of a message before its id was heard of.
pub(super) fn take_early(
    tx: &mut Tx<'_>,
    org: OrganizationId,
    digest: &[u8; 16],
    now: Timestamp,
) -> Result<Vec<Receipt>, TxError> {
    let mut early = Vec::new();
    for bucket in buckets(now) {
        let taken = tx.tables.early_receipts.remove(&key::dedupe(org, bucket, digest))?;
        let more =
            taken.map(|bytes| record::decode::<Vec<Receipt>>("early_receipts", bytes.value())).transpose()?;
        early.extend(more.unwrap_or_default());
    }
    Ok(early)
}

/// Applies a receipt to a log and appends what was done; true: the status has moved.
pub(super) fn apply(
    tx: &mut Tx<'_>,
    org: OrganizationId,
    log_id: MessageLogId,
    receipt: &Receipt,
    mut steps: Vec<Step>,
    now: Timestamp,
) -> Result<(bool, AuditId), TxError> {
    let before =
        tx.log(org, log_id)?.ok_or_else(|| TxError::Damaged("a log that was just there".to_owned()))?;
    if receipt.opted_out {
        let code = receipt.error_code.as_deref();
        steps.extend(opt_outs::learn(tx, org, (&before.from, &before.to), code, now)?);
    }
    let moved = receipt.status.filter(|next| DeliveryStatus::decide(before.status, *next));
    if let Some(status) = moved {
        let log = MessageLog {
            status,
            provider_status: receipt.provider_status.clone(),
            error_code: before.error_code.clone().or_else(|| receipt.error_code.clone()),
            error_message: before.error_message.clone().or_else(|| receipt.error_message.clone()),
            updated_at: now,
            ..before.clone()
        };
        tx.put_log(org, log_id, &before, &log)?;
        tx.append_feed(org, now, FeedEvent::DeliveryReached { call_id: log.call_id, log_id, status })?;
    } else {
        steps.push(Step::ReceiptIgnored { status: before.status });
    }
    let entry = AuditEntry { call_id: before.call_id, log_id: Some(log_id), at: now, steps };
    Ok((moved.is_some(), tx.append_audit(org, &entry)?))
}

/// The sandbox tells the next receipt of a message that it took, and when the one after it comes.
#[derive(Clone, Debug)]
pub struct RecordSandboxReceipt {
    pub organization: OrganizationId,
    pub uuid: [u8; 16],
    pub now: Timestamp,
    pub receipt: Option<Receipt>,
    pub next_due: Timestamp,
}

impl Command for RecordSandboxReceipt {
    /// False: it was told before.
    type Outcome = bool;
    const NAME: &'static str = "record_sandbox_receipt";

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, TxError> {
        let org = self.organization;
        let due =
            |job: &OutboundJob| job.status == JobStatus::Sent && job.due().is_some_and(|due| due <= self.now);
        let Some(before) = tx.job(org, self.uuid)?.filter(due) else { return Ok(false) };
        let job = OutboundJob { due_at: self.next_due, ..before.clone() };
        tx.put_job(org, self.uuid, Some(&before), &job)?;
        let (Some(receipt), Some(log_id)) = (&self.receipt, job.log_id) else { return Ok(true) };
        if tx.log(org, log_id)?.is_some() {
            let step = Step::ReceiptReceived {
                provider: job.provider,
                provider_message_id: job.provider_message_id.unwrap_or_default(),
                provider_status: receipt.provider_status.clone(),
                error_code: receipt.error_code.clone(),
            };
            apply(tx, org, log_id, receipt, vec![step], self.now)?;
        }
        Ok(true)
    }
}
