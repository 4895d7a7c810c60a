//! Telnyx's signatures: requests that its official libraries judged, and hand-made ones beside them.

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::{Engine, engine::general_purpose::STANDARD};
use smslite::carriers::telnyx::{Telnyx, TelnyxAccount};
use smslite::carriers::{Carrier, InboundSms, Refusal, StatusReceipt, WebhookEvent};
use smslite::model::message_log::DeliveryStatus;

use super::samples::{NOW, Sample, assert_copied, cases, named, owned, text};

const OUR_COPY: &str = include_str!("vectors/telnyx.json");
const SEED: &str = "21482dbb6009b69daa748fb7f56207377e5f367f6fc57b1056b81c58e58648e8";
const KEY: &str = "U7p/8md5zrR+zZlEq+UpJdgOv7IjG8zvWCHDx54LqGU=";
const OTHER_KEY: &str = "6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=";
const SIGNATURE: &str = "telnyx-signature-ed25519";

fn telnyx(keys: &[&str]) -> Telnyx {
    Telnyx::new(TelnyxAccount { public_keys: owned(keys), ..TelnyxAccount::default() })
}

fn verdict(sample: &Sample, keys: &[&str]) -> Result<(), Refusal> {
    telnyx(keys).verify(&sample.request())
}

fn signature_over(signed: &[u8]) -> Vec<u8> {
    let seed: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&SEED[2 * at..2 * at + 2], 16).unwrap()).collect();
    Ed25519KeyPair::from_seed_unchecked(&seed).unwrap().sign(signed).as_ref().to_vec()
}

/// Signed with the vectors' key.
fn signed(timestamp: &str, body: &[u8]) -> Sample {
    let signature = signature_over(&[timestamp.as_bytes(), b"|", body].concat());
    Sample::post("application/json", body)
        .with_header("telnyx-timestamp", timestamp)
        .with_header(SIGNATURE, &STANDARD.encode(signature))
}

fn sms(body: &str) -> WebhookEvent {
    WebhookEvent::Inbound(InboundSms {
        provider_message_id: "84cca175-9755-4859-b67f-4730d7f58aa3".into(),
        account_id: None,
        from: "+14155550123".into(),
        to: "+14155550199".into(),
        body: body.into(),
        media_urls: vec![],
        segment_count: 1,
        opt_out_type: None,
        provider_status: "webhook_delivered".into(),
        part: None,
    })
}

fn receipt(provider_status: &str, status: DeliveryStatus, error: Option<(&str, &str)>) -> WebhookEvent {
    WebhookEvent::Status(StatusReceipt {
        provider_message_id: "ac012cbf-5e09-46af-a69a-7c0e2d90993c".into(),
        account_id: None,
        provider_status: provider_status.into(),
        status: Some(status),
        job: None,
        opted_out: false,
        error_code: error.map(|(code, _)| code.into()),
        error_message: error.map(|(_, words)| words.into()),
        from: Some("+14155550199".into()),
        to: Some("+14155550123".into()),
    })
}

/// What each vector with a good signature says.
fn expected_event(name: &str) -> WebhookEvent {
    use DeliveryStatus::*;
    let undeliverable = ("40008", "Undeliverable: The recipient carrier did not accept the message.");
    let expired = ("40014", "Message expired in queue: The message expired in the queue.");
    match name {
        "inbound_sms_utf8_raw" => sms("Café € 👍"),
        "inbound_sms_utf8_escaped" => sms("Café 👍"),
        "status_message_sent" => receipt("sent", Sent, None),
        "status_finalized_delivered" => receipt("delivered", Delivered, None),
        "status_finalized_delivery_failed_40008" => {
            receipt("delivery_failed", Undelivered, Some(undeliverable))
        }
        "status_finalized_sending_failed_40014" => receipt("sending_failed", Failed, Some(expired)),
        _ => sms("Hello there"),
    }
}

#[test]
fn every_vector_gets_its_verdict_and_the_valid_ones_their_fields() {
    let mut valid = 0;
    for case in cases(OUR_COPY) {
        let name = text(&case["name"]);
        let sample = Sample::of_vector(&case);
        let verdict = verdict(&sample, &[text(&case["public_key"])]);
        assert_eq!(case["valid"], verdict.is_ok(), "{name}: {verdict:?}");
        if verdict.is_ok() {
            valid += 1;
            assert_eq!(telnyx(&[]).parse(&sample.request()), expected_event(name), "{name}");
        }
    }
    assert!(valid > 8, "only {valid} valid vectors");
}

#[test]
fn our_copy_is_the_reference() {
    assert_copied(OUR_COPY, "/telnyx");
}

#[test]
fn each_refusal_names_its_reason() {
    let over = "telnyx-timestamp and the body".to_owned();
    let rows = [
        ("missing_signature_header", Refusal::MissingHeader(SIGNATURE)),
        ("timestamp_not_a_number", Refusal::NotNow("yesterday".into())),
        ("timestamp_milliseconds", Refusal::NotNow("1795415698000".into())),
        ("replay_after_window", Refusal::NotNow("1795415698".into())),
        ("tampered_reserialised", Refusal::SignatureMismatch { over: over.clone() }),
        ("signature_not_base64", Refusal::SignatureMismatch { over: over.clone() }),
        ("empty_body_signed", Refusal::EmptyBody),
    ];
    for (name, expected) in rows {
        let sample = Sample::of_vector(&named(OUR_COPY, name));
        assert_eq!(verdict(&sample, &[KEY]), Err(expected), "{name}");
    }
    let no_key = Refusal::NoSecret { setting: "telnyx.public_key" };
    let sample = Sample::of_vector(&named(OUR_COPY, "inbound_sms_utf8_raw"));
    for empty in [&[][..], &["", " "]] {
        assert_eq!(verdict(&sample, empty), Err(no_key.clone()));
    }
    assert_eq!(verdict(&sample, &["not base64"]), Err(Refusal::SignatureMismatch { over }));
}

#[test]
fn any_key_of_a_rotation_verifies() {
    let sample = Sample::of_vector(&named(OUR_COPY, "inbound_sms_utf8_raw"));
    for (keys, good) in [
        (&[OTHER_KEY, KEY][..], true),
        (&[KEY, OTHER_KEY], true),
        (&[" U7p/8md5zrR+zZlEq+UpJdgOv7IjG8zvWCHDx54LqGU=\n"], true),
        (&[OTHER_KEY], false),
        (&["", KEY], true),
        (&["AAAA", KEY], true),
    ] {
        assert_eq!(verdict(&sample, keys).is_ok(), good, "{keys:?}");
    }
}

#[test]
fn only_digits_are_a_time_even_if_they_are_signed() {
    for (timestamp, good) in [
        ("1795415700", true),
        ("1795416000", true),
        ("1795416001", false),
        ("1795415400", true),
        ("1795415399", false),
        ("+1795415700", false),
        (" 1795415700", false),
        ("1795415700.0", false),
    ] {
        // A space in front would be trimmed on the wire, not in this map.
        assert_eq!(verdict(&signed(timestamp, b"{}"), &[KEY]).is_ok(), good, "{timestamp:?}");
    }
}

#[test]
fn a_signature_in_another_form_of_the_same_number_is_refused() {
    let timestamp = NOW.to_string();
    let mut signature = signature_over(&[timestamp.as_bytes(), b"|{}"].concat());
    let with = |signature: &[u8]| {
        let sample = signed(&timestamp, b"{}").with_header(SIGNATURE, &STANDARD.encode(signature));
        verdict(&sample, &[KEY]).is_ok()
    };
    assert!(with(&signature));
    assert!(!with(&signature[..63]));
    // The order of the group, added to the second half: the same number, written otherwise.
    let order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let mut carry = 0;
    for at in 0..32 {
        let sum = u16::from(signature[32 + at])
            + u16::from_str_radix(&order[2 * at..2 * at + 2], 16).unwrap()
            + carry;
        signature[32 + at] = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert!(!with(&signature));
}
