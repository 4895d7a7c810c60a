//! What Prometheus is told. Every metric stands here with its name, its labels and what it means, and nowhere else;
//! `docs/metrics.md` repeats them. A label has one of a few words that are known beforehand, or is a URL's template:
//! no id, number, name or secret ever.

mod text;
mod traffic;
mod value;

pub use text::CONTENT_TYPE;
pub use traffic::{Traffic, method_of};
pub use value::{Counter, Counters, Histogram};

use crate::model::message_log::Provider;
use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use text::Text;

/// One metric, before anything was measured.
#[derive(Debug)]
pub struct Metric {
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`
    pub kind: &'static str,
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident: $kind:literal $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(static $constant: Metric =
            Metric { name: $name, kind: $kind, labels: &[$($label),*], help: $help };)*

        /// Every metric, in the order in which they are told.
        pub static ALL: &[&Metric] = &[$(&$constant),*];
    };
}

metrics! {
    BUILD: "gauge" "smslite_build_info" ["version"] "Always 1; the label tells the version that runs.";
    START: "gauge" "process_start_time_seconds" [] "When the server started, in seconds since 1970.";
    UPTIME: "gauge" "smslite_uptime_seconds" [] "How long the server has been running.";
    RESIDENT: "gauge" "process_resident_memory_bytes" [] "Memory that the process occupies (on Linux).";
    HTTP_REQUESTS: "counter" "smslite_http_requests_total" ["method", "route", "status"]
        "Requests answered, by the URL's template; `unmatched` for URLs that are not known.";
    HTTP_DURATION: "histogram" "smslite_http_request_duration_seconds" ["route"]
        "Time until the head of the answer was ready.";
    WEBHOOKS: "counter" "smslite_webhooks_total" ["provider", "outcome"]
        "Webhooks of carriers, by what became of them.";
    CARRIER_REQUESTS: "counter" "smslite_carrier_requests_total" ["provider", "outcome"]
        "Attempts to hand a message to a carrier, by what came of them.";
    CARRIER_DURATION: "histogram" "smslite_carrier_request_duration_seconds" ["provider"]
        "How long a carrier took to answer, or to be given up.";
    FORWARD_ATTEMPTS: "counter" "smslite_forward_attempts_total" ["outcome"]
        "Attempts to forward a message to an assistant's URL, `delivered` or `failed`.";
    FORWARDS: "gauge" "smslite_forwards_waiting" [] "Messages that are still to be forwarded.";
    PARKED: "gauge" "smslite_parked_events" [] "Messages that could not be forwarded in time, and wait for people.";
    LISTENERS: "gauge" "smslite_event_listeners" [] "Who listens to live events.";
    JOBS: "gauge" "smslite_outbound_jobs" ["provider", "status"]
        "Messages in the outbox or done, by status; `queued` and `sending` are what waits.";
    SESSIONS: "gauge" "smslite_sms_sessions_active" []
        "SMS sessions that live; one that expired counts until it is swept, within about a minute.";
    COMMITS: "counter" "smslite_commits_total" [] "Durable commits.";
    COMMITS_FAILED: "counter" "smslite_commits_failed_total" [] "Commits that the storage did not take.";
    COMMIT_COMMANDS: "histogram" "smslite_commit_commands" [] "How many writes shared a commit.";
    COMMIT_DURATION: "histogram" "smslite_commit_duration_seconds" []
        "How long a commit took, from its first write until it was durable.";
    QUEUE: "gauge" "smslite_writer_queue_depth" [] "Writes that wait for a commit; 4096 is the most.";
    READY: "gauge" "smslite_storage_ready" [] "1 while the storage takes writes, else 0.";
    FILE_BYTES: "gauge" "smslite_database_file_bytes" [] "Size of the database file.";
    FEED_LAG: "gauge" "smslite_feed_lag_events" ["reader"]
        "Events of the change feed that a reader has not dealt with yet.";
}

/// What becomes of a webhook.
pub mod webhook {
    /// A message, now in a conversation.
    pub const STORED: &str = "stored";
    /// A delivery receipt.
    pub const RECEIPT: &str = "receipt";
    /// A message to a number that no assistant has, or a part of a long one that waits for the others.
    pub const KEPT: &str = "kept";
    pub const DUPLICATE: &str = "duplicate";
    /// Well signed, and nothing that can be used.
    pub const UNUSABLE: &str = "unusable";
    /// Badly signed.
    pub const REFUSED: &str = "refused";
    /// Too large, or nothing that can be read.
    pub const INVALID: &str = "invalid";
    /// Not stored: the carrier is told to try again.
    pub const UNAVAILABLE: &str = "unavailable";

    pub(super) static ALL: &[&str] =
        &[STORED, RECEIPT, KEPT, DUPLICATE, UNUSABLE, REFUSED, INVALID, UNAVAILABLE];
}

/// What comes of asking a carrier to send a message.
pub mod carrier {
    pub const ACCEPTED: &str = "accepted";
    /// Surely not taken; it is tried again.
    pub const RETRY: &str = "retry";
    /// The same, because the carrier has enough for a while.
    pub const BUSY: &str = "busy";
    /// No connection was made.
    pub const UNREACHABLE: &str = "unreachable";
    /// Never to be sent.
    pub const REFUSED: &str = "refused";
    /// It may have been taken.
    pub const UNKNOWN: &str = "unknown";

    pub(super) static ALL: &[&str] = &[ACCEPTED, RETRY, BUSY, UNREACHABLE, REFUSED, UNKNOWN];
}

const MILLISECOND: u64 = 1_000;
const CALL_BOUNDS: &[u64] = &[
    50 * MILLISECOND,
    200 * MILLISECOND,
    500 * MILLISECOND,
    1_000 * MILLISECOND,
    2_500 * MILLISECOND,
    10_000 * MILLISECOND,
    30_000 * MILLISECOND,
];
const COMMIT_BOUNDS: &[u64] = &[500, MILLISECOND, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_500_000];
const BATCH_BOUNDS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/// What is counted while the server runs. Counting takes no lock.
pub struct Metrics {
    started: (SystemTime, Instant),
    traffic: OnceLock<Traffic>,
    pub webhooks: Counters,
    carrier_requests: Counters,
    carrier_durations: [Histogram; 3],
    pub forwards_delivered: Counter,
    pub forwards_failed: Counter,
    pub feed_lag: FeedLag,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics {
            started: (SystemTime::now(), Instant::now()),
            traffic: OnceLock::new(),
            webhooks: Counters::new(Provider::REAL.map(Provider::as_str), webhook::ALL),
            carrier_requests: Counters::new(Provider::ALL.map(Provider::as_str), carrier::ALL),
            carrier_durations: Provider::REAL.map(|_| Histogram::micros(CALL_BOUNDS)),
            forwards_delivered: Counter::default(),
            forwards_failed: Counter::default(),
            feed_lag: FeedLag::default(),
        }
    }
}

/// What the writer counts.
pub struct Commits {
    pub commands: Histogram,
    pub duration: Histogram,
    pub failed: Counter,
}

impl Default for Commits {
    fn default() -> Commits {
        Commits {
            commands: Histogram::of(BATCH_BOUNDS),
            duration: Histogram::micros(COMMIT_BOUNDS),
            failed: Counter::default(),
        }
    }
}

/// How far behind the change feed its readers are.
#[derive(Default)]
pub struct FeedLag(Mutex<BTreeMap<&'static str, u64>>);

impl FeedLag {
    /// One that never says anything is not told of.
    pub fn set(&self, reader: &'static str, events: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(reader, events);
    }
}

/// What is not counted but looked up when somebody asks.
pub struct Looked<'a> {
    pub commits: &'a Commits,
    pub queue_depth: usize,
    pub ready: bool,
    pub jobs: Vec<(&'static str, &'static str, u64)>,
    pub sessions: Option<u64>,
    /// Still to be forwarded, and parked.
    pub forwards: Option<(u64, u64)>,
    pub listeners: usize,
    pub file_bytes: Option<u64>,
}

impl Metrics {
    /// Requests, by these URL templates.
    pub fn traffic(&self, routes: impl FnOnce() -> Vec<String>) -> &Traffic {
        self.traffic.get_or_init(|| Traffic::new(routes()))
    }

    /// A carrier was asked.
    pub fn carrier_asked(&self, provider: Provider, outcome: &'static str, took: Duration) {
        self.carrier_requests.note(provider.as_str(), outcome);
        // Of the sandbox there is nothing to wait for.
        if let Some(at) = Provider::REAL.iter().position(|known| *known == provider) {
            self.carrier_durations[at].took(took);
        }
    }

    /// Everything, in Prometheus' text format.
    pub fn text(&self, looked: &Looked<'_>) -> String {
        let mut text = Text::default();
        let (since_1970, began) = self.started;
        text.family(&BUILD).value(&[env!("CARGO_PKG_VERSION")], 1);
        let started = since_1970.duration_since(UNIX_EPOCH).unwrap_or_default();
        text.family(&START).value(&[], started.as_secs_f64());
        text.family(&UPTIME).value(&[], began.elapsed().as_secs_f64());
        if let Some(bytes) = resident_bytes() {
            text.family(&RESIDENT).value(&[], bytes);
        }
        if let Some(traffic) = self.traffic.get() {
            traffic.write(&mut text);
        }
        self.webhooks.write(text.family(&WEBHOOKS));
        self.carrier_requests.write(text.family(&CARRIER_REQUESTS));
        let mut durations = text.family(&CARRIER_DURATION);
        for (provider, took) in Provider::REAL.iter().zip(&self.carrier_durations) {
            durations.histogram(&[provider.as_str()], &[took]);
        }
        let mut attempts = text.family(&FORWARD_ATTEMPTS);
        attempts.value(&["delivered"], self.forwards_delivered.get());
        attempts.value(&["failed"], self.forwards_failed.get());
        looked.write(&mut text);
        let mut lags = text.family(&FEED_LAG);
        for (reader, events) in self.feed_lag.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            lags.value(&[reader], events);
        }
        text.finish()
    }
}

impl Looked<'_> {
    fn write(&self, text: &mut Text) {
        if let Some((waiting, parked)) = self.forwards {
            text.family(&FORWARDS).value(&[], waiting);
            text.family(&PARKED).value(&[], parked);
        }
        text.family(&LISTENERS).value(&[], self.listeners);
        let mut jobs = text.family(&JOBS);
        for (provider, status, count) in &self.jobs {
            jobs.value(&[provider, status], count);
        }
        if let Some(sessions) = self.sessions {
            text.family(&SESSIONS).value(&[], sessions);
        }
        let Commits { commands, duration, failed } = self.commits;
        text.family(&COMMITS).value(&[], commands.count());
        text.family(&COMMITS_FAILED).value(&[], failed.get());
        text.family(&COMMIT_COMMANDS).histogram(&[], &[commands]);
        text.family(&COMMIT_DURATION).histogram(&[], &[duration]);
        text.family(&QUEUE).value(&[], self.queue_depth);
        text.family(&READY).value(&[], u8::from(self.ready));
        if let Some(bytes) = self.file_bytes {
            text.family(&FILE_BYTES).value(&[], bytes);
        }
    }
}

/// `VmRSS:     12345 kB` of what Linux tells of this process.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
