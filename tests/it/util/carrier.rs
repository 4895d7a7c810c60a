//! The carrier's side: webhook requests, signed as Twilio signs them.

use super::OUR_NUMBER;
use super::client::{Answer, Person};
use smslite::carriers::twilio::sign;

pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
pub const PATH: &str = "/webhooks/sms/twilio";

#[derive(Clone)]
pub struct Carrier {
    who: Person,
    auth_token: String,
}

impl Carrier {
    pub fn new(who: Person, auth_token: &str) -> Carrier {
        Carrier { who, auth_token: auth_token.to_owned() }
    }

    /// A message to `OUR_NUMBER`; must be taken.
    pub async fn delivers(&self, sid: &str, from: &str, body: &str) -> Answer {
        self.posts(&sms(sid, from, OUR_NUMBER, body)).await.expect(200)
    }

    pub async fn posts(&self, params: &[(&str, &str)]) -> Answer {
        self.posts_to(PATH, &form(params)).await
    }

    pub async fn posts_to(&self, path: &str, form: &str) -> Answer {
        let url = format!("http://{}{path}", self.who.address);
        let signature = sign(&self.auth_token, &url, form.as_bytes());
        self.who.ask("POST", path, &[FORM, ("x-twilio-signature", &signature)], form.to_owned()).await
    }
}

pub fn sms<'a>(sid: &'a str, from: &'a str, to: &'a str, body: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("MessageSid", sid),
        ("AccountSid", "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ("From", from),
        ("To", to),
        ("Body", body),
        ("NumMedia", "0"),
        ("NumSegments", "1"),
        ("SmsStatus", "received"),
        ("ApiVersion", "2010-04-01"),
    ]
}

pub fn form(params: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}
