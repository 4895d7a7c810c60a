//! Who asks, and with it what they may use: a handler comes by the data only together with its caller.

use super::error::ApiError;
use super::forwarded::is_own_origin;
use super::openapi::SESSION_COOKIE;
use super::tokens::Bearer;
use super::worlds::{Here, InWorld, Worlds};
use super::{AppState, Peer};
use crate::app::sign_in::LiveSession;
use crate::app::{accounts, sign_in};
use crate::model::account::{Actor, KeyHash, Role};
use crate::model::time::Timestamp;
use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use subtle::ConstantTimeEq;

/// The operator's commands name the organization here when there are several.
pub const X_ORGANIZATION: &str = "x-smslite-organization";

/// On what a page asks for without that anybody did anything.
const BY_ITSELF: &str = "x-live";

/// The caller may read.
pub struct Authority(pub Actor, pub AppState);

/// The caller may change things: a `viewer` is refused before the body is read.
pub struct Writer(pub Actor, pub AppState);

/// The caller may change accounts and data at large.
pub struct Admin(pub Actor, pub AppState);

/// The caller may ask for what is of all organizations: one of the operator's commands, or an admin where there is
/// one organization.
pub struct Operator;

/// The caller, with the dashboard session they came by, if any.
pub struct Caller {
    pub actor: Actor,
    pub session: Option<LiveSession>,
}

/// The caller of an answer that goes on and on. Whether they still may is asked again, and is no use of what they
/// came by: a page that is left open keeps nobody signed in.
pub struct Subscriber {
    pub actor: Actor,
    pub state: AppState,
    credentials: Credentials,
}

enum Credentials {
    Operator,
    Key(KeyHash),
    Session(KeyHash),
    /// Of the identity provider.
    Token(String),
}

impl Subscriber {
    pub fn still_may(&self) -> bool {
        let (state, now) = (&self.state, self.state.app.clock.now());
        let store = &state.app.store;
        let actor = match &self.credentials {
            Credentials::Operator => return true,
            Credentials::Key(hash) => accounts::actor_still_of_key(store, hash, now),
            Credentials::Session(hash) => sign_in::actor_still_of_session(store, hash, now).map(|it| it.0),
            Credentials::Token(token) => match state.tokens.read(token, now) {
                Some(Bearer::Person { email, organization, role }) => {
                    sign_in::actor_of_person(store, &email, organization.as_deref(), role, now)
                }
                _ => None,
            },
        };
        actor.is_some_and(|actor| actor.organization == self.actor.organization)
    }

    /// Whether the answer takes more than a look at what is in memory.
    pub fn is_costly_to_ask(&self) -> bool {
        matches!(self.credentials, Credentials::Token(_))
    }
}

impl FromRequestParts<AppState> for Subscriber {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Subscriber, ApiError> {
        let (Caller { actor, session }, state) = authenticate(parts, state)?;
        let credentials = match (parts.headers.get(AUTHORIZATION), session) {
            // By a cookie, or a token of ours.
            (_, Some(live)) => Credentials::Session(live.session.hash),
            (None, None) => return Err(ApiError::Unauthorized),
            (Some(header), None) => {
                let token = bearer(header)?;
                let hash = KeyHash::of(token);
                let is_key = state.app.store.directory().view().key(&hash).is_some();
                match is_control_token(token, &state.control_token) {
                    true => Credentials::Operator,
                    false if is_key => Credentials::Key(hash),
                    false => Credentials::Token(token.to_owned()),
                }
            }
        };
        Ok(Subscriber { actor, state, credentials })
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Caller, ApiError> {
        authenticate(parts, state).map(|(caller, _)| caller)
    }
}

impl FromRequestParts<AppState> for Authority {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Authority, ApiError> {
        authenticate(parts, state).map(|(caller, state)| Authority(caller.actor, state))
    }
}

impl FromRequestParts<AppState> for Writer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Writer, ApiError> {
        let Authority(actor, state) = Authority::from_request_parts(parts, state).await?;
        actor.require(Role::User)?;
        Ok(Writer(actor, state))
    }
}

impl FromRequestParts<AppState> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Admin, ApiError> {
        let Authority(actor, state) = Authority::from_request_parts(parts, state).await?;
        actor.require(Role::Admin)?;
        Ok(Admin(actor, state))
    }
}

impl FromRequestParts<AppState> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Operator, ApiError> {
        let mut given = parts.headers.get_all(AUTHORIZATION).iter().map(bearer);
        match (given.next(), given.next()) {
            (Some(Ok(token)), None) if is_control_token(token, &state.control_token) => Ok(Operator),
            _ => {
                authenticate(parts, state)?.0.actor.require(Role::Admin)?;
                // Nobody else's data are in it then.
                let alone = state.app.store.directory().view().organizations().take(2).count() == 1;
                if alone { Ok(Operator) } else { Err(ApiError::Forbidden) }
            }
        }
    }
}

pub fn bearer(header: &HeaderValue) -> Result<&str, ApiError> {
    const SCHEME: &[u8; 7] = b"Bearer ";
    let (scheme, token) = header.as_bytes().split_first_chunk::<7>().ok_or(ApiError::Unauthorized)?;
    if !SCHEME.eq_ignore_ascii_case(scheme) {
        return Err(ApiError::Unauthorized);
    }
    std::str::from_utf8(token.trim_ascii()).map_err(|_| ApiError::Unauthorized)
}

pub fn is_control_token(token: &str, control_token: &str) -> bool {
    bool::from(token.as_bytes().ct_eq(control_token.as_bytes()))
}

/// An `Authorization` header decides alone, a good or a bad one; without it the cookie counts. Gives what answers the
/// caller with it.
pub(in crate::web) fn authenticate(parts: &Parts, state: &AppState) -> Result<(Caller, AppState), ApiError> {
    let Here(state) = Here::of(parts, state);
    let now = state.app.clock.now();
    let mut given = parts.headers.get_all(AUTHORIZATION).iter();
    let caller = match (given.next(), given.next()) {
        (Some(header), None) => by_header(header, &parts.headers, &state, now),
        (None, _) => by_cookie(parts, &state, now),
        // Of two it would not be clear which counts.
        _ => Err(ApiError::Unauthorized),
    }?;
    match state.worlds.clone() {
        None => Ok((caller, state)),
        Some(worlds) => in_its_world(parts, caller, &*worlds),
    }
}

/// The caller in the world that their organization is: nobody else answers them.
fn in_its_world(
    parts: &Parts,
    mut caller: Caller,
    worlds: &dyn Worlds,
) -> Result<(Caller, AppState), ApiError> {
    let organization = caller.actor.organization;
    if parts.extensions.get::<InWorld>().is_some_and(|asked| asked.0 != organization) {
        return Err(ApiError::OfAnotherWorld);
    }
    // One that is being ended has no world any more.
    let state = worlds.of(organization).ok_or(ApiError::Unauthorized)?;
    caller.actor.now = state.app.clock.now();
    Ok((caller, state))
}

fn by_header(
    header: &HeaderValue,
    headers: &HeaderMap,
    state: &AppState,
    now: Timestamp,
) -> Result<Caller, ApiError> {
    let (token, store) = (bearer(header)?, &state.app.store);
    if is_control_token(token, &state.control_token) {
        let slug = headers.get(X_ORGANIZATION).and_then(|value| value.to_str().ok());
        let actor = accounts::operator(store, slug, now).map_err(ApiError::Unprocessable)?;
        return Ok(Caller { actor, session: None });
    }
    if let Some(actor) = accounts::actor_of_key(store, token, now) {
        return Ok(Caller { actor, session: None });
    }
    match state.tokens.read(token, now).ok_or(ApiError::Unauthorized)? {
        Bearer::Session(hash) => by_session(&hash, state, now),
        Bearer::Person { email, organization, role } => {
            // Where the provider does not say whose they are, a world that is alone here does.
            let organization = organization.or_else(|| state.app.only().map(|only| only.to_string()));
            let actor = sign_in::actor_of_person(store, &email, organization.as_deref(), role, now);
            Ok(Caller { actor: actor.ok_or(ApiError::Unauthorized)?, session: None })
        }
    }
}

fn by_cookie(parts: &Parts, state: &AppState, now: Timestamp) -> Result<Caller, ApiError> {
    let secret = session_cookie(&parts.headers).ok_or(ApiError::Unauthorized)?;
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
    // Browsers send the cookie along with what other sites make them send.
    if !parts.method.is_safe() && !is_own_origin(&state.settings, &parts.headers, &parts.uri, peer) {
        return Err(ApiError::ForeignOrigin);
    }
    let hash = KeyHash::of(secret);
    // A page that looks by itself for news keeps nobody signed in.
    match parts.method.is_safe() && parts.headers.contains_key(BY_ITSELF) {
        true => live(sign_in::actor_still_of_session(&state.app.store, &hash, now)),
        false => by_session(&hash, state, now),
    }
}

fn by_session(hash: &KeyHash, state: &AppState, now: Timestamp) -> Result<Caller, ApiError> {
    live(sign_in::actor_of_session(&state.app.store, hash, now))
}

fn live(known: Option<(Actor, LiveSession)>) -> Result<Caller, ApiError> {
    let (actor, session) = known.ok_or(ApiError::Unauthorized)?;
    Ok(Caller { actor, session: Some(session) })
}

pub fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, SESSION_COOKIE)
}

pub fn cookie<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
}
