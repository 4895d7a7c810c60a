//! Whether a webhook is believed; what is not is told to the organization's admins.

use crate::app::inbound::Candidate;
use crate::app::refusals::Refused;
use crate::carriers::url::without_secrets;
use crate::carriers::{Refusal, WebhookRequest};
use crate::config::SignatureMode;
use crate::model::audit::SignatureVerdict;
use crate::model::ids::OrganizationId;
use crate::model::message_log::Provider;
use crate::model::time::Timestamp;
use crate::web::error::ApiError;
use crate::web::forwarded::called_url;
use crate::web::worlds::{Here, InWorld, called_uri};
use crate::web::{AppState, Peer};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};

/// The headers that tell why a signature does not match; their values are cut short.
const TOLD: [&str; 10] = [
    "host",
    "x-forwarded-proto",
    "x-forwarded-host",
    "content-type",
    "user-agent",
    "x-twilio-signature",
    "x-twilio-webhooks-signature-settings",
    "telnyx-signature-ed25519",
    "telnyx-timestamp",
    "authorization",
];
/// Enough to compare by eye, too little to be of use to anybody else.
const SHOWN: usize = 16;

/// Whose the webhook is and the verdict that is kept with it, or the refusal.
pub(super) fn judge(
    state: &AppState,
    candidates: &[Candidate],
    webhook: &WebhookRequest<'_>,
) -> Result<(OrganizationId, SignatureVerdict), ApiError> {
    let Some(likeliest) = candidates.first() else { return Err(ApiError::NotFound) };
    let provider = likeliest.carrier.provider();
    let (name, settings) = (provider.as_str(), state.settings.carrier(provider));
    let mode = settings.map_or(SignatureMode::Enforce, |settings| settings.signatures);
    if mode == SignatureMode::Off {
        let unread = provider == Provider::Twilio && webhook.form().is_none();
        return match unread {
            true => Err(ApiError::UnsupportedMediaType { expected: "application/x-www-form-urlencoded" }),
            false => Ok((likeliest.organization, SignatureVerdict::NotChecked)),
        };
    }
    let mut refusals: Vec<(OrganizationId, Refusal)> = Vec::new();
    for Candidate { organization, carrier, is_told } in candidates {
        // Each judges by the clock of its own.
        let Here(world) = Here::for_organization(*organization, state);
        let now_unix = world.app.clock.now().unix_seconds();
        let verified = match now_unix == webhook.now_unix {
            true => carrier.verify(webhook),
            false => carrier.verify(&webhook.at(now_unix)),
        };
        match verified {
            Ok(()) => return Ok((*organization, SignatureVerdict::Valid)),
            // One who has an account of their own is told of that.
            Err(_) if refusals.iter().any(|(told, _)| told == organization) => {}
            Err(refusal) if *is_told => refusals.push((*organization, refusal)),
            Err(_) => {}
        }
    }
    for (organization, refusal) in &refusals {
        let Here(world) = Here::for_organization(*organization, state);
        let refused = refused(name, &webhook.at(world.app.clock.now().unix_seconds()), refusal);
        world.app.refusals.note(*organization, refused);
    }
    let refusal = refusals.first().map_or(String::new(), |(_, refusal)| refusal.to_string());
    if mode == SignatureMode::Report {
        tracing::warn!(
            refusal,
            carrier = name,
            "a webhook with a bad signature was kept: signatures = \"report\""
        );
        return Ok((likeliest.organization, SignatureVerdict::InvalidButKept));
    }
    Err(ApiError::SignatureRefused(refusal))
}

fn refused(carrier: &'static str, webhook: &WebhookRequest<'_>, refusal: &Refusal) -> Refused {
    let told =
        webhook.headers.get("telnyx-timestamp").and_then(|value| value.to_str().ok()?.parse::<i64>().ok());
    Refused {
        at: Timestamp::from_unix_seconds(webhook.now_unix),
        carrier: Some(carrier),
        method: webhook.method.to_string(),
        url: without_secrets(webhook.url),
        reason: refusal.to_string(),
        clock_skew_seconds: told.map(|told| webhook.now_unix.saturating_sub(told)),
        headers: headers(webhook.headers),
    }
}

fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let told = TOLD.into_iter().filter_map(|name| Some((name, headers.get(name)?)));
    let told =
        told.map(|(name, value)| (name.to_owned(), shown(name, &String::from_utf8_lossy(value.as_bytes()))));
    told.collect()
}

/// As much of a header as is told.
pub(super) fn shown(name: &str, value: &str) -> String {
    let name = name.to_ascii_lowercase();
    let is_secret = name.contains("signature") || name == "authorization";
    let shown: String = value.chars().take(if is_secret { SHOWN } else { 200 }).collect();
    let cut = if shown.len() < value.len() { "..." } else { "" };
    format!("{shown}{cut}")
}

/// Who signs with which header, whatever the path.
const SIGNATURES: [(&str, &str); 2] =
    [("twilio", "x-twilio-signature"), ("telnyx", "telnyx-signature-ed25519")];

/// What there is no route for. Of one that a carrier seems to have been told, the log and the oldest organization's
/// admins hear, with where it should go.
pub async fn unknown_path(State(state): State<AppState>, request: Request) -> ApiError {
    let path = request.uri().path().to_ascii_lowercase();
    let signed = SIGNATURES.into_iter().find(|(_, header)| request.headers().contains_key(*header));
    let seems = signed.is_some()
        || ["webhook", "twilio", "telnyx", "vonage", "nexmo"].iter().any(|word| path.contains(word));
    let method = request.method();
    if !seems || !(*method == Method::GET || *method == Method::POST) {
        return ApiError::NotFound;
    }
    let named = Provider::REAL.map(Provider::as_str).into_iter().find(|carrier| path.contains(carrier));
    let carrier = signed.map(|(carrier, _)| carrier).or(named);
    let known = carrier
        .map_or("/webhooks/sms/twilio, /webhooks/sms/telnyx or /webhooks/sms/vonage".to_owned(), |it| {
            format!("/webhooks/sms/{it}")
        });
    let hint = format!("there is no such path; carriers' webhooks are taken at {known}");
    tracing::warn!(path = %path.chars().take(200).collect::<String>(), hint, "a webhook to an unknown path");
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let uri = called_uri(request.extensions(), request.uri());
    let url = called_url(&state.settings, request.headers(), uri, peer);
    let in_world = request.extensions().get::<InWorld>().map(|world| world.0);
    let oldest = || state.app.store.directory().oldest_organization();
    if let Some(told) = in_world.or_else(oldest) {
        let refused = Refused {
            at: Here::for_organization(told, &state).0.app.clock.now(),
            carrier,
            method: method.to_string(),
            url: without_secrets(&url),
            reason: hint,
            clock_skew_seconds: None,
            headers: headers(request.headers()),
        };
        Here::for_organization(told, &state).0.app.refusals.note(told, refused);
    }
    ApiError::NotFound
}
