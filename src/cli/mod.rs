//! The command line: what may be typed, and where it leads. One file a command.

pub mod config;

mod assistant;
mod backup;
mod carrier;
mod check;
mod client;
mod demo;
pub mod doctor;
mod erase;
mod export;
#[cfg(feature = "fixture")]
mod fixture;
mod healthcheck;
mod import;
mod key;
mod number;
mod opt_out;
mod out;
mod parked;
mod restore;
mod seed;
mod serve;
mod server_file;
mod user;

use crate::config as settings;
use crate::config::Resolved;
use clap::builder::EnumValueParser;
use clap::{Arg, ArgMatches, Command};
use clap_complete::Shell;
use std::path::Path;
use std::process::ExitCode;

/// Exit codes that scripts may rely on, besides 0 for done.
const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;

fn command() -> Command {
    let (global, serving): (Vec<Arg>, Vec<Arg>) = settings::flags().into_iter().partition(Arg::is_global_set);
    let organization = Arg::new("organization")
        .long("organization")
        .value_name("SLUG")
        .global(true)
        .help("The organization that a command works for, where there are several");
    Command::new("smslite")
        .version(env!("CARGO_PKG_VERSION"))
        .about("An SMS conversations server in one binary, with everything durable in one file")
        .after_help("Without a command, smslite serves.")
        .args(global)
        .arg(organization)
        .args(serving.clone())
        .args(serve::args())
        .subcommand(serve::command().args(serving.clone()))
        .subcommand(import::command())
        .subcommand(export::command())
        .subcommand(backup::command())
        .subcommand(restore::restore_command())
        .subcommand(check::command())
        .subcommand(restore::compact_command())
        .subcommand(erase::command())
        .subcommand(key::command())
        .subcommand(user::command())
        .subcommand(assistant::command())
        .subcommand(number::command())
        .subcommand(opt_out::command())
        .subcommand(carrier::command())
        .subcommand(parked::command())
        .subcommand(config::command().args(serving.clone()))
        .subcommand(healthcheck::command())
        .subcommand(doctor::command().args(serving.clone()))
        .subcommand(
            Command::new("openapi")
                .about("Print the OpenAPI document of this configuration")
                .args(serving)
                .args(openapi_args()),
        )
        .subcommand(
            Command::new("completions").about("Print what makes a shell complete the commands").arg(
                Arg::new("shell")
                    .required(true)
                    .value_name("SHELL")
                    .value_parser(EnumValueParser::<Shell>::new()),
            ),
        )
}

/// Runs what the process was called with.
pub fn main() -> ExitCode {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are no errors; clap knows which stream and code each has.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(WRONG_USAGE));
        }
    };
    // What a shell asks for at its start hangs on no configuration.
    if let Some(shell) = matches.subcommand_matches("completions").and_then(|asked| asked.get_one("shell")) {
        return exit(completions(*shell));
    }
    let resolved = settings::environment(std::env::vars_os())
        .and_then(|env| settings::load(Some(&matches), &env, Path::new("")));
    let resolved = match resolved {
        Ok(resolved) => resolved,
        Err(errors) => {
            if let Some(asked) = matches.subcommand_matches("doctor") {
                return exit(doctor::unconfigured(asked, &errors));
            }
            out::tell(&format!("{errors}"));
            return ExitCode::from(WRONG_USAGE);
        }
    };
    if let Some(password) = &resolved.bootstrap.admin_password
        && let Err(says) = crate::model::account::password_fits(password.expose())
    {
        out::tell(&format!("SMSLITE_ADMIN_PASSWORD: {says}"));
        return ExitCode::from(WRONG_USAGE);
    }
    // The doctor has findings of them.
    if matches.subcommand_name() != Some("doctor") {
        for warning in &resolved.warnings {
            out::tell(&format!("warning: {warning}"));
        }
    }
    exit(run(&matches, resolved))
}

fn exit(ran: anyhow::Result<ExitCode>) -> ExitCode {
    ran.unwrap_or_else(|error| {
        out::tell(&format!("error: {error:#}"));
        ExitCode::from(FAILED)
    })
}

fn print(text: &[u8]) -> anyhow::Result<ExitCode> {
    out::print(&String::from_utf8_lossy(text))?;
    Ok(ExitCode::SUCCESS)
}

fn completions(shell: Shell) -> anyhow::Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command(), "smslite", &mut text);
    print(&text)
}

#[cfg(feature = "fixture")]
fn openapi_args() -> Vec<Arg> {
    vec![
        Arg::new("fixture")
            .long("fixture")
            .action(clap::ArgAction::SetTrue)
            .help("With what --fixture serves besides"),
    ]
}

#[cfg(not(feature = "fixture"))]
fn openapi_args() -> Vec<Arg> {
    Vec::new()
}

#[cfg(feature = "fixture")]
fn more_routes(asked: &ArgMatches) -> Option<crate::web::routes::MoreRoutes> {
    asked.get_flag("fixture").then_some(crate::fixture::routes)
}

#[cfg(not(feature = "fixture"))]
fn more_routes(_: &ArgMatches) -> Option<crate::web::routes::MoreRoutes> {
    None
}

fn run(matches: &ArgMatches, resolved: Resolved) -> anyhow::Result<ExitCode> {
    let organization = matches.get_one::<String>("organization").cloned();
    match matches.subcommand() {
        None => serve::run(&[matches], resolved, organization),
        Some(("serve", after)) => serve::run(&[after, matches], resolved, organization),
        Some(("config", _)) => {
            let mut text = Vec::new();
            config::print(&resolved, &mut text)?;
            print(&text)
        }
        Some(("openapi", asked)) => {
            let with_metrics = resolved.settings.metrics == settings::MetricsAt::Main;
            let more = more_routes(asked);
            let document = crate::web::routes::document(resolved.settings.id_format, with_metrics, more);
            print(format!("{}\n", document.to_pretty_json()?).as_bytes())
        }
        Some(("healthcheck", matches)) => healthcheck::run(matches, &resolved),
        Some((name, matches)) => {
            let asked = client::Asked { resolved, organization };
            match name {
                "import" => import::run(matches, asked),
                "export" => export::run(matches, asked),
                "backup" => backup::run(matches, asked),
                "restore" => restore::restore(matches, &asked),
                "check" => check::run(matches, asked),
                "compact" => restore::compact(&asked),
                "doctor" => doctor::run(matches, asked),
                "erase" => erase::run(matches, asked),
                "key" => key::run(matches, asked),
                "user" => user::run(matches, asked),
                "assistant" => assistant::run(matches, asked),
                "opt-out" => opt_out::run(matches, asked),
                "carrier" => carrier::run(matches, asked),
                "parked" => parked::run(matches, asked),
                _ => number::run(matches, asked),
            }
        }
    }
}
