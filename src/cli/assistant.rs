//! `smslite assistant`: who answers.

use super::client::{Asked, with_client};
use super::out;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser};
use http::Method;
use serde_json::json;
use std::process::ExitCode;

const PATH: &str = "/api/v1/assistants";

/// Make and list assistants
#[derive(Parser)]
#[command(name = "assistant")]
enum Assistant {
    /// Make an assistant and print its id
    Create {
        name: String,
        /// Where inbound messages are to be forwarded
        #[arg(long, value_name = "URL")]
        sms_webhook_url: Option<String>,
    },
    /// List the assistants
    List,
    /// Print what an assistant's forwarded messages are signed with, the newest secret first
    WebhookSecret {
        id: u64,
        /// Sign with a new secret from now on, and for a day with the last one, too
        #[arg(long)]
        rotate: bool,
    },
}

pub(super) fn command() -> Command {
    Assistant::command()
}

pub(super) fn run(matches: &ArgMatches, asked: Asked) -> anyhow::Result<ExitCode> {
    let assistant = Assistant::from_arg_matches(matches)?;
    with_client(asked, async |client| match assistant {
        Assistant::Create { name, sms_webhook_url } => {
            let body = json!({"name": name, "sms_webhook_url": sms_webhook_url});
            let made = client.json(Method::POST, PATH, Some(body)).await?;
            out::tell(&format!(
                "Assistant {} made. Give it a number: smslite number create NUMBER --assistant {}",
                made["name"], made["id"]
            ));
            out::print(&format!("{}\n", made["id"]))
        }
        Assistant::WebhookSecret { id, rotate } => {
            let path = format!("{PATH}/{id}/sms-webhook-secret");
            let signing = match rotate {
                true => client.json(Method::POST, &path, Some(json!({}))).await?,
                false => client.json(Method::GET, &path, None).await?,
            };
            let secrets = signing["secrets"].as_array().into_iter().flatten();
            let lines = secrets.filter_map(|it| it["secret"].as_str()).map(|secret| format!("{secret}\n"));
            out::print(&lines.collect::<String>())
        }
        Assistant::List => {
            let columns = [
                ("ID", "/id"),
                ("NAME", "/name"),
                ("ACTIVE", "/is_active"),
                ("SMS WEBHOOK", "/sms_webhook_url"),
            ];
            client.table(&format!("{PATH}?limit=1000"), columns).await
        }
    })
}
