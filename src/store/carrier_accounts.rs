//! Organizations' own accounts at carriers.

use super::directory::DirectoryChange;
use super::key;
use super::transaction::{Command, Tx, TxError};
use crate::model::carrier_account::CarrierAccount;
use crate::model::feed::FeedEvent;
use crate::model::ids::OrganizationId;
use crate::model::message_log::Provider;
use crate::model::time::Timestamp;

/// Sets an organization's account at a carrier, or takes it away.
#[derive(Clone, Debug)]
pub struct PutCarrierAccount {
    pub organization: OrganizationId,
    pub provider: Provider,
    pub account: Option<CarrierAccount>,
    pub now: Timestamp,
}

impl Command for PutCarrierAccount {
    /// False: there was none to take away.
    type Outcome = bool;
    const NAME: &'static str = "put_carrier_account";

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, TxError> {
        let key = key::serial(self.organization, self.provider as u64);
        match &self.account {
            Some(account) => {
                let (tables, bytes) = tx.encoded(account);
                tables.carrier_accounts.insert(&key, bytes)?;
            }
            None if tx.tables.carrier_accounts.remove(&key)?.is_none() => return Ok(false),
            None => {}
        }
        let account = self.account.clone();
        tx.changes.push(DirectoryChange::CarrierAccount(self.organization, self.provider, account));
        tx.append_feed(self.organization, self.now, FeedEvent::CarrierAccountChanged(self.provider))?;
        Ok(true)
    }
}
