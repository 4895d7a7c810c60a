//! Vonage's signatures of both kinds: requests that its official libraries signed, and hand-made ones beside them.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use smslite::carriers::vonage::{SignatureMethod, Vonage, VonageAccount, sign};
use smslite::carriers::{Carrier, InboundSms, MessagePart, Refusal, StatusReceipt, WebhookEvent};
use smslite::model::message_log::DeliveryStatus;

use super::samples::{NOW, Sample, assert_copied, cases, named, owned, text};

const OUR_COPY: &str = include_str!("vectors/vonage.json");
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const SMS_SECRET: &str = "N7sGk2QxT9vZpLr4";
const METHODS: [(&str, SignatureMethod); 4] = [
    ("md5", SignatureMethod::Md5),
    ("sha1", SignatureMethod::Sha1),
    ("sha256", SignatureMethod::Sha256),
    ("sha512", SignatureMethod::Sha512),
];

fn account(secrets: &[&str], signature_method: SignatureMethod, api_key: Option<&str>) -> Vonage {
    Vonage::new(VonageAccount {
        signature_secrets: owned(secrets),
        signature_method,
        api_key: api_key.map(Into::into),
        ..VonageAccount::default()
    })
}

fn of_vector(case: &Value) -> Vonage {
    let method = METHODS.iter().find(|(name, _)| case["signature_algorithm"] == *name);
    let method = method.map(|(_, method)| *method).unwrap_or_default();
    let secret = &case["secret"];
    account(&[text(&secret["signature_secret"])], method, secret["api_key"].as_str())
}

fn sms(id: &str, body: &str) -> InboundSms {
    InboundSms {
        provider_message_id: id.into(),
        account_id: Some("abcd1234".into()),
        from: "+14155550123".into(),
        to: "+14155550199".into(),
        body: body.into(),
        media_urls: vec![],
        segment_count: 1,
        opt_out_type: None,
        provider_status: "received".into(),
        part: None,
    }
}

fn receipt(provider_status: &str, status: DeliveryStatus) -> WebhookEvent {
    WebhookEvent::Status(StatusReceipt {
        provider_message_id: "0A0000001234567B".into(),
        account_id: Some("abcd1234".into()),
        provider_status: provider_status.into(),
        status: Some(status),
        job: Some("msg_01".into()),
        opted_out: false,
        error_code: None,
        error_message: None,
        from: Some("+14155550199".into()),
        to: Some("+14155550123".into()),
    })
}

/// What each vector with a good signature says.
fn expected_event(name: &str) -> WebhookEvent {
    let uuid = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab";
    let of_sms_api = |body| sms("0A0000000123ABCD1", body);
    WebhookEvent::Inbound(match name {
        "sms_dlr_delivered_get" => return receipt("delivered", DeliveryStatus::Delivered),
        "sms_dlr_buffered" => return receipt("buffered", DeliveryStatus::Sending),
        "sms_inbound_post_form_sha512" => of_sms_api("50% off a+b"),
        "sms_inbound_amp_and_eq" => of_sms_api("a&b=c & d==e"),
        "sms_collision_amp_vs_underscore" => of_sms_api("a_b"),
        "sms_inbound_concat_part2" => {
            let part = Some(MessagePart { reference: "108".into(), number: 2, total: 3 });
            InboundSms { part, ..of_sms_api("second part") }
        }
        "jwt_inbound_mms_image" => {
            let media_urls = vec!["https://api.vonage.example/v3/media/abc.jpg".into()];
            InboundSms { media_urls, ..sms(uuid, "look") }
        }
        jwt if jwt.starts_with("jwt") => sms(uuid, "Hello From Vonage! 👍"),
        _ => of_sms_api("Hello world"),
    })
}

#[test]
fn every_vector_gets_its_verdict_and_the_valid_ones_their_fields() {
    let mut valid = 0;
    for case in cases(OUR_COPY) {
        let name = text(&case["name"]);
        let (vonage, sample) = (of_vector(&case), Sample::of_vector(&case));
        let verdict = vonage.verify(&sample.request());
        assert_eq!(case["valid"], verdict.is_ok(), "{name}: {verdict:?}");
        if verdict.is_ok() {
            valid += 1;
            assert_eq!(vonage.parse(&sample.request()), expected_event(name), "{name}");
        }
    }
    assert!(valid > 12, "only {valid} valid vectors");
}

#[test]
fn our_copy_is_the_reference() {
    assert_copied(OUR_COPY, "/vonage");
}

#[test]
fn each_refusal_names_its_reason() {
    let mismatch = Refusal::SignatureMismatch { over: "the parameters with Sha256".into() };
    let rows = [
        ("sms_inbound_unsigned_account", Refusal::MissingParameter("sig")),
        ("sms_inbound_no_timestamp", Refusal::MissingParameter("timestamp")),
        ("sms_inbound_stale_timestamp", Refusal::NotNow("1795415399".into())),
        ("sms_inbound_tampered_text", mismatch),
        ("jwt_missing_header", Refusal::MissingHeader("Authorization")),
        ("jwt_alg_hs512", Refusal::BadToken("InvalidAlgorithm".into())),
        ("jwt_tampered_claims", Refusal::BadToken("InvalidSignature".into())),
        ("jwt_wrong_issuer", Refusal::BadToken("InvalidIssuer".into())),
        ("jwt_wrong_api_key_claim", Refusal::OtherAccount),
        ("jwt_iat_301s_old", Refusal::NotNow("1795415399".into())),
        ("jwt_exp_past", Refusal::BadToken("it has expired".into())),
    ];
    for (name, expected) in rows {
        let case = named(OUR_COPY, name);
        let verdict = of_vector(&case).verify(&Sample::of_vector(&case).request());
        assert_eq!(verdict, Err(expected), "{name}");
    }
    let body_of = named(OUR_COPY, "jwt_inbound_mms_image");
    let mut swapped = Sample::of_vector(&named(OUR_COPY, "jwt_bearer_lower_case"));
    swapped.body = text(&body_of["body"]).as_bytes().to_vec();
    assert_eq!(of_vector(&body_of).verify(&swapped.request()), Err(Refusal::BodyHashDiffers));
}

#[test]
fn the_plain_hash_is_a_method_of_its_own() {
    // Signed with it, sent to an account that is set to another: what the vector refuses.
    let sample = Sample::of_vector(&named(OUR_COPY, "sms_inbound_wrong_algorithm"));
    let hash = account(&[SMS_SECRET], SignatureMethod::Md5Hash, None);
    assert_eq!(hash.verify(&sample.request()), Ok(()));
    for (name, method) in METHODS {
        assert!(account(&[SMS_SECRET], method, None).verify(&sample.request()).is_err(), "{name}");
    }
}

#[test]
fn any_secret_of_a_rotation_verifies_and_an_empty_one_never_does() {
    let no_secret = Err(Refusal::NoSecret { setting: "vonage.signature_secret" });
    for name in ["sms_inbound_amp_and_eq", "jwt_bearer_lower_case"] {
        let case = named(OUR_COPY, name);
        let secret = text(&case["secret"]["signature_secret"]);
        let sample = Sample::of_vector(&case);
        let verdict =
            |secrets: &[&str]| account(secrets, SignatureMethod::Sha256, None).verify(&sample.request());
        assert_eq!(verdict(&["new", secret]), Ok(()), "{name}");
        assert_eq!(verdict(&[secret, "old"]), Ok(()), "{name}");
        assert!(verdict(&["new", "newer"]).is_err(), "{name}");
        assert_eq!(verdict(&[]), no_secret, "{name}");
        assert_eq!(verdict(&[""]), no_secret, "{name}");
    }
}

/// The verdict on parameters that carry this signature over others.
fn params(content_type: &str, body: &str, signed: &str) -> Result<(), Refusal> {
    let sig = sign(SignatureMethod::Sha256, SMS_SECRET, signed.as_bytes());
    let body = body.replace("SIG", &sig);
    let sample = if content_type.is_empty() {
        Sample::get(&body)
    } else {
        Sample::post(content_type, body.as_bytes())
    };
    account(&[SMS_SECRET], SignatureMethod::Sha256, None).verify(&sample.request())
}

#[test]
fn the_parameters_that_are_signed_are_those_that_are_read() {
    let rows = [
        (FORM, "a=&timestamp=1795415700&text=x&sig=SIG", "timestamp=1795415700&text=x", true),
        (FORM, "a=&timestamp=1795415700&text=x&sig=SIG", "a=&timestamp=1795415700&text=x", true),
        (FORM, "a=1&timestamp=1795415700&text=x&sig=SIG", "timestamp=1795415700&text=x", false),
        // A name that holds what would be two parameters.
        (FORM, "a%3d1%26text=x&timestamp=1795415700&sig=SIG", "a=1&text=x&timestamp=1795415700", false),
        (FORM, "text=y&text=x&timestamp=1795415700&sig=SIG", "text=x&timestamp=1795415700", false),
        (JSON, r#"{"timestamp":1795415700,"text":"x","sig":"SIG"}"#, "timestamp=1795415700&text=x", true),
        (JSON, r#"{"timestamp":"1795415700","n":0.50,"sig":"SIG"}"#, "timestamp=1795415700&n=0.50", true),
        (JSON, r#"{"timestamp":"1795415700","n":null,"sig":"SIG"}"#, "timestamp=1795415700&n=", true),
        (JSON, r#"{"timestamp":"1795415700","n":true,"sig":"SIG"}"#, "timestamp=1795415700&n=true", true),
        (
            JSON,
            r#"{"timestamp":"1795415700","text":"x","text":"y","sig":"SIG"}"#,
            "timestamp=1795415700&text=x",
            false,
        ),
        ("", "job=j1&timestamp=1795415700&text=x&sig=SIG", "timestamp=1795415700&text=x", true),
        ("", "job=j1&timestamp=1795415700&text=x&sig=SIG", "job=j1&timestamp=1795415700&text=x", true),
        (FORM, "job=j1&timestamp=1795415700&text=x&sig=SIG", "timestamp=1795415700&text=x", false),
    ];
    for (content_type, body, signed, good) in rows {
        let verdict = params(content_type, body, signed);
        assert_eq!(verdict.is_ok(), good, "{content_type} {body} over {signed}: {verdict:?}");
    }
}

#[test]
fn a_token_does_not_vouch_for_a_query() {
    let case = named(OUR_COPY, "jwt_bearer_lower_case");
    let mut forged = Sample::of_vector(&case);
    forged.method = http::Method::GET;
    forged.url += "?messageId=m1&msisdn=14155550123&to=14155550199&text=forged";
    let verdict = of_vector(&case).verify(&forged.request());
    assert_eq!(verdict, Err(Refusal::MissingParameter("sig")));
}

fn token(change: &Value, algorithm: Algorithm) -> String {
    let body: String = Sha256::digest(b"{}").iter().map(|byte| format!("{byte:02x}")).collect();
    let mut claims = json!({ "iat": NOW, "iss": "Vonage", "payload_hash": body, "api_key": "abcd1234" });
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let key = EncodingKey::from_secret(SMS_SECRET.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), &claims, &key).unwrap()
}

#[test]
fn a_token_must_say_everything_that_is_asked_of_it() {
    let upper: String = Sha256::digest(b"{}").iter().map(|byte| format!("{byte:02X}")).collect();
    let rows = [
        (json!({}), true),
        (json!({ "aud": "somebody" }), true),
        (json!({ "payload_hash": upper }), true),
        (json!({ "payload_hash": null }), false),
        (json!({ "payload_hash": "" }), false),
        (json!({ "iat": null }), false),
        (json!({ "iat": "1795415700" }), false),
        (json!({ "iat": NOW - 300 }), true),
        (json!({ "iat": NOW + 300 }), true),
        (json!({ "iat": NOW + 301 }), false),
        (json!({ "iat": 1e300 }), false),
        (json!({ "exp": NOW + 1 }), true),
        (json!({ "exp": NOW }), false),
        (json!({ "exp": "never" }), false),
        (json!({ "iss": null }), false),
        (json!({ "api_key": null }), false),
        (json!({ "api_key": "other" }), false),
    ];
    let vonage = account(&[SMS_SECRET], SignatureMethod::Md5Hash, Some("abcd1234"));
    for (change, good) in rows {
        let bearer = format!("Bearer {}", token(&change, Algorithm::HS256));
        let verdict =
            vonage.verify(&Sample::post(JSON, b"{}").with_header("authorization", &bearer).request());
        assert_eq!(verdict.is_ok(), good, "{change}: {verdict:?}");
    }
    let bearer = format!("Bearer {}", token(&json!({ "api_key": "any" }), Algorithm::HS256));
    let anyones = account(&[SMS_SECRET], SignatureMethod::Md5Hash, None);
    assert_eq!(
        anyones.verify(&Sample::post(JSON, b"{}").with_header("authorization", &bearer).request()),
        Ok(())
    );
    let other = format!("Bearer {}", token(&json!({}), Algorithm::HS384));
    assert!(
        vonage.verify(&Sample::post(JSON, b"{}").with_header("authorization", &other).request()).is_err()
    );
}
