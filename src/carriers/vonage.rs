//! Vonage: the account, and which of its two APIs a webhook speaks.
//!
//! An account has its SMS webhooks from the SMS API (GET, form or JSON, as it chooses; signed by a parameter, if at all)
//! or from the Messages API (JSON, signed by a token). Both come to one URL, so the shape tells them apart: only
//! the Messages API knows a `message_uuid`. Reading is in `vonage/parse.rs`, judging in `vonage/verify.rs`, sending in
//! `vonage/send.rs`.

mod parse;
mod send;
mod verify;

use std::collections::BTreeMap;

use http::Method;
use serde_json::Value;
use serde_json::value::RawValue;

use super::form::Form;
use super::{
    Carrier, CarrierReply, OutboundSms, Outgoing, Refusal, SendOutcome, WebhookEvent, WebhookRequest, json,
};
pub use crate::model::carrier_account::SignatureMethod;
use crate::model::message_log::{DeliveryStatus, Provider};
pub use verify::sign;
pub(crate) use {parse::with_plus, send::kind_of, send::plain};

/// The account at Vonage.
#[derive(Clone, Default)]
pub struct VonageAccount {
    pub api_key: Option<String>,
    pub api_secret: Option<String>,
    /// For both APIs' webhooks; a list, so that two are valid during a rotation.
    pub signature_secrets: Vec<String>,
    pub signature_method: SignatureMethod,
    /// Replaces scheme and host of both APIs.
    pub base_url: Option<String>,
}

pub struct Vonage {
    account: VonageAccount,
}

impl Vonage {
    /// Empty secrets count as not configured, because anyone can sign with them.
    pub fn new(mut account: VonageAccount) -> Self {
        account.api_key = account.api_key.filter(|key| !key.is_empty());
        account.api_secret = account.api_secret.filter(|secret| !secret.is_empty());
        account.signature_secrets.retain(|secret| !secret.is_empty());
        Self { account }
    }
}

impl Carrier for Vonage {
    fn provider(&self) -> Provider {
        Provider::Vonage
    }

    fn verify(&self, request: &WebhookRequest<'_>) -> Result<(), Refusal> {
        verify::verify(&self.account, request)
    }

    fn parse(&self, request: &WebhookRequest<'_>) -> WebhookEvent {
        parse::parse(request)
    }

    fn unified_status(&self, provider_status: &str) -> Option<DeliveryStatus> {
        unified_status(provider_status)
    }

    fn missing_to_send(&self) -> Option<&'static str> {
        send::missing(&self.account)
    }

    fn send(&self, message: &OutboundSms<'_>) -> Outgoing {
        send::send(&self.account, message)
    }

    fn read_reply(&self, reply: &CarrierReply<'_>) -> SendOutcome {
        send::read_reply(reply)
    }
}

/// The states of both APIs, which share no word with two meanings.
fn unified_status(raw: &str) -> Option<DeliveryStatus> {
    Some(match raw {
        // What the SMS API says when it takes a message, and what we say when it took some parts of it.
        "0" | send::PARTLY => DeliveryStatus::Queued,
        "buffered" => DeliveryStatus::Sending,
        "accepted" | "submitted" => DeliveryStatus::Sent,
        "delivered" | "read" => DeliveryStatus::Delivered,
        "expired" | "rejected" => DeliveryStatus::Undelivered,
        "failed" | "undeliverable" => DeliveryStatus::Failed,
        "received" => DeliveryStatus::Received,
        _ => return None,
    })
}

/// A webhook by the API that speaks.
enum Said<'a> {
    Sms(Form<'a>),
    Messages(Value),
}

impl<'a> Said<'a> {
    /// The error is a sentence about a body that is neither.
    fn of(request: &WebhookRequest<'a>) -> Result<Said<'a>, String> {
        if request.method == Method::GET {
            return Ok(Said::Sms(Form::decode(request.query().as_bytes())));
        }
        if request.form().is_some() {
            return Ok(Said::Sms(Form::decode(request.body)));
        }
        let said = json::read(request.body)?;
        if said.get("message_uuid").is_some() {
            return Ok(Said::Messages(said));
        }
        json_params(request.body).map(Said::Sms)
    }
}

/// The top level of a JSON object as parameters: texts as they are, anything else as it was written, since that is what
/// was signed.
fn json_params(body: &[u8]) -> Result<Form<'static>, String> {
    let text = json::repaired(body);
    let params: BTreeMap<String, &RawValue> =
        serde_json::from_str(&text).map_err(|_| "the body is no JSON object".to_owned())?;
    Ok(Form::of(params.into_iter().map(|(name, value)| {
        let value = match value.get() {
            "null" => String::new(),
            written => serde_json::from_str(written).unwrap_or_else(|_| written.to_owned()),
        };
        (name, value)
    })))
}
