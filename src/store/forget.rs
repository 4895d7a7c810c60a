//! Deleting for good what has become too old, and what is about one phone number. Readers on snapshots find
//! some of it at a time; the command asks the same questions once more of the open transaction, so it is safe to
//! repeat, and what has changed meanwhile is left alone.
//!
//! What duplicates are told by stays until nothing consults it, so a carrier's late retry brings nothing back.

mod due;

use self::due::Judge;
use super::archive::{self, Purge};
use super::error::ReadError;
use super::key::{self, ThreadPart};
use super::read_marks;
use super::record;
use super::sequences::Count;
use super::snapshot::{self, Snapshot};
use super::tables::AnyTables;
use super::transaction::{Command, Tx, TxError};
use crate::model::address::Address;
use crate::model::audit::{AuditEntry, Step};
use crate::model::feed::{FeedEntry, FeedEvent};
use crate::model::gone::Gone;
use crate::model::ids::{AuditId, CallId, OrganizationId, UserId};
use crate::model::message_log::MessageLog;
use crate::model::outbound::OutboundJob;
use crate::model::session::{SessionKey, decide_forget};
use crate::model::time::Timestamp;
use redb::{ReadableTable, Value};

/// Why something is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// It is of a time before this.
    Before(Timestamp),
    /// It is about this number.
    About(Address),
}

/// What is deleted beside call records, by the table that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Message logs, with their raw payloads.
    Logs,
    RawPayloads,
    /// Audit entries, with their raw payloads.
    Audit,
    AuditPayloads,
    OptOuts,
    /// By their age: those of no conversation that is still listed, once nothing is to be sent any more.
    Jobs,
    /// By their age: what tells duplicates of logs that are gone, when no message is looked up there any more.
    Duplicates,
    /// By their age: what tells webhooks that come again, when none is looked up there any more.
    KeptWebhooks,
    /// Parts of messages that wait for others.
    Parts,
    /// By their age: receipts of messages that were never heard of.
    EarlyReceipts,
}

/// Does the same with the table, whichever it is.
macro_rules! with_table {
    ($of:expr, $tables:expr, $table:ident => $done:expr) => {
        match $of {
            Held::Logs => {
                let $table = $tables.message_logs();
                $done
            }
            Held::RawPayloads => {
                let $table = $tables.raw_payloads();
                $done
            }
            Held::Audit => {
                let $table = $tables.audit_entries();
                $done
            }
            Held::AuditPayloads => {
                let $table = $tables.audit_payloads();
                $done
            }
            Held::OptOuts => {
                let $table = $tables.opt_outs();
                $done
            }
            Held::Jobs => {
                let $table = $tables.outbound_jobs();
                $done
            }
            Held::Duplicates => {
                let $table = $tables.dedupe();
                $done
            }
            Held::KeptWebhooks => {
                let $table = $tables.kept_webhooks();
                $done
            }
            Held::Parts => {
                let $table = $tables.partial_messages();
                $done
            }
            Held::EarlyReceipts => {
                let $table = $tables.early_receipts();
                $done
            }
        }
    };
}

/// Keys of what is due, and the key to go on from.
type Found<K> = (Vec<K>, Option<Vec<u8>>);

/// Deletes call records with everything of them.
#[derive(Clone, Debug)]
pub struct ForgetCalls {
    pub organization: OrganizationId,
    pub now: Timestamp,
    pub due: Due,
    pub calls: Vec<CallId>,
    /// How many rows of their threads may be removed in the same commit.
    pub rows: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForgotCalls {
    pub gone: Gone,
    /// Those that the cache may know.
    pub sessions: Vec<SessionKey>,
    /// Of these rows are left to be purged.
    pub pending: Vec<CallId>,
}

impl Command for ForgetCalls {
    type Outcome = ForgotCalls;
    const NAME: &'static str = "forget_calls";

    fn run(&self, tx: &mut Tx<'_>) -> Result<ForgotCalls, TxError> {
        let (org, mut forgot) = (self.organization, ForgotCalls::default());
        for &id in &self.calls {
            let judge = Judge { tables: &tx.tables, org, due: &self.due, now: self.now };
            let Some(before) = tx.call(org, id)?.filter(|call| judge.is_call_due(call)) else { continue };
            if archive::pending(&tx.tables, org, id)? == Some(Purge::Everything) {
                continue;
            }
            let session = SessionKey::of(&before);
            tx.put_call(org, id, Some(&before), &decide_forget(&before, self.now))?;
            tx.unbind(org, &session, id)?;
            read_marks::forget(tx, org, id)?;
            tx.append_feed(org, self.now, FeedEvent::ConversationDeleted { call_id: id })?;
            let Gone { messages, message_logs, audit_entries, outbound_jobs, .. } = forgot.gone;
            let removed = (messages + message_logs + audit_entries + outbound_jobs) as usize;
            let rows = self.rows.saturating_sub(removed);
            if !archive::purge(tx, org, id, rows, Purge::Everything, &mut forgot.gone)? {
                forgot.pending.push(id);
            }
            forgot.gone.conversations += 1;
            forgot.sessions.push(session);
        }
        Ok(forgot)
    }
}

/// Deletes rows that were found in this table.
#[derive(Clone, Debug)]
pub struct ForgetRows {
    pub organization: OrganizationId,
    pub now: Timestamp,
    pub due: Due,
    pub of: Held,
    pub keys: Vec<Vec<u8>>,
}

impl Command for ForgetRows {
    type Outcome = Gone;
    const NAME: &'static str = "forget_rows";

    fn run(&self, tx: &mut Tx<'_>) -> Result<Gone, TxError> {
        let mut gone = Gone::default();
        for key in self.keys.iter().filter(|key| key.starts_with(&key::organization(self.organization))) {
            let Some(row) = with_table!(self.of, tx.tables, table => get(table, key))? else { continue };
            let (org, due, now) = (self.organization, &self.due, self.now);
            if (Judge { tables: &tx.tables, org, due, now }).is_due(self.of, key, &row)? {
                self.remove(tx, key, &row, &mut gone)?;
            }
        }
        Ok(gone)
    }
}

impl ForgetRows {
    fn remove(&self, tx: &mut Tx<'_>, key: &[u8], row: &[u8], gone: &mut Gone) -> Result<(), TxError> {
        let org = self.organization;
        let unlink = |tx: &mut Tx<'_>, call: Option<CallId>, part, id| match call {
            Some(call) => tx.tables.threads.remove(&key::thread(org, call, part, id)).map(drop),
            None => Ok(()),
        };
        let serial = || key.try_into().map_err(|_| TxError::Damaged("a key of another length".to_owned()));
        match self.of {
            Held::Logs => {
                let log: MessageLog = record::decode("message_logs", row)?;
                unlink(tx, log.call_id, ThreadPart::Log, key::serial_id(serial()?))?;
                archive::remove_log(tx, org, serial()?, gone)?;
            }
            Held::Audit => {
                let entry: AuditEntry = record::decode("audit_entries", row)?;
                unlink(tx, entry.call_id, ThreadPart::Audit, key::serial_id(serial()?))?;
                archive::remove_audit(tx, serial()?, gone)?;
                tx.count(org, Count::ForgottenAudits, i64::from(entry.call_id.is_none()));
            }
            Held::RawPayloads => {
                tx.tables.raw_payloads.remove(serial()?)?;
                gone.raw_payloads += 1;
            }
            Held::AuditPayloads => {
                tx.tables.audit_payloads.remove(serial()?)?;
                gone.raw_payloads += 1;
            }
            Held::OptOuts => {
                tx.tables.opt_outs.remove(key)?;
                gone.opt_outs += 1;
            }
            Held::Jobs => {
                let job: OutboundJob = record::decode("outbound_jobs", row)?;
                let key = key.try_into().map_err(|_| TxError::Damaged("no key of a job".to_owned()))?;
                job.call_id.map_or(Ok(()), |call| tx.unlink_job(org, call, key::job_uuid(key)))?;
                tx.remove_job(org, key::job_uuid(key), &job)?;
                gone.outbound_jobs += 1;
            }
            Held::Duplicates => drop(tx.tables.dedupe.remove(<&key::DedupeKey>::from_bytes(key))?),
            Held::EarlyReceipts => {
                drop(tx.tables.early_receipts.remove(<&key::DedupeKey>::from_bytes(key))?);
            }
            Held::Parts => drop(tx.tables.partial_messages.remove(<&key::JobKey>::from_bytes(key))?),
            Held::KeptWebhooks => drop(tx.tables.kept_webhooks.remove(<&key::DedupeKey>::from_bytes(key))?),
        }
        Ok(())
    }
}

/// Deletes the beginning of the feed: entries before a time, up to the first that is not.
#[derive(Clone, Copy, Debug)]
pub struct ForgetFeed {
    pub organization: OrganizationId,
    pub before: Timestamp,
    pub rows: usize,
}

impl Command for ForgetFeed {
    /// How many went.
    type Outcome = usize;
    const NAME: &'static str = "forget_feed";

    fn run(&self, tx: &mut Tx<'_>) -> Result<usize, TxError> {
        let org = self.organization;
        let first = tx.sequences(org)?.feed_forgotten + 1;
        let mut next = first;
        while next - first < self.rows as u64 {
            let key = key::serial(org, next);
            let entry = tx.tables.feed.get(&key)?;
            let entry = entry.map(|bytes| record::decode::<FeedEntry>("feed", bytes.value())).transpose()?;
            if entry.is_none_or(|entry| entry.at >= self.before) {
                break;
            }
            tx.tables.feed.remove(&key)?;
            next += 1;
        }
        tx.sequences(org)?.feed_forgotten = next - 1;
        Ok((next - first) as usize)
    }
}

/// Keeps that everything of a number was erased, not of which.
#[derive(Clone, Copy, Debug)]
pub struct NoteErasure {
    pub organization: OrganizationId,
    pub now: Timestamp,
    pub by: UserId,
    pub gone: Gone,
}

impl Command for NoteErasure {
    type Outcome = AuditId;
    const NAME: &'static str = "note_erasure";

    fn run(&self, tx: &mut Tx<'_>) -> Result<AuditId, TxError> {
        let steps = vec![Step::NumberErased { by: self.by, gone: self.gone }];
        let entry = AuditEntry { call_id: None, log_id: None, at: self.now, steps };
        let audit_id = tx.append_audit(self.organization, &entry)?;
        tx.append_feed(self.organization, self.now, FeedEvent::AuditKept { audit_id })?;
        Ok(audit_id)
    }
}

impl Snapshot {
    /// Looks at `rows` call records from the key `from` on.
    pub fn calls_to_forget(
        &self,
        org: OrganizationId,
        due: &Due,
        now: Timestamp,
        from: Option<Vec<u8>>,
        rows: usize,
    ) -> Result<Found<CallId>, ReadError> {
        let judge = Judge { tables: &self.tables, org, due, now };
        let prefix = match due {
            Due::About(number) => key::address(org, number),
            Due::Before(_) => key::organization(org).to_vec(),
        };
        walk(&self.tables.calls_by_customer, &prefix, from, rows, |key, _| {
            let Some((_, _, started_at, id)) = key::customer_parts(key) else { return Ok(None) };
            // Nothing is older than its start.
            if matches!(due, Due::Before(then) if started_at >= *then) {
                return Ok(None);
            }
            let due = self.call(org, id)?.is_some_and(|call| judge.is_call_due(&call));
            let due = due && archive::pending(&self.tables, org, id)? != Some(Purge::Everything);
            Ok(due.then_some(id))
        })
    }

    /// As [`Snapshot::calls_to_forget`], of another table's rows.
    pub fn rows_to_forget(
        &self,
        org: OrganizationId,
        of: Held,
        (due, now): (&Due, Timestamp),
        from: Option<Vec<u8>>,
        rows: usize,
    ) -> Result<Found<Vec<u8>>, ReadError> {
        // Nothing else leaves any behind, and there are as many to look through as logs.
        if of == Held::Duplicates && self.counted(org, Count::PurgedLogs, 0)? == 0 {
            return Ok((Vec::new(), None));
        }
        let judge = Judge { tables: &self.tables, org, due, now };
        let visit = |key: &[u8], row: &[u8]| Ok(judge.is_due(of, key, row)?.then(|| key.to_vec()));
        with_table!(of, self.tables, table => walk(table, &key::organization(org), from, rows, visit))
    }

    /// The time of the feed's first entry.
    pub fn feed_begins(&self, org: OrganizationId) -> Result<Option<Timestamp>, ReadError> {
        let first = self.sequences(org)?.feed_forgotten + 1;
        let entry: Option<FeedEntry> = snapshot::get("feed", &self.tables.feed, org, first)?;
        Ok(entry.map(|entry| entry.at))
    }
}

/// The value of a row as it is stored.
fn get<K: redb::Key + 'static, V: Value + 'static>(
    table: &impl ReadableTable<K, V>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, ReadError> {
    Ok(table.get(K::from_bytes(key))?.map(|row| V::as_bytes(&row.value()).as_ref().to_vec()))
}

/// Shows `rows` rows of those whose keys start with `prefix`, and gathers what `visit` finds.
fn walk<K: redb::Key + 'static, V: Value + 'static, T>(
    table: &impl ReadableTable<K, V>,
    prefix: &[u8],
    from: Option<Vec<u8>>,
    rows: usize,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<Option<T>, ReadError>,
) -> Result<Found<T>, ReadError> {
    let (mut first, mut last) = key::starting_with(prefix);
    if let Some(width) = K::fixed_width() {
        first.resize(width, 0);
        last.resize(width, 0xff);
    }
    let (first, mut found) = (from.unwrap_or(first), Vec::new());
    for (at, row) in table.range(K::from_bytes(&first)..=K::from_bytes(&last))?.enumerate() {
        let (key, value) = row?;
        let (key, value) = (key.value(), value.value());
        if at == rows {
            return Ok((found, Some(K::as_bytes(&key).as_ref().to_vec())));
        }
        found.extend(visit(K::as_bytes(&key).as_ref(), V::as_bytes(&value).as_ref())?);
    }
    Ok((found, None))
}
