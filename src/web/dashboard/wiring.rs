//! How carriers are told of us: what to paste at each, whether it can be reached, and a light for each number that
//! turns green once its carrier was heard.

use super::page::Shell;
use super::when::When;
use crate::app::arrivals::{Heard, last_heard};
use crate::app::{App, carriers, reach};
use crate::config::SignatureMode;
use crate::model::account::Actor;
use crate::model::address::Address;
use crate::model::message_log::Provider;
use crate::web::forwarded::called_url;
use crate::web::worlds::{Here, called_uri};
use crate::web::{AppState, Peer};
use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use std::convert::Infallible;
use std::net::IpAddr;

/// A carrier as who wires it up needs it.
pub struct Wire {
    pub name: &'static str,
    pub url: String,
    /// Where the URL goes at the carrier.
    pub place: &'static str,
    pub light: Light,
    pub numbers: Vec<Wired>,
    /// What it has and lacks to send and to verify; for admins.
    pub secrets: Vec<Secrets>,
}

/// A number with the assistant that has it.
pub struct Wired {
    pub number: String,
    pub assistant: String,
    pub light: Light,
}

/// Whether messages can be sent, or webhooks verified.
pub struct Secrets {
    pub tone: &'static str,
    pub text: String,
}

/// Whether a carrier was heard.
pub struct Light {
    pub on: bool,
    pub heard: Option<When>,
    /// What is worth knowing of the signature.
    pub note: &'static str,
}

const PLACES: [(Provider, &str, &str); 3] = [
    (
        Provider::Twilio,
        "Twilio",
        "In Twilio's console, at the number, under Messaging Configuration: \u{201c}A message comes in\u{201d}, Webhook, \
         HTTP POST.",
    ),
    (
        Provider::Telnyx,
        "Telnyx",
        "In Telnyx' portal, at the messaging profile that the number has, under Inbound: \u{201c}Send a webhook to this \
         URL\u{201d}, webhook API version 2.",
    ),
    (
        Provider::Vonage,
        "Vonage",
        "In Vonage's dashboard, under API settings or at the number or application: the inbound and the delivery \
         receipt (status) webhook, both.",
    ),
];

/// A number of ours, whose it is, and its assistant's name.
pub type Numbered = (Address, Provider, String);

/// Every carrier, with the numbers that are its own, and those of the sandbox that it was heard for all the same: where
/// nothing is checked anybody may play a carrier.
pub fn wires(
    state: &AppState,
    (actor, shell): (&Actor, &Shell),
    base: &str,
    numbers: &[Numbered],
) -> Vec<Wire> {
    let wire = |(provider, name, place)| {
        let numbers = heard(&state.app, actor, provider, numbers);
        let last = numbers.iter().filter_map(|(_, heard): &(_, Option<Heard>)| *heard).max_by_key(|it| it.at);
        let wired = numbers.iter().map(|((number, _, assistant), heard): &(Numbered, _)| Wired {
            number: number.as_str().to_owned(),
            assistant: assistant.clone(),
            light: light(shell, *heard),
        });
        Wire {
            name,
            url: format!("{base}/webhooks/sms/{}", provider.as_str()),
            place,
            light: light(shell, last),
            numbers: wired.collect(),
            secrets: if shell.may_manage { secrets(state, actor, provider) } else { Vec::new() },
        }
    };
    PLACES.into_iter().map(wire).collect()
}

fn heard(
    app: &App,
    actor: &Actor,
    provider: Provider,
    numbers: &[Numbered],
) -> Vec<(Numbered, Option<Heard>)> {
    let mut found = Vec::new();
    for number in numbers.iter().filter(|number| [provider, Provider::Sandbox].contains(&number.1)) {
        let heard = last_heard(app, actor, provider, &number.0);
        if number.1 == provider || heard.is_some() {
            found.push((number.clone(), heard));
        }
    }
    found
}

fn light(shell: &Shell, heard: Option<Heard>) -> Light {
    Light {
        on: heard.is_some(),
        heard: heard.map(|heard| shell.when(heard.at)),
        note: match heard.map(|heard| heard.checked) {
            Some(true) => "signed",
            Some(false) => "its signature was not checked",
            None => "",
        },
    }
}

fn secrets(state: &AppState, actor: &Actor, provider: Provider) -> Vec<Secrets> {
    let told = |missing: Option<&str>, can: &str, to: &str| match missing {
        None => Secrets { tone: "good", text: can.to_owned() },
        Some(setting) => Secrets { tone: "bad", text: format!("{to}: {setting} is not set") },
    };
    let app = &state.app;
    let missing = carriers::carrier_of(app, actor.organization, provider).missing_to_send();
    let sends = told(missing, "can send", "cannot send");
    let mode = state.settings.carrier(provider).map(|carrier| carrier.signatures);
    let verifies = match mode {
        Some(SignatureMode::Off) => Secrets { tone: "bad", text: "signatures are not checked".to_owned() },
        Some(SignatureMode::Report) => {
            Secrets { tone: "bad", text: "bad signatures are flagged, not refused".to_owned() }
        }
        _ => told(
            carriers::missing_to_verify(app, actor.organization, provider),
            "can verify webhooks",
            "refuses webhooks",
        ),
    };
    vec![sends, verifies]
}

/// The URL in front of our paths, as this request or the configuration has it.
pub struct Base(pub String);

impl FromRequestParts<AppState> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Base, Infallible> {
        let Here(state) = Here::of(parts, state);
        let called = called_uri(&parts.extensions, &parts.uri);
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
        let url = called_url(&state.settings, &parts.headers, called, peer);
        let own = parts.uri.path_and_query().map_or("/", |own| own.as_str());
        Ok(Base(url.strip_suffix(own).unwrap_or(&url).to_owned()))
    }
}

/// Why carriers cannot, or should not, call a URL, as far as it tells.
pub fn out_of_reach(base: &str) -> Option<&'static str> {
    let url: Uri = base.parse().ok()?;
    let host = url.host().unwrap_or_default();
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let address = literal.parse::<IpAddr>().ok();
    let is_local = literal.eq_ignore_ascii_case("localhost")
        || address.is_some_and(|address| address.to_canonical().is_loopback());
    match address {
        _ if is_local => Some("No carrier reaches these URLs: they lead to this machine alone."),
        Some(address) if !reach::is_public(address) => {
            Some("No carrier reaches these URLs: they lead into a private network.")
        }
        _ if url.scheme_str() == Some("http") => Some(
            "These URLs are http: what customers write would be readable on its way, and a carrier may refuse them.",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::out_of_reach;

    #[test]
    fn a_url_that_no_carrier_reaches_is_told() {
        for (base, says) in [
            ("https://sms.example.com", None),
            ("https://sms.example.com:8443/sms", None),
            ("https://9.9.9.9", None),
            ("http://sms.example.com", Some("http:")),
            ("http://9.9.9.9:7670", Some("http:")),
            ("http://127.0.0.1:7670", Some("this machine alone")),
            ("https://localhost", Some("this machine alone")),
            ("http://LOCALHOST:7670", Some("this machine alone")),
            ("http://[::1]:7670", Some("this machine alone")),
            ("http://[::ffff:127.0.0.1]:7670", Some("this machine alone")),
            ("https://10.1.2.3", Some("a private network")),
            ("https://192.168.0.7:7670", Some("a private network")),
            ("https://[fd00::1]", Some("a private network")),
        ] {
            let told = out_of_reach(base);
            assert_eq!(told.is_some(), says.is_some(), "{base}: {told:?}");
            assert!(told.unwrap_or_default().contains(says.unwrap_or_default()), "{base}: {told:?}");
        }
    }
}
