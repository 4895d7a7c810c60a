//! One attempt: the receiver is asked, and what came of it is written.

use super::lanes::Lane;
use super::plan::readable;
use super::receivers::Verdict;
use super::{Ended, REST_SECONDS, webhook};
use crate::app::App;
use crate::app::assistants::make_webhook_secret;
use crate::app::http_client::Answer;
use crate::app::persist::persist;
use crate::model::address::Address;
use crate::model::assistant::Assistant;
use crate::model::forward::{ForwardNext, ForwardOutcome, ForwardReply};
use crate::model::ids::AssistantId;
use crate::model::message_log::MessageLog;
use crate::model::time::Timestamp;
use crate::model::webhook_secret::{WebhookSecret, signing};
use crate::store::{EnqueueOutcome, ForwardHead, ReadError, SettleForward, SettledForward, StoreError};

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
    pub(super) lane: Lane,
    pub(super) head: ForwardHead,
    /// Empty: there is no receiver.
    pub(super) url: String,
    log: Option<MessageLog>,
    assistant: Option<(AssistantId, Vec<WebhookSecret>)>,
    /// Nobody is asked, for this reason.
    not_tried: Option<String>,
}

/// Reads what is first in a lane.
pub(super) fn look(app: &App, lane: Lane) -> Result<Looked, ReadError> {
    let snapshot = app.store.snapshot()?;
    let Some(head) = readable(snapshot.forward_head(lane.0, lane.1))? else { return Ok(Looked::Nothing) };
    let log = readable(snapshot.message_log(lane.0, head.log_id))?;
    let assistant_id = log.as_ref().and_then(|log| log.assistant_id);
    let known = assistant_id.map_or(Ok(None), |id| readable(snapshot.assistant(lane.0, id)))?;
    let url = known.as_ref().and_then(Assistant::receiver).unwrap_or_default().to_owned();
    let known = known.filter(|_| !url.is_empty());
    let assistant = assistant_id.zip(known.map(|assistant| assistant.webhook_secrets));
    let is_gone = assistant.is_none();
    let attempt = Attempt { lane, head, url, log, assistant, not_tried: None };
    Ok(if is_gone { Looked::Gone(attempt) } else { Looked::Attempt(attempt) })
}

impl Attempt {
    pub(super) fn not_tried(self, reason: String) -> Attempt {
        Attempt { not_tried: Some(reason), ..self }
    }

    pub(super) async fn make(self, app: &App) -> Ended {
        let outcome = self.ask(app).await;
        let at = app.clock.now();
        let verdict = verdict(&outcome);
        match &outcome {
            ForwardOutcome::Delivered { .. } => app.metrics.forwards_delivered.increment(),
            ForwardOutcome::Failed { .. } => app.metrics.forwards_failed.increment(),
            ForwardOutcome::NotTried { .. } | ForwardOutcome::NoReceiver => {}
        }
        let mut settled = self.settle(app, outcome.clone(), at).await;
        if let (Err(StoreError::Failed(_)), ForwardOutcome::Delivered { http_status, reply }) =
            (&settled, outcome)
            && reply != ForwardReply::None
        {
            let reply = ForwardReply::Unusable("it could not be stored".to_owned());
            settled = self.settle(app, ForwardOutcome::Delivered { http_status, reply }, at).await;
        }
        let rest = match settled {
            Ok(()) => 0,
            Err(error) => {
                tracing::error!(%error, "what came of forwarding a message could not be written; it is forwarded again");
                REST_SECONDS
            }
        };
        Ended { verdict, at, again_at: at.plus_seconds(rest) }
    }

    async fn ask(&self, app: &App) -> ForwardOutcome {
        let (Some(log), Some((assistant, secrets))) = (&self.log, &self.assistant) else {
            return ForwardOutcome::NoReceiver;
        };
        if let Some(error) = &self.not_tried {
            return ForwardOutcome::NotTried { error: error.clone() };
        }
        let failed = |error: String| ForwardOutcome::Failed { http_status: None, error };
        let signs = signing(secrets, app.clock.now()).next().is_some();
        let made = match signs {
            true => Ok(None),
            false => make_webhook_secret(app, self.lane.0, *assistant).await,
        };
        let secrets = match &made {
            Ok(None) => secrets,
            Ok(Some(made)) => made,
            Err(error) => return ForwardOutcome::NotTried { error: error.to_string() },
        };
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
        let error = match &outcome {
            ForwardOutcome::Failed { error, .. } => Some(error.clone()),
            _ => None,
        };
        let settle = SettleForward {
            organization,
            call_id,
            log_id: self.head.log_id,
            before: self.head.forward.clone(),
            outcome,
            url: webhook::shown(&self.url),
            server_started: app.forwarding.started(),
            now,
            session_ttl_seconds: app.session_ttl_seconds,
            reply_uuid: app.chance.uuid().into_bytes(),
        };
        let settled = persist(app, || settle.clone()).await?;
        let SettledForward::Next(next, reply) = settled else {
            // It may have been written, with a reply, without our hearing of it.
            app.outbox.wanted.notify_one();
            return Ok(());
        };
        if let Some(EnqueueOutcome::Queued { session, call_id, expires_at, .. }) = reply {
            app.sessions.bind(organization, &session, call_id, expires_at);
            app.outbox.wanted.notify_one();
        }
        let (log, attempt) = (self.head.log_id, self.head.forward.attempts + 1);
        match next {
            ForwardNext::Done => {
                tracing::info!(%organization, conversation = %call_id, %log, attempt, "message forwarded")
            }
            ForwardNext::Again(again) => {
                let (error, url, again_at) = (error.unwrap_or_default(), settle.url, again.due_at);
                tracing::warn!(%organization, conversation = %call_id, %log, attempt, url, error, %again_at, "message not forwarded; it is tried again")
            }
            ForwardNext::Park(parked) => {
                let error = parked.error;
                tracing::error!(%organization, conversation = %call_id, %log, error, "message not forwarded; it is parked")
            }
        }
        Ok(())
    }
}

/// What the outcome tells of the receiver: that it does not like one message is not that it fails.
fn verdict(outcome: &ForwardOutcome) -> Verdict {
    match outcome {
        ForwardOutcome::Delivered { .. } => Verdict::Well,
        ForwardOutcome::Failed { http_status: Some(400..=407 | 409..=428 | 430..=499), .. } => {
            Verdict::Unknown
        }
        ForwardOutcome::Failed { error, .. } => Verdict::Failing(error.clone()),
        ForwardOutcome::NotTried { .. } | ForwardOutcome::NoReceiver => Verdict::Unknown,
    }
}

/// What the answer asks for. Numbers of our own are not answered: two that answer each other would never end.
fn reply(app: &App, log: &MessageLog, body: &[u8]) -> ForwardReply {
    let reply = webhook::read_reply(body);
    let is_ours = || app.is_ours(&Address::stored(log.from.clone()));
    match reply {
        ForwardReply::Text(_) if is_ours() => {
            ForwardReply::Unusable("the message came from one of our own numbers".to_owned())
        }
        reply => reply,
    }
}
