//! `smslite erase`: deletes everything of a customer's phone number and prints the receipt.

use super::client::{Asked, with_client};
use super::out;
use clap::{Arg, ArgMatches, Command};
use http::Method;
use serde_json::json;
use std::process::ExitCode;

pub(super) fn command() -> Command {
    Command::new("erase")
        .about("Delete everything of a customer's phone number, for good, and print a receipt in JSON")
        .arg(Arg::new("number").required(true).value_name("NUMBER").help("In E.164: +15559876543"))
}

pub(super) fn run(matches: &ArgMatches, asked: Asked) -> anyhow::Result<ExitCode> {
    with_client(asked, async |client| {
        let body = json!({"phone_number": matches.get_one::<String>("number")});
        let receipt = client.json(Method::POST, "/api/v1/erasures", Some(body)).await?;
        out::print(&format!("{receipt:#}\n"))?;
        Ok(ExitCode::SUCCESS)
    })
}
