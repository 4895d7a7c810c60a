//! `smslite doctor`: what an operator gets wrong, and what to do about it. Looking (`look`, `probe`, `facts`) and judging
//! (`judge`) are apart. It changes nothing, and no secret leaves the machine.

mod facts;
pub mod judge;
mod look;
mod outside;
mod probe;

use super::client::{Asked, Client};
use super::{FAILED, out};
use crate::clock::Clock;
use crate::config::{ConfigErrors, Settings};
use crate::server::BuildError;
use crate::store::{DataDir, OpenError};
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser};
use facts::Facts;
use serde::Serialize;
use std::process::ExitCode;

/// Check what is commonly set up wrong, and say what to do
///
/// Exit code 1 when something fails; warnings alone are 0.
#[derive(Parser)]
#[command(name = "doctor")]
struct Doctor {
    /// Print an array of {check, status, finding, advice}
    #[arg(long)]
    json: bool,
    /// Ask nobody but this machine
    #[arg(long)]
    offline: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    Warn,
    Fail,
    /// It could not be told, or there is nothing to tell.
    Skip,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub check: String,
    pub status: Status,
    /// One sentence.
    pub finding: String,
    /// What to do.
    pub advice: Option<String>,
}

impl Finding {
    fn of(check: &str, status: Status, finding: impl Into<String>, advice: Option<&str>) -> Finding {
        let advice = advice.map(str::to_owned);
        Finding { check: check.to_owned(), status, finding: finding.into(), advice }
    }

    pub(crate) fn ok(check: &str, finding: impl Into<String>) -> Finding {
        Finding::of(check, Status::Ok, finding, None)
    }

    pub(crate) fn skip(check: &str, finding: impl Into<String>) -> Finding {
        Finding::of(check, Status::Skip, finding, None)
    }

    pub(crate) fn warn(check: &str, finding: impl Into<String>, advice: &str) -> Finding {
        Finding::of(check, Status::Warn, finding, Some(advice))
    }

    pub(crate) fn fail(check: &str, finding: impl Into<String>, advice: &str) -> Finding {
        Finding::of(check, Status::Fail, finding, Some(advice))
    }
}

pub(super) fn command() -> Command {
    Doctor::command()
}

pub(super) fn run(matches: &ArgMatches, asked: Asked) -> anyhow::Result<ExitCode> {
    let Doctor { json, offline } = Doctor::from_arg_matches(matches)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let findings = runtime.block_on(examine(asked, offline));
    runtime.shutdown_background();
    tell(&findings, json)
}

/// Without a configuration there is nothing else to look at.
pub(super) fn unconfigured(matches: &ArgMatches, errors: &ConfigErrors) -> anyhow::Result<ExitCode> {
    let Doctor { json, .. } = Doctor::from_arg_matches(matches)?;
    let advice = "correct it; config.example.toml has every key, and smslite config shows what is in force";
    let findings: Vec<_> =
        errors.0.iter().map(|error| Finding::fail("configuration", error.as_str(), advice)).collect();
    tell(&findings, json)
}

async fn examine(asked: Asked, offline: bool) -> Vec<Finding> {
    let Asked { resolved, organization } = asked;
    let settings = resolved.settings.clone();
    let mut findings =
        judge::machine::configuration(resolved.settings.said.file.as_deref(), &resolved.warnings);
    findings.extend(look::data_directory(&settings.data_dir));
    findings.extend(look::backups(&settings, Clock::System.now()));
    let probe = probe::Probe::new();
    let server = outside::server(&probe, &settings).await;
    findings.push(server.finding);
    let password_chosen = resolved.bootstrap.admin_password.is_some();
    let facts = match client(&settings, server.instance.is_some(), organization) {
        Ok(client) => {
            let facts = Facts::ask(&client).await;
            let _ = tokio::task::spawn_blocking(move || client.close()).await;
            facts.map_err(|error| Finding::skip("numbers", format!("they cannot be asked for: {error:#}")))
        }
        Err(unread) => Err(unread),
    };
    let generated = facts.as_ref().is_ok_and(|facts| facts.generated_password) && !password_chosen;
    findings.extend(judge::machine::reach_of_all(&settings, generated));
    let carriers = facts::carriers(&settings, facts.as_ref().ok());
    match &facts {
        Ok(facts) => findings.extend(judge::carriers::all(&carriers, facts, Clock::System.now(), &settings)),
        Err(unread) => {
            findings.extend(judge::carriers::configured(&carriers, &settings));
            findings.push(unread.clone());
        }
    }
    findings.extend(outside::look(&probe, &settings, &carriers, server.instance.as_deref(), offline).await);
    findings
}

/// Through the server, or, without one, by looking at the file as it is. The error is why neither can be.
fn client(
    settings: &Settings,
    server_answers: bool,
    organization: Option<String>,
) -> Result<Client, Finding> {
    let (check, path) = ("database", &settings.data_dir);
    if !DataDir::has_database(path) {
        return Err(Finding::skip(check, "there is none yet"));
    }
    let held = "the server that holds it is to be asked, and cannot be";
    if server_answers {
        return Client::of_server(path, organization).map_err(|error| {
            Finding::fail(check, format!("{held}: {error:#}"), "run this command as the service's user")
        });
    }
    let dir = DataDir::take(path).map_err(|error| match error {
        OpenError::Held { .. } => Finding::skip(check, held),
        error => Finding::fail(check, error.to_string(), "run this command as the service's user"),
    })?;
    Client::look(dir, settings.clone(), organization).map_err(|error| match error {
        BuildError::Open(OpenError::Older { .. }) => Finding::skip(check, error.to_string()),
        BuildError::Provider(_) => Finding::fail("configuration", error.to_string(), "correct [jwt]"),
        BuildError::Open(_) => {
            let advice = "smslite check tells what is damaged; smslite restore brings a backup back";
            Finding::fail(check, format!("it cannot be read: {error}"), advice)
        }
    })
}

fn tell(findings: &[Finding], json: bool) -> anyhow::Result<ExitCode> {
    if json {
        out::print(&format!("{}\n", serde_json::to_string_pretty(findings)?))?;
    } else {
        out::print(&printed(findings))?;
    }
    let failed = findings.iter().any(|finding| finding.status == Status::Fail);
    Ok(if failed { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

/// A line each, and under it what to do.
fn printed(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { check, status, finding, advice } in findings {
        let word = match status {
            Status::Ok => "ok  ",
            Status::Warn => "warn",
            Status::Fail => "fail",
            Status::Skip => "skip",
        };
        // What others answered or named must not speak to the terminal.
        let clean = |text: &str| text.replace(char::is_control, "\u{fffd}");
        text += &format!("{word}  {check}: {}\n", clean(finding));
        if let Some(advice) = advice {
            text += &format!("      -> {}\n", clean(advice));
        }
    }
    let count = |status| findings.iter().filter(|finding| finding.status == status).count();
    let [fails, warns] = [Status::Fail, Status::Warn].map(count);
    text + &format!("{fails} failed, {warns} to look at, {} findings\n", findings.len())
}
