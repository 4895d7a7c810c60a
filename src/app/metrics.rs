//! What Prometheus is told when it asks: what was counted, and what is looked up now, of all organizations together.

use super::App;
use crate::metrics::Looked;
use crate::model::message_log::Provider;
use crate::model::outbound::JobStatus;
use crate::store::{DataDir, Health, ReadError};
use std::collections::BTreeMap;

/// Everything in Prometheus' text format. Costs a few look-ups for each organization: blocks. While the data cannot
/// be read, what is in them is left out.
pub fn text(app: &App) -> String {
    let jobs = jobs(app).unwrap_or_default();
    let sessions = app.store.snapshot().and_then(|snapshot| snapshot.open_sessions());
    let forwards = app.store.snapshot().and_then(|snapshot| snapshot.forwards());
    app.metrics.text(&Looked {
        commits: app.store.metrics(),
        queue_depth: app.store.queue_depth(),
        ready: app.store.health() == Health::Ready,
        jobs: jobs.into_iter().map(|((provider, status), count)| (provider, status, count)).collect(),
        sessions: sessions.ok(),
        forwards: forwards.ok(),
        listeners: app.store.news().listeners(),
        file_bytes: file_bytes(app),
    })
}

/// How large the database is, unless it is in memory.
pub fn file_bytes(app: &App) -> Option<u64> {
    let file = DataDir::database(app.data_dir.as_ref()?);
    std::fs::metadata(file).ok().map(|file| file.len())
}

fn jobs(app: &App) -> Result<BTreeMap<(&'static str, &'static str), u64>, ReadError> {
    let snapshot = app.store.snapshot()?;
    let pairs = Provider::ALL.into_iter().flat_map(|it| JobStatus::ALL.map(|status| (it, status)));
    let mut sums: BTreeMap<_, _> =
        pairs.map(|(provider, status)| ((provider.as_str(), status.as_str()), 0)).collect();
    for (organization, _) in app.store.directory().organizations() {
        for (provider, status, count) in snapshot.job_counts(organization)? {
            *sums.entry((provider.as_str(), status.as_str())).or_default() += count;
        }
    }
    Ok(sums)
}
