//! `/api/v1/users/me/api-keys`: listing, making and ending API keys.

use crate::app::accounts::{self, UsedKey};
use crate::model::account::Role;
use crate::model::ids::ApiKeyId;
use crate::model::time::Timestamp;
use crate::web::AppState;
use crate::web::auth::Admin;
use crate::web::error::ApiError;
use crate::web::extract::{JsonBody, PathId};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub struct CreateApiKeyBody {
    name: String,
    /// `admin`, `user` or `viewer`; a key is a `user`'s unless it is said.
    role: Option<Role>,
    expires_at: Option<String>,
}

/// List API keys
#[utoipa::path(
    get,
    path = "",
    responses((status = 200, description = "The keys", body = [Object])),
)]
pub async fn list_api_keys(
    State(state): State<AppState>,
    Admin(actor): Admin,
) -> Result<Json<Value>, ApiError> {
    let keys = accounts::keys(&state.app, &actor)?;
    Ok(Json(keys.iter().map(|used| api_key_out(used, actor.now)).collect()))
}

/// Make an API key
#[utoipa::path(
    post,
    path = "",
    responses((status = 200, description = "It was made; `key` is shown this once", body = Object)),
)]
pub async fn create_api_key(
    State(state): State<AppState>,
    Admin(actor): Admin,
    JsonBody(body): JsonBody<CreateApiKeyBody>,
) -> Result<Json<Value>, ApiError> {
    let expires_at = match &body.expires_at {
        None => None,
        Some(text) => Some(
            Timestamp::parse(text)
                .ok_or_else(|| ApiError::field("expires_at", "Input should be an RFC 3339 time"))?,
        ),
    };
    if expires_at.is_some_and(|end| end <= actor.now) {
        return Err(ApiError::field("expires_at", "Input should be in the future"));
    }
    if !(1..=100).contains(&body.name.trim().chars().count()) {
        return Err(ApiError::field("name", "Input should have 1 to 100 characters"));
    }
    let role = body.role.unwrap_or(Role::User);
    let (id, secret) = accounts::create_key(&state.app, &actor, body.name.trim(), role, expires_at).await?;
    let made = accounts::keys(&state.app, &actor)?.into_iter().find(|used| used.id == id);
    let made = made.ok_or_else(|| ApiError::Internal("a key that was made is not there".to_owned()))?;
    Ok(Json(json!({"api_key": api_key_out(&made, actor.now), "key": secret})))
}

/// Revoke an API key
#[utoipa::path(
    delete,
    path = "",
    params(("key_id" = u64, Path)),
    responses((status = 200, description = "It was revoked", body = Object)),
)]
pub async fn revoke_api_key(
    State(state): State<AppState>,
    Admin(actor): Admin,
    PathId(id): PathId,
) -> Result<Json<Value>, ApiError> {
    let id = ApiKeyId(id);
    if accounts::revoke_key(&state.app, &actor, id).await? {
        Ok(Json(json!({"success": true, "message": "API key revoked"})))
    } else {
        Err(ApiError::NotFound)
    }
}

fn api_key_out(used: &UsedKey, now: Timestamp) -> Value {
    let key = &used.key;
    json!({
        "id": used.id, "user_id": key.user_id, "name": key.name, "key_prefix": key.key_prefix,
        "last_used_at": used.last_used_at.map(|time| time.to_string()), "usage_count": used.usage_count,
        "is_active": key.is_valid(now), "permissions": {"role": key.role}, "rate_limit": {},
        "created_at": key.created_at.to_string(), "updated_at": key.updated_at.to_string(),
        "expires_at": key.expires_at.map(|time| time.to_string()),
    })
}
