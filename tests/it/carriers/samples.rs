//! Requests as data: those of the vectors, and others that differ in one thing.

use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use smslite::carriers::{OutboundSms, WebhookRequest};

/// The data of a request, owned, so that a row can change one thing of it.
#[derive(Clone, Debug)]
pub struct Sample {
    pub method: Method,
    pub url: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub now: i64,
}

impl Sample {
    pub fn of_vector(case: &Value) -> Self {
        let mut sample = Self {
            method: text(&case["method"]).parse().unwrap(),
            url: text(&case["url"]).to_owned(),
            headers: HeaderMap::new(),
            body: text(&case["body"]).as_bytes().to_vec(),
            now: case["now"].as_i64().unwrap(),
        };
        for (name, value) in case["headers"].as_object().unwrap() {
            sample = sample.with_header(name, text(value));
        }
        sample
    }

    pub fn post(content_type: &str, body: &[u8]) -> Self {
        let sample = Self {
            method: Method::POST,
            url: "https://sms.example.com/webhooks/sms/any".to_owned(),
            headers: HeaderMap::new(),
            body: body.to_vec(),
            now: NOW,
        };
        sample.with_header("content-type", content_type)
    }

    pub fn get(query: &str) -> Self {
        let url = format!("https://sms.example.com/webhooks/sms/any?{query}");
        Self { method: Method::GET, url, headers: HeaderMap::new(), body: vec![], now: NOW }
    }

    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    pub fn request(&self) -> WebhookRequest<'_> {
        WebhookRequest::new(&self.method, &self.url, &self.headers, &self.body, self.now)
    }
}

/// The clock of most vectors.
pub const NOW: i64 = 1_795_415_700;

pub const JOB: &str = "2f1c9f3e-0000-4000-8000-000000000001";

/// What the vectors' outbound requests have in common.
pub fn outbound<'a>(body: &'a str, media_urls: &'a [String]) -> OutboundSms<'a> {
    OutboundSms {
        from: "+14155550199",
        to: "+14155550123",
        body,
        media_urls,
        job: JOB,
        attempt: 1,
        messaging_service_sid: None,
        callback_url: None,
        now_unix: NOW,
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}

pub fn owned(secrets: &[&str]) -> Vec<String> {
    secrets.iter().map(|&secret| secret.to_owned()).collect()
}

pub fn cases(copy: &str) -> Vec<Value> {
    serde_json::from_str(copy).unwrap()
}

pub fn named(copy: &str, name: &str) -> Value {
    cases(copy).into_iter().find(|case| case["name"] == name).unwrap_or_else(|| panic!("no vector {name}"))
}

/// Each field that our copy has is the reference's, and each case is there; nothing is compared where there is no
/// reference.
pub fn assert_copied(copy: &str, section: &str) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = project.join("../shared/reference/carrier-vectors.json");
    if !path.exists() {
        println!("skipped: no reference vectors here to compare our copy with");
        return;
    }
    let reference: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let reference = reference.pointer(section).unwrap().as_array().unwrap();
    let ours = cases(copy);
    assert_eq!(ours.len(), reference.len());
    for (ours, theirs) in ours.iter().zip(reference) {
        for (field, value) in ours.as_object().unwrap() {
            assert_eq!(Some(value), theirs.get(field), "{field} of {}", theirs["name"]);
        }
    }
}
