//! Configuration: what may be said (`keys`, one table), who said what (`file`, `sources`), and the validated
//! values the program uses (`settings`). It reads no environment of its own, and lets nothing through that
//! is unknown or out of range.

mod bootstrap;
mod file;
mod keys;
mod kinds;
mod said;
mod settings;
mod sources;

pub use crate::model::network::Network;
pub use bootstrap::Bootstrap;
pub use keys::{Flag, KEYS, Key, example, flags};
pub use kinds::Kind;
pub use said::Said;
pub use settings::{
    BackupSettings, CarrierSettings, IdFormat, JwtSettings, LogFormat, MetricsAt, OUR_ISSUER, ProviderKey,
    Secret, Settings, SignatureMode, TwilioSettings,
};

use crate::model::message_log::Provider;
use clap::ArgMatches;
use sources::Found;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// Environment variables by name; only those that begin with `SMSLITE_` matter.
pub type Environment = BTreeMap<String, String>;

/// Everything that is wrong with the configuration, one sentence each. Nothing helps but to tell people.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigErrors(pub Vec<String>);

/// The configuration in force; its settings know how it came about.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub settings: Settings,
    pub bootstrap: Bootstrap,
    pub warnings: Vec<String>,
}

/// This program's variables out of all there are. Fails when one of them is not UTF-8.
pub fn environment(all: impl Iterator<Item = (OsString, OsString)>) -> Result<Environment, ConfigErrors> {
    let mut ours = Environment::new();
    let mut errors = Vec::new();
    for (name, value) in all {
        match (name.into_string(), value.into_string()) {
            (Ok(name), _) if !name.starts_with("SMSLITE_") => {}
            (Ok(name), Ok(value)) => drop(ours.insert(name, value)),
            (Ok(name), Err(_)) => errors.push(format!("env {name}: not UTF-8")),
            (Err(_), _) => {}
        }
    }
    if errors.is_empty() { Ok(ours) } else { Err(ConfigErrors(errors)) }
}

/// Resolves flags over environment over file over defaults. `smslite.toml` and files that a relative path names
/// are looked for in `dir`: the working directory, or an empty path for it.
pub fn load(matches: Option<&ArgMatches>, env: &Environment, dir: &Path) -> Result<Resolved, ConfigErrors> {
    let mut found = Found::with_defaults();
    let named = matches.and_then(|matches| sources::flag(matches, "config"));
    let from_env = || env.get("SMSLITE_CONFIG").filter(|name| !name.is_empty()).cloned();
    let named = named.or_else(from_env);
    let name = named.as_deref().unwrap_or("smslite.toml");
    let file = file::read(&mut found, dir, name, named.is_some()).then(|| name.to_owned());
    found.read_environment(env, dir);
    if let Some(matches) = matches {
        found.read_flags(matches);
    }
    let bootstrap = Bootstrap::read(&mut found, env, dir);
    let mut settings = Settings::from_values(&found.values);
    settings.said.file = file;
    for provider in Provider::REAL {
        let off = settings.carrier(provider).is_some_and(|carrier| carrier.signatures == SignatureMode::Off);
        if off && !settings.is_loopback() {
            let key = format!("{}.signatures", provider.as_str());
            let (off, host) = (&found.values[key.as_str()].1, &found.values["host"].1);
            let message = format!(
                "{off}: {key} may be off only while host is a loopback address, not {} ({host})",
                settings.host,
            );
            found.error(message);
        }
    }
    if let Err(message) = settings::jwt(&found.values) {
        found.error(message);
    }
    if !found.errors.is_empty() {
        return Err(ConfigErrors(found.errors));
    }
    Ok(Resolved { settings, bootstrap, warnings: found.warnings })
}
