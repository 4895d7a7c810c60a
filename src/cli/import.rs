//! `smslite import`: NDJSON in.

use super::client::{Asked, accepted, last_line, with_client};
use super::out;
use crate::server::Body;
use anyhow::{Context, bail};
use bytes::Bytes;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser};
use http::Method;
use http_body_util::channel::Channel;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use tokio::io::{AsyncRead, AsyncReadExt};

const CUT: &str = "the connection was cut; run the same import again to complete it";
const PIECE_BYTES: usize = 256 * 1024;

/// Store the records of an NDJSON file; all of it is checked before anything is stored
#[derive(Parser)]
#[command(name = "import")]
struct Import {
    /// - is standard input
    file: String,
}

pub(super) fn command() -> Command {
    Import::command()
}

pub(super) fn run(matches: &ArgMatches, asked: Asked) -> anyhow::Result<ExitCode> {
    let Import { file: name } = Import::from_arg_matches(matches)?;
    if Path::new(&name).is_dir() {
        bail!("{name} is a directory; give the NDJSON file in it");
    }
    with_client(asked, async |client| {
        let (input, bytes): (Box<dyn AsyncRead + Send + Unpin>, _) = match name.as_str() {
            "-" => (Box::new(tokio::io::stdin()), None),
            _ => {
                let file =
                    tokio::fs::File::open(&name).await.with_context(|| format!("{name} cannot be read"))?;
                let length = file.metadata().await?.len();
                (Box::new(file), Some(length))
            }
        };
        let bar = progress("checking", "{bytes}", bytes);
        let body = upload(input, bar.clone());
        let sent = client.send(Method::POST, "/api/v1/import", "application/x-ndjson", body).await;
        bar.finish_and_clear();
        let response = accepted(sent.map_err(|error| broken(error, &name))?).await;
        let response =
            response.map_err(|error| match error.chain().any(<dyn Error>::is::<hyper::Error>) {
                true => broken(error, &name),
                false => anyhow::anyhow!(in_file(&name, &error.to_string())),
            })?;
        let summary = follow(response.into_body()).await?;
        let number = |field: &str| summary[field].as_u64().unwrap_or_default();
        out::tell(&format!(
            "{} records: {} stored, {} were there already",
            number("records"),
            number("stored"),
            number("skipped")
        ));
        if number("replaced") > 0 {
            out::tell(
                "The user and the API key of this server's first start gave way to those of the file: \
                 sign in with the file's.",
            );
        }
        Ok(())
    })
}

/// What an exchange that did not end as it should is called: the file failed, or the server went.
fn broken(error: anyhow::Error, name: &str) -> anyhow::Error {
    match error.chain().find_map(|cause| cause.downcast_ref::<hyper::Error>()) {
        Some(of_file) if of_file.is_user() => error.context(format!("{name} cannot be read")),
        Some(_) => anyhow::anyhow!(CUT),
        None => error,
    }
}

/// "line 7: what is wrong" becomes "FILE:7: what is wrong".
fn in_file(name: &str, error: &str) -> String {
    match error.strip_prefix("line ") {
        Some(rest) => format!("{name}:{rest}"),
        None => format!("{name}: {error}"),
    }
}

/// A bar on a terminal, nothing elsewhere.
pub(super) fn progress(what: &'static str, unit: &str, length: Option<u64>) -> ProgressBar {
    let bar = match length {
        Some(length) => ProgressBar::new(length),
        None => ProgressBar::new_spinner(),
    };
    let template = format!("{{msg}} {{wide_bar}} {unit}");
    bar.set_style(ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.with_message(what)
}

fn upload(mut input: Box<dyn AsyncRead + Send + Unpin>, bar: ProgressBar) -> Body {
    let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(4);
    tokio::spawn(async move {
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            match input.read(&mut piece).await {
                Ok(0) => break,
                Ok(length) => {
                    piece.truncate(length);
                    bar.inc(length as u64);
                    if sender.send_data(Bytes::from(piece)).await.is_err() {
                        // The answer came early; nobody reads on.
                        break;
                    }
                }
                Err(error) => return sender.abort(error),
            }
        }
    });
    Body::new(body)
}

/// Reads the progress lines that the server sends while it stores; the last one is the summary.
async fn follow(body: Body) -> anyhow::Result<Value> {
    let bar = progress("storing", "{pos}/{len} records", None);
    let last = last_line(body, CUT, |line| {
        if let (Some(done), Some(records)) = (line["done"].as_u64(), line["records"].as_u64()) {
            bar.set_length(records);
            bar.set_position(done);
        }
    })
    .await?;
    bar.finish_and_clear();
    match (&last["error"], &last["stored"]) {
        (Value::String(error), _) => {
            bail!("{error}; what was stored stays; run the same import again to complete it")
        }
        (_, Value::Number(_)) => Ok(last),
        _ => bail!(CUT),
    }
}
