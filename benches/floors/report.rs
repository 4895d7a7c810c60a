//! What was measured, as a table to read, to paste into RESULTS.md and as JSON. It judges nothing but
//! whether a target was met; a missed one is no failure of the run.

use crate::load::Measured;
use crate::process::Usage;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;

/// One case: the floor and smslite in turn, round after round.
#[derive(Serialize)]
pub(crate) struct Case {
    pub name: &'static str,
    pub floor_name: &'static str,
    /// The least that is wanted of the ratio.
    pub target: Option<f64>,
    pub floor: Side,
    pub smslite: Side,
}

#[derive(Default, Serialize)]
pub(crate) struct Side {
    pub rounds: Vec<Measured>,
    pub usage: Usage,
}

/// The ratio of all rounds, in order of size.
#[derive(Serialize)]
pub(crate) struct Ratio {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Side {
    fn answered(&self) -> u64 {
        self.rounds.iter().map(|round| round.answered).sum()
    }

    fn errors(&self) -> u64 {
        self.rounds.iter().map(|round| round.errors).sum()
    }

    fn per_second(&self) -> f64 {
        median(self.rounds.iter().map(Measured::per_second).collect())
    }

    fn milliseconds(&self, of: impl Fn(&Measured) -> u32) -> f64 {
        median(self.rounds.iter().map(|round| f64::from(of(round)) / 1000.0).collect())
    }

    fn cpu_per_1000(&self) -> f64 {
        1000.0 * self.usage.cpu_seconds / self.answered().max(1) as f64
    }

    fn written_per_message(&self) -> f64 {
        self.usage.written_bytes / self.answered().max(1) as f64
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Case {
    pub(crate) fn ratio(&self) -> Ratio {
        let pairs = self.floor.rounds.iter().zip(&self.smslite.rounds);
        let ratios: Vec<f64> =
            pairs.map(|(floor, smslite)| smslite.per_second() / floor.per_second()).collect();
        Ratio {
            min: ratios.iter().copied().fold(f64::INFINITY, f64::min),
            max: ratios.iter().copied().fold(0.0, f64::max),
            median: median(ratios),
        }
    }

    pub(crate) fn errors(&self) -> u64 {
        self.floor.errors() + self.smslite.errors()
    }

    pub(crate) fn first_error(&self) -> Option<&str> {
        let rounds = self.floor.rounds.iter().chain(&self.smslite.rounds);
        rounds.flat_map(|round| round.first_error.as_deref()).next()
    }

    fn verdict(&self) -> String {
        match self.target {
            None => "-".to_owned(),
            Some(target) if self.ratio().median >= target => format!("{target:.2} met"),
            Some(target) => format!("{target:.2} MISSED"),
        }
    }

    fn line(&self) -> String {
        let Ratio { median, min, max } = self.ratio();
        let (floor, smslite) = (&self.floor, &self.smslite);
        let latency = |side: &Side| {
            let (p50, p99) =
                (side.milliseconds(|round| round.p50_micros), side.milliseconds(|round| round.p99_micros));
            format!("{p50:.2} / {p99:.2}")
        };
        format!(
            "| {} | {} | {:.0} | {:.0} | **{median:.2}** ({min:.2}-{max:.2}) | {} | {} | {} | {:.3} | {:.3} | {} |",
            self.name,
            self.floor_name,
            floor.per_second(),
            smslite.per_second(),
            self.verdict(),
            latency(floor),
            latency(smslite),
            floor.cpu_per_1000(),
            smslite.cpu_per_1000(),
            self.errors(),
        )
    }
}

/// Where and on what it was measured.
#[derive(Serialize)]
pub(crate) struct Facts {
    pub date: String,
    pub cores: usize,
    pub cpu: String,
    pub kernel: String,
    /// What else ran when it began: the load average of the last minute.
    pub load_before: String,
    pub conversations: u64,
    pub messages: u64,
    pub file_bytes: u64,
    pub rounds: usize,
    pub seconds_each: f64,
}

impl Facts {
    /// What the machine says of itself.
    pub(crate) fn of_machine() -> Facts {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let cpus = read("/proc/cpuinfo");
        let model = cpus.lines().find(|line| line.starts_with("model name"));
        let cpu = model.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown").to_owned();
        Facts {
            date: chrono::Utc::now().format("%Y-%m-%d %H:%M UTC").to_string(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            cpu,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load_before: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
            conversations: 0,
            messages: 0,
            file_bytes: 0,
            rounds: 0,
            seconds_each: 0.0,
        }
    }
}

/// Rows that a message adds, by table: of the floor and of smslite.
pub(crate) type RowsPerMessage = BTreeMap<String, (f64, f64)>;

#[derive(Serialize)]
pub(crate) struct Report {
    pub facts: Facts,
    pub cases: Vec<Case>,
    pub rows_per_message: RowsPerMessage,
}

impl Report {
    pub(crate) fn print(&self) {
        let facts = &self.facts;
        println!("\n{}, {} cores ({}), Linux {}", facts.date, facts.cores, facts.cpu, facts.kernel);
        println!(
            "{} conversations, {} messages, a file of {:.0} MB; {} rounds of {} s each; load average before: {}\n",
            facts.conversations,
            facts.messages,
            facts.file_bytes as f64 / 1e6,
            facts.rounds,
            facts.seconds_each,
            facts.load_before,
        );
        println!(
            "| case | floor | floor/s | smslite/s | ratio (min-max) | target | floor p50 / p99 ms | smslite p50 / p99 ms | floor CPU s/1000 | smslite CPU s/1000 | errors |\n\
             |---|---|---|---|---|---|---|---|---|---|---|"
        );
        for case in &self.cases {
            println!("{}", case.line());
        }
        println!("\n| bytes written a message | floor | smslite |\n|---|---|---|");
        for case in self.cases.iter().filter(|case| case.floor_name == "bare redb") {
            let (floor, smslite) = (case.floor.written_per_message(), case.smslite.written_per_message());
            println!("| {} | {floor:.0} | {smslite:.0} |", case.name);
        }
        println!("\n| rows that a message adds | floor | smslite |\n|---|---|---|");
        for (table, (floor, smslite)) in &self.rows_per_message {
            println!("| {table} | {floor:.2} | {smslite:.2} |");
        }
    }
}
