//! `smslite user`: the people who sign in.

use super::client::{Asked, Client, cell, print_table, with_client};
use super::out;
use anyhow::{Context, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use http::Method;
use serde_json::{Value, json};
use std::io::{IsTerminal, Read};
use std::process::ExitCode;

const PATH: &str = "/api/v1/users";

pub(super) fn command() -> Command {
    let email = || Arg::new("email").required(true).value_name("EMAIL");
    let role = || {
        let roles = ["admin", "user", "viewer"];
        Arg::new("role").long("role").value_parser(roles).help("What the user may do; a viewer may read only")
    };
    let no_password = Arg::new("no-password")
        .long("no-password")
        .action(ArgAction::SetTrue)
        .help("The user signs in at the identity provider only");
    Command::new("user")
        .about("Make, change and list users; passwords are read from standard input")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("create")
                .about("Make a user; the password is read from standard input")
                .arg(email())
                .arg(role().default_value("user"))
                .arg(Arg::new("first-name").long("first-name").value_name("TEXT"))
                .arg(Arg::new("last-name").long("last-name").value_name("TEXT"))
                .arg(no_password),
        )
        .subcommand(Command::new("list").about("List the users"))
        .subcommand(
            Command::new("set-password")
                .about("Read a new password from standard input; the user's sessions end")
                .arg(email()),
        )
        .subcommand(
            Command::new("set-role")
                .about("Change what a user may do")
                .arg(email())
                .arg(role().required(true)),
        )
        .subcommand(
            Command::new("disable").about("End a user's sessions and refuse their API keys").arg(email()),
        )
        .subcommand(Command::new("enable").about("Let a disabled user in again").arg(email()))
}

pub(super) fn run(matches: &ArgMatches, asked: Asked) -> anyhow::Result<ExitCode> {
    let Some((verb, matches)) = matches.subcommand() else { bail!("a command is needed") };
    // Before the data are touched.
    let password = match verb {
        "set-password" => Some(password()?),
        "create" if !matches.get_flag("no-password") => Some(password()?),
        _ => None,
    };
    with_client(asked, async |client| {
        let text = |name: &str| matches.get_one::<String>(name).cloned();
        if verb == "list" {
            return list(client).await;
        }
        let email = text("email").unwrap_or_default();
        if verb == "create" {
            let body = json!({
                "email": email, "role": text("role"), "password": password,
                "first_name": text("first-name"), "last_name": text("last-name"),
            });
            let made = client.json(Method::POST, PATH, Some(body)).await?;
            out::tell(&format!("User {} made: {email}.", made["id"]));
            return Ok(ExitCode::SUCCESS);
        }
        let (change, told) = match verb {
            "set-password" => (json!({"password": password}), "has a new password"),
            "set-role" => (json!({"role": text("role")}), "has that role now"),
            "disable" => (json!({"is_active": false}), "is disabled"),
            _ => (json!({"is_active": true}), "is enabled"),
        };
        let id = id_of(client, &email).await?;
        client.json(Method::PATCH, &format!("{PATH}/{id}"), Some(change)).await?;
        out::tell(&format!("User {email} {told}."));
        Ok(ExitCode::SUCCESS)
    })
}

async fn list(client: &Client) -> anyhow::Result<ExitCode> {
    let users = client.json(Method::GET, PATH, None).await?;
    let row = |user: &Value| {
        let fields = ["id", "email", "full_name", "role", "is_active", "last_login_at"];
        fields.map(|field| cell(&user[field]))
    };
    let rows: Vec<_> = users.as_array().into_iter().flatten().map(row).collect();
    print_table(["ID", "EMAIL", "NAME", "ROLE", "ACTIVE", "LAST SIGN-IN"], &rows)?;
    Ok(ExitCode::SUCCESS)
}

async fn id_of(client: &Client, email: &str) -> anyhow::Result<u64> {
    let users = client.json(Method::GET, PATH, None).await?;
    let same = |user: &&Value| user["email"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(email));
    let user = users.as_array().into_iter().flatten().find(same);
    user.and_then(|user| user["id"].as_u64()).with_context(|| format!("there is no user {email}"))
}

/// One line of standard input.
fn password() -> anyhow::Result<String> {
    let mut input = std::io::stdin();
    if input.is_terminal() {
        out::tell("The new password, then Enter (it is shown as you type; a pipe works too):");
    }
    let mut text = String::new();
    if input.is_terminal() {
        input.read_line(&mut text)?;
    } else {
        input.read_to_string(&mut text)?;
    }
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.contains('\n') {
        bail!("the password on standard input must be one line");
    }
    if text.is_empty() {
        bail!("no password was given on standard input");
    }
    Ok(text.to_owned())
}
