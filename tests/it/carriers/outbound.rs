//! What is asked of the carriers, compared with what their official libraries ask.

use http::Request;
use serde_json::{Value, json};
use smslite::carriers::telnyx::{Telnyx, TelnyxAccount};
use smslite::carriers::twilio::{Twilio, TwilioAccount};
use smslite::carriers::vonage::{Vonage, VonageAccount};
use smslite::carriers::{Carrier, OutboundSms, Outgoing, RefusedWhy, SendOutcome};

use super::samples::{JOB, outbound, owned, text};

const OUR_COPY: &str = include_str!("vectors/outbound.json");
const JPG: &str = "https://example.com/a.jpg";

fn twilio(base_url: Option<&str>) -> Twilio {
    Twilio::new(TwilioAccount {
        account_sid: Some("ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".into()),
        auth_tokens: owned(&["12345abcdef67890fedcba0987654321", "the next one"]),
        base_url: base_url.map(Into::into),
        ..TwilioAccount::default()
    })
}

fn telnyx(base_url: Option<&str>) -> Telnyx {
    let base_url = base_url.map(Into::into);
    Telnyx::new(TelnyxAccount { api_key: Some("KEY0123_test".into()), base_url, ..TelnyxAccount::default() })
}

fn vonage(base_url: Option<&str>) -> Vonage {
    Vonage::new(VonageAccount {
        api_key: Some("abcd1234".into()),
        api_secret: Some("s3cr3t".into()),
        base_url: base_url.map(Into::into),
        ..VonageAccount::default()
    })
}

fn asked(carrier: &dyn Carrier, message: &OutboundSms<'_>) -> Request<Vec<u8>> {
    match carrier.send(message) {
        Outgoing::Request(request) => request,
        Outgoing::Done(outcome) => panic!("nothing was asked: {outcome:?}"),
    }
}

fn refused(carrier: &dyn Carrier, message: &OutboundSms<'_>) -> (RefusedWhy, String) {
    match carrier.send(message) {
        Outgoing::Done(SendOutcome::Refused { why, error }) => (why, error.message),
        other => panic!("not refused: {other:?}"),
    }
}

fn form(body: &[u8]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = form_urlencoded::parse(body).into_owned().collect();
    pairs.sort();
    pairs
}

/// Method, URL and headers are the captured request's; headers that the capture has not are left out.
fn assert_asks_the_same(name: &str, request: &Request<Vec<u8>>, without: &[&str]) -> Value {
    let all: Value = serde_json::from_str(OUR_COPY).unwrap();
    let captured = &all[name];
    assert_eq!(request.method().as_str(), text(&captured["method"]), "{name}");
    assert_eq!(request.uri().to_string(), text(&captured["url"]), "{name}");
    for (header, value) in captured["headers"].as_object().unwrap() {
        if without.contains(&header.to_lowercase().as_str()) {
            continue;
        }
        let ours = request.headers().get(header.as_str()).unwrap_or_else(|| panic!("{name}: no {header}"));
        assert_eq!(ours.to_str().unwrap(), text(value), "{name}: {header}");
    }
    captured.clone()
}

#[test]
fn twilio_is_asked_as_its_library_asks() {
    let media = owned(&[JPG, "https://example.com/b.png"]);
    let callback_url = Some("https://sms.example.com/webhooks/sms/twilio");
    let message = OutboundSms { callback_url, ..outbound("Café & tea 👍", &media) };
    let request = asked(&twilio(None), &message);
    let captured = assert_asks_the_same("twilio_send_mms", &request, &["accept-charset"]);
    let mut expected = form(text(&captured["body"]).as_bytes());
    // A choice of the one who captured it.
    expected.retain(|(name, _)| name != "ValidityPeriod");
    assert_eq!(form(request.body()), expected);

    let pooled = OutboundSms { messaging_service_sid: Some("MG1"), ..outbound("x", &[]) };
    let expected = form(b"To=%2B14155550123&MessagingServiceSid=MG1&Body=x");
    assert_eq!(form(asked(&twilio(None), &pooled).body()), expected);
    let wordless = OutboundSms { body: "", ..message };
    assert!(form(asked(&twilio(None), &wordless).body()).iter().all(|(name, _)| name != "Body"));
}

#[test]
fn telnyx_is_asked_as_its_library_asks() {
    let media = owned(&[JPG]);
    let callback_url = Some("https://sms.example.com/webhooks/sms/telnyx");
    let message = OutboundSms { callback_url, ..outbound("Café 👍", &media) };
    let request = asked(&telnyx(None), &message);
    let captured = assert_asks_the_same("telnyx_send_mms", &request, &[]);
    let said: Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(said, serde_json::from_str::<Value>(text(&captured["body"])).unwrap());
    let plain: Value = serde_json::from_slice(asked(&telnyx(None), &outbound("x", &[])).body()).unwrap();
    assert_eq!(plain, json!({ "from": "+14155550199", "to": "+14155550123", "text": "x" }));
}

#[test]
fn vonages_sms_api_is_asked_as_its_library_asks() {
    let callback_url = Some("https://sms.example.com/webhooks/sms/vonage");
    let unicode = OutboundSms { callback_url, job: "msg_01", ..outbound("Café 👍", &[]) };
    let request = asked(&vonage(None), &unicode);
    let captured = assert_asks_the_same("vonage_sms_api_basic", &request, &[]);
    assert_eq!(form(request.body()), form(text(&captured["body"]).as_bytes()));

    let request = asked(&vonage(None), &outbound("a&b=c", &[]));
    let captured = assert_asks_the_same("vonage_sms_api_signed_sha256", &request, &[]);
    let mut expected = form(text(&captured["body"]).as_bytes());
    // Its credentials; ours are in a header. The capture has no reference of its own.
    expected.retain(|(name, _)| !["sig", "api_key", "timestamp"].contains(&name.as_str()));
    let mut ours = form(request.body());
    ours.retain(|pair| *pair != ("client-ref".to_owned(), JOB.to_owned()));
    assert_eq!(ours, expected);
}

#[test]
fn vonages_messages_api_is_asked_for_files_as_its_library_asks_for_texts() {
    let media = owned(&[JPG]);
    let callback_url = Some("https://sms.example.com/webhooks/sms/vonage");
    let message = OutboundSms { callback_url, job: "msg_01", ..outbound("Café", &media) };
    let request = asked(&vonage(None), &message);
    assert_asks_the_same("vonage_messages_api_basic", &request, &[]);
    let captured = assert_asks_the_same("vonage_messages_api_jwt", &request, &["authorization"]);
    let mut expected: Value = serde_json::from_str(text(&captured["body"])).unwrap();
    expected.as_object_mut().unwrap().remove("text");
    expected["channel"] = "mms".into();
    expected["message_type"] = "image".into();
    expected["image"] = json!({ "url": JPG, "caption": "Café" });
    assert_eq!(serde_json::from_slice::<Value>(request.body()).unwrap(), expected);
    for (url, kind) in [
        ("https://a.example/card.vcf?x=1.jpg", "vcard"),
        ("https://a.example/SONG.MP3", "audio"),
        ("https://a.example/film.mp4#t=1", "video"),
        ("https://a.example/no-ending", "image"),
    ] {
        let media = owned(&[url]);
        let said: Value = serde_json::from_slice(asked(&vonage(None), &outbound("", &media)).body()).unwrap();
        assert_eq!(said["message_type"], kind, "{url}");
        assert_eq!(said[kind], json!({ "url": url }));
    }
    let two = owned(&[JPG, JPG]);
    assert_eq!(refused(&vonage(None), &outbound("x", &two)).0, RefusedWhy::Request);
}

#[test]
fn another_place_replaces_scheme_and_host() {
    let media = owned(&[JPG]);
    let (text, file) = (outbound("x", &[]), outbound("x", &media));
    for base in ["http://127.0.0.1:9/fake", "http://127.0.0.1:9/fake/"] {
        let (twilio, telnyx, vonage) = (twilio(Some(base)), telnyx(Some(base)), vonage(Some(base)));
        let rows: [(&dyn Carrier, _, &str); 4] = [
            (&twilio, &text, "/2010-04-01/Accounts/ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/Messages.json"),
            (&telnyx, &text, "/v2/messages"),
            (&vonage, &text, "/sms/json"),
            (&vonage, &file, "/v1/messages"),
        ];
        for (carrier, message, path) in rows {
            let uri = asked(carrier, message).uri().to_string();
            assert_eq!(uri, format!("http://127.0.0.1:9/fake{path}"));
        }
    }
}

#[test]
fn nothing_is_asked_before_the_settings_are_there() {
    let sid = Some("AC1".to_owned());
    let key = Some("k".to_owned());
    let no_token = TwilioAccount { account_sid: sid, auth_tokens: owned(&[""]), ..TwilioAccount::default() };
    let no_secret = VonageAccount { api_key: key, ..VonageAccount::default() };
    let empty = TelnyxAccount { api_key: Some(String::new()), ..TelnyxAccount::default() };
    let rows: [(Box<dyn Carrier>, Option<&str>); 8] = [
        (Box::new(Twilio::new(TwilioAccount::default())), Some("twilio.account_sid")),
        (Box::new(Twilio::new(no_token)), Some("twilio.auth_token")),
        (Box::new(Telnyx::new(empty)), Some("telnyx.api_key")),
        (Box::new(Vonage::new(VonageAccount::default())), Some("vonage.api_key")),
        (Box::new(Vonage::new(no_secret)), Some("vonage.api_secret")),
        (Box::new(twilio(None)), None),
        (Box::new(telnyx(None)), None),
        (Box::new(vonage(None)), None),
    ];
    for (carrier, setting) in rows {
        assert_eq!(carrier.missing_to_send(), setting);
        if let Some(setting) = setting {
            let (why, words) = refused(&*carrier, &outbound("x", &[]));
            assert_eq!(why, RefusedWhy::Configuration);
            assert!(words.contains(setting), "{words}");
        }
    }
}

#[test]
fn settings_that_make_no_request_are_refused_and_secrets_stay_out_of_logs() {
    let broken = Telnyx::new(TelnyxAccount { api_key: Some("a\nb".into()), ..TelnyxAccount::default() });
    assert_eq!(refused(&broken, &outbound("x", &[])).0, RefusedWhy::Configuration);
    assert_eq!(refused(&telnyx(Some("no place")), &outbound("x", &[])).0, RefusedWhy::Configuration);
    let carriers: [Box<dyn Carrier>; 3] =
        [Box::new(twilio(None)), Box::new(telnyx(None)), Box::new(vonage(None))];
    for carrier in carriers {
        let request = asked(&*carrier, &outbound("x", &[]));
        assert!(request.headers()["authorization"].is_sensitive());
    }
}
