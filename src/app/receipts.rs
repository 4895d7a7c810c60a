//! Delivery receipts: those that carriers send, and those that the sandbox tells a moment later.

use super::App;
use super::inbound::Received;
use crate::carriers::{StatusReceipt, sandbox};
use crate::model::address::Address;
use crate::model::audit::Step;
use crate::model::ids::OrganizationId;
use crate::model::message_log::{DeliveryStatus, Provider, RawPayload};
use crate::model::outbound::{JobStatus, OutboundJob};
use crate::model::time::Timestamp;
use crate::store::{DueJob, Receipt, ReceiptOutcome, RecordReceipt, StoreError};
use uuid::Uuid;

/// A receipt that came by webhook, with the steps taken so far.
pub(super) async fn receive(
    app: &App,
    (organization, provider, now): (OrganizationId, Provider, Timestamp),
    receipt: StatusReceipt,
    mut steps: Vec<Step>,
    payload: RawPayload,
) -> Result<Received, StoreError> {
    steps.push(Step::ReceiptReceived {
        provider,
        provider_message_id: receipt.provider_message_id.clone(),
        provider_status: receipt.provider_status.clone(),
        error_code: receipt.error_code.clone(),
    });
    let command = RecordReceipt {
        organization,
        now,
        provider,
        provider_message_id: receipt.provider_message_id,
        job: receipt.job.and_then(|job| Uuid::parse_str(&job).ok()).map(Uuid::into_bytes),
        customer: receipt.to.and_then(|to| Address::parse(&to).ok()),
        receipt: Receipt {
            status: receipt.status,
            provider_status: receipt.provider_status,
            error_code: receipt.error_code,
            error_message: receipt.error_message,
        },
        opted_out: receipt.opted_out,
        steps,
        payload: Some(payload),
    };
    let outcome = app.store.execute(command).await?;
    tracing::info!(%organization, carrier = provider.as_str(), ?outcome, "receipt");
    Ok(match outcome {
        ReceiptOutcome::Duplicate => Received::Duplicate,
        _ => Received::Kept,
    })
}

/// The words that a carrier's receipts use, with what they mean: one may come before we hear that the message was taken.
pub(super) fn words_of(provider: Provider) -> &'static [(&'static str, DeliveryStatus)] {
    use DeliveryStatus::{Delivered, Failed, Sending, Sent, Undelivered};
    match provider {
        Provider::Twilio => &[
            ("sending", Sending),
            ("sent", Sent),
            ("delivered", Delivered),
            ("undelivered", Undelivered),
            ("failed", Failed),
        ],
        Provider::Telnyx => &[
            ("sending", Sending),
            ("sent", Sent),
            ("delivered", Delivered),
            ("delivery_failed", Undelivered),
            ("sending_failed", Failed),
        ],
        Provider::Vonage => &[
            ("buffered", Sending),
            ("accepted", Sent),
            ("submitted", Sent),
            ("delivered", Delivered),
            ("expired", Undelivered),
            ("rejected", Undelivered),
            ("failed", Failed),
            ("undeliverable", Failed),
        ],
        Provider::Sandbox => &[],
    }
}

/// When the sandbox tells the receipt after this one; the end of time: none.
pub(super) fn sandbox_due(job: &OutboundJob, after: DeliveryStatus, now: Timestamp) -> Timestamp {
    match sandbox::next_receipt(&job.to, after) {
        Some((milliseconds, _)) => Timestamp(now.0.saturating_add(milliseconds as i64 * 1000)),
        None => Timestamp::MAX,
    }
}

/// Tells the next receipt of a message that the sandbox took. False: it has not taken it yet.
pub(super) async fn of_sandbox(app: &App, due: &DueJob, now: Timestamp) -> Result<bool, StoreError> {
    let organization = due.lane.organization;
    let unreadable = |error: crate::store::ReadError| StoreError::Failed(error.to_string());
    let snapshot = app.store.pin();
    let snapshot = snapshot.as_ref().as_ref().map_err(|reason| StoreError::Unavailable(reason.clone()))?;
    let job = snapshot.job(organization, due.uuid).map_err(unreadable)?;
    let Some(job) = job.filter(|job| job.status == JobStatus::Sent) else { return Ok(false) };
    let log = job.log_id.map(|id| snapshot.message_log(organization, id)).transpose().map_err(unreadable)?;
    let status = log.flatten().map_or(DeliveryStatus::Delivered, |log| log.status);
    let next = sandbox::next_receipt(&job.to, status);
    let told = next.map(|(_, receipt)| receipt);
    let next_due = told.as_ref().map_or(Timestamp::MAX, |told| sandbox_due(&job, told.status, now));
    let command = crate::store::RecordSandboxReceipt {
        organization,
        uuid: due.uuid,
        now,
        receipt: told.map(|told| Receipt {
            status: Some(told.status),
            provider_status: told.provider_status,
            error_code: told.error.as_ref().and_then(|error| error.code.clone()),
            error_message: told.error.map(|error| error.message),
        }),
        next_due,
    };
    app.store.execute(command).await?;
    Ok(true)
}
