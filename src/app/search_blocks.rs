//! Sealing message logs for the search, block by block, each a command of its own that live commits go beside.
//! Dropped midway, it leaves the rest for the next time.

use super::{App, VerbError, purge};
use crate::model::ids::OrganizationId;

/// How many logs make a block. More are told apart worse, of fewer the blocks themselves take long to ask.
pub const BLOCK_ROWS: usize = 1024;

/// Seals what has come together, every organization's. `asks`: only where counts tell that there is something.
pub async fn seal(app: &App, asks: bool) -> Result<(), VerbError> {
    let mut ended = Ok(());
    for organization in app.organizations() {
        // It is not to keep the others from theirs.
        ended = seal_for(app, organization, asks).await.and(ended);
    }
    ended
}

async fn seal_for(app: &App, organization: OrganizationId, asks: bool) -> Result<(), VerbError> {
    let (mut from, mut sealed) = (0, 0u64);
    loop {
        let store = app.store.clone();
        let look = move || {
            let snapshot = store.snapshot()?;
            match asks && from == 0 && !snapshot.is_unsealed(organization, BLOCK_ROWS)? {
                true => Ok(None),
                false => snapshot.next_block(organization, from, BLOCK_ROWS),
            }
        };
        let Some(block) = tokio::task::spawn_blocking(look).await?? else { break };
        from = block.last.saturating_add(1);
        sealed += u64::from(purge::step(app, block).await?);
    }
    if sealed > 0 {
        tracing::debug!(%organization, blocks = sealed, "message logs are sealed for the search");
    }
    Ok(())
}
