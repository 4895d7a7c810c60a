//! `/webhooks/sms/{carrier}`: inbound messages and receipts. All carriers go the same way.

use super::judge::judge;
use super::played::Played;
use crate::app::arrivals;
use crate::app::inbound::{self, Received, Webhook};
use crate::carriers::{WebhookEvent, WebhookRequest};
use crate::metrics::webhook;
use crate::model::ids::OrganizationId;
use crate::model::message_log::{Provider, RawPayload};
use crate::web::error::ApiError;
use crate::web::extract::read_body;
use crate::web::forwarded::called_url;
use crate::web::openapi::ErrorOut;
use crate::web::worlds::{Here, InWorld, called_uri};
use crate::web::{AppState, Peer};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

/// A message has 1600 characters at most; with every parameter ever seen it stays below this.
const LIMIT_BYTES: usize = 64 * 1024;

/// Receive Twilio's webhooks
///
/// Messages and status callbacks, signed with the account's auth token. Also answers `GET`.
#[utoipa::path(
    post,
    path = "",
    security(()),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Taken, or known already; an empty TwiML document", body = String, content_type = "text/xml"),
        (status = 403, description = "The signature was refused", body = ErrorOut),
    ),
)]
pub async fn receive_twilio_sms(
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    receive(&state, Provider::Twilio, request).await
}

/// Receive Telnyx' webhooks
///
/// Messages and delivery receipts, signed with the account's key.
#[utoipa::path(
    post,
    path = "",
    security(()),
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = 200, description = "Taken, or known already"),
        (status = 403, description = "The signature was refused", body = ErrorOut),
    ),
)]
pub async fn receive_telnyx_sms(
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    receive(&state, Provider::Telnyx, request).await
}

/// Receive Vonage's webhooks
///
/// Messages and delivery receipts of its SMS API (a query, a form or JSON, with `sig`) and of its Messages API (JSON,
/// with a token). Also answers `GET`.
#[utoipa::path(
    post,
    path = "",
    security(()),
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = 200, description = "Taken, or known already"),
        (status = 403, description = "The signature was refused", body = ErrorOut),
    ),
)]
pub async fn receive_vonage_sms(
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    receive(&state, Provider::Vonage, request).await
}

pub(super) async fn receive(
    state: &AppState,
    provider: Provider,
    request: Request,
) -> Result<Response, ApiError> {
    let received = take(state, provider, request).await;
    let outcome = match &received {
        Ok((_, outcome)) => outcome,
        Err(ApiError::SignatureRefused(_)) => webhook::REFUSED,
        Err(ApiError::Unavailable(_) | ApiError::Internal(_)) => webhook::UNAVAILABLE,
        Err(_) => webhook::INVALID,
    };
    state.app.metrics.webhooks.note(provider.as_str(), outcome);
    received.map(|(organization, _)| {
        let mut response = answered(state.app.carriers.shared(provider).answer());
        if state.worlds.is_some() {
            response.extensions_mut().insert(InWorld(organization));
        }
        response
    })
}

/// Whose it is, and what became of it, as it is counted.
async fn take(
    state: &AppState,
    provider: Provider,
    request: Request,
) -> Result<(OrganizationId, &'static str), ApiError> {
    if state.app.store.is_overloaded() {
        return Err(ApiError::Unavailable("too many writes are waiting".to_owned()));
    }
    let (parts, body) = request.into_parts();
    let Here(state) = Here::of(&parts, state);
    let now = state.app.clock.now();
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
    let uri = called_uri(&parts.extensions, &parts.uri);
    let url = called_url(&state.settings, &parts.headers, uri, peer);
    let path_and_query = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let body = read_body(body, LIMIT_BYTES).await?;
    let webhook = WebhookRequest::new(&parts.method, &url, &parts.headers, &body, now.unix_seconds());
    // Nothing of it is acted on before it is verified; but whose it says it is tells whose secrets to try.
    let carrier = state.app.carriers.shared(provider);
    let event = carrier.parse(&webhook);
    let played = parts.extensions.get::<Played>();
    let candidates = match played {
        Some(played) => played.candidates(&state.app, provider),
        None => inbound::candidates(&state.app, provider, &event)?,
    };
    let (organization, signature) = judge(&state, &candidates, &webhook)?;
    let Here(state) = Here::for_organization(organization, &state);
    let now = state.app.clock.now();
    let content_type =
        parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let payload = RawPayload {
        received_at: now,
        method: parts.method.to_string(),
        path_and_query,
        content_type: content_type.to_owned(),
        body: body.to_vec(),
    };
    let our_number = match &event {
        WebhookEvent::Inbound(message) => Some(&message.to),
        WebhookEvent::Status(receipt) => receipt.from.as_ref(),
        WebhookEvent::Unusable { .. } => None,
    };
    // What is played here tells nothing of whether the carrier knows the way.
    if let (Some(number), None) = (our_number, played) {
        arrivals::note(&state.app, (organization, provider), number, signature, now);
    }
    let (is_receipt, is_usable) = match &event {
        WebhookEvent::Status(_) => (true, true),
        WebhookEvent::Inbound(_) => (false, true),
        WebhookEvent::Unusable { .. } => (false, false),
    };
    let webhook = Webhook { provider, organization, signature, now, event, payload };
    let outcome = match inbound::receive(&state.app, webhook).await? {
        Received::Stored { .. } => webhook::STORED,
        Received::Duplicate => webhook::DUPLICATE,
        Received::Kept if is_receipt => webhook::RECEIPT,
        Received::Kept if is_usable => webhook::KEPT,
        Received::Kept => webhook::UNUSABLE,
    };
    Ok((organization, outcome))
}

fn answered((content_type, body): (&'static str, &'static str)) -> Response {
    match content_type.is_empty() {
        true => StatusCode::OK.into_response(),
        false => ([(CONTENT_TYPE, content_type)], body).into_response(),
    }
}
