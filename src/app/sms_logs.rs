//! Reading message logs and the timelines of threads.

use super::App;
use crate::model::account::Actor;
use crate::model::ids::{CallId, MessageLogId};
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

/// How many logs match, and a page of them: the newest first.
pub fn list(
    app: &App,
    actor: &Actor,
    filter: &LogFilter,
    page: Page,
) -> Result<(u64, Vec<NamedLog>), ReadError> {
    let snapshot = app.store.snapshot()?;
    let (total, logs) = snapshot.list_logs(actor.organization, filter, page)?;
    Ok((total, logs.into_iter().map(|(id, log)| named(&snapshot, actor, id, log)).collect()))
}

/// The same, each shown to `visit` with the name of its assistant, if it is found within a bounded number of rows, so
/// that it cannot hold up other requests. `None`: it is not.
pub fn list_quickly(
    app: &App,
    actor: &Actor,
    filter: &LogFilter,
    page: Page,
    mut visit: impl FnMut(MessageLogId, &LogView<'_>, Option<&str>),
) -> Result<Option<u64>, ReadError> {
    let snapshot = app.store.snapshot()?;
    let directory = snapshot.directory().view();
    let names = directory.assistant_names(actor.organization);
    snapshot.newest_logs(actor.organization, filter, page, |id, log| {
        visit(id, log, log.assistant_id.and_then(|id| names.get(&id)).map(|name| &**name));
    })
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

fn named(snapshot: &Snapshot, actor: &Actor, id: MessageLogId, log: MessageLog) -> NamedLog {
    let directory = snapshot.directory().view();
    let names = directory.assistant_names(actor.organization);
    let name = log.assistant_id.and_then(|id| names.get(&id));
    NamedLog { id, assistant_name: name.map(|name| name.to_string()), log }
}
