//! Who asks. A handler reaches an organization's data only through [`Authority`], so one without
//! it does not compile.

use super::AppState;
use super::error::ApiError;
use crate::app::accounts;
use crate::model::account::{Actor, Role};
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use subtle::ConstantTimeEq;

/// The operator's commands name the organization here when there are several.
pub const X_ORGANIZATION: &str = "x-smslite-organization";

/// The caller may read.
pub struct Authority(pub Actor);

/// The caller may change things: a `viewer` is refused before the body is read.
pub struct Writer(pub Actor);

/// The caller may change accounts and data at large.
pub struct Admin(pub Actor);

impl FromRequestParts<AppState> for Authority {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Authority, ApiError> {
        authenticate(&parts.headers, state).map(Authority)
    }
}

impl FromRequestParts<AppState> for Writer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Writer, ApiError> {
        let actor = authenticate(&parts.headers, state)?;
        actor.require(Role::User)?;
        Ok(Writer(actor))
    }
}

impl FromRequestParts<AppState> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Admin, ApiError> {
        let actor = authenticate(&parts.headers, state)?;
        actor.require(Role::Admin)?;
        Ok(Admin(actor))
    }
}

fn authenticate(headers: &HeaderMap, state: &AppState) -> Result<Actor, ApiError> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    // Of two it would not be clear which counts.
    let (Some(header), None) = (given.next(), given.next()) else {
        return Err(ApiError::Unauthorized);
    };
    let header = header.to_str().map_err(|_| ApiError::Unauthorized)?;
    let (scheme, token) = header.split_once(' ').ok_or(ApiError::Unauthorized)?;
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(ApiError::Unauthorized);
    }
    let (token, now) = (token.trim(), state.app.clock.now());
    if bool::from(token.as_bytes().ct_eq(state.control_token.as_bytes())) {
        let slug = headers.get(X_ORGANIZATION).and_then(|value| value.to_str().ok());
        return accounts::operator(&state.app.store, slug, now).map_err(ApiError::Unprocessable);
    }
    accounts::actor_of_key(&state.app.store, token, now).ok_or(ApiError::Unauthorized)
}
