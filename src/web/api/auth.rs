//! `/api/auth`: signing in and out, and what a dashboard session still has.

use crate::app::sign_in::{self, Attempt, LiveSession, Refused, SignedIn};
use crate::app::users;
use crate::model::account::User;
use crate::model::ids::{OrganizationId, UserId};
use crate::model::time::Timestamp;
use crate::web::auth::{Authority, Caller};
use crate::web::error::{Answer, ApiError};
use crate::web::extract::JsonBody;
use crate::web::forwarded::client_address;
use crate::web::openapi::{ErrorOut, SESSION_COOKIE};
use crate::web::worlds::Here;
use crate::web::{AppState, Peer};
use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[schema(as = SimpleLoginRequest)]
pub struct SignInBody {
    email: String,
    #[schema(format = Password)]
    password: String,
    /// A session of 30 days instead of 12 hours.
    #[serde(default)]
    remember_me: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AuthResponse)]
pub struct SignedInOut {
    access_token: String,
    /// `bearer`
    token_type: &'static str,
    user: MeOut,
    organization: OrganizationOut,
}

#[derive(Serialize, ToSchema)]
pub struct OrganizationOut {
    id: OrganizationId,
    slug: String,
    name: String,
}

/// The caller; ids are texts here, as the hosted API has them.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthUserResponse)]
pub struct MeOut {
    id: String,
    email: String,
    first_name: String,
    last_name: String,
    organization_id: String,
    is_active: bool,
    is_platform_admin: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SessionInfoResponse)]
pub struct SessionInfoOut {
    user_id: UserId,
    is_active: bool,
    /// Null for what does not time out, such as an API key.
    absolute_timeout_remaining_minutes: Option<f64>,
    idle_timeout_remaining_minutes: Option<f64>,
    idle_minutes: Option<f64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ExtendSessionResponse)]
pub struct ExtendedOut {
    success: bool,
    expires_at: Timestamp,
    access_token: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct DoneOut {
    pub success: bool,
    pub message: &'static str,
}

/// Sign in
///
/// Sets the cookie of a dashboard session and returns a JWT that ends with it.
#[utoipa::path(
    post,
    path = "",
    security(()),
    request_body = SignInBody,
    responses(
        (status = 200, description = "Signed in", body = SignedInOut),
        (status = 401, description = "Wrong email or password", body = ErrorOut),
        (status = 429, description = "Too many attempts; see `Retry-After`", body = ErrorOut),
    ),
)]
pub async fn sign_in(
    Here(state): Here,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SignInBody>,
) -> Result<Response, ApiError> {
    let SignInBody { email, password, remember_me } = body;
    let now = state.app.clock.now();
    let peer = peer.map(|Extension(peer)| peer.0);
    let (signed_in, cookie) = begin_session(&state, peer, &headers, (email, password), remember_me).await?;
    let SignedIn { session, organization: (id, organization), user: (user_id, user), .. } = signed_in;
    let out = SignedInOut {
        access_token: state.tokens.for_session(&session, now),
        token_type: "bearer",
        user: me_out(user_id, id, &user),
        organization: OrganizationOut {
            id,
            slug: organization.slug.clone(),
            name: organization.name.clone(),
        },
    };
    let no_store = HeaderValue::from_static("no-store");
    Ok(([(SET_COOKIE, cookie), (CACHE_CONTROL, no_store)], Json(out)).into_response())
}

/// Begins a dashboard session; with it the cookie that it is known by.
pub(in crate::web) async fn begin_session(
    state: &AppState,
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    (email, password): (String, String),
    remember_me: bool,
) -> Result<(SignedIn, HeaderValue), ApiError> {
    if state.worlds.is_some() && state.app.only().is_none() {
        let says = "Say in which world: call this behind its URL, /w/{name}/api/auth/login/simple or /w/{name}/sign-in";
        return Err(ApiError::Unprocessable(says.to_owned()));
    }
    let now = state.app.clock.now();
    // Commands within the process come from this machine.
    let peer = peer.unwrap_or(Ipv4Addr::LOCALHOST.into());
    let address = client_address(&state.settings, headers, peer);
    let attempt = Attempt { email, password, remember_me, address };
    let signed_in = sign_in::sign_in(&state.app, now, attempt).await.map_err(refused)?;
    // Without remembering, the cookie ends with the browser.
    let remembered = signed_in.session.ends_at.unix_seconds() - now.unix_seconds();
    let cookie = cookie(state, &signed_in.secret, remember_me.then_some(remembered));
    Ok((signed_in, cookie))
}

/// With it a browser loses the cookie of a session that is over.
pub(in crate::web) fn ended_cookie(state: &AppState) -> HeaderValue {
    cookie(state, "", Some(0))
}

fn refused(refused: Refused) -> ApiError {
    match refused {
        Refused::WrongCredentials => ApiError::WrongCredentials,
        Refused::TooManyAttempts { retry_after_seconds } => ApiError::TooManyRequests { retry_after_seconds },
        Refused::Store(error) => error.into(),
        Refused::Failed(cause) => ApiError::Internal(cause),
    }
}

fn cookie(state: &AppState, secret: &str, max_age: Option<i64>) -> HeaderValue {
    let https = state.settings.public_url.as_ref().is_some_and(|url| url.starts_with("https://"));
    let secure = if https { "; Secure" } else { "" };
    let max_age = max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let text = format!("{SESSION_COOKIE}={secret}; Path=/; HttpOnly; SameSite=Lax{secure}{max_age}");
    HeaderValue::from_str(&text).expect("a secret is URL-safe text")
}

/// Sign out
///
/// Ends the dashboard session, and with it its cookie and its JWT. An API key has none to end.
#[utoipa::path(post, path = "", responses((status = 200, description = "Signed out", body = DoneOut)))]
pub async fn sign_out(Here(state): Here, caller: Result<Caller, ApiError>) -> Result<Response, ApiError> {
    let Caller { actor, session } = match caller {
        Err(ApiError::Unauthorized) => {
            let gone = [(SET_COOKIE, ended_cookie(&state))];
            return Ok((gone, ApiError::Unauthorized).into_response());
        }
        caller => caller?,
    };
    if let Some(LiveSession { session, .. }) = session {
        sign_in::sign_out(&state.app, actor.organization, session.hash).await?;
    }
    let out = DoneOut { success: true, message: "Signed out" };
    Ok(([(SET_COOKIE, ended_cookie(&state))], Json(out)).into_response())
}

/// Who is asking
///
/// For an API key: its owner.
#[utoipa::path(get, path = "", responses((status = 200, description = "The caller", body = MeOut)))]
pub async fn get_caller(Authority(actor, state): Authority) -> Answer<MeOut> {
    let (user, _) = users::get(&state.app, &actor, actor.user_id)?.ok_or(ApiError::NotFound)?;
    Ok(Json(me_out(actor.user_id, actor.organization, &user)))
}

/// How long the session still lives
#[utoipa::path(get, path = "", responses((status = 200, description = "What it has left", body = SessionInfoOut)))]
pub async fn get_session_info(Caller { actor, session }: Caller) -> Json<SessionInfoOut> {
    let minutes = |from: Timestamp, to: Timestamp| (to.0 - from.0).max(0) as f64 / 60e6;
    let left =
        |end: fn(&LiveSession) -> Timestamp| session.as_ref().map(|session| minutes(actor.now, end(session)));
    let idle_left = session.as_ref().map(|live| live.session.idle_seconds as f64 / 60.0);
    Json(SessionInfoOut {
        user_id: actor.user_id,
        is_active: true,
        absolute_timeout_remaining_minutes: left(|live| live.session.ends_at),
        // Asking was a use.
        idle_timeout_remaining_minutes: idle_left,
        idle_minutes: session.as_ref().map(|live| minutes(live.last_used_at, actor.now)),
    })
}

/// Keep the session alive
///
/// Using a session keeps it from idling away; nothing moves its absolute end.
#[utoipa::path(
    post,
    path = "",
    responses(
        (status = 200, description = "It lives on", body = ExtendedOut),
        (status = 409, description = "The caller came by an API key, which does not time out", body = ErrorOut),
    ),
)]
pub async fn extend_session(Here(state): Here, Caller { actor, session }: Caller) -> Answer<ExtendedOut> {
    let none = || ApiError::Conflict("There is no session to extend".to_owned());
    let LiveSession { session, .. } = session.ok_or_else(none)?;
    Ok(Json(ExtendedOut {
        success: true,
        expires_at: session.expires_at(actor.now),
        access_token: Some(state.tokens.for_session(&session, actor.now)),
    }))
}

fn me_out(id: UserId, organization: OrganizationId, user: &User) -> MeOut {
    MeOut {
        id: id.to_string(),
        email: user.email.clone(),
        first_name: user.first_name.clone().unwrap_or_default(),
        last_name: user.last_name.clone().unwrap_or_default(),
        organization_id: organization.to_string(),
        is_active: user.is_active,
        is_platform_admin: false,
        created_at: user.created_at,
        updated_at: user.updated_at,
    }
}
