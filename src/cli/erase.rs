//! `smslite erase`: deletes everything of a customer's phone number and prints the receipt.

use super::client::{Asked, with_client};
use super::out;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser};
use http::Method;
use serde_json::json;
use std::process::ExitCode;

/// Delete everything of a customer's phone number, for good, and print a receipt in JSON
#[derive(Parser)]
#[command(name = "erase")]
struct Erase {
    /// In E.164: +15559876543
    number: String,
}

pub(super) fn command() -> Command {
    Erase::command()
}

pub(super) fn run(matches: &ArgMatches, asked: Asked) -> anyhow::Result<ExitCode> {
    let Erase { number } = Erase::from_arg_matches(matches)?;
    with_client(asked, async |client| {
        let body = json!({"phone_number": number});
        let receipt = client.json(Method::POST, "/api/v1/erasures", Some(body)).await?;
        out::print(&format!("{receipt:#}\n"))
    })
}
