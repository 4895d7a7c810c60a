//! What an attempt brought back.

use super::{digest, is_open, note, seen_before};
use crate::model::audit::Step;
use crate::model::ids::OrganizationId;
use crate::model::message_log::DeliveryStatus;
use crate::model::outbound::{AttemptOutcome, JobStatus, OutboundJob, decide_outcome};
use crate::model::time::Timestamp;
use crate::store::inbound::bucket;
use crate::store::key;
use crate::store::opt_outs;
use crate::store::receipts;
use crate::store::transaction::{Command, Tx, TxError};
use uuid::Uuid;

/// Writes the outcome of a claim.
#[derive(Clone, Debug)]
pub struct SettleJob {
    pub organization: OrganizationId,
    pub uuid: [u8; 16],
    /// The attempt that the claim was for.
    pub attempt: u32,
    pub now: Timestamp,
    pub outcome: AttemptOutcome,
    /// In the carrier's words.
    pub provider_status: String,
    pub segment_count: Option<u32>,
    /// The carrier says that the customer has opted out.
    pub opted_out: bool,
}

impl Command for SettleJob {
    /// The job as it is now; none: it is gone, or the claim counted no more.
    type Outcome = Option<OutboundJob>;
    const NAME: &'static str = "settle_job";

    fn run(&self, tx: &mut Tx<'_>) -> Result<Option<OutboundJob>, TxError> {
        let org = self.organization;
        let Some(before) = tx.job(org, self.uuid)? else { return Ok(None) };
        let Some(job) = decide_outcome(&before, self.attempt, &self.outcome, self.now) else {
            return Ok(None);
        };
        tx.put_job(org, self.uuid, Some(&before), &job)?;
        let mut steps = vec![Step::SendAttempted {
            job: Uuid::from_bytes(self.uuid),
            attempt: self.attempt,
            status: job.status,
            error_code: job.error_code.clone(),
            error_message: job.error_message.clone(),
        }];
        if self.opted_out {
            let code = job.error_code.as_deref();
            steps.extend(opt_outs::learn(tx, org, (&job.from, &job.to), code, self.now)?);
        }
        note(tx, org, &job, steps, |log| {
            log.segment_count = self.segment_count.unwrap_or(log.segment_count);
            if let Some(id) = &job.provider_message_id {
                log.provider_message_id.clone_from(id);
            }
            // What a receipt has told since stays.
            if !is_open(log) {
                return;
            }
            log.error_code.clone_from(&job.error_code);
            log.error_message.clone_from(&job.error_message);
            log.provider_status.clone_from(&self.provider_status);
            match job.status {
                JobStatus::Failed => log.status = DeliveryStatus::Failed,
                JobStatus::Unknown => log.status = DeliveryStatus::Sending,
                _ => {}
            }
        })?;
        self.know_receipts(tx, &job)?;
        Ok(Some(job))
    }
}

impl SettleJob {
    /// From now on receipts are recognised by the carrier's id; one that came before is applied.
    fn know_receipts(&self, tx: &mut Tx<'_>, job: &OutboundJob) -> Result<(), TxError> {
        let org = self.organization;
        let (Some(id), Some(log_id)) = (&job.provider_message_id, job.log_id) else { return Ok(()) };
        if tx.log(org, log_id)?.is_none() {
            return Ok(());
        }
        let digest = digest(job.provider, id);
        if seen_before(&*tx.tables.dedupe, org, self.now, &digest)?.is_none() {
            tx.tables.dedupe.insert(&key::dedupe(org, bucket(self.now), &digest), log_id.0)?;
        }
        for receipt in receipts::take_early(tx, org, &digest, self.now)? {
            receipts::apply(tx, org, log_id, &receipt, Vec::new(), self.now)?;
        }
        Ok(())
    }
}
