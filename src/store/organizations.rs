//! Organizations as a whole: since each is a prefix of every table, one is copied, put back and erased by its prefix,
//! whatever there is in it.

use super::directory::{DirectoryChange, changes_to};
use super::error::ReadError;
use super::key;
use super::rows::Row;
use super::snapshot::Snapshot;
use super::transaction::{Command, Tx, TxError};
use crate::model::ids::OrganizationId;
use std::sync::Arc;

/// Everything that was stored of an organization at one time. Clones share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationCopy {
    /// Rows one after the other, without the organization in their keys.
    rows: Arc<[u8]>,
}

impl OrganizationCopy {
    pub fn bytes(&self) -> usize {
        self.rows.len()
    }
}

impl Snapshot {
    /// Copies everything of an organization.
    pub fn copy_organization(&self, organization: OrganizationId) -> Result<OrganizationCopy, ReadError> {
        let mut rows = Vec::new();
        self.tables.each_of(organization, |row| row.append(&mut rows))?;
        Ok(OrganizationCopy { rows: rows.into() })
    }
}

/// Removes everything of an organization and puts a copy in its place, if there is one.
#[derive(Clone, Debug)]
pub struct ReplaceOrganization {
    pub organization: OrganizationId,
    pub with: Option<OrganizationCopy>,
}

impl Command for ReplaceOrganization {
    type Outcome = ();
    const NAME: &'static str = "replace_organization";

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), TxError> {
        let org = self.organization;
        tx.forget_gathered(org);
        tx.tables.erase(org)?;
        tx.changes.push(DirectoryChange::Erased(org));
        let Some(copy) = &self.with else { return Ok(()) };
        let (mut rows, mut key) = (&*copy.rows, Vec::new());
        while !rows.is_empty() {
            let row = Row::take(&mut rows)?;
            key.clear();
            key.extend_from_slice(&key::organization(org));
            key.extend_from_slice(row.key);
            tx.put_row(&Row { key: &key, ..row })?;
        }
        let known = changes_to(&tx.tables, Some(org))?;
        tx.changes.extend(known);
        // Whoever follows the feed hears that it is another one.
        tx.sequences(org).map(drop)
    }
}
