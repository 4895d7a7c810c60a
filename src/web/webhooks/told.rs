//! What a carrier tells of a message of ours, when the phone plays it: a signed receipt by the carrier's webhook. The
//! sandbox has none, so its receipts are applied as it applies its own.

use super::phone::allowed;
use super::played::{Exchange, bring, secrets, webhook_url};
use crate::app::{App, receipts};
use crate::carriers::played::{self, Api, CarrierReceipt};
use crate::model::account::{Actor, Role};
use crate::model::call::Direction;
use crate::model::ids::MessageLogId;
use crate::model::message_log::{DeliveryStatus, MessageLog, Provider};
use crate::model::outbound::OutboundJob;
use crate::web::AppState;
use crate::web::error::ApiError;
use crate::web::worlds::Here;
use uuid::Uuid;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// The message has this status now: the one that was told, or the nearest that the carrier has a word for.
    Moved(DeliveryStatus),
    /// It stays in this one, which is as far or farther; one that is final stays for ever.
    TooLate(DeliveryStatus),
    /// No message is known by the carrier's id any more, so the receipt was kept and changed nothing.
    Unknown(DeliveryStatus),
    /// The webhook was refused; its answer tells why.
    Refused(DeliveryStatus),
}

#[derive(Clone, Debug)]
pub struct ToldOut {
    pub became: Became,
    /// None of the sandbox.
    pub exchange: Option<Exchange>,
}

/// An import, or a seed, has messages that were sent elsewhere.
const NO_JOB: ApiError =
    ApiError::NotFoundBecause("the message was not sent by this server, so the sandbox knows nothing of it");

/// A message of ours, and what it was sent by.
struct Told {
    log: MessageLog,
    job: Option<([u8; 16], OutboundJob)>,
}

/// The carrier tells the status of a message of ours.
pub async fn carrier_tells(
    state: &AppState,
    actor: &Actor,
    log_id: MessageLogId,
    status: DeliveryStatus,
    error_code: Option<&str>,
) -> Result<ToldOut, ApiError> {
    actor.require(Role::User)?;
    let Here(state) = Here::for_organization(actor.organization, state);
    if status == DeliveryStatus::Received {
        return Err(ApiError::field("status", "Input should be a status of a message of ours"));
    }
    let told = find(&state.app, actor, log_id)?;
    allowed(&state.settings, told.log.provider).map_err(|why| ApiError::Unprocessable(why.to_owned()))?;
    let before = told.log.status;
    if !told.was_taken() {
        // What failed before a carrier took it is over.
        return match DeliveryStatus::decide(before, DeliveryStatus::Delivered) {
            true => Err(ApiError::Conflict("No carrier has taken this message".to_owned())),
            false => Ok(ToldOut { became: Became::TooLate(before), exchange: None }),
        };
    }
    let exchange = match told.log.provider {
        Provider::Sandbox => {
            let (uuid, job) = told.job.as_ref().ok_or(NO_JOB)?;
            receipts::of_sandbox_now(&state.app, actor.organization, (*uuid, job), status, error_code)
                .await?;
            None
        }
        provider => {
            let receipt = told.receipt(&state.app, status, error_code);
            let (api, url) = (told.api(&receipt.message_id), told.callback_url(&state));
            let signed = played::receipt(api, secrets(), &receipt, &url, state.app.clock.now());
            Some(bring(&state, actor.organization, provider, &signed).await)
        }
    };
    let after = find(&state.app, actor, log_id)?.log.status;
    let refused = exchange.as_ref().is_some_and(|exchange| exchange.status != 200);
    Ok(ToldOut { became: became(before, status, after, refused), exchange })
}

fn became(before: DeliveryStatus, told: DeliveryStatus, after: DeliveryStatus, refused: bool) -> Became {
    match DeliveryStatus::decide(before, told) {
        _ if refused => Became::Refused(after),
        // It should have moved, and did not.
        true if after == before => Became::Unknown(after),
        // Another end came first.
        true if after.rank() == told.rank() && after != told => Became::TooLate(after),
        true => Became::Moved(after),
        false => Became::TooLate(after),
    }
}

fn find(app: &App, actor: &Actor, id: MessageLogId) -> Result<Told, ApiError> {
    let snapshot = app.store.snapshot()?;
    let log = snapshot.log(actor.organization, id)?.map(|(log, _)| log);
    let log = log.filter(|log| log.direction == Direction::Outbound);
    let log = log.ok_or(ApiError::NotFoundBecause("there is no such message of yours"))?;
    let job = match log.call_id {
        Some(call) => snapshot.job_of_log(actor.organization, call, id)?,
        None => None,
    };
    Ok(Told { log, job })
}

impl Told {
    /// Whether the carrier has it, or may have it.
    fn was_taken(&self) -> bool {
        let may = self.job.as_ref().is_some_and(|(_, job)| job.is_settled_by_receipt());
        may || !self.log.provider_message_id.is_empty()
    }

    fn uuid(&self) -> Option<String> {
        self.job.as_ref().map(|(uuid, _)| Uuid::from_bytes(*uuid).to_string())
    }

    fn api(&self, message_id: &str) -> Api {
        Api::of_message(self.log.provider, message_id).unwrap_or(Api::Twilio)
    }

    /// The one that the carrier was given with the message. Vonage tells the job by our reference.
    fn callback_url(&self, state: &AppState) -> String {
        let url = webhook_url(state, self.log.provider);
        match self.uuid().filter(|_| self.log.provider != Provider::Vonage) {
            Some(uuid) => format!("{url}?job={uuid}"),
            None => url,
        }
    }

    fn receipt(&self, app: &App, status: DeliveryStatus, error_code: Option<&str>) -> CarrierReceipt {
        let log = &self.log;
        let known = log.provider_message_id.clone();
        // Of what nobody knows whether it was taken the carrier's id is news.
        let made = || played::message_id(self.api(""), !log.media_urls.is_empty(), app.chance.bytes());
        CarrierReceipt {
            message_id: if known.is_empty() { made() } else { known },
            from: log.from.clone(),
            to: log.to.clone(),
            status: status.as_str().to_owned(),
            error_code: error_code.map(str::to_owned),
            body: log.body.clone(),
            media_urls: log.media_urls.clone(),
            segments: log.segment_count,
            client_ref: self.uuid(),
            ..CarrierReceipt::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DeliveryStatus::{Delivered, Failed, Queued, Sending, Sent};

    #[test]
    fn what_became_of_it_is_told_as_it_is() {
        let rows = [
            (Queued, Sent, Sent, false, Became::Moved(Sent)),
            (Sent, Delivered, Delivered, false, Became::Moved(Delivered)),
            // Vonage's Messages API does not tell the two apart.
            (Queued, Sending, Sent, false, Became::Moved(Sent)),
            (Sent, Sent, Sent, false, Became::TooLate(Sent)),
            (Sent, Queued, Sent, false, Became::TooLate(Sent)),
            (Delivered, Failed, Delivered, false, Became::TooLate(Delivered)),
            (Sent, Failed, Delivered, false, Became::TooLate(Delivered)),
            (Sent, Delivered, Sent, false, Became::Unknown(Sent)),
            (Sent, Delivered, Sent, true, Became::Refused(Sent)),
        ];
        for (before, told, after, refused, expected) in rows {
            assert_eq!(became(before, told, after, refused), expected, "{before:?} {told:?} {after:?}");
        }
    }
}
