//! Erasure: everything of one phone number goes, and a receipt says what went and what may still have it.

use super::retention::{calls, rows};
use super::{App, VerbError, backup, purge};
use crate::model::account::Actor;
use crate::model::address::Address;
use crate::model::gone::Gone;
use crate::model::ids::OrganizationId;
use crate::store::{Due, Held, NoteErasure};
use std::path::Path;
use std::sync::Arc;

/// What a receipt says of the bytes that are left.
pub const NOTE: &str = "The database file still holds the freed bytes until smslite compact has run; \
    backups, exports and imported files that were made elsewhere still hold the data.";

#[derive(Clone, Debug)]
pub struct Receipt {
    pub gone: Gone,
    /// The names of known backups that were made before, and of older databases that were kept.
    pub backups: Vec<String>,
}

/// Deletes everything of a customer's number in the caller's organization; true to its end once it has begun,
/// whoever still waits for it. `None`: the number is one of the organization's own.
pub async fn erase(app: &App, actor: &Actor, number: Address) -> Result<Option<Receipt>, VerbError> {
    let numbers = app.store.snapshot()?.phone_numbers(actor.organization)?;
    if numbers.iter().any(|(ours, _)| *ours == number) {
        return Ok(None);
    }
    let (app, actor) = (app.clone(), *actor);
    tokio::spawn(async move { run(&app, &actor, number).await.map(Some) }).await?
}

async fn run(app: &App, actor: &Actor, number: Address) -> Result<Receipt, VerbError> {
    let Actor { organization, user_id, now, .. } = *actor;
    let masked = number.masked();
    let due = Arc::new(Due::About(number.clone()));
    let mut gone = calls(app, organization, &due, now).await?;
    gone += what_others_began(app, organization, &number).await?;
    // Entries before the logs that tell whose they are.
    for of in [
        Held::Audit,
        Held::Logs,
        Held::RawPayloads,
        Held::Jobs,
        Held::OptOuts,
        Held::Parts,
        Held::EarlyReceipts,
    ] {
        gone += rows(app, organization, of, &due, now).await?;
    }
    purge::step(app, NoteErasure { organization, now, by: user_id, gone }).await?;
    tracing::info!(%organization, number = masked, ?gone, "a phone number is erased");
    let backups = app.backups.as_ref().map(|schedule| schedule.dir.as_path());
    let mut backups = backups_holding(backups);
    backups.extend(kept_files(app.data_dir.as_deref()));
    Ok(Receipt { gone, backups })
}

/// Finishes the deletions of the number's call records that had begun before.
async fn what_others_began(
    app: &App,
    organization: OrganizationId,
    number: &Address,
) -> Result<Gone, VerbError> {
    let (_alone, mut gone) = (app.purging.lock().await, Gone::default());
    for (org, id) in app.store.snapshot()?.pending_purges()? {
        let call = app.store.snapshot()?.call(org, id)?;
        if org == organization && call.is_some_and(|call| call.customer == *number) {
            gone += purge::finish(app, org, id).await?;
        }
    }
    Ok(gone)
}

/// What restoring and upgrades kept of the database beside it.
fn kept_files(dir: Option<&Path>) -> Vec<String> {
    let entries = dir.and_then(|dir| std::fs::read_dir(dir).ok()).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("smslite.redb.")).collect()
}

/// The backups in a directory: all were made before. What cannot be read names none.
pub fn backups_holding(dir: Option<&Path>) -> Vec<String> {
    let files = dir.and_then(|dir| backup::all_files(dir).ok()).unwrap_or_default();
    files.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect()
}
