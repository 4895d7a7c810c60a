//! `smslite healthcheck`: for containers and scripts. Exit code 0 when the server takes writes.

use super::client::exchange;
use super::out;
use super::server_file::ServerFile;
use crate::app::accounts;
use crate::config::Resolved;
use crate::server::Body;
use anyhow::{Context, bail};
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser};
use http::header::HOST;
use http::{Request, Uri};
use http_body_util::BodyExt;
use serde_json::Value;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const BETWEEN: Duration = Duration::from_millis(50);
/// A probe that hangs is as bad as one that fails.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ask whether the server is ready; exit code 0 means yes
#[derive(Parser)]
#[command(name = "healthcheck")]
struct Healthcheck {
    /// Keep asking for so long
    #[arg(long, value_name = "SECONDS", default_value = "0")]
    wait: u64,
    /// Ask this server instead of the one of the data directory
    #[arg(long)]
    url: Option<String>,
}

pub(super) fn command() -> Command {
    Healthcheck::command()
}

pub(super) fn run(matches: &ArgMatches, resolved: &Resolved) -> anyhow::Result<ExitCode> {
    let Healthcheck { wait, url } = Healthcheck::from_arg_matches(matches)?;
    let wait = Duration::from_secs(wait);
    let until = Instant::now() + wait;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        loop {
            // The server may come up, on a port of its choice, while we wait.
            let asked = tokio::time::timeout(PATIENCE, ask(url.as_deref(), resolved)).await;
            let problem =
                match asked.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {PATIENCE:?}"))) {
                    Ok(()) => {
                        out::print("ready\n")?;
                        return Ok(ExitCode::SUCCESS);
                    }
                    Err(problem) => problem,
                };
            if Instant::now() >= until {
                return Err(problem);
            }
            tokio::time::sleep(BETWEEN).await;
        }
    })
}

async fn ask(url: Option<&str>, resolved: &Resolved) -> anyhow::Result<()> {
    // A server that was killed leaves its file behind; another may listen on its port by now.
    let known = ServerFile::read(&resolved.settings.data_dir).ok();
    let (base, instance) = match (url, known) {
        (Some(url), _) => (url.to_owned(), None),
        (None, Some(server)) => (server.url, Some(accounts::instance(&server.control_token))),
        (None, None) => {
            (format!("http://{}", SocketAddr::new(resolved.settings.host, resolved.settings.port)), None)
        }
    };
    let uri: Uri = base.parse().with_context(|| format!("{base} is no URL"))?;
    if uri.scheme_str() != Some("http") {
        bail!("{base}: only http:// URLs can be asked; ask the server itself, not its proxy");
    }
    let host = uri.host().with_context(|| format!("{base} has no host"))?;
    let authority = format!("{host}:{}", uri.port_u16().unwrap_or(80));
    let request = Request::builder().uri("/readyz").header(HOST, &authority).body(Body::empty())?;
    let response = exchange(&authority, request).await?;
    let status = response.status();
    let answer: Value =
        serde_json::from_slice(&response.into_body().collect().await?.to_bytes()).unwrap_or_default();
    if instance.is_some_and(|instance| answer["instance"] != instance) {
        bail!("{base} is another server's; the one of {} has ended", resolved.settings.data_dir.display());
    }
    match (status.is_success(), answer["detail"].as_str()) {
        (true, _) => Ok(()),
        (false, detail) => bail!("{base} answers {status} {}", detail.unwrap_or_default()),
    }
}
