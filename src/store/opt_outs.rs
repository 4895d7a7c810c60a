//! Opt-outs: who wants no more messages from which of our numbers.

use super::error::ReadError;
use super::key;
use super::record;
use super::snapshot::Snapshot;
use super::transaction::{Command, Tx, TxError};
use crate::model::address::Address;
use crate::model::audit::Step;
use crate::model::feed::FeedEvent;
use crate::model::ids::OrganizationId;
use crate::model::opt_out::{OptOut, OptOutChange, OptedOut};
use crate::model::page::{Page, Pager, Turn};
use crate::model::time::Timestamp;
use redb::ReadableTable;

/// Somebody opts out, or in again.
#[derive(Clone, Debug)]
pub struct ChangeOptOut {
    pub organization: OrganizationId,
    pub our_number: Address,
    pub customer: Address,
    pub change: OptOutChange,
    /// Where it came from.
    pub how: String,
    pub now: Timestamp,
}

impl Command for ChangeOptOut {
    /// False: it was so before.
    type Outcome = bool;
    const NAME: &'static str = "change_opt_out";

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, TxError> {
        let (org, numbers) = (self.organization, (&self.our_number, &self.customer));
        if has(tx, org, numbers.0, numbers.1)? == (self.change == OptOutChange::Add) {
            return Ok(false);
        }
        change(tx, org, numbers, self.change, self.how.clone(), self.now)?;
        Ok(true)
    }
}

pub(super) fn has(
    tx: &Tx<'_>,
    organization: OrganizationId,
    our_number: &Address,
    customer: &Address,
) -> Result<bool, TxError> {
    let key = key::opt_out(organization, our_number, customer);
    Ok(tx.tables.opt_outs.get(key.as_slice())?.is_some())
}

/// Writes the change and gives the step that tells of it. The first opt-out stays as it came.
pub(super) fn change(
    tx: &mut Tx<'_>,
    organization: OrganizationId,
    (our_number, customer): (&Address, &Address),
    change: OptOutChange,
    how: String,
    now: Timestamp,
) -> Result<Step, TxError> {
    let key = key::opt_out(organization, our_number, customer);
    tx.append_feed(organization, now, FeedEvent::OptOutsChanged)?;
    match change {
        OptOutChange::Add => {
            let (tables, bytes) = tx.encoded(&OptOut { at: now, how: how.clone() });
            tables.opt_outs.insert(key.as_slice(), bytes)?;
            Ok(Step::OptedOut { how })
        }
        OptOutChange::Remove => {
            tx.tables.opt_outs.remove(key.as_slice())?;
            Ok(Step::OptedIn { how })
        }
    }
}

/// A carrier says by this code that the customer of a message of ours has opted out. The step, if that is news.
pub(super) fn learn(
    tx: &mut Tx<'_>,
    organization: OrganizationId,
    (from, to): (&str, &str),
    code: Option<&str>,
    now: Timestamp,
) -> Result<Option<Step>, TxError> {
    let (ours, customer) = (Address::stored(from.to_owned()), Address::stored(to.to_owned()));
    if has(tx, organization, &ours, &customer)? {
        return Ok(None);
    }
    let how = format!("carrier {}", code.unwrap_or_default());
    change(tx, organization, (&ours, &customer), OptOutChange::Add, how, now).map(Some)
}

impl Snapshot {
    pub fn has_opted_out(
        &self,
        organization: OrganizationId,
        our_number: &Address,
        customer: &Address,
    ) -> Result<bool, ReadError> {
        let key = key::opt_out(organization, our_number, customer);
        Ok(self.tables.opt_outs.get(key.as_slice())?.is_some())
    }

    /// A page of opt-outs, by our number and then the customer's, and how many there are; of one of our numbers
    /// or of all.
    pub fn opt_outs(
        &self,
        organization: OrganizationId,
        our_number: Option<&Address>,
        page: Page,
    ) -> Result<(u64, Vec<OptedOut>), ReadError> {
        let prefix = match our_number {
            Some(number) => key::address(organization, number),
            None => key::organization(organization).to_vec(),
        };
        let (from, to) = key::starting_with(&prefix);
        let (mut total, mut pager, mut found) = (0, Pager::new(page), Vec::new());
        for row in self.tables.opt_outs.range(from.as_slice()..=to.as_slice())? {
            let (key, bytes) = row?;
            total += 1;
            if pager.turn() == Turn::Take {
                let numbers = key::opt_out_parts(key.value());
                let (our_number, customer) = numbers.ok_or_else(|| ReadError::Damaged {
                    table: "opt_outs",
                    reason: "a key is no pair of numbers".to_owned(),
                })?;
                let opt_out = record::decode("opt_outs", bytes.value())?;
                found.push(OptedOut { our_number, customer, opt_out });
            }
        }
        Ok((total, found))
    }
}
