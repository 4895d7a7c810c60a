//! Twilio's signatures: requests that its official libraries signed, and changed or hand-made ones beside them.

use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use smslite::carriers::twilio::{Twilio, TwilioAccount, sign};
use smslite::carriers::{Carrier, InboundSms, Refusal, StatusReceipt, WebhookEvent, WebhookRequest};
use smslite::model::message_log::DeliveryStatus;

const OUR_COPY: &str = include_str!("vectors/twilio.json");
const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const TOKEN: &str = "12345abcdef67890fedcba0987654321";
const URL: &str = "https://sms.example.com/webhooks/sms/twilio";
const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";
const SETTINGS: &str = "x-twilio-webhooks-signature-settings";
const SM1: &str = "SM11111111111111111111111111111111";
const SM2: &str = "SM22222222222222222222222222222222";
const MM3: &str = "MM33333333333333333333333333333333";

/// The data of a request, owned, so that a row can change one thing of it.
#[derive(Clone)]
struct Sample {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Sample {
    fn of_vector(case: &Value) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in case["headers"].as_object().expect("headers are an object") {
            let name: HeaderName = name.parse().expect("a header name");
            headers.insert(name, text(value).parse().expect("a header value"));
        }
        Self {
            method: text(&case["method"]).parse().expect("a method"),
            url: text(&case["url"]).to_owned(),
            headers,
            body: text(&case["body"]).as_bytes().to_vec(),
        }
    }

    /// A form as Twilio posts it, signed with `TOKEN`.
    fn form(body: &[u8]) -> Self {
        let sample = Self {
            method: Method::POST,
            url: URL.to_owned(),
            headers: HeaderMap::new(),
            body: body.to_vec(),
        };
        sample.with_header("content-type", FORM).with_header("x-twilio-signature", &sign(TOKEN, URL, body))
    }

    fn with_header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header value");
        self.headers.insert(name, value);
        self
    }

    fn request(&self) -> WebhookRequest<'_> {
        WebhookRequest::new(&self.method, &self.url, &self.headers, &self.body, 0)
    }

    fn verified_with(&self, auth_tokens: &[&str], shared_keys: &[&str]) -> Result<(), Refusal> {
        twilio(auth_tokens, shared_keys).verify(&self.request())
    }

    fn parsed(&self) -> WebhookEvent {
        twilio(&[], &[]).parse(&self.request())
    }
}

fn twilio(auth_tokens: &[&str], shared_keys: &[&str]) -> Twilio {
    let owned = |secrets: &[&str]| secrets.iter().map(|&secret| secret.to_owned()).collect();
    Twilio::new(TwilioAccount {
        auth_tokens: owned(auth_tokens),
        shared_keys: owned(shared_keys),
        ..TwilioAccount::default()
    })
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn vectors() -> Vec<Value> {
    serde_json::from_str(OUR_COPY).expect("our copy of the vectors is JSON")
}

fn vector(name: &str) -> Sample {
    let all = vectors();
    let case = all.iter().find(|case| case["name"] == name);
    Sample::of_vector(case.expect("a vector of that name"))
}

/// What the vectors' inbound messages have in common.
fn hello() -> InboundSms {
    InboundSms {
        provider_message_id: SM1.into(),
        account_id: Some(ACCOUNT.into()),
        from: "+14155550123".into(),
        to: "+14155550199".into(),
        body: "Hello there".into(),
        media_urls: vec![],
        segment_count: 1,
        opt_out_type: None,
        provider_status: "received".into(),
        part: None,
    }
}

fn receipt(unified: DeliveryStatus, error_code: Option<&str>, error_message: Option<&str>) -> WebhookEvent {
    WebhookEvent::Status(StatusReceipt {
        provider_message_id: SM2.into(),
        account_id: Some(ACCOUNT.into()),
        provider_status: format!("{unified:?}").to_lowercase(),
        status: Some(unified),
        job: None,
        opted_out: false,
        error_code: error_code.map(Into::into),
        error_message: error_message.map(Into::into),
        from: Some("+14155550199".into()),
        to: Some("+14155550123".into()),
    })
}

fn no_secret(setting: &'static str) -> Refusal {
    Refusal::NoSecret { setting }
}

/// What each vector with a good signature says.
fn expected_event(name: &str) -> WebhookEvent {
    let mut sms = hello();
    match name {
        "status_sent" => return receipt(DeliveryStatus::Sent, None, None),
        "status_delivered" => return receipt(DeliveryStatus::Delivered, None, None),
        "status_undelivered_30003" => return receipt(DeliveryStatus::Undelivered, Some("30003"), None),
        "status_failed_30007" => {
            return receipt(DeliveryStatus::Failed, Some("30007"), Some("Message filtered"));
        }
        "inbound_sms_nonascii" => sms.body = "Café €5 👍你好".into(),
        "inbound_empty_body" => sms.body = String::new(),
        "get_webhook_params_in_query" => sms.body = "via GET".into(),
        "inbound_stop_advanced_optout" => {
            sms.body = "STOP".into();
            sms.opt_out_type = Some("STOP".into());
        }
        "inbound_mms_two_media" => {
            let message = format!("2010-04-01/Accounts/{ACCOUNT}/Messages/{MM3}");
            let media = |id| format!("https://api.twilio.com/{message}/Media/ME{id}");
            sms.provider_message_id = MM3.into();
            sms.body = "pics".into();
            sms.media_urls = vec![media("4".repeat(32)), media("5".repeat(32))];
        }
        _ => {}
    }
    WebhookEvent::Inbound(sms)
}

#[test]
fn every_vector_gets_its_verdict() {
    for case in vectors() {
        let (name, secret) = (&case["name"], &case["secret"]);
        let shared_keys: Vec<&str> = secret["shared_key"].as_str().into_iter().collect();
        let sample = Sample::of_vector(&case);
        let verdict = sample.verified_with(&[text(&secret["auth_token"])], &shared_keys);
        assert_eq!(case["valid"], verdict.is_ok(), "{name}: {verdict:?}");
    }
}

#[test]
fn every_valid_vector_parses_to_its_fields() {
    let mut all = vectors();
    all.retain(|case| case["valid"] == true);
    assert!(all.len() > 15, "only {} valid vectors", all.len());
    for case in all {
        let name = text(&case["name"]);
        let event = Sample::of_vector(&case).parsed();
        assert_eq!(event, expected_event(name), "{name}");
        assert_eq!(event.account_id(), Some(ACCOUNT), "{name}");
    }
}

#[test]
fn we_sign_odd_forms_as_the_official_python_library_does() {
    // Made with twilio 9.13.0: a value sent twice, padding and blanks, names beyond UTF-16's first plane, separators.
    let rows: [(&[u8], &str); 4] = [
        (b"Tag=b&Tag=a&Tag=b", "a16giBA2CssTMgmF7hy0bvFNpPY="),
        (b"Body=++padded++&Empty=&Blank", "p8iyQ9nVeTYnENeVpRjs3oHl6Ao="),
        (b"%F0%9F%98%80=1&%EF%BD%9E=2&Z=3&a=4", "kLhQyuqovsQGQcpO8bl/9F9sBwk="),
        (b"Body=%26%3D%2B%25%0D%0A", "WiKaM5y1L2POVY8nw9OKLVPvo38="),
    ];
    for (body, expected) in rows {
        let form = String::from_utf8_lossy(body);
        assert_eq!(sign(TOKEN, URL, body), expected, "{form}");
    }
}

#[test]
fn each_refusal_names_its_reason() {
    let mismatch = || Refusal::SignatureMismatch { over: URL.into() };
    let missing = Refusal::MissingHeader("X-Twilio-Signature");
    let unknown = Refusal::UnknownAlgorithm("HMAC_SHA512".into());
    let no_key = no_secret("twilio.shared_keys");
    let rows = [
        ("missing_signature", missing),
        ("empty_signature", mismatch()),
        ("tampered_from", mismatch()),
        ("sharedkey_unknown_algorithm", unknown),
        ("sharedkey_hmac_sha256", no_key),
        ("json_body_missing_hash", Refusal::BodyNotCovered),
        ("json_body_sha256_tampered", Refusal::BodyHashDiffers),
    ];
    for (name, expected) in rows {
        let refusal = vector(name).verified_with(&[TOKEN], &[]);
        assert_eq!(refusal, Err(expected), "{name}");
    }
    let sentence = mismatch().to_string();
    assert!(sentence.contains(URL), "{sentence}");
}

#[test]
fn a_json_body_with_its_promised_hash_is_believed_but_of_no_use() {
    let mut sample = vector("json_body_sha256_tampered");
    sample.body = vector("json_body_missing_hash").body;
    assert_eq!(sample.verified_with(&[TOKEN], &[]), Ok(()));
    let reason = "the body is \"application/json\", not a form".to_owned();
    let account_id = None;
    let expected = WebhookEvent::Unusable { account_id, reason };
    assert_eq!(sample.parsed(), expected);
}

#[test]
fn a_body_that_no_signature_covers_is_refused_whatever_it_calls_itself() {
    let body = b"MessageSid=SM1&From=%2B1&To=%2B2";
    for media_type in ["application/json", "text/plain", "multipart/form-data", ""] {
        let sample = Sample::form(body)
            .with_header("content-type", media_type)
            .with_header("x-twilio-signature", &sign(TOKEN, URL, b""));
        let verdict = sample.verified_with(&[TOKEN], &[]);
        assert_eq!(verdict, Err(Refusal::BodyNotCovered), "{media_type}");
        let event = sample.parsed();
        assert!(matches!(event, WebhookEvent::Unusable { .. }), "{event:?}");
    }
}

#[test]
fn the_body_of_a_get_is_not_signed_and_so_not_read() {
    let mut sample = vector("get_webhook_params_in_query");
    sample.body = b"From=%2B10000000000&Body=forged".to_vec();
    let sample = sample.with_header("content-type", FORM);
    assert_eq!(sample.verified_with(&[TOKEN], &[]), Ok(()));
    let expected = expected_event("get_webhook_params_in_query");
    assert_eq!(sample.parsed(), expected);
}

#[test]
fn any_secret_of_a_rotation_verifies_and_an_empty_one_never_does() {
    let sample = vector("inbound_sms_ascii");
    let refused = Err(no_secret("twilio.auth_token"));
    assert_eq!(sample.verified_with(&["new", TOKEN], &[]), Ok(()));
    assert!(sample.verified_with(&["new", "newer"], &[TOKEN]).is_err());
    assert_eq!(sample.verified_with(&[], &[TOKEN]), refused);
    let forgery = sign("", URL, &sample.body);
    let forged = sample.with_header("x-twilio-signature", &forgery);
    assert_eq!(forged.verified_with(&[""], &[]), refused);
}

#[test]
fn the_settings_header_chooses_the_secret() {
    let key = "whsk_test_4f1c0d9e8b7a6f5e4d3c2b1a09f8e7d6";
    let sha256 = vector("sharedkey_hmac_sha256");
    let body = b"a=1";
    let sha1 = Sample::form(body).with_header("x-twilio-signature", &sign(key, URL, body));
    let rows = [
        (&sha256, "key=k,algorithm=HMAC_SHA256", true),
        (&sha256, "algorithm = hmac_sha256 , key=k", true),
        (&sha256, "key=k,algorithm=HMAC_SHA1", false),
        (&sha256, "key=k", false),
        (&sha1, "key=k,algorithm=HMAC_SHA1", true),
        (&sha1, "key=k,algorithm=HMAC_SHA256", false),
        (&sha1, "key=k,algorithm=none", false),
        (&sha1, "key=k", false),
    ];
    for (sample, settings, valid) in rows {
        let sample = sample.clone().with_header(SETTINGS, settings);
        let verdict = sample.verified_with(&[TOKEN], &[key]);
        assert_eq!(verdict.is_ok(), valid, "{settings}");
    }
    for no_algorithm in ["", "key=k", "key=k,algorithm="] {
        let sample = Sample::form(body).with_header(SETTINGS, no_algorithm);
        assert_eq!(sample.verified_with(&[TOKEN], &[key]), Ok(()));
    }
}

#[test]
fn the_port_and_fragment_of_our_url_may_differ_from_what_was_signed() {
    let rows = [
        ("https://u:p@h/x", "https://u:p@h:443/x", true),
        ("https://u:p@h:8443/x", "https://u:p@h/x", true),
        ("https://[::1]/x", "https://[::1]:443/x", true),
        ("https://[::1]:8443/x", "https://[::1]/x", true),
        ("http://h/x", "http://h:80/x", true),
        ("https://h/x?q#rc=2&rp=5xx", "https://h/x?q", true),
        ("https://u:p@h/x", "https://h/x", false),
        ("https://h/x", "https://h:8443/x", false),
        ("http://h/x", "http://h:443/x", false),
    ];
    for (ours, signed, valid) in rows {
        let signature = sign(TOKEN, signed, b"a=1");
        let mut sample = Sample::form(b"a=1").with_header("x-twilio-signature", &signature);
        sample.url = ours.to_owned();
        let verdict = sample.verified_with(&[TOKEN], &[]);
        assert_eq!(verdict.is_ok(), valid, "{ours} against {signed}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_signed_as_sent_and_read_with_a_mark() {
    let sample = Sample::form(b"MessageSid=SM1&From=%2B1&To=%2B2&Body=caf%E9");
    assert_eq!(sample.verified_with(&[TOKEN], &[]), Ok(()));
    let WebhookEvent::Inbound(sms) = sample.parsed() else { panic!("not inbound") };
    assert_eq!(sms.body, "caf\u{fffd}");

    let replaced = "MessageSid=SM1&From=%2B1&To=%2B2&Body=caf\u{fffd}";
    let replaced = sign(TOKEN, URL, replaced.as_bytes());
    let altered = sample.with_header("x-twilio-signature", &replaced);
    assert!(altered.verified_with(&[TOKEN], &[]).is_err());
}

#[test]
fn our_copy_holds_every_reference_vector_with_the_same_data() {
    #[rustfmt::skip]
    const FIELDS: [&str; 8] = ["kind", "method", "url", "server_sees", "headers", "body", "secret", "valid"];
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = project.join("../shared/reference/carrier-vectors.json");
    if !path.exists() {
        println!("skipped: no reference vectors here to compare our copy with");
        return;
    }
    let reference = std::fs::read(&path).expect("the reference vectors can be read");
    let reference: Value = serde_json::from_slice(&reference).expect("the reference vectors are JSON");
    let ours = vectors();
    let cases = reference["twilio"].as_array().expect("the Twilio vectors are an array");
    assert_eq!(ours.len(), cases.len());
    for case in cases {
        let copy = ours.iter().find(|copy| copy["name"] == case["name"]);
        let copy = copy.unwrap_or_else(|| panic!("{} is not in our copy", case["name"]));
        for field in FIELDS {
            let (ours, theirs) = (copy.get(field), case.get(field));
            assert_eq!(ours, theirs, "{field} of {}", case["name"]);
        }
    }
}
