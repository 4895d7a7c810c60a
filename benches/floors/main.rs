//! How close smslite comes to what it is built on, measured in the same run: reads against bare axum that
//! answers the same bytes, inbound messages against bare redb that commits the same rows.
//!
//!     cargo bench                                   5 rounds of 2 s a case, 100,000 conversations
//!     cargo bench -- --quick                        2 rounds of 0.7 s
//!     cargo bench -- --conversations 20000 --rounds 3
//!
//! Servers, floors and the load generator are processes of their own; floor and smslite take turns. The
//! result is printed and written to `target/bench/floors.json`. See ../RESULTS.md.

mod data;
mod dice;
mod floor_redb;
mod floor_rows;
mod load;
mod process;
mod report;
mod servers;

use anyhow::{Context, bail, ensure};
use dice::Dice;
use floor_redb::Commits;
use load::{Measured, Messages, Plan, Requests};
use process::{Role, Usage};
use report::{Case, Facts, Report, RowsPerMessage, Side};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// As in the program; the floors get it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FILE: &str = "smslite.redb";
/// What a client may ask for; so many different ones are asked for in turn.
const PATHS: usize = 10_000;
/// Both sides write the same rows up to the chance of who writes.
const ROWS_DIFFER: f64 = 0.05;

struct Size {
    conversations: u64,
    rounds: usize,
    seconds: f64,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["smslite", dir] => servers::smslite(Path::new(dir)),
        ["axum", dir] => servers::bare_axum(Path::new(dir)),
        ["redb", file] => floor_redb::bare_redb(Path::new(file)),
        ["load"] => load::generate(),
        _ => bench(&size(&words)?),
    }
}

fn size(words: &[&str]) -> anyhow::Result<Size> {
    let mut size = Size { conversations: 100_000, rounds: 5, seconds: 2.0 };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            // What cargo says to every benchmark.
            "--bench" => {}
            "--quick" => (size.rounds, size.seconds) = (2, 0.7),
            "--conversations" => size.conversations = words.next().context("how many?")?.parse()?,
            "--rounds" => size.rounds = words.next().context("how many?")?.parse()?,
            "--seconds" => size.seconds = words.next().context("how many?")?.parse()?,
            other => bail!("{other}: known are --quick, --conversations N, --rounds N and --seconds S"),
        }
    }
    ensure!(size.conversations >= 1_000 && size.rounds > 0, "at least 1000 conversations and one round");
    Ok(size)
}

/// `target`, wherever it is: this program lies in `target/<profile>/deps`.
fn target_dir() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.ancestors().nth(3).context("cargo runs this from its target directory")?.to_owned())
}

fn bench(size: &Size) -> anyhow::Result<()> {
    let target = target_dir()?;
    let mut facts = Facts::of_machine();
    let data = data::prepared(&target, size.conversations)?.join(FILE);
    let before = floor_redb::count_rows(&data)?;
    (facts.conversations, facts.rounds, facts.seconds_each) = (before["activity"], size.rounds, size.seconds);
    (facts.messages, facts.file_bytes) = (before["message_logs"], fs::metadata(&data)?.len());

    // The data stays as it is: each run writes into copies, on the same disk.
    let run = tempfile::Builder::new().prefix("run-").tempdir_in(target.join("bench-data"))?;
    let (smslite_dir, floor_file) = (run.path().join("smslite"), run.path().join("floor.redb"));
    fs::create_dir(&smslite_dir)?;
    fs::copy(&data, smslite_dir.join(FILE))?;
    fs::copy(&data, &floor_file)?;

    let mut bench = Bench {
        size,
        load: Role::start(&["load"], Stdio::inherit())?,
        smslite: Server::start("smslite", &smslite_dir, Stdio::null())?,
    };
    let mut cases = bench.reads(run.path())?;
    cases.extend(bench.inbound(&floor_file)?);
    bench.load.stop()?;
    bench.smslite.role.stop()?;

    let smslite_rows = added(&before, &floor_redb::count_rows(&smslite_dir.join(FILE))?);
    let floor_rows = added(&before, &floor_redb::count_rows(&floor_file)?);
    let report = Report { facts, cases, rows_per_message: side_by_side(&floor_rows, &smslite_rows) };
    report.print();
    let json = target.join("bench");
    fs::create_dir_all(&json)?;
    fs::write(json.join("floors.json"), serde_json::to_vec_pretty(&report)?)?;
    verify(&report)
}

/// Figures are worth nothing when requests failed or the floor wrote other rows.
fn verify(report: &Report) -> anyhow::Result<()> {
    for case in &report.cases {
        if let Some(error) = case.first_error() {
            bail!("{}: {} requests failed, the first: {error}", case.name, case.errors());
        }
    }
    for (table, (floor, smslite)) in &report.rows_per_message {
        ensure!(
            (floor - smslite).abs() < ROWS_DIFFER,
            "{table}: the floor adds {floor:.2} rows a message, smslite {smslite:.2}: mend floor_rows.rs"
        );
    }
    Ok(())
}

/// Rows added for each message, by table.
fn added(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, f64> {
    let more = |table: &str| (after[table] - before.get(table).copied().unwrap_or(0)) as f64;
    let messages = more("message_logs");
    after.keys().map(|table| (table.clone(), more(table) / messages)).collect()
}

fn side_by_side(floor: &BTreeMap<String, f64>, smslite: &BTreeMap<String, f64>) -> RowsPerMessage {
    let pair = |table: &String| (floor.get(table).copied().unwrap_or(0.0), smslite[table]);
    let pairs = smslite.keys().map(|table| (table.clone(), pair(table)));
    pairs.filter(|(_, (floor, smslite))| floor + smslite > 0.0).collect()
}

/// A process that listens.
struct Server {
    role: Role,
    address: SocketAddr,
}

impl Server {
    fn start(role: &str, dir: &Path, log: Stdio) -> anyhow::Result<Server> {
        let mut role = Role::start(&[role, dir.to_str().context("a path of UTF-8")?], log)?;
        Ok(Server { address: role.hear()?, role })
    }

    /// Lets the load generator carry out a plan against it.
    fn measure(&mut self, load: &mut Role, plan: &Plan) -> anyhow::Result<(Measured, Usage)> {
        let before = self.role.usage()?;
        let measured = load.ask(plan)?;
        Ok((measured, self.role.usage()?.since(before)))
    }
}

struct Bench<'s> {
    size: &'s Size,
    load: Role,
    smslite: Server,
}

#[derive(Deserialize)]
struct Listed {
    id: u64,
    message_count: u32,
}

impl Bench<'_> {
    fn reads(&mut self, run: &Path) -> anyhow::Result<Vec<Case>> {
        let (one, long) = self.paths()?;
        let list = vec!["/api/v1/sms-conversations/?limit=50".to_owned()];
        for (name, paths) in servers::BODIES.iter().zip([&list, &one, &long]) {
            fs::write(run.join(name), self.fetch(&paths[0])?)?;
        }
        let mut axum = Server::start("axum", run, Stdio::inherit())?;
        let cases = [
            ("list 50 conversations", 0.60, list),
            ("8 messages of a thread", 0.70, long),
            ("one conversation", 0.75, one),
        ];
        let cases = cases.map(|(name, target, paths)| {
            let mut case = Case {
                name,
                floor_name: "bare axum",
                target: Some(target),
                floor: Side::default(),
                smslite: Side::default(),
            };
            let requests = Requests::Reads(paths);
            let mut plan =
                Plan { address: axum.address, connections: 16, seconds: self.size.seconds, requests };
            let turns = |_: usize, of_floor: bool| {
                let server = if of_floor { &mut axum } else { &mut self.smslite };
                plan.address = server.address;
                server.measure(&mut self.load, &plan)
            };
            take_turns(&mut case, self.size.rounds, turns).map(|()| case)
        });
        axum.role.stop()?;
        cases.into_iter().collect()
    }

    fn inbound(&mut self, floor_file: &Path) -> anyhow::Result<Vec<Case>> {
        let file = floor_file.to_str().context("a path of UTF-8")?;
        let mut redb = Role::start(&["redb", file], Stdio::inherit())?;
        let _: String = redb.hear()?;
        let mut cases = Vec::new();
        for (name, target, connections, most_per_second) in [
            ("inbound, 64 at a time", Some(0.70), 64, 15_000.0),
            ("inbound, one at a time", None, 1, 3_000.0),
        ] {
            let mut case = Case {
                name,
                floor_name: "bare redb",
                target,
                floor: Side::default(),
                smslite: Side::default(),
            };
            let (seconds, existing) = (self.size.seconds, self.size.conversations);
            let most = (seconds * most_per_second) as u64;
            let first = cases.len() as u64 * 1_000;
            let turns = |round: usize, of_floor: bool| {
                let run = first + round as u64;
                let messages = Messages {
                    existing,
                    first_new: existing + 1 + run * 1_000_000,
                    seed: 1_000_000 + run,
                    most,
                };
                if of_floor {
                    let before = redb.usage()?;
                    let measured = redb.ask(&Commits { clients: connections, seconds, messages })?;
                    return Ok((measured, redb.usage()?.since(before)));
                }
                let requests = Requests::Webhooks(messages);
                let plan = Plan { address: self.smslite.address, connections, seconds, requests };
                self.smslite.measure(&mut self.load, &plan)
            };
            take_turns(&mut case, self.size.rounds, turns)?;
            cases.push(case);
        }
        redb.stop()?;
        Ok(cases)
    }

    fn fetch(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(load::fetch(self.smslite.address, path))
    }

    /// Paths of conversations, and of the messages of long threads, all over the data.
    fn paths(&self) -> anyhow::Result<(Vec<String>, Vec<String>)> {
        let mut all: Vec<Listed> = Vec::new();
        loop {
            let path = format!("/api/v1/sms-conversations/?limit=1000&skip={}", all.len());
            let page: Vec<Listed> = serde_json::from_slice(&self.fetch(&path)?)?;
            if page.is_empty() {
                break;
            }
            all.extend(page);
        }
        Dice::new(2).shuffle(&mut all);
        let path = |row: &Listed| format!("/api/v1/sms-conversations/{}", row.id);
        let one = all.iter().take(PATHS).map(path).collect();
        let long = all.iter().filter(|row| row.message_count == data::LONG).take(PATHS);
        Ok((one, long.map(|row| format!("{}/messages", path(row))).collect()))
    }
}

/// Floor and smslite in turn; who begins changes. The round before the first warms up and counts for
/// nothing.
fn take_turns(
    case: &mut Case,
    rounds: usize,
    mut turn: impl FnMut(usize, bool) -> anyhow::Result<(Measured, Usage)>,
) -> anyhow::Result<()> {
    eprintln!("{}", case.name);
    for round in 0..=rounds {
        for of_floor in [round % 2 == 0, round % 2 != 0] {
            let (measured, usage) = turn(round, of_floor)?;
            let side = if of_floor { &mut case.floor } else { &mut case.smslite };
            if round > 0 {
                side.rounds.push(measured);
                side.usage.add(usage);
            }
        }
    }
    Ok(())
}
