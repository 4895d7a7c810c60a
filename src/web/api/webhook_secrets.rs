//! `/api/v1/assistants/{id}/sms-webhook-secret`: what forwarded messages are signed with.

use crate::app::assistants;
use crate::model::ids::AssistantId;
use crate::model::time::Timestamp;
use crate::model::webhook_secret::{WebhookSecret, key_of, signing};
use crate::web::auth::Admin;
use crate::web::error::{Answer, ApiError};
use crate::web::extract::{JsonBody, PathId};
use crate::web::openapi::ErrorOut;
use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const DAY_SECONDS: u64 = 86_400;
const MOST_KEEP_SECONDS: u64 = 30 * DAY_SECONDS;

#[derive(Serialize, ToSchema)]
pub struct WebhookSecretsOut {
    /// Each request is signed with all of them; the newest first
    secrets: Vec<WebhookSecretOut>,
}

#[derive(Serialize, ToSchema)]
pub struct WebhookSecretOut {
    /// As libraries for Standard Webhooks take it
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
    /// Until when it signs; null: until it is replaced
    expires_at: Option<Timestamp>,
}

fn secrets_out(secrets: &[WebhookSecret], now: Timestamp) -> Json<WebhookSecretsOut> {
    let signs = |it: &&WebhookSecret| signing(std::slice::from_ref(*it), now).next().is_some();
    let secrets = secrets
        .iter()
        .filter(signs)
        .map(|it| WebhookSecretOut { secret: it.secret.clone(), expires_at: it.expires_at });
    Json(WebhookSecretsOut { secrets: secrets.collect() })
}

/// Get what an assistant's webhooks are signed with
///
/// A secret is made when there is none yet.
#[utoipa::path(
    get,
    path = "",
    responses(
        (status = 200, description = "The secrets", body = WebhookSecretsOut),
        (status = 403, description = "For admins only", body = ErrorOut),
    ),
)]
pub async fn get_sms_webhook_secret(
    Admin(actor, state): Admin,
    PathId(id): PathId,
) -> Answer<WebhookSecretsOut> {
    let secrets = assistants::webhook_secrets(&state.app, &actor, AssistantId(id)).await?;
    Ok(secrets_out(&secrets.ok_or(ApiError::NotFound)?, actor.now))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateWebhookSecretBody {
    /// `whsec_` and base64 of 24 to 64 bytes; made when it is left out
    secret: Option<String>,
    /// How long the one before signs, too: a day unless said otherwise, at most 30
    #[schema(maximum = 2592000, example = 86400)]
    keep_seconds: Option<u64>,
}

/// Sign an assistant's webhooks with a new secret
///
/// For a while with the one before, too, so that a receiver may change at any time in between.
#[utoipa::path(
    post,
    path = "",
    request_body = RotateWebhookSecretBody,
    responses(
        (status = 200, description = "The secrets from now on", body = WebhookSecretsOut),
        (status = 403, description = "For admins only", body = ErrorOut),
    ),
)]
pub async fn rotate_sms_webhook_secret(
    Admin(actor, state): Admin,
    PathId(id): PathId,
    JsonBody(body): JsonBody<RotateWebhookSecretBody>,
) -> Answer<WebhookSecretsOut> {
    if body.secret.as_deref().is_some_and(|secret| key_of(secret).is_none()) {
        return Err(ApiError::field("secret", "Input should be whsec_ and base64 of 24 to 64 bytes"));
    }
    let keep_seconds = body.keep_seconds.unwrap_or(DAY_SECONDS);
    if keep_seconds > MOST_KEEP_SECONDS {
        let says = format!("Input should be less than or equal to {MOST_KEEP_SECONDS}");
        return Err(ApiError::field("keep_seconds", &says));
    }
    let id = AssistantId(id);
    let secrets =
        assistants::rotate_webhook_secret(&state.app, &actor, id, body.secret, keep_seconds).await?;
    Ok(secrets_out(&secrets.ok_or(ApiError::NotFound)?, actor.now))
}
