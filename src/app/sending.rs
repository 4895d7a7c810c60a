//! Sending: a message is put into the outbox, asked about, taken back.

use super::App;
use super::carriers::carrier_of;
use super::sms_logs;
use crate::model::account::Actor;
use crate::model::address::Address;
use crate::model::call::Direction;
use crate::model::message_log::{DeliveryStatus, LogFilter, MessageLog, Provider};
use crate::model::outbound::{JobStatus, OutboundJob, Purpose};
use crate::model::segments::segments;
use crate::store::{CancelJob, CancelOutcome, EnqueueOutcome, EnqueueSms, ReadError, StoreError};
use std::time::Duration;
use uuid::Uuid;

/// How much longer than one attempt somebody waits who does not want to queue: the number may have others to send first.
const PATIENCE: Duration = Duration::from_secs(5);

/// A message as somebody asks for it.
#[derive(Clone, Debug)]
pub struct NewSms {
    pub from: Address,
    pub to: Address,
    pub body: String,
    pub media_urls: Vec<String>,
    pub idempotency_key: Option<String>,
    /// False: the answer waits for the carrier's.
    pub queue: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    Job(Uuid, Box<OutboundJob>),
    KeyTaken,
    NoSuchNumber,
    OptedOut,
    /// Nothing can be sent by the number's carrier before this setting is there.
    NotConfigured(&'static str),
}

/// Puts a message into the outbox; it is durable when this returns.
pub async fn send(app: &App, actor: &Actor, sms: NewSms) -> Result<Sent, StoreError> {
    let organization = actor.organization;
    let missing = missing_setting(app, actor, &sms);
    if let Some(setting) = missing.map_err(|error| StoreError::Failed(error.to_string()))? {
        return Ok(Sent::NotConfigured(setting));
    }
    let queue = sms.queue;
    let command = EnqueueSms {
        organization,
        now: actor.now,
        session_ttl_seconds: app.session_ttl_seconds,
        cached: None,
        uuid: app.chance.uuid().into_bytes(),
        segment_count: segments(&sms.body).count,
        from: sms.from,
        to: sms.to,
        body: sms.body,
        media_urls: sms.media_urls,
        idempotency_key: sms.idempotency_key,
        purpose: Purpose::Message,
    };
    let uuid = Uuid::from_bytes(command.uuid);
    let (uuid, job) = match app.store.execute(command).await? {
        EnqueueOutcome::Queued { job, session, call_id, expires_at } => {
            app.sessions.bind(organization, &session, call_id, expires_at);
            app.outbox.wanted.notify_one();
            let to = session.customer.masked();
            tracing::info!(%organization, job = %uuid, to, conversation = %call_id, "message queued");
            (uuid, job)
        }
        EnqueueOutcome::Known { uuid, job } => (Uuid::from_bytes(uuid), job),
        EnqueueOutcome::KeyTaken => return Ok(Sent::KeyTaken),
        EnqueueOutcome::NoSuchNumber => return Ok(Sent::NoSuchNumber),
        EnqueueOutcome::OptedOut => return Ok(Sent::OptedOut),
    };
    let job = if queue { job } else { outcome(app, actor, uuid, job).await };
    Ok(Sent::Job(uuid, Box::new(job)))
}

/// The setting without which the number's carrier cannot be asked. Not for who used the key before: whoever asks
/// again gets the first answer, whatever has changed since.
fn missing_setting(app: &App, actor: &Actor, sms: &NewSms) -> Result<Option<&'static str>, ReadError> {
    let (snapshot, organization) = (app.store.snapshot()?, actor.organization);
    let number = snapshot.phone_number(organization, &sms.from)?;
    let number = number.filter(|number| number.is_active && number.assistant_id.is_some());
    let setting = number.and_then(|it| carrier_of(app, organization, it.provider).missing_to_send());
    let (Some(_), Some(key)) = (setting, &sms.idempotency_key) else { return Ok(setting) };
    let is_known = snapshot.has_job_key(organization, key)?;
    Ok(setting.filter(|_| !is_known))
}

/// The job once its first attempt has ended, or as it is when that takes too long.
async fn outcome(app: &App, actor: &Actor, uuid: Uuid, job: OutboundJob) -> OutboundJob {
    let is_open = |job: &OutboundJob| match job.status {
        JobStatus::Sending => true,
        JobStatus::Queued => job.attempts == 0,
        _ => false,
    };
    let mut newest = job;
    let settled = async {
        loop {
            let settled = app.outbox.settled.notified();
            match app.store.snapshot().and_then(|it| it.job(actor.organization, uuid.into_bytes())) {
                Ok(Some(job)) => newest = job,
                // It is gone, or cannot be read for now.
                _ => return,
            }
            if !is_open(&newest) {
                return;
            }
            settled.await;
        }
    };
    // That it takes too long is told by its status.
    let _ = tokio::time::timeout(app.outbox.timeout() + PATIENCE, settled).await;
    newest
}

/// A job with the log of its message.
pub fn status(
    app: &App,
    actor: &Actor,
    uuid: Uuid,
) -> Result<Option<(OutboundJob, Option<MessageLog>)>, ReadError> {
    let snapshot = app.store.snapshot()?;
    let Some(job) = snapshot.job(actor.organization, uuid.into_bytes())? else { return Ok(None) };
    let log = job.log_id.map(|id| snapshot.message_log(actor.organization, id)).transpose()?;
    Ok(Some((job, log.flatten())))
}

/// Takes back what waits to be sent.
pub async fn cancel(app: &App, actor: &Actor, uuid: Uuid) -> Result<CancelOutcome, StoreError> {
    let command = CancelJob { organization: actor.organization, uuid: uuid.into_bytes(), now: actor.now };
    let outcome = app.store.execute(command).await?;
    app.outbox.settled.notify_waiters();
    Ok(outcome)
}

/// How many jobs of each provider are in each status.
pub fn counts(app: &App, actor: &Actor) -> Result<Vec<(Provider, JobStatus, u64)>, ReadError> {
    app.store.snapshot()?.job_counts(actor.organization)
}

/// How messages of ours ended, as their carriers tell.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// Sent or delivered
    pub completed: u64,
    pub failed: u64,
}

/// What became of our messages of the last hour.
pub fn of_last_hour(app: &App, actor: &Actor, provider: Option<Provider>) -> Result<Ended, ReadError> {
    let filter = LogFilter {
        provider,
        direction: Some(Direction::Outbound),
        created_from: Some(actor.now.minus_seconds(3600)),
        ..LogFilter::default()
    };
    let counts = sms_logs::count(app, actor, &filter)?.by(|kind| kind.status);
    let of = |statuses: [DeliveryStatus; 2]| statuses.iter().filter_map(|status| counts.get(status)).sum();
    Ok(Ended {
        completed: of([DeliveryStatus::Sent, DeliveryStatus::Delivered]),
        failed: of([DeliveryStatus::Undelivered, DeliveryStatus::Failed]),
    })
}
