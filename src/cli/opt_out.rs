//! `smslite opt-out`: who wants no more messages.

use super::client::{Asked, with_client};
use super::out;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser};
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use std::process::ExitCode;

const PATH: &str = "/api/v1/sms-opt-outs/";

/// List, add and remove opt-outs
#[derive(Parser)]
#[command(name = "opt-out")]
enum OptOut {
    /// List them: up to 1,000
    List {
        /// Of one of our numbers only
        #[arg(long, value_name = "NUMBER")]
        number: Option<String>,
    },
    /// Send a customer nothing more from one of our numbers
    Add {
        /// One of ours, e.g. +15551234567
        number: String,
        /// e.g. +15559876543
        customer: String,
    },
    /// Send again, with the customer's consent
    Remove { number: String, customer: String },
}

pub(super) fn command() -> Command {
    OptOut::command()
}

pub(super) fn run(matches: &ArgMatches, asked: Asked) -> anyhow::Result<ExitCode> {
    let opt_out = OptOut::from_arg_matches(matches)?;
    let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    with_client(asked, async |client| match opt_out {
        OptOut::List { number } => {
            let columns = [
                ("NUMBER", "/phone_number"),
                ("CUSTOMER", "/customer_phone_number"),
                ("SINCE", "/opted_out_at"),
                ("HOW", "/how"),
            ];
            let of = number.map(|number| format!("&phone_number={}", escaped(&number))).unwrap_or_default();
            client.table(&format!("{PATH}?limit=1000{of}"), columns).await
        }
        OptOut::Add { number, customer } => {
            let body = json!({"phone_number": number, "customer_phone_number": customer});
            client.json(Method::POST, PATH, Some(body)).await?;
            out::tell(&format!("Nothing is sent from {number} to {customer} any more."));
            Ok(())
        }
        OptOut::Remove { number, customer } => {
            let path = format!("{PATH}{}/{}", escaped(&number), escaped(&customer));
            client.json(Method::DELETE, &path, None).await?;
            out::tell(&format!("{customer} gets messages from {number} again."));
            Ok(())
        }
    })
}
