//! `smslite export`: NDJSON out. A file appears under its name only when it is whole.

use super::client::{Asked, accepted, with_client};
use super::import::progress;
use super::out;
use crate::server::Body;
use anyhow::{Context, bail};
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser};
use http::Method;
use http_body_util::BodyExt;
use indicatif::ProgressDrawTarget;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tempfile::NamedTempFile;

const CUT: &str = "the export broke off, so nothing was written; the server's log tells why";
const CUT_OUTPUT: &str =
    "the export broke off; what was printed is not whole, and the server's log tells why";

/// Write the records as NDJSON, which import reads
#[derive(Parser)]
#[command(name = "export")]
struct Export {
    /// - is standard output
    #[arg(default_value = "-")]
    file: String,
    /// Also the organization, its users and API keys, with the hashes of their secrets
    #[arg(long)]
    with_secrets: bool,
}

pub(super) fn command() -> Command {
    Export::command()
}

pub(super) fn run(matches: &ArgMatches, asked: Asked) -> anyhow::Result<ExitCode> {
    let Export { file: name, with_secrets } = Export::from_arg_matches(matches)?;
    let file = if name == "-" { None } else { Some(Unfinished::beside(&name)?) };
    let path = format!("/api/v1/export?with_secrets={with_secrets}");
    with_client(asked, async |client| {
        let response = client.send(Method::GET, &path, "", Body::empty()).await?;
        let body = accepted(response).await?.into_body();
        let lines = match file {
            Some(mut file) => {
                let lines = copy(body, &mut file.temporary, CUT).await?;
                file.finish()?;
                lines
            }
            None => match copy(body, &mut std::io::stdout().lock(), CUT_OUTPUT).await {
                // A reader who has gone ends a command quietly.
                Err(error) if is_broken_pipe(&error) => return Ok(()),
                copied => copied?,
            },
        };
        out::tell(&format!("{lines} records exported"));
        Ok(())
    })
}

/// Copies the lines and counts them.
async fn copy(mut body: Body, to: &mut impl Write, cut: &'static str) -> anyhow::Result<u64> {
    let bar = progress("exporting", "{pos} records", None);
    if cut == CUT_OUTPUT && std::io::stdout().is_terminal() {
        // The records themselves are to be seen there.
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let mut lines = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.context(cut)?.into_data() else { continue };
        lines += data.iter().filter(|byte| **byte == b'\n').count() as u64;
        bar.set_position(lines);
        to.write_all(&data).context("the export cannot be written")?;
    }
    to.flush().context("the export cannot be written")?;
    bar.finish_and_clear();
    Ok(lines)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| io.kind() == ErrorKind::BrokenPipe)
}

/// A file for its owner alone that has no name yet.
pub(super) struct Unfinished {
    pub temporary: NamedTempFile,
    path: PathBuf,
}

impl Unfinished {
    pub(super) fn beside(name: &str) -> anyhow::Result<Unfinished> {
        // The file that a link leads to is replaced, not the link.
        let path = std::fs::canonicalize(name).unwrap_or_else(|_| PathBuf::from(name));
        if path.exists() && !path.is_file() {
            bail!("{name} is no regular file; write to standard output with - instead");
        }
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let temporary = NamedTempFile::new_in(dir).with_context(|| format!("{name} cannot be written"))?;
        Ok(Unfinished { temporary, path })
    }

    pub(super) fn finish(self) -> anyhow::Result<()> {
        let cannot = || format!("{} cannot be written", self.path.display());
        self.temporary.as_file().sync_all().with_context(cannot)?;
        self.temporary.persist(&self.path).with_context(cannot)?;
        Ok(())
    }
}
