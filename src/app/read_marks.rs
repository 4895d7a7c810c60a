//! stub
use super::App;
use crate::model::account::Actor;
use crate::model::ids::CallId;
use crate::model::time::Timestamp;
use crate::store::{ReadError, StoreError};
pub fn unread(_: &App, _: &Actor, rows: &[(CallId, u32, Timestamp)]) -> Result<Vec<u32>, ReadError> {
    Ok(rows.iter().map(|_| 0).collect())
}
pub async fn mark_all(_: &App, _: &Actor) -> Result<(), StoreError> {
    Ok(())
}
pub fn mark_soon(_: &App, _: &Actor, _: CallId, _: u32) {}
pub async fn mark(_: &App, _: &Actor, _: CallId, _: u32) -> Result<bool, StoreError> {
    Ok(false)
}
