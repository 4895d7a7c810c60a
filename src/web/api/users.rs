//! `/api/v1/users`: the people of the organization. What is not one's own is for admins.

use crate::app::passwords;
use crate::app::users;
use crate::model::account::{Actor, PasswordHash, Role, Usage, User, UserChange, is_email, password_fits};
use crate::model::ids::{OrganizationId, UserId};
use crate::model::time::Timestamp;
use crate::store::UserOutcome;
use crate::web::auth::{Admin, Authority};
use crate::web::error::{Answer, ApiError};
use crate::web::extract::{JsonBody, PathId};
use crate::web::openapi::ErrorOut;
use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[schema(as = UserResponse)]
pub struct UserOut {
    id: UserId,
    organization_id: OrganizationId,
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
    full_name: String,
    role: Role,
    is_active: bool,
    is_verified: bool,
    is_platform_admin: bool,
    avatar_url: Option<String>,
    last_login_at: Option<Timestamp>,
    login_count: u64,
    preferences: Map<String, Value>,
    google_id: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Deserialize, ToSchema)]
pub struct CreateUserBody {
    pub(in crate::web) email: String,
    /// `user` unless it is said.
    pub(in crate::web) role: Option<Role>,
    /// Left out: the user signs in at the identity provider only.
    #[schema(format = Password)]
    pub(in crate::web) password: Option<String>,
    pub(in crate::web) first_name: Option<String>,
    pub(in crate::web) last_name: Option<String>,
}

/// What is left out stays as it is.
#[derive(Default, Deserialize, ToSchema)]
pub struct UpdateUserBody {
    pub(in crate::web) role: Option<Role>,
    /// False ends the user's sessions and API keys' use at once.
    pub(in crate::web) is_active: Option<bool>,
    /// A new one ends the user's sessions.
    #[schema(format = Password)]
    pub(in crate::web) password: Option<String>,
    pub(in crate::web) first_name: Option<String>,
    pub(in crate::web) last_name: Option<String>,
}

/// The caller's own account
///
/// For an API key: its owner's.
#[utoipa::path(get, path = "", responses((status = 200, description = "The user", body = UserOut)))]
pub async fn get_me(Authority(actor, state): Authority) -> Answer<UserOut> {
    let (user, usage) = users::get(&state.app, &actor, actor.user_id)?.ok_or(ApiError::NotFound)?;
    Ok(Json(user_out(&actor, actor.user_id, user, usage)))
}

/// List users
#[utoipa::path(
    get,
    path = "",
    responses(
        (status = 200, description = "The organization's users", body = [UserOut]),
        (status = 403, description = "For admins only", body = ErrorOut),
    ),
)]
pub async fn list_users(Admin(actor, state): Admin) -> Answer<Vec<UserOut>> {
    let users = users::list(&state.app, &actor)?.into_iter();
    Ok(Json(users.map(|(id, user, usage)| user_out(&actor, id, user, usage)).collect()))
}

/// Make a user
#[utoipa::path(
    post,
    path = "",
    request_body = CreateUserBody,
    responses(
        (status = 201, description = "It was made", body = UserOut),
        (status = 409, description = "The email is taken", body = ErrorOut),
    ),
)]
pub async fn create_user(
    Admin(actor, state): Admin,
    JsonBody(body): JsonBody<CreateUserBody>,
) -> Result<(StatusCode, Json<UserOut>), ApiError> {
    let email = body.email.trim();
    if !is_email(email) {
        return Err(ApiError::field("email", "Input should be an email address"));
    }
    let user = User {
        email: email.to_owned(),
        first_name: body.first_name,
        last_name: body.last_name,
        role: body.role.unwrap_or(Role::User),
        password: hashed(body.password).await?,
        is_active: true,
        created_at: actor.now,
        updated_at: actor.now,
    };
    let made = done(&actor, users::create(&state.app, &actor, user).await?, Usage::default())?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Change a user
#[utoipa::path(
    patch,
    path = "",
    request_body = UpdateUserBody,
    responses(
        (status = 200, description = "The user as changed", body = UserOut),
        (status = 409, description = "Nobody would be left to administer the organization", body = ErrorOut),
    ),
)]
pub async fn update_user(
    Admin(actor, state): Admin,
    PathId(id): PathId,
    JsonBody(body): JsonBody<UpdateUserBody>,
) -> Answer<UserOut> {
    let id = UserId(id);
    let Some((_, usage)) = users::get(&state.app, &actor, id)? else { return Err(ApiError::NotFound) };
    let change = UserChange {
        first_name: body.first_name,
        last_name: body.last_name,
        role: body.role,
        is_active: body.is_active,
        password: hashed(body.password).await?,
    };
    Ok(Json(done(&actor, users::update(&state.app, &actor, id, change).await?, usage)?))
}

async fn hashed(password: Option<String>) -> Result<Option<PasswordHash>, ApiError> {
    let Some(password) = password else { return Ok(None) };
    password_fits(&password).map_err(|says| ApiError::field("password", &says))?;
    let hash = passwords::chosen(password).await?;
    hash.map(Some).map_err(|error| ApiError::Internal(error.to_string()))
}

fn done(actor: &Actor, outcome: UserOutcome, usage: Usage) -> Result<UserOut, ApiError> {
    match outcome {
        UserOutcome::Done(id, user) => Ok(user_out(actor, id, user, usage)),
        UserOutcome::NoSuchUser => Err(ApiError::NotFound),
        UserOutcome::EmailTaken => Err(ApiError::Conflict("A user with this email exists".to_owned())),
        UserOutcome::LastAdmin => {
            Err(ApiError::Conflict("Nobody would be left to administer the organization".to_owned()))
        }
    }
}

fn user_out(actor: &Actor, id: UserId, user: User, usage: Usage) -> UserOut {
    let names = [user.first_name.as_deref(), user.last_name.as_deref()];
    UserOut {
        id,
        organization_id: actor.organization,
        full_name: names.into_iter().flatten().collect::<Vec<_>>().join(" "),
        email: user.email,
        first_name: user.first_name,
        last_name: user.last_name,
        role: user.role,
        is_active: user.is_active,
        // An admin vouched for the address.
        is_verified: true,
        is_platform_admin: false,
        avatar_url: None,
        last_login_at: usage.last_used_at,
        login_count: usage.count,
        preferences: Map::new(),
        google_id: None,
        created_at: user.created_at,
        updated_at: user.updated_at,
    }
}
