//! Numbers that grow, by any thread at any time. They are read while they grow, so sums of one moment may be one
//! event apart.

use super::text::Samples;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One counter for each pair of words that are known beforehand.
pub struct Counters {
    rows: Vec<&'static str>,
    columns: &'static [&'static str],
    counts: Vec<Counter>,
}

impl Counters {
    pub(super) fn new<const N: usize>(rows: [&'static str; N], columns: &'static [&'static str]) -> Counters {
        let counts = (0..rows.len() * columns.len()).map(|_| Counter::default()).collect();
        Counters { rows: rows.to_vec(), columns, counts }
    }

    /// Words that are not known are not counted.
    pub fn note(&self, row: &str, column: &str) {
        let at = |words: &[&str], word| words.iter().position(|known| *known == word);
        if let (Some(row), Some(column)) = (at(&self.rows, row), at(self.columns, column)) {
            self.counts[row * self.columns.len() + column].increment();
        }
    }

    /// Those that are zero too: a rate is known from the first one on.
    pub(super) fn write(&self, mut samples: Samples<'_>) {
        let pairs = self.rows.iter().flat_map(|row| self.columns.iter().map(move |column| [*row, *column]));
        for (labels, count) in pairs.zip(&self.counts) {
            samples.value(&labels, count.get());
        }
    }
}

/// How many values were at most so large.
pub struct Histogram {
    /// Upwards.
    bounds: &'static [u64],
    /// How many of a value make one of the unit that is told.
    per_unit: f64,
    /// One for each bound, and one for what is beyond.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    pub(super) fn of(bounds: &'static [u64]) -> Histogram {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Histogram { bounds, per_unit: 1.0, counts, sum: AtomicU64::new(0) }
    }

    /// Told in seconds.
    pub(super) fn micros(bounds: &'static [u64]) -> Histogram {
        Histogram { per_unit: 1e6, ..Histogram::of(bounds) }
    }

    pub fn observe(&self, value: u64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    pub fn took(&self, time: Duration) {
        self.observe(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Of several with the same bounds, together: the bounds with how many are within each; those beyond; the sum.
    pub(super) fn totals(all: &[&Histogram]) -> (Vec<(f64, u64)>, u64, f64) {
        let Some(first) = all.first() else { return (Vec::new(), 0, 0.0) };
        let at = |at: usize| all.iter().map(|one| one.counts[at].load(Ordering::Relaxed)).sum::<u64>();
        let mut within = 0;
        let bounds = first.bounds.iter().enumerate().map(|(place, bound)| {
            within += at(place);
            (*bound as f64 / first.per_unit, within)
        });
        let bounds = bounds.collect();
        let sum = all.iter().map(|one| one.sum.load(Ordering::Relaxed)).sum::<u64>();
        (bounds, within + at(first.bounds.len()), sum as f64 / first.per_unit)
    }
}
