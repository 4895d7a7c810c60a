//! What a carrier tells us, verified: messages are recorded, receipts applied, everything else is kept.

use super::carriers::{carrier_of, owners};
use super::{App, receipts};
use crate::carriers::{Carrier, InboundSms, WebhookEvent};
use crate::model::address::{Address, mask};
use crate::model::audit::{SignatureVerdict, Step};
use crate::model::auto_reply::AutoReply;
use crate::model::ids::{CallId, OrganizationId};
use crate::model::message_log::{Provider, RawPayload};
use crate::model::opt_out::Keyword;
use crate::model::partial_message::MessagePart;
use crate::model::session::SessionKey;
use crate::model::time::Timestamp;
use crate::store::{
    FlushParts, KeepAudit, ReadError, RecordInbound, RecordInboundOutcome, RecordPart, RecordPartOutcome,
    Route, Snapshot, StoreError,
};
use std::sync::Arc;
use tokio::task::JoinSet;

/// One webhook request whose signature was judged.
pub struct Webhook {
    pub provider: Provider,
    /// Whose it is: see [`candidates`].
    pub organization: OrganizationId,
    pub signature: SignatureVerdict,
    pub now: Timestamp,
    pub event: WebhookEvent,
    pub payload: RawPayload,
}

/// What became of it, for the log; the carrier gets the same answer to all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    Stored {
        organization: OrganizationId,
        call_id: CallId,
        message_index: u32,
        started: bool,
    },
    Duplicate,
    /// Kept, but part of no conversation.
    Kept,
}

/// Stores the webhook; what it says is durable when this returns.
pub async fn receive(app: &App, webhook: Webhook) -> Result<Received, StoreError> {
    let Webhook { provider, organization, signature, now, event, payload } = webhook;
    let of = (organization, provider, now);
    let mut steps = vec![Step::WebhookReceived { provider, signature }];
    match event {
        WebhookEvent::Inbound(sms) => match (Address::parse(&sms.from), Address::parse(&sms.to)) {
            (Ok(from), Ok(to)) => record(app, of, sms, from, to, steps, payload).await,
            (from, _) => {
                let which = if from.is_err() { "From" } else { "To" };
                steps.push(Step::WebhookUnusable {
                    provider,
                    reason: format!("{which} is no address we know"),
                });
                keep(app, of, &sms.to, &["message", &sms.provider_message_id], steps, payload).await
            }
        },
        WebhookEvent::Status(receipt) => receipts::receive(app, of, receipt, steps, payload).await,
        WebhookEvent::Unusable { reason, .. } => {
            steps.push(Step::WebhookUnusable { provider, reason });
            let body = String::from_utf8_lossy(&payload.body).into_owned();
            let path = payload.path_and_query.clone();
            keep(app, of, "", &["unusable", &path, &body], steps, payload).await
        }
    }
}

async fn record(
    app: &App,
    (organization, provider, now): (OrganizationId, Provider, Timestamp),
    sms: InboundSms,
    from: Address,
    to: Address,
    mut steps: Vec<Step>,
    payload: RawPayload,
) -> Result<Received, StoreError> {
    steps.extend(sms.opt_out_type.clone().map(|keyword| Step::OptOutKeyword { keyword }));
    let answers = carrier_of(app, organization, provider).answers_keywords();
    let command = RecordInbound {
        provider_message_id: sms.provider_message_id,
        provider_status: sms.provider_status,
        body: sms.body,
        media_urls: sms.media_urls,
        segment_count: sms.segment_count,
        steps,
        payload,
        keyword: sms.opt_out_type.as_deref().and_then(Keyword::named),
        keyword_answered: answers || sms.opt_out_type.is_some(),
        ..message_of(app, organization, provider, now, from, to)
    };
    let customer = command.from.masked();
    let Some(part) = sms.part.filter(MessagePart::is_sound) else {
        return Ok(stored(app, organization, &customer, app.store.execute(command).await?));
    };
    match app.store.execute(RecordPart { part, message: command }).await? {
        RecordPartOutcome::Duplicate => Ok(Received::Duplicate),
        RecordPartOutcome::Waits { .. } => {
            // The dispatcher looks when its time is up.
            app.outbox.wanted.notify_one();
            Ok(Received::Kept)
        }
        RecordPartOutcome::Whole(outcome) => Ok(stored(app, organization, &customer, outcome)),
    }
}

/// A message between two numbers, without what it says.
fn message_of(
    app: &App,
    organization: OrganizationId,
    provider: Provider,
    now: Timestamp,
    from: Address,
    to: Address,
) -> RecordInbound {
    let payload = RawPayload {
        received_at: now,
        method: String::new(),
        path_and_query: String::new(),
        content_type: String::new(),
        body: Vec::new(),
    };
    RecordInbound {
        organization,
        now,
        session_ttl_seconds: app.session_ttl_seconds,
        cached: cached_conversation(app, organization, &from, &to, now),
        provider,
        provider_message_id: String::new(),
        provider_status: "received".to_owned(),
        reply: rules_for(app, organization, &from, &to),
        from,
        to,
        body: String::new(),
        media_urls: Vec::new(),
        segment_count: 1,
        steps: Vec::new(),
        payload,
        keyword: None,
        keyword_answered: false,
        reply_uuid: app.chance.uuid().into_bytes(),
    }
}

/// The rules by which our number's assistant answers. Numbers of our own are not answered: two that echo would
/// never end.
fn rules_for(
    app: &App,
    organization: OrganizationId,
    from: &Address,
    to: &Address,
) -> Option<Arc<AutoReply>> {
    let directory = app.store.directory();
    let id = directory.assistant_of(organization, to)?;
    if app.is_ours(from) {
        return None;
    }
    let assistant = app.store.snapshot().ok()?.assistant(organization, id).ok()??;
    app.rules.of((organization, id), &assistant)
}

fn stored(app: &App, organization: OrganizationId, from: &str, outcome: RecordInboundOutcome) -> Received {
    match outcome {
        RecordInboundOutcome::Duplicate { log_id } => {
            tracing::info!(%organization, from, %log_id, "inbound message came again; nothing new stored");
            Received::Duplicate
        }
        RecordInboundOutcome::Stored { log_id, route: Route::Unassigned } => {
            tracing::warn!(%organization, from, %log_id, "inbound message to a number that no assistant has; logged");
            Received::Kept
        }
        RecordInboundOutcome::Stored {
            route: Route::Conversation { call_id, message_index, started, replied, session, expires_at },
            ..
        } => {
            app.sessions.bind(organization, &session, call_id, expires_at);
            if replied {
                app.outbox.wanted.notify_one();
            }
            tracing::info!(%organization, from, conversation = %call_id, message_index, "inbound message stored");
            Received::Stored { organization, call_id, message_index, started }
        }
    }
}

/// Stores long messages of which parts are missing and whose time is up; of the others it tells when it will be.
pub(super) fn flush_due_parts(
    app: &App,
    snapshot: &Snapshot,
    now: Timestamp,
    under_way: &mut JoinSet<()>,
    mut wait_until: impl FnMut(Timestamp),
) -> Result<(), ReadError> {
    for (organization, key, parts) in snapshot.partial_messages(app.only())? {
        if parts.due_at > now {
            wait_until(parts.due_at);
            continue;
        }
        let (from, to) = (Address::stored(parts.from), Address::stored(parts.to));
        let customer = from.masked();
        let message = message_of(app, organization, parts.provider, now, from, to);
        let app = app.clone();
        under_way.spawn(async move {
            match app.store.execute(FlushParts { key, message }).await {
                Ok(Some(outcome)) => drop(stored(&app, organization, &customer, outcome)),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "a long message in parts could not be stored for now"),
            }
        });
    }
    Ok(())
}

/// The store decides which assistant answers; this one is only where the cache is looked up.
fn cached_conversation(
    app: &App,
    organization: OrganizationId,
    from: &Address,
    to: &Address,
    now: Timestamp,
) -> Option<CallId> {
    let assistant_id = app.store.directory().assistant_of(organization, to)?;
    let session = SessionKey { customer: from.clone(), assistant_id, our_number: to.clone() };
    app.sessions.get(organization, &session, now)
}

async fn keep(
    app: &App,
    (organization, provider, now): (OrganizationId, Provider, Timestamp),
    our_number: &str,
    told_by: &[&str],
    steps: Vec<Step>,
    payload: RawPayload,
) -> Result<Received, StoreError> {
    tracing::info!(%organization, number = mask(our_number), "webhook kept as an audit event");
    let told_by = std::iter::once(&provider.as_str()).chain(told_by).map(|part| (*part).to_owned()).collect();
    app.store.execute(KeepAudit { organization, now, told_by, steps, payload }).await?;
    Ok(Received::Kept)
}

/// One whose webhook it may be.
pub struct Candidate {
    pub organization: OrganizationId,
    /// The carrier as they have it.
    pub carrier: Arc<dyn Carrier>,
    /// Whether they hear of a refusal: it is their number, or nobody's.
    pub is_told: bool,
}

/// Whose a webhook may be, the likeliest first, with the carrier as they have it. What it says of itself is not
/// verified: it is of the first whose account's secret verifies it. The server's own account comes last; with it the number alone tells the
/// organization, where two have the same number the older one, and what is nobody's goes to the oldest of all.
pub fn candidates(app: &App, provider: Provider, event: &WebhookEvent) -> Result<Vec<Candidate>, StoreError> {
    let number = match event {
        WebhookEvent::Inbound(sms) => Some(sms.to.as_str()),
        WebhookEvent::Status(receipt) => receipt.from.as_deref(),
        WebhookEvent::Unusable { .. } => None,
    };
    let number = number.and_then(|number| Address::parse(number).ok());
    let directory = app.store.directory();
    let mut own = owners(app, provider, event.account_id());
    let has_number = |organization: &OrganizationId| {
        number.as_ref().is_some_and(|number| directory.assistant_of(*organization, number).is_some())
    };
    own.sort_by_key(|organization| !has_number(organization));
    let of_own = |organization| Candidate {
        organization,
        carrier: carrier_of(app, organization, provider),
        is_told: has_number(&organization),
    };
    let mut found: Vec<_> = own.into_iter().map(of_own).collect();
    let owner = app.only().or_else(|| number.as_ref().and_then(|number| directory.number_owner(number)));
    let nobody = || StoreError::Unavailable("there is no organization yet".to_owned());
    let organization = owner.or_else(|| directory.oldest_organization()).ok_or_else(nobody)?;
    found.push(Candidate { organization, carrier: app.carriers.shared(provider), is_told: true });
    Ok(found)
}
