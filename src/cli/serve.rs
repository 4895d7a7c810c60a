//! `smslite serve`: the first start, the listener, the signals.

use super::seed::{self, Chosen};
use super::server_file::{ServerFile, write_whole};
use super::{demo, out};
use crate::app::accounts::{self, FirstStart, MadeUp};
use crate::app::seeds::Applied;
use crate::app::users;
use crate::clock::Clock;
use crate::config::{Bootstrap, MetricsAt, Resolved, Settings, SignatureMode};
use crate::model::message_log::Provider;
use crate::store::{DataDir, Location};
use crate::web::AppState;
use crate::{logging, server};
use anyhow::{Context, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub(super) fn command() -> Command {
    Command::new("serve").about("Serve the API (the default command)").args(args())
}

pub(super) fn args() -> Vec<Arg> {
    let ready_file = Arg::new("ready-file")
        .long("ready-file")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help("Once it listens, write one JSON line here: url, port, pid");
    let demo = Arg::new("demo")
        .long("demo")
        .action(ArgAction::SetTrue)
        .help("Serve a throw-away sample from memory, on loopback, signatures unchecked");
    let seed = Arg::new("seed")
        .long("seed")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help("Make what this seed (TOML or JSON) declares and is not there yet");
    vec![
        ready_file,
        demo,
        seed,
        #[cfg(feature = "fixture")]
        Arg::new("fixture")
            .long("fixture")
            .action(ArgAction::SetTrue)
            .conflicts_with("demo")
            .help("Serve worlds for other people's tests from memory, or from --data-dir, on loopback"),
    ]
}

/// What was typed beside the settings.
struct Asked {
    ready_file: Option<PathBuf>,
    demo: bool,
    seed: Option<PathBuf>,
    organization: Option<String>,
}

/// `said`: what stands before and what stands after the word `serve`.
pub(super) fn run(
    said: &[&ArgMatches],
    resolved: Resolved,
    organization: Option<String>,
) -> anyhow::Result<ExitCode> {
    logging::start(resolved.settings.log_format);
    let path = |name: &str| said.iter().find_map(|matches| matches.get_one::<PathBuf>(name)).cloned();
    let asked = Asked {
        ready_file: path("ready-file"),
        demo: said.iter().any(|matches| matches.get_flag("demo")),
        seed: path("seed"),
        organization,
    };
    #[cfg(feature = "fixture")]
    if said.iter().any(|matches| matches.get_flag("fixture")) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (ready_file, seed) = (asked.ready_file.as_deref(), asked.seed.as_deref());
        let served = runtime.block_on(super::fixture::serve(resolved, ready_file, seed));
        logging::finish();
        return served.map(|()| ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve(resolved, asked));
    logging::finish();
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve(resolved: Resolved, asked: Asked) -> anyhow::Result<()> {
    let Resolved { mut settings, bootstrap, .. } = resolved;
    let Asked { ready_file, demo, seed, organization } = asked;
    let seed = Chosen::read(seed.as_deref(), demo, organization, settings.session_ttl_seconds)?;
    if demo {
        if !settings.is_loopback() {
            bail!("--demo checks no signatures, so it serves on loopback only, not on {}", settings.host);
        }
        for carrier in
            [&mut settings.twilio.carrier, &mut settings.telnyx.carrier, &mut settings.vonage.carrier]
        {
            carrier.signatures = SignatureMode::Off;
        }
        for provider in Provider::REAL {
            settings.said.overrule(&format!("{}.signatures", provider.as_str()), "off", "flag --demo");
        }
        settings.said.overrule("data_dir", "(not used: all is in memory)", "flag --demo");
    }
    // The address first: what is made at the first start is shown once, and must not be made for
    // a server that cannot listen.
    let address = SocketAddr::new(settings.host, settings.port);
    let listener = listen(address).await?;
    let for_metrics = match settings.metrics {
        MetricsAt::Own(address) => Some(listen(address).await?),
        _ => None,
    };
    let bound = listener.local_addr()?;
    let url = format!("http://{}", reachable(bound));
    let control_token = accounts::random_secret();
    let (location, data_dir) = if demo {
        (Location::Memory, None)
    } else {
        let dir = Arc::new(DataDir::take(&settings.data_dir)?);
        // What a killed server left behind.
        ServerFile::remove(dir.path());
        (Location::Directory(dir.clone()), Some(dir))
    };
    let opening = {
        let control_token = control_token.clone();
        move || open(settings, location, &control_token, &bootstrap, seed)
    };
    let mut stop = Box::pin(told_to_stop().context("signals cannot be received")?);
    let (state, made, applied) = tokio::select! {
        opened = tokio::task::spawn_blocking(opening) => opened??,
        () = &mut stop => {
            // Nothing was accepted yet, and what opening does (it may bring a large file up to date, on a
            // copy) is begun again at the next start.
            tracing::info!("stopped while the database was being opened");
            logging::finish();
            std::process::exit(0);
        }
    };
    let keys = applied.as_ref().map(seed::made_keys).unwrap_or_default();
    if let Some(made) = made {
        let what = if demo { "\nA demo: its data are in memory and end with it.\n" } else { "" };
        let commands = first_commands(&url, &made, applied.as_ref().filter(|_| demo));
        out::print_once(&format!("{what}{}{keys}{commands}", introduction(&made)))?;
    } else if !keys.is_empty() {
        out::print_once(&keys)?;
    }
    let metrics = for_metrics.map(|listener| start_metrics(listener, state.clone()));
    let served =
        announce_and_serve(listener, &state, &url, data_dir.as_deref(), ready_file.as_deref(), stop).await;
    if let Some(dir) = data_dir {
        ServerFile::remove(dir.path());
    }
    drop(metrics);
    let app = state.app.clone();
    drop(state);
    let close = move || {
        if let Err(error) = users::write_usage(&app) {
            tracing::warn!(%error, "when keys were last used could not be written");
        }
        app.store.close();
    };
    tokio::task::spawn_blocking(close).await?;
    served
}

/// Serves metrics until what it returns is dropped.
fn start_metrics(listener: TcpListener, state: AppState) -> JoinSet<()> {
    if let Ok(address) = listener.local_addr() {
        tracing::info!(url = format!("http://{address}/metrics"), "metrics are served, without a key");
    }
    let mut serving = JoinSet::new();
    serving.spawn(server::serve_metrics(listener, state));
    serving
}

pub(super) async fn announce_and_serve(
    listener: TcpListener,
    state: &AppState,
    url: &str,
    data_dir: Option<&DataDir>,
    ready_file: Option<&Path>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let (pid, port) = (std::process::id(), listener.local_addr()?.port());
    if let Some(dir) = data_dir {
        let file = ServerFile { url: url.to_owned(), pid, control_token: state.control_token.clone() };
        file.write(dir.path()).context("server.json cannot be written")?;
    }
    if let Some(path) = ready_file {
        let line = format!("{}\n", serde_json::json!({"url": url, "port": port, "pid": pid}));
        write_whole(path, line.as_bytes())
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    tracing::info!(url, "listening");
    let served = server::serve(listener, state.clone(), stop).await;
    tracing::info!("stopping");
    served.context("the listener failed")
}

/// Where this machine reaches what listens on all addresses.
pub(super) fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

pub(super) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; is another smslite running? Choose another port with --port")
    })
}

/// Opens the store, makes the first organization if there is none, and judges whether the server
/// may be reached from elsewhere.
fn open(
    settings: Settings,
    location: Location,
    control_token: &str,
    first: &Bootstrap,
    seed: Option<Chosen>,
) -> anyhow::Result<(AppState, Option<MadeUp>, Option<Applied>)> {
    let (beyond_loopback, host) = (!settings.is_loopback(), settings.host);
    let state = server::build(settings, location, Clock::System, control_token)?;
    let (store, now) = (state.app.store.clone(), state.app.clock.now());
    if beyond_loopback {
        let fresh = store.directory().oldest_organization().is_none();
        match &first.admin_password {
            // A made-up password has to go before anybody else can connect.
            Some(password) => accounts::choose_admin_password(&store, now, password.expose())?,
            None if fresh || accounts::generated_password_stands(&store)? => bail!(
                "will not listen on {host} while the admin's password is a generated one: choose one with \
                 SMSLITE_ADMIN_PASSWORD or SMSLITE_ADMIN_PASSWORD_FILE"
            ),
            None => {}
        }
    }
    let made = bootstrap(&state, first)?;
    if let Some(password) = first.admin_password.clone() {
        // Hashing a password takes long by design; nobody need wait for it.
        std::thread::spawn(move || {
            if let Err(error) = accounts::choose_admin_password(&store, now, password.expose()) {
                tracing::error!(%error, "the admin's password could not be set; it is tried again at the next start");
            }
        });
    }
    let applied = seed.map(|seed| seed.apply(&state)).transpose()?;
    Ok((state, made, applied))
}

/// The first organization, if there is none. Tells what was made up for it.
pub(super) fn bootstrap(state: &AppState, first: &Bootstrap) -> anyhow::Result<Option<MadeUp>> {
    let first = FirstStart {
        api_key: first.api_key.as_ref().map(|key| key.expose().to_owned()),
        admin_email: first.admin_email.clone(),
        password_chosen: first.admin_password.is_some(),
    };
    Ok(accounts::bootstrap(&state.app.store, state.app.clock.now(), &first)?)
}

/// What was made up at the first start. It is shown this once.
pub(super) fn introduction(made: &MadeUp) -> String {
    let mut text =
        format!("\nFirst start: the organization \"default\" was made.\n  admin     {}\n", made.admin_email);
    if let Some(password) = &made.admin_password {
        text += &format!("  password  {password}\n");
    }
    if let Some(key) = &made.api_key {
        text += &format!("  API key   {key}\n");
    }
    if made.admin_password.is_some() || made.api_key.is_some() {
        text += "These are shown once; only their hashes are kept.\n";
    }
    text
}

/// `demo`: what it holds.
fn first_commands(url: &str, made: &MadeUp, demo: Option<&Applied>) -> String {
    let key = made.api_key.as_deref().unwrap_or("$SMSLITE_BOOTSTRAP_API_KEY");
    let auth = format!("-H \"Authorization: Bearer {key}\"");
    let list = format!("curl {auth} {url}/api/v1/sms-conversations/");
    let commands = if let Some(demo) = demo {
        // A customer writes, the assistant answers by its rules, the sandbox delivers.
        let written = format!("curl {url}/webhooks/sms/twilio {}", demo::form(demo));
        [list, written, format!("curl {auth} \"{url}/api/v1/sms-logs/?limit=2\"")]
    } else {
        let body = r#"{"name": "Support Bot"}"#;
        let made =
            format!("curl {auth} -H 'Content-Type: application/json' -d '{body}' {url}/api/v1/assistants");
        [format!("curl {url}/health"), list, made]
    };
    format!("\nThe dashboard: {url}/  the API: {url}/docs\n\nTry:\n  {}\n\n", commands.join("\n  "))
}

/// Resolves at the first SIGTERM or interrupt; the second ends the process at once. The handlers
/// stand as soon as this returns, so a server that says it is ready stops gracefully.
#[cfg(unix)]
pub(super) fn told_to_stop() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut told = async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(async move {
        told().await;
        tokio::spawn(async move {
            told().await;
            std::process::exit(130);
        });
    })
}

#[cfg(not(unix))]
pub(super) fn told_to_stop() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    // An error means that no handler stands: the interrupt then ends the process by itself.
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}
