//! What a carrier tells us, verified: messages are recorded, everything else is kept.

use super::App;
use crate::carriers::{InboundSms, StatusReceipt, WebhookEvent};
use crate::model::address::{Address, mask};
use crate::model::audit::{SignatureVerdict, Step};
use crate::model::ids::{CallId, OrganizationId};
use crate::model::message_log::{Provider, RawPayload};
use crate::model::opt_out::Keyword;
use crate::model::session::SessionKey;
use crate::model::time::Timestamp;
use crate::store::{KeepAudit, RecordInbound, RecordInboundOutcome, Route, StoreError};
use uuid::Uuid;

/// One webhook request whose signature was judged.
pub struct Webhook {
    pub provider: Provider,
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
    let Webhook { provider, signature, now, event, payload } = webhook;
    let mut steps = vec![Step::WebhookReceived { provider, signature }];
    match event {
        WebhookEvent::Inbound(sms) => match (Address::parse(&sms.from), Address::parse(&sms.to)) {
            (Ok(from), Ok(to)) => record(app, provider, now, sms, from, to, steps, payload).await,
            (from, _) => {
                let which = if from.is_err() { "From" } else { "To" };
                steps.push(Step::WebhookUnusable {
                    provider,
                    reason: format!("{which} is no address we know"),
                });
                let told_by = ["message", &sms.provider_message_id];
                keep(app, provider, now, &sms.to, &told_by, steps, payload).await
            }
        },
        WebhookEvent::Status(receipt) => {
            let our_number = receipt.from.clone().unwrap_or_default();
            let (id, status) = (receipt.provider_message_id.clone(), receipt.provider_status.clone());
            steps.push(receipt_step(provider, receipt));
            keep(app, provider, now, &our_number, &["receipt", &id, &status], steps, payload).await
        }
        WebhookEvent::Unusable { reason, .. } => {
            steps.push(Step::WebhookUnusable { provider, reason });
            let body = String::from_utf8_lossy(&payload.body).into_owned();
            let path = payload.path_and_query.clone();
            keep(app, provider, now, "", &["unusable", &path, &body], steps, payload).await
        }
    }
}

fn receipt_step(provider: Provider, receipt: StatusReceipt) -> Step {
    Step::ReceiptReceived {
        provider,
        provider_message_id: receipt.provider_message_id,
        provider_status: receipt.provider_status,
        error_code: receipt.error_code,
    }
}

#[allow(clippy::too_many_arguments, reason = "one call site; they are the parts of one webhook")]
async fn record(
    app: &App,
    provider: Provider,
    now: Timestamp,
    sms: InboundSms,
    from: Address,
    to: Address,
    mut steps: Vec<Step>,
    payload: RawPayload,
) -> Result<Received, StoreError> {
    let organization = organization_of(app, Some(&to))?;
    let cached = cached_conversation(app, organization, &from, &to, now);
    let keyword = sms.opt_out_type.as_deref().and_then(Keyword::named);
    let keyword_answered = sms.opt_out_type.is_some() || provider == Provider::Twilio;
    let reply = None;
    steps.extend(sms.opt_out_type.map(|keyword| Step::OptOutKeyword { keyword }));
    let command = RecordInbound {
        organization,
        now,
        session_ttl_seconds: app.session_ttl_seconds,
        cached,
        provider,
        provider_message_id: sms.provider_message_id,
        provider_status: sms.provider_status,
        from,
        to,
        body: sms.body,
        media_urls: sms.media_urls,
        segment_count: sms.segment_count,
        steps,
        payload,
        keyword,
        keyword_answered,
        reply,
        reply_uuid: Uuid::new_v4().into_bytes(),
    };
    let customer = command.from.masked();
    match app.store.execute(command).await? {
        RecordInboundOutcome::Duplicate { log_id } => {
            tracing::info!(%organization, from = customer, %log_id, "inbound message came again; nothing new stored");
            Ok(Received::Duplicate)
        }
        RecordInboundOutcome::Stored { log_id, route: Route::Unassigned } => {
            tracing::warn!(%organization, from = customer, %log_id, "inbound message to a number that no assistant has; logged");
            Ok(Received::Kept)
        }
        RecordInboundOutcome::Stored {
            route: Route::Conversation { call_id, message_index, started, session, expires_at },
            ..
        } => {
            app.sessions.bind(organization, &session, call_id, expires_at);
            tracing::info!(%organization, from = customer, conversation = %call_id, message_index, "inbound message stored");
            Ok(Received::Stored { organization, call_id, message_index, started })
        }
    }
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
    provider: Provider,
    now: Timestamp,
    our_number: &str,
    told_by: &[&str],
    steps: Vec<Step>,
    payload: RawPayload,
) -> Result<Received, StoreError> {
    let organization = organization_of(app, Address::parse(our_number).ok().as_ref())?;
    tracing::info!(%organization, number = mask(our_number), "webhook kept as an audit event");
    let told_by = std::iter::once(&provider.as_str()).chain(told_by).map(|part| (*part).to_owned()).collect();
    app.store.execute(KeepAudit { organization, now, told_by, steps, payload }).await?;
    Ok(Received::Kept)
}

/// With the server's own, shared credentials the number alone tells the organization; where two
/// have the same number it is the older one. What is nobody's goes to the oldest of all.
fn organization_of(app: &App, our_number: Option<&Address>) -> Result<OrganizationId, StoreError> {
    let directory = app.store.directory();
    let owner = our_number.and_then(|number| directory.number_owner(number));
    let oldest = || directory.organizations().first().map(|(id, _)| *id);
    owner.or_else(oldest).ok_or_else(|| StoreError::Unavailable("there is no organization yet".to_owned()))
}
