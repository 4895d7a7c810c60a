//! Delivery receipts: those that carriers send, and those that the sandbox tells a moment later.

use super::App;
use super::inbound::Received;
use crate::carriers::{StatusReceipt, sandbox};
use crate::model::address::Address;
use crate::model::audit::Step;
use crate::model::ids::OrganizationId;
use crate::model::message_log::{DeliveryStatus, Provider, RawPayload};
use crate::model::outbound::OutboundJob;
use crate::model::receipt::Receipt;
use crate::model::time::Timestamp;
use crate::store::{DueJob, ReceiptOutcome, RecordReceipt, RecordSandboxReceipt, StoreError};
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
            opted_out: receipt.opted_out,
        },
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

/// The sandbox tells this of a message that it took, or may have taken, before it would by itself. What it would tell
/// after that it still does.
pub async fn of_sandbox_now(
    app: &App,
    organization: OrganizationId,
    (uuid, job): ([u8; 16], &OutboundJob),
    status: DeliveryStatus,
    error_code: Option<&str>,
) -> Result<ReceiptOutcome, StoreError> {
    let given = || sandbox::message_id(&Uuid::from_bytes(uuid).to_string());
    let provider_message_id = job.provider_message_id.clone().unwrap_or_else(given);
    let (provider, provider_status) = (Provider::Sandbox, status.as_str().to_owned());
    let error_code = error_code.map(str::to_owned);
    let step = Step::ReceiptReceived {
        provider,
        provider_message_id: provider_message_id.clone(),
        provider_status: provider_status.clone(),
        error_code: error_code.clone(),
    };
    let status = Some(status);
    let command = RecordReceipt {
        organization,
        now: app.clock.now(),
        provider,
        provider_message_id,
        job: Some(uuid),
        customer: Address::parse(&job.to).ok(),
        receipt: Receipt { status, provider_status, error_code, error_message: None, opted_out: false },
        steps: vec![step],
        payload: None,
    };
    app.store.execute(command).await
}

/// When the sandbox tells the receipt after this one; the end of time: none.
pub(super) fn sandbox_due(job: &OutboundJob, after: DeliveryStatus, now: Timestamp) -> Timestamp {
    match sandbox::next_receipt(&job.to, after) {
        Some((milliseconds, _)) => Timestamp(now.0.saturating_add(milliseconds as i64 * 1000)),
        None => Timestamp::MAX,
    }
}

/// Tells the next receipt of a message that the sandbox took.
pub(super) async fn of_sandbox(app: &App, due: &DueJob, job: &OutboundJob) -> Result<(), StoreError> {
    let (organization, now) = (due.lane.organization, app.clock.now());
    let log = match job.log_id {
        Some(id) => app.store.snapshot().and_then(|snapshot| snapshot.message_log(organization, id)),
        None => Ok(None),
    };
    let log = log.map_err(|error| StoreError::Failed(error.to_string()))?;
    let status = log.map_or(DeliveryStatus::Delivered, |log| log.status);
    let told = sandbox::next_receipt(&job.to, status).map(|(_, receipt)| receipt);
    let next_due = told.as_ref().map_or(Timestamp::MAX, |told| sandbox_due(job, told.status, now));
    let receipt = told.map(|told| Receipt {
        status: Some(told.status),
        provider_status: told.provider_status,
        error_code: told.error.as_ref().and_then(|error| error.code.clone()),
        error_message: told.error.map(|error| error.message),
        opted_out: false,
    });
    let command = RecordSandboxReceipt { organization, uuid: due.uuid, now, receipt, next_due };
    app.store.execute(command).await.map(drop)
}
