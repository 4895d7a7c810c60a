//! Order-preserving keys: fixed-width big-endian numbers, organization first. Descending parts are
//! complemented. Addresses end in a zero byte, which none contains, so a prefix is a prefix.

use crate::model::account::Used;
use crate::model::address::Address;
use crate::model::ids::{AssistantId, CallId, MessageLogId, OrganizationId, UserId};
use crate::model::outbound::OutboundJob;
use crate::model::session::SessionKey;
use crate::model::time::Timestamp;
use sha2::{Digest, Sha256};
use std::ops::RangeInclusive;

/// What a row of the `threads` table is. The order is the order within a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum ThreadPart {
    /// The call record itself; number 0.
    Head = 0,
    /// A message; number = its index. Right after the head: both are read in one scan.
    Message = 1,
    /// A link to a message log; number = its id.
    Log = 2,
    /// A link to an audit entry; number = its id.
    Audit = 3,
    /// A link to outbound jobs; number = the first half of their UUIDs, which are the value.
    Job = 4,
}

pub(super) type ThreadKey = [u8; 21];
pub(super) type ActivityKey = [u8; 20];
/// Organization and an id that counts up: rows are appended.
pub(super) type SerialKey = [u8; 12];
pub(super) type DedupeKey = [u8; 22];
pub(super) type CountKey = [u8; 13];
/// Organization and a UUID, or a digest.
pub(super) type JobKey = [u8; 20];
pub(super) type ForwardKey = [u8; 20];

fn concat<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut key = [0; N];
    let mut at = 0;
    for part in parts {
        key[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    debug_assert_eq!(at, N, "the parts fill the key");
    key
}

/// Signed numbers in the order of unsigned ones.
fn ordered(time: Timestamp) -> u64 {
    time.0.cast_unsigned() ^ (1 << 63)
}

fn unordered(number: u64) -> Timestamp {
    Timestamp((number ^ (1 << 63)).cast_signed())
}

pub(super) fn organization(id: OrganizationId) -> [u8; 4] {
    id.0.to_be_bytes()
}

/// The organization that any key starts with.
pub(super) fn organization_of(key: &[u8]) -> OrganizationId {
    OrganizationId(key.first_chunk().map_or(0, |id| u32::from_be_bytes(*id)))
}

pub(super) fn serial(organization: OrganizationId, id: u64) -> SerialKey {
    concat(&[&organization.0.to_be_bytes(), &id.to_be_bytes()])
}

pub(super) fn serial_range(organization: OrganizationId) -> RangeInclusive<SerialKey> {
    serial(organization, 0)..=serial(organization, u64::MAX)
}

pub(super) fn serial_id(key: &SerialKey) -> u64 {
    last_u64(key)
}

pub(super) fn thread(organization: OrganizationId, call: CallId, part: ThreadPart, number: u64) -> ThreadKey {
    concat(&[&organization.0.to_be_bytes(), &call.0.to_be_bytes(), &[part as u8], &number.to_be_bytes()])
}

pub(super) fn head(organization: OrganizationId, call: CallId) -> ThreadKey {
    thread(organization, call, ThreadPart::Head, 0)
}

/// What the row is; none when it is of no kind that there is.
pub(super) fn thread_part(key: &ThreadKey) -> Option<ThreadPart> {
    use ThreadPart::{Audit, Head, Job, Log, Message};
    [Head, Message, Log, Audit, Job].into_iter().find(|part| *part as u8 == key[12])
}

pub(super) fn call_of(key: &ThreadKey) -> CallId {
    CallId(last_u64(&key[..12]))
}

pub(super) fn thread_number(key: &ThreadKey) -> u64 {
    last_u64(key)
}

/// A conversation's messages that are to be forwarded, in the order of their logs.
pub(super) fn forward(organization: OrganizationId, call: CallId, log: MessageLogId) -> ForwardKey {
    concat(&[&organization.0.to_be_bytes(), &call.0.to_be_bytes(), &log.0.to_be_bytes()])
}

pub(super) fn forward_parts(key: &ForwardKey) -> (OrganizationId, CallId, MessageLogId) {
    (organization_of(key), CallId(last_u64(&key[..12])), MessageLogId(last_u64(key)))
}

/// What a user has read lies together.
pub(super) fn read_mark(organization: OrganizationId, user: UserId, call: CallId) -> ForwardKey {
    concat(&[&organization.0.to_be_bytes(), &user.0.to_be_bytes(), &call.0.to_be_bytes()])
}

pub(super) fn read_mark_parts(key: &ForwardKey) -> (OrganizationId, UserId, CallId) {
    (organization_of(key), UserId(last_u64(&key[..12])), CallId(last_u64(key)))
}

/// Newest activity first, then the greater id.
pub(super) fn activity(organization: OrganizationId, last_activity: Timestamp, call: CallId) -> ActivityKey {
    concat(&[
        &organization.0.to_be_bytes(),
        &(!ordered(last_activity)).to_be_bytes(),
        &(!call.0).to_be_bytes(),
    ])
}

pub(super) fn activity_range(organization: OrganizationId) -> RangeInclusive<ActivityKey> {
    let org = organization.0.to_be_bytes();
    concat(&[&org, &[0; 16]])..=concat(&[&org, &[0xff; 16]])
}

pub(super) fn activity_parts(key: &ActivityKey) -> (Timestamp, CallId) {
    (unordered(!last_u64(&key[4..12])), CallId(!last_u64(key)))
}

fn last_u64(key: &[u8]) -> u64 {
    key.last_chunk().map_or(0, |number| u64::from_be_bytes(*number))
}

pub(super) fn address(organization: OrganizationId, address: &Address) -> Vec<u8> {
    let mut key = organization.0.to_be_bytes().to_vec();
    push_address(&mut key, address);
    key
}

/// The address that a key of [`address`] was made of.
pub(super) fn address_of(key: &[u8]) -> Option<Address> {
    addresses_of(key).next()?
}

/// Our number and the customer's, of a key of [`opt_out`].
pub(super) fn opt_out_parts(key: &[u8]) -> Option<(Address, Address)> {
    let mut addresses = addresses_of(key);
    Some((addresses.next()??, addresses.next()??))
}

fn addresses_of(key: &[u8]) -> impl Iterator<Item = Option<Address>> {
    let texts = key.get(4..).unwrap_or_default().split(|byte| *byte == 0);
    texts.map(|text| Address::parse(std::str::from_utf8(text).ok()?).ok())
}

fn push_address(key: &mut Vec<u8>, address: &Address) {
    key.extend_from_slice(address.as_str().as_bytes());
    key.push(0);
}

/// What the keys of a customer's sessions, or call records, with one assistant start with.
pub(super) fn customer_and_assistant(
    organization: OrganizationId,
    customer: &Address,
    assistant: AssistantId,
) -> Vec<u8> {
    let mut key = address(organization, customer);
    key.extend_from_slice(&assistant.0.to_be_bytes());
    key
}

pub(super) fn session(organization: OrganizationId, session: &SessionKey) -> Vec<u8> {
    let mut key = customer_and_assistant(organization, &session.customer, session.assistant_id);
    push_address(&mut key, &session.our_number);
    key
}

/// A customer's call records with one assistant, newest start first, then the greater id.
pub(super) fn customer(
    organization: OrganizationId,
    customer: &Address,
    assistant: AssistantId,
    started_at: Timestamp,
    call: CallId,
) -> Vec<u8> {
    let mut key = customer_and_assistant(organization, customer, assistant);
    key.extend_from_slice(&(!ordered(started_at)).to_be_bytes());
    key.extend_from_slice(&(!call.0).to_be_bytes());
    key
}

pub(super) fn customer_call(key: &[u8]) -> CallId {
    CallId(!last_u64(key))
}

/// What a key of [`customer`] was made of, after the organization. `None`: it is damaged.
pub(super) fn customer_parts(key: &[u8]) -> Option<(&str, AssistantId, Timestamp, CallId)> {
    let (address, numbers) = key.get(4..)?.split_last_chunk::<24>()?;
    let customer = std::str::from_utf8(address.strip_suffix(&[0])?).ok()?;
    let started_at = unordered(!last_u64(&numbers[8..16]));
    Some((customer, AssistantId(last_u64(&numbers[..8])), started_at, CallId(!last_u64(numbers))))
}

/// The keys that start with `prefix`.
pub(super) fn starting_with(prefix: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut end = prefix.to_vec();
    // Nothing that follows a prefix here is longer than 64 bytes.
    end.extend_from_slice(&[0xff; 64]);
    (prefix.to_vec(), end)
}

/// The first and the last key of so many bytes of one organization, or of every one.
pub(super) fn range_of<const N: usize>(of: Option<OrganizationId>) -> ([u8; N], [u8; N]) {
    let (mut first, mut last) = ([0; N], [0xff; N]);
    if let Some(of) = of {
        first[..4].copy_from_slice(&organization(of));
        last[..4].copy_from_slice(&organization(of));
    }
    (first, last)
}

pub(super) fn dedupe(organization: OrganizationId, bucket: u16, digest: &[u8; 16]) -> DedupeKey {
    concat(&[&organization.0.to_be_bytes(), &bucket.to_be_bytes(), digest])
}

/// The two weeks of a key of [`dedupe`].
pub(super) fn dedupe_bucket(key: &[u8]) -> Option<u16> {
    key.get(4..)?.first_chunk().map(|bucket| u16::from_be_bytes(*bucket))
}

pub(super) fn count(organization: OrganizationId, kind: u8, block: u64) -> CountKey {
    concat(&[&organization.0.to_be_bytes(), &[kind], &block.to_be_bytes()])
}

/// Kind and block, or what else is counted, of a key of [`count`].
pub(super) fn count_parts(key: &CountKey) -> (u8, u64) {
    (key[4], last_u64(key))
}

pub(super) fn usage(organization: OrganizationId, used: Used) -> CountKey {
    match used {
        Used::ApiKey(id) => count(organization, 1, id.0),
        Used::DashboardSession(number) => count(organization, 2, number),
        Used::User(id) => count(organization, 3, id.0),
    }
}

pub(super) fn job(organization: OrganizationId, uuid: [u8; 16]) -> JobKey {
    concat(&[&organization.0.to_be_bytes(), &uuid])
}

/// Where a job waits: in the lane of our number, by the time when something is due, then by its log.
pub(super) fn outbox(
    organization: OrganizationId,
    our_number: &str,
    due: Timestamp,
    log: MessageLogId,
    uuid: [u8; 16],
) -> Vec<u8> {
    let mut key = lane(organization, our_number);
    key.extend_from_slice(&ordered(due).to_be_bytes());
    key.extend_from_slice(&log.0.to_be_bytes());
    key.extend_from_slice(&uuid);
    key
}

/// Where this job waits; none: nothing is to be done about it.
pub(super) fn outbox_of(organization: OrganizationId, uuid: [u8; 16], job: &OutboundJob) -> Option<Vec<u8>> {
    let due = job.due()?;
    Some(outbox(organization, &job.from, due, job.log_id.unwrap_or(MessageLogId(0)), uuid))
}

/// What the keys of a number's jobs in the outbox start with.
pub(super) fn lane(organization: OrganizationId, our_number: &str) -> Vec<u8> {
    let mut key = organization.0.to_be_bytes().to_vec();
    key.extend_from_slice(our_number.as_bytes());
    key.push(0);
    key
}

/// Our number, when something is due and the UUID, of a key of [`outbox`]. `None`: it is damaged.
pub(super) fn outbox_parts(key: &[u8]) -> Option<(&str, Timestamp, [u8; 16])> {
    let (number, rest) = key.get(4..)?.split_last_chunk::<32>()?;
    let number = std::str::from_utf8(number.strip_suffix(&[0])?).ok()?;
    let uuid = *rest.last_chunk()?;
    Some((number, unordered(last_u64(&rest[..8])), uuid))
}

/// By a digest: it may be long.
pub(super) fn job_key(organization: OrganizationId, idempotency_key: &str) -> JobKey {
    job(organization, digest_of(&[idempotency_key.as_bytes()]))
}

/// The first half of the SHA-256 of some parts, told apart by zero bytes.
pub(super) fn digest_of(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for (at, part) in parts.iter().enumerate() {
        hasher.update(&b"\0"[..usize::from(at > 0)]);
        hasher.update(part);
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hasher.finalize()[..16]);
    digest
}

pub(super) fn job_uuid(key: &JobKey) -> [u8; 16] {
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&key[4..]);
    uuid
}

/// The number of the thread's row that links to a job.
pub(super) fn job_link(uuid: [u8; 16]) -> u64 {
    uuid[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Our number, then the customer's.
pub(super) fn opt_out(organization: OrganizationId, our_number: &Address, customer: &Address) -> Vec<u8> {
    let mut key = address(organization, our_number);
    push_address(&mut key, customer);
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn times()(micros in Timestamp::MIN.0..=Timestamp::MAX.0) -> Timestamp { Timestamp(micros) }
    }

    proptest! {
        #[test]
        fn activity_keys_put_the_newest_first_then_the_greater_id(
            a in (any::<u32>(), times(), any::<u64>()), b in (any::<u32>(), times(), any::<u64>())
        ) {
            let key = |x: (u32, Timestamp, u64)| activity(OrganizationId(x.0), x.1, CallId(x.2));
            let wanted = a.0.cmp(&b.0).then(b.1.cmp(&a.1)).then(b.2.cmp(&a.2));
            prop_assert_eq!(key(a).cmp(&key(b)), wanted);
            prop_assert_eq!(activity_parts(&key(a)), (a.1, CallId(a.2)));
        }

        #[test]
        fn threads_lie_together_head_first_messages_in_order(
            a in (any::<u32>(), any::<u64>(), 0u8..5, any::<u64>()), b in (any::<u32>(), any::<u64>(), 0u8..5, any::<u64>())
        ) {
            use ThreadPart::{Audit, Head, Job, Log, Message};
            let parts = [Head, Message, Log, Audit, Job];
            let key = |x: (u32, u64, u8, u64)| thread(OrganizationId(x.0), CallId(x.1), parts[usize::from(x.2)], x.3);
            prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
            prop_assert_eq!(thread_number(&key(a)), a.3);
            prop_assert_eq!(thread_part(&key(a)), Some(parts[usize::from(a.2)]));
        }

        #[test]
        fn a_tenants_keys_never_mix_with_anothers(a in any::<u32>(), b in any::<u32>(), time in times(), id in any::<u64>()) {
            prop_assume!(a != b);
            prop_assert!(!activity_range(OrganizationId(a)).contains(&activity(OrganizationId(b), time, CallId(id))));
            prop_assert!(!serial_range(OrganizationId(a)).contains(&serial(OrganizationId(b), id)));
            prop_assert!(activity_range(OrganizationId(a)).contains(&activity(OrganizationId(a), time, CallId(id))));
        }

        #[test]
        fn one_customers_keys_never_mix_with_those_of_a_longer_number(
            short in "\\+[1-9][0-9]{6,9}", more in "[0-9]{1,4}", assistant in any::<u64>(), time in times(), id in any::<u64>()
        ) {
            let (org, assistant) = (OrganizationId(1), AssistantId(assistant));
            let longer = Address::parse(&format!("{short}{more}")).unwrap();
            let short = Address::parse(&short).unwrap();
            let (from, to) = starting_with(&address(org, &short));
            let inside = |key: &Vec<u8>| *key >= from && *key <= to;
            prop_assert!(inside(&customer(org, &short, assistant, time, CallId(id))));
            prop_assert!(!inside(&customer(org, &longer, assistant, time, CallId(id))));
            prop_assert_eq!(customer_call(&customer(org, &short, assistant, time, CallId(id))), CallId(id));
        }

        #[test]
        fn a_customers_records_come_newest_start_first(
            a in (any::<u64>(), times(), any::<u64>()), b in (any::<u64>(), times(), any::<u64>())
        ) {
            let who = Address::parse("+15559876543").unwrap();
            let key = |x: (u64, Timestamp, u64)| customer(OrganizationId(1), &who, AssistantId(x.0), x.1, CallId(x.2));
            let wanted = a.0.cmp(&b.0).then(b.1.cmp(&a.1)).then(b.2.cmp(&a.2));
            prop_assert_eq!(key(a).cmp(&key(b)), wanted);
            let parts = Some((who.as_str(), AssistantId(a.0), a.1, CallId(a.2)));
            let key = key(a);
            prop_assert_eq!(customer_parts(&key), parts);
        }
    }
}
