//! `smslite number`: our phone numbers, and which assistant answers each.

use super::client::{Asked, cell, print_table, with_client};
use super::out;
use clap::{Arg, ArgMatches, Command};
use http::Method;
use serde_json::json;
use std::process::ExitCode;

pub(super) fn command() -> Command {
    Command::new("number")
        .about("Give numbers to assistants and list them")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("create")
                .about("Give a number to an assistant; a number stands once in an organization")
                .arg(Arg::new("number").required(true).value_name("NUMBER").help("E.164, e.g. +15551234567"))
                .arg(
                    Arg::new("assistant")
                        .long("assistant")
                        .value_name("ID")
                        .required(true)
                        .value_parser(clap::value_parser!(u64).range(1..)),
                )
                .arg(
                    Arg::new("provider")
                        .long("provider")
                        .value_parser(["twilio", "telnyx", "vonage", "sandbox"])
                        .help("The carrier; twilio unless the number is known"),
                )
                .arg(Arg::new("name").long("name").value_name("TEXT").help("A name for people")),
        )
        .subcommand(Command::new("list").about("List the numbers"))
}

pub(super) fn run(matches: &ArgMatches, asked: Asked) -> anyhow::Result<ExitCode> {
    with_client(asked, async |client| {
        if let Some(("create", matches)) = matches.subcommand() {
            let text = |name: &str| matches.get_one::<String>(name);
            let id = matches.get_one::<u64>("assistant").copied().unwrap_or_default();
            let body = json!({"phone_number": text("number"), "provider": text("provider"), "friendly_name": text("name")});
            let path = format!("/api/v1/assistants/{id}/phone-numbers/assign-by-number");
            let made = client.json(Method::POST, &path, Some(body)).await?;
            out::print(&format!("{}\n", cell(&made["data"]["phone_number"])))?;
            return Ok(ExitCode::SUCCESS);
        }
        let numbers = client
            .json(Method::GET, "/api/v1/assistants/organization/phone-numbers?include_inactive=true", None)
            .await?;
        let row = |number: &serde_json::Value| {
            let assistant = &number["assistant"];
            [
                &number["phone_number"],
                &number["provider"],
                &assistant["id"],
                &assistant["name"],
                &number["friendly_name"],
            ]
            .map(cell)
        };
        let rows: Vec<_> = numbers.as_array().into_iter().flatten().map(row).collect();
        print_table(["NUMBER", "PROVIDER", "ASSISTANT", "NAME", "FRIENDLY NAME"], &rows)?;
        Ok(ExitCode::SUCCESS)
    })
}
