//! Sending: the words that all carriers share, and what the answer of any HTTP API means when the carrier's own words
//! say no more.
//!
//! Refuses to guess in favour of sending twice: where nobody can know whether a message was taken, the outcome is unknown.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::DateTime;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Request, StatusCode};

/// A message to a customer.
#[derive(Clone, Copy, Debug)]
pub struct OutboundSms<'a> {
    pub from: &'a str,
    pub to: &'a str,
    pub body: &'a str,
    pub media_urls: &'a [String],
    /// The UUID of our job: the same for each attempt, so that a carrier that can does not send twice.
    pub job: &'a str,
    /// 1 for the first.
    pub attempt: u32,
    /// Twilio chooses the sender from this pool instead of `from`.
    pub messaging_service_sid: Option<&'a str>,
    /// Where receipts are wanted.
    pub callback_url: Option<&'a str>,
    pub now_unix: i64,
}

/// What sending a message comes to.
#[derive(Debug)]
pub enum Outgoing {
    Request(Request<Vec<u8>>),
    /// There is nothing to ask of anybody.
    Done(SendOutcome),
}

/// What a carrier answered to [`Outgoing::Request`].
#[derive(Clone, Copy, Debug)]
pub struct CarrierReply<'a> {
    pub status: StatusCode,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
    /// When the answer came, in seconds since 1970.
    pub now_unix: i64,
    /// 1 for the first.
    pub attempt: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    Accepted {
        provider_message_id: String,
        /// Of further parts, where the carrier counts each as a message of its own; receipts name any of them.
        more_ids: Vec<String>,
        provider_status: String,
        /// `None` when the carrier does not know yet.
        segment_count: Option<u32>,
    },
    /// Surely not taken by the carrier; may be tried again. `busy`: the carrier has enough for now, whatever the message.
    Retry { after_seconds: Option<u64>, busy: bool, error: CarrierError },
    /// Never will be taken.
    Refused { why: RefusedWhy, error: CarrierError },
    /// It may or may not have been taken.
    Unknown { reason: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedWhy {
    OptedOut,
    InvalidNumber,
    /// Credentials, account, sender or region: ours to put right.
    Configuration,
    /// Carriers filter it, or want the sender registered.
    Compliance,
    /// The message itself.
    Request,
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarrierError {
    pub code: Option<String>,
    pub message: String,
}

impl CarrierError {
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: Some(code.into()), message: message.into() }
    }
}

/// What a carrier's error code means for the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Retry,
    /// May pass by itself, once.
    RetryOnce,
    /// Too much at a time.
    Busy,
    Refused(RefusedWhy),
}

impl Verdict {
    pub(super) fn outcome(
        self,
        error: CarrierError,
        after_seconds: Option<u64>,
        attempt: u32,
    ) -> SendOutcome {
        match self {
            Self::Refused(why) => SendOutcome::Refused { why, error },
            Self::RetryOnce if attempt > 1 => SendOutcome::Refused { why: RefusedWhy::Other, error },
            Self::Retry | Self::RetryOnce => SendOutcome::Retry { after_seconds, busy: false, error },
            Self::Busy => SendOutcome::Retry { after_seconds, busy: true, error },
        }
    }
}

/// Whether the carrier recognises a request that it has had before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeated {
    IsKnown,
    SendsAgain,
}

/// Error codes by what they mean: the one table that each carrier's file has.
pub(super) type Codes = [(Verdict, &'static [&'static str])];

pub(super) fn verdict_of(codes: &Codes, code: &str) -> Option<Verdict> {
    let row = codes.iter().find(|(_, codes)| codes.contains(&code));
    row.map(|(verdict, _)| *verdict)
}

impl CarrierReply<'_> {
    /// The answer was an error in the carrier's own words; `known` is what its code means.
    pub(super) fn refusal(
        &self,
        known: Option<Verdict>,
        error: CarrierError,
        repeated: Repeated,
    ) -> SendOutcome {
        let verdict = match (self.status, known) {
            (StatusCode::TOO_MANY_REQUESTS, _) => Verdict::Busy,
            // It failed, but nobody says how far it had come.
            (status, _) if status.is_server_error() && !self.may_repeat(repeated) => {
                let code = error.code.unwrap_or_default();
                return SendOutcome::Unknown { reason: format!("HTTP {status}, {code}: {}", error.message) };
            }
            (status, _) if status.is_server_error() => Verdict::Retry,
            (_, Some(verdict)) => verdict,
            (StatusCode::UNAUTHORIZED, None) => Verdict::Refused(RefusedWhy::Configuration),
            (_, None) => Verdict::Refused(RefusedWhy::Other),
        };
        verdict.outcome(error, self.retry_after_seconds(), self.attempt)
    }

    /// The answer was not in the carrier's own words: anything between us may have said it.
    pub(super) fn foreign(&self, repeated: Repeated) -> SendOutcome {
        let status = self.status;
        let error = CarrierError { code: None, message: format!("the carrier answered HTTP {status}") };
        let verdict = match status.as_u16() {
            429 => Verdict::Busy,
            // A proxy that lost its way to the carrier says these too, when the request may have arrived.
            408 | 409 | 425 | 503 if self.may_repeat(repeated) => Verdict::Retry,
            // Nobody redirects to another place what they have taken.
            300..=399 | 401 | 403 | 404 | 405 | 407 => Verdict::Refused(RefusedWhy::Configuration),
            400 | 413 | 414 | 415 | 422 => Verdict::Refused(RefusedWhy::Request),
            408 | 409 | 425 | 500.. | ..=299 => {
                let reason = format!("HTTP {status} without a word of the carrier's: {}", self.excerpt());
                return SendOutcome::Unknown { reason };
            }
            _ => Verdict::Refused(RefusedWhy::Other),
        };
        verdict.outcome(error, self.retry_after_seconds(), self.attempt)
    }

    /// Whether the same may be asked once more: where it is recognised, or where somebody is busy and says until when.
    fn may_repeat(&self, repeated: Repeated) -> bool {
        let asks_back =
            self.status == StatusCode::SERVICE_UNAVAILABLE && self.headers.contains_key(RETRY_AFTER);
        repeated == Repeated::IsKnown || asks_back
    }

    /// How long the carrier wants us to wait, rounded up to seconds.
    pub(super) fn retry_after_seconds(&self) -> Option<u64> {
        let text = |name: &str| self.headers.get(name)?.to_str().ok().map(str::trim);
        if let Some(milliseconds) = text("retry-after-ms").and_then(|text| text.parse::<u64>().ok()) {
            return Some(milliseconds.div_ceil(1000));
        }
        if let Some(text) = text(RETRY_AFTER.as_str()) {
            let date = || DateTime::parse_from_rfc2822(text).ok();
            let until = || Some(date()?.timestamp().saturating_sub(self.now_unix).max(0).unsigned_abs());
            return text.parse().ok().or_else(until);
        }
        text("x-ratelimit-reset").and_then(|seconds| seconds.parse().ok())
    }

    fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(300)]);
        text.chars().filter(|c| !c.is_control()).take(120).collect()
    }
}

/// A POST to a carrier. Credentials and URLs that cannot be sent at all are the operator's to put right.
pub(super) fn post(
    url: &str,
    authorization: &str,
    content_type: &'static str,
    more: &[(&'static str, &str)],
    body: Vec<u8>,
) -> Outgoing {
    let secret = HeaderValue::from_str(authorization).map(|mut value| {
        value.set_sensitive(true);
        value
    });
    let mut request =
        Request::post(url).header(ACCEPT, "application/json").header(CONTENT_TYPE, content_type);
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    let built = secret.map_err(http::Error::from).and_then(|secret| {
        let request = request.header(AUTHORIZATION, secret);
        request.body(body)
    });
    match built {
        Ok(request) => Outgoing::Request(request),
        Err(error) => {
            refuse(RefusedWhy::Configuration, format!("no request can be made of the settings: {error}"))
        }
    }
}

/// Refused by ourselves, before any carrier is asked.
pub(super) fn refuse(why: RefusedWhy, message: String) -> Outgoing {
    Outgoing::Done(SendOutcome::Refused { why, error: CarrierError { code: None, message } })
}

pub(super) fn missing_setting(setting: &str) -> Outgoing {
    refuse(RefusedWhy::Configuration, format!("nothing can be sent before {setting} is set"))
}

pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The configured place of an API, or its own.
pub(super) fn base<'a>(configured: Option<&'a str>, own: &'a str) -> &'a str {
    configured.map(|url| url.trim_end_matches('/')).filter(|url| !url.is_empty()).unwrap_or(own)
}
