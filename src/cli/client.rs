//! How a command reaches the data: through the server that holds the data directory, or, when none
//! does, through the same HTTP API within this process. Either way it is the same code that answers.

use super::server_file::ServerFile;
use super::{out, serve};
use crate::clock::Clock;
use crate::config::{Resolved, Settings};
use crate::server::{Body, BuildError, Local};
use crate::store::{DataDir, Location, OpenError};
use crate::web::AppState;
use crate::web::auth::X_ORGANIZATION;
use anyhow::{Context, bail};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpStream;

/// What a command was asked with.
pub(super) struct Asked {
    pub resolved: Resolved,
    pub organization: Option<String>,
}

pub(super) struct Client {
    reach: Reach,
    control_token: String,
    organization: Option<String>,
}

enum Reach {
    Server { authority: String },
    Here { local: Local, state: AppState },
}

/// Runs a command's conversation with the API, and closes the store if it was opened here.
pub(super) fn with_client<T>(
    asked: Asked,
    talk: impl AsyncFnOnce(&Client) -> anyhow::Result<T>,
) -> anyhow::Result<ExitCode>
where
    T: Into<Ended>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let client = Client::find(asked)?;
    let result = runtime.block_on(talk(&client));
    drop(runtime);
    client.close();
    result.map(|ended| ended.into().0)
}

/// How a command ended that came to its end.
pub(super) struct Ended(ExitCode);

impl From<()> for Ended {
    fn from((): ()) -> Ended {
        Ended(ExitCode::SUCCESS)
    }
}

impl From<ExitCode> for Ended {
    fn from(code: ExitCode) -> Ended {
        Ended(code)
    }
}

/// As [`with_client`], through a server or not at all: the data directory is left alone.
pub(super) fn with_server(
    asked: Asked,
    talk: impl AsyncFnOnce(&Client) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let client = Client::of_server(&asked.resolved.settings.data_dir, asked.organization)?;
    runtime.block_on(talk(&client))
}

impl Client {
    pub(super) fn of_server(data_dir: &Path, organization: Option<String>) -> anyhow::Result<Client> {
        let server =
            ServerFile::read(data_dir).with_context(|| format!("no server serves {}", data_dir.display()))?;
        let authority = server.url.trim_start_matches("http://").to_owned();
        Ok(Client { reach: Reach::Server { authority }, control_token: server.control_token, organization })
    }

    /// For those who only look: nothing is made, brought up to date or written, whatever the file is.
    pub(super) fn look(
        dir: DataDir,
        settings: Settings,
        organization: Option<String>,
    ) -> Result<Client, BuildError> {
        let control_token = crate::app::accounts::random_secret();
        let state = crate::server::build(settings, Location::looked_at(dir), Clock::System, &control_token)?;
        let reach = Reach::Here { local: Local::new(state.clone()), state };
        Ok(Client { reach, control_token, organization })
    }

    /// What answers within this process, if no server is between.
    pub(super) fn here(&self) -> Option<&AppState> {
        match &self.reach {
            Reach::Here { state, .. } => Some(state),
            Reach::Server { .. } => None,
        }
    }

    /// Closes the store if it was opened here. Blocks.
    pub(super) fn close(self) {
        if let Reach::Here { local, state } = self.reach {
            drop(local);
            state.app.store.clone().close();
        }
    }

    fn find(asked: Asked) -> anyhow::Result<Client> {
        let Asked { resolved, organization } = asked;
        match DataDir::take(&resolved.settings.data_dir) {
            Ok(dir) => {
                // What a killed server left behind.
                ServerFile::remove(dir.path());
                let control_token = crate::app::accounts::random_secret();
                let location = Location::Directory(Arc::new(dir));
                let state = crate::server::build(resolved.settings, location, Clock::System, &control_token)?;
                let made = serve::bootstrap(&state, &resolved.bootstrap)?;
                if let Some(password) = &resolved.bootstrap.admin_password {
                    crate::app::accounts::choose_admin_password(
                        &state.app.store,
                        state.app.clock.now(),
                        password.expose(),
                    )?;
                }
                if let Some(made) = made {
                    out::tell(&serve::introduction(&made));
                }
                let reach = Reach::Here { local: Local::new(state.clone()), state };
                Ok(Client { reach, control_token, organization })
            }
            Err(held @ OpenError::Held { .. }) => {
                Client::of_server(&resolved.settings.data_dir, organization)
                    .with_context(|| format!("{held}, and its server.json cannot be read"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Asks and takes the answer as JSON; an error status becomes an error with the API's sentence.
    pub(super) async fn json(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let (content_type, body) = match body {
            Some(body) => ("application/json", Body::from(body.to_string())),
            None => ("", Body::empty()),
        };
        let response = self.send(method, path, content_type, body).await?;
        let response = accepted(response).await?;
        let bytes = response.into_body().collect().await?.to_bytes();
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Prints a list: under each heading what its pointer leads to, each column as wide as its widest cell.
    pub(super) async fn table<const N: usize>(
        &self,
        path: &str,
        columns: [(&str, &str); N],
    ) -> anyhow::Result<()> {
        let list = self.json(Method::GET, path, None).await?;
        let row =
            |item: &Value| columns.map(|(_, pointer)| item.pointer(pointer).map_or("-".to_owned(), cell));
        let mut rows = vec![columns.map(|(heading, _)| heading.to_owned())];
        let items = list.get("items").unwrap_or(&list);
        rows.extend(items.as_array().into_iter().flatten().map(row));
        let mut widths = [0; N];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut table = String::new();
        for row in &rows {
            let cells: Vec<String> =
                row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            table += cells.join("  ").trim_end();
            table.push('\n');
        }
        out::print(&table)
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Body,
    ) -> anyhow::Result<Response<Body>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(AUTHORIZATION, format!("Bearer {}", self.control_token));
        if !content_type.is_empty() {
            request = request.header(CONTENT_TYPE, content_type);
        }
        if let Some(slug) = &self.organization {
            request = request.header(X_ORGANIZATION, slug);
        }
        match &self.reach {
            Reach::Here { local, .. } => Ok(local.answer(request.body(body)?).await),
            Reach::Server { authority } => {
                let request = request.header(HOST, authority).body(body)?;
                exchange(authority, request).await
            }
        }
    }
}

/// One request over a connection of its own.
pub(super) async fn exchange(authority: &str, request: Request<Body>) -> anyhow::Result<Response<Body>> {
    let stream =
        TcpStream::connect(authority).await.with_context(|| format!("{authority} does not answer"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the exchange; what goes wrong in it is seen by the sender.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?.map(Body::new))
}

/// The response, or its `detail` as the error.
pub(super) async fn accepted(response: Response<Body>) -> anyhow::Result<Response<Body>> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let bytes = response.into_body().collect().await?.to_bytes();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    bail!("{}", sentence(status, &body));
}

/// Shows each line of an NDJSON answer and returns the last one, without which the end is not known: `cut`.
pub(super) async fn last_line(
    mut body: Body,
    cut: &'static str,
    show: impl Fn(&Value),
) -> anyhow::Result<Value> {
    let mut text = Vec::new();
    let mut last = Value::Null;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { bail!(cut) };
        text.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            last = serde_json::from_slice(&line)?;
            show(&last);
        }
    }
    Ok(last)
}

fn sentence(status: StatusCode, body: &Value) -> String {
    match &body["detail"] {
        // What people named things must not speak to the terminal.
        Value::String(text) => text.replace(char::is_control, "\u{fffd}"),
        Value::Array(invalid) => {
            let each = invalid.iter().map(|item| {
                let place = item["loc"].as_array().and_then(|loc| loc.last()).and_then(Value::as_str);
                format!("{}: {}", place.unwrap_or("request"), item["msg"].as_str().unwrap_or_default())
            });
            each.collect::<Vec<_>>().join("; ")
        }
        _ => status.to_string(),
    }
}

/// A JSON value as a person would write it in a table.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
