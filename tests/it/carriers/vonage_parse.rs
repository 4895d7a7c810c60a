//! What the webhooks of Vonage's two APIs are read as, odd ones among them.

use serde_json::{Value, json};
use smslite::carriers::vonage::{Vonage, VonageAccount};
use smslite::carriers::{Carrier, InboundSms, MessagePart, WebhookEvent};
use smslite::model::message_log::DeliveryStatus::{self, *};

use super::samples::Sample;

const BASE: &str = "messageId=m1&msisdn=14155550123&to=14155550199";

fn vonage() -> Vonage {
    Vonage::new(VonageAccount::default())
}

fn parse(sample: &Sample) -> WebhookEvent {
    vonage().parse(&sample.request())
}

fn query(more: &str) -> WebhookEvent {
    parse(&Sample::get(&format!("{BASE}{more}")))
}

fn messages(body: &Value) -> WebhookEvent {
    parse(&Sample::post("application/json", body.to_string().as_bytes()))
}

fn sms() -> InboundSms {
    InboundSms {
        provider_message_id: "m1".into(),
        account_id: None,
        from: "+14155550123".into(),
        to: "+14155550199".into(),
        body: "x".into(),
        media_urls: vec![],
        segment_count: 1,
        opt_out_type: None,
        provider_status: "received".into(),
        part: None,
    }
}

#[test]
fn each_inbound_parameter_lands_in_its_field() {
    fn part(number: u32, total: u32) -> Option<MessagePart> {
        Some(MessagePart { reference: "7".into(), number, total })
    }
    type Change = fn(&mut InboundSms);
    let rows: [(&str, Change); 9] = [
        ("&text=x", |_| ()),
        ("&text=&type=text", |sms| sms.body = String::new()),
        ("&text=x&api-key=k1", |sms| sms.account_id = Some("k1".into())),
        ("&text=x&concat=true&concat-ref=7&concat-total=2&concat-part=2", |sms| sms.part = part(2, 2)),
        ("&text=x&concat=true&concat-ref=7&concat-total=255&concat-part=1", |sms| sms.part = part(1, 255)),
        ("&text=x&concat=true&concat-ref=7&concat-total=2&concat-part=3", |_| ()),
        ("&text=x&concat=true&concat-ref=7&concat-total=2&concat-part=0", |_| ()),
        ("&text=x&concat=true&concat-total=2&concat-part=1", |_| ()),
        ("&text=x&concat=false&concat-ref=7&concat-total=2&concat-part=1", |_| ()),
    ];
    for (more, change) in rows {
        let mut expected = sms();
        change(&mut expected);
        assert_eq!(query(more), WebhookEvent::Inbound(expected), "{more}");
    }
}

#[test]
fn half_of_a_surrogate_pair_costs_one_character_and_not_the_message() {
    let body = br#"{"messageId":"m1","msisdn":"14155550123","to":"14155550199","text":"x \ud83d"}"#;
    let expected = InboundSms { body: "x \u{fffd}".into(), ..sms() };
    assert_eq!(parse(&Sample::post("application/json", body)), WebhookEvent::Inbound(expected));
}

#[test]
fn both_versions_of_the_messages_api_say_the_same() {
    let new = |change: Value| {
        let mut body = json!({
            "message_uuid": "m1", "channel": "sms", "message_type": "text", "text": "x",
            "from": "14155550123", "to": "14155550199",
        });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    let old = |content: Value| {
        json!({
            "message_uuid": "m1", "from": { "type": "sms", "number": "14155550123" },
            "to": { "type": "sms", "number": 14155550199_u64 },
            "message": { "content": content, "sms": { "num_messages": "2" } },
        })
    };
    let two = InboundSms { segment_count: 2, ..sms() };
    let media =
        |url: &str, body: &str| InboundSms { media_urls: vec![url.into()], body: body.into(), ..sms() };
    let rows = [
        (new(json!({})), sms()),
        (new(json!({ "sms": { "num_messages": "2" } })), two.clone()),
        (new(json!({ "sms": { "num_messages": 2 } })), two.clone()),
        (new(json!({ "text": null })), InboundSms { body: String::new(), ..sms() }),
        (
            new(json!({ "channel": "mms", "message_type": "vcard", "text": null, "vcard": { "url": "u" } })),
            media("u", ""),
        ),
        (
            new(
                json!({ "channel": "mms", "message_type": "video", "video": { "url": "u", "caption": "c" } }),
            ),
            media("u", "x"),
        ),
        (old(json!({ "type": "text", "text": "x" })), two.clone()),
        (
            old(json!({ "type": "image", "image": { "url": "u", "caption": "c" } })),
            InboundSms { segment_count: 2, ..media("u", "c") },
        ),
    ];
    for (body, expected) in rows {
        assert_eq!(messages(&body), WebhookEvent::Inbound(expected), "{body}");
    }
}

#[test]
fn receipts_name_their_error_our_job_and_an_opt_out() {
    type Said<'a> = (Option<DeliveryStatus>, Option<&'a str>, Option<&'a str>, bool);
    let status = |change: Value| {
        let mut body = json!({ "message_uuid": "m1", "to": "1", "from": "2", "status": "rejected" });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        messages(&body)
    };
    let url = "https://developer.vonage.com/api-errors/messages#1240";
    let old = json!({ "to": { "number": "14155550123" }, "error": { "code": 1330, "reason": "Unknown" } });
    let rows: [(WebhookEvent, Said<'_>); 11] = [
        (query("&status=delivered&err-code=0"), (Some(Delivered), None, None, false)),
        (query("&status=failed&err-code=9&client-ref=j1"), (Some(Failed), Some("9"), Some("j1"), true)),
        (query("&status=rejected&err-code=77&job=j2"), (Some(Undelivered), Some("77"), Some("j2"), false)),
        (query("&status=expired&client-ref=j1&job=j2"), (Some(Undelivered), None, Some("j1"), false)),
        (query("&status=unknown"), (None, None, None, false)),
        (status(json!({})), (Some(Undelivered), None, None, false)),
        (status(json!({ "status": "submitted", "client_ref": "j1" })), (Some(Sent), None, Some("j1"), false)),
        (
            status(json!({ "error": { "type": url, "title": 1240 } })),
            (Some(Undelivered), Some("1240"), None, true),
        ),
        (
            status(json!({ "error": { "title": "1240", "detail": "d" } })),
            (Some(Undelivered), Some("1240"), None, true),
        ),
        (
            status(json!({ "error": { "type": url, "title": "Opted out" } })),
            (Some(Undelivered), Some("1240"), None, true),
        ),
        (status(old), (Some(Undelivered), Some("1330"), None, false)),
    ];
    for (event, expected) in rows {
        let WebhookEvent::Status(receipt) = &event else { panic!("{event:?}") };
        let said = (receipt.status, receipt.error_code.as_deref(), receipt.job.as_deref(), receipt.opted_out);
        assert_eq!(said, expected, "{event:?}");
    }
}

#[test]
fn every_state_of_either_api_has_its_unified_one() {
    let rows = [
        (Queued, &["0", "partly_accepted"][..]),
        (Sending, &["buffered"]),
        (Sent, &["accepted", "submitted"]),
        (Delivered, &["delivered", "read"]),
        (Undelivered, &["expired", "rejected"]),
        (Failed, &["failed", "undeliverable"]),
    ];
    for (unified, raws) in rows {
        for raw in raws {
            assert_eq!(vonage().unified_status(raw), Some(unified), "{raw}");
        }
    }
    assert_eq!(vonage().unified_status("unknown"), None);
}

#[test]
fn what_is_no_message_says_why() {
    let new = |change: Value| {
        let mut body = json!({ "message_uuid": "m1", "channel": "sms", "message_type": "text", "from": "1" });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        messages(&body)
    };
    let rows = [
        (parse(&Sample::get("")), "the parameter messageId is missing"),
        (query(""), "the parameter text is missing"),
        (query("&type=binary&data=01FF&udh=0605"), "a binary message: data \"01FF\", header \"0605\""),
        (parse(&Sample::get("status=delivered")), "the parameter messageId is missing"),
        (parse(&Sample::post("application/json", b"[1]")), "the body is no JSON object"),
        (new(json!({ "channel": "whatsapp" })), "a message over \"whatsapp\" is none between phone numbers"),
        (
            new(json!({ "message_type": "unsupported" })),
            "a message of the type \"unsupported\" has neither text nor a file",
        ),
        (new(json!({})), "to is missing"),
    ];
    for (event, expected) in rows {
        let WebhookEvent::Unusable { reason, .. } = event else { panic!("{expected}: {event:?}") };
        assert_eq!(reason, expected);
    }
}
