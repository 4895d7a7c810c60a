//! What was measured of the scale: one line each, with what is wanted of it.

use crate::report::Facts;
use serde::Serialize;
use std::fs;
use std::path::Path;

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Want {
    AtMost(f64),
    AtLeast(f64),
    /// Reported, with no target.
    Nothing,
}

#[derive(Serialize)]
pub(crate) struct Line {
    pub what: String,
    pub value: f64,
    pub unit: &'static str,
    pub want: Want,
    pub met: Option<bool>,
    pub remark: String,
}

/// Single figures behind a line.
#[derive(Serialize)]
pub(crate) struct Detail {
    pub part: &'static str,
    pub what: String,
    pub figures: Vec<(&'static str, f64)>,
}

#[derive(Serialize)]
pub(crate) struct Table {
    facts: Facts,
    lines: Vec<Line>,
    details: Vec<Detail>,
}

impl Table {
    pub(crate) fn new(facts: Facts) -> Table {
        Table { facts, lines: Vec::new(), details: Vec::new() }
    }

    pub(crate) fn add(&mut self, what: impl Into<String>, value: f64, unit: &'static str, want: Want) {
        self.remark(what, value, unit, want, "");
    }

    pub(crate) fn remark(
        &mut self,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
        want: Want,
        remark: impl Into<String>,
    ) {
        let met = match want {
            Want::AtMost(most) => Some(value <= most),
            Want::AtLeast(least) => Some(value >= least),
            Want::Nothing => None,
        };
        let line = Line { what: what.into(), value, unit, want, met, remark: remark.into() };
        eprintln!("  {}: {} {unit}", line.what, figure(value));
        self.lines.push(line);
    }

    pub(crate) fn detail(
        &mut self,
        part: &'static str,
        what: impl Into<String>,
        figures: Vec<(&'static str, f64)>,
    ) {
        self.details.push(Detail { part, what: what.into(), figures });
    }

    pub(crate) fn print(&self) {
        let facts = &self.facts;
        println!("\n{}, {} cores ({}), Linux {}", facts.date, facts.cores, facts.cpu, facts.kernel);
        println!(
            "{} conversations, {} messages, a file of {:.0} MB; load average before: {}\n",
            facts.conversations,
            facts.messages,
            facts.file_bytes as f64 / 1e6,
            facts.load_before
        );
        println!("| what | measured | target | met |\n|---|---|---|---|");
        for line in &self.lines {
            let unit = line.unit;
            let target = match line.want {
                Want::AtMost(most) => format!("at most {} {unit}", figure(most)),
                Want::AtLeast(least) => format!("at least {} {unit}", figure(least)),
                Want::Nothing => "-".to_owned(),
            };
            let met = match line.met {
                Some(true) => "met",
                Some(false) => "**MISSED**",
                None => "-",
            };
            let remark = if line.remark.is_empty() { String::new() } else { format!(" ({})", line.remark) };
            println!("| {}{remark} | {} {unit} | {target} | {met} |", line.what, figure(line.value));
        }
        self.print_details();
    }

    /// Each part's figures; their names are the heads of the columns.
    fn print_details(&self) {
        let mut part = "";
        for detail in &self.details {
            if detail.part != part {
                part = detail.part;
                let names: Vec<&str> = detail.figures.iter().map(|(name, _)| *name).collect();
                println!("\n| {part} | {} |\n|---{}|", names.join(" | "), "|---".repeat(names.len()));
            }
            let figures: Vec<String> = detail.figures.iter().map(|(_, value)| figure(*value)).collect();
            println!("| {} | {} |", detail.what, figures.join(" | "));
        }
    }

    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        Ok(fs::write(file, serde_json::to_vec_pretty(self)?)?)
    }
}

/// Three figures that count, as far as they are behind the point.
fn figure(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
