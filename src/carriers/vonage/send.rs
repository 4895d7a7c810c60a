//! Vonage: what a send asks and what its answer means. Texts go by the SMS API, files by the Messages API.
//!
//! The SMS API answers 200 whatever happened and counts each part of a long text as a message. Neither takes an
//! idempotency key, so an answer that never came leaves the outcome unknown. Sources: Vonage's OpenAPI document of the
//! SMS API, its troubleshooting page, and the list of errors of the Messages API.

use serde_json::{Value, json};

use super::VonageAccount;
use super::parse::problem;
use crate::carriers::json as read;
use crate::carriers::send::RefusedWhy::*;
use crate::carriers::send::Repeated::SendsAgain;
use crate::carriers::send::Verdict::{Busy, Refused, Retry};
use crate::carriers::send::{Codes, base, basic, missing_setting, post, refuse, verdict_of};
use crate::carriers::{CarrierError, CarrierReply, OutboundSms, Outgoing, SendOutcome};
use crate::model::segments::{Encoding, segments};

const SMS_API: &str = "https://rest.nexmo.com";
const MESSAGES_API: &str = "https://api.nexmo.com";
/// Our word for a message of which some parts were taken and others refused: sending again would repeat those.
pub(super) const PARTLY: &str = "partly_accepted";

/// The `status` of an item of the SMS API.
const SMS_CODES: &Codes = &[
    (Busy, &["1"]),
    (Retry, &["5", "10"]),
    (Refused(InvalidNumber), &["7"]),
    (Refused(Configuration), &["4", "8", "9", "11", "14", "15", "22", "23", "29", "32", "33", "101"]),
    (Refused(Request), &["2", "3", "6", "12"]),
];

/// The errors of the Messages API. Absent for now (1180) and trouble at the provider (1331) may pass.
const MESSAGES_CODES: &Codes = &[
    (Busy, &["1000"]),
    (Retry, &["1180", "1331"]),
    (Refused(OptedOut), &["1240"]),
    (Refused(InvalidNumber), &["1050", "1170", "1190", "1250", "1260"]),
    (Refused(Configuration), &["1070", "1120"]),
    (Refused(Compliance), &["1210"]),
    (Refused(Request), &["1010", "1020"]),
    (Refused(Other), &["1330"]),
];

pub(super) fn missing(account: &VonageAccount) -> Option<&'static str> {
    match (&account.api_key, &account.api_secret) {
        (None, _) => Some("vonage.api_key"),
        (_, None) => Some("vonage.api_secret"),
        _ => None,
    }
}

pub(super) fn send(account: &VonageAccount, message: &OutboundSms<'_>) -> Outgoing {
    let (Some(key), Some(secret)) = (&account.api_key, &account.api_secret) else {
        return missing_setting(missing(account).unwrap_or("vonage.api_key"));
    };
    let authorization = basic(key, secret);
    let configured = account.base_url.as_deref();
    match message.media_urls {
        [] => {
            let url = format!("{}/sms/json", base(configured, SMS_API));
            post(&url, &authorization, "application/x-www-form-urlencoded", &[], sms_form(message))
        }
        [file] => {
            let url = format!("{}/v1/messages", base(configured, MESSAGES_API));
            let body = mms(message, file).to_string().into_bytes();
            post(&url, &authorization, "application/json", &[], body)
        }
        _ => refuse(Request, "Vonage takes one file a message".to_owned()),
    }
}

/// In characters.
const LONGEST_CALLBACK: usize = 100;

/// Vonage writes international numbers without their `+`.
pub(crate) fn plain(number: &str) -> &str {
    number.strip_prefix('+').unwrap_or(number)
}

fn sms_form(message: &OutboundSms<'_>) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("from", plain(message.from));
    form.append_pair("to", plain(message.to));
    form.append_pair("text", message.body);
    form.append_pair("client-ref", message.job);
    // Without it Vonage makes question marks of what GSM-7 has not.
    if segments(message.body).encoding == Encoding::Ucs2 {
        form.append_pair("type", "unicode");
    }
    // One that is longer is refused; without one the account's own counts.
    if let Some(url) = message.callback_url.filter(|url| url.len() <= LONGEST_CALLBACK) {
        form.append_pair("callback", url);
    }
    form.finish().into_bytes()
}

fn mms(message: &OutboundSms<'_>, file: &str) -> Value {
    let kind = kind_of(file);
    let mut body = json!({
        "channel": "mms", "message_type": kind, kind: { "url": file },
        "from": plain(message.from), "to": plain(message.to), "client_ref": message.job,
    });
    if !message.body.is_empty() {
        body[kind]["caption"] = message.body.into();
    }
    if let Some(url) = message.callback_url {
        body["webhook_url"] = url.into();
    }
    body
}

/// By the end of the URL's path; most are images.
pub(crate) fn kind_of(file: &str) -> &'static str {
    let path = file.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    match path.rsplit_once('.').map_or("", |(_, end)| end) {
        "vcf" | "vcard" => "vcard",
        "mp3" | "m4a" | "aac" | "amr" | "ogg" | "wav" => "audio",
        "mp4" | "3gp" | "mov" | "webm" | "mpeg" => "video",
        "pdf" | "txt" | "csv" | "doc" | "docx" | "ics" | "zip" => "file",
        _ => "image",
    }
}

pub(super) fn read_reply(reply: &CarrierReply<'_>) -> SendOutcome {
    let said = read::read(reply.body).unwrap_or_default();
    let items = said.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if let [first, ..] = items {
        return read_items(reply, first, items);
    }
    if reply.status.is_success() {
        let Some(provider_message_id) = read::text(&said, "/message_uuid") else {
            return reply.foreign(SendsAgain);
        };
        return SendOutcome::Accepted {
            provider_message_id,
            more_ids: Vec::new(),
            // The Messages API says no more than that it took it, as the SMS API does with this.
            provider_status: "0".to_owned(),
            segment_count: None,
        };
    }
    // Proxies, too, answer in this form; what says that it failed must be Vonage itself.
    let kind = read::text(&said, "/type").unwrap_or_default();
    let is_own = ["vonage.com/", "nexmo.com/"].iter().any(|host| kind.contains(host));
    match problem(&said) {
        Some((code, message)) if is_own || !reply.status.is_server_error() => {
            let error = CarrierError { code: Some(code.clone()), message };
            reply.refusal(verdict_of(MESSAGES_CODES, &code), error, SendsAgain)
        }
        _ => reply.foreign(SendsAgain),
    }
}

/// Some part taken: accepted. None: what the first refusal says.
fn read_items(reply: &CarrierReply<'_>, first: &Value, items: &[Value]) -> SendOutcome {
    let status = |item: &Value| read::text(item, "/status");
    let taken: Vec<&Value> = items.iter().filter(|item| status(item).as_deref() == Some("0")).collect();
    if !taken.is_empty() {
        let mut ids = taken.iter().filter_map(|item| read::text(item, "/message-id"));
        let Some(provider_message_id) = ids.next() else {
            return SendOutcome::Unknown { reason: "Vonage took the message without naming it".to_owned() };
        };
        let all = taken.len() == items.len();
        return SendOutcome::Accepted {
            provider_message_id,
            more_ids: ids.collect(),
            provider_status: if all { "0" } else { PARTLY }.to_owned(),
            segment_count: u32::try_from(items.len()).ok(),
        };
    }
    let Some(code) = status(first) else { return reply.foreign(SendsAgain) };
    let message = read::text(first, "/error-text").unwrap_or_default();
    let verdict = verdict_of(SMS_CODES, &code);
    let wait = wait_seconds(&message);
    match reply.refusal(verdict, CarrierError { code: Some(code), message }, SendsAgain) {
        SendOutcome::Retry { after_seconds, busy, error } => {
            SendOutcome::Retry { after_seconds: after_seconds.or(wait), busy, error }
        }
        other => other,
    }
}

/// The milliseconds of `please wait [ 250 ] and retry`, rounded up.
fn wait_seconds(words: &str) -> Option<u64> {
    let (_, rest) = words.split_once('[')?;
    let (milliseconds, _) = rest.split_once(']')?;
    Some(milliseconds.trim().parse::<u64>().ok()?.div_ceil(1000))
}
