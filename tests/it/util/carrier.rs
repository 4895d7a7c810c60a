//! The carrier's side: webhook requests, signed as Twilio signs them.

use super::client::{Answer, Person};
use super::{OUR_NUMBER, TestApp};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use smslite::carriers::twilio::sign;
use smslite::carriers::vonage;

pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
pub const PATH: &str = "/webhooks/sms/twilio";

#[derive(Clone)]
pub struct Carrier {
    who: Person,
    auth_token: String,
}

impl Carrier {
    pub fn new(who: Person, auth_token: &str) -> Carrier {
        Carrier { who, auth_token: auth_token.to_owned() }
    }

    /// A message to `OUR_NUMBER`; must be taken.
    pub async fn delivers(&self, sid: &str, from: &str, body: &str) -> Answer {
        self.posts(&sms(sid, from, OUR_NUMBER, body)).await.expect(200)
    }

    pub async fn posts(&self, params: &[(&str, &str)]) -> Answer {
        self.posts_to(PATH, &form(params)).await
    }

    pub async fn posts_to(&self, path: &str, form: &str) -> Answer {
        let url = format!("http://{}{path}", self.who.address);
        let signature = sign(&self.auth_token, &url, form.as_bytes());
        self.who.ask("POST", path, &[FORM, ("x-twilio-signature", &signature)], form.to_owned()).await
    }
}

pub fn sms<'a>(sid: &'a str, from: &'a str, to: &'a str, body: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("MessageSid", sid),
        ("AccountSid", "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ("From", from),
        ("To", to),
        ("Body", body),
        ("NumMedia", "0"),
        ("NumSegments", "1"),
        ("SmsStatus", "received"),
        ("ApiVersion", "2010-04-01"),
    ]
}

pub fn form(params: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}

pub const VONAGE_SECRET: &str = "a-signature-secret";
pub const TELNYX_SEED: [u8; 32] = [7; 32];

impl TestApp {
    /// A webhook of Vonage's SMS API, signed as the account's dashboard says at first.
    pub async fn vonage_posts(&self, params: &[(&str, &str)]) -> Answer {
        let timestamp = self.clock.now().unix_seconds().to_string();
        let mut params = params.to_vec();
        params.extend([("timestamp", timestamp.as_str()), ("nonce", "n")]);
        let signature =
            vonage::sign(vonage::SignatureMethod::Md5Hash, VONAGE_SECRET, form(&params).as_bytes());
        params.push(("sig", &signature));
        self.anonymous().ask("POST", "/webhooks/sms/vonage", &[FORM], form(&params)).await
    }

    /// A message, with what else is told of it.
    pub async fn vonage_delivers(&self, id: &str, from: &str, more: &[(&str, &str)]) -> Answer {
        let mut params = vec![
            ("msisdn", &from[1..]),
            ("to", &OUR_NUMBER[1..]),
            ("messageId", id),
            ("type", "text"),
            ("message-timestamp", "2026-04-30 10:00:00"),
        ];
        params.extend(more);
        self.vonage_posts(&params).await
    }

    /// A webhook of Telnyx', signed with the key of [`TELNYX_SEED`].
    pub async fn telnyx_posts(&self, body: &serde_json::Value) -> Answer {
        let (timestamp, body) = (self.clock.now().unix_seconds().to_string(), body.to_string());
        let signature = telnyx_signature(&timestamp, &body);
        let headers = [
            ("content-type", "application/json"),
            ("telnyx-timestamp", timestamp.as_str()),
            ("telnyx-signature-ed25519", signature.as_str()),
        ];
        self.anonymous().ask("POST", "/webhooks/sms/telnyx", &headers, body.clone()).await
    }
}

pub fn telnyx_signature(timestamp: &str, body: &str) -> String {
    let key = Ed25519KeyPair::from_seed_unchecked(&TELNYX_SEED).unwrap();
    STANDARD.encode(key.sign(format!("{timestamp}|{body}").as_bytes()))
}

/// What the account's page shows.
pub fn telnyx_public_key() -> String {
    let key = Ed25519KeyPair::from_seed_unchecked(&TELNYX_SEED).unwrap();
    STANDARD.encode(key.public_key())
}

/// A message to `OUR_NUMBER`, as Telnyx tells of it.
pub fn telnyx_message(id: &str, from: &str, text: &str) -> serde_json::Value {
    serde_json::json!({"data": {
        "record_type": "event", "event_type": "message.received", "id": format!("event-{id}"),
        "occurred_at": "2026-04-30T10:00:00Z",
        "payload": {
            "id": id, "record_type": "message", "direction": "inbound", "type": "SMS", "text": text, "parts": 1,
            "from": {"phone_number": from, "status": ""},
            "to": [{"phone_number": OUR_NUMBER, "status": "webhook_delivered"}], "media": [], "errors": [],
        },
    }, "meta": {"attempt": 1, "delivered_to": "https://example.com"}})
}
