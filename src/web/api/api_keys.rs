//! `/api/v1/users/me/api-keys`: listing, making and ending API keys.

use crate::app::accounts;
use crate::model::account::{ApiKey, Role};
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

pub async fn list_api_keys(
    State(state): State<AppState>,
    Admin(actor): Admin,
) -> Result<Json<Value>, ApiError> {
    let keys = accounts::keys(&state.app, &actor)?;
    Ok(Json(keys.iter().map(|(id, key)| api_key_out(*id, key, actor.now)).collect()))
}

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
    if body.name.trim().is_empty() {
        return Err(ApiError::field("name", "Input should not be empty"));
    }
    let role = body.role.unwrap_or(Role::User);
    let (id, secret) = accounts::create_key(&state.app, &actor, body.name.trim(), role, expires_at).await?;
    let key = accounts::keys(&state.app, &actor)?.into_iter().find(|(key_id, _)| *key_id == id);
    let key = key.ok_or_else(|| ApiError::Internal("a key that was made is not there".to_owned()))?.1;
    Ok(Json(json!({"api_key": api_key_out(id, &key, actor.now), "key": secret})))
}

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

fn api_key_out(id: ApiKeyId, key: &ApiKey, now: Timestamp) -> Value {
    json!({
        "id": id, "user_id": key.user_id, "name": key.name, "key_prefix": key.key_prefix,
        "last_used_at": null, "usage_count": 0, "is_active": key.is_valid(now),
        "permissions": {"role": key.role}, "rate_limit": {},
        "created_at": key.created_at.to_string(), "updated_at": key.updated_at.to_string(),
        "expires_at": key.expires_at.map(|time| time.to_string()),
    })
}
