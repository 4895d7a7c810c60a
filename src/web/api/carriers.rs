//! `/api/v1/carriers`: the organization's own accounts at carriers, and the webhooks that were refused.

use crate::app::carriers;
use crate::app::refusals::Refused;
use crate::model::carrier_account::CarrierAccount;
use crate::model::message_log::Provider;
use crate::model::time::Timestamp;
use crate::web::AppState;
use crate::web::auth::Admin;
use crate::web::error::{Answer, ApiError};
use crate::web::extract::{JsonBody, PathText};
use crate::web::openapi::ErrorOut;
use axum::Json;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An account at a carrier, without its secrets.
#[derive(Serialize, ToSchema)]
pub struct CarrierOut {
    provider: Provider,
    /// `organization`: its own; `server`: the one that the configuration names; `none`
    account: &'static str,
    account_id: Option<String>,
    /// Whether messages can be sent
    can_send: bool,
    /// The setting that is missing to send
    missing: Option<&'static str>,
    /// With how many secrets or keys webhooks are verified; of the server's account that is not told
    verifying: Option<usize>,
    updated_at: Option<Timestamp>,
}

/// List the carriers
#[utoipa::path(
    get,
    path = "",
    responses(
        (status = 200, description = "Each, and by whose account it is used", body = [CarrierOut]),
        (status = 403, description = "For admins only", body = ErrorOut),
    ),
)]
pub async fn list_carriers(Admin(actor, state): Admin) -> Answer<Vec<CarrierOut>> {
    let carriers = Provider::ALL.into_iter().map(|provider| shown(&state, &actor, provider));
    Ok(Json(carriers.collect()))
}

fn shown(state: &AppState, actor: &crate::model::account::Actor, provider: Provider) -> CarrierOut {
    let directory = state.app.store.directory().view();
    let own = directory.carrier_account(actor.organization, provider);
    let missing = carriers::carrier_of(&state.app, actor.organization, provider).missing_to_send();
    CarrierOut {
        provider,
        account: match (own, missing) {
            (Some(_), _) => "organization",
            (None, None) => "server",
            (None, Some(_)) => "none",
        },
        account_id: own.and_then(|own| own.account_id.clone()),
        can_send: missing.is_none(),
        missing,
        verifying: own.map(|own| own.verifying.len()),
        updated_at: own.map(|own| own.updated_at),
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetCarrierBody {
    /// Twilio's Account SID, Vonage's API key; Telnyx has none
    account_id: Option<String>,
    /// What is sent with: Twilio's auth token, Telnyx' API key, Vonage's API secret
    secret: Option<String>,
    /// What webhooks are verified with, two while it is being rotated: Twilio's auth tokens beside `secret`, Telnyx' public
    /// keys, Vonage's signature secrets
    #[serde(default)]
    verifying: Vec<String>,
    /// How Vonage signs the account's webhooks: `md5hash`, `md5`, `sha1`, `sha256` or `sha512`
    signature_method: Option<String>,
}

/// Set the organization's own account at a carrier
///
/// It is sent with instead of the server's. Webhooks are verified with it first, and then with the server's.
#[utoipa::path(
    put,
    path = "",
    params(("provider" = Provider, Path)),
    request_body = SetCarrierBody,
    responses((status = 200, description = "In use from now on", body = CarrierOut)),
)]
pub async fn set_carrier(
    Admin(actor, state): Admin,
    PathText(provider): PathText,
    JsonBody(body): JsonBody<SetCarrierBody>,
) -> Answer<CarrierOut> {
    let provider = real(&provider)?;
    let SetCarrierBody { account_id, secret, verifying, signature_method } = body;
    let account = CarrierAccount { account_id, secret, verifying, signature_method, updated_at: actor.now };
    account.check(provider).map_err(|(field, what)| ApiError::field(field, what))?;
    carriers::put(&state.app, &actor, provider, Some(account)).await?;
    Ok(Json(shown(&state, &actor, provider)))
}

/// Take the organization's own account at a carrier away
///
/// The server's is used again, if it has one.
#[utoipa::path(
    delete,
    path = "",
    params(("provider" = Provider, Path)),
    responses((status = 200, description = "What is used from now on", body = CarrierOut)),
)]
pub async fn unset_carrier(Admin(actor, state): Admin, PathText(provider): PathText) -> Answer<CarrierOut> {
    let provider = real(&provider)?;
    match carriers::put(&state.app, &actor, provider, None).await? {
        true => Ok(Json(shown(&state, &actor, provider))),
        false => Err(ApiError::NotFound),
    }
}

/// One that has accounts.
fn real(name: &str) -> Result<Provider, ApiError> {
    Provider::REAL.into_iter().find(|provider| provider.as_str() == name).ok_or(ApiError::NotFound)
}

#[derive(Serialize, ToSchema)]
pub struct RefusedWebhookOut {
    refused_at: Timestamp,
    /// Null for a path that is not known
    carrier: Option<&'static str>,
    method: String,
    /// What the signature was checked over; compare it with what the carrier was told
    url: String,
    reason: String,
    /// How far the request's own time is behind this server's clock, where it tells one
    clock_skew_seconds: Option<i64>,
    /// Those that matter; signatures are cut short
    headers: BTreeMap<String, String>,
}

/// List refused webhooks
///
/// The newest hundred since the server started: what was refused or, with `signatures = "report"`, would have been, and
/// what came to a path that is not known.
#[utoipa::path(
    get,
    path = "",
    responses(
        (status = 200, description = "The newest first", body = [RefusedWebhookOut]),
        (status = 403, description = "For admins only", body = ErrorOut),
    ),
)]
pub async fn list_refused_webhooks(Admin(actor, state): Admin) -> Answer<Vec<RefusedWebhookOut>> {
    let refused =
        state.app.refusals.list(actor.organization).into_iter().map(|it: Refused| RefusedWebhookOut {
            refused_at: it.at,
            carrier: it.carrier,
            method: it.method,
            url: it.url,
            reason: it.reason,
            clock_skew_seconds: it.clock_skew_seconds,
            headers: it.headers.into_iter().collect(),
        });
    Ok(Json(refused.collect()))
}
