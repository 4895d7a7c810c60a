//! Organizations' own accounts at carriers.

use super::directory::DirectoryChange;
use super::error::ReadError;
use super::key;
use super::snapshot::{Snapshot, all};
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
        let (org, provider) = (self.organization, self.provider);
        match &self.account {
            Some(account) => put_account(tx, org, provider, account)?,
            None => {
                let key = key::serial(org, provider as u64);
                if tx.tables.carrier_accounts.remove(&key)?.is_none() {
                    return Ok(false);
                }
                tx.changes.push(DirectoryChange::CarrierAccount(org, provider, None));
            }
        }
        tx.append_feed(org, self.now, FeedEvent::CarrierAccountChanged(provider))?;
        Ok(true)
    }
}

pub(super) fn put_account(
    tx: &mut Tx<'_>,
    organization: OrganizationId,
    provider: Provider,
    account: &CarrierAccount,
) -> Result<(), TxError> {
    let key = key::serial(organization, provider as u64);
    let (tables, bytes) = tx.encoded(account);
    tables.carrier_accounts.insert(&key, bytes)?;
    tx.changes.push(DirectoryChange::CarrierAccount(organization, provider, Some(account.clone())));
    Ok(())
}

impl Snapshot {
    /// The organization's own, by provider.
    pub fn carrier_accounts(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<(Provider, CarrierAccount)>, ReadError> {
        let stored = all("carrier_accounts", &self.tables.carrier_accounts, organization)?;
        let own = stored.into_iter();
        Ok(own.filter_map(|(number, account)| Some((Provider::numbered(number)?, account))).collect())
    }
}
