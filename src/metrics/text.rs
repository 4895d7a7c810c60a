//! Prometheus' text format, version 0.0.4: a few lines that a library of three crates would write no better.

use super::Metric;
use super::value::Histogram;
use std::fmt::{Display, Write};

pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Default)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn family(&mut self, metric: &'static Metric) -> Samples<'_> {
        Samples { text: &mut self.0, metric, begun: false }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// The lines of one metric. Without any nothing is written, not even its name.
pub(super) struct Samples<'a> {
    text: &'a mut String,
    metric: &'static Metric,
    begun: bool,
}

impl Samples<'_> {
    /// `labels`: their values, in the metric's order.
    pub(super) fn value(&mut self, labels: &[&str], value: impl Display) {
        self.line("", labels, None, value);
    }

    /// Several histograms of the same bounds, told as one.
    pub(super) fn histogram(&mut self, labels: &[&str], parts: &[&Histogram]) {
        let (bounds, count, sum) = Histogram::totals(parts);
        for (bound, within) in bounds {
            self.line("_bucket", labels, Some(&bound.to_string()), within);
        }
        self.line("_bucket", labels, Some("+Inf"), count);
        self.line("_sum", labels, None, sum);
        self.line("_count", labels, None, count);
    }

    fn line(&mut self, ending: &str, labels: &[&str], bound: Option<&str>, value: impl Display) {
        let Metric { name, kind, help, labels: names } = self.metric;
        if !std::mem::replace(&mut self.begun, true) {
            self.text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        }
        let labels =
            names.iter().copied().zip(labels.iter().copied()).chain(bound.map(|bound| ("le", bound)));
        let labels: Vec<String> =
            labels.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{name}{ending}{labels} {value}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
