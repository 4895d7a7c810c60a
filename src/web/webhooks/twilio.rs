//! `/webhooks/sms/twilio`: inbound messages and status callbacks.

use crate::app::inbound::{self, Webhook};
use crate::carriers::{Carrier, WebhookRequest};
use crate::config::SignatureMode;
use crate::model::audit::SignatureVerdict;
use crate::model::message_log::{Provider, RawPayload};
use crate::web::error::ApiError;
use crate::web::extract::read_body;
use crate::web::forwarded::called_url;
use crate::web::openapi::ErrorOut;
use crate::web::{AppState, Peer};
use axum::extract::{Request, State};
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
    if state.app.store.is_overloaded() {
        return Err(ApiError::Unavailable("too many writes are waiting".to_owned()));
    }
    let now = state.app.clock.now();
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
    let url = called_url(&state.settings, &parts.headers, &parts.uri, peer);
    let path_and_query = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let body = read_body(body, LIMIT_BYTES).await?;
    let webhook = WebhookRequest::new(&parts.method, &url, &parts.headers, &body, now.unix_seconds());
    let signature = judge(&state, &webhook)?;
    if signature == SignatureVerdict::NotChecked && webhook.form().is_none() {
        return Err(ApiError::UnsupportedMediaType { expected: "application/x-www-form-urlencoded" });
    }
    let content_type =
        parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let payload = RawPayload {
        received_at: now,
        method: parts.method.to_string(),
        path_and_query,
        content_type: content_type.to_owned(),
        body: body.to_vec(),
    };
    let event = state.twilio.parse(&webhook);
    inbound::receive(&state.app, Webhook { provider: Provider::Twilio, signature, now, event, payload })
        .await?;
    let (content_type, body) = state.twilio.answer();
    Ok(([(CONTENT_TYPE, content_type)], body).into_response())
}

fn judge(state: &AppState, webhook: &WebhookRequest<'_>) -> Result<SignatureVerdict, ApiError> {
    if state.settings.twilio.carrier.signatures == SignatureMode::Off {
        return Ok(SignatureVerdict::NotChecked);
    }
    match state.twilio.verify(webhook) {
        Ok(()) => Ok(SignatureVerdict::Valid),
        Err(refusal) if state.settings.twilio.carrier.signatures == SignatureMode::Report => {
            tracing::warn!(%refusal, "a Twilio webhook with a bad signature was kept: signatures = \"report\"");
            Ok(SignatureVerdict::InvalidButKept)
        }
        Err(refusal) => Err(ApiError::SignatureRefused(refusal.to_string())),
    }
}
