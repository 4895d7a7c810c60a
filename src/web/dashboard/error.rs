//! When a page cannot be shown: to whoever is not signed in the way in, to others what is wrong, in a page.

use super::page::go_to;
use super::safety::harden;
use crate::web::AppState;
use crate::web::error::ApiError;
use crate::web::webhooks::unknown_path;
use crate::web::worlds::called_uri;
use askama::Template;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

/// Why a page is not shown.
#[derive(Debug)]
pub enum PageError {
    Api(ApiError),
    /// Somebody has to sign in first; where to.
    SignIn {
        place: String,
        /// Asked by the page's script, which follows no redirect to another page.
        by_script: bool,
    },
}

impl<E: Into<ApiError>> From<E> for PageError {
    fn from(error: E) -> PageError {
        PageError::Api(error.into())
    }
}

impl PageError {
    pub(super) fn sign_in(parts: &Parts) -> PageError {
        let by_script = parts.headers.contains_key("hx-request");
        let called = called_uri(&parts.extensions, &parts.uri);
        let world = called.path().strip_suffix(parts.uri.path()).unwrap_or_default();
        // A form, and a part of a page, are nothing to come back to: their page is.
        let page = |name: &str| parts.headers.get(name).and_then(|url| path_of(url.to_str().ok()?));
        let wanted = match parts.method == Method::GET && !by_script {
            true => called.path_and_query().map(ToString::to_string),
            false => page("hx-current-url").or_else(|| page("referer")),
        };
        let next = wanted.filter(|wanted| !wanted.is_empty() && wanted != "/");
        let query = next.map(|next| {
            let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
            format!("?next={next}")
        });
        PageError::SignIn { place: format!("{world}/sign-in{}", query.unwrap_or_default()), by_script }
    }
}

fn path_of(url: &str) -> Option<String> {
    let url: axum::http::Uri = url.parse().ok()?;
    url.path_and_query().map(ToString::to_string)
}

/// What an error says to people: of fields that are wrong, which and why.
pub fn sentences(error: &ApiError) -> String {
    let ApiError::Invalid(invalid) = error else { return error.to_string() };
    let told = invalid.iter().map(|it| {
        let name = it.loc.last().map(|name| name.replace('_', " ")).unwrap_or_default();
        format!("{name}: {}", it.msg)
    });
    told.collect::<Vec<_>>().join("; ")
}

/// Why a form was refused, for who filled it in. What no other input would help against is an error of the page.
pub fn refusal(error: ApiError) -> Result<String, PageError> {
    match error {
        ApiError::Invalid(_) | ApiError::Conflict(_) | ApiError::Unprocessable(_) | ApiError::Forbidden => {
            Ok(sentences(&error))
        }
        error => Err(error.into()),
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    status: u16,
    title: &'a str,
    text: &'a str,
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let error = match self {
            PageError::Api(error) => error,
            PageError::SignIn { place, by_script: false } => return go_to(&place),
            PageError::SignIn { place, by_script: true } => {
                let mut response = StatusCode::UNAUTHORIZED.into_response();
                if let Ok(place) = HeaderValue::from_str(&place) {
                    response.headers_mut().insert("hx-redirect", place);
                }
                return response;
            }
        };
        let text = sentences(&error);
        // The status, headers and the cause for the log are as in the API.
        let (mut parts, _) = error.into_response().into_parts();
        let title = parts.status.canonical_reason().unwrap_or("Error");
        let page = ErrorPage { status: parts.status.as_u16(), title, text: &text };
        let body = page.render().unwrap_or_else(|_| text.clone());
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        parts.headers.remove(CONTENT_LENGTH);
        harden(&mut parts.headers);
        Response::from_parts(parts, body.into())
    }
}

/// Where no route leads. Browsers are told in a page.
pub async fn nothing_here(State(state): State<AppState>, request: Request) -> Response {
    let accepts = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    let is_browser = accepts.is_some_and(|accepts| accepts.contains("text/html"));
    let error = unknown_path(State(state), request).await;
    if is_browser { PageError::from(error).into_response() } else { error.into_response() }
}
