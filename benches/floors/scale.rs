//! Whether it stays fast when there is much, and small: each read on much data against the same on little, deep
//! skips, small tenants beside large ones, starts, memory, disk, imports beside live traffic. Everything is done
//! to the program that people run. The result is printed and written to `target/bench/scale.json`.

mod cold;
mod disk;
mod flat;
mod import;
mod memory;
pub(crate) mod program;
mod skips;
mod start;
mod table;

use crate::arguments::Size;
use crate::data::{self, API_KEY, Data, FILE};
use crate::load::{Measured, Messages, Plan, Requests, fetch};
use crate::process::{Role, target_dir};
use crate::reads::KEPT;
use crate::report::Facts;
use anyhow::{Context, ensure};
use program::Program;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use table::Table;
use tempfile::TempDir;

/// What much is compared with.
const LITTLE: u64 = 1_000;

/// What the parts work with.
struct Scale<'s> {
    size: &'s Size,
    target: PathBuf,
    program: Program,
    load: Role,
    small: Data,
    large: Data,
    run: TempDir,
    table: Table,
    /// Every load that sends messages has customers and ids of its own.
    sent: u64,
}

type Part = fn(&mut Scale<'_>) -> anyhow::Result<()>;

const PARTS: [(&str, Part); 8] = [
    ("flat", flat::measure),
    ("skip", skips::measure),
    ("cold", cold::measure),
    ("start", start::measure),
    ("memory", memory::measure),
    ("sessions", memory::sessions),
    ("import", import::measure),
    ("disk", disk::measure),
];

pub(crate) fn bench(size: &Size) -> anyhow::Result<()> {
    let wanted: Vec<_> = PARTS.into_iter().filter(|(name, _)| size.wants(name)).collect();
    ensure!(!wanted.is_empty(), "the parts are {}", PARTS.map(|(name, _)| name).join(", "));
    let target = target_dir()?;
    let program = Program::find(size.binary.as_deref(), &target)?;
    let mut facts = Facts::of_machine();
    let (small, large) = (data::prepared(&target, LITTLE)?, data::prepared(&target, size.conversations)?);
    let rows = &large.made.rows;
    (facts.conversations, facts.messages) = (rows["activity"], rows["message_logs"]);
    (facts.rounds, facts.seconds_each) = (size.rounds, size.seconds);
    facts.file_bytes = fs::metadata(large.dir.join(FILE))?.len();
    let run = tempfile::Builder::new().prefix("run-").tempdir_in(target.join("bench-data"))?;
    let load = Role::start(&["load"], Stdio::inherit())?;
    let table = Table::new(facts);
    let mut scale = Scale { size, target, program, load, small, large, run, table, sent: 0 };
    let binary = fs::metadata(&scale.program.binary)?.len() as f64 / 1e6;
    scale.table.add("the program", binary, "MB", table::Want::AtMost(20.0));
    for (name, part) in wanted {
        eprintln!("{name}");
        part(&mut scale).with_context(|| name.to_owned())?;
    }
    scale.load.stop()?;
    scale.table.print();
    scale.table.write(&size.json(&scale.target, "scale")?)
}

impl Scale<'_> {
    /// A copy of data to be written to, made once: the parts go on with what those before left.
    fn copy(&self, name: &str, of: &Path) -> anyhow::Result<PathBuf> {
        let dir = self.run.path().join(name);
        if !dir.exists() {
            let (from, needed) = (of.join(FILE), fs::metadata(of.join(FILE))?.len());
            let free = free_bytes(self.run.path())?;
            ensure!(
                free > needed,
                "a copy of the data wants {} MB, and the disk has {}",
                needed >> 20,
                free >> 20
            );
            fs::create_dir(&dir)?;
            fs::copy(from, dir.join(FILE))?;
        }
        Ok(dir)
    }

    fn copy_of_small(&self) -> anyhow::Result<PathBuf> {
        self.copy("small", &self.small.dir)
    }

    fn copy_of_large(&self) -> anyhow::Result<PathBuf> {
        self.copy("large", &self.large.dir)
    }

    /// Messages to the large organization that nobody sent before. `existing`: how many customers they are from
    /// beside new ones.
    fn messages(&mut self, first_free: u64, existing: u64, most: u64) -> Requests {
        self.sent += 1;
        let first_new = first_free + self.sent * 1_000_000;
        Requests::Webhooks(Messages { existing, first_new, seed: 9_000_000 + self.sent, most })
    }
}

fn free_bytes(dir: &Path) -> anyhow::Result<u64> {
    let disk = rustix::fs::statvfs(dir)?;
    Ok(disk.f_bavail * disk.f_frsize)
}

fn reads(key: &str, paths: Vec<String>) -> Requests {
    Requests::Reads { key: key.to_owned(), paths }
}

/// A plan of as many requests as there can be.
fn plan(address: SocketAddr, connections: usize, seconds: f64, requests: Requests) -> Plan {
    Plan { address, connections, seconds, requests, least_bytes: 0, per_second: None }
}

/// The least that each of these paths answers, with room for what changes by itself: what answers nothing is no
/// fast read. Of data that nobody writes to.
fn least_bytes<'p>(
    address: SocketAddr,
    key: &str,
    paths: impl Iterator<Item = &'p String>,
) -> anyhow::Result<usize> {
    let mut least = usize::MAX;
    for path in paths {
        least = least.min(fetch(address, key, path)?.body.len());
    }
    ensure!(least < usize::MAX, "nothing to ask for");
    Ok(least / 2)
}

/// Figures are worth nothing when requests failed.
fn sound(measured: Measured) -> anyhow::Result<Measured> {
    let first = measured.first_error.as_deref().unwrap_or_default();
    ensure!(measured.errors == 0, "{} requests failed, the first: {first}", measured.errors);
    ensure!(measured.answered > 0, "nothing was answered");
    Ok(measured)
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The reads that are compared: those of the floors, and the filters of the list. Of one page of the list without a
/// filter, asked for again and again, the server keeps the bytes, and these tell nothing of how much data there is.
fn compared(data: &Data) -> Vec<(String, Vec<String>)> {
    let list = |filter: &str| vec![format!("/api/v1/sms-conversations/?{filter}")];
    let reads = crate::reads::reads(&data.made).into_iter().filter(|read| read.name != KEPT);
    let reads = reads.map(|read| (read.name, read.paths));
    // The first ones have conversations with many assistants, where there is much.
    let existing = data.made.existing;
    let customers = (existing / 2..existing).take(1_000).map(data::customer);
    let by_customer = customers.map(|number| {
        let number = number.replace('+', "%2B");
        format!("/api/v1/sms-conversations/?customer_phone={number}")
    });
    reads
        .chain([
            ("list, status=active".to_owned(), list("status=active")),
            ("list, assistant_id=1".to_owned(), list("assistant_id=1")),
            ("list, customer_phone=a whole number".to_owned(), by_customer.collect()),
        ])
        .collect()
}

/// One answer after another of one server, by one client: the p50.
fn p50_ms(load: &mut Role, plan: &Plan) -> anyhow::Result<f64> {
    Ok(f64::from(sound(load.ask(plan)?)?.p50_micros) / 1000.0)
}

/// As the floors ask.
const KEY: &str = API_KEY;
