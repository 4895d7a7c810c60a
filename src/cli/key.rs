//! `smslite key`: API keys for scripts and apps.

use super::client::{Asked, cell, print_table, with_client};
use super::out;
use clap::{Arg, ArgMatches, Command};
use http::Method;
use serde_json::json;
use std::process::ExitCode;

const PATH: &str = "/api/v1/users/me/api-keys";

pub(super) fn command() -> Command {
    let role = Arg::new("role")
        .long("role")
        .value_parser(["admin", "user", "viewer"])
        .default_value("user")
        .help("What the key may do; a viewer may read only");
    let expires_at =
        Arg::new("expires-at").long("expires-at").value_name("TIME").help("When the key ends by itself");
    Command::new("key")
        .about("Make, list and revoke API keys")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("create")
                .about("Make a key and print it, once")
                .arg(Arg::new("name").required(true).value_name("NAME").help("What the key is for"))
                .arg(role)
                .arg(expires_at),
        )
        .subcommand(Command::new("list").about("List the keys"))
        .subcommand(Command::new("revoke").about("End a key at once").arg(
            Arg::new("id").required(true).value_name("ID").value_parser(clap::value_parser!(u64).range(1..)),
        ))
}

pub(super) fn run(matches: &ArgMatches, asked: Asked) -> anyhow::Result<ExitCode> {
    with_client(asked, async |client| {
        match matches.subcommand() {
            Some(("create", matches)) => {
                let text = |name: &str| matches.get_one::<String>(name);
                let body =
                    json!({"name": text("name"), "role": text("role"), "expires_at": text("expires-at")});
                let made = client.json(Method::POST, PATH, Some(body)).await?;
                out::tell(&format!("Key {} made; it is shown this once:", made["api_key"]["id"]));
                out::print_once(&format!("{}\n", cell(&made["key"])))?;
            }
            Some(("revoke", matches)) => {
                let id = matches.get_one::<u64>("id").copied().unwrap_or_default();
                client.json(Method::DELETE, &format!("{PATH}/{id}"), None).await?;
                out::tell(&format!("Key {id} is revoked."));
            }
            _ => {
                let keys = client.json(Method::GET, PATH, None).await?;
                let row = |key: &serde_json::Value| {
                    let role = &key["permissions"]["role"];
                    [
                        &key["id"],
                        &key["name"],
                        &key["key_prefix"],
                        role,
                        &key["is_active"],
                        &key["created_at"],
                    ]
                    .map(cell)
                };
                let rows: Vec<_> = keys.as_array().into_iter().flatten().map(row).collect();
                print_table(["ID", "NAME", "KEY", "ROLE", "ACTIVE", "CREATED"], &rows)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}
