//! How close smslite comes to what it is built on. Floor and smslite take turns; the result is printed and
//! written to `target/bench/floors.json`.

use crate::arguments::Size;
use crate::data::{self, API_KEY, Data, FILE};
use crate::floor_redb::{self, Commits};
use crate::load::{self, Measured, Messages, Plan, Requests};
use crate::process::{Role, Server, Usage, target_dir};
use crate::reads::reads;
use crate::report::{Case, Facts, Report, RowsPerMessage, Target};
use crate::servers;
use anyhow::{Context, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

/// Both sides write the same rows up to the chance of who writes.
const ROWS_DIFFER: f64 = 0.05;

/// What is measured against bare redb: how many at a time, what is wanted, and more a second than there can be.
const INBOUND: [(&str, Target, usize, f64); 2] = [
    ("inbound, 64 at a time", Target::Throughput(0.70), 64, 15_000.0),
    ("inbound, one at a time", Target::Latency(1.50), 1, 3_000.0),
];

pub(crate) fn bench(size: &Size) -> anyhow::Result<()> {
    let target = target_dir()?;
    let mut facts = Facts::of_machine();
    let data = data::prepared(&target, size.conversations)?;
    let file = data.dir.join(FILE);
    let before = data.made.rows.clone();
    (facts.conversations, facts.rounds, facts.seconds_each) = (before["activity"], size.rounds, size.seconds);
    (facts.messages, facts.file_bytes) = (before["message_logs"], fs::metadata(&file)?.len());

    // The data stays as it is: each run writes into copies, on the same disk.
    let run = tempfile::Builder::new().prefix("run-").tempdir_in(target.join("bench-data"))?;
    let (smslite_dir, floor_file) = (run.path().join("smslite"), run.path().join("floor.redb"));
    fs::create_dir(&smslite_dir)?;
    fs::copy(&file, smslite_dir.join(FILE))?;
    let mut bench = Bench {
        size,
        data,
        load: Role::start(&["load"], Stdio::inherit())?,
        smslite: Server::start("smslite", &smslite_dir, Stdio::null())?,
    };
    bench.smslite.role.rest()?;
    let mut cases = bench.reads(run.path())?;
    let inbound = INBOUND.iter().any(|(name, ..)| size.wants(name));
    if inbound {
        fs::copy(&file, &floor_file)?;
        cases.extend(bench.inbound(&floor_file)?);
    }
    bench.load.stop()?;
    bench.smslite.role.stop()?;
    ensure!(!cases.is_empty(), "no case is called so");

    let mut rows_per_message = RowsPerMessage::new();
    if inbound {
        let smslite_rows = added(&before, &floor_redb::count_rows(&smslite_dir.join(FILE))?);
        let floor_rows = added(&before, &floor_redb::count_rows(&floor_file)?);
        rows_per_message = side_by_side(&floor_rows, &smslite_rows);
    }
    let report = Report { facts, cases, rows_per_message };
    report.print();
    fs::write(size.json(&target, "floors")?, serde_json::to_vec_pretty(&report)?)?;
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
    let more = |table: &str| after[table] as f64 - before.get(table).copied().unwrap_or(0) as f64;
    let messages = more("message_logs");
    after.keys().map(|table| (table.clone(), more(table) / messages)).collect()
}

fn side_by_side(floor: &BTreeMap<String, f64>, smslite: &BTreeMap<String, f64>) -> RowsPerMessage {
    let pair = |table: &String| (floor.get(table).copied().unwrap_or(0.0), smslite[table]);
    let pairs = smslite.keys().map(|table| (table.clone(), pair(table)));
    pairs.filter(|(_, (floor, smslite))| *floor != 0.0 || *smslite != 0.0).collect()
}

struct Bench<'s> {
    size: &'s Size,
    data: Data,
    load: Role,
    smslite: Server,
}

impl Bench<'_> {
    fn reads(&mut self, run: &Path) -> anyhow::Result<Vec<Case>> {
        let mut reads = reads(&self.data.made);
        reads.retain(|read| self.size.wants(&read.name));
        if reads.is_empty() {
            return Ok(Vec::new());
        }
        let mut models = Vec::new();
        for read in &reads {
            models.push((read.route, load::fetch(self.smslite.address, API_KEY, &read.paths[0])?));
        }
        let bytes: Vec<usize> = models.iter().map(|(_, answer)| answer.body.len()).collect();
        models.dedup_by_key(|(route, _)| *route);
        servers::keep_models(run, models.into_iter())?;
        let mut axum = Server::start("axum", run, Stdio::inherit())?;
        let mut cases = Vec::new();
        for (read, bytes) in reads.into_iter().zip(bytes) {
            let mut case = Case::new(&read.name, "bare axum", Target::Throughput(read.target));
            let requests = Requests::Reads { key: API_KEY.to_owned(), paths: read.paths };
            let mut plan = Plan {
                address: axum.address,
                connections: 16,
                seconds: self.size.seconds,
                requests,
                // What others are asked for is somewhat shorter or longer than the model.
                least_bytes: bytes / 2,
                per_second: None,
            };
            let before = self.load.usage()?;
            take_turns(&mut case, self.size.rounds, |_, of_floor| {
                let server = if of_floor { &mut axum } else { &mut self.smslite };
                plan.address = server.address;
                server.measure(&mut self.load, &plan)
            })?;
            case.conclude(self.load.usage()?.since(before));
            cases.push(case);
        }
        axum.role.stop()?;
        Ok(cases)
    }

    fn inbound(&mut self, floor_file: &Path) -> anyhow::Result<Vec<Case>> {
        let file = floor_file.to_str().context("a path of UTF-8")?;
        let mut redb = Role::start(&["redb", file], Stdio::inherit())?;
        let _: String = redb.hear()?;
        let mut cases = Vec::new();
        for (at, (name, target, connections, most_per_second)) in INBOUND.into_iter().enumerate() {
            if !self.size.wants(name) {
                continue;
            }
            let mut case = Case::new(name, "bare redb", target);
            let (seconds, made) = (self.size.seconds, &self.data.made);
            let most = (seconds * most_per_second) as u64;
            let before = self.load.usage()?;
            take_turns(&mut case, self.size.rounds, |round, of_floor| {
                let run = at as u64 * 1_000 + round as u64;
                let first_new = made.first_free + run * 1_000_000;
                let messages = Messages { existing: made.existing, first_new, seed: 1_000_000 + run, most };
                if of_floor {
                    let before = redb.usage()?;
                    let measured = redb.ask(&Commits { clients: connections, seconds, messages })?;
                    return Ok((measured, redb.usage()?.since(before)));
                }
                let requests = Requests::Webhooks(messages);
                let address = self.smslite.address;
                let plan = Plan { address, connections, seconds, requests, least_bytes: 0, per_second: None };
                self.smslite.measure(&mut self.load, &plan)
            })?;
            case.conclude(self.load.usage()?.since(before));
            cases.push(case);
        }
        redb.stop()?;
        Ok(cases)
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
