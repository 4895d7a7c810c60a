//! `/sign-in` and `/sign-out`.

use super::error::PageError;
use super::page::{Fields, go_to, show, show_refused};
use crate::app::sign_in;
use crate::web::Peer;
use crate::web::api::auth::{begin_session, ended_cookie};
use crate::web::auth::Caller;
use crate::web::error::ApiError;
use crate::web::extract::QueryParams;
use crate::web::forwarded::is_own_origin;
use crate::web::worlds::{CalledUri, Here, called_uri};
use askama::Template;
use axum::Extension;
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{Extensions, HeaderMap, Uri};
use axum::response::{IntoResponse, Response};

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

pub async fn sign_in(
    Here(state): Here,
    peer: Option<Extension<Peer>>,
    called: Option<Extension<CalledUri>>,
    uri: Uri,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, PageError> {
    let peer = peer.map(|Extension(peer)| peer.0);
    let mut extensions = Extensions::new();
    called.map(|Extension(called)| extensions.insert(called));
    // Nobody is to be signed in as somebody else by a page of another site.
    if !is_own_origin(&state.settings, &headers, called_uri(&extensions, &uri), peer) {
        return Err(ApiError::ForeignOrigin.into());
    }
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
    caller: Result<Caller, ApiError>,
    (peer, called): (Option<Extension<Peer>>, Option<Extension<CalledUri>>),
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let mut extensions = Extensions::new();
    called.clone().map(|Extension(called)| extensions.insert(called));
    // A page of another site sends no cookie, but its browser would obey the answer.
    let peer = peer.map(|Extension(peer)| peer.0);
    if !is_own_origin(&state.settings, &headers, called_uri(&extensions, &uri), peer) {
        return Err(ApiError::ForeignOrigin.into());
    }
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
