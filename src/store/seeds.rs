//! Seeds: an organization with all that it holds in one commit, and records that are new to one that is there.
//!
//! The records come with their ids, and whoever gives them knows that none is there. So they are written unjudged, all
//! or none: a new organization holds nothing, and one that is there must not have gone on since it was looked at.

use super::accounts::{known_key, put_organization};
use super::import::{ImportBatch, ImportRecord};
use super::transaction::{Command, Tx, TxError};
use crate::model::account::Organization;
use crate::model::feed::FeedEvent;
use crate::model::ids::OrganizationId;
use crate::model::time::Timestamp;
use crate::model::transfer::Line;
use redb::ReadableTable;
use std::sync::Arc;

/// What became of records that are to be stored together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    Done(OrganizationId),
    /// The organization is not as it was looked at. Nothing was stored.
    Changed,
    /// The API key in this line is one that somebody has. Nothing was stored.
    KeyTaken {
        line: u64,
    },
}

/// Makes an organization with the next number. That its slug is nobody's is for the caller to know.
#[derive(Clone, Debug)]
pub struct MakeOrganization {
    /// Its number comes after this one, which may be of one that is gone.
    pub after: OrganizationId,
    pub now: Timestamp,
    pub organization: Organization,
    pub session_ttl_seconds: u64,
    /// With ids from 1 on, parents before children.
    pub records: Arc<Vec<ImportRecord>>,
}

impl Command for MakeOrganization {
    /// Never [`Filled::Changed`].
    type Outcome = Filled;
    const NAME: &'static str = "make_organization";

    fn run(&self, tx: &mut Tx<'_>) -> Result<Filled, TxError> {
        if let Some(line) = taken_key(tx, &self.records) {
            return Ok(Filled::KeyTaken { line });
        }
        let last = tx.tables.organizations.last()?.map_or(0, |(key, _)| u32::from_be_bytes(*key.value()));
        let id = OrganizationId(last.max(self.after.0) + 1);
        put_organization(tx, id, &self.organization)?;
        tx.append_feed(id, self.now, FeedEvent::OrganizationCreated)?;
        batch(id, self.now, self.session_ttl_seconds, &self.records).fill(tx)?;
        Ok(Filled::Done(id))
    }
}

/// Stores what is new to an organization.
#[derive(Clone, Debug)]
pub struct FillOrganization {
    pub organization: OrganizationId,
    /// How far its feed went when it was looked at.
    pub feed: u64,
    pub now: Timestamp,
    pub session_ttl_seconds: u64,
    /// With ids that come after those it has given, parents before children.
    pub records: Arc<Vec<ImportRecord>>,
}

impl Command for FillOrganization {
    type Outcome = Filled;
    const NAME: &'static str = "fill_organization";

    fn run(&self, tx: &mut Tx<'_>) -> Result<Filled, TxError> {
        if tx.sequences(self.organization)?.feed != self.feed {
            return Ok(Filled::Changed);
        }
        if let Some(line) = taken_key(tx, &self.records) {
            return Ok(Filled::KeyTaken { line });
        }
        batch(self.organization, self.now, self.session_ttl_seconds, &self.records).fill(tx)?;
        Ok(Filled::Done(self.organization))
    }
}

fn batch(
    organization: OrganizationId,
    now: Timestamp,
    session_ttl_seconds: u64,
    records: &Arc<Vec<ImportRecord>>,
) -> ImportBatch {
    ImportBatch { organization, now, session_ttl_seconds, bare: false, records: records.clone() }
}

fn taken_key(tx: &Tx<'_>, records: &[ImportRecord]) -> Option<u64> {
    let taken = |record: &&ImportRecord| match &record.line {
        Line::ApiKey(key) => known_key(tx, &key.key_hash).is_some(),
        _ => false,
    };
    records.iter().find(taken).map(|record| record.line_number)
}
