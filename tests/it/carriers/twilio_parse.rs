//! What Twilio's parameters are read as, odd and hostile ones among them.

use http::{HeaderMap, HeaderValue, Method, header::CONTENT_TYPE};
use smslite::carriers::twilio::{Twilio, TwilioAccount};
use smslite::carriers::{Carrier, InboundSms, StatusReceipt, WebhookEvent, WebhookRequest};
use smslite::model::message_log::DeliveryStatus;

const BASE: &str = "MessageSid=SM1&From=%2B1&To=%2B2";

fn parse(form_body: &str) -> WebhookEvent {
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, form)]);
    let url = "https://sms.example.com/webhooks/sms/twilio";
    let request = WebhookRequest::new(&Method::POST, url, &headers, form_body.as_bytes(), 0);
    Twilio::new(TwilioAccount::default()).parse(&request)
}

/// What `BASE` alone says.
fn base_sms() -> InboundSms {
    InboundSms {
        provider_message_id: "SM1".into(),
        account_id: None,
        from: "+1".into(),
        to: "+2".into(),
        body: String::new(),
        media_urls: vec![],
        segment_count: 1,
        opt_out_type: None,
        provider_status: "received".into(),
        part: None,
    }
}

#[test]
fn each_inbound_parameter_lands_in_its_field() {
    type Change = fn(&mut InboundSms);
    let rows: [(&str, Change); 12] = [
        ("", |_| ()),
        ("&Body=+a%0Ab+", |sms| sms.body = " a\nb ".into()),
        ("&Body=one&Body=two", |sms| sms.body = "one".into()),
        ("&AccountSid=AC1", |sms| sms.account_id = Some("AC1".into())),
        ("&NumSegments=3", |sms| sms.segment_count = 3),
        ("&NumSegments=many", |_| ()),
        ("&NumSegments=-1", |_| ()),
        ("&SmsStatus=receiving", |sms| sms.provider_status = "receiving".into()),
        ("&OptOutType=HELP", |sms| sms.opt_out_type = Some("HELP".into())),
        ("&OptOutType=", |_| ()),
        ("&ErrorCode=11200&ErrorUrl=u", |_| ()),
        ("&%%%=&&=&body=x", |_| ()),
    ];
    for (more, change) in rows {
        let mut expected = base_sms();
        change(&mut expected);
        assert_eq!(parse(&format!("{BASE}{more}")), WebhookEvent::Inbound(expected), "{more}");
    }
}

#[test]
fn num_media_only_bounds_the_media_that_are_really_there() {
    let rows: [(&str, &[&str]); 9] = [
        ("MediaUrl0=a", &["a"]),
        ("NumMedia=2&MediaUrl0=a&MediaUrl1=b", &["a", "b"]),
        ("NumMedia=1&MediaUrl0=a&MediaUrl1=b", &["a"]),
        ("NumMedia=0&MediaUrl0=a", &[]),
        ("NumMedia=2", &[]),
        ("NumMedia=4000000000&MediaUrl1=b&MediaUrl0=a", &["a", "b"]),
        ("NumMedia=99999999999999999999999&MediaUrl0=a", &["a"]),
        ("NumMedia=11&MediaUrl10=k&MediaUrl2=c&MediaUrl0=a&MediaUrl0=z&MediaUrl1=", &["a", "c", "k"]),
        ("NumMedia=9&MediaUrl=a&MediaUrlX=b&MediaUrl%FF=c&MediaContentType0=d", &[]),
    ];
    for (media, expected) in rows {
        let WebhookEvent::Inbound(sms) = parse(&format!("{BASE}&{media}")) else {
            panic!("{media}: not inbound")
        };
        assert_eq!(sms.media_urls, expected, "{media}");
    }
}

#[test]
fn what_lacks_a_needed_parameter_is_unusable_and_says_which() {
    let rows = [
        ("From=%2B1&To=%2B2", None, "MessageSid"),
        ("MessageSid=&From=%2B1&To=%2B2", None, "MessageSid"),
        ("MessageSid=SM1&To=%2B2", None, "From"),
        ("MessageSid=SM1&From=%2B1", None, "To"),
        ("MessageStatus=sent", None, "MessageSid"),
        ("MessageSid=SM1&MessageStatus=", None, "MessageStatus"),
        ("AccountSid=AC1&Body=x", Some("AC1"), "MessageSid"),
        ("", None, "MessageSid"),
    ];
    for (body, account_id, name) in rows {
        let event = parse(body);
        assert_eq!(event.account_id(), account_id, "{body}");
        let WebhookEvent::Unusable { reason, .. } = event else { panic!("{body}: usable") };
        assert_eq!(reason, format!("the parameter {name} is missing"), "{body}");
    }
}

#[test]
fn a_receipt_for_a_message_that_never_got_a_sender_still_counts() {
    let expected = StatusReceipt {
        provider_message_id: "SM1".into(),
        account_id: None,
        provider_status: "failed".into(),
        status: Some(DeliveryStatus::Failed),
        job: None,
        opted_out: false,
        error_code: Some("21703".into()),
        error_message: None,
        from: None,
        to: Some("+2".into()),
    };
    let event = parse("MessageSid=SM1&MessageStatus=failed&To=%2B2&From=&ErrorCode=21703");
    assert_eq!(event, WebhookEvent::Status(expected));
}

#[test]
fn a_receipt_names_our_job_and_an_opt_out() {
    let rows = [
        ("", "ErrorCode=30003", None, false),
        ("?job=j1", "ErrorCode=21610", Some("j1"), true),
        ("?x=1&job=", "", None, false),
    ];
    for (query, more, job, opted_out) in rows {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, form)]);
        let url = format!("https://sms.example.com/webhooks/sms/twilio{query}");
        let body = format!("MessageSid=SM1&MessageStatus=failed&{more}");
        let request = WebhookRequest::new(&Method::POST, &url, &headers, body.as_bytes(), 0);
        let event = Twilio::new(TwilioAccount::default()).parse(&request);
        let WebhookEvent::Status(receipt) = event else { panic!("{event:?}") };
        assert_eq!((receipt.job.as_deref(), receipt.opted_out), (job, opted_out), "{query} {more}");
    }
}
