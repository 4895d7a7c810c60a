//! `smslite user`: the people who sign in.

use super::client::{Asked, Client, with_client};
use super::key::ROLES;
use super::out;
use anyhow::Context;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser};
use http::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

const PATH: &str = "/api/v1/users";

/// Make, change and list users; passwords are read from standard input
#[derive(Parser)]
#[command(name = "user")]
enum User {
    /// Make a user; the password is read from standard input
    Create {
        email: String,
        /// What the user may do; a viewer may read only
        #[arg(long, value_name = "role", value_parser = ROLES, default_value = "user")]
        role: String,
        #[arg(long, value_name = "TEXT")]
        first_name: Option<String>,
        #[arg(long, value_name = "TEXT")]
        last_name: Option<String>,
        /// The user signs in at the identity provider only
        #[arg(long)]
        no_password: bool,
    },
    /// List the users
    List,
    /// Read a new password from standard input; the user's sessions end
    SetPassword { email: String },
    /// Change what a user may do
    SetRole {
        email: String,
        /// What the user may do; a viewer may read only
        #[arg(long, value_name = "role", value_parser = ROLES)]
        role: String,
    },
    /// End a user's sessions and refuse their API keys
    Disable { email: String },
    /// Let a disabled user in again
    Enable { email: String },
}

pub(super) fn command() -> Command {
    User::command()
}

pub(super) fn run(matches: &ArgMatches, asked: Asked) -> anyhow::Result<ExitCode> {
    let user = User::from_arg_matches(matches)?;
    // Before the data are touched.
    let password = match user {
        User::SetPassword { .. } | User::Create { no_password: false, .. } => {
            Some(out::secret_line("password")?)
        }
        _ => None,
    };
    with_client(asked, async |client| {
        let (email, change, told) = match user {
            User::Create { email, role, first_name, last_name, .. } => {
                let body = json!({
                    "email": email, "role": role, "password": password,
                    "first_name": first_name, "last_name": last_name,
                });
                let made = client.json(Method::POST, PATH, Some(body)).await?;
                out::tell(&format!("User {} made: {email}.", made["id"]));
                return Ok(());
            }
            User::List => {
                let columns = [
                    ("ID", "/id"),
                    ("EMAIL", "/email"),
                    ("NAME", "/full_name"),
                    ("ROLE", "/role"),
                    ("ACTIVE", "/is_active"),
                    ("LAST SIGN-IN", "/last_login_at"),
                ];
                return client.table(PATH, columns).await;
            }
            User::SetPassword { email } => (email, json!({"password": password}), "has a new password"),
            User::SetRole { email, role } => (email, json!({"role": role}), "has that role now"),
            User::Disable { email } => (email, json!({"is_active": false}), "is disabled"),
            User::Enable { email } => (email, json!({"is_active": true}), "is enabled"),
        };
        let id = id_of(client, &email).await?;
        client.json(Method::PATCH, &format!("{PATH}/{id}"), Some(change)).await?;
        out::tell(&format!("User {email} {told}."));
        Ok(())
    })
}

async fn id_of(client: &Client, email: &str) -> anyhow::Result<u64> {
    let users = client.json(Method::GET, PATH, None).await?;
    let same = |user: &&Value| user["email"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(email));
    let user = users.as_array().into_iter().flatten().find(same);
    user.and_then(|user| user["id"].as_u64()).with_context(|| format!("there is no user {email}"))
}
