//! What is to be deleted: asked of a snapshot to find it, and of the open transaction before it goes.

use super::{Due, Held};
use crate::model::address::Address;
use crate::model::audit::AuditEntry;
use crate::model::call::Call;
use crate::model::ids::{CallId, OrganizationId};
use crate::model::message_log::{MessageLog, RawPayload};
use crate::model::outbound::{JobStatus, OutboundJob};
use crate::model::partial_message::PartialMessage;
use crate::model::receipt::Receipt;
use crate::model::session::is_past;
use crate::model::time::Timestamp;
use crate::store::error::ReadError;
use crate::store::inbound::buckets;
use crate::store::key;
use crate::store::record::decode;
use crate::store::tables::AnyTables;
use redb::{ReadableTable, Value};
use serde::Deserialize;

pub(super) struct Judge<'j, T> {
    pub(super) tables: &'j T,
    pub(super) org: OrganizationId,
    pub(super) due: &'j Due,
    pub(super) now: Timestamp,
}

/// The first field of a payload, without its bytes.
#[derive(Deserialize)]
struct ReceivedAt(Timestamp);

impl<T: AnyTables> Judge<'_, T> {
    pub(super) fn is_call_due(&self, call: &Call) -> bool {
        match self.due {
            Due::Before(then) => is_past(call, *then, self.now),
            Due::About(number) => call.customer == *number,
        }
    }

    pub(super) fn is_due(&self, of: Held, key: &[u8], row: &[u8]) -> Result<bool, ReadError> {
        match self.due {
            Due::Before(then) => self.is_before(of, key, row, *then),
            Due::About(number) => self.is_about(of, key, row, number),
        }
    }

    fn is_before(&self, of: Held, key: &[u8], row: &[u8], then: Timestamp) -> Result<bool, ReadError> {
        Ok(match of {
            Held::Logs => decode::<MessageLog>("message_logs", row)?.created_at < then,
            Held::Audit => decode::<AuditEntry>("audit_entries", row)?.at < then,
            Held::RawPayloads | Held::AuditPayloads => decode::<ReceivedAt>("raw_payloads", row)?.0 < then,
            Held::OptOuts => false,
            Held::Jobs => {
                let job: OutboundJob = decode("outbound_jobs", row)?;
                let waits = matches!(job.status, JobStatus::Queued | JobStatus::Sending);
                !waits && job.updated_at < then && !self.is_listed(job.call_id)?
            }
            Held::Duplicates => {
                let log = key::serial(self.org, u64::from_bytes(row));
                self.is_unconsulted(key) && self.tables.message_logs().get(&log)?.is_none()
            }
            Held::KeptWebhooks | Held::EarlyReceipts => self.is_unconsulted(key),
            // They go by themselves.
            Held::Parts => false,
        })
    }

    fn is_about(&self, of: Held, key: &[u8], row: &[u8], number: &Address) -> Result<bool, ReadError> {
        let names = |text: &str| number.is_named_in(text.as_bytes());
        Ok(match of {
            Held::Logs => {
                let log: MessageLog = decode("message_logs", row)?;
                names(&log.from) || names(&log.to)
            }
            Held::Audit => self.is_entry_about(key, &decode("audit_entries", row)?, number)?,
            Held::RawPayloads | Held::AuditPayloads => {
                let payload: RawPayload = decode("raw_payloads", row)?;
                names(&payload.path_and_query) || number.is_named_in(&payload.body)
            }
            Held::OptOuts => key::opt_out_parts(key).is_some_and(|(_, customer)| customer == *number),
            Held::Jobs => {
                let job: OutboundJob = decode("outbound_jobs", row)?;
                names(&job.from) || names(&job.to)
            }
            Held::Parts => {
                let parts: PartialMessage = decode("partial_messages", row)?;
                names(&parts.from) || names(&parts.to)
            }
            // Words of carriers, which may name it.
            Held::EarlyReceipts => {
                let early: Vec<Receipt> = decode("early_receipts", row)?;
                early.iter().any(|receipt| receipt.error_message.as_deref().is_some_and(names))
            }
            Held::Duplicates | Held::KeptWebhooks => false,
        })
    }

    /// What it says, what it is of or what it was made of names the number.
    fn is_entry_about(&self, key: &[u8], entry: &AuditEntry, number: &Address) -> Result<bool, ReadError> {
        let said = entry.steps.iter().map(crate::model::audit::Step::words).any(|words| {
            let data = words.data.map(|data| data.to_string()).unwrap_or_default();
            [words.event_type, words.message, data].iter().any(|text| number.is_named_in(text.as_bytes()))
        });
        if said {
            return Ok(true);
        }
        if let Some(payload) = super::get(self.tables.audit_payloads(), key)?
            && self.is_about(Held::AuditPayloads, key, &payload, number)?
        {
            return Ok(true);
        }
        let Some(log) = entry.log_id else { return Ok(false) };
        let log = self.tables.message_logs().get(&key::serial(self.org, log.0))?;
        log.map_or(Ok(false), |row| self.is_about(Held::Logs, key, row.value(), number))
    }

    /// Whether a conversation still shows what is its own.
    fn is_listed(&self, call: Option<CallId>) -> Result<bool, ReadError> {
        let Some(call) = call else { return Ok(false) };
        let record = self.tables.threads().get(&key::head(self.org, call))?;
        record.map_or(Ok(false), |row| Ok(!decode::<Call>("threads", row.value())?.archived))
    }

    /// Whether no message or receipt that comes now is looked up in this row's two weeks, nor was one before a
    /// clock was set back.
    fn is_unconsulted(&self, key: &[u8]) -> bool {
        key::dedupe_bucket(key).is_some_and(|bucket| bucket < *buckets(self.now).start())
    }
}
