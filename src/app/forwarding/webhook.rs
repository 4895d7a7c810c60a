//! What a receiver is told and what it answers: the request of one attempt, signed as Standard Webhooks 1.0 has it, and
//! the reading of the answer.

use crate::model::forward::{ForwardReply, receiver};
use crate::model::ids::{MessageLogId, OrganizationId};
use crate::model::message_log::{MessageLog, Provider};
use crate::model::time::Timestamp;
use crate::model::webhook_secret::{WebhookSecret, key_of, signing};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{Method, Request};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// No longer than a message may be, in characters.
const REPLY_CHARACTERS: usize = 1600;

#[derive(Serialize)]
struct Event<'a> {
    r#type: &'static str,
    timestamp: Timestamp,
    data: EventData<'a>,
}

#[derive(Serialize)]
struct EventData<'a> {
    message_id: &'a str,
    from: &'a str,
    to: &'a str,
    body: &'a str,
    media_urls: &'a [String],
    provider: Provider,
}

/// Tells the event from all others, the same at each attempt and in each replay.
pub(super) fn event_id(organization: OrganizationId, id: MessageLogId, log: &MessageLog) -> String {
    let mut digest = Sha256::new();
    digest.update(organization.0.to_be_bytes());
    digest.update(id.0.to_be_bytes());
    digest.update(log.created_at.0.to_be_bytes());
    digest.update(log.provider.as_str());
    digest.update([0]);
    digest.update(&log.provider_message_id);
    format!("msg_{}", URL_SAFE_NO_PAD.encode(&digest.finalize()[..18]))
}

/// The request of one attempt. The error says why the URL cannot be asked.
pub(super) fn request(
    url: &str,
    event_id: &str,
    log: &MessageLog,
    secrets: &[WebhookSecret],
    now: Timestamp,
) -> Result<Request<Vec<u8>>, String> {
    let uri = receiver(url)?;
    let event = Event {
        r#type: "sms_received",
        timestamp: log.created_at,
        data: EventData {
            message_id: &log.provider_message_id,
            from: &log.from,
            to: &log.to,
            body: &log.body,
            media_urls: &log.media_urls,
            provider: log.provider,
        },
    };
    let body = serde_json::to_vec(&event).map_err(|error| error.to_string())?;
    let seconds = now.unix_seconds().to_string();
    let keys = signing(secrets, now).filter_map(key_of);
    let signatures: Vec<String> = keys.map(|key| signature(&key, event_id, &seconds, &body)).collect();
    Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("smslite/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", event_id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signatures.join(" "))
        .body(body)
        .map_err(|error| error.to_string())
}

fn signature(key: &[u8], id: &str, seconds: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update(seconds.as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// A URL without its path: many have a secret there.
pub(super) fn shown(url: &str) -> String {
    let Ok(uri) = receiver(url) else { return "(no URL)".to_owned() };
    format!("{}://{}", uri.scheme_str().unwrap_or_default(), uri.authority().map_or("", |it| it.as_str()))
}

/// What a receiver's answer asks to be sent. Whatever does not speak of a reply asks for none.
pub(super) fn read_reply(body: &[u8]) -> ForwardReply {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    match answer.get("reply") {
        None | Some(Value::Null) => ForwardReply::None,
        Some(Value::String(text)) if text.trim().is_empty() => ForwardReply::None,
        Some(Value::String(text)) if text.chars().count() > REPLY_CHARACTERS => {
            ForwardReply::Unusable(format!("it is longer than {REPLY_CHARACTERS} characters"))
        }
        Some(Value::String(text)) => ForwardReply::Text(text.clone()),
        Some(_) => ForwardReply::Unusable("it is no text".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the specification's own libraries are tested with.
    #[test]
    fn a_signature_is_that_of_standard_webhooks() {
        let key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let made = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(made, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_receiver_is_an_http_url() {
        for (url, is_one) in [
            ("https://app.example/hook?key=1", true),
            ("http://[::1]:3000", true),
            ("https://me:secret@app.example/x", false),
            ("https://token@app.example/x", false),
            ("ftp://app.example/", false),
            ("app.example/hook", false),
            ("/hook", false),
            ("https://", false),
            ("https://a b/", false),
            ("", false),
        ] {
            assert_eq!(receiver(url).is_ok(), is_one, "{url}");
        }
        assert_eq!(shown("https://app.example:8443/hook/secret?key=secret"), "https://app.example:8443");
    }

    #[test]
    fn an_answer_asks_for_a_reply_or_for_none() {
        let (none, text) = (ForwardReply::None, |text: &str| ForwardReply::Text(text.to_owned()));
        for (body, reply) in [
            ("", none.clone()),
            ("OK", none.clone()),
            ("<html>", none.clone()),
            ("[1]", none.clone()),
            ("{}", none.clone()),
            (r#"{"reply": null}"#, none.clone()),
            (r#"{"reply": " "}"#, none.clone()),
            (r#"{"reply": "Hi 👋", "other": 1}"#, text("Hi 👋")),
            (r#"{"reply": 5}"#, ForwardReply::Unusable("it is no text".to_owned())),
        ] {
            assert_eq!(read_reply(body.as_bytes()), reply, "{body}");
        }
        let long = format!(r#"{{"reply": "{}"}}"#, "x".repeat(1601));
        assert!(matches!(read_reply(long.as_bytes()), ForwardReply::Unusable(_)));
        assert_eq!(read_reply(b"\xff\xfe"), none);
    }
}
