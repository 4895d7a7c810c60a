//! The catalogue: every table, its key, its value and who reads it. All keys start with the
//! organization, so a tenant is a prefix of every table. Values are records (see `record`) unless
//! said otherwise. ARCHITECTURE.md has the invariants.

use super::error::ReadError;
use super::key::{self, ActivityKey, CountKey, DedupeKey, SerialKey, ThreadKey};
use super::rows::{self, Row, RowLog, Written};
use crate::model::ids::OrganizationId;
use redb::{
    ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, StorageError, TableDefinition,
    TableError, WriteTransaction,
};

type Bytes = &'static [u8];
type Def<K> = TableDefinition<'static, K, Bytes>;
type Ids<K> = TableDefinition<'static, K, u64>;

/// `application`, `format`: what this file is. The one table without an organization.
pub(super) const META: TableDefinition<'static, &'static str, Bytes> = TableDefinition::new("meta");

macro_rules! tables {
    ($($(#[$doc:meta])* $field:ident, $const:ident: $kind:ident<$key:ty> = $value:ty;)*) => {
        $($(#[$doc])* pub(super) const $const: $kind<$key> = TableDefinition::new(stringify!($field));)*

        /// Every table, open for one write transaction.
        pub(super) struct Tables<'t> {
            $(pub(super) $field: Written<'t, $key, $value>,)*
        }

        pub(super) const NAMES: &[&str] = &[$(stringify!($field)),*];

        impl<'t> Tables<'t> {
            pub(super) fn open(txn: &'t WriteTransaction) -> Result<Tables<'t>, TableError> {
                Tables::told(txn, None)
            }

            /// What is written is told to `log`, row by row.
            pub(super) fn told(txn: &'t WriteTransaction, log: RowLog<'t>) -> Result<Tables<'t>, TableError> {
                Ok(Tables { $($field: Written::new(txn.open_table($const)?, stringify!($field), log),)* })
            }

            /// Puts a row into its table, and tells it.
            pub(super) fn put(&mut self, row: &Row<'_>) -> Result<(), ReadError> {
                match NAMES.get(usize::from(row.table)).copied() {
                    $(Some(stringify!($field)) => self.$field.put(row),)*
                    _ => Err(row.damaged("a table that there is not")),
                }
            }

            /// Does to a table, whichever it is, what was done to the one that the row is of.
            pub(super) fn apply(&mut self, row: &Row<'_>) -> Result<(), ReadError> {
                match NAMES.get(usize::from(row.table)).copied() {
                    $(Some(stringify!($field)) => self.$field.apply(row),)*
                    _ => Err(row.damaged("a table that there is not")),
                }
            }
        }

        impl Tables<'_> {
            /// Removes every row of an organization.
            pub(super) fn erase(&mut self, organization: OrganizationId) -> Result<(), StorageError> {
                $(self.$field.erase(organization)?;)*
                Ok(())
            }
        }

        /// Every table as one commit left it.
        pub(super) struct ReadTables {
            $(pub(super) $field: ReadOnlyTable<$key, $value>,)*
        }

        /// Every table, for reads that are the same of a snapshot and of the open transaction.
        #[allow(dead_code, reason = "not every table is read by both")]
        pub(super) trait AnyTables {
            $(fn $field(&self) -> &impl ReadableTable<$key, $value>;)*
        }

        impl AnyTables for Tables<'_> {
            $(fn $field(&self) -> &impl ReadableTable<$key, $value> { &*self.$field })*
        }

        impl AnyTables for ReadTables {
            $(fn $field(&self) -> &impl ReadableTable<$key, $value> { &self.$field })*
        }

        impl ReadTables {
            pub(super) fn open(txn: &ReadTransaction) -> Result<ReadTables, TableError> {
                Ok(ReadTables { $($field: txn.open_table($const)?,)* })
            }

            /// Visits every row of every table, by table and key.
            pub(super) fn each<E: From<StorageError>>(
                &self,
                mut visit: impl FnMut(Row<'_>) -> Result<(), E>,
            ) -> Result<(), E> {
                $(rows::visit(&self.$field, stringify!($field), &mut visit)?;)*
                Ok(())
            }

            /// Visits every row of an organization, without it in the key.
            pub(super) fn each_of(
                &self,
                organization: OrganizationId,
                mut visit: impl FnMut(Row<'_>),
            ) -> Result<(), ReadError> {
                $(rows::visit_of(&self.$field, stringify!($field), organization, &mut visit)?;)*
                Ok(())
            }

            /// How many rows there are in all.
            pub(super) fn rows(&self) -> Result<u64, StorageError> {
                Ok([$(self.$field.len()?),*].iter().sum())
            }
        }
    };
}

tables! {
    /// (organization) -> `Organization`. Read at start into the directory.
    organizations, ORGANIZATIONS: Def<&'static [u8; 4]> = Bytes;
    /// (organization, user) -> `User`. Read by sign-in.
    users, USERS: Def<&'static SerialKey> = Bytes;
    /// (organization, key) -> `ApiKey`. Read at start into the directory; listed for people.
    api_keys, API_KEYS: Def<&'static SerialKey> = Bytes;
    /// (organization, 64 bits of the secret's hash) -> `DashboardSession`. Read at start into the directory.
    dashboard_sessions, DASHBOARD_SESSIONS: Def<&'static SerialKey> = Bytes;
    /// (organization, kind, id) -> `Usage` of API keys, dashboard sessions and users' signing in.
    /// Written now and then. Read at start into the directory.
    usage, USAGE: Def<&'static CountKey> = Bytes;
    /// (organization, assistant) -> `Assistant`. Names are kept in the directory.
    assistants, ASSISTANTS: Def<&'static SerialKey> = Bytes;
    /// (organization, number) -> `PhoneNumber`. Read by every inbound message.
    phone_numbers, PHONE_NUMBERS: Def<Bytes> = Bytes;
    /// (organization, call, part, number) -> the call record, links to its logs and audit
    /// entries, its messages: a thread is one range. Read by everything about one conversation.
    threads, THREADS: Def<&'static ThreadKey> = Bytes;
    /// (organization, last_activity descending, call descending) -> the list row in fixed places.
    /// SMS-channel records that are not archived, each once. Read by the conversation list.
    activity, ACTIVITY: Def<&'static ActivityKey> = Bytes;
    /// (organization, where it ends in the order of `activity`) -> `ActivityBlock`: how many rows there are from where the
    /// block before ends, whose, and between which times. Written once a commit. Read by the conversation list.
    activity_blocks, ACTIVITY_BLOCKS: Def<&'static ActivityKey> = Bytes;
    /// (organization, customer, assistant, started_at descending, call descending) -> nothing.
    /// Every call record. Read by related records, by the list for one whole number and by call records.
    calls_by_customer, CALLS_BY_CUSTOMER: Def<Bytes> = Bytes;
    /// (organization, customer, assistant, our number) -> call id: the conversation that was last
    /// bound. Whether the session lives is told by that call record. Read when a message arrives.
    sessions, SESSIONS: Ids<Bytes> = u64;
    /// (organization, log) -> `MessageLog`. Appended. Read by the log list and search.
    message_logs, MESSAGE_LOGS: Def<&'static SerialKey> = Bytes;
    /// (organization, last id of its range) -> `LogBlock`: how many logs there are from where the block before ends, of which
    /// kinds and assistants, and between which times. Written once a commit. Read by the log list and its counts.
    log_blocks, LOG_BLOCKS: Def<&'static SerialKey> = Bytes;
    /// (organization, first log) -> `SearchBlock`: up to which log it reaches, and which runs of letters stand in the
    /// bodies. Read by the search.
    search_blocks, SEARCH_BLOCKS: Def<&'static SerialKey> = Bytes;
    /// (organization, log) -> `RawPayload`. Appended; may go earlier than its log.
    raw_payloads, RAW_PAYLOADS: Def<&'static SerialKey> = Bytes;
    /// (organization, audit entry) -> `RawPayload` of a webhook that made no message log.
    audit_payloads, AUDIT_PAYLOADS: Def<&'static SerialKey> = Bytes;
    /// (organization, first step's id) -> `AuditEntry`. Appended. Read by timelines.
    audit_entries, AUDIT_ENTRIES: Def<&'static SerialKey> = Bytes;
    /// (organization, two weeks, digest of the carrier's message id) -> log id. Bucketed by time,
    /// so that new entries lie together. Read when a message or receipt arrives.
    dedupe, DEDUPE: Ids<&'static DedupeKey> = u64;
    /// (organization, two weeks, digest of what tells it) -> audit entry: webhooks that made no log,
    /// such as receipts. Read when one arrives.
    kept_webhooks, KEPT_WEBHOOKS: Ids<&'static DedupeKey> = u64;
    /// (organization, our number, customer) -> `OptOut`.
    opt_outs, OPT_OUTS: Def<Bytes> = Bytes;
    /// (organization, UUID) -> `OutboundJob`.
    outbound_jobs, OUTBOUND_JOBS: Def<&'static key::JobKey> = Bytes;
    /// (organization, our number, due, log, UUID) -> provider: what is to be done about a job, the oldest first in
    /// the lane of each number. Read by the dispatcher.
    outbox, OUTBOX: Def<Bytes> = Bytes;
    /// (organization, digest of the idempotency key) -> UUID. Read by a request to send.
    job_keys, JOB_KEYS: Def<&'static key::JobKey> = Bytes;
    /// (organization, two weeks, digest of the carrier's message id) -> `Vec<Receipt>` of messages that we have not
    /// heard of. Read when the carrier's answer to a send tells the id.
    early_receipts, EARLY_RECEIPTS: Def<&'static DedupeKey> = Bytes;
    /// (organization, digest of what binds them) -> `PartialMessage`: parts of a long message that wait for the others.
    /// Read when a part arrives, and by the dispatcher.
    partial_messages, PARTIAL_MESSAGES: Def<&'static key::JobKey> = Bytes;
    /// (organization, provider) -> `CarrierAccount`. Read at start into the directory.
    carrier_accounts, CARRIER_ACCOUNTS: Def<&'static SerialKey> = Bytes;
    /// (organization, call, log) -> `Forward`: messages to be told to their assistant's URL, in their order. Read by the
    /// forwarder.
    forwards, FORWARDS: Def<&'static key::ForwardKey> = Bytes;
    /// (organization, log) -> `ParkedEvent`: messages that could not be told. Read by people.
    parked_events, PARKED_EVENTS: Def<&'static SerialKey> = Bytes;
    /// (organization, user) -> the time up to which the user has read everything. Read by what is unread.
    read_before, READ_BEFORE: Def<&'static SerialKey> = Bytes;
    /// (organization, user, call) -> `ReadMark`: what the user has read of a conversation beyond that. Read by what is
    /// unread.
    read_marks, READ_MARKS: Def<&'static key::ForwardKey> = Bytes;
    /// (organization, call) -> nothing: archived, and rows of its thread are still to be removed; a byte: the
    /// record itself is, too.
    purges, PURGES: Def<&'static SerialKey> = Bytes;
    /// (organization, sequence) -> `FeedEntry`. Appended, no gaps.
    feed, FEED: Def<&'static SerialKey> = Bytes;
    /// (organization) -> `Sequences`: the last id of each kind. Written once a commit.
    sequences, SEQUENCES: Def<&'static [u8; 4]> = Bytes;
    /// (organization, kind, block) -> count. Block 0 is the whole; others tell what of the kind it is. Written once a
    /// commit.
    counts, COUNTS: Ids<&'static CountKey> = u64;
}
