//! `smslite serve --fixture`: worlds for other people's tests, on loopback only.

use super::out;
use super::seed::refused;
use super::serve::{announce_and_serve, bootstrap, listen, reachable, told_to_stop};
use super::server_file::ServerFile;
use crate::app::accounts;
use crate::config::{Bootstrap, Resolved, Secret};
use crate::fixture::make::{BUILT_IN, is_name};
use crate::fixture::{DEFAULT, Fixture, SeedSource};
use crate::model::account::API_KEY_PREFIX;
use crate::server;
use crate::store::{DataDir, Location};
use crate::web::AppState;
use anyhow::{Context, bail};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// Tells a directory of a fixture from one that holds somebody's messages.
const MARK: &str = "fixture";

pub(super) async fn serve(
    resolved: Resolved,
    ready_file: Option<&Path>,
    seed: Option<&Path>,
) -> anyhow::Result<()> {
    let Resolved { settings, bootstrap, .. } = resolved;
    if !settings.is_loopback() {
        bail!(
            "--fixture lets anybody who reaches it do anything, so it serves on loopback only, not on {}",
            settings.host
        );
    }
    let listener = listen(SocketAddr::new(settings.host, settings.port)).await?;
    let url = format!("http://{}", reachable(listener.local_addr()?));
    let control_token = accounts::random_secret();
    // In memory, unless somebody says where.
    let is_said =
        settings.said.values.iter().any(|(key, _, source)| *key == "data_dir" && source != "default");
    let data_dir = is_said.then(|| take(&settings.data_dir)).transpose()?;
    let location = data_dir.clone().map_or(Location::Memory, Location::Directory);
    let stop = Box::pin(told_to_stop().context("signals cannot be received")?);
    let (state, fixture) = {
        let control_token = control_token.clone();
        tokio::task::spawn_blocking(move || server::build_fixture(settings, location, &control_token))
            .await??
    };
    let api_key = first_world(&state, &fixture, bootstrap, seed).await?;
    out::print_once(&introduction(&url, &api_key))?;
    let served = announce_and_serve(listener, &state, &url, data_dir.as_deref(), ready_file, stop).await;
    if let Some(dir) = data_dir {
        ServerFile::remove(dir.path());
    }
    let store = state.app.store.clone();
    drop(state);
    tokio::task::spawn_blocking(move || store.close()).await?;
    served
}

/// A directory that holds nothing, or what a fixture left.
fn take(path: &Path) -> anyhow::Result<Arc<DataDir>> {
    let dir = DataDir::take(path)?;
    let mark = dir.path().join(MARK);
    let holds_data = fs::read_dir(dir.path())?.flatten().any(|entry| {
        let name = entry.file_name();
        name.to_string_lossy().ends_with(".redb")
    });
    if holds_data && !mark.exists() {
        bail!("{} holds data that are no fixture's; choose another directory", path.display());
    }
    fs::write(&mark, "what is here is a fixture's, and goes with its worlds\n")?;
    ServerFile::remove(dir.path());
    Ok(Arc::new(dir))
}

/// The organization that every start has is a world too. Those that an earlier start left have nobody, and go.
async fn first_world(
    state: &AppState,
    fixture: &Arc<Fixture>,
    mut first: Bootstrap,
    seed: Option<&Path>,
) -> anyhow::Result<String> {
    let api_key = match &first.api_key {
        Some(key) => key.expose().to_owned(),
        None => format!("{API_KEY_PREFIX}{}", accounts::random_secret()),
    };
    first.api_key = Some(Secret::new(api_key.clone()));
    let (state, made_of) = (state.clone(), first);
    let organizations = tokio::task::spawn_blocking(move || {
        bootstrap(&state, &made_of)?;
        anyhow::Ok(state.app.store.directory().organizations())
    });
    let organizations = organizations.await??;
    let mut oldest = None;
    for (id, _) in organizations {
        match oldest {
            None => oldest = Some(id),
            Some(_) => fixture.forget(id).await?,
        }
    }
    let oldest = oldest.context("the first start made no organization")?;
    let source = seed.map_or_else(|| Ok("basic".to_owned()), |file| usual_seed(fixture, file))?;
    fixture.adopt(DEFAULT, oldest, SeedSource::Named(source), api_key.clone()).await?;
    Ok(api_key)
}

/// Makes worlds of a file that name no other seed. It is called as the file is, without its ending.
fn usual_seed(fixture: &Fixture, file: &Path) -> anyhow::Result<String> {
    let shown = file.display().to_string();
    let text = fs::read_to_string(file).with_context(|| format!("{shown} cannot be read"))?;
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let name =
        if is_name(&stem) && !BUILT_IN.contains(&&*stem) { stem.into_owned() } else { "seed".to_owned() };
    fixture.put_usual_seed(&name, text).map_err(|errors| refused(&shown, &errors))?;
    Ok(name)
}

fn introduction(url: &str, api_key: &str) -> String {
    let body = r#"{"from": "+15559876543", "to": "+15551230001", "body": "Your code is 123456"}"#;
    let json = "-H 'Content-Type: application/json'";
    let commands = [
        format!("curl -X POST {json} -d '{{\"name\": \"first\"}}' {url}/_smslite/worlds"),
        format!("curl -X POST {json} -d '{body}' {url}/w/first/_smslite/inbound"),
        format!("curl '{url}/w/first/_smslite/wait?contains=code&timeout=5'"),
    ];
    let commands = commands.join("\n  ");
    format!(
        "\nA fixture for tests: worlds are made at {url}/_smslite/worlds, and nobody is asked who they are.\n  \
         API key of the world \"{DEFAULT}\"  {api_key}\n\nTry:\n  {commands}\n\n"
    )
}
