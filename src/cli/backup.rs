//! `smslite backup`: everything in one file; `--follow` keeps one in a directory up to the second.

use super::client::{Asked, Client, accepted, with_client, with_server};
use super::export::Unfinished;
use super::import::progress;
use super::out;
use crate::app::backup::{file_name, followed_name, prune};
use crate::clock::Clock;
use crate::server::Body;
use crate::store::{BackupError, Received, receive};
use anyhow::{Context, bail};
use bytes::{Buf, Bytes};
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser};
use http::Method;
use http_body_util::BodyExt;
use indicatif::HumanBytes;
use std::fs::File;
use std::io::{Error, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;
use tokio::runtime::Handle;

/// How long until a server that went away is looked for again.
const AGAIN: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// After so long, or when what was followed is longer than the backup and than this, a new one is begun.
const FRESH_EVERY: Duration = Duration::from_secs(24 * 3600);
const FRESH_BYTES: u64 = 64 << 20;

/// Write everything into one compressed, checksummed file, also while the server runs
#[derive(Parser)]
#[command(name = "backup")]
struct Backup {
    /// - is standard output [default: ./smslite-TIME.backup]
    file: Option<String>,
    /// Keep the newest backup in this directory up to date with each commit, until told to stop
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    follow: Option<PathBuf>,
    /// How many backups are kept in the directory
    #[arg(long, default_value_t = 2, requires = "follow", value_parser = clap::value_parser!(u16).range(1..))]
    keep: u16,
}

pub(super) fn command() -> Command {
    Backup::command()
}

pub(super) fn run(matches: &ArgMatches, asked: Asked) -> anyhow::Result<ExitCode> {
    let Backup { file, follow, keep } = Backup::from_arg_matches(matches)?;
    match follow {
        Some(dir) => follow_into(&dir, usize::from(keep), asked),
        None => once(file, asked),
    }
}

fn once(file: Option<String>, asked: Asked) -> anyhow::Result<ExitCode> {
    let name = file.unwrap_or_else(|| file_name(Clock::System.now()));
    let mut file = if name == "-" { None } else { Some(Unfinished::beside(&name)?) };
    with_client(asked, async |client| {
        let body = ask(client, "/api/v1/backup").await?;
        let bar = progress("backing up", "{binary_bytes}", None);
        let mut stdout = std::io::stdout();
        let to: &mut dyn Write = match &mut file {
            Some(file) => &mut file.temporary,
            None => &mut stdout,
        };
        let told = |received, _: &mut &mut dyn Write| {
            if let Received::Rows(bytes) = received {
                bar.set_position(bytes);
            }
            Ok(true)
        };
        tokio::task::block_in_place(|| receive(body, to, told))?;
        stdout.flush()?;
        bar.finish_and_clear();
        Ok(())
    })?;
    if let Some(file) = file {
        let bytes = file.temporary.as_file().metadata().map_or(0, |found| found.len());
        file.finish()?;
        out::tell(&format!("{name}: {}; smslite restore --check {name} proves it", HumanBytes(bytes)));
    }
    Ok(ExitCode::SUCCESS)
}

async fn ask(client: &Client, path: &str) -> anyhow::Result<Pull> {
    let response = client.send(Method::GET, path, "", Body::empty()).await?;
    let body = accepted(response).await?.into_body();
    Ok(Pull { body, runtime: Handle::current(), rest: Bytes::new(), ended: false })
}

/// Begins a backup, keeps it up to date, and begins another when it has grown old or the server went away.
fn follow_into(dir: &Path, keep: usize, asked: Asked) -> anyhow::Result<ExitCode> {
    std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    let Asked { resolved, organization } = asked;
    let (mut reached, mut told, mut pause) = (false, false, AGAIN / 2);
    loop {
        let asked = Asked { resolved: resolved.clone(), organization: organization.clone() };
        let followed = with_server(asked, async |client| {
            let body = ask(client, "/api/v1/backup?follow=true").await?;
            (reached, told) = (true, false);
            tokio::task::block_in_place(|| keep_up(body, dir, keep))
        });
        pause = if followed.is_ok() { AGAIN } else { (pause * 2).min(LONGEST_PAUSE) };
        if let Err(error) = followed {
            if !reached {
                return Err(error);
            }
            if !std::mem::replace(&mut told, true) {
                out::tell(&format!("{error:#}; beginning anew when it is there again"));
            }
        }
        std::thread::sleep(pause);
    }
}

/// The file appears under its name when it is whole, and grows from then on.
fn keep_up(body: Pull, dir: &Path, keep: usize) -> anyhow::Result<()> {
    let began = Instant::now();
    let path = dir.join(followed_name(Clock::System.now()));
    let mut unfinished = Some(NamedTempFile::new_in(dir)?);
    let file = unfinished.as_ref().context("it was just made")?.reopen()?;
    let mut whole_bytes = 0;
    let kept = receive(body, file, |received, file: &mut File| {
        match received {
            Received::Rows(_) => return Ok(true),
            Received::Whole => {
                file.sync_all()?;
                if let Some(unfinished) = unfinished.take() {
                    unfinished.persist(&path).map_err(|error| error.error)?;
                }
                File::open(dir)?.sync_all()?;
                prune(dir, &path, keep)?;
                whole_bytes = file.metadata()?.len();
                out::tell(&format!("{}: {}; following", path.display(), HumanBytes(whole_bytes)));
            }
            Received::Until(_) => file.sync_data()?,
        }
        let followed = file.metadata()?.len() - whole_bytes;
        Ok(began.elapsed() < FRESH_EVERY && followed < whole_bytes.max(FRESH_BYTES))
    });
    match kept {
        Err(BackupError::Io(error)) if unfinished.is_none() => bail!("following broke off ({error})"),
        kept => Ok(kept?),
    }
}

/// A body as it is read on a thread that may wait.
struct Pull {
    body: Body,
    runtime: Handle,
    rest: Bytes,
    /// It must not be asked again then.
    ended: bool,
}

impl Read for Pull {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() && !self.ended {
            match self.runtime.block_on(self.body.frame()) {
                None => self.ended = true,
                Some(frame) => self.rest = frame.map_err(Error::other)?.into_data().unwrap_or_default(),
            }
        }
        let length = self.rest.len().min(buffer.len());
        self.rest.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
