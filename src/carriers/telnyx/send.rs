//! Telnyx: what a send asks and what its answer means.
//!
//! Sources: Telnyx's error code pages and its official libraries. The HTTP status varies by which of Telnyx's systems
//! refuses, so the code decides.

use serde_json::json;

use super::{BLOCKED, TelnyxAccount, is_stop, read_error};
use crate::carriers::json as read;
use crate::carriers::send::RefusedWhy::*;
use crate::carriers::send::Repeated::IsKnown;
use crate::carriers::send::Verdict::{Busy, Refused, Retry, RetryOnce};
use crate::carriers::send::{Codes, base, missing_setting, post, verdict_of};
use crate::carriers::{CarrierError, CarrierReply, OutboundSms, Outgoing, SendOutcome};

const API: &str = "https://api.telnyx.com";

/// 40300 is told apart by its words.
#[rustfmt::skip]
const CODES: &Codes = &[
    (Busy, &["10011", "40011"]),
    (Retry, &["40006", "40318"]),
    (RetryOnce, &["40004"]),
    (Refused(InvalidNumber), &["40001", "40012", "40310"]),
    (Refused(Configuration), &[
        "10009", "10010", "20100", "40010", "40013", "40100", "40305", "40306", "40308", "40309", "40312", "40314",
        "40315", "40321",
    ]),
    (Refused(Compliance), &["40002", "40003", "40015", "40322"]),
    (Refused(Request), &[
        "10002", "10004", "10015", "10016", "40009", "40301", "40302", "40304", "40316", "40317", "40319",
    ]),
    (Refused(Other), &["40005", "40008", "40014", BLOCKED]),
];

pub(super) fn send(account: &TelnyxAccount, message: &OutboundSms<'_>) -> Outgoing {
    let Some(key) = &account.api_key else { return missing_setting("telnyx.api_key") };
    let mut body = json!({ "from": message.from, "to": message.to });
    if !message.body.is_empty() {
        body["text"] = message.body.into();
    }
    if !message.media_urls.is_empty() {
        body["media_urls"] = message.media_urls.into();
    }
    if let Some(url) = message.callback_url {
        body["webhook_url"] = url.into();
        // Or each receipt would also go to the profile's own URL.
        body["use_profile_webhooks"] = false.into();
    }
    let url = format!("{}/v2/messages", base(account.base_url.as_deref(), API));
    let once = [("idempotency-key", message.job)];
    post(&url, &format!("Bearer {key}"), "application/json", &once, body.to_string().into_bytes())
}

pub(super) fn read_reply(reply: &CarrierReply<'_>) -> SendOutcome {
    let said = read::read(reply.body).unwrap_or_default();
    if reply.status.is_success() {
        let Some(provider_message_id) = read::text(&said, "/data/id") else { return reply.foreign(IsKnown) };
        return SendOutcome::Accepted {
            provider_message_id,
            more_ids: Vec::new(),
            provider_status: read::text(&said, "/data/to/0/status").unwrap_or_else(|| "queued".to_owned()),
            segment_count: read::number(&said, "/data/parts").filter(|parts| *parts > 0),
        };
    }
    let Some((code, message)) = said.pointer("/errors/0").and_then(read_error) else {
        return reply.foreign(IsKnown);
    };
    let verdict = match is_stop(&code, &message) {
        true => Some(Refused(OptedOut)),
        false => verdict_of(CODES, &code),
    };
    reply.refusal(verdict, CarrierError { code: Some(code), message }, IsKnown)
}
