//! Reading message logs and the timelines of threads.

use super::App;
use crate::model::account::Actor;
use crate::model::day_counts::{DayCounts, day_bounds};
use crate::model::ids::{AuditId, CallId, MessageLogId};
use crate::model::message_log::{LogCounts, LogFilter, LogView, MessageLog, RawPayload};
use crate::model::page::Page;
use crate::model::timeline::TimelineEvent;
use crate::store::{ReadError, Snapshot};

/// A log with the name of its assistant.
pub struct NamedLog {
    pub id: MessageLogId,
    pub log: MessageLog,
    pub assistant_name: Option<String>,
}

/// So many rows and blocks are looked through where they are asked for.
pub const QUICK: u64 = 8_000;

/// Shows a page of the logs that match to `visit`, the newest first, with the names of their assistants, and tells how many
/// there are, if that takes no more than so many rows and blocks. `None`: it does, and nothing was shown.
pub fn list(
    app: &App,
    actor: &Actor,
    filter: &LogFilter,
    (page, most): (Page, u64),
    mut visit: impl FnMut(MessageLogId, &LogView<'_>, Option<&str>),
) -> Result<Option<u64>, ReadError> {
    let snapshot = app.store.snapshot()?;
    let directory = snapshot.directory().view();
    let names = directory.assistant_names(actor.organization);
    snapshot.list_logs_within(actor.organization, filter, page, most, |id, log| {
        visit(id, log, log.assistant_id.and_then(|id| names.get(&id)).map(|name| &**name));
    })
}

/// What came by the webhook that a step was the first of: of a receipt, say. `None`: nothing, or it is gone.
pub fn step_payload(app: &App, actor: &Actor, step: AuditId) -> Result<Option<RawPayload>, ReadError> {
    app.store.snapshot()?.audit_payload(actor.organization, step)
}

/// Up to `wanted` of the newest logs that match, without counting the others. Words that are said often are found among
/// the newest, those that are not by the search's blocks.
pub fn newest(
    app: &App,
    actor: &Actor,
    filter: &LogFilter,
    wanted: usize,
) -> Result<Vec<NamedLog>, ReadError> {
    let snapshot = app.store.snapshot()?;
    let found = snapshot.newest_logs(actor.organization, filter, wanted, QUICK as usize)?;
    let mut ids: Vec<_> = found.into_iter().map(|(id, _)| id).collect();
    if ids.len() < wanted {
        ids.clear();
        let page = Page { skip: 0, limit: wanted };
        list(app, actor, filter, (page, u64::MAX), |id, _, _| ids.push(id))?;
    }
    let mut logs = Vec::new();
    for id in ids {
        let log = snapshot.log(actor.organization, id)?;
        logs.extend(log.map(|(log, _)| named(&snapshot, actor, id, log)));
    }
    Ok(logs)
}

/// How many logs of each kind match.
pub fn count(app: &App, actor: &Actor, filter: &LogFilter) -> Result<LogCounts, ReadError> {
    app.store.snapshot()?.count_logs(actor.organization, filter)
}

pub fn get(
    app: &App,
    actor: &Actor,
    id: MessageLogId,
) -> Result<Option<(NamedLog, Option<RawPayload>)>, ReadError> {
    let snapshot = app.store.snapshot()?;
    let found = snapshot.log(actor.organization, id)?;
    Ok(found.map(|(log, payload)| (named(&snapshot, actor, id, log), payload)))
}

/// What happened in a call record, by time. `None`: it is unknown, archived or another organization's.
pub fn timeline(app: &App, actor: &Actor, id: CallId) -> Result<Option<Vec<TimelineEvent>>, ReadError> {
    app.store.snapshot()?.timeline(actor.organization, id)
}

/// Messages of the last so many days in a zone that is so many minutes before UTC, the oldest day first, today last.
pub fn by_day(app: &App, actor: &Actor, days: u32, zone_minutes: i32) -> Result<Vec<DayCounts>, ReadError> {
    let bounds = day_bounds(actor.now, days, zone_minutes);
    let counts = app.store.snapshot()?.count_logs_between(actor.organization, &bounds)?;
    let days = bounds.iter().zip(&counts);
    Ok(days.map(|(begins_at, counts)| DayCounts::new(*begins_at, zone_minutes, counts)).collect())
}

/// What happened to one message, by time. `None`: there is no such log, or nobody sees it.
pub fn steps(app: &App, actor: &Actor, id: MessageLogId) -> Result<Option<Vec<TimelineEvent>>, ReadError> {
    app.store.snapshot()?.steps(actor.organization, id)
}

fn named(snapshot: &Snapshot, actor: &Actor, id: MessageLogId, log: MessageLog) -> NamedLog {
    let directory = snapshot.directory().view();
    let names = directory.assistant_names(actor.organization);
    let name = log.assistant_id.and_then(|id| names.get(&id));
    NamedLog { id, assistant_name: name.map(|name| name.to_string()), log }
}
