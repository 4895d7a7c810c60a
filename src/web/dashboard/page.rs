//! What all pages share: who looks at them, what stands around them, and what is shown when one cannot be.

pub use super::error::{PageError, sentences};
use super::safety::harden;
use super::when::{When, Zone};
use crate::app::events;
use crate::model::account::{Actor, Role};
use crate::model::feed::FeedEvent;
use crate::model::time::Timestamp;
use crate::web::AppState;
use crate::web::auth::{authenticate, cookie};
use crate::web::error::ApiError;
use crate::web::extract::{QueryParams, media_type, read_body};
use askama::Template;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// The cookie that the page's script tells the browser's zone by.
const ZONE_COOKIE: &str = "zone";
/// What a form may bring: two messages of the longest, and then some.
const FORM_LIMIT_BYTES: usize = 64 * 1024;

/// Somebody signed in, who may read.
pub struct Visitor {
    pub actor: Actor,
    pub state: AppState,
    pub shell: Shell,
}

/// As [`Visitor`], who may change things: a `viewer` is refused.
pub struct Editor(pub Visitor);

/// As [`Visitor`], who may change accounts.
pub struct Manager(pub Visitor);

/// What stands around each page.
pub struct Shell {
    pub email: String,
    pub organization: String,
    pub role: Role,
    pub may_write: bool,
    pub may_manage: bool,
    /// The part of the dashboard that the page is in, as the first word of its path.
    pub section: &'static str,
    /// What was just done, after a form led here.
    pub said: Option<&'static str>,
    /// How far the feed went before the page was written: what comes after is news to it.
    pub after: u64,
    zone: Zone,
    now: Timestamp,
}

impl Shell {
    /// What the navigation shows: path, name and whether the page is in it.
    pub fn sections(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> + '_ {
        let shown = SECTIONS.into_iter().filter(|(_, _, role)| *role <= self.role);
        shown.map(|(path, name, _)| (path, name, path == self.section))
    }

    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The kinds of news.
    pub fn events(&self) -> String {
        format!("{} gap", FeedEvent::NAMES.join(" "))
    }

    /// Minutes that the browser's clock is before UTC.
    pub fn zone_minutes(&self) -> i32 {
        self.zone.0
    }

    pub fn when(&self, at: Timestamp) -> When {
        self.zone.when(at, self.now)
    }
}

/// The sections as they stand in paths, their names, and who sees them.
const SECTIONS: [(&str, &str, Role); 11] = [
    ("inbox", "Inbox", Role::Viewer),
    ("phone", "Phone", Role::User),
    ("message-logs", "Message logs", Role::Viewer),
    ("sessions", "Sessions", Role::Viewer),
    ("parked-events", "Parked events", Role::Viewer),
    ("opt-outs", "Opt-outs", Role::Viewer),
    ("refused-webhooks", "Refused webhooks", Role::Admin),
    ("assistants", "Assistants & numbers", Role::Viewer),
    ("api-keys", "API keys", Role::Viewer),
    ("users", "Users", Role::Admin),
    ("configuration", "Configuration", Role::Admin),
];

fn section(path: &str) -> &'static str {
    match path.split('/').nth(1).unwrap_or_default() {
        "messages" => "message-logs",
        first => SECTIONS.iter().find(|(known, ..)| *known == first).map_or("inbox", |(known, ..)| known),
    }
}

/// What a form that led here has done. A fixed list: an address can put no words of its own into a page.
const SAID: [(&str, &str); 18] = [
    ("archived", "The conversation was archived and its contents were purged."),
    ("all-read", "Everything is marked as read."),
    ("session-cleared", "The session was cleared. The customer's next message starts a fresh conversation."),
    ("sessions-cleared", "All sessions were cleared."),
    ("replayed", "It is forwarded again."),
    ("all-replayed", "They are forwarded again."),
    ("discarded", "It was given up."),
    ("opted-out", "The customer gets no more messages from this number."),
    ("opted-in", "The customer gets messages from this number again."),
    ("assistant-made", "The assistant was made."),
    ("assistant-changed", "The assistant was changed."),
    ("assistant-deleted", "The assistant was deleted."),
    ("number-assigned", "The number is the assistant's."),
    ("number-unassigned", "The number is nobody's any more."),
    ("key-renamed", "The key was renamed."),
    ("key-revoked", "The key was revoked. It works no more."),
    ("user-made", "The user was made."),
    ("user-changed", "The user was changed."),
];

impl FromRequestParts<AppState> for Visitor {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Visitor, PageError> {
        let (caller, state) = match authenticate(parts, state) {
            Err(ApiError::Unauthorized) => return Err(PageError::sign_in(parts)),
            known => known?,
        };
        let actor = caller.actor;
        let after = events::extent(&state.app, actor.organization)?.newest;
        let directory = state.app.store.directory().view();
        let user = directory.user(actor.organization, actor.user_id);
        let organization = directory.organization(actor.organization);
        let query = QueryParams::of(parts).text("said");
        let shell = Shell {
            email: user.map(|user| user.email.clone()).unwrap_or_default(),
            organization: organization.map(|it| it.name.clone()).unwrap_or_default(),
            role: actor.role,
            may_write: actor.role >= Role::User,
            may_manage: actor.role >= Role::Admin,
            section: section(parts.uri.path()),
            said: SAID.iter().find(|(word, _)| Some(*word) == query.as_deref()).map(|(_, text)| *text),
            after,
            zone: zone(&parts.headers),
            now: actor.now,
        };
        drop(directory);
        Ok(Visitor { actor, state, shell })
    }
}

pub(super) fn zone(headers: &HeaderMap) -> Zone {
    cookie(headers, ZONE_COOKIE).and_then(Zone::parse).unwrap_or_default()
}

impl FromRequestParts<AppState> for Editor {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Editor, PageError> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        visitor.actor.require(Role::User)?;
        Ok(Editor(visitor))
    }
}

impl FromRequestParts<AppState> for Manager {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Manager, PageError> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        visitor.actor.require(Role::Admin)?;
        Ok(Manager(visitor))
    }
}

/// The fields of a form.
pub struct Fields(pub QueryParams);

impl Fields {
    /// A field without the space around it; empty when it is not there.
    pub fn text(&self, name: &str) -> String {
        self.0.text(name).unwrap_or_default().trim().to_owned()
    }

    /// A text that is meant as it is typed. Browsers end lines as mail does.
    pub fn verbatim(&self, name: &str) -> String {
        self.0.text(name).unwrap_or_default().replace("\r\n", "\n")
    }
}

impl<S: Sync> FromRequest<S> for Fields {
    type Rejection = PageError;

    async fn from_request(request: Request, _: &S) -> Result<Fields, PageError> {
        const FORM: &str = "application/x-www-form-urlencoded";
        if !media_type(request.headers()).eq_ignore_ascii_case(FORM) {
            return Err(ApiError::UnsupportedMediaType { expected: FORM }.into());
        }
        let body = read_body(request.into_body(), FORM_LIMIT_BYTES).await?;
        Ok(Fields(QueryParams::parse(&String::from_utf8_lossy(&body))))
    }
}

/// A page that is there.
pub fn show(page: &impl Template) -> Result<Response, PageError> {
    html(StatusCode::OK, page)
}

/// A page with what a form could not do.
pub fn show_refused(page: &impl Template) -> Result<Response, PageError> {
    html(StatusCode::UNPROCESSABLE_ENTITY, page)
}

fn html(status: StatusCode, page: &impl Template) -> Result<Response, PageError> {
    let text = page.render().map_err(|error| ApiError::Internal(error.to_string()))?;
    let mut response = (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response();
    harden(response.headers_mut());
    Ok(response)
}

/// On to another page, after a form has done something.
pub fn go_to(path: &str) -> Response {
    let place = HeaderValue::from_str(path).unwrap_or_else(|_| HeaderValue::from_static("/inbox"));
    (StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response()
}
