//! `smslite key`: API keys for scripts and apps.

use super::client::{Asked, cell, with_client};
use super::out;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser, value_parser};
use http::Method;
use serde_json::json;
use std::process::ExitCode;

const PATH: &str = "/api/v1/users/me/api-keys";
pub(super) const ROLES: [&str; 3] = ["admin", "user", "viewer"];

/// Make, list and revoke API keys
#[derive(Parser)]
#[command(name = "key")]
enum Key {
    /// Make a key and print it, once
    Create {
        /// What the key is for
        name: String,
        /// What the key may do; a viewer may read only
        #[arg(long, value_name = "role", value_parser = ROLES, default_value = "user")]
        role: String,
        /// When the key ends by itself
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
    /// List the keys
    List,
    /// End a key at once
    Revoke {
        #[arg(value_parser = value_parser!(u64).range(1..))]
        id: u64,
    },
}

pub(super) fn command() -> Command {
    Key::command()
}

pub(super) fn run(matches: &ArgMatches, asked: Asked) -> anyhow::Result<ExitCode> {
    let key = Key::from_arg_matches(matches)?;
    with_client(asked, async |client| match key {
        Key::Create { name, role, expires_at } => {
            let body = json!({"name": name, "role": role, "expires_at": expires_at});
            let made = client.json(Method::POST, PATH, Some(body)).await?;
            out::tell(&format!("Key {} made; it is shown this once:", made["api_key"]["id"]));
            out::print_once(&format!("{}\n", cell(&made["key"])))
        }
        Key::Revoke { id } => {
            client.json(Method::DELETE, &format!("{PATH}/{id}"), None).await?;
            out::tell(&format!("Key {id} is revoked."));
            Ok(())
        }
        Key::List => {
            let columns = [
                ("ID", "/id"),
                ("NAME", "/name"),
                ("KEY", "/key_prefix"),
                ("ROLE", "/permissions/role"),
                ("ACTIVE", "/is_active"),
                ("CREATED", "/created_at"),
            ];
            client.table(PATH, columns).await
        }
    })
}
