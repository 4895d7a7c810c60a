//! `smslite parked`: inbound messages that could not be forwarded in time.

use super::client::{Asked, with_client};
use super::out;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser};
use http::Method;
use serde_json::json;
use std::process::ExitCode;

const PATH: &str = "/api/v1/parked-events";

/// List messages that could not be forwarded, and forward them again
#[derive(Parser)]
#[command(name = "parked")]
enum Parked {
    /// List them: up to 1,000
    List,
    /// Forward some again, or all
    Replay {
        #[arg(value_name = "ID", required_unless_present_any = ["all", "assistant"])]
        ids: Vec<u64>,
        /// All there are
        #[arg(long, conflicts_with_all = ["ids", "assistant"])]
        all: bool,
        /// All of one assistant
        #[arg(long, value_name = "ID", conflicts_with = "ids")]
        assistant: Option<u64>,
    },
    /// Give one up for good
    Discard { id: u64 },
}

pub(super) fn command() -> Command {
    Parked::command()
}

pub(super) fn run(matches: &ArgMatches, asked: Asked) -> anyhow::Result<ExitCode> {
    let parked = Parked::from_arg_matches(matches)?;
    with_client(asked, async |client| match parked {
        Parked::List => {
            let columns = [
                ("ID", "/id"),
                ("RECEIVED", "/received_at"),
                ("PARKED", "/parked_at"),
                ("CONVERSATION", "/conversation_id"),
                ("ATTEMPTS", "/attempts"),
                ("ERROR", "/error"),
            ];
            client.table(&format!("{PATH}?limit=1000"), columns).await
        }
        Parked::Replay { ids, all, assistant } => {
            let asked = ids.len() as u64;
            let body = match assistant {
                Some(id) => json!({"assistant_id": id}),
                None if all => json!({"all": true}),
                None => json!({"ids": ids}),
            };
            let done = client.json(Method::POST, &format!("{PATH}/replay"), Some(body)).await?;
            let replayed = done["replayed"].as_u64().unwrap_or(0);
            out::tell(&format!("{replayed} forwarded again."));
            anyhow::ensure!(
                replayed >= asked,
                "{} of them are not parked, or their assistant has no sms_webhook_url",
                asked - replayed
            );
            Ok(())
        }
        Parked::Discard { id } => {
            client.json(Method::DELETE, &format!("{PATH}/{id}"), None).await?;
            out::tell(&format!("Event {id} is forwarded no more."));
            Ok(())
        }
    })
}
