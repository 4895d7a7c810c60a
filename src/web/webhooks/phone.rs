//! The phone: somebody who is signed in writes as a customer, and the carrier of our number brings the message by its own
//! signed webhook. What carriers tell of messages of ours is in `told`.

use super::played::{Exchange, bring, secrets, webhook_url};
use crate::carriers::played::{self, Api, CustomerSms};
use crate::config::{Settings, SignatureMode};
use crate::model::account::{Actor, Role};
use crate::model::address::Address;
use crate::model::ids::CallId;
use crate::model::message_log::Provider;
use crate::web::AppState;
use crate::web::api::sms::MOST_CHARACTERS;
use crate::web::error::ApiError;
use crate::web::worlds::Here;
use axum::http::Uri;
use std::net::IpAddr;

/// Whether the phone may play this carrier here: what it writes is kept beside what customers wrote, and is answered
/// to their numbers. The error says why not.
pub fn allowed(settings: &Settings, provider: Provider) -> Result<(), &'static str> {
    let Some(carrier) = settings.carrier(provider) else { return Ok(()) };
    if !settings.is_loopback() {
        return Err(
            "Numbers of a real carrier can be written to only while the server listens on loopback; use a \
                    sandbox number",
        );
    }
    // Whoever reaches it may write as anybody then, as in a demo.
    if carrier.signatures == SignatureMode::Off {
        return Ok(());
    }
    if settings.public_url.as_deref().is_some_and(|url| !is_of_this_machine(url)) {
        return Err(
            "Numbers of a real carrier can be written to only while public_url is unset or of this machine; \
                    use a sandbox number",
        );
    }
    if !settings.trusted_proxies.is_empty() {
        return Err("Numbers of a real carrier can be written to only while no proxy brings others here \
                    (trusted_proxies); use a sandbox number");
    }
    Ok(())
}

fn is_of_this_machine(url: &str) -> bool {
    let Ok(url) = url.parse::<Uri>() else { return false };
    let host = url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host.parse::<IpAddr>().is_ok_and(|host| host.to_canonical().is_loopback());
    is_loopback || host.eq_ignore_ascii_case("localhost")
}

/// What became of a message that a customer wrote.
#[derive(Clone, Debug)]
pub struct WrittenOut {
    /// The carrier's id of it.
    pub message_id: String,
    /// One; of a long message that Vonage brings, one for each part.
    pub exchanges: Vec<Exchange>,
    /// Where the message is now; none: it was refused, or our number has no assistant.
    pub conversation: Option<CallId>,
}

/// A customer writes to a number of the caller's organization.
pub async fn customer_writes(
    state: &AppState,
    actor: &Actor,
    from: &Address,
    to: &Address,
    body: &str,
    media_urls: &[String],
) -> Result<WrittenOut, ApiError> {
    actor.require(Role::User)?;
    let organization = actor.organization;
    let Here(state) = Here::for_organization(organization, state);
    let app = &state.app;
    let number = app.store.snapshot()?.phone_number(organization, to)?;
    let number = number.ok_or(ApiError::NotFoundBecause("to is no number of yours"))?;
    allowed(&state.settings, number.provider).map_err(|why| ApiError::Unprocessable(why.to_owned()))?;
    check(from, to, body, media_urls)?;
    let api = api_for(number.provider, !media_urls.is_empty());
    let sms = CustomerSms {
        message_id: played::message_id(api, !media_urls.is_empty(), app.chance.bytes()),
        from: from.to_string(),
        to: to.to_string(),
        body: body.to_owned(),
        media_urls: media_urls.to_vec(),
        ..CustomerSms::default()
    };
    let parts = match api {
        Api::VonageSms => sms.in_parts(&app.chance.bytes()[0].to_string()),
        _ => vec![sms.clone()],
    };
    let url = webhook_url(&state, api.provider());
    let mut exchanges = Vec::new();
    for part in &parts {
        let signed = played::inbound(api, secrets(), part, &url, app.clock.now());
        let signed = signed.map_err(|error| ApiError::Unprocessable(error.to_string()))?;
        exchanges.push(bring(&state, organization, api.provider(), &signed).await);
    }
    let log = app.store.snapshot()?.log_of_message(organization, &sms.message_id, app.clock.now())?;
    let conversation = log.and_then(|log| log.call_id);
    Ok(WrittenOut { message_id: sms.message_id, exchanges, conversation })
}

/// The API that such a message comes by. The sandbox brings none, so Twilio's stands for it.
fn api_for(provider: Provider, with_media: bool) -> Api {
    match provider {
        Provider::Vonage if with_media => Api::VonageMessages,
        provider => Api::usual(provider).unwrap_or(Api::Twilio),
    }
}

fn check(from: &Address, to: &Address, body: &str, media_urls: &[String]) -> Result<(), ApiError> {
    if from == to {
        return Err(ApiError::field("from", "Input should be another number than to"));
    }
    if body.chars().count() > MOST_CHARACTERS {
        return Err(ApiError::field("body", "String should have at most 1600 characters"));
    }
    if body.is_empty() && media_urls.is_empty() {
        return Err(ApiError::field(
            "body",
            "String should have at least 1 character, or there should be media_urls",
        ));
    }
    let is_url = |url: &String| {
        let url = url.parse::<Uri>().ok();
        url.is_some_and(|url| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some())
    };
    if !media_urls.iter().all(is_url) {
        return Err(ApiError::field("media_urls", "Each item should be an http or https URL"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_numbers_can_be_written_to_only_where_nobody_else_comes() {
        let rows = [
            ("127.0.0.1", None, SignatureMode::Enforce, true),
            ("::1", None, SignatureMode::Report, true),
            ("127.0.0.1", Some("http://localhost:8000"), SignatureMode::Enforce, true),
            ("127.0.0.1", Some("http://[::1]:8000/sms"), SignatureMode::Enforce, true),
            ("127.0.0.1", Some("https://127.0.0.2"), SignatureMode::Enforce, true),
            ("127.0.0.1", Some("https://sms.example.com"), SignatureMode::Enforce, false),
            ("127.0.0.1", Some("https://localhost.example.com"), SignatureMode::Report, false),
            // A demo behind a tunnel.
            ("127.0.0.1", Some("https://sms.example.com"), SignatureMode::Off, true),
            ("0.0.0.0", None, SignatureMode::Enforce, false),
            ("0.0.0.0", None, SignatureMode::Off, false),
            ("192.168.1.7", Some("http://localhost"), SignatureMode::Enforce, false),
        ];
        for (host, public_url, signatures, expected) in rows {
            let public_url = public_url.map(str::to_owned);
            let mut settings = Settings { host: host.parse().unwrap(), public_url, ..Settings::default() };
            for carrier in
                [&mut settings.twilio.carrier, &mut settings.telnyx.carrier, &mut settings.vonage.carrier]
            {
                carrier.signatures = signatures;
            }
            for provider in Provider::REAL {
                let told = allowed(&settings, provider);
                assert_eq!(
                    told.is_ok(),
                    expected,
                    "{host} {:?} {signatures:?}: {told:?}",
                    settings.public_url
                );
            }
            assert_eq!(allowed(&settings, Provider::Sandbox), Ok(()), "{host}");
        }
        let trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        let settings = Settings { trusted_proxies, ..Settings::default() };
        assert!(allowed(&settings, Provider::Twilio).unwrap_err().contains("trusted_proxies"));
    }

    #[test]
    fn a_number_is_written_to_by_the_api_of_its_carrier() {
        let rows = [
            (Provider::Twilio, false, Api::Twilio),
            (Provider::Twilio, true, Api::Twilio),
            (Provider::Telnyx, true, Api::Telnyx),
            (Provider::Vonage, false, Api::VonageSms),
            (Provider::Vonage, true, Api::VonageMessages),
            (Provider::Sandbox, false, Api::Twilio),
        ];
        for (provider, with_media, api) in rows {
            assert_eq!(api_for(provider, with_media), api, "{provider:?} {with_media}");
        }
    }
}
