//! What a carrier's retries are recognised by after the move. Digests lie in no order, so those of a batch are
//! gathered and written at its end in the order of the table: each of its pages is looked for once, not for each log.

use crate::model::ids::OrganizationId;
use crate::model::time::Timestamp;
use crate::store::inbound::{bucket, buckets};
use crate::store::key::{self, DedupeKey};
use crate::store::transaction::{Tx, TxError};
use redb::ReadableTable;
use std::collections::HashMap;

/// The logs of a batch that the table does not show yet, by their digests.
pub(super) struct Recognised {
    org: OrganizationId,
    logs: HashMap<[u8; 16], (Timestamp, u64)>,
}

impl Recognised {
    pub(super) fn new(org: OrganizationId) -> Recognised {
        Recognised { org, logs: HashMap::new() }
    }

    pub(super) fn add(
        &mut self,
        tx: &mut Tx<'_>,
        digest: [u8; 16],
        at: Timestamp,
        log: u64,
    ) -> Result<(), TxError> {
        // Of two the first one stays, if they are of about the same time.
        if self.logs.contains_key(&digest) {
            self.flush(tx)?;
        }
        self.logs.insert(digest, (at, log));
        Ok(())
    }

    /// Writes what is not in the table yet: what came before stays.
    pub(super) fn flush(&mut self, tx: &mut Tx<'_>) -> Result<(), TxError> {
        let mut logs: Vec<_> =
            self.logs.drain().map(|(digest, (at, id))| (bucket(at), digest, at, id)).collect();
        logs.sort_unstable();
        let mut filled = HashMap::new();
        for (own, digest, at, id) in logs {
            let mut elsewhere = false;
            for other in buckets(at).filter(|other| *other != own) {
                let filled = match filled.get(&other) {
                    Some(filled) => *filled,
                    None => *filled.entry(other).or_insert(self.is_filled(tx, other)?),
                };
                elsewhere |=
                    filled && tx.tables.dedupe.get(&key::dedupe(self.org, other, &digest))?.is_some();
            }
            if elsewhere {
                continue;
            }
            let key = key::dedupe(self.org, own, &digest);
            let before = tx.tables.dedupe.insert(&key, id)?.map(|before| before.value());
            if let Some(before) = before {
                tx.tables.dedupe.insert(&key, before)?;
            }
        }
        Ok(())
    }

    fn is_filled(&self, tx: &Tx<'_>, bucket: u16) -> Result<bool, TxError> {
        let (from, to) =
            (key::dedupe(self.org, bucket, &[0; 16]), key::dedupe(self.org, bucket, &[u8::MAX; 16]));
        Ok(tx.tables.dedupe.range::<&DedupeKey>(&from..=&to)?.next().is_some())
    }
}
