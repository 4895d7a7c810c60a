//! What an import asks of the records that are there already: the same questions of a snapshot,
//! when the input is checked, and of the open transaction, when it is stored.

use crate::model::account::{ApiKey, KeyHash, User};
use crate::model::address::Address;
use crate::model::assistant::{Assistant, PhoneNumber};
use crate::model::audit::AuditEntry;
use crate::model::call::Call;
use crate::model::ids::{ApiKeyId, CallId, OrganizationId, UserId};
use crate::model::message::Message;
use crate::model::message_log::{MessageLog, Provider, RawPayload};
use crate::model::opt_out::OptOut;
use crate::model::outbound::OutboundJob;
use crate::model::time::Timestamp;
use crate::model::transfer::CallLine;
use crate::store::error::ReadError;
use crate::store::inbound;
use crate::store::key::{self, SerialKey, ThreadKey, ThreadPart};
use crate::store::record;
use crate::store::tables::{ReadTables, Tables};
use redb::ReadableTable;
use serde::de::DeserializeOwned;
use std::borrow::Cow;

type Found<T> = Result<Option<T>, ReadError>;

/// One organization's records, where nothing else is said.
pub(super) trait Existing {
    fn user(&self, org: OrganizationId, id: u64) -> Found<User>;
    fn user_of_email(&self, org: OrganizationId, email: &str) -> Found<(u64, User)>;
    /// The oldest user.
    fn first_user(&self, org: OrganizationId) -> Found<UserId>;
    fn api_key(&self, org: OrganizationId, id: u64) -> Found<ApiKey>;
    /// The key with this hash, in any organization.
    fn api_key_of_hash(&self, hash: &KeyHash) -> Found<(OrganizationId, ApiKeyId)>;
    fn assistant(&self, org: OrganizationId, id: u64) -> Found<Assistant>;
    fn assistant_of_name(&self, org: OrganizationId, name: &str) -> Found<Assistant>;
    fn number(&self, org: OrganizationId, number: &Address) -> Found<PhoneNumber>;
    fn has_number_id(&self, org: OrganizationId, id: u64) -> Result<bool, ReadError>;
    fn call(&self, org: OrganizationId, id: CallId) -> Found<Call>;
    /// The call record that a line without an id is about.
    fn call_starting_as(&self, org: OrganizationId, line: &CallLine) -> Found<Call>;
    fn message(&self, org: OrganizationId, call: CallId, index: u32) -> Found<Message<'static>>;
    fn log(&self, org: OrganizationId, id: u64) -> Found<MessageLog>;
    /// The log of a carrier's message, when it was kept within two weeks of `at`.
    fn log_of_carrier(&self, org: OrganizationId, digest: &[u8; 16], at: Timestamp) -> Found<u64>;
    fn log_payload(&self, org: OrganizationId, id: u64) -> Found<RawPayload>;
    /// The entry that the audit event with this id is a step of.
    fn audit(&self, org: OrganizationId, id: u64) -> Found<(u64, AuditEntry)>;
    fn audit_payload(&self, org: OrganizationId, id: u64) -> Found<RawPayload>;
    fn audits_of(&self, org: OrganizationId, call: CallId) -> Result<Vec<AuditEntry>, ReadError>;
    fn opt_out(&self, org: OrganizationId, our_number: &Address, customer: &Address) -> Found<OptOut>;
    fn job(&self, org: OrganizationId, uuid: [u8; 16]) -> Found<OutboundJob>;
}

/// What duplicates of a carrier's message are told by; none when the carrier gave no id.
pub(super) fn digest(provider: Provider, provider_message_id: &str) -> Option<[u8; 16]> {
    (!provider_message_id.is_empty()).then(|| inbound::digest(provider, provider_message_id))
}

fn by_id<T: DeserializeOwned>(
    name: &'static str,
    table: &impl ReadableTable<&'static SerialKey, &'static [u8]>,
    org: OrganizationId,
    id: u64,
) -> Found<T> {
    let stored = table.get(&key::serial(org, id))?;
    stored.map(|bytes| record::decode(name, bytes.value())).transpose()
}

fn by_key<T: DeserializeOwned>(
    name: &'static str,
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Found<T> {
    let stored = table.get(key)?;
    stored.map(|bytes| record::decode(name, bytes.value())).transpose()
}

/// The first record of the organization that is wanted. Walks them all: for tables of few records.
fn find<T: DeserializeOwned>(
    name: &'static str,
    table: &impl ReadableTable<&'static SerialKey, &'static [u8]>,
    org: OrganizationId,
    wanted: impl Fn(&T) -> bool,
) -> Found<(u64, T)> {
    let range = key::serial_range(org);
    for row in table.range::<&SerialKey>(range.start()..=range.end())? {
        let (key, bytes) = row?;
        let record = record::decode(name, bytes.value())?;
        if wanted(&record) {
            return Ok(Some((key::serial_id(key.value()), record)));
        }
    }
    Ok(None)
}

macro_rules! existing {
    ($($tables:ty),*) => {$(impl Existing for $tables {
        fn user(&self, org: OrganizationId, id: u64) -> Found<User> {
            by_id("users", &self.users, org, id)
        }

        fn user_of_email(&self, org: OrganizationId, email: &str) -> Found<(u64, User)> {
            find("users", &self.users, org, |user: &User| user.email.eq_ignore_ascii_case(email))
        }

        fn first_user(&self, org: OrganizationId) -> Found<UserId> {
            Ok(find("users", &self.users, org, |_: &User| true)?.map(|(id, _)| UserId(id)))
        }

        fn api_key(&self, org: OrganizationId, id: u64) -> Found<ApiKey> {
            by_id("api_keys", &self.api_keys, org, id)
        }

        fn api_key_of_hash(&self, hash: &KeyHash) -> Found<(OrganizationId, ApiKeyId)> {
            for row in self.api_keys.range::<&SerialKey>(..)? {
                let (key, bytes) = row?;
                if record::decode::<ApiKey>("api_keys", bytes.value())?.hash == *hash {
                    let id = ApiKeyId(key::serial_id(key.value()));
                    return Ok(Some((key::organization_of(key.value()), id)));
                }
            }
            Ok(None)
        }

        fn assistant(&self, org: OrganizationId, id: u64) -> Found<Assistant> {
            by_id("assistants", &self.assistants, org, id)
        }

        fn assistant_of_name(&self, org: OrganizationId, name: &str) -> Found<Assistant> {
            let is_it = |known: &Assistant| known.name == name && !known.is_deleted();
            let found = find("assistants", &self.assistants, org, is_it)?;
            Ok(found.map(|(_, assistant)| assistant))
        }

        fn number(&self, org: OrganizationId, number: &Address) -> Found<PhoneNumber> {
            by_key("phone_numbers", &self.phone_numbers, &key::address(org, number))
        }

        fn has_number_id(&self, org: OrganizationId, id: u64) -> Result<bool, ReadError> {
            let (from, to) = key::starting_with(&key::organization(org));
            for row in self.phone_numbers.range(from.as_slice()..=to.as_slice())? {
                let number: PhoneNumber = record::decode("phone_numbers", row?.1.value())?;
                if number.id.0 == id {
                    return Ok(true);
                }
            }
            Ok(false)
        }

        fn call(&self, org: OrganizationId, id: CallId) -> Found<Call> {
            let stored = self.threads.get(&key::head(org, id))?;
            stored.map(|bytes| record::decode("threads", bytes.value())).transpose()
        }

        fn call_starting_as(&self, org: OrganizationId, line: &CallLine) -> Found<Call> {
            let key = |id| {
                key::customer(org, &line.customer_phone_number, line.assistant_id, line.started_at, CallId(id))
            };
            // Ids stand complemented in the key.
            let (from, to) = (key(u64::MAX), key(0));
            for row in self.calls_by_customer.range(from.as_slice()..=to.as_slice())? {
                let id = key::customer_call(row?.0.value());
                if let Some(call) = self.call(org, id)?.filter(|call| line.starts_as(call)) {
                    return Ok(Some(call));
                }
            }
            Ok(None)
        }

        fn message(&self, org: OrganizationId, call: CallId, index: u32) -> Found<Message<'static>> {
            let key = key::thread(org, call, ThreadPart::Message, u64::from(index));
            let stored = self.threads.get(&key)?;
            let Some(bytes) = stored else { return Ok(None) };
            let message: Message<'_> = record::decode("threads", bytes.value())?;
            Ok(Some(Message {
                id: message.id,
                role: message.role,
                content: Cow::Owned(message.content.into_owned()),
                timestamp: message.timestamp,
                llm_provider: message.llm_provider.map(|name| Cow::Owned(name.into_owned())),
                llm_model: message.llm_model.map(|name| Cow::Owned(name.into_owned())),
            }))
        }

        fn log(&self, org: OrganizationId, id: u64) -> Found<MessageLog> {
            by_id("message_logs", &self.message_logs, org, id)
        }

        fn log_of_carrier(&self, org: OrganizationId, digest: &[u8; 16], at: Timestamp) -> Found<u64> {
            let bucket = inbound::bucket(at);
            for bucket in bucket.saturating_sub(1)..=bucket.saturating_add(1) {
                if let Some(id) = self.dedupe.get(&key::dedupe(org, bucket, digest))? {
                    return Ok(Some(id.value()));
                }
            }
            Ok(None)
        }

        fn log_payload(&self, org: OrganizationId, id: u64) -> Found<RawPayload> {
            by_id("raw_payloads", &self.raw_payloads, org, id)
        }

        fn audit(&self, org: OrganizationId, id: u64) -> Found<(u64, AuditEntry)> {
            let (from, to) = (key::serial(org, 0), key::serial(org, id));
            let Some(row) = self.audit_entries.range::<&SerialKey>(&from..=&to)?.next_back() else {
                return Ok(None);
            };
            let (key, bytes) = row?;
            let (first, entry) = (key::serial_id(key.value()), record::decode("audit_entries", bytes.value())?);
            let entry: AuditEntry = entry;
            Ok((id - first < entry.steps.len().max(1) as u64).then_some((first, entry)))
        }

        fn audit_payload(&self, org: OrganizationId, id: u64) -> Found<RawPayload> {
            by_id("audit_payloads", &self.audit_payloads, org, id)
        }

        fn audits_of(&self, org: OrganizationId, call: CallId) -> Result<Vec<AuditEntry>, ReadError> {
            let key = |number| key::thread(org, call, ThreadPart::Audit, number);
            let mut entries = Vec::new();
            for row in self.threads.range::<&ThreadKey>(&key(0)..=&key(u64::MAX))? {
                let id = key::thread_number(row?.0.value());
                entries.extend(by_id("audit_entries", &self.audit_entries, org, id)?);
            }
            Ok(entries)
        }

        fn opt_out(&self, org: OrganizationId, our_number: &Address, customer: &Address) -> Found<OptOut> {
            by_key("opt_outs", &self.opt_outs, &key::opt_out(org, our_number, customer))
        }

        fn job(&self, org: OrganizationId, uuid: [u8; 16]) -> Found<OutboundJob> {
            let stored = self.outbound_jobs.get(&key::job(org, uuid))?;
            stored.map(|bytes| record::decode("outbound_jobs", bytes.value())).transpose()
        }
    })*};
}

existing!(ReadTables, Tables<'_>);
