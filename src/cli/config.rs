//! `smslite config`: what is configured, and who said so. It shows no secret.

use crate::config::Resolved;
use clap::Command;
use std::io::{self, Write};

pub fn command() -> Command {
    Command::new("config").about("Show every setting, its value and where it comes from")
}

/// The file that was read, then one aligned line a key.
pub fn print(resolved: &Resolved, out: &mut dyn Write) -> io::Result<()> {
    let said = &resolved.settings.said;
    match &said.file {
        Some(file) => writeln!(out, "# read from {file}")?,
        None => writeln!(out, "# no configuration file: there is no ./smslite.toml")?,
    }
    let width = |text: &str| text.chars().count();
    let keys = said.values.iter().map(|(key, _, _)| width(key)).max().unwrap_or(0);
    let values = said.values.iter().map(|(_, value, _)| width(value)).max().unwrap_or(0);
    for (key, value, source) in &said.values {
        writeln!(out, "{key:keys$}  {value:values$}  {source}")?;
    }
    Ok(())
}
