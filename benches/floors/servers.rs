//! The two HTTP servers: smslite as `serve` runs it, and the floor under the reads: bare axum that has
//! the same bytes ready. Each is its own process with the same runtime and the same listener.

use crate::data::TWILIO_TOKEN;
use crate::process::announce;
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::ListenerExt;
use bytes::Bytes;
use smslite::clock::Clock;
use smslite::config::{LogFormat, Secret, Settings};
use smslite::server;
use smslite::store::{DataDir, Location};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

pub(crate) const BODIES: [&str; 3] = ["list", "get", "messages"];

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().build()
}

/// Everything as in production, but that the log goes to a file that keeps nothing: the process was
/// started with its standard error on /dev/null.
pub(crate) fn smslite(dir: &Path) -> anyhow::Result<()> {
    smslite::logging::start(LogFormat::Auto);
    let mut settings = Settings::default();
    settings.twilio.auth_tokens = vec![Secret::new(TWILIO_TOKEN.to_owned())];
    runtime()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let location = Location::Directory(Arc::new(DataDir::take(dir)?));
        let state = server::build(settings, location, Clock::System, "nobody-has-this-token")?;
        let store = state.app.store.clone();
        let stopped = async move { drop(announce(address).await) };
        server::serve(listener, state, stopped).await?;
        tokio::task::spawn_blocking(move || store.close()).await?;
        Ok(())
    })
}

/// Answers every conversation with the bytes that smslite answered for one of them.
pub(crate) fn bare_axum(dir: &Path) -> anyhow::Result<()> {
    let body = |name: &str| std::fs::read(dir.join(name)).map(Bytes::from);
    let route = |body: Bytes| get(answer_json).with_state(body);
    let [list, one, messages] = BODIES;
    let router = Router::new()
        .route("/api/v1/sms-conversations/", route(body(list)?))
        .route("/api/v1/sms-conversations/{id}", route(body(one)?))
        .route("/api/v1/sms-conversations/{id}/messages", route(body(messages)?));
    runtime()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let stopped = async move { drop(announce(address).await) };
        axum::serve(listener, router).with_graceful_shutdown(stopped).await?;
        Ok(())
    })
}

async fn answer_json(State(body): State<Bytes>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], body)
}
