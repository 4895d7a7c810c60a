//! What Telnyx's events are read as, odd ones among them.

use serde_json::{Value, json};
use smslite::carriers::telnyx::{Telnyx, TelnyxAccount};
use smslite::carriers::{Carrier, InboundSms, StatusReceipt, WebhookEvent};
use smslite::model::message_log::DeliveryStatus::{self, *};

use super::samples::Sample;

fn telnyx() -> Telnyx {
    Telnyx::new(TelnyxAccount::default())
}

fn parse(body: &Value) -> WebhookEvent {
    telnyx().parse(&Sample::post("application/json", body.to_string().as_bytes()).request())
}

fn event(event_type: &str, payload: &Value) -> Value {
    let mut all = json!({
        "id": "m1", "from": { "phone_number": "+15550000001" },
        "to": [{ "phone_number": "+15550000002", "status": "delivered" }],
    });
    for (name, value) in payload.as_object().unwrap() {
        all[name] = value.clone();
    }
    json!({ "data": { "event_type": event_type, "payload": all } })
}

fn inbound(payload: &Value) -> InboundSms {
    match parse(&event("message.received", payload)) {
        WebhookEvent::Inbound(sms) => sms,
        other => panic!("{payload}: {other:?}"),
    }
}

fn status(payload: &Value) -> StatusReceipt {
    match parse(&event("message.finalized", payload)) {
        WebhookEvent::Status(receipt) => receipt,
        other => panic!("{payload}: {other:?}"),
    }
}

#[test]
fn each_inbound_field_lands_in_its_place() {
    type Change = fn(&mut InboundSms);
    let rows: [(Value, Change); 9] = [
        (json!({}), |_| ()),
        (json!({ "text": " a\nb " }), |sms| sms.body = " a\nb ".into()),
        (json!({ "text": null, "type": "SMS", "parts": 0 }), |_| ()),
        (json!({ "parts": 3 }), |sms| sms.segment_count = 3),
        (json!({ "parts": "many" }), |_| ()),
        (json!({ "autoresponse_type": "stop" }), |sms| sms.opt_out_type = Some("STOP".into())),
        (json!({ "type": "MMS", "media": [{ "url": "u1" }, {}, { "url": "u2", "size": 1 }] }), |sms| {
            sms.media_urls = vec!["u1".into(), "u2".into()];
        }),
        (json!({ "media": "none", "organization_id": "o1" }), |_| ()),
        (json!({ "to": [{ "phone_number": "+3" }] }), |sms| {
            sms.to = "+3".into();
            sms.provider_status = "received".into();
        }),
    ];
    for (payload, change) in rows {
        let mut expected = InboundSms {
            provider_message_id: "m1".into(),
            account_id: None,
            from: "+15550000001".into(),
            to: "+15550000002".into(),
            body: String::new(),
            media_urls: vec![],
            segment_count: 1,
            opt_out_type: None,
            provider_status: "delivered".into(),
            part: None,
        };
        change(&mut expected);
        assert_eq!(inbound(&payload), expected, "{payload}");
    }
}

#[test]
fn a_receipt_has_the_recipients_state_and_the_first_error() {
    let rows: [(Value, Option<DeliveryStatus>, bool, Option<&str>); 6] = [
        (json!({}), Some(Delivered), false, None),
        (
            json!({ "errors": [{ "code": "40300", "title": "Blocked due to STOP message" }] }),
            Some(Delivered),
            true,
            Some("40300"),
        ),
        (
            json!({ "errors": [{ "code": 40300, "title": "Blocked", "detail": "by us" }] }),
            Some(Delivered),
            false,
            Some("40300"),
        ),
        (json!({ "errors": [{ "code": "40008", "title": "STOP" }] }), Some(Delivered), false, Some("40008")),
        (json!({ "errors": [{ "title": "no code" }] }), Some(Delivered), false, None),
        (json!({ "to": [{ "status": "teleported" }] }), None, false, None),
    ];
    for (payload, unified, opted_out, code) in rows {
        let receipt = status(&payload);
        let said = (receipt.status, receipt.opted_out, receipt.error_code.as_deref());
        assert_eq!(said, (unified, opted_out, code), "{payload}");
    }
}

#[test]
fn the_callback_url_names_the_job() {
    let body = event("message.sent", &json!({})).to_string();
    let mut sample = Sample::post("application/json", body.as_bytes());
    sample.url += "?job=j1&x=2";
    let WebhookEvent::Status(receipt) = telnyx().parse(&sample.request()) else { panic!("no receipt") };
    assert_eq!(receipt.job.as_deref(), Some("j1"));
}

#[test]
fn every_state_has_its_unified_one() {
    let rows = [
        (Queued, &["queued"][..]),
        (Sending, &["sending"]),
        (Sent, &["sent", "delivery_unconfirmed"]),
        (Delivered, &["delivered", "read"]),
        (Undelivered, &["delivery_failed"]),
        (Failed, &["sending_failed", "expired"]),
        (Received, &["received", "webhook_delivered"]),
    ];
    for (unified, raws) in rows {
        for raw in raws {
            assert_eq!(telnyx().unified_status(raw), Some(unified), "{raw}");
        }
    }
    assert_eq!(telnyx().unified_status("teleported"), None);
}

#[test]
fn what_is_no_message_says_why() {
    let rows = [
        (json!({}), "the event \"\" tells of no message"),
        (event("message.delivered", &json!({})), "the event \"message.delivered\" tells of no message"),
        (event("call.hangup", &json!({})), "the event \"call.hangup\" tells of no message"),
        (event("message.received", &json!({ "id": "" })), "data/payload/id is missing"),
        (event("message.received", &json!({ "to": "+1" })), "data/payload/to/0/phone_number is missing"),
        (event("message.received", &json!({ "from": null })), "data/payload/from/phone_number is missing"),
        (event("message.sent", &json!({ "to": [] })), "data/payload/to/0/status is missing"),
        (
            event("message.received", &json!({ "type": "WHATSAPP" })),
            "a message of the type \"WHATSAPP\" is none between phone numbers",
        ),
    ];
    for (body, expected) in rows {
        let WebhookEvent::Unusable { reason, .. } = parse(&body) else { panic!("{body}: usable") };
        assert_eq!(reason, expected, "{body}");
    }
}
