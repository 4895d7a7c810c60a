//! What the API tells of an organization: numbers, assistants, carriers, refused webhooks.

use super::judge::carriers::{CarrierUse, Refused};
use crate::app::accounts;
use crate::cli::client::{Client, cell};
use crate::config::{Secret, Settings, SignatureMode};
use crate::model::message_log::Provider;
use crate::model::time::Timestamp;
use http::Method;
use serde_json::Value;
use std::collections::HashSet;

#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub numbers: usize,
    pub numbers_of_nobody: Vec<String>,
    pub idle_assistants: Vec<String>,
    by_provider: Vec<(String, usize)>,
    carriers: Vec<Value>,
    /// Of a server that runs; without one nothing was refused.
    pub refused: Option<Vec<Refused>>,
    /// Messages that could not be forwarded in time.
    pub parked: u64,
    /// Assistants, and the URLs that their messages are forwarded to.
    pub receivers: Vec<(String, String)>,
    /// The admin's password is one that smslite made up; told only where no server runs.
    pub generated_password: bool,
}

impl Facts {
    pub(super) async fn ask(client: &Client) -> anyhow::Result<Facts> {
        let get = async |path: &str| client.json(Method::GET, path, None).await;
        let numbers = get("/api/v1/assistants/organization/phone-numbers").await?;
        let numbers = numbers.get("items").unwrap_or(&numbers).as_array().cloned().unwrap_or_default();
        let assistants = get("/api/v1/assistants?limit=1000").await?;
        let carriers = get("/api/v1/carriers").await?;
        let (generated_password, refused) = match client.here() {
            Some(state) => (accounts::generated_password_stands(&state.app.store)?, None),
            None => (false, Some(get("/api/v1/carriers/refused-webhooks").await?)),
        };
        let parked = get("/api/v1/parked-events?limit=1").await?["total"].as_u64().unwrap_or(0);
        let assistants = assistants.as_array().cloned().unwrap_or_default();
        let named = |it: &Value| format!("assistant {} ({})", it["id"], cell(&it["name"]));
        let receiver = |it: &Value| Some((named(it), it["sms_webhook_url"].as_str()?.to_owned()));
        let answered: HashSet<_> =
            numbers.iter().filter_map(|number| number["assistant"]["id"].as_u64()).collect();
        let is_idle = |assistant: &&Value| {
            assistant["is_active"] == true
                && !assistant["id"].as_u64().is_some_and(|id| answered.contains(&id))
        };
        let of = |provider: Provider| {
            let count = numbers.iter().filter(|number| number["provider"] == provider.as_str()).count();
            (provider.as_str().to_owned(), count)
        };
        Ok(Facts {
            numbers: numbers.len(),
            numbers_of_nobody: numbers
                .iter()
                .filter(|number| number["assistant"].is_null())
                .map(|number| cell(&number["phone_number"]))
                .collect(),
            idle_assistants: assistants.iter().filter(is_idle).map(named).collect(),
            receivers: assistants.iter().filter_map(receiver).collect(),
            parked,
            by_provider: Provider::ALL.map(of).to_vec(),
            carriers: carriers.as_array().cloned().unwrap_or_default(),
            refused: refused.map(|list| list.as_array().into_iter().flatten().filter_map(refusal).collect()),
            generated_password,
        })
    }
}

fn refusal(item: &Value) -> Option<Refused> {
    Some(Refused {
        at: Timestamp::parse(item["refused_at"].as_str()?)?,
        url: cell(&item["url"]),
        reason: cell(&item["reason"]),
    })
}

/// How each carrier is used, by the configuration and, where they are known, the organization's data.
pub(super) fn carriers(settings: &Settings, facts: Option<&Facts>) -> Vec<CarrierUse> {
    let known = |provider: Provider| {
        let name = provider.as_str();
        let numbers = facts.and_then(|facts| facts.by_provider.iter().find(|(of, _)| of == name));
        let told = facts.and_then(|facts| facts.carriers.iter().find(|told| told["provider"] == name));
        let own = told.filter(|told| told["account"] == "organization");
        // What Twilio's messages are sent with verifies its webhooks too.
        let sent_with = own.is_some_and(|own| provider == Provider::Twilio && own["can_send"] == true);
        let verifying =
            |own: &Value| own["verifying"].as_u64().unwrap_or(0) as usize + usize::from(sent_with);
        let account = told.and_then(|told| told["account"].as_str());
        let can_send = can_send(settings, provider);
        CarrierUse {
            provider,
            differs: (can_send && account == Some("none")) || (!can_send && account == Some("server")),
            numbers: numbers.map_or(0, |(_, count)| *count),
            own: own.map(verifying),
            missing: told.and_then(|told| told["missing"].as_str()).map(str::to_owned),
            secrets: secrets(settings, provider),
            configured: is_configured(settings, provider),
            signatures: settings.carrier(provider).map_or(SignatureMode::Enforce, |it| it.signatures),
            misshapen: misshapen(settings, provider),
        }
    };
    Provider::REAL.map(known).to_vec()
}

fn secrets(settings: &Settings, provider: Provider) -> usize {
    match provider {
        Provider::Twilio => settings.twilio.auth_tokens.len() + settings.twilio.shared_keys.len(),
        Provider::Telnyx => settings.telnyx.public_keys.len(),
        Provider::Vonage => settings.vonage.signature_secrets.len(),
        Provider::Sandbox => 0,
    }
}

fn is_configured(settings: &Settings, provider: Provider) -> bool {
    let Settings { twilio, telnyx, vonage, .. } = settings;
    let more = match provider {
        Provider::Twilio => twilio.account_sid.is_some(),
        Provider::Telnyx => telnyx.api_key.is_some(),
        Provider::Vonage => vonage.api_key.is_some() || vonage.api_secret.is_some(),
        Provider::Sandbox => false,
    };
    more || secrets(settings, provider) > 0
}

/// Whether messages can be sent by the server's own account.
fn can_send(settings: &Settings, provider: Provider) -> bool {
    let Settings { twilio, telnyx, vonage, .. } = settings;
    match provider {
        Provider::Twilio => twilio.account_sid.is_some() && !twilio.auth_tokens.is_empty(),
        Provider::Telnyx => telnyx.api_key.is_some(),
        Provider::Vonage => vonage.api_key.is_some() && vonage.api_secret.is_some(),
        Provider::Sandbox => true,
    }
}

/// Settings whose values are not of the shape that the carrier gives them.
fn misshapen(settings: &Settings, provider: Provider) -> Vec<&'static str> {
    let hex = |text: &str| {
        text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let is_clean = |secret: &Secret| secret.expose().bytes().all(|b| b.is_ascii_graphic());
    let mut wrong = Vec::new();
    let Settings { twilio, telnyx, vonage, .. } = settings;
    match provider {
        Provider::Twilio => {
            let sid = |sid: &String| sid.strip_prefix("AC").is_some_and(hex);
            wrong.extend(twilio.account_sid.iter().any(|it| !sid(it)).then_some("twilio.account_sid"));
            let token = twilio.auth_tokens.iter().any(|it| !hex(it.expose()));
            wrong.extend(token.then_some("twilio.auth_token"));
        }
        Provider::Telnyx => {
            let key = telnyx.api_key.iter().any(|it| !it.expose().starts_with("KEY") || !is_clean(it));
            wrong.extend(key.then_some("telnyx.api_key"));
        }
        Provider::Vonage => {
            let key = vonage.api_key.iter().any(|it| !it.bytes().all(|b| b.is_ascii_alphanumeric()));
            wrong.extend(key.then_some("vonage.api_key"));
            wrong.extend(vonage.api_secret.iter().any(|it| !is_clean(it)).then_some("vonage.api_secret"));
            let secret = vonage.signature_secrets.iter().any(|it| !is_clean(it));
            wrong.extend(secret.then_some("vonage.signature_secret"));
        }
        Provider::Sandbox => {}
    }
    wrong
}
