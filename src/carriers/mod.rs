//! The carriers floor: what a webhook of a carrier says, and whether that carrier really sent it.
//!
//! Owns the words that all carriers share (request, event, refusal; those of sending are in `send`) and the trait that
//! each of them fills in its own file. Refuses to know tenants, storage, HTTP servers and clocks: a request comes in as
//! data, an event goes out as data.

pub mod form;
pub(crate) mod json;
pub mod played;
pub(crate) mod proof;
pub mod sandbox;
pub mod send;
pub mod telnyx;
pub mod twilio;
pub mod url;
pub mod vonage;

use std::sync::OnceLock;

use crate::model::message_log::{DeliveryStatus, Provider};
pub use crate::model::partial_message::MessagePart;
use form::Form;
use http::{HeaderMap, Method, header::CONTENT_TYPE};
pub use send::{CarrierError, CarrierReply, OutboundSms, Outgoing, RefusedWhy, SendOutcome};

/// One SMS carrier.
///
/// `parse` needs no secret and does not trust the request, so it may run before `verify` to learn whose secrets apply
/// ([`WebhookEvent::account_id`], our number). Nothing of an event may be acted on until `verify` has passed.
pub trait Carrier: Send + Sync {
    /// Which one it is; its name is also the one in URLs, settings and stored records.
    fn provider(&self) -> Provider;

    /// Says whether the carrier sent exactly this request.
    fn verify(&self, request: &WebhookRequest<'_>) -> Result<(), Refusal>;

    /// Reads the request; whatever it holds, the answer is an event and never a panic.
    fn parse(&self, request: &WebhookRequest<'_>) -> WebhookEvent;

    /// The unified state of one of the carrier's own states; `None` when we do not know it and should keep what we had.
    fn unified_status(&self, provider_status: &str) -> Option<DeliveryStatus>;

    /// What every webhook is answered once it is kept: content type and body.
    fn answer(&self) -> (&'static str, &'static str) {
        ("text/plain", "")
    }

    /// Whether the carrier itself always answers STOP, START and HELP, so that we must not. Where this is false, a
    /// message may still say so for itself: [`InboundSms::opt_out_type`].
    fn answers_keywords(&self) -> bool {
        false
    }

    /// The setting that is missing before anything can be sent, as in `twilio.account_sid`.
    fn missing_to_send(&self) -> Option<&'static str>;

    /// The request that asks the carrier to send this message, or what became of it when there is nothing to ask.
    fn send(&self, message: &OutboundSms<'_>) -> Outgoing;

    /// What the answer to such a request says became of the message.
    fn read_reply(&self, reply: &CarrierReply<'_>) -> SendOutcome;
}

/// One request as it reached us, plus the URL the carrier is believed to have called.
pub struct WebhookRequest<'a> {
    pub method: &'a Method,
    /// Full public URL with its query, verbatim.
    pub url: &'a str,
    pub headers: &'a HeaderMap,
    /// As it came, before any decoding.
    pub body: &'a [u8],
    /// When we took the request, in seconds since 1970.
    pub now_unix: i64,
    form: OnceLock<Option<Form<'a>>>,
}

impl<'a> WebhookRequest<'a> {
    pub fn new(
        method: &'a Method,
        url: &'a str,
        headers: &'a HeaderMap,
        body: &'a [u8],
        now_unix: i64,
    ) -> Self {
        // A fragment is a note to the carrier's own client (its retry settings) and never part of what was called.
        let url = url.split_once('#').map_or(url, |(before, _)| before);
        Self { method, url, headers, body, now_unix, form: OnceLock::new() }
    }

    /// The same request, taken at another time.
    pub fn at(&self, now_unix: i64) -> WebhookRequest<'a> {
        WebhookRequest { now_unix, form: OnceLock::new(), ..*self }
    }

    /// The query as it stands in the URL, still encoded; empty when there is none.
    pub fn query(&self) -> &'a str {
        self.url.split_once('?').map_or("", |(_, query)| query)
    }

    /// The job that the callback URL we gave the carrier was made for. Only a signature over the URL vouches for it, so
    /// look for the message by the carrier's own id first.
    pub fn job(&self) -> Option<String> {
        Form::decode(self.query().as_bytes()).filled("job")
    }

    /// The media type of the body without its parameters; empty when none is given.
    pub fn media_type(&self) -> &'a str {
        let value = self.headers.get(CONTENT_TYPE);
        let text = value.and_then(|value| value.to_str().ok()).unwrap_or("");
        text.split_once(';').map_or(text, |(essence, _)| essence).trim()
    }

    /// The parameters: of the query for a GET, else of a form body; `None` for any other body.
    /// Decoded once, whoever asks first.
    pub fn form(&self) -> Option<&Form<'a>> {
        let decode = || {
            if self.method == Method::GET {
                return Some(Form::decode(self.query().as_bytes()));
            }
            let is_form = self.media_type().eq_ignore_ascii_case("application/x-www-form-urlencoded");
            is_form.then(|| Form::decode(self.body))
        };
        self.form.get_or_init(decode).as_ref()
    }
}

/// What a webhook says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookEvent {
    Inbound(InboundSms),
    Status(StatusReceipt),
    /// A request that may well be the carrier's, but tells nothing we can store as a message or a receipt.
    Unusable {
        account_id: Option<String>,
        reason: String,
    },
}

impl WebhookEvent {
    /// The account at the carrier that the request speaks for.
    pub fn account_id(&self) -> Option<&str> {
        match self {
            Self::Inbound(sms) => sms.account_id.as_deref(),
            Self::Status(receipt) => receipt.account_id.as_deref(),
            Self::Unusable { account_id, .. } => account_id.as_deref(),
        }
    }
}

/// A message from a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundSms {
    pub provider_message_id: String,
    pub account_id: Option<String>,
    pub from: String,
    pub to: String,
    pub body: String,
    pub media_urls: Vec<String>,
    pub segment_count: u32,
    /// `STOP`, `START` or `HELP` when the carrier itself acted on such a keyword.
    pub opt_out_type: Option<String>,
    pub provider_status: String,
    /// Which part of a long message this is, from carriers that hand on the parts one by one.
    pub part: Option<MessagePart>,
}

/// What became of a message of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusReceipt {
    pub provider_message_id: String,
    pub account_id: Option<String>,
    pub provider_status: String,
    /// The unified one; `None` when we do not know the carrier's word and should keep what we had.
    pub status: Option<DeliveryStatus>,
    /// The UUID of our job that sent the message, where the carrier echoes it or the callback URL names it.
    pub job: Option<String>,
    /// The customer does not want messages from this number of ours.
    pub opted_out: bool,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    /// Our side. A message that failed before the carrier chose a sender has none.
    pub from: Option<String>,
    pub to: Option<String>,
}

/// Why a request is not believed. The text is for the operator's log, not for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("no secret is configured to check this signature with; set {setting}")]
    NoSecret { setting: &'static str },
    #[error("the {0} header is missing")]
    MissingHeader(&'static str),
    #[error("the request was signed with {0:?}, an algorithm that is not known here")]
    UnknownAlgorithm(String),
    #[error(
        "the signature does not match; it was checked over {over}, so compare that and the secret with the carrier's settings"
    )]
    SignatureMismatch { over: String },
    #[error("the body is not a form and the URL has no bodySHA256, so nothing vouches for the body")]
    BodyNotCovered,
    #[error("the body does not have the hash that the signed request promises")]
    BodyHashDiffers,
    #[error("the body is empty, so there is nothing that was signed")]
    EmptyBody,
    #[error("the parameter {0} is missing; ask the carrier to sign its webhooks")]
    MissingParameter(&'static str),
    #[error(
        "the request says that it was signed at {0:?}, which is no second within five minutes of our clock; was it replayed, or is the clock wrong?"
    )]
    NotNow(String),
    #[error("the token is not good: {0}")]
    BadToken(String),
    #[error("the request speaks for another account than ours")]
    OtherAccount,
    #[error("this carrier has no webhooks")]
    NoWebhooks,
}
