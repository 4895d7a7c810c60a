//! `smslite check`: reads everything and says whether it hangs together; `--repair` mends what can be derived.

use super::client::{Asked, accepted, last_line, with_client};
use super::import::progress;
use super::{FAILED, out};
use crate::server::Body;
use crate::store::{CheckReport, DataDir, Location, OpenError, check_file, repair_file};
use anyhow::{Context, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use http::Method;
use indicatif::{HumanCount, ProgressBar};
use std::process::ExitCode;
use std::sync::Arc;

const CUT: &str = "the check broke off before its end; the server's log tells why";

pub(super) fn command() -> Command {
    let repair = Arg::new("repair").long("repair").action(ArgAction::SetTrue).help(
        "Also rebuild what can be derived from the records; no server may run, and a copy of the data directory first is wise",
    );
    Command::new("check")
        .about("Verify each record, index, counter and reference against the others; exit 1 on damage")
        .arg(repair)
}

pub(super) fn run(matches: &ArgMatches, asked: Asked) -> anyhow::Result<ExitCode> {
    let (path, repair) = (asked.resolved.settings.data_dir.clone(), matches.get_flag("repair"));
    if !DataDir::has_database(&path) {
        bail!("{}: there is no database in it", path.display());
    }
    match DataDir::take(&path) {
        Ok(dir) => here(&Location::Directory(Arc::new(dir)), asked.resolved.settings.cache_bytes, repair),
        Err(OpenError::Held { .. }) if repair => bail!(
            "{}: a server or another command holds it; stop it, then run smslite check --repair again",
            path.display()
        ),
        Err(OpenError::Held { .. }) => by_server(asked),
        Err(error) => Err(error.into()),
    }
}

fn by_server(asked: Asked) -> anyhow::Result<ExitCode> {
    let mut report = CheckReport::default();
    with_client(asked, async |client| {
        let response = client.send(Method::POST, "/api/v1/check", "", Body::empty()).await?;
        report = follow(accepted(response).await?.into_body()).await?;
        Ok(())
    })?;
    if report.found == 0 {
        out::tell("(The file's own pages are verified when no server holds them.)");
    }
    tell(&report)
}

/// Without a server.
fn here(location: &Location, cache_bytes: usize, repair: bool) -> anyhow::Result<ExitCode> {
    let bar = progress("checking", "{percent}%", Some(1));
    let pages = bar.clone();
    let pages = Arc::new(move |percent| show(&pages, "reading pages", percent, 100));
    let rows = |done, of| show(&bar, "checking rows", done, of);
    if !repair {
        let report = check_file(location, cache_bytes, pages, &rows)?;
        bar.finish_and_clear();
        return tell(&report);
    }
    out::tell("Repairing in place; without a copy of the data directory there is no way back.");
    let report = repair_file(location, cache_bytes, pages, &rows)?;
    bar.finish_and_clear();
    let mut text: String = report.mended.iter().map(|mended| format!("repaired: {mended}\n")).collect();
    if report.mends > 0 {
        text += &format!("{} repaired\n", HumanCount(report.mends));
    }
    out::print(&text)?;
    tell(&report.left)
}

fn show(bar: &ProgressBar, what: &'static str, done: u64, of: u64) {
    bar.set_message(what);
    bar.set_length(of);
    bar.set_position(done.min(of));
}

/// One line when all is sound; else each damage, and how many there are.
fn tell(report: &CheckReport) -> anyhow::Result<ExitCode> {
    let (rows, organizations) = (HumanCount(report.rows), report.organizations);
    let plural = if organizations == 1 { "" } else { "s" };
    let read = format!("{rows} rows in {} tables, {organizations} organization{plural}", report.tables);
    if report.found == 0 {
        out::print(&format!("sound: {read}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text: String = report.damages.iter().map(|damage| format!("{damage}\n")).collect();
    let plural = if report.found == 1 { "" } else { "s" };
    text += &format!("{} damage{plural} found: {read}\n", HumanCount(report.found));
    out::print(&text)?;
    Ok(ExitCode::from(FAILED))
}

/// Reads the progress lines of the server; the last one has what was found.
async fn follow(body: Body) -> anyhow::Result<CheckReport> {
    let bar = progress("checking rows", "{percent}%", None);
    let last = last_line(body, CUT, |line| {
        if let (Some(done), Some(of)) = (line["done"].as_u64(), line["of"].as_u64()) {
            show(&bar, "checking rows", done, of);
        }
    })
    .await?;
    bar.finish_and_clear();
    if let Some(error) = last["error"].as_str() {
        bail!("{error}");
    }
    serde_json::from_value(last).context(CUT)
}
