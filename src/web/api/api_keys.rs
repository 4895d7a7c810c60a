//! `/api/v1/users/me/api-keys`: listing, making, renaming and ending API keys. An admin sees and ends
//! those of the whole organization.

use super::auth::DoneOut;
use crate::app::accounts::{self, UsedKey};
use crate::model::account::{Actor, Role};
use crate::model::ids::{ApiKeyId, UserId};
use crate::model::time::Timestamp;
use crate::web::AppState;
use crate::web::auth::{Authority, Writer};
use crate::web::error::{Answer, ApiError};
use crate::web::extract::{JsonBody, PathId, QueryParams};
use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[schema(as = CreateAPIKeyRequest)]
pub struct CreateApiKeyBody {
    pub(in crate::web) name: String,
    /// A `user`'s unless it is said, and no more than the caller's own.
    pub(in crate::web) role: Option<Role>,
    /// When it ends by itself, as an RFC 3339 time.
    #[schema(value_type = Option<Timestamp>)]
    pub(in crate::web) expires_at: Option<String>,
    /// What other clients send; only its `role` means anything here.
    pub(in crate::web) permissions: Option<Map<String, Value>>,
}

#[derive(Default, Deserialize, ToSchema)]
pub struct RenameApiKeyBody {
    name: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = APIKeyResponse)]
pub struct ApiKeyOut {
    id: ApiKeyId,
    user_id: UserId,
    name: String,
    /// Its first characters, to tell it by.
    key_prefix: String,
    last_used_at: Option<Timestamp>,
    usage_count: u64,
    is_active: bool,
    permissions: PermissionsOut,
    rate_limit: Map<String, Value>,
    created_at: Timestamp,
    updated_at: Timestamp,
    expires_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
pub struct PermissionsOut {
    role: Role,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CreateAPIKeyResponse)]
pub struct CreatedApiKeyOut {
    api_key: ApiKeyOut,
    /// The secret; it cannot be read again.
    pub(in crate::web) key: String,
}

/// List API keys
///
/// One's own; for an admin those of the organization. Ended ones too.
#[utoipa::path(get, path = "", responses((status = 200, description = "The keys", body = [ApiKeyOut])))]
pub async fn list_api_keys(Authority(actor, state): Authority) -> Answer<Vec<ApiKeyOut>> {
    let keys = accounts::keys(&state.app, &actor)?.into_iter();
    Ok(Json(keys.map(|used| api_key_out(used, actor.now)).collect()))
}

/// Make an API key
#[utoipa::path(
    post,
    path = "",
    request_body = CreateApiKeyBody,
    responses((status = 200, description = "It was made; `key` is shown this once", body = CreatedApiKeyOut)),
)]
pub async fn create_api_key(
    Writer(actor, state): Writer,
    JsonBody(body): JsonBody<CreateApiKeyBody>,
) -> Answer<CreatedApiKeyOut> {
    let parsed = |text: &String| {
        Timestamp::parse(text)
            .ok_or_else(|| ApiError::field("expires_at", "Input should be an RFC 3339 time"))
    };
    let expires_at = body.expires_at.as_ref().map(parsed).transpose()?;
    if expires_at.is_some_and(|end| end <= actor.now) {
        return Err(ApiError::field("expires_at", "Input should be in the future"));
    }
    let asked = body.permissions.as_ref().and_then(|permissions| permissions.get("role"));
    let asked = asked.map(|role| serde_json::from_value(role.clone())).transpose();
    let says = "Input should be 'admin', 'user' or 'viewer'";
    let asked = asked.map_err(|_| ApiError::field("permissions", says))?;
    let role = body.role.or(asked).unwrap_or(Role::User);
    // A key is no way to more than one has.
    actor.require(role)?;
    let name = checked_name(&body.name)?;
    let (id, secret) = accounts::create_key(&state.app, &actor, name, role, expires_at).await?;
    let made = accounts::key(&state.app, &actor, id)?;
    let made = made.ok_or_else(|| ApiError::Internal("a key that was made is not there".to_owned()))?;
    Ok(Json(CreatedApiKeyOut { api_key: api_key_out(made, actor.now), key: secret }))
}

/// Rename an API key
///
/// The name may stand in the query or in a JSON body.
#[utoipa::path(
    put,
    path = "",
    params(("name" = Option<String>, Query)),
    request_body = Option<RenameApiKeyBody>,
    responses((status = 200, description = "The key as renamed", body = ApiKeyOut)),
)]
pub async fn rename_api_key(
    Writer(actor, state): Writer,
    PathId(id): PathId,
    query: QueryParams,
    request: Request<Body>,
) -> Answer<ApiKeyOut> {
    let id = ApiKeyId(id);
    let name = match query.text("name") {
        Some(name) => Some(name),
        None if request.headers().contains_key(CONTENT_TYPE) => {
            JsonBody::<RenameApiKeyBody>::from_request(request, &()).await?.0.name
        }
        None => None,
    };
    let name = name.ok_or_else(|| ApiError::field("name", "Field required"))?;
    let name = checked_name(&name)?.to_owned();
    manageable(&state, &actor, id)?;
    accounts::rename_key(&state.app, &actor, id, name).await?;
    let renamed = accounts::key(&state.app, &actor, id)?.ok_or(ApiError::NotFound)?;
    Ok(Json(api_key_out(renamed, actor.now)))
}

/// Revoke an API key
///
/// With the answer it is refused everywhere.
#[utoipa::path(delete, path = "", responses((status = 200, description = "It was revoked", body = DoneOut)))]
pub async fn revoke_api_key(Writer(actor, state): Writer, PathId(id): PathId) -> Answer<DoneOut> {
    let id = ApiKeyId(id);
    manageable(&state, &actor, id)?;
    if accounts::revoke_key(&state.app, &actor, id).await? {
        Ok(Json(DoneOut { success: true, message: "API key revoked" }))
    } else {
        Err(ApiError::NotFound)
    }
}

/// Another user's key is not there for who is no admin.
pub(in crate::web) fn manageable(state: &AppState, actor: &Actor, id: ApiKeyId) -> Result<(), ApiError> {
    accounts::key(&state.app, actor, id)?.map(drop).ok_or(ApiError::NotFound)
}

pub(in crate::web) fn checked_name(name: &str) -> Result<&str, ApiError> {
    let name = name.trim();
    if (1..=100).contains(&name.chars().count()) {
        Ok(name)
    } else {
        Err(ApiError::field("name", "Input should have 1 to 100 characters"))
    }
}

fn api_key_out(used: UsedKey, now: Timestamp) -> ApiKeyOut {
    let UsedKey { id, key, usage } = used;
    ApiKeyOut {
        id,
        user_id: key.user_id,
        is_active: key.is_valid(now),
        name: key.name,
        key_prefix: key.key_prefix,
        last_used_at: usage.last_used_at,
        usage_count: usage.count,
        permissions: PermissionsOut { role: key.role },
        rate_limit: Map::new(),
        created_at: key.created_at,
        updated_at: key.updated_at,
        expires_at: key.expires_at,
    }
}
