//! Twilio: webhook signatures, inbound messages and status callbacks; sending is in `twilio/send.rs`.
//!
//! Owns Twilio's signing scheme and parameter names. Refuses to guess: a body that no signature covers is not believed.
//! Sources: Twilio's "Webhooks security", "Webhook shared keys" and "Messaging webhook request" pages, and what its
//! official libraries do where those are silent.

mod send;

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use sha1::Sha1;
use sha2::Sha256;

use super::form::Form;
use super::proof::{hex_sha256, same};
use super::url::{split_url, without_secrets};
use super::{
    Carrier, CarrierReply, InboundSms, OutboundSms, Outgoing, Refusal, SendOutcome, StatusReceipt,
    WebhookEvent, WebhookRequest,
};
use crate::model::message_log::{DeliveryStatus, Provider};

const SIGNATURE: &str = "X-Twilio-Signature";
const SIGNATURE_SETTINGS: &str = "X-Twilio-Webhooks-Signature-Settings";

/// "No reply", to a message and to a status callback alike.
const EMPTY_TWIML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response></Response>";
/// What Twilio calls a customer who replied STOP.
const OPTED_OUT: &str = "21610";

/// The account at Twilio. Secrets are lists, so that two are valid during a rotation; the first is sent with.
#[derive(Clone, Default)]
pub struct TwilioAccount {
    pub account_sid: Option<String>,
    /// Used when the request names no algorithm.
    pub auth_tokens: Vec<String>,
    /// Used when the request names one.
    pub shared_keys: Vec<String>,
    /// Replaces scheme and host of Twilio's API.
    pub base_url: Option<String>,
}

pub struct Twilio {
    account: TwilioAccount,
}

impl Twilio {
    /// Empty secrets count as not configured, because anyone can sign with them.
    pub fn new(mut account: TwilioAccount) -> Self {
        account.account_sid = account.account_sid.filter(|sid| !sid.is_empty());
        account.auth_tokens.retain(|token| !token.is_empty());
        account.shared_keys.retain(|key| !key.is_empty());
        Self { account }
    }

    fn verify_signature(&self, request: &WebhookRequest<'_>) -> Result<(), Refusal> {
        let named = named_algorithm(request);
        let (secrets, setting) = match named {
            None => (&self.account.auth_tokens, "twilio.auth_token"),
            Some(_) => (&self.account.shared_keys, "twilio.shared_keys"),
        };
        let algorithm: fn(&str, &str, &[Param<'_>]) -> String = match named.as_deref() {
            None | Some("HMAC_SHA1") => signature::<Hmac<Sha1>>,
            Some("HMAC_SHA256") => signature::<Hmac<Sha256>>,
            Some(other) => return Err(Refusal::UnknownAlgorithm(other.chars().take(40).collect())),
        };
        if secrets.is_empty() {
            return Err(Refusal::NoSecret { setting });
        }
        let given = request.headers.get(SIGNATURE);
        let given = given.ok_or(Refusal::MissingHeader(SIGNATURE))?.as_bytes();
        let params = match request.form() {
            Some(form) if request.method != Method::GET => signed_params(form),
            // Parameters of a GET are signed as part of the URL, and so is the hash of a body that is no form.
            _ => Vec::new(),
        };
        let matches = |url: &str| {
            let signed_by = |secret: &String| same(&algorithm(secret, url, &params), given);
            secrets.iter().any(signed_by)
        };
        // Twilio is not consistent about the port, so its libraries accept either spelling.
        let other_spelling_matches = || other_port_spelling(request.url).is_some_and(|url| matches(&url));
        if !matches(request.url) && !other_spelling_matches() {
            let over = without_secrets(request.url);
            return Err(Refusal::SignatureMismatch { over });
        }
        Ok(())
    }
}

impl Carrier for Twilio {
    fn provider(&self) -> Provider {
        Provider::Twilio
    }

    fn verify(&self, request: &WebhookRequest<'_>) -> Result<(), Refusal> {
        self.verify_signature(request)?;
        if request.form().is_some() {
            return Ok(());
        }
        let query = Form::decode(request.query().as_bytes());
        let promised = query.text("bodySHA256").ok_or(Refusal::BodyNotCovered)?;
        if !same(&hex_sha256(request.body), promised.as_bytes()) {
            return Err(Refusal::BodyHashDiffers);
        }
        Ok(())
    }

    fn parse(&self, request: &WebhookRequest<'_>) -> WebhookEvent {
        let Some(form) = request.form() else {
            let reason = format!("the body is {:?}, not a form", request.media_type());
            return WebhookEvent::Unusable { account_id: None, reason };
        };
        let read = if form.text("MessageStatus").is_some() {
            read_status(form, request.job()).map(WebhookEvent::Status)
        } else {
            read_inbound(form).map(WebhookEvent::Inbound)
        };
        read.unwrap_or_else(|reason| WebhookEvent::Unusable { account_id: form.filled("AccountSid"), reason })
    }

    fn unified_status(&self, provider_status: &str) -> Option<DeliveryStatus> {
        unified_status(provider_status)
    }

    fn answer(&self) -> (&'static str, &'static str) {
        ("text/xml", EMPTY_TWIML)
    }

    fn answers_keywords(&self) -> bool {
        true
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

/// Makes the `X-Twilio-Signature` that Twilio would send with this request, for tests, demonstrations and load.
///
/// `form_body` is the encoded form of a POST; it is empty for a GET and for JSON, where the URL alone is signed.
pub fn sign(auth_token: &str, url: &str, form_body: &[u8]) -> String {
    signature::<Hmac<Sha1>>(auth_token, url, &signed_params(&Form::decode(form_body)))
}

fn unified_status(raw: &str) -> Option<DeliveryStatus> {
    Some(match raw {
        "accepted" | "scheduled" | "queued" => DeliveryStatus::Queued,
        "sending" => DeliveryStatus::Sending,
        "sent" => DeliveryStatus::Sent,
        "delivered" | "read" | "partially_delivered" => DeliveryStatus::Delivered,
        "undelivered" => DeliveryStatus::Undelivered,
        "failed" | "canceled" => DeliveryStatus::Failed,
        "receiving" | "received" => DeliveryStatus::Received,
        _ => return None,
    })
}

type Param<'a> = (&'a [u8], &'a [u8]);

/// Names by code point (which is the order of UTF-8 bytes), below each its distinct values.
fn signed_params<'f>(form: &'f Form<'_>) -> Vec<Param<'f>> {
    let mut params: Vec<_> = form.iter().collect();
    params.sort_unstable();
    params.dedup();
    params
}

fn signature<M: Mac + KeyInit>(secret: &str, url: &str, params: &[Param<'_>]) -> String {
    let mut mac = <M as KeyInit>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(url.as_bytes());
    for (name, value) in params {
        mac.update(name);
        mac.update(value);
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The algorithm in upper case, when the request says that a shared key signed it: `key=<id>,algorithm=<name>`.
/// Settings that name none mean, as in Twilio's library, the Auth Token's signature.
fn named_algorithm(request: &WebhookRequest<'_>) -> Option<String> {
    let settings = String::from_utf8_lossy(request.headers.get(SIGNATURE_SETTINGS)?.as_bytes());
    let mut fields = settings.split(',').filter_map(|field| field.split_once('='));
    let (_, algorithm) =
        fields.find(|(name, value)| name.trim() == "algorithm" && !value.trim().is_empty())?;
    Some(algorithm.trim().to_ascii_uppercase())
}

/// The URL without its port, or with the scheme's own if it has none.
fn other_port_spelling(url: &str) -> Option<String> {
    let (scheme, user_info, host, tail) = split_url(url)?;
    // The colons of an IPv6 address stand inside its brackets.
    let port_at = host.rfind(':').filter(|&colon| host.rfind(']').is_none_or(|bracket| bracket < colon));
    Some(match port_at {
        Some(colon) => format!("{scheme}://{user_info}{}{tail}", &host[..colon]),
        None => {
            let port = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
            format!("{scheme}://{user_info}{host}:{port}{tail}")
        }
    })
}

fn read_inbound(form: &Form<'_>) -> Result<InboundSms, String> {
    Ok(InboundSms {
        provider_message_id: form.required("MessageSid")?,
        from: form.required("From")?,
        to: form.required("To")?,
        account_id: form.filled("AccountSid"),
        body: form.text("Body").map(Cow::into_owned).unwrap_or_default(),
        media_urls: media_urls(form),
        segment_count: form.text("NumSegments").and_then(|count| count.parse().ok()).unwrap_or(1),
        opt_out_type: form.filled("OptOutType"),
        provider_status: form.filled("SmsStatus").unwrap_or_else(|| "received".into()),
        part: None,
    })
}

/// A receipt is matched by its message alone: one that failed early may lack the sender.
fn read_status(form: &Form<'_>, job: Option<String>) -> Result<StatusReceipt, String> {
    let provider_status = form.required("MessageStatus")?;
    let error_code = form.filled("ErrorCode");
    Ok(StatusReceipt {
        provider_message_id: form.required("MessageSid")?,
        status: unified_status(&provider_status),
        provider_status,
        account_id: form.filled("AccountSid"),
        job,
        opted_out: error_code.as_deref() == Some(OPTED_OUT),
        error_code,
        error_message: form.filled("ErrorMessage"),
        from: form.filled("From"),
        to: form.filled("To"),
    })
}

/// `MediaUrl0` and on, in the order of their numbers. `NumMedia` only bounds what is really there, and one pass
/// finds it, so neither a huge count nor a flood of parameters costs more than the body's own size.
fn media_urls(form: &Form<'_>) -> Vec<String> {
    let announced = form.text("NumMedia").and_then(|count| count.parse().ok()).unwrap_or(usize::MAX);
    let mut media: Vec<(usize, &[u8])> = form
        .iter()
        .filter(|(_, url)| !url.is_empty())
        .filter_map(|(name, url)| {
            let number = std::str::from_utf8(name.strip_prefix(b"MediaUrl")?).ok()?;
            Some((number.parse().ok()?, url))
        })
        .filter(|&(number, _)| number < announced)
        .collect();
    media.sort_by_key(|&(number, _)| number);
    media.dedup_by_key(|&mut (number, _)| number);
    media.into_iter().map(|(_, url)| String::from_utf8_lossy(url).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{other_port_spelling, unified_status};

    #[test]
    fn the_other_port_spelling_touches_nothing_but_the_port() {
        let rows = [
            ("https://a.example/x?y=b:1", "https://a.example:443/x?y=b:1"),
            ("http://a.example", "http://a.example:80"),
            ("https://a.example:8443/x", "https://a.example/x"),
            ("https://a.example:443?q", "https://a.example?q"),
            ("https://u:p@a.example/x", "https://u:p@a.example:443/x"),
            ("https://u:p@a.example:8443/x", "https://u:p@a.example/x"),
            ("https://u:p@q@a.example:1/x@y:2", "https://u:p@q@a.example/x@y:2"),
            ("https://[2001:db8::1]/x", "https://[2001:db8::1]:443/x"),
            ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]/x"),
            ("http://u:p@[::1]:8080/x", "http://u:p@[::1]/x"),
        ];
        for (url, expected) in rows {
            assert_eq!(other_port_spelling(url).as_deref(), Some(expected), "{url}");
        }
        assert_eq!(other_port_spelling("/webhooks/sms/twilio"), None);
    }

    #[test]
    fn every_state_of_twilio_has_its_unified_one() {
        use crate::model::message_log::DeliveryStatus::*;
        let rows = [
            (Queued, &["accepted", "scheduled", "queued"][..]),
            (Sending, &["sending"]),
            (Sent, &["sent"]),
            (Delivered, &["delivered", "read", "partially_delivered"]),
            (Undelivered, &["undelivered"]),
            (Failed, &["failed", "canceled"]),
            (Received, &["receiving", "received"]),
        ];
        for (unified, raws) in rows {
            for raw in raws {
                assert_eq!(unified_status(raw), Some(unified), "{raw}");
            }
        }
        assert_eq!(unified_status("teleported"), None);
        assert_eq!(unified_status(""), None);
    }
}
