//! The composition root: settings -> store -> sessions -> router -> serve(listener, shutdown).
//! Tests and commands build the same server that `smslite serve` runs.

use crate::app::App;
use crate::carriers::twilio::{Twilio, TwilioSecrets};
use crate::clock::Clock;
use crate::config::{Secret, Settings};
use crate::sessions::Sessions;
use crate::store::{Location, OpenError, Store};
use crate::web::{AppState, Shared, routes};
use axum::Router;
pub use axum::body::Body;
use axum::serve::ListenerExt;
use futures_util::FutureExt;
use http::{Request, Response};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tower::ServiceExt;

/// How long requests that are under way may take once the server was told to stop.
pub const GRACE: Duration = Duration::from_secs(10);

/// Opens the store and puts the parts together.
pub fn build(
    settings: Settings,
    location: Location,
    clock: Clock,
    control_token: &str,
) -> Result<AppState, OpenError> {
    let spool_dir = match &location {
        Location::Directory(dir) => dir.path().into(),
        Location::Memory | Location::Backend(_) => std::env::temp_dir().into(),
    };
    let store = Store::open(location, settings.cache_bytes)?;
    let exposed = |secrets: &[Secret]| secrets.iter().map(|secret| secret.expose().to_owned()).collect();
    let twilio = Twilio::new(TwilioSecrets {
        auth_tokens: exposed(&settings.twilio.auth_tokens),
        shared_keys: exposed(&settings.twilio.shared_keys),
    });
    let app = App {
        store,
        sessions: Sessions::new(settings.session_ttl_seconds),
        clock,
        session_ttl_seconds: settings.session_ttl_seconds,
    };
    Ok(Arc::new(Shared { app, settings, control_token: control_token.to_owned(), spool_dir, twilio }))
}

/// The server without a network: for commands that find no server running.
pub struct Local(Router);

impl Local {
    pub fn new(state: AppState) -> Local {
        Local(routes::router(state))
    }

    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let Ok(response) = self.0.clone().oneshot(request).await;
        response
    }
}

/// Serves until `shutdown` resolves, then stops accepting and lets requests under way finish for
/// [`GRACE`]. What is not finished then is cut off; nothing acknowledged is lost by that.
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (told, stopping) = tokio::sync::oneshot::channel();
    let shutdown = async move {
        shutdown.await;
        // Nobody listens any more when serving ended by itself.
        let _ = told.send(());
    };
    // Small answers should not wait for more to send.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let router = routes::router(state.clone());
    // Who is at the other end matters only where somebody is trusted to speak for others.
    let serving = if state.settings.trusted_proxies.is_empty() {
        axum::serve(listener, router).with_graceful_shutdown(shutdown).into_future().left_future()
    } else {
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service).with_graceful_shutdown(shutdown).into_future().right_future()
    };
    tokio::select! {
        served = serving => served,
        () = async {
            match stopping.await {
                Ok(()) => tokio::time::sleep(GRACE).await,
                Err(_) => std::future::pending().await,
            }
        } => {
            tracing::warn!("some requests were cut off: they took longer than {} s", GRACE.as_secs());
            Ok(())
        }
    }
}
