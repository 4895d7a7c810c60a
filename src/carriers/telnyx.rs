//! Telnyx: webhook signatures, inbound messages and receipts; sending is in `telnyx/send.rs`.
//!
//! The signature covers the time and the raw body, not the URL, so the body is never written anew before it is checked.
//! Sources: Telnyx's "Receiving webhooks" and "API fundamentals" pages, and its official libraries where they are strict.

mod send;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{
    Carrier, CarrierReply, InboundSms, OutboundSms, Outgoing, Refusal, SendOutcome, StatusReceipt,
    WebhookEvent, WebhookRequest, json, proof,
};
use crate::model::message_log::{DeliveryStatus, Provider};

const SIGNATURE: &str = "telnyx-signature-ed25519";
const TIMESTAMP: &str = "telnyx-timestamp";
/// Blocked; because of a STOP only if the words say so.
const BLOCKED: &str = "40300";

/// The account at Telnyx.
#[derive(Clone, Default)]
pub struct TelnyxAccount {
    pub api_key: Option<String>,
    /// In base64, as the portal shows them; a list, so that two are valid during a rotation.
    pub public_keys: Vec<String>,
    /// Replaces scheme and host of Telnyx's API.
    pub base_url: Option<String>,
}

pub struct Telnyx {
    account: TelnyxAccount,
    /// One that was no base64 is empty and verifies nothing.
    keys: Vec<UnparsedPublicKey<Vec<u8>>>,
}

impl Telnyx {
    /// Empty keys count as not configured.
    pub fn new(mut account: TelnyxAccount) -> Self {
        account.api_key = account.api_key.filter(|key| !key.is_empty());
        account.public_keys.retain(|key| !key.trim().is_empty());
        let decoded = |key: &String| STANDARD.decode(key.trim()).unwrap_or_default();
        let keys = account.public_keys.iter().map(|key| UnparsedPublicKey::new(&ED25519, decoded(key)));
        Self { keys: keys.collect(), account }
    }
}

impl Carrier for Telnyx {
    fn provider(&self) -> Provider {
        Provider::Telnyx
    }

    fn verify(&self, request: &WebhookRequest<'_>) -> Result<(), Refusal> {
        if self.keys.is_empty() {
            return Err(Refusal::NoSecret { setting: "telnyx.public_key" });
        }
        let header = |name| request.headers.get(name).ok_or(Refusal::MissingHeader(name));
        let (signature, timestamp) = (header(SIGNATURE)?, header(TIMESTAMP)?);
        proof::check_timestamp(&String::from_utf8_lossy(timestamp.as_bytes()), request.now_unix)?;
        if request.body.is_empty() {
            return Err(Refusal::EmptyBody);
        }
        let signed = [timestamp.as_bytes(), b"|", request.body].concat();
        let signature = STANDARD.decode(signature.as_bytes()).unwrap_or_default();
        match self.keys.iter().any(|key| key.verify(&signed, &signature).is_ok()) {
            true => Ok(()),
            false => Err(Refusal::SignatureMismatch { over: format!("{TIMESTAMP} and the body") }),
        }
    }

    fn parse(&self, request: &WebhookRequest<'_>) -> WebhookEvent {
        let read = json::read(request.body).and_then(|said| {
            let event = json::text(&said, "/data/event_type").unwrap_or_default();
            match event.as_str() {
                "message.received" => read_inbound(&said).map(WebhookEvent::Inbound),
                "message.sent" | "message.finalized" | "message.read" => {
                    read_status(&said, request.job()).map(WebhookEvent::Status)
                }
                other => {
                    let event: String = other.chars().take(60).collect();
                    Err(format!("the event {event:?} tells of no message"))
                }
            }
        });
        read.unwrap_or_else(|reason| WebhookEvent::Unusable { account_id: None, reason })
    }

    fn unified_status(&self, provider_status: &str) -> Option<DeliveryStatus> {
        unified_status(provider_status)
    }

    fn missing_to_send(&self) -> Option<&'static str> {
        self.account.api_key.is_none().then_some("telnyx.api_key")
    }

    fn send(&self, message: &OutboundSms<'_>) -> Outgoing {
        send::send(&self.account, message)
    }

    fn read_reply(&self, reply: &CarrierReply<'_>) -> SendOutcome {
        send::read_reply(reply)
    }
}

fn unified_status(raw: &str) -> Option<DeliveryStatus> {
    Some(match raw {
        "queued" => DeliveryStatus::Queued,
        "sending" => DeliveryStatus::Sending,
        // Unconfirmed: no receipt will ever come, so it stays sent.
        "sent" | "delivery_unconfirmed" => DeliveryStatus::Sent,
        "delivered" | "read" => DeliveryStatus::Delivered,
        "delivery_failed" => DeliveryStatus::Undelivered,
        "sending_failed" | "expired" => DeliveryStatus::Failed,
        "received" | "webhook_delivered" => DeliveryStatus::Received,
        _ => return None,
    })
}

fn required(said: &Value, pointer: &str) -> Result<String, String> {
    json::text(said, pointer).ok_or_else(|| format!("{} is missing", pointer.trim_start_matches('/')))
}

fn read_inbound(said: &Value) -> Result<InboundSms, String> {
    let kind = json::text(said, "/data/payload/type");
    if let Some(kind) = kind.filter(|kind| !["SMS", "MMS"].contains(&kind.as_str())) {
        let kind: String = kind.chars().take(40).collect();
        return Err(format!("a message of the type {kind:?} is none between phone numbers"));
    }
    let media = said.pointer("/data/payload/media").and_then(Value::as_array);
    Ok(InboundSms {
        provider_message_id: required(said, "/data/payload/id")?,
        from: required(said, "/data/payload/from/phone_number")?,
        to: required(said, "/data/payload/to/0/phone_number")?,
        // What the body calls organization and profile is no credential, so it decides nothing.
        account_id: None,
        body: json::text(said, "/data/payload/text").unwrap_or_default(),
        media_urls: media.into_iter().flatten().filter_map(|file| json::text(file, "/url")).collect(),
        segment_count: json::number(said, "/data/payload/parts").filter(|parts| *parts > 0).unwrap_or(1),
        opt_out_type: json::text(said, "/data/payload/autoresponse_type").map(|kind| kind.to_uppercase()),
        provider_status: json::text(said, "/data/payload/to/0/status").unwrap_or_else(|| "received".into()),
        part: None,
    })
}

/// The state is the recipient's; the event's name says only that it changed, and whether for the last time.
fn read_status(said: &Value, job: Option<String>) -> Result<StatusReceipt, String> {
    let provider_status = required(said, "/data/payload/to/0/status")?;
    let error = said.pointer("/data/payload/errors/0").and_then(read_error);
    Ok(StatusReceipt {
        provider_message_id: required(said, "/data/payload/id")?,
        account_id: None,
        status: unified_status(&provider_status),
        provider_status,
        job,
        opted_out: error.as_ref().is_some_and(|(code, words)| is_stop(code, words)),
        error_message: error.as_ref().map(|(_, words)| words.clone()),
        error_code: error.map(|(code, _)| code),
        from: json::text(said, "/data/payload/from/phone_number"),
        to: json::text(said, "/data/payload/to/0/phone_number"),
    })
}

/// Code and words of one entry of `errors`.
fn read_error(error: &Value) -> Option<(String, String)> {
    let words = [json::text(error, "/title"), json::text(error, "/detail")];
    let words: Vec<String> = words.into_iter().flatten().collect();
    Some((json::text(error, "/code")?, words.join(": ")))
}

fn is_stop(code: &str, words: &str) -> bool {
    code == BLOCKED && words.to_ascii_uppercase().contains("STOP")
}
