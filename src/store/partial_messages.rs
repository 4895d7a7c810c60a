//! Long messages in parts: each part is kept when it comes, the whole is stored with the last one or when its time is up.

use super::error::ReadError;
use super::inbound::{RecordInbound, RecordInboundOutcome, keep, seen_before};
use super::key;
use super::record;
use super::snapshot::Snapshot;
use super::transaction::{Command, Tx, TxError};
use crate::model::audit::{AuditEntry, Step};
use crate::model::feed::FeedEvent;
use crate::model::ids::OrganizationId;
use crate::model::message_log::Provider;
use crate::model::partial_message::{MessagePart, PartDecision, PartialMessage, decide_part};
use crate::model::time::Timestamp;
use redb::ReadableTable;

/// A part of a message as the carrier delivered it.
#[derive(Clone, Debug)]
pub struct RecordPart {
    pub part: MessagePart,
    /// The message as if the part were all of it.
    pub message: RecordInbound,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordPartOutcome {
    /// It came before.
    Duplicate,
    /// Kept until the others come, or `due_at` does.
    Waits { due_at: Timestamp },
    /// It was the last: the message is stored.
    Whole(RecordInboundOutcome),
}

impl Command for RecordPart {
    type Outcome = RecordPartOutcome;
    const NAME: &'static str = "record_part";

    fn run(&self, tx: &mut Tx<'_>) -> Result<RecordPartOutcome, TxError> {
        let message = &self.message;
        let org = message.organization;
        // Some carriers give all parts one id.
        let number = self.part.number.to_string();
        let (carrier, id, reference) =
            (message.provider.as_str(), &message.provider_message_id, &self.part.reference);
        let told_by = key::digest_of(&[carrier, "part", id, reference, &number].map(str::as_bytes));
        if seen_before(&*tx.tables.kept_webhooks, org, message.now, &told_by)?.is_some() {
            return Ok(RecordPartOutcome::Duplicate);
        }
        let mut steps = message.steps.clone();
        steps.push(Step::PartKept { number: self.part.number, total: self.part.total });
        let entry = AuditEntry { call_id: None, log_id: None, at: message.now, steps };
        let audit_id = keep(tx, org, &entry, Some(&message.payload), Some(told_by))?;
        tx.append_feed(org, message.now, FeedEvent::AuditKept { audit_id })?;

        let numbers = (message.provider, message.from.to_string(), message.to.to_string());
        let key = place(org, &numbers, &self.part.reference);
        let text = (message.provider_message_id.clone(), message.body.clone());
        let alone = PartialMessage::begin(numbers, &self.part, text, message.now);
        let before = tx.tables.partial_messages.get(&key)?;
        let before = before.map(|bytes| record::decode("partial_messages", bytes.value())).transpose()?;
        let waiting = match decide_part(before, alone) {
            PartDecision::Whole(whole) => {
                tx.tables.partial_messages.remove(&key)?;
                return Ok(RecordPartOutcome::Whole(store(tx, message, &whole)?));
            }
            PartDecision::Wait(waiting) => waiting,
            PartDecision::Anew { before, begun } => {
                store(tx, message, &before)?;
                begun
            }
        };
        let (tables, bytes) = tx.encoded(&waiting);
        tables.partial_messages.insert(&key, bytes)?;
        Ok(RecordPartOutcome::Waits { due_at: waiting.due_at })
    }
}

/// Stores what is there of a message whose time is up.
#[derive(Clone, Debug)]
pub struct FlushParts {
    pub key: [u8; 16],
    /// Everything but what the parts tell.
    pub message: RecordInbound,
}

impl Command for FlushParts {
    /// None: the others came in time.
    type Outcome = Option<RecordInboundOutcome>;
    const NAME: &'static str = "flush_parts";

    fn run(&self, tx: &mut Tx<'_>) -> Result<Option<RecordInboundOutcome>, TxError> {
        let key = key::job(self.message.organization, self.key);
        let Some(bytes) = tx.tables.partial_messages.get(&key)?.map(|bytes| bytes.value().to_vec()) else {
            return Ok(None);
        };
        let waiting: PartialMessage = record::decode("partial_messages", &bytes)?;
        if waiting.due_at > self.message.now {
            return Ok(None);
        }
        tx.tables.partial_messages.remove(&key)?;
        store(tx, &self.message, &waiting).map(Some)
    }
}

fn place(
    organization: OrganizationId,
    (provider, from, to): &(Provider, String, String),
    reference: &str,
) -> key::JobKey {
    let parts = [provider.as_str(), from, to, reference].map(str::as_bytes);
    key::job(organization, key::digest_of(&parts))
}

fn store(
    tx: &mut Tx<'_>,
    message: &RecordInbound,
    parts: &PartialMessage,
) -> Result<RecordInboundOutcome, TxError> {
    let whole = RecordInbound {
        provider_message_id: parts.provider_message_id().to_owned(),
        body: parts.text(),
        segment_count: parts.total,
        ..message.clone()
    };
    whole.run(tx)
}

impl Snapshot {
    /// The messages of one organization, or of every one, whose parts wait for others.
    pub fn partial_messages(
        &self,
        of: Option<OrganizationId>,
    ) -> Result<Vec<(OrganizationId, [u8; 16], PartialMessage)>, ReadError> {
        let mut found = Vec::new();
        let (first, last) = key::range_of(of);
        for row in self.tables.partial_messages.range::<&key::JobKey>(&first..=&last)? {
            let (key, bytes) = row?;
            // One that is damaged a check tells of; the others go on.
            if let Ok(waiting) = record::decode("partial_messages", bytes.value()) {
                found.push((key::organization_of(key.value()), key::job_uuid(key.value()), waiting));
            }
        }
        Ok(found)
    }
}
