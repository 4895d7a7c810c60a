//! One attempt: the receiver is asked, and what came of it is written.

use super::lanes::Lane;
use super::plan::receiver_of;
use super::{Ended, webhook};
use crate::app::App;
use crate::app::assistants::make_webhook_secret;
use crate::app::http_client::Answer;
use crate::app::persist::{AFTER_FAILURE, persist};
use crate::model::address::Address;
use crate::model::forward::{ForwardNext, ForwardOutcome, ForwardReply};
use crate::model::ids::AssistantId;
use crate::model::message_log::MessageLog;
use crate::model::time::Timestamp;
use crate::model::webhook_secret::WebhookSecret;
use crate::store::{EnqueueOutcome, ForwardHead, ReadError, SettleForward, SettledForward, StoreError};
use uuid::Uuid;

/// What is read of an answer; one that is longer asks for no reply.
const ANSWER_BYTES: usize = 64 * 1024;

/// What is first in a lane.
pub(super) enum Looked {
    Nothing,
    /// Its log is gone, or nobody wants to hear of it: only the row is to be removed.
    Gone(Attempt),
    Attempt(Attempt),
}

pub(super) struct Attempt {
    lane: Lane,
    pub(super) head: ForwardHead,
    /// Empty: there is no receiver.
    pub(super) url: String,
    log: Option<MessageLog>,
    assistant: Option<(AssistantId, Vec<WebhookSecret>)>,
    /// It has a place at the receiver.
    has_place: bool,
    /// Nobody is asked, for this reason.
    not_tried: Option<String>,
}

/// Reads what is first in a lane.
pub(super) fn look(app: &App, lane: Lane) -> Result<Looked, ReadError> {
    let snapshot = app.store.snapshot()?;
    let Some(head) = snapshot.forward_head(lane.0, lane.1)? else { return Ok(Looked::Nothing) };
    let log = snapshot.message_log(lane.0, head.log_id)?;
    let receiver = receiver_of(&snapshot, lane.0, log.as_ref().and_then(|log| log.assistant_id))?;
    let url = receiver.as_ref().and_then(|(_, it)| it.receiver()).unwrap_or_default().to_owned();
    let assistant = receiver.map(|(id, assistant)| (id, assistant.webhook_secrets));
    let is_gone = assistant.is_none() || log.is_none();
    let attempt = Attempt { lane, head, url, log, assistant, has_place: false, not_tried: None };
    Ok(if is_gone { Looked::Gone(attempt) } else { Looked::Attempt(attempt) })
}

impl Attempt {
    pub(super) fn with_place(self) -> Attempt {
        Attempt { has_place: true, ..self }
    }

    pub(super) fn not_tried(self, reason: String) -> Attempt {
        Attempt { not_tried: Some(reason), ..self }
    }

    pub(super) async fn make(self, app: &App) -> Ended {
        let outcome = self.ask(app).await;
        let at = app.clock.now();
        let error = match &outcome {
            ForwardOutcome::Failed { error, .. } => Some(error.clone()),
            _ => None,
        };
        match &outcome {
            ForwardOutcome::Delivered { .. } => app.metrics.forwards_delivered.increment(),
            ForwardOutcome::Failed { .. } => app.metrics.forwards_failed.increment(),
            ForwardOutcome::NotTried { .. } | ForwardOutcome::NoReceiver => {}
        }
        if let Err(error) = self.settle(app, outcome, at).await {
            tracing::warn!(%error, "what came of forwarding a message could not be written; it is forwarded again");
            tokio::time::sleep(AFTER_FAILURE).await;
        }
        Ended { lane: self.lane, url: Some(self.url).filter(|_| self.has_place), error, at }
    }

    async fn ask(&self, app: &App) -> ForwardOutcome {
        let (Some(log), Some((assistant, secrets))) = (&self.log, &self.assistant) else {
            return ForwardOutcome::NoReceiver;
        };
        if let Some(error) = &self.not_tried {
            return ForwardOutcome::NotTried { error: error.clone() };
        }
        let failed = |error: String| ForwardOutcome::Failed { http_status: None, error };
        let made = match secrets.is_empty() {
            true => make_webhook_secret(app, self.lane.0, *assistant).await,
            false => Ok(None),
        };
        let made = match made {
            Ok(made) => made.unwrap_or_default(),
            Err(error) => return failed(error.to_string()),
        };
        let secrets = if secrets.is_empty() { &made } else { secrets };
        let event_id = webhook::event_id(self.lane.0, self.head.log_id, log);
        let request = match webhook::request(&self.url, &event_id, log, secrets, app.clock.now()) {
            Ok(request) => request,
            Err(error) => return failed(format!("sms_webhook_url: {error}")),
        };
        match app.forwarding.client.call(request, ANSWER_BYTES).await {
            Ok(Answer { status, body, .. }) if status.is_success() => ForwardOutcome::Delivered {
                http_status: status.as_u16(),
                reply: reply(app, log, body.as_deref().unwrap_or_default()),
            },
            Ok(Answer { status, .. }) => {
                let hint = if status.is_redirection() { "; redirects are not followed" } else { "" };
                let error = format!("the receiver answered {status}{hint}");
                ForwardOutcome::Failed { http_status: Some(status.as_u16()), error }
            }
            Err(error) => failed(error.reason()),
        }
    }

    async fn settle(&self, app: &App, outcome: ForwardOutcome, now: Timestamp) -> Result<(), StoreError> {
        let (organization, call_id) = self.lane;
        let settle = SettleForward {
            organization,
            call_id,
            log_id: self.head.log_id,
            before: self.head.forward.clone(),
            outcome,
            url: webhook::shown(&self.url),
            server_started: app.forwarding.started,
            now,
            session_ttl_seconds: app.session_ttl_seconds,
            reply_uuid: Uuid::new_v4().into_bytes(),
        };
        let SettledForward::Next(next, reply) = persist(app, || settle.clone()).await? else { return Ok(()) };
        if let Some(EnqueueOutcome::Queued { session, call_id, expires_at, .. }) = reply {
            app.sessions.bind(organization, &session, call_id, expires_at);
            app.outbox.wanted.notify_one();
        }
        let (log, attempt) = (self.head.log_id, self.head.forward.attempts + 1);
        match next {
            ForwardNext::Done => {
                tracing::info!(%organization, conversation = %call_id, %log, attempt, "message forwarded")
            }
            ForwardNext::Again(_) => {
                tracing::warn!(%organization, conversation = %call_id, %log, attempt, "message not forwarded; it is tried again")
            }
            ForwardNext::Park(parked) => {
                let error = parked.error;
                tracing::error!(%organization, conversation = %call_id, %log, error, "message not forwarded; it is parked")
            }
        }
        Ok(())
    }
}

/// What the answer asks for. Numbers of our own are not answered: two that answer each other would never end.
fn reply(app: &App, log: &MessageLog, body: &[u8]) -> ForwardReply {
    let reply = webhook::read_reply(body);
    let is_ours = || app.store.directory().number_owner(&Address::stored(log.from.clone())).is_some();
    match reply {
        ForwardReply::Text(_) if is_ours() => {
            ForwardReply::Unusable("the message came from one of our own numbers".to_owned())
        }
        reply => reply,
    }
}
