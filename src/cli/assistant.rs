//! `smslite assistant`: who answers.

use super::client::{Asked, cell, print_table, with_client};
use super::out;
use clap::{Arg, ArgMatches, Command};
use http::Method;
use serde_json::json;
use std::process::ExitCode;

const PATH: &str = "/api/v1/assistants";

pub(super) fn command() -> Command {
    Command::new("assistant")
        .about("Make and list assistants")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("create")
                .about("Make an assistant and print its id")
                .arg(Arg::new("name").required(true).value_name("NAME"))
                .arg(
                    Arg::new("sms-webhook-url")
                        .long("sms-webhook-url")
                        .value_name("URL")
                        .help("Where inbound messages are to be forwarded"),
                ),
        )
        .subcommand(Command::new("list").about("List the assistants"))
}

pub(super) fn run(matches: &ArgMatches, asked: Asked) -> anyhow::Result<ExitCode> {
    with_client(asked, async |client| {
        if let Some(("create", matches)) = matches.subcommand() {
            let text = |name: &str| matches.get_one::<String>(name);
            let body = json!({"name": text("name"), "sms_webhook_url": text("sms-webhook-url")});
            let made = client.json(Method::POST, PATH, Some(body)).await?;
            out::tell(&format!(
                "Assistant {} made. Give it a number: smslite number create NUMBER --assistant {}",
                made["name"], made["id"]
            ));
            out::print(&format!("{}\n", made["id"]))?;
            return Ok(ExitCode::SUCCESS);
        }
        let assistants = client.json(Method::GET, &format!("{PATH}?limit=1000"), None).await?;
        let row = |assistant: &serde_json::Value| {
            [&assistant["id"], &assistant["name"], &assistant["is_active"], &assistant["sms_webhook_url"]]
                .map(cell)
        };
        let rows: Vec<_> = assistants.as_array().into_iter().flatten().map(row).collect();
        print_table(["ID", "NAME", "ACTIVE", "SMS WEBHOOK"], &rows)?;
        Ok(ExitCode::SUCCESS)
    })
}
