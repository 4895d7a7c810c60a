//! Opt-outs: listed, added and taken away by people; customers and carriers do so by messages.

use super::App;
use crate::model::account::Actor;
use crate::model::address::Address;
use crate::model::opt_out::{OptOutChange, OptedOut};
use crate::model::page::Page;
use crate::store::{ChangeOptOut, ReadError, StoreError};

/// A page, and how many there are: of one of our numbers or of all.
pub fn list(
    app: &App,
    actor: &Actor,
    our_number: Option<&Address>,
    page: Page,
) -> Result<(u64, Vec<OptedOut>), ReadError> {
    app.store.snapshot()?.opt_outs(actor.organization, our_number, page)
}

/// False: it was so before.
pub async fn change(
    app: &App,
    actor: &Actor,
    our_number: Address,
    customer: Address,
    change: OptOutChange,
) -> Result<bool, StoreError> {
    let how = "api".to_owned();
    let command =
        ChangeOptOut { organization: actor.organization, our_number, customer, change, how, now: actor.now };
    app.store.execute(command).await
}
