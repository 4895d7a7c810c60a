//! All data as one commit left it. The newest one is made by the writer after each commit and
//! shared by all readers, so that a read opens no transaction and no table of its own.

use super::directory::Directory;
use super::error::ReadError;
use super::key;
use super::record;
use super::sequences::{Count, Sequences};
use super::tables::ReadTables;
use crate::model::ids::OrganizationId;
use arc_swap::Guard;
use redb::{ReadOnlyTable, ReadTransaction};
use serde::de::DeserializeOwned;
use std::ops::Deref;
use std::sync::Arc;

pub struct Snapshot {
    pub(super) tables: ReadTables,
    directory: Arc<Directory>,
    commit_number: u64,
}

impl Snapshot {
    pub(super) fn new(
        txn: &ReadTransaction,
        directory: Arc<Directory>,
        commit_number: u64,
    ) -> Result<Snapshot, ReadError> {
        Ok(Snapshot { tables: ReadTables::open(txn)?, directory, commit_number })
    }

    /// Which commit since the start left it so.
    pub(super) fn commit_number(&self) -> u64 {
        self.commit_number
    }

    /// The organization's counters.
    pub fn sequences(&self, organization: OrganizationId) -> Result<Sequences, ReadError> {
        let stored = self.tables.sequences.get(&key::organization(organization))?;
        stored.map_or(Ok(Sequences::default()), |bytes| record::decode("sequences", bytes.value()))
    }

    /// A kept count; the block tells what of its kind.
    pub(super) fn counted(
        &self,
        organization: OrganizationId,
        count: Count,
        block: u64,
    ) -> Result<u64, ReadError> {
        let kept = self.tables.counts.get(&key::count(organization, count as u8, block))?;
        Ok(kept.map_or(0, |count| count.value()))
    }

    /// Names, numbers and keys, as they are now.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }
}

/// The newest snapshot, held without counting references: threads that share a counter wait for
/// each other.
pub struct SnapshotView(Guard<Arc<Result<Snapshot, String>>>);

impl SnapshotView {
    pub(super) fn of(newest: Guard<Arc<Result<Snapshot, String>>>) -> Result<SnapshotView, ReadError> {
        match &**newest {
            Ok(_) => Ok(SnapshotView(newest)),
            Err(reason) => Err(ReadError::Unavailable(reason.clone())),
        }
    }
}

impl Deref for SnapshotView {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        self.0.as_ref().as_ref().expect("a view is made of a snapshot that is there")
    }
}

type SerialTable = ReadOnlyTable<&'static key::SerialKey, &'static [u8]>;

/// One record by its id.
pub(super) fn get<T: DeserializeOwned>(
    name: &'static str,
    table: &SerialTable,
    organization: OrganizationId,
    id: u64,
) -> Result<Option<T>, ReadError> {
    let stored = table.get(&key::serial(organization, id))?;
    stored.map(|bytes| record::decode(name, bytes.value())).transpose()
}

/// Every record of the organization, by id.
pub(super) fn all<T: DeserializeOwned>(
    name: &'static str,
    table: &SerialTable,
    organization: OrganizationId,
) -> Result<Vec<(u64, T)>, ReadError> {
    let range = key::serial_range(organization);
    table
        .range::<&key::SerialKey>(range.start()..=range.end())?
        .map(|row| {
            let (key, bytes) = row?;
            Ok((key::serial_id(key.value()), record::decode(name, bytes.value())?))
        })
        .collect()
}
