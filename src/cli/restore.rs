//! `smslite restore` and `smslite compact`: both put another file in the database's place, so no server may
//! hold it.

use super::client::Asked;
use super::import::progress;
use super::out;
use super::server_file::ServerFile;
use crate::app::backup::all_files;
use crate::clock::Clock;
use crate::config::Resolved;
use crate::store::{self, BackupError, DataDir, OpenError, Proving};
use anyhow::{Context, bail};
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser};
use indicatif::{HumanBytes, HumanCount};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Put a backup in the place of the database, which is kept under another name
#[derive(Parser)]
#[command(name = "restore")]
struct Restore {
    /// A backup, or a directory, whose newest one is taken
    file: PathBuf,
    /// Only prove that it can be restored; touches nothing
    #[arg(long)]
    check: bool,
    /// Restore also what does not hang together; smslite check --repair can mend much of it
    #[arg(long, conflicts_with = "check")]
    unsound: bool,
}

/// Make the database file anew with nothing but what is in it: gives space back, and freed bytes are gone
#[derive(Parser)]
#[command(name = "compact")]
struct Compact {}

pub(super) fn restore_command() -> Command {
    Restore::command()
}

pub(super) fn compact_command() -> Command {
    Compact::command()
}

pub(super) fn restore(matches: &ArgMatches, asked: &Asked) -> anyhow::Result<ExitCode> {
    let Restore { file, check, unsound } = Restore::from_arg_matches(matches)?;
    let path = newest(&file)?;
    let name = path.display();
    let input = BufReader::new(File::open(&path).with_context(|| format!("{name} cannot be read"))?);
    let dir = if check { None } else { Some(taken(&asked.resolved)?) };
    let bar = progress("reading", "{human_pos} rows", None);
    let rows = |rows| bar.set_position(rows);
    let (cache_bytes, now) = (asked.resolved.settings.cache_bytes, Clock::System.now());
    let proving = if unsound { Proving::Bytes } else { Proving::All };
    let restored = store::restore(input, dir.as_ref(), cache_bytes, now, proving, rows);
    bar.finish_and_clear();
    if let Err(BackupError::Unsound { .. }) = &restored
        && !check
    {
        out::tell("With --unsound it is restored all the same, to be repaired by smslite check --repair.");
    }
    let restored = restored.with_context(|| format!("{name}: nothing was changed"))?;
    if restored.unused_bytes > 0 {
        let bytes = HumanBytes(restored.unused_bytes);
        out::tell(&format!(
            "warning: {bytes} after the last whole part are cut short or damaged, and not used"
        ));
    }
    let mut text = format!("{name}: made {}, {} rows", restored.created_at, HumanCount(restored.rows));
    if let Some(until) = restored.followed_until {
        let rows = HumanCount(restored.followed_rows);
        text += &format!(", and {rows} that were written until {until}");
    }
    text += match (check, &restored.kept) {
        (true, _) => "; sound, and it can be restored\n",
        (false, None) => "; restored\n",
        (false, Some(_)) => "; restored\nThe database that was there before is now ",
    };
    if let Some(kept) = restored.kept {
        text += &format!("{}\n", kept.display());
    }
    out::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn newest(path: &Path) -> anyhow::Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let newest = all_files(path).with_context(|| format!("{} cannot be read", path.display()))?.pop();
    newest.with_context(|| format!("{}: there is no backup in it", path.display()))
}

pub(super) fn compact(asked: &Asked) -> anyhow::Result<ExitCode> {
    let path = &asked.resolved.settings.data_dir;
    if !DataDir::has_database(path) {
        bail!("{}: there is no database in it", path.display());
    }
    let dir = taken(&asked.resolved)?;
    let bar = progress("compacting", "{percent}%", Some(1));
    let compacted = store::compact(&dir, asked.resolved.settings.cache_bytes, |done, of| {
        bar.set_length(of);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let compacted = compacted.context("nothing was changed")?;
    let [before, after] = [compacted.bytes_before, compacted.bytes_after].map(HumanBytes);
    out::print(&format!("{} rows; the file had {before} and has {after}\n", HumanCount(compacted.rows)))?;
    Ok(ExitCode::SUCCESS)
}

/// The data directory, which nobody else holds.
fn taken(resolved: &Resolved) -> anyhow::Result<Arc<DataDir>> {
    match DataDir::take(&resolved.settings.data_dir) {
        Ok(dir) => {
            // What a killed server left behind.
            ServerFile::remove(dir.path());
            Ok(Arc::new(dir))
        }
        Err(OpenError::Held { path }) => bail!("{}: a server holds it; stop it first", path.display()),
        Err(error) => Err(error.into()),
    }
}
