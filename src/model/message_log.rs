//! Message logs: one carrier-level SMS, in or out, as the carrier named and reported it.

use super::address::AddressQuery;
use super::call::Direction;
use super::ids::{AssistantId, CallId};
use super::search::{Scratch, Search};
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    Twilio,
    Telnyx,
    Vonage,
    Sandbox,
}

impl Provider {
    pub const ALL: [Provider; 4] = [Provider::Twilio, Provider::Telnyx, Provider::Vonage, Provider::Sandbox];
    /// Those that have accounts and settings.
    pub const REAL: [Provider; 3] = [Provider::Twilio, Provider::Telnyx, Provider::Vonage];

    /// By the number that stands for it in keys.
    pub fn numbered(number: u64) -> Option<Provider> {
        Provider::ALL.into_iter().find(|provider| *provider as u64 == number)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Provider::Twilio => "twilio",
            Provider::Telnyx => "telnyx",
            Provider::Vonage => "vonage",
            Provider::Sandbox => "sandbox",
        }
    }
}

/// The unified delivery status. `received` is the one status of inbound messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryStatus {
    Received,
    Queued,
    Sending,
    Sent,
    Delivered,
    Undelivered,
    Failed,
}

impl DeliveryStatus {
    pub const ALL: [DeliveryStatus; 7] = [
        DeliveryStatus::Received,
        DeliveryStatus::Queued,
        DeliveryStatus::Sending,
        DeliveryStatus::Sent,
        DeliveryStatus::Delivered,
        DeliveryStatus::Undelivered,
        DeliveryStatus::Failed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryStatus::Received => "received",
            DeliveryStatus::Queued => "queued",
            DeliveryStatus::Sending => "sending",
            DeliveryStatus::Sent => "sent",
            DeliveryStatus::Delivered => "delivered",
            DeliveryStatus::Undelivered => "undelivered",
            DeliveryStatus::Failed => "failed",
        }
    }

    /// How far a message of ours has come. Those of the last rank are final.
    pub fn rank(self) -> u8 {
        match self {
            DeliveryStatus::Received => 0,
            DeliveryStatus::Queued => 1,
            DeliveryStatus::Sending => 2,
            DeliveryStatus::Sent => 3,
            DeliveryStatus::Delivered | DeliveryStatus::Undelivered | DeliveryStatus::Failed => 4,
        }
    }

    /// Whether a receipt moves a message on: carriers send receipts twice and out of order, so only forward, and what
    /// is final stays. A customer's message is received and nothing else.
    pub fn decide(current: DeliveryStatus, next: DeliveryStatus) -> bool {
        current != DeliveryStatus::Received && next.rank() > current.rank()
    }

    /// Whether no receipt changes it any more.
    pub fn is_final(self) -> bool {
        self.rank() == DeliveryStatus::Delivered.rank()
    }

    /// Whether the message did not arrive and will not.
    pub fn is_failure(self) -> bool {
        matches!(self, DeliveryStatus::Undelivered | DeliveryStatus::Failed)
    }
}

/// A message log without its id, which is its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageLog {
    /// The conversation it belongs to; none when our number was nobody's.
    pub call_id: Option<CallId>,
    pub assistant_id: Option<AssistantId>,
    pub provider: Provider,
    /// The carrier's own id of the message; with the provider it is what duplicates are told by.
    pub provider_message_id: String,
    pub direction: Direction,
    pub from: String,
    pub to: String,
    pub body: String,
    pub media_urls: Vec<String>,
    pub segment_count: u32,
    pub status: DeliveryStatus,
    /// The status in the carrier's own word.
    pub provider_status: String,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A [`MessageLog`] as it is shown, in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogView<'a> {
    pub assistant_id: Option<AssistantId>,
    pub provider: Provider,
    pub provider_message_id: &'a str,
    pub direction: Direction,
    pub from: &'a str,
    pub to: &'a str,
    pub body: &'a str,
    pub media_urls: Vec<&'a str>,
    pub segment_count: u32,
    pub status: DeliveryStatus,
    pub provider_status: &'a str,
    pub error_code: Option<&'a str>,
    pub error_message: Option<&'a str>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl MessageLog {
    pub fn view(&self) -> LogView<'_> {
        LogView {
            assistant_id: self.assistant_id,
            provider: self.provider,
            provider_message_id: &self.provider_message_id,
            direction: self.direction,
            from: &self.from,
            to: &self.to,
            body: &self.body,
            media_urls: self.media_urls.iter().map(String::as_str).collect(),
            segment_count: self.segment_count,
            status: self.status,
            provider_status: &self.provider_status,
            error_code: self.error_code.as_deref(),
            error_message: self.error_message.as_deref(),
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// A stored [`MessageLog`] as filters see it: nothing is copied, and texts are bytes, which nobody needs to verify
/// of rows that are not shown.
#[derive(Clone, Copy, Debug)]
pub struct LogRow<'a> {
    pub call_id: Option<CallId>,
    pub assistant_id: Option<AssistantId>,
    pub provider: Provider,
    pub direction: Direction,
    pub from: &'a [u8],
    pub to: &'a [u8],
    pub body: &'a [u8],
    pub status: DeliveryStatus,
    pub created_at: Timestamp,
}

impl LogRow<'_> {
    pub fn kind(&self) -> LogKind {
        LogKind { direction: self.direction, status: self.status, provider: self.provider }
    }
}

/// What logs are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogKind {
    pub direction: Direction,
    pub status: DeliveryStatus,
    pub provider: Provider,
}

impl LogKind {
    /// Every kind that there may be.
    pub fn all() -> impl Iterator<Item = LogKind> {
        let both = Direction::ALL
            .into_iter()
            .flat_map(|direction| DeliveryStatus::ALL.map(|status| (direction, status)));
        both.flat_map(|(direction, status)| {
            Provider::ALL.map(|provider| LogKind { direction, status, provider })
        })
    }

    /// What stands for it where kinds are counted by the dozen; one byte has room for what may come.
    pub fn number(self) -> u8 {
        (self.direction as u8) << 6 | (self.status as u8) << 3 | self.provider as u8
    }

    pub fn numbered(number: u8) -> Option<LogKind> {
        let part = |shift: u8, bits: u8| usize::from(number >> shift & bits);
        Some(LogKind {
            direction: *Direction::ALL.get(part(6, 3))?,
            status: *DeliveryStatus::ALL.get(part(3, 7))?,
            provider: *Provider::ALL.get(part(0, 7))?,
        })
    }
}

/// How many logs there are of each kind.
#[derive(Clone, Debug, Default)]
pub struct LogCounts(BTreeMap<LogKind, u64>);

impl LogCounts {
    pub fn add(&mut self, kind: LogKind, count: u64) {
        if count > 0 {
            *self.0.entry(kind).or_default() += count;
        }
    }

    /// Takes away what was added before.
    pub fn remove(&mut self, kind: LogKind, count: u64) {
        if let Some(left) = self.0.get_mut(&kind) {
            *left = left.saturating_sub(count);
        }
        self.0.retain(|_, count| *count > 0);
    }

    pub fn merge(&mut self, others: &LogCounts) {
        others.0.iter().for_each(|(kind, count)| self.add(*kind, *count));
    }

    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// How many there are of each part of a kind.
    pub fn by<K: Ord>(&self, part: impl Fn(LogKind) -> K) -> BTreeMap<K, u64> {
        let mut counts = BTreeMap::new();
        for (kind, count) in &self.0 {
            *counts.entry(part(*kind)).or_default() += count;
        }
        counts
    }
}

/// The filters of the message logs, combined with AND.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    pub provider: Option<Provider>,
    pub direction: Option<Direction>,
    pub status: Option<DeliveryStatus>,
    pub from: Option<AddressQuery>,
    pub to: Option<AddressQuery>,
    pub assistant_id: Option<AssistantId>,
    /// Bounds on `created_at`, both inclusive.
    pub created_from: Option<Timestamp>,
    pub created_to: Option<Timestamp>,
    /// In the body.
    pub search: Option<Search>,
}

impl LogFilter {
    /// Whether the kind alone tells which logs match.
    pub fn is_of_kinds(&self) -> bool {
        let others = LogFilter { provider: None, direction: None, status: None, ..self.clone() };
        others == LogFilter::default()
    }

    /// Whether counts by kind, assistant and time do not tell which logs match, but only each log itself.
    pub fn is_of_texts(&self) -> bool {
        self.from.is_some() || self.to.is_some() || self.search.is_some()
    }

    pub fn matches_kind(&self, kind: LogKind) -> bool {
        self.provider.is_none_or(|provider| kind.provider == provider)
            && self.direction.is_none_or(|direction| kind.direction == direction)
            && self.status.is_none_or(|status| kind.status == status)
    }

    /// What is cheap to ask comes first. `scratch` may be used again and again.
    pub fn matches(&self, log: &LogRow<'_>, scratch: &mut Scratch) -> bool {
        self.matches_kind(log.kind())
            && self.assistant_id.is_none_or(|id| log.assistant_id == Some(id))
            && self.created_from.is_none_or(|from| log.created_at >= from)
            && self.created_to.is_none_or(|to| log.created_at <= to)
            && self.from.as_ref().is_none_or(|query| query.matches(log.from))
            && self.to.as_ref().is_none_or(|query| query.matches(log.to))
            && self.search.as_ref().is_none_or(|search| search.is_in(log.body, scratch))
    }
}

/// What a carrier really sent, byte for byte, apart from the log: it is large and may go earlier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPayload {
    pub received_at: Timestamp,
    pub method: String,
    /// Path and query as they reached us.
    pub path_and_query: String,
    pub content_type: String,
    #[serde(with = "run_of_bytes")]
    pub body: Vec<u8>,
}

/// A `Vec<u8>` as one run of bytes instead of a sequence of numbers; in JSON as base64.
mod run_of_bytes {
    use crate::model::wire;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.serialize_str(&STANDARD.encode(bytes)),
            false => serializer.serialize_bytes(bytes),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        match deserializer.is_human_readable() {
            true => {
                wire::read(deserializer, |text| STANDARD.decode(text).map_err(|_| "no base64".to_owned()))
            }
            false => <&[u8]>::deserialize(deserializer).map(<[u8]>::to_vec),
        }
    }
}

#[cfg(test)]
pub(crate) use tests::any_log;

#[cfg(test)]
mod tests {
    use super::DeliveryStatus::{self, *};
    use super::{Direction, LogKind, MessageLog, Provider};
    use crate::model::ids::{AssistantId, CallId};
    use crate::model::time::Timestamp;
    use proptest::prelude::*;

    prop_compose! {
        /// Any log there may be.
        pub(crate) fn any_log()(
            ids in any::<[Option<u64>; 2]>(), kind in (0usize..4, 0usize..2, 0usize..7), texts in any::<[String; 5]>(),
            errors in any::<[Option<String>; 2]>(), media_urls in any::<Vec<String>>(), segment_count in any::<u32>(), times in any::<[i64; 2]>()
        ) -> MessageLog {
            let [provider_message_id, from, to, body, provider_status] = texts;
            let [error_code, error_message] = errors;
            MessageLog {
                call_id: ids[0].map(CallId),
                assistant_id: ids[1].map(AssistantId),
                provider: Provider::ALL[kind.0],
                provider_message_id,
                direction: Direction::ALL[kind.1],
                from,
                to,
                body,
                media_urls,
                segment_count,
                status: DeliveryStatus::ALL[kind.2],
                provider_status,
                error_code,
                error_message,
                created_at: Timestamp(times[0]),
                updated_at: Timestamp(times[1]),
            }
        }
    }

    #[test]
    fn a_status_only_moves_forward_and_a_final_one_stays() {
        let rows: [(DeliveryStatus, &[DeliveryStatus]); 7] = [
            (Received, &[]),
            (Queued, &[Sending, Sent, Delivered, Undelivered, Failed]),
            (Sending, &[Sent, Delivered, Undelivered, Failed]),
            (Sent, &[Delivered, Undelivered, Failed]),
            (Delivered, &[]),
            (Undelivered, &[]),
            (Failed, &[]),
        ];
        for (current, onward) in rows {
            for next in DeliveryStatus::ALL {
                let decided = DeliveryStatus::decide(current, next);
                assert_eq!(decided, onward.contains(&next), "{current:?} -> {next:?}");
            }
        }
    }

    #[test]
    fn a_kind_is_known_by_its_number() {
        let numbers: Vec<u8> = LogKind::all().map(LogKind::number).collect();
        assert!(numbers.is_sorted() && numbers.iter().all(|number| *number < 128), "{numbers:?}");
        for number in 0..=u8::MAX {
            let known = LogKind::all().find(|kind| kind.number() == number);
            assert_eq!(LogKind::numbered(number), known, "{number}");
        }
    }

    #[test]
    fn a_status_is_written_as_it_is_stored() {
        for status in DeliveryStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }
}
