//! Whatever bytes come, as a webhook or as an answer: nothing panics, and nothing is believed.

use http::{HeaderMap, StatusCode};
use proptest::prelude::*;
use smslite::carriers::sandbox::Sandbox;
use smslite::carriers::telnyx::{Telnyx, TelnyxAccount};
use smslite::carriers::twilio::{Twilio, TwilioAccount};
use smslite::carriers::vonage::{Vonage, VonageAccount};
use smslite::carriers::{Carrier, CarrierReply, SendOutcome, WebhookEvent};

use super::samples::{Sample, cases};

fn carriers() -> [Box<dyn Carrier>; 4] {
    let secrets = vec!["secret".to_owned()];
    let public_keys = vec!["U7p/8md5zrR+zZlEq+UpJdgOv7IjG8zvWCHDx54LqGU=".to_owned()];
    [
        Box::new(Twilio::new(TwilioAccount { auth_tokens: secrets.clone(), ..TwilioAccount::default() })),
        Box::new(Telnyx::new(TelnyxAccount { public_keys, ..TelnyxAccount::default() })),
        Box::new(Vonage::new(VonageAccount { signature_secrets: secrets, ..VonageAccount::default() })),
        Box::new(Sandbox),
    ]
}

fn swallow(sample: &Sample) {
    for carrier in carriers() {
        assert!(carrier.verify(&sample.request()).is_err(), "{sample:?}");
        carrier.parse(&sample.request());
    }
}

fn answer(status: u16, body: &[u8], headers: &HeaderMap) {
    let status = StatusCode::from_u16(status).unwrap();
    for carrier in carriers() {
        let outcome = carrier.read_reply(&CarrierReply { status, headers, body, now_unix: 0, attempt: 1 });
        assert!(!matches!(outcome, SendOutcome::Accepted { .. }), "{outcome:?}");
    }
}

/// Real bodies, so that damage reaches deep.
fn bodies() -> Vec<Vec<u8>> {
    let copies = [
        include_str!("vectors/telnyx.json"),
        include_str!("vectors/vonage.json"),
        include_str!("vectors/twilio.json"),
    ];
    let all = copies.iter().flat_map(|copy| cases(copy));
    all.map(|case| case["body"].as_str().unwrap().as_bytes().to_vec()).filter(|body| body.len() > 1).collect()
}

const TYPES: [&str; 3] = ["application/json", "application/x-www-form-urlencoded", ""];

proptest! {
    #[test]
    fn any_bytes_are_swallowed(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        query in "[ -~]{0,60}",
        header in "[ -~]{0,60}",
        status in 100u16..600,
    ) {
        for kind in TYPES {
            let mut sample = Sample::post(kind, &body);
            for name in ["authorization", "telnyx-signature-ed25519", "telnyx-timestamp", "x-twilio-signature"] {
                sample = sample.with_header(name, &header);
            }
            swallow(&sample);
        }
        swallow(&Sample::get(&query));
        let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, header.parse().unwrap())]);
        answer(status, &body, &headers);
    }

    #[test]
    fn damaged_bodies_are_swallowed(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        cut in any::<bool>(),
        bytes in proptest::collection::vec(any::<u8>(), 0..4),
    ) {
        let bodies = bodies();
        let mut body = bodies[which.index(bodies.len())].clone();
        let at = at.index(body.len());
        if cut { body.truncate(at) }
        body.splice(at.min(body.len())..at.min(body.len()), bytes);
        for kind in TYPES {
            swallow(&Sample::post(kind, &body));
        }
    }
}

#[test]
fn what_is_built_to_break_parsers_is_swallowed() {
    let deep = [b"[".repeat(100_000), b"{\"a\":".repeat(100_000), b"{\"data\":{\"payload\":[".repeat(1000)];
    let odd: [&[u8]; 7] = [
        br#"{"message_uuid":"\ud800","message_type":"\udfff\ud800","from":"\ud800\ud800"}"#,
        br#"{"data":{"event_type":"message.received"},"data":{"event_type":"message.sent"}}"#,
        b"{\"data\":{\"event_type\":\"message.received\",\"payload\":{\"text\":\"\xff\xfe",
        br#"{"messages":[{"status":0}],"messages":{}}"#,
        br#"{"messageId":1e999,"msisdn":-0,"to":[[[{}]]],"text":{"sig":"x"}}"#,
        b"\xef\xbb\xbf{}",
        b"\0",
    ];
    for body in deep.iter().map(Vec::as_slice).chain(odd) {
        for kind in TYPES {
            swallow(&Sample::post(kind, body));
        }
    }
    let unusable =
        Telnyx::new(TelnyxAccount::default()).parse(&Sample::post("application/json", &deep[0]).request());
    assert!(matches!(unusable, WebhookEvent::Unusable { .. }));
}
