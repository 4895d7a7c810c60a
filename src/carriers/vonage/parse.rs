//! Vonage: what the webhooks of its SMS API and of its Messages API (0.1 and 1) say.
//!
//! Sources: Vonage's OpenAPI documents of both APIs, its guides on inbound SMS and delivery receipts, and its libraries'
//! test data. A binary message is no text, so it makes no message: the audit trail shows its bytes.

use serde::Deserialize;
use serde_json::Value;

use super::verify::bearer;
use super::{Said, unified_status};
use crate::carriers::form::Form;
use crate::carriers::{InboundSms, MessagePart, StatusReceipt, WebhookEvent, WebhookRequest, json};

/// What the SMS API calls a number that the customer opted out of, and what the Messages API calls it.
const OPTED_OUT: [&str; 2] = ["9", "1240"];

pub(super) fn parse(request: &WebhookRequest<'_>) -> WebhookEvent {
    let (account_id, read) = match Said::of(request) {
        Err(reason) => (None, Err(reason)),
        Ok(Said::Sms(form)) => {
            let account_id = form.filled("api-key");
            let read = match form.filled("status") {
                Some(status) => receipt(&form, status, request.job()).map(WebhookEvent::Status),
                None => inbound(&form).map(WebhookEvent::Inbound),
            };
            (account_id, read)
        }
        Ok(Said::Messages(said)) => {
            let read = match json::text(&said, "/status") {
                Some(status) => messages_receipt(&said, status, request.job()).map(WebhookEvent::Status),
                None => messages_inbound(&said).map(WebhookEvent::Inbound),
            };
            (bearer(request).and_then(claimed_account), read)
        }
    };
    match read {
        Ok(WebhookEvent::Inbound(sms)) => WebhookEvent::Inbound(InboundSms { account_id, ..sms }),
        Ok(WebhookEvent::Status(receipt)) => WebhookEvent::Status(StatusReceipt { account_id, ..receipt }),
        Ok(unusable) => unusable,
        Err(reason) => WebhookEvent::Unusable { account_id, reason },
    }
}

/// The account that a token speaks for, before anyone has verified it.
fn claimed_account(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claimed {
        api_key: String,
    }
    let claimed: Claimed = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
    Some(claimed.api_key)
}

/// Vonage leaves out the `+` of international numbers. Up to eight digits are a short code, as everywhere in this
/// program: the few numbers that short reach the same phone without it, since the `+` never goes to Vonage.
pub(crate) fn with_plus(number: String) -> String {
    let international = (9..=15).contains(&number.len())
        && !number.starts_with('0')
        && number.bytes().all(|byte| byte.is_ascii_digit());
    if international { format!("+{number}") } else { number }
}

fn inbound(form: &Form<'_>) -> Result<InboundSms, String> {
    let (id, from, to) = (form.required("messageId")?, form.required("msisdn")?, form.required("to")?);
    let Some(text) = form.text("text") else {
        let hex = |name: &str| form.text(name).unwrap_or_default().chars().take(280).collect::<String>();
        return Err(match form.filled("data") {
            Some(_) => format!("a binary message: data {:?}, header {:?}", hex("data"), hex("udh")),
            None => "the parameter text is missing".to_owned(),
        });
    };
    Ok(InboundSms {
        provider_message_id: id,
        account_id: None,
        from: with_plus(from),
        to: with_plus(to),
        body: text.into_owned(),
        media_urls: Vec::new(),
        segment_count: 1,
        opt_out_type: None,
        provider_status: "received".to_owned(),
        part: part(form),
    })
}

/// Only if it can be put together: the protocol numbers parts from 1 to at most 255.
fn part(form: &Form<'_>) -> Option<MessagePart> {
    let number = |name: &str| form.text(name)?.parse::<u32>().ok();
    let (number, total) = (number("concat-part")?, number("concat-total")?);
    let joinable =
        form.text("concat")? == "true" && (2..=255).contains(&total) && (1..=total).contains(&number);
    joinable.then_some(MessagePart { reference: form.filled("concat-ref")?, number, total })
}

/// Seen from our side: `to` is the sender that we used.
fn receipt(form: &Form<'_>, provider_status: String, job: Option<String>) -> Result<StatusReceipt, String> {
    let error_code = form.filled("err-code").filter(|code| code != "0");
    Ok(StatusReceipt {
        provider_message_id: form.required("messageId")?,
        account_id: None,
        status: unified_status(&provider_status),
        provider_status,
        job: form.filled("client-ref").or(job),
        opted_out: error_code.as_deref() == Some(OPTED_OUT[0]),
        error_message: error_code.as_deref().and_then(error_words).map(str::to_owned),
        error_code,
        from: form.filled("to").map(with_plus),
        to: form.filled("msisdn").map(with_plus),
    })
}

/// A receipt of the SMS API has a number only.
fn error_words(code: &str) -> Option<&'static str> {
    Some(match code {
        "1" => "unknown error",
        "2" => "the customer is absent for now",
        "3" => "the customer is absent for good",
        "4" => "the customer bars such messages",
        "5" => "the number was ported",
        "6" => "rejected as spam",
        "7" => "the handset is busy",
        "8" => "network error",
        "9" => "the customer opted out, or the number is illegal",
        "10" => "the message is illegal",
        "11" => "there is no route",
        "12" => "the destination cannot be reached",
        "13" => "the customer's age forbids it",
        "14" => "blocked by the customer's carrier",
        "15" => "the customer's prepaid account has no funds",
        "39" => "the sender is not allowed",
        "50" | "51" | "52" | "53" | "54" => "filtered: entity, header, content, consent or regulation",
        "99" => "general error",
        _ => return None,
    })
}

/// The text at any of these pointers.
fn any(said: &Value, pointers: &[&str]) -> Option<String> {
    pointers.iter().find_map(|pointer| json::text(said, pointer))
}

fn required(said: &Value, pointers: &[&str]) -> Result<String, String> {
    any(said, pointers).ok_or_else(|| format!("{} is missing", pointers[0].trim_start_matches('/')))
}

/// Version 1 has numbers as texts; 0.1 has `{type, number}`, and what was said below `message/content`.
fn messages_inbound(said: &Value) -> Result<InboundSms, String> {
    let channel = required(said, &["/channel", "/from/type"])?;
    if !["sms", "mms"].contains(&channel.as_str()) {
        let channel: String = channel.chars().take(40).collect();
        return Err(format!("a message over {channel:?} is none between phone numbers"));
    }
    let content = said.pointer("/message/content").unwrap_or(said);
    let kind = required(content, &["/message_type", "/type"])?;
    // Types are plain words, so a pointer made of one leads nowhere else.
    let (url, caption) = (format!("/{kind}/url"), format!("/{kind}/caption"));
    let media_urls: Vec<String> = json::text(content, &url).into_iter().collect();
    if kind != "text" && media_urls.is_empty() {
        let kind: String = kind.chars().take(40).collect();
        return Err(format!("a message of the type {kind:?} has neither text nor a file"));
    }
    Ok(InboundSms {
        provider_message_id: required(said, &["/message_uuid"])?,
        account_id: None,
        from: with_plus(required(said, &["/from", "/from/number"])?),
        to: with_plus(required(said, &["/to", "/to/number"])?),
        body: any(content, &["/text", &caption]).unwrap_or_default(),
        media_urls,
        segment_count: ["/sms/num_messages", "/message/sms/num_messages"]
            .iter()
            .find_map(|pointer| json::number(said, pointer))
            .filter(|count| *count > 0)
            .unwrap_or(1),
        opt_out_type: None,
        provider_status: "received".to_owned(),
        part: None,
    })
}

fn messages_receipt(
    said: &Value,
    provider_status: String,
    job: Option<String>,
) -> Result<StatusReceipt, String> {
    let error = said.get("error").and_then(problem);
    Ok(StatusReceipt {
        provider_message_id: required(said, &["/message_uuid"])?,
        account_id: None,
        status: unified_status(&provider_status),
        provider_status,
        job: json::text(said, "/client_ref").or(job),
        opted_out: error.as_ref().is_some_and(|(code, _)| code == OPTED_OUT[1]),
        error_message: error.as_ref().map(|(_, words)| words.clone()),
        error_code: error.map(|(code, _)| code),
        from: any(said, &["/from", "/from/number"]).map(with_plus),
        to: any(said, &["/to", "/to/number"]).map(with_plus),
    })
}

/// Code and words of an error of the Messages API: 0.1 has `{code, reason}`; 1 has the code at the end of `type`, and
/// often as the `title`, too.
pub(super) fn problem(error: &Value) -> Option<(String, String)> {
    let digits = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit());
    let kind = json::text(error, "/type");
    let fragment = kind.as_deref().and_then(|url| url.rsplit_once('#')).map(|(_, code)| code.to_owned());
    let title = json::text(error, "/title");
    let number =
        [json::text(error, "/code"), fragment.clone(), title.clone()].into_iter().flatten().find(digits);
    let code = number.or(fragment).or_else(|| title.clone())?;
    let words = [title.filter(|title| !digits(title)), any(error, &["/detail", "/reason"])];
    Some((code, words.into_iter().flatten().collect::<Vec<_>>().join(": ")))
}

#[cfg(test)]
mod tests {
    use super::with_plus;

    #[test]
    fn international_numbers_get_their_plus_back_and_nothing_else_does() {
        let rows = [
            ("14155550123", "+14155550123"),
            ("376123456", "+376123456"),
            ("123456789012345", "+123456789012345"),
            ("1234567890123456", "1234567890123456"),
            ("29012345", "29012345"),
            ("72345", "72345"),
            ("02071234567", "02071234567"),
            ("+14155550123", "+14155550123"),
            ("ACME", "ACME"),
            ("ACME123456", "ACME123456"),
            ("٣٣٣٣٣٣٣٣٣", "٣٣٣٣٣٣٣٣٣"),
            ("", ""),
        ];
        for (sent, expected) in rows {
            assert_eq!(with_plus(sent.to_owned()), expected, "{sent}");
        }
    }
}
