//! Twilio: what a send asks and what its answer means.
//!
//! Twilio takes no idempotency key, so an answer that never came leaves the outcome unknown.
//! Sources: Twilio's OpenAPI document of the Messages resource and its error dictionary.

use super::{OPTED_OUT, TwilioAccount};
use crate::carriers::json;
use crate::carriers::send::RefusedWhy::*;
use crate::carriers::send::Repeated::SendsAgain;
use crate::carriers::send::Verdict::{Busy, Refused, Retry, RetryOnce};
use crate::carriers::send::{Codes, base, basic, missing_setting, post, verdict_of};
use crate::carriers::{CarrierError, CarrierReply, OutboundSms, Outgoing, SendOutcome};

const API: &str = "https://api.twilio.com";

const CODES: &Codes = &[
    (Busy, &["14107", "20429"]),
    (Retry, &["21611", "30001"]),
    (RetryOnce, &["30003", "30008"]),
    (Refused(OptedOut), &[OPTED_OUT]),
    (Refused(InvalidNumber), &["21211", "21614", "21635", "30005", "30006"]),
    (Refused(Configuration), &["20003", "21408", "21606", "21608", "21612", "30002"]),
    (Refused(Compliance), &["30007", "30032", "30034"]),
    (Refused(Request), &["21602", "21617"]),
    (Refused(Other), &["30004"]),
];

pub(super) fn missing(account: &TwilioAccount) -> Option<&'static str> {
    match (&account.account_sid, account.auth_tokens.first()) {
        (None, _) => Some("twilio.account_sid"),
        (_, None) => Some("twilio.auth_token"),
        _ => None,
    }
}

pub(super) fn send(account: &TwilioAccount, message: &OutboundSms<'_>) -> Outgoing {
    let (Some(sid), Some(token)) = (&account.account_sid, account.auth_tokens.first()) else {
        return missing_setting(missing(account).unwrap_or("twilio.account_sid"));
    };
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("To", message.to);
    match message.messaging_service_sid {
        Some(service) => form.append_pair("MessagingServiceSid", service),
        None => form.append_pair("From", message.from),
    };
    if !message.body.is_empty() {
        form.append_pair("Body", message.body);
    }
    for url in message.media_urls {
        form.append_pair("MediaUrl", url);
    }
    if let Some(url) = message.callback_url {
        form.append_pair("StatusCallback", url);
    }
    let url = format!("{}/2010-04-01/Accounts/{sid}/Messages.json", base(account.base_url.as_deref(), API));
    let content_type = "application/x-www-form-urlencoded";
    post(&url, &basic(sid, token), content_type, &[], form.finish().into_bytes())
}

pub(super) fn read_reply(reply: &CarrierReply<'_>) -> SendOutcome {
    let said = json::read(reply.body).unwrap_or_default();
    if reply.status.is_success() {
        let Some(provider_message_id) = json::text(&said, "/sid") else { return reply.foreign(SendsAgain) };
        return SendOutcome::Accepted {
            provider_message_id,
            more_ids: Vec::new(),
            provider_status: json::text(&said, "/status").unwrap_or_else(|| "queued".to_owned()),
            // With a Messaging Service the count is 0 until a sender is chosen.
            segment_count: json::number(&said, "/num_segments").filter(|count| *count > 0),
        };
    }
    // Its codes are numbers; an error whose code is none was made by something between Twilio and us.
    let code = said.get("code").filter(|code| code.is_u64()).map(ToString::to_string);
    match (code, json::text(&said, "/message")) {
        (Some(code), Some(message)) => {
            reply.refusal(verdict_of(CODES, &code), CarrierError { code: Some(code), message }, SendsAgain)
        }
        _ => reply.foreign(SendsAgain),
    }
}
