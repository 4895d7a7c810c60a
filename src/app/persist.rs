//! What background work has to write, whatever the storage does meanwhile.

use super::App;
use crate::store::{Command, StoreError};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How soon a storage that failed is asked again.
pub(super) const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Carries out what must not be lost because the storage is not well for a while; it is safe to repeat.
pub(super) async fn persist<C: Command>(
    app: &App,
    command: impl Fn() -> C,
) -> Result<C::Outcome, StoreError> {
    loop {
        match app.store.execute(command()).await {
            Err(error) if matches!(error, StoreError::Failed(_)) || app.stopping.load(Ordering::Relaxed) => {
                return Err(error);
            }
            Err(_) => tokio::time::sleep(AFTER_FAILURE).await,
            done => return done,
        }
    }
}
