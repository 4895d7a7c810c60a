//! `/sign-in` and `/sign-out`.

use super::error::PageError;
use super::page::{Fields, go_to, show, show_refused};
use crate::app::sign_in;
use crate::web::api::auth::{begin_session, ended_cookie};
use crate::web::auth::Caller;
use crate::web::error::ApiError;
use crate::web::extract::QueryParams;
use crate::web::forwarded::is_own_origin;
use crate::web::worlds::{CalledUri, Here, called_uri};
use crate::web::{AppState, Peer};
use askama::Template;
use axum::Extension;
use axum::extract::FromRequestParts;
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    email: &'a str,
    next: &'a str,
    refused: Option<String>,
}

/// The way in, or on to the inbox for who is in already.
pub async fn enter(
    caller: Result<Caller, ApiError>,
    called: Option<Extension<CalledUri>>,
    uri: Uri,
) -> Response {
    match caller {
        Ok(_) => go_to("/inbox"),
        Err(_) => go_to(&format!("{}/sign-in", world(called, &uri))),
    }
}

/// What stands before our paths in a world of a fixture.
fn world(called: Option<Extension<CalledUri>>, uri: &Uri) -> String {
    let called = called.map(|Extension(CalledUri(called))| called);
    let before = called.as_ref().and_then(|called| called.path().strip_suffix(uri.path()));
    before.unwrap_or_default().to_owned()
}

pub async fn ask(query: QueryParams) -> Result<Response, PageError> {
    let next = query.text("next").unwrap_or_default();
    show(&SignInPage { email: "", next: &next, refused: None })
}

/// The form is a page's of ours. Without a cookie, which browsers do not send along from other sites, nothing else asks for
/// that: and nobody is to be signed in as somebody else by another site, nor out, for browsers obey the answer.
pub struct OwnPage {
    peer: Option<IpAddr>,
}

impl FromRequestParts<AppState> for OwnPage {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<OwnPage, PageError> {
        let Here(state) = Here::of(parts, state);
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
        let called = called_uri(&parts.extensions, &parts.uri);
        match is_own_origin(&state.settings, &parts.headers, called, peer) {
            true => Ok(OwnPage { peer }),
            false => Err(ApiError::ForeignOrigin.into()),
        }
    }
}

pub async fn sign_in(
    Here(state): Here,
    OwnPage { peer }: OwnPage,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, PageError> {
    let (email, next) = (fields.text("email"), fields.text("next"));
    let password = fields.0.text("password").unwrap_or_default();
    let remember_me = fields.0.text("remember_me").is_some();
    match begin_session(&state, peer, &headers, (email.clone(), password), remember_me).await {
        Ok((_, cookie)) => Ok(([(SET_COOKIE, cookie)], go_to(own_path(&next))).into_response()),
        Err(error @ (ApiError::WrongCredentials | ApiError::TooManyRequests { .. })) => {
            let refused = Some(error.to_string());
            let page = SignInPage { email: &email, next: &next, refused };
            let mut response = show_refused(&page)?;
            // As the API has it: how long to wait is among the headers.
            let (told, _) = error.into_response().into_parts();
            *response.status_mut() = told.status;
            response.headers_mut().extend(
                told.headers
                    .into_iter()
                    .filter(|(name, _)| name.as_ref().is_some_and(|name| *name == RETRY_AFTER)),
            );
            Ok(response)
        }
        Err(error) => Err(error.into()),
    }
}

/// A page of ours: an address from outside leads nowhere else.
fn own_path(next: &str) -> &str {
    let rest = next.strip_prefix('/').unwrap_or("/");
    let is_ours = !rest.starts_with(['/', '\\']) && !next.contains(|c: char| c.is_control());
    if is_ours { next } else { "/inbox" }
}

pub async fn sign_out(
    Here(state): Here,
    _: OwnPage,
    caller: Result<Caller, ApiError>,
    called: Option<Extension<CalledUri>>,
    uri: Uri,
) -> Result<Response, PageError> {
    match caller {
        Ok(Caller { actor, session: Some(live) }) => {
            sign_in::sign_out(&state.app, actor.organization, live.session.hash).await?;
        }
        Ok(_) | Err(ApiError::Unauthorized) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(([(SET_COOKIE, ended_cookie(&state))], go_to(&format!("{}/sign-in", world(called, &uri))))
        .into_response())
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn signing_in_leads_to_a_page_of_ours_alone() {
        for (next, place) in [
            ("/conversations/101?x=1", "/conversations/101?x=1"),
            ("/w/alice/inbox", "/w/alice/inbox"),
            ("", "/inbox"),
            ("//elsewhere.example", "/inbox"),
            ("/\\elsewhere.example", "/inbox"),
            ("https://elsewhere.example", "/inbox"),
            ("javascript:alert(1)", "/inbox"),
            ("/inbox\r\nX: y", "/inbox"),
        ] {
            assert_eq!(own_path(next), place, "{next}");
        }
    }
}
