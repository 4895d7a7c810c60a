//! What was measured, as a table to read, to paste into RESULTS.md and as JSON. It judges nothing but
//! whether a target was met; a missed one is no failure of the run.

use crate::load::Measured;
use crate::process::Usage;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;

/// What the ratio of a case is of, and what is wanted of it.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// At least so many times the floor's requests a second.
    Throughput(f64),
    /// At most so many times the floor's p50.
    Latency(f64),
}

/// One case: the floor and smslite in turn, round after round.
#[derive(Serialize)]
pub(crate) struct Case {
    pub name: String,
    pub floor_name: &'static str,
    pub target: Target,
    pub floor: Side,
    pub smslite: Side,
    /// The load generator's own processor time for 1000 requests of either side: on as many cores as there
    /// are, it is taken from the servers.
    pub load_cpu_per_1000: f64,
    pub outcome: Option<Outcome>,
}

/// What a case comes to; the same figures that are printed.
#[derive(Clone, Serialize)]
pub(crate) struct Outcome {
    pub ratio: Ratio,
    pub met: bool,
    pub floor: Figures,
    pub smslite: Figures,
    pub errors: u64,
}

#[derive(Clone, Serialize)]
pub(crate) struct Figures {
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub cpu_seconds_per_1000: f64,
}

#[derive(Default, Serialize)]
pub(crate) struct Side {
    pub rounds: Vec<Measured>,
    pub usage: Usage,
}

/// The ratio of all rounds, in order of size.
#[derive(Clone, Serialize)]
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

impl Side {
    fn figures(&self) -> Figures {
        Figures {
            per_second: self.per_second(),
            p50_ms: self.milliseconds(|round| round.p50_micros),
            p99_ms: self.milliseconds(|round| round.p99_micros),
            cpu_seconds_per_1000: self.cpu_per_1000(),
        }
    }
}

impl Case {
    pub(crate) fn new(name: &str, floor_name: &'static str, target: Target) -> Case {
        Case {
            name: name.to_owned(),
            floor_name,
            target,
            floor: Side::default(),
            smslite: Side::default(),
            load_cpu_per_1000: 0.0,
            outcome: None,
        }
    }

    /// To be called when all rounds are over.
    pub(crate) fn conclude(&mut self, load: Usage) {
        let ratio = self.ratio();
        let met = match self.target {
            Target::Throughput(least) => ratio.median >= least,
            Target::Latency(most) => ratio.median <= most,
        };
        let answered = self.floor.answered() + self.smslite.answered();
        self.load_cpu_per_1000 = 1000.0 * load.cpu_seconds / answered.max(1) as f64;
        let (floor, smslite) = (self.floor.figures(), self.smslite.figures());
        self.outcome = Some(Outcome { ratio, met, floor, smslite, errors: self.errors() });
    }

    fn ratio(&self) -> Ratio {
        let of = |round: &Measured| match self.target {
            Target::Throughput(_) => round.per_second(),
            Target::Latency(_) => f64::from(round.p50_micros),
        };
        let pairs = self.floor.rounds.iter().zip(&self.smslite.rounds);
        let ratios: Vec<f64> = pairs.map(|(floor, smslite)| of(smslite) / of(floor)).collect();
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

    fn line(&self) -> String {
        let Some(Outcome { ratio: Ratio { median, min, max }, met, floor, smslite, errors }) = &self.outcome
        else {
            return format!("| {} | not measured |", self.name);
        };
        let target = match self.target {
            Target::Throughput(least) => format!("{least:.2}"),
            Target::Latency(most) => format!("p50 at most {most:.2} times"),
        };
        let met = if *met { "met" } else { "MISSED" };
        format!(
            "| {} | {} | {:.0} | {:.0} | **{median:.2}** ({min:.2}-{max:.2}) | {target} {met} | {:.2} / {:.2} | {:.2} / {:.2} | {:.3} | {:.3} | {errors} |",
            self.name,
            self.floor_name,
            floor.per_second,
            smslite.per_second,
            floor.p50_ms,
            floor.p99_ms,
            smslite.p50_ms,
            smslite.p99_ms,
            floor.cpu_seconds_per_1000,
            smslite.cpu_seconds_per_1000,
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
        if self.rows_per_message.is_empty() {
            return;
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
