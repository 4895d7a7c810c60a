//! The server within a test process: on a port of its own, in memory, ended when it is dropped. It runs on threads of its
//! own, so a test needs no runtime, and may have one.

use crate::app::accounts::random_secret;
use crate::config::{self, Settings};
use crate::fixture::{Fixture, MakeError, SeedSource, Spec};
use crate::model::time::Timestamp;
use crate::server::{self, Body, BuildError, Local};
use crate::store::Location;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::oneshot;

/// A server for tests. Worlds of it are apart from each other: one server is enough for all tests of a process.
///
/// ```no_run
/// let server = smslite::Server::start().expect("a port is free");
/// let world = server.world().expect("the usual seed is one");
/// world.post("inbound", &serde_json::json!({"from": "+15559876543", "to": "+15551230001", "body": "Hi"})).unwrap();
/// let told = world.get("wait?contains=hi").unwrap();
/// assert_eq!(told["role"], "user");
/// ```
pub struct Server(Arc<Running>);

struct Running {
    url: String,
    fixture: Arc<Fixture>,
    local: Local,
    runtime: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("no port can be listened on: {0}")]
    Listen(#[from] std::io::Error),
    #[error("{0}")]
    Settings(#[from] config::ConfigErrors),
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl Server {
    /// Starts on a free port of 127.0.0.1, with the defaults of every setting: no file and no variable is read.
    pub fn start() -> Result<Server, StartError> {
        Server::start_with(config::load(None, &BTreeMap::new(), Path::new("/nonexistent"))?.settings)
    }

    /// As [`Server::start`], with settings of the caller's; host, port and data directory are not asked for.
    pub fn start_with(settings: Settings) -> Result<Server, StartError> {
        let settings = Settings { host: Ipv4Addr::LOCALHOST.into(), ..settings };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let handle = runtime.handle().clone();
        let (state, fixture) = {
            let _within = runtime.enter();
            server::build_fixture(settings, Location::Memory, &random_secret())?
        };
        let listener = {
            let _within = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let local = Local::new(state.clone());
        let serving = server::serve(listener, state.clone(), async {
            // One that is dropped stops it as well.
            let _ = stopped.await;
        });
        let thread = std::thread::Builder::new().name("smslite".to_owned()).spawn(move || {
            serve(runtime, serving);
            state.app.store.clone().close();
        })?;
        // From here on it is known where it is, whether or not the thread has come so far.
        fixture.served_at(&url, local.router());
        let running =
            Running { url, fixture, local, runtime: handle, stop: Some(stop), thread: Some(thread) };
        Ok(Server(Arc::new(running)))
    }

    /// Where it listens, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// A world of the usual seed: an assistant with a number at each carrier.
    pub fn world(&self) -> Result<World, MakeError> {
        self.world_with(Spec::default())
    }

    /// A world of a seed in TOML or JSON.
    pub fn world_of(&self, seed: &str) -> Result<World, MakeError> {
        self.world_with(Spec { seed: Some(SeedSource::Text(seed.to_owned())), ..Spec::default() })
    }

    pub fn world_with(&self, spec: Spec) -> Result<World, MakeError> {
        let fixture = self.0.fixture.clone();
        let made = self.0.wait_for(async move { fixture.create(spec).await })?;
        Ok(World {
            name: made.inside.name.clone(),
            url: made.inside.url(),
            api_key: made.api_key.clone(),
            server: self.0.clone(),
        })
    }
}

fn serve(runtime: Runtime, serving: impl Future<Output = std::io::Result<()>>) {
    if let Err(error) = runtime.block_on(serving) {
        tracing::error!(%error, "the listener failed");
    }
}

impl Running {
    /// Runs on the server's threads, whatever the caller's runs on.
    fn wait_for<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let (sender, receiver) = channel();
        self.runtime.spawn(async move {
            // Whoever waits does not go away.
            let _ = sender.send(work.await);
        });
        receiver.recv().expect("the server runs while somebody holds it")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// A world of a [`Server`]. It ends when it is dropped, and keeps the server running until then.
pub struct World {
    pub name: String,
    /// Where it is reached: every path of the API behind this is answered by this world alone.
    pub url: String,
    pub api_key: String,
    server: Arc<Running>,
}

/// What was asked was answered by something else than success.
#[derive(Debug, thiserror::Error)]
#[error("{method} {path} was answered {status}: {body}")]
pub struct Refused {
    pub method: String,
    pub path: String,
    pub status: u16,
    pub body: Value,
}

impl World {
    /// Asks the control plane: `wait?contains=hi`.
    pub fn get(&self, path: &str) -> Result<Value, Refused> {
        self.ask("GET", &format!("/_smslite/{path}"), None)
    }

    /// Tells the control plane: `inbound`, `clock`, `faults`.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, Refused> {
        self.ask("POST", &format!("/_smslite/{path}"), Some(body))
    }

    /// Moves the clock; what becomes due is done before this returns.
    pub fn advance(&self, span: &str) -> Result<Value, Refused> {
        self.post("clock", &json!({ "advance": span }))
    }

    /// Lets the clock stand still at a time.
    pub fn freeze_at(&self, now: Timestamp) -> Result<Value, Refused> {
        self.post("clock", &json!({ "set": now, "freeze": true }))
    }

    /// Asks the API of this world, with its key: `/api/v1/sms-conversations/`.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Refused> {
        let authority = self.server.url.strip_prefix("http://").unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("/w/{}{path}", self.name))
            .header("host", authority)
            .header("authorization", format!("Bearer {}", self.api_key))
            .header("content-type", "application/json")
            .body(Body::from(body.map(Value::to_string).unwrap_or_default()));
        let refused =
            |status, body| Refused { method: method.to_owned(), path: path.to_owned(), status, body };
        let request = request.map_err(|error| refused(0, json!({ "detail": error.to_string() })))?;
        let local = self.server.local.clone();
        let (status, bytes) = self.server.wait_for(async move {
            let (parts, body) = local.answer(request).await.into_parts();
            let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            (parts.status, bytes)
        });
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        if status.is_success() { Ok(body) } else { Err(refused(status.as_u16(), body)) }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let fixture = self.server.fixture.clone();
        let Some(world) = fixture.named(&self.name) else { return };
        let ended = self.server.wait_for(async move { fixture.delete(&world).await });
        if let Err(error) = ended {
            tracing::warn!(%error, "a world could not be ended");
        }
    }
}
