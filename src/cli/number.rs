//! `smslite number`: our phone numbers, and which assistant answers each.

use super::client::{Asked, cell, with_client};
use super::out;
use crate::model::message_log::Provider;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser, value_parser};
use http::Method;
use serde_json::json;
use std::process::ExitCode;

/// Give numbers to assistants and list them
#[derive(Parser)]
#[command(name = "number")]
enum Number {
    /// Give a number to an assistant; a number stands once in an organization
    Create {
        /// E.164, e.g. +15551234567
        number: String,
        #[arg(long, value_name = "ID", value_parser = value_parser!(u64).range(1..))]
        assistant: u64,
        /// The carrier; the one that is configured unless the number is known, the sandbox when none is
        #[arg(long, value_name = "provider", value_parser = Provider::ALL.map(Provider::as_str))]
        provider: Option<String>,
        /// A name for people
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
    },
    /// List the numbers
    List,
}

pub(super) fn command() -> Command {
    Number::command()
}

pub(super) fn run(matches: &ArgMatches, asked: Asked) -> anyhow::Result<ExitCode> {
    let number = Number::from_arg_matches(matches)?;
    with_client(asked, async |client| match number {
        Number::Create { number, assistant, provider, name } => {
            let body = json!({"phone_number": number, "provider": provider, "friendly_name": name});
            let path = format!("/api/v1/assistants/{assistant}/phone-numbers/assign-by-number");
            let made = client.json(Method::POST, &path, Some(body)).await?;
            out::print(&format!("{}\n", cell(&made["data"]["phone_number"])))
        }
        Number::List => {
            let columns = [
                ("NUMBER", "/phone_number"),
                ("PROVIDER", "/provider"),
                ("ASSISTANT", "/assistant/id"),
                ("NAME", "/assistant/name"),
                ("FRIENDLY NAME", "/friendly_name"),
            ];
            let path = "/api/v1/assistants/organization/phone-numbers?include_inactive=true";
            client.table(path, columns).await
        }
    })
}
