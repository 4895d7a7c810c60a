//! Webhooks that no carrier sent: made and signed here as the carrier would, taken as any other.
//!
//! They are signed with secrets that are made once a process, and are believed by those alone; of Telnyx, which signs with
//! a key that only it has, no other way is left. What comes from the network is never judged by these secrets.

use super::carriers::receive;
use super::judge::shown;
use crate::app::App;
use crate::app::chance::Chance;
use crate::app::inbound::Candidate;
use crate::carriers::played::{CarrierSecrets, SignedRequest};
use crate::model::ids::OrganizationId;
use crate::model::message_log::Provider;
use crate::web::AppState;
use crate::web::error::ApiError;
use crate::web::worlds::CalledUri;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::HOST;
use axum::response::IntoResponse;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;

/// What we answer a carrier is short.
const ANSWER_BYTES: usize = 64 * 1024;

/// What the carriers that are played sign with.
pub fn secrets() -> &'static CarrierSecrets {
    static MADE: OnceLock<CarrierSecrets> = OnceLock::new();
    MADE.get_or_init(|| CarrierSecrets::made_of(&mut || Chance::System.bytes()))
}

/// On a request that was made here: whose it is. Nothing that comes from the network has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Played(OrganizationId);

impl Played {
    /// Who may have sent it: the carrier that is played, and nobody else.
    pub(super) fn candidates(self, app: &App, provider: Provider) -> Vec<Candidate> {
        let account = secrets().account(provider, app.clock.now());
        let candidate = |account| Candidate {
            organization: self.0,
            carrier: app.carriers.own(provider, &account),
            is_told: true,
        };
        account.map(candidate).into_iter().collect()
    }
}

/// A request as it was sent, fit to be shown, and what was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    pub method: String,
    pub url: String,
    /// Signatures are cut short.
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub status: u16,
    pub answer: String,
}

/// Where the carrier calls an organization's server for messages and receipts.
pub fn webhook_url(state: &AppState, provider: Provider) -> String {
    format!("{}/webhooks/sms/{}", base_url(state), provider.as_str())
}

/// Without a trailing slash.
fn base_url(state: &AppState) -> String {
    if let Some(url) = &state.app.carriers.public_url {
        return url.clone();
    }
    let host = match state.settings.host {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    format!("http://{}", SocketAddr::new(host, state.settings.port))
}

/// Takes a request to [`webhook_url`] as if it had come from the carrier.
pub async fn bring(
    state: &AppState,
    organization: OrganizationId,
    provider: Provider,
    signed: &SignedRequest,
) -> Exchange {
    let answered = match request(state, organization, signed) {
        Some(request) => receive(state, provider, request).await,
        None => Err(ApiError::NotFound),
    };
    if let Err(error) = &answered {
        tracing::warn!(%error, carrier = provider.as_str(), "a webhook that was made here was not taken");
    }
    let (answer, body) = answered.into_response().into_parts();
    let body = to_bytes(body, ANSWER_BYTES).await.unwrap_or_default();
    let told = |(name, value): &(String, String)| (name.clone(), shown(name, value));
    Exchange {
        method: signed.method.to_string(),
        url: signed.url.clone(),
        headers: signed.headers.iter().map(told).collect(),
        body: String::from_utf8_lossy(&signed.body).into_owned(),
        status: answer.status.as_u16(),
        answer: String::from_utf8_lossy(&body).into_owned(),
    }
}

/// The request as it would reach us. `None`: its URL is none of ours.
fn request(state: &AppState, organization: OrganizationId, signed: &SignedRequest) -> Option<Request> {
    let base = base_url(state);
    let path = signed.url.strip_prefix(&base)?;
    let (_, reached) = base.split_once("://")?;
    let (host, prefix) = reached.find('/').map_or((reached, ""), |at| reached.split_at(at));
    let mut request = Request::builder().method(signed.method.clone()).uri(path).header(HOST, host);
    for (name, value) in &signed.headers {
        request = request.header(name, value);
    }
    let mut request = request.body(Body::from(signed.body.clone())).ok()?;
    // A world has a path of its own; what `public_url` has before ours is put there by whoever asks for the URL.
    if state.settings.public_url.is_none() {
        request.extensions_mut().insert(CalledUri(format!("{prefix}{path}").parse().ok()?));
    }
    request.extensions_mut().insert(Played(organization));
    Some(request)
}
