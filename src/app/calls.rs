//! Reading call records: both channels, archived ones too.

use super::App;
use crate::model::account::Actor;
use crate::model::call::{Call, CallFilter};
use crate::model::ids::CallId;
use crate::model::message::Message;
use crate::model::page::Page;
use crate::store::{ReadError, Snapshot};

/// A record with the name of its assistant.
pub struct NamedCall {
    pub id: CallId,
    pub call: Call,
    pub assistant_name: Option<String>,
}

/// How many records match, and a page of them: the newest start first.
pub fn list(
    app: &App,
    actor: &Actor,
    filter: &CallFilter,
    page: Page,
) -> Result<(u64, Vec<NamedCall>), ReadError> {
    let snapshot = app.store.snapshot()?;
    let (total, calls) = snapshot.list_calls(actor.organization, filter, page, actor.now)?;
    Ok((total, calls.into_iter().map(|(id, call)| named(&snapshot, actor, id, call)).collect()))
}

pub fn get(app: &App, actor: &Actor, id: CallId) -> Result<Option<NamedCall>, ReadError> {
    let snapshot = app.store.snapshot()?;
    let call = snapshot.call(actor.organization, id)?;
    Ok(call.map(|call| named(&snapshot, actor, id, call)))
}

pub fn get_by_sid(app: &App, actor: &Actor, sid: &str) -> Result<Option<NamedCall>, ReadError> {
    let snapshot = app.store.snapshot()?;
    let call = snapshot.call_of_sid(actor.organization, sid)?;
    Ok(call.map(|(id, call)| named(&snapshot, actor, id, call)))
}

/// Visits a record's messages in order. `false`: there is no such record.
pub fn messages(
    app: &App,
    actor: &Actor,
    id: CallId,
    visit: impl FnMut(u32, &Message<'_>),
) -> Result<bool, ReadError> {
    app.store.snapshot()?.call_messages(actor.organization, id, visit)
}

pub(super) fn named(snapshot: &Snapshot, actor: &Actor, id: CallId, call: Call) -> NamedCall {
    let directory = snapshot.directory().view();
    let name = directory.assistant_names(actor.organization).get(&call.assistant_id);
    NamedCall { id, assistant_name: name.map(|name| name.to_string()), call }
}
