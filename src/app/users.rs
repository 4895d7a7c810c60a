//! Users: who belongs to the organization, and what they may do.

use super::App;
use crate::model::account::{Actor, Usage, User, UserChange};
use crate::model::ids::UserId;
use crate::store::{CreateUser, NoteUsage, ReadError, StoreError, UpdateUser, UserOutcome};

/// Every user with how they signed in.
pub fn list(app: &App, actor: &Actor) -> Result<Vec<(UserId, User, Usage)>, ReadError> {
    let snapshot = app.store.snapshot()?;
    let users = snapshot.users(actor.organization)?.into_iter();
    users.map(|(id, user)| Ok((id, user, snapshot.sign_ins(actor.organization, id)?))).collect()
}

pub fn get(app: &App, actor: &Actor, id: UserId) -> Result<Option<(User, Usage)>, ReadError> {
    let user = app.store.directory().view().user(actor.organization, id).cloned();
    user.map(|user| Ok((User::clone(&user), app.store.snapshot()?.sign_ins(actor.organization, id)?)))
        .transpose()
}

pub async fn create(app: &App, actor: &Actor, user: User) -> Result<UserOutcome, StoreError> {
    app.store.execute(CreateUser { organization: actor.organization, user }).await
}

pub async fn update(
    app: &App,
    actor: &Actor,
    user_id: UserId,
    change: UserChange,
) -> Result<UserOutcome, StoreError> {
    let command = UpdateUser { organization: actor.organization, user_id, change, now: actor.now };
    app.store.execute(command).await
}

/// Writes down how keys and sessions were used since the last time.
pub fn write_usage(app: &App) -> Result<(), StoreError> {
    for (organization, used) in app.store.directory().take_usage() {
        app.store.execute_blocking(NoteUsage { organization, used })?;
    }
    Ok(())
}
