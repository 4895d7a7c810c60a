//! Worlds: organizations that have a server of their own within this one, with their own clock. Only the fixture
//! makes some; here stands what the rest of the floor asks of it, and what a request is then answered by.

use super::AppState;
use super::routes::MoreRoutes;
use crate::model::ids::OrganizationId;
use axum::Router;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Extensions, Uri};
use axum::response::Response;
use std::any::Any;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

/// Those that there are.
pub trait Worlds: Send + Sync {
    /// The one that a request is for: by its path, or by whom it comes from.
    fn of_request(&self, parts: &Parts) -> Option<AppState>;

    /// The one that an organization is.
    fn of(&self, organization: OrganizationId) -> Option<AppState>;

    /// Answers a request by the router, and notes what went in and out.
    fn answer(self: Arc<Self>, router: Router, request: Request) -> Answering;

    /// It is served from now on, at this URL, by this router.
    fn begin(self: Arc<Self>, url: &str, router: Router);

    /// It is served no more.
    fn end(&self);

    /// Further routes, and what is said of them.
    fn routes(&self) -> MoreRoutes;

    /// Itself, for those who know what it is.
    fn any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

pub type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// On a request that was sent to one world by its path: nobody else is to answer it. On an answer: whose it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InWorld(pub OrganizationId);

/// On a request that was sent to one world: the URI that was called, before the world's path was taken off.
#[derive(Clone, Debug)]
pub struct CalledUri(pub Uri);

/// The URI that was called.
pub fn called_uri<'a>(extensions: &'a Extensions, uri: &'a Uri) -> &'a Uri {
    extensions.get::<CalledUri>().map_or(uri, |called| &called.0)
}

/// What answers a request: the server, or the world in it that the request is for.
pub struct Here(pub AppState);

impl Here {
    pub fn of(parts: &Parts, state: &AppState) -> Here {
        let world = state.worlds.as_ref().and_then(|worlds| worlds.of_request(parts));
        Here(world.unwrap_or_else(|| state.clone()))
    }

    /// What answers for an organization.
    pub fn for_organization(organization: OrganizationId, state: &AppState) -> Here {
        let world = state.worlds.as_ref().and_then(|worlds| worlds.of(organization));
        Here(world.unwrap_or_else(|| state.clone()))
    }
}

impl FromRequestParts<AppState> for Here {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Here, Infallible> {
        Ok(Here::of(parts, state))
    }
}
