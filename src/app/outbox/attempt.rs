//! One attempt: claim, call, settle.

use super::App;
use super::pace::Place;
use crate::app::carriers::carrier_of;
use crate::app::http_client::{Answer, CallError};
use crate::app::persist::{AFTER_FAILURE, persist};
use crate::app::receipts;
use crate::carriers::{Carrier, CarrierError, CarrierReply, OutboundSms, Outgoing, RefusedWhy, SendOutcome};
use crate::metrics::carrier;
use crate::model::ids::OrganizationId;
use crate::model::message_log::{DeliveryStatus, Provider};
use crate::model::outbound::{AttemptOutcome, Claim, Claiming, JobStatus, OutboundJob};
use crate::model::time::Timestamp;
use crate::store::{ClaimJob, DueJob, SettleJob, StoreError};
use std::time::Instant;
use uuid::Uuid;

/// No carrier's answer is longer.
const ANSWER_BYTES: usize = 256 * 1024;

/// Claims left by a server that is gone: whoever has this database open is the only one, and we have claimed nothing.
pub(super) async fn give_up_abandoned(app: &App) {
    for organization in app.organizations() {
        let claimed = app.store.snapshot().and_then(|snapshot| snapshot.claimed_jobs(organization));
        for due in claimed.unwrap_or_default() {
            let claiming = Claiming::Abandoned;
            let claim = ClaimJob { organization, uuid: due.uuid, claiming, now: app.clock.now() };
            match app.store.execute(claim).await {
                Ok(claim) => tell(&due, &claim),
                // It is found again when its claim has ended.
                Err(error) => tracing::warn!(%error, "an abandoned message could not be given up"),
            }
        }
    }
}

/// Holds a job's place among those that are under way, until it is dropped.
pub(super) struct UnderWay {
    app: App,
    due: DueJob,
    place: Place,
}

impl UnderWay {
    pub(super) fn begin(app: &App, due: DueJob, place: Place) -> UnderWay {
        app.outbox.under_way().insert(due.uuid);
        UnderWay { app: app.clone(), due, place }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.app.outbox.pace.done(&self.place);
        self.app.outbox.under_way().remove(&self.due.uuid);
        self.app.outbox.settled.notify_waiters();
    }
}

/// Does what is due about a job.
pub(super) async fn make(job: UnderWay) {
    if let Err(error) = attempt(&job.app, &job.due).await {
        tracing::warn!(%error, "a message could not be sent for now");
        tokio::time::sleep(AFTER_FAILURE).await;
    }
}

async fn attempt(app: &App, due: &DueJob) -> Result<(), StoreError> {
    let (organization, uuid) = (due.lane.organization, due.uuid);
    let job = app.store.snapshot().and_then(|snapshot| snapshot.job(organization, uuid));
    let Some(job) = job.map_err(|error| StoreError::Failed(error.to_string()))? else { return Ok(()) };
    if job.status == JobStatus::Sent {
        return receipts::of_sandbox(app, due, &job).await;
    }
    let claiming = Claiming::Attempt(job.attempts + 1);
    let claim = persist(app, || ClaimJob { organization, uuid, claiming, now: app.clock.now() }).await?;
    tell(due, &claim);
    let Claim::Attempt(job) = claim else { return Ok(()) };
    let carrier = carrier_of(app, organization, job.provider);
    let asked = Instant::now();
    let outcome = ask(app, organization, &Uuid::from_bytes(uuid).to_string(), &job, &*carrier).await;
    app.metrics.carrier_asked(job.provider, counted_as(&outcome), asked.elapsed());
    let now = app.clock.now();
    if let SendOutcome::Retry { busy: true, after_seconds: Some(seconds), .. } = &outcome {
        app.outbox.pace.pause(app, due, *seconds, now);
    }
    let settle = settling(due, &job, outcome, now);
    let after = persist(app, || settle.clone()).await?;
    tell_outcome(due, after.as_ref());
    Ok(())
}

async fn ask(
    app: &App,
    organization: OrganizationId,
    uuid: &str,
    job: &OutboundJob,
    carrier: &dyn Carrier,
) -> SendOutcome {
    let callback = app.carriers.public_url.as_ref().map(|url| {
        let name = job.provider.as_str();
        let url = format!("{url}/webhooks/sms/{name}");
        // Vonage gives our reference back by itself, and takes no long URL.
        if job.provider == Provider::Vonage { url } else { format!("{url}?job={uuid}") }
    });
    let pool = pool_of(app, organization, job);
    let sms = OutboundSms {
        from: &job.from,
        to: &job.to,
        body: &job.body,
        media_urls: &job.media_urls,
        job: uuid,
        attempt: job.attempts,
        messaging_service_sid: pool.as_deref(),
        callback_url: callback.as_deref(),
        now_unix: app.clock.now().unix_seconds(),
    };
    let request = match carrier.send(&sms) {
        Outgoing::Done(outcome) => return outcome,
        Outgoing::Request(request) => request,
    };
    match app.outbox.client.call(request, ANSWER_BYTES).await {
        Ok(Answer { status, headers, body: Some(body) }) => carrier.read_reply(&CarrierReply {
            status,
            headers: &headers,
            body: &body,
            now_unix: app.clock.now().unix_seconds(),
            attempt: job.attempts,
        }),
        Ok(Answer { body: None, .. }) => {
            SendOutcome::Unknown { reason: format!("the answer is longer than {ANSWER_BYTES} bytes") }
        }
        Err(CallError::NotSent(reason)) => SendOutcome::Retry {
            after_seconds: None,
            busy: false,
            error: CarrierError::new(carrier::UNREACHABLE, reason),
        },
        Err(CallError::Lost(reason)) => SendOutcome::Unknown { reason },
    }
}

fn counted_as(outcome: &SendOutcome) -> &'static str {
    match outcome {
        SendOutcome::Accepted { .. } => carrier::ACCEPTED,
        SendOutcome::Retry { error, .. } if error.code.as_deref() == Some(carrier::UNREACHABLE) => {
            carrier::UNREACHABLE
        }
        SendOutcome::Retry { busy: true, .. } => carrier::BUSY,
        SendOutcome::Retry { .. } => carrier::RETRY,
        SendOutcome::Refused { .. } => carrier::REFUSED,
        SendOutcome::Unknown { .. } => carrier::UNKNOWN,
    }
}

/// The pool that the assistant's messages are sent from, at Twilio.
fn pool_of(app: &App, organization: OrganizationId, job: &OutboundJob) -> Option<String> {
    let snapshot = app.store.snapshot().ok().filter(|_| job.provider == Provider::Twilio)?;
    let call = snapshot.call(organization, job.call_id?).ok()??;
    let assistant = snapshot.assistant(organization, call.assistant_id).ok()??;
    assistant.messaging_service_sid.filter(|sid| !sid.is_empty())
}

fn settling(due: &DueJob, job: &OutboundJob, outcome: SendOutcome, now: Timestamp) -> SettleJob {
    let mut settle = SettleJob {
        organization: due.lane.organization,
        uuid: due.uuid,
        attempt: job.attempts,
        now,
        outcome: AttemptOutcome::Unknown { message: String::new() },
        provider_status: String::new(),
        segment_count: None,
        opted_out: false,
    };
    settle.outcome = match outcome {
        SendOutcome::Accepted { provider_message_id, provider_status, segment_count, .. } => {
            settle.provider_status = provider_status;
            settle.segment_count = segment_count;
            let receipts_from = match job.provider {
                Provider::Sandbox => receipts::sandbox_due(job, DeliveryStatus::Queued, now),
                _ => Timestamp::MAX,
            };
            AttemptOutcome::Accepted { provider_message_id, receipts_from }
        }
        SendOutcome::Retry { after_seconds, error, .. } => {
            AttemptOutcome::Retry { after_seconds, code: error.code, message: error.message }
        }
        SendOutcome::Refused { why, error } => {
            settle.opted_out = why == RefusedWhy::OptedOut;
            AttemptOutcome::Refused { code: error.code, message: error.message }
        }
        SendOutcome::Unknown { reason } => AttemptOutcome::Unknown { message: reason },
    };
    settle
}

fn tell(due: &DueJob, claim: &Claim) {
    let (organization, job) = (due.lane.organization, Uuid::from_bytes(due.uuid));
    match claim {
        Claim::Refused(refused) => {
            tracing::info!(%organization, %job, code = refused.error_code.as_deref(), "not sent");
        }
        Claim::Lost(_) => {
            tracing::warn!(%organization, %job, "the outcome of an attempt to send is unknown; it is not tried again");
        }
        Claim::NotDue | Claim::Attempt(_) => {}
    }
}

fn tell_outcome(due: &DueJob, after: Option<&OutboundJob>) {
    let (organization, job, carrier) =
        (due.lane.organization, Uuid::from_bytes(due.uuid), due.provider.as_str());
    let Some(after) = after else { return };
    let code = after.error_code.as_deref();
    match after.status {
        JobStatus::Sent => tracing::info!(%organization, %job, carrier, "message sent"),
        JobStatus::Queued => {
            tracing::warn!(%organization, %job, carrier, code, "message not taken; it is tried again")
        }
        _ => {
            tracing::warn!(%organization, %job, carrier, code, status = after.status.as_str(), "message not sent")
        }
    }
}
