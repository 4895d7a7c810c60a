//! The composition root: settings -> store -> sessions -> jobs -> router -> serve(listener, shutdown).
//! Tests and commands build the same server that `smslite serve` runs.

mod connections;

use crate::app::accounts::random_secret;
use crate::app::backup::Schedule;
use crate::app::carriers::{Accounts, Carriers, Rates};
use crate::app::chance::Chance;
use crate::app::forwarding::Forwarding;
use crate::app::http_client::HttpClient;
use crate::app::outbox::Outbox;
use crate::app::reach::Reach;
use crate::app::retention::Retention;
use crate::app::throttle::Throttle;
use crate::app::{App, Scope};
use crate::carriers::telnyx::TelnyxAccount;
use crate::carriers::twilio::TwilioAccount;
use crate::carriers::vonage::VonageAccount;
use crate::clock::Clock;
use crate::config::{BackupSettings, CarrierSettings, Secret, Settings};
#[cfg(feature = "fixture")]
use crate::fixture::{Base, Fixture};
use crate::jobs::Jobs;
use crate::model::message_log::Provider;
use crate::sessions::Sessions;
use crate::store::{Location, OpenError, Store};
use crate::web::kept_pages::KeptPages;
use crate::web::live::Live;
use crate::web::routes::Served;
use crate::web::tokens::Tokens;
use crate::web::{AppState, Shared, request_id, routes};
pub use axum::body::Body;
use connections::Serving;
use futures_util::FutureExt;
use http::{Request, Response};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// How long requests that are under way may take once the server was told to stop.
pub const GRACE: Duration = Duration::from_secs(10);
/// How long kept connections are served on then: each answer says that it is the last, so that clients leave by
/// themselves and no request that is on its way meets a closed door.
const LAST_REQUESTS: Duration = Duration::from_millis(250);
/// The most connections at a time; more wait to be accepted.
const CONNECTIONS: usize = 10_000;
/// The most that ask for metrics at a time, where these have a listener of their own.
const METRICS_CONNECTIONS: usize = 32;
const AFTER_REFUSAL: Duration = Duration::from_millis(500);

/// The parts cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The identity provider's key is of no use.
    #[error("{0}")]
    Provider(String),
}

/// Opens the store and puts the parts together.
pub fn build(
    settings: Settings,
    location: Location,
    clock: Clock,
    control_token: &str,
) -> Result<AppState, BuildError> {
    parts(settings, location, clock, control_token).map(Arc::new)
}

/// As [`build`], a server whose organizations are worlds.
#[cfg(feature = "fixture")]
pub fn build_fixture(
    settings: Settings,
    location: Location,
    control_token: &str,
) -> Result<(AppState, Arc<Fixture>), BuildError> {
    let timeout = Duration::from_secs(settings.send_timeout_seconds);
    let forward_timeout = Duration::from_secs(settings.forward_timeout_seconds);
    let reach = reach(&settings);
    // Worlds are called where they are.
    let mut settings = Settings { public_url: None, ..settings };
    settings.said.overrule("public_url", "(not set)", "worlds are called where they are");
    let mut shared = parts(settings, location, Clock::System, control_token)?;
    shared.app.scope = Scope::Nobody;
    let fixture = Fixture::new(Base {
        app: shared.app.clone(),
        settings: shared.settings.clone(),
        tokens: shared.tokens.clone(),
        control_token: shared.control_token.clone(),
        spool_dir: shared.spool_dir.clone(),
        carriers: HttpClient::new(timeout, Reach::Anywhere),
        receivers: HttpClient::new(forward_timeout, reach),
    });
    shared.worlds = Some(fixture.clone());
    Ok((Arc::new(shared), fixture))
}

fn reach(settings: &Settings) -> Reach {
    let allowed = settings.forward_allowed_networks.as_slice().into();
    Reach::Public { loopback: settings.is_loopback(), allowed }
}

fn parts(
    settings: Settings,
    location: Location,
    clock: Clock,
    control_token: &str,
) -> Result<Shared, BuildError> {
    let jwt_secret = match &location {
        Location::Directory(dir) => dir.secret("jwt-secret", random_secret)?,
        Location::Memory | Location::Backend(_) => random_secret(),
    };
    let tokens = Tokens::new(&jwt_secret, settings.jwt.as_ref()).map_err(BuildError::Provider)?;
    let spool_dir = match &location {
        Location::Directory(dir) => dir.path().into(),
        Location::Memory | Location::Backend(_) => std::env::temp_dir(),
    };
    let data_dir = match &location {
        Location::Directory(dir) => Some(dir.path().to_owned()),
        Location::Memory | Location::Backend(_) => None,
    };
    let store = Store::open(location, settings.cache_bytes)?;
    let carriers = carriers(&settings);
    let forward_timeout = Duration::from_secs(settings.forward_timeout_seconds);
    let reach = reach(&settings);
    let timeout = Duration::from_secs(settings.send_timeout_seconds);
    let app = App {
        store,
        sessions: Sessions::new(settings.session_ttl_seconds),
        throttle: Arc::new(Throttle::new(&clock)),
        scope: Scope::Everyone,
        chance: Chance::System,
        outbox: Arc::new(Outbox::new(&carriers, HttpClient::new(timeout, Reach::Anywhere))),
        carriers: Arc::new(carriers),
        forwarding: Arc::new(Forwarding::new(HttpClient::new(forward_timeout, reach), clock.now())),
        refusals: Arc::default(),
        arrivals: Arc::default(),
        rules: Arc::default(),
        metrics: Arc::default(),
        clock,
        session_ttl_seconds: settings.session_ttl_seconds,
        retention: Retention {
            conversations_days: settings.retention.conversations_days,
            logs_days: settings.retention.logs_days,
            raw_payloads_days: settings.retention.raw_payloads_days,
            audit_days: settings.retention.audit_days,
            feed_days: settings.retention.feed_days,
        },
        purge_wanted: Arc::default(),
        backups: settings.backup.as_ref().map(|backup| Arc::new(schedule(backup))),
        data_dir,
        stopping: Arc::default(),
        purging: Arc::default(),
    };
    Ok(Shared {
        tokens: Arc::new(tokens),
        live: Live::default(),
        kept_pages: KeptPages::default(),
        worlds: None,
        app,
        settings: Arc::new(settings),
        control_token: control_token.to_owned(),
        spool_dir,
    })
}

fn carriers(settings: &Settings) -> Carriers {
    let exposed = |secrets: &[Secret]| secrets.iter().map(|secret| secret.expose().to_owned()).collect();
    let one = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    let Settings { twilio, telnyx, vonage, .. } = settings;
    let rates = |provider, carrier: &CarrierSettings| {
        let rate = |per_minute| NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN);
        let (carrier, number) = (carrier.messages_per_minute, carrier.number_messages_per_minute);
        (provider, Rates { carrier: rate(carrier), number: rate(number) })
    };
    let accounts = Accounts {
        twilio: TwilioAccount {
            account_sid: twilio.account_sid.clone(),
            auth_tokens: exposed(&twilio.auth_tokens),
            shared_keys: exposed(&twilio.shared_keys),
            base_url: twilio.carrier.base_url.clone(),
        },
        telnyx: TelnyxAccount {
            api_key: one(&telnyx.api_key),
            public_keys: telnyx.public_keys.clone(),
            base_url: telnyx.carrier.base_url.clone(),
        },
        vonage: VonageAccount {
            api_key: vonage.api_key.clone(),
            api_secret: one(&vonage.api_secret),
            signature_secrets: exposed(&vonage.signature_secrets),
            signature_method: vonage.signature_method,
            base_url: vonage.carrier.base_url.clone(),
        },
    };
    let rates = [
        rates(Provider::Twilio, &twilio.carrier),
        rates(Provider::Telnyx, &telnyx.carrier),
        rates(Provider::Vonage, &vonage.carrier),
    ];
    Carriers::new(accounts, rates, settings.public_url.clone())
}

fn schedule(settings: &BackupSettings) -> Schedule {
    Schedule { dir: settings.dir.clone(), every_seconds: settings.every_hours * 3600, keep: settings.keep }
}

/// The server without a network: for commands that find no server running.
#[derive(Clone)]
pub struct Local(Served);

impl Local {
    pub fn new(state: AppState) -> Local {
        Local(routes::served(state))
    }

    pub fn router(&self) -> axum::Router {
        self.0.router()
    }

    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        request_id::answer(self.0.clone(), request).await
    }
}

/// Serves until `shutdown` resolves, then stops accepting and lets requests under way finish for
/// [`GRACE`]. What is not finished then is cut off; nothing acknowledged is lost by that.
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let served = routes::served(state.clone());
    if let (Some(worlds), Ok(address)) = (state.worlds.clone(), listener.local_addr()) {
        worlds.begin(&format!("http://{address}"), served.router());
    }
    let jobs = Jobs::start(state.app.clone());
    // Who is at the other end matters only where somebody is trusted to speak for others.
    let tell_peer = !state.settings.trusted_proxies.is_empty();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let stopping = state.app.stopping.clone();
    let serving = Serving::new(served, tell_peer, stopping.clone());
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepting = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepting => accepted,
            () = &mut shutdown => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Most likely too many open files: they get fewer when connections end.
                tracing::error!(%error, "a connection cannot be accepted");
                tokio::time::sleep(AFTER_REFUSAL).await;
                continue;
            }
        };
        serving.take(stream, peer.ip(), place.ok());
    }
    stopping.store(true, Ordering::Relaxed);
    // Those who listen to events come back when the next server is there.
    state.app.store.news().close();
    // Those who have connected may have sent a request already.
    let listener = listener.into_std()?;
    while let (Ok(place), Ok((stream, peer))) = (places.clone().try_acquire_owned(), listener.accept()) {
        if let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
            serving.take(stream, peer.ip(), Some(place));
        }
    }
    drop(listener);
    let left = async {
        while places.available_permits() < CONNECTIONS {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let (mut sends, _) = tokio::join!(jobs.stop(), tokio::time::timeout(LAST_REQUESTS, left));
    // Whoever follows hears of what the last requests write.
    let last = async {
        while CONNECTIONS - places.available_permits() > state.app.store.followers() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let closing = serving.finish();
    let ended = async {
        // Followers hear also of what the carriers still answered.
        let written = async { tokio::join!(last, sends.finish()) };
        let (_, ()) = tokio::join!(
            tokio::time::timeout(GRACE, written).map(|_| state.app.store.dismiss_followers()),
            closing
        );
    };
    tokio::select! {
        () = ended => {}
        () = tokio::time::sleep(GRACE) => {
            tracing::warn!("some requests or sends were cut off: they took longer than {} s", GRACE.as_secs());
        }
    }
    if let Some(worlds) = &state.worlds {
        worlds.end();
    }
    Ok(())
}

/// Answers `/metrics` and nothing else, to whoever connects, until it is dropped.
pub async fn serve_metrics(listener: TcpListener, state: AppState) {
    let (served, stopping) = (routes::metrics_alone(state.clone()), state.app.stopping.clone());
    let serving = Serving::new(served, false, stopping);
    let places = Arc::new(Semaphore::new(METRICS_CONNECTIONS));
    loop {
        let place = places.clone().acquire_owned().await;
        match listener.accept().await {
            Ok((stream, peer)) => serving.take(stream, peer.ip(), place.ok()),
            Err(error) => {
                tracing::error!(%error, "a connection for metrics cannot be accepted");
                tokio::time::sleep(AFTER_REFUSAL).await;
            }
        }
    }
}
