//! `smslite healthcheck`: for containers and scripts. Exit code 0 when the server takes writes.

use super::client::exchange;
use super::server_file::ServerFile;
use crate::config::Resolved;
use crate::server::Body;
use anyhow::{Context, bail};
use clap::{Arg, ArgMatches, Command};
use http::header::HOST;
use http::{Request, Uri};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const BETWEEN: Duration = Duration::from_millis(50);
/// A probe that hangs is as bad as one that fails.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn command() -> Command {
    Command::new("healthcheck")
        .about("Ask whether the server is ready; exit code 0 means yes")
        .arg(
            Arg::new("wait")
                .long("wait")
                .value_name("SECONDS")
                .value_parser(clap::value_parser!(u64))
                .default_value("0")
                .help("Keep asking for so long"),
        )
        .arg(
            Arg::new("url")
                .long("url")
                .value_name("URL")
                .help("Ask this server instead of the one of the data directory"),
        )
}

pub(super) fn run(matches: &ArgMatches, resolved: &Resolved) -> anyhow::Result<ExitCode> {
    let wait = Duration::from_secs(matches.get_one::<u64>("wait").copied().unwrap_or_default());
    let until = Instant::now() + wait;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        loop {
            // The server may come up, on a port of its choice, while we wait.
            let asked = tokio::time::timeout(PATIENCE, ask(matches, resolved)).await;
            let problem =
                match asked.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {PATIENCE:?}"))) {
                    Ok(()) => {
                        println!("ready");
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

async fn ask(matches: &ArgMatches, resolved: &Resolved) -> anyhow::Result<()> {
    let base = match matches.get_one::<String>("url") {
        Some(url) => url.clone(),
        None => ServerFile::read(&resolved.settings.data_dir).map(|server| server.url).unwrap_or_else(|_| {
            format!("http://{}", std::net::SocketAddr::new(resolved.settings.host, resolved.settings.port))
        }),
    };
    let uri: Uri = base.parse().with_context(|| format!("{base} is no URL"))?;
    if uri.scheme_str() != Some("http") {
        bail!("{base}: only http:// URLs can be asked; ask the server itself, not its proxy");
    }
    let host = uri.host().with_context(|| format!("{base} has no host"))?;
    let authority = format!("{host}:{}", uri.port_u16().unwrap_or(80));
    let request = Request::builder().uri("/readyz").header(HOST, &authority).body(Body::empty())?;
    let status = exchange(&authority, request).await?.status();
    if status.is_success() { Ok(()) } else { bail!("{base} answers {status}") }
}
