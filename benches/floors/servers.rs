//! The two HTTP servers: smslite as `serve` runs it, and the floor under the reads: bare axum that has
//! the same bytes ready. Each is its own process with the same runtime and the same listener.

use crate::data::TWILIO_TOKEN;
use crate::load::Answer;
use crate::process::announce;
use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use axum::routing::get;
use axum::serve::ListenerExt;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use smslite::clock::Clock;
use smslite::config::{LogFormat, Secret, Settings};
use smslite::server;
use smslite::store::{DataDir, Location};
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// The list of what the floor answers, beside the bodies.
const MODELS: &str = "models.json";
/// What an answer's body needs to be understood; the rest is what smslite says besides.
const KEPT: [&str; 2] = ["content-type", "content-disposition"];

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

/// What the floor answers on a route: the body is in a file of this number.
#[derive(Serialize, Deserialize)]
struct Model {
    route: String,
    headers: Vec<(String, String)>,
    body: usize,
}

/// Puts answers of smslite where the floor finds them.
pub(crate) fn keep_models<'a>(
    dir: &Path,
    answers: impl Iterator<Item = (&'a str, Answer)>,
) -> anyhow::Result<()> {
    let mut models = Vec::new();
    for (number, (route, answer)) in answers.enumerate() {
        fs::write(dir.join(number.to_string()), &answer.body)?;
        let mut headers = answer.headers;
        headers.retain(|(name, _)| KEPT.contains(&name.as_str()));
        models.push(Model { route: route.to_owned(), headers, body: number });
    }
    Ok(fs::write(dir.join(MODELS), serde_json::to_vec(&models)?)?)
}

/// Answers whatever fits a route with the bytes that smslite answered for one such.
pub(crate) fn bare_axum(dir: &Path) -> anyhow::Result<()> {
    let models: Vec<Model> = serde_json::from_slice(&fs::read(dir.join(MODELS))?)?;
    let mut router = Router::new();
    for model in models {
        let body = Bytes::from(fs::read(dir.join(model.body.to_string()))?);
        let mut headers = Vec::new();
        for (name, value) in &model.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).context("a header's name")?;
            headers.push((name, HeaderValue::from_str(value)?));
        }
        router = router.route(&model.route, get(answer).with_state((Arc::from(headers), body)));
    }
    runtime()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let stopped = async move { drop(announce(address).await) };
        axum::serve(listener, router).with_graceful_shutdown(stopped).await?;
        Ok(())
    })
}

type Headers = Arc<[(HeaderName, HeaderValue)]>;

async fn answer(State((headers, body)): State<(Headers, Bytes)>) -> Response {
    let mut response = Response::new(Body::from(body));
    for (name, value) in headers.iter() {
        response.headers_mut().insert(name, value.clone());
    }
    response
}
