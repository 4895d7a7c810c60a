//! Bytes on disk. Each record is one version byte and then the fields.
//!
//! What is read and written is always the newest shape. When a stored `model` type changes, the file's format
//! is raised, and `rebuild::of_today` makes the new shape of the old row while the file is brought up to
//! date; a fixture file proves it.

mod fields;

use super::error::ReadError;
use crate::model::call::{Channel, Conversation, Direction};
use crate::model::ids::{AssistantId, CallId, MessageId};
use crate::model::message::{Message, Role};
use crate::model::time::Timestamp;
pub(super) use fields::Fields;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

pub(super) const VERSION: u8 = 1;

/// Encodes a record into `out`, which is emptied first and may be used again and again.
pub(super) fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) {
    out.clear();
    out.push(VERSION);
    let bytes = std::mem::take(out);
    *out = postcard::to_extend(value, bytes).expect("our types have known lengths, and memory grows");
}

pub(super) fn decode<'a, T: Deserialize<'a>>(table: &'static str, bytes: &'a [u8]) -> Result<T, ReadError> {
    let damaged = |reason: String| ReadError::Damaged { table, reason };
    match bytes.split_first() {
        Some((&VERSION, fields)) => postcard::from_bytes(fields).map_err(|error| damaged(error.to_string())),
        Some((version, _)) => Err(damaged(format!("unknown version {version}"))),
        None => Err(damaged("empty".to_owned())),
    }
}

const ACTIVITY: &str = "activity";
/// version, assistant, count, started, expires, ended
const FIXED: usize = 1 + 8 + 4 + 8 + 8 + 8;
/// Stands for "no end of its own": no time that can be printed.
const NO_END: i64 = i64::MIN;

/// The covering row of the activity index: fixed places, so that a page of the list is read
/// without decoding records.
pub(super) fn encode_activity(row: &Conversation<'_>, out: &mut Vec<u8>) {
    out.clear();
    out.push(VERSION);
    out.extend_from_slice(&row.assistant_id.0.to_le_bytes());
    out.extend_from_slice(&row.message_count.to_le_bytes());
    out.extend_from_slice(&row.started_at.0.to_le_bytes());
    out.extend_from_slice(&row.expires_at.0.to_le_bytes());
    out.extend_from_slice(&row.ended_at.map_or(NO_END, |end| end.0).to_le_bytes());
    // Addresses are at most 16 bytes long.
    out.push(row.customer.len() as u8);
    out.extend_from_slice(row.customer.as_bytes());
    out.extend_from_slice(row.our_number.as_bytes());
}

pub(super) fn decode_activity(
    parts: (Timestamp, CallId),
    bytes: &[u8],
) -> Result<Conversation<'_>, ReadError> {
    let row = decode_activity_numbers(parts, bytes)?;
    let rest = &bytes[FIXED..];
    let addresses = std::str::from_utf8(&rest[1..]).map_err(|_| damaged_activity("not text"))?;
    let (customer, our_number) =
        addresses.split_at_checked(usize::from(rest[0])).ok_or_else(|| damaged_activity("cut short"))?;
    Ok(Conversation { customer, our_number, ..row })
}

/// The customer of a list row.
pub(super) fn activity_customer(bytes: &[u8]) -> Result<&[u8], ReadError> {
    let cut_short = || damaged_activity("cut short");
    let (length, addresses) = bytes.get(FIXED..).and_then(<[u8]>::split_first).ok_or_else(cut_short)?;
    addresses.get(..usize::from(*length)).ok_or_else(cut_short)
}

/// As [`decode_activity`], without the addresses: a filter looks at hundreds of thousands of rows.
pub(super) fn decode_activity_numbers(
    (last_activity, id): (Timestamp, CallId),
    bytes: &[u8],
) -> Result<Conversation<'static>, ReadError> {
    if bytes.first() != Some(&VERSION) || bytes.len() <= FIXED {
        return Err(damaged_activity("unknown version or cut short"));
    }
    let fixed = &bytes[..FIXED];
    let number = |at: usize| {
        let mut raw = [0; 8];
        raw.copy_from_slice(&fixed[at..at + 8]);
        i64::from_le_bytes(raw)
    };
    let mut count = [0; 4];
    count.copy_from_slice(&fixed[9..13]);
    let ended = number(29);
    Ok(Conversation {
        id,
        assistant_id: AssistantId(number(1).cast_unsigned()),
        customer: "",
        our_number: "",
        message_count: u32::from_le_bytes(count),
        started_at: Timestamp(number(13)),
        last_activity,
        expires_at: Timestamp(number(21)),
        ended_at: (ended != NO_END).then_some(Timestamp(ended)),
    })
}

fn damaged_activity(reason: &str) -> ReadError {
    ReadError::Damaged { table: ACTIVITY, reason: reason.to_owned() }
}

const THREADS: &str = "threads";

/// The fields of a record of this version.
pub(super) fn fields<'a>(table: &'static str, bytes: &'a [u8]) -> Result<Fields<'a>, ReadError> {
    match bytes.split_first() {
        Some((&VERSION, fields)) => Ok(Fields(fields)),
        _ => Err(ReadError::Damaged { table, reason: "unknown version or empty".to_owned() }),
    }
}

/// The conversation that a stored `Call` is; `None` when it is a voice call or archived. Nothing is copied, what is
/// not shown is passed over.
pub(super) fn decode_conversation(id: CallId, bytes: &[u8]) -> Result<Option<Conversation<'_>>, ReadError> {
    let mut fields = fields(THREADS, bytes)?;
    let damaged = || ReadError::Damaged { table: THREADS, reason: "no call record".to_owned() };
    let (is_listed, conversation) = call_fields(id, &mut fields).ok_or_else(damaged)?;
    Ok(is_listed.then_some(conversation))
}

fn call_fields<'a>(id: CallId, fields: &mut Fields<'a>) -> Option<(bool, Conversation<'a>)> {
    let channel = *Channel::ALL.get(fields.short_number()? as usize)?;
    let _direction = Direction::ALL.get(fields.short_number()? as usize)?;
    let conversation = Conversation {
        id,
        assistant_id: AssistantId(fields.number()?),
        customer: fields.text()?,
        our_number: fields.text()?,
        message_count: fields.short_number()?,
        started_at: fields.time()?,
        last_activity: fields.time()?,
        expires_at: fields.optional(Fields::time)?.unwrap_or(Timestamp::MAX),
        ended_at: fields.optional(Fields::time)?,
    };
    let _duration_seconds = fields.optional(Fields::number)?;
    let _voice_status = fields.optional(Fields::text)?;
    let _meta = fields.text()?;
    let is_archived = fields.truth()?;
    Some((channel == Channel::Sms && !is_archived, conversation))
}

/// A stored message, in place.
pub(super) fn decode_message(bytes: &[u8]) -> Result<Message<'_>, ReadError> {
    let mut fields = fields(THREADS, bytes)?;
    let damaged = || ReadError::Damaged { table: THREADS, reason: "no message".to_owned() };
    message_fields(&mut fields).ok_or_else(damaged)
}

fn message_fields<'a>(fields: &mut Fields<'a>) -> Option<Message<'a>> {
    Some(Message {
        id: MessageId(fields.number()?),
        role: *Role::ALL.get(fields.short_number()? as usize)?,
        content: Cow::Borrowed(fields.text()?),
        timestamp: fields.time()?,
        llm_provider: fields.optional(Fields::text)?.map(Cow::Borrowed),
        llm_model: fields.optional(Fields::text)?.map(Cow::Borrowed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::address::Address;
    use crate::model::call::{Call, JsonText};
    use proptest::prelude::*;

    fn call() -> Call {
        Call {
            channel: Channel::Sms,
            direction: Direction::Outbound,
            assistant_id: AssistantId(123),
            customer: Address::parse("+15559876543").unwrap(),
            our_number: Address::parse("+15551234567").unwrap(),
            message_count: 1,
            started_at: Timestamp(0),
            last_activity: Timestamp(0),
            expires_at: None,
            ended_at: None,
            duration_seconds: None,
            voice_status: None,
            meta: JsonText::default(),
            archived: false,
        }
    }

    proptest! {
        #[test]
        fn an_activity_row_is_read_back_as_it_was_written(
            assistant in any::<u64>(), message_count in any::<u32>(), times in any::<[i64; 4]>(),
            ended in proptest::option::of(Timestamp::MIN.0..Timestamp::MAX.0), customer in "[+0-9A-Za-z]{0,16}", our_number in "[+0-9]{0,16}"
        ) {
            let row = Conversation {
                id: CallId(7),
                assistant_id: AssistantId(assistant),
                customer: &customer,
                our_number: &our_number,
                message_count,
                started_at: Timestamp(times[0]),
                last_activity: Timestamp(times[1]),
                expires_at: Timestamp(times[2]),
                ended_at: ended.map(Timestamp),
            };
            let mut bytes = Vec::new();
            encode_activity(&row, &mut bytes);
            prop_assert_eq!(activity_customer(&bytes).unwrap(), row.customer.as_bytes());
            prop_assert_eq!(decode_activity((row.last_activity, row.id), &bytes).unwrap(), row);
        }

        #[test]
        fn a_call_record_is_read_as_the_conversation_that_it_is(
            voice in any::<bool>(), archived in any::<bool>(), message_count in any::<u32>(), times in any::<[i64; 2]>(),
            ends in any::<[Option<i64>; 2]>(), duration_seconds in any::<Option<u64>>(),
            voice_status in any::<Option<String>>(), meta in any::<String>()
        ) {
            let call = Call {
                channel: if voice { Channel::Voice } else { Channel::Sms },
                message_count,
                started_at: Timestamp(times[0]),
                last_activity: Timestamp(times[1]),
                expires_at: ends[0].map(Timestamp),
                ended_at: ends[1].map(Timestamp),
                duration_seconds,
                voice_status,
                meta: JsonText(meta),
                archived,
                ..call()
            };
            let mut bytes = Vec::new();
            encode(&call, &mut bytes);
            let wanted = call.is_conversation().then(|| call.conversation(CallId(7)));
            prop_assert_eq!(decode_conversation(CallId(7), &bytes).unwrap(), wanted);
        }

        #[test]
        fn a_damaged_call_record_is_refused_in_place_where_it_is_refused_as_a_whole(
            message_count in any::<u32>(), times in any::<[i64; 2]>(), ends in any::<[Option<i64>; 2]>(),
            voice_status in proptest::option::of(".{0,9}"), place in any::<proptest::sample::Index>(), changed in any::<u8>()
        ) {
            let call = Call {
                message_count,
                started_at: Timestamp(times[0]),
                last_activity: Timestamp(times[1]),
                expires_at: ends[0].map(Timestamp),
                ended_at: ends[1].map(Timestamp),
                voice_status,
                ..call()
            };
            let mut bytes = Vec::new();
            encode(&call, &mut bytes);
            let place = place.index(bytes.len());
            bytes[place] = changed;
            let in_place = decode_conversation(CallId(7), &bytes);
            match decode::<Call>(THREADS, &bytes) {
                Err(_) => prop_assert!(in_place.is_err()),
                Ok(call) => {
                    let wanted = call.is_conversation().then(|| call.conversation(CallId(7)));
                    prop_assert!(in_place.is_err() || in_place.as_ref().ok() == Some(&wanted));
                }
            }
        }

        #[test]
        fn a_message_is_read_in_place_as_it_was_written(
            id in any::<u64>(), role in 0..3usize, content in any::<String>(), timestamp in any::<i64>(),
            llm in any::<[Option<String>; 2]>()
        ) {
            let message = Message {
                id: MessageId(id),
                role: Role::ALL[role],
                content: Cow::Owned(content),
                timestamp: Timestamp(timestamp),
                llm_provider: llm[0].clone().map(Cow::Owned),
                llm_model: llm[1].clone().map(Cow::Owned),
            };
            let mut bytes = Vec::new();
            encode(&message, &mut bytes);
            prop_assert_eq!(decode_message(&bytes).unwrap(), message);
        }

        #[test]
        fn what_is_read_in_place_is_refused_where_it_is_cut_short(id in any::<u64>(), content in ".{0,20}", cut in 1usize..40) {
            let message = Message {
                id: MessageId(id),
                role: Role::User,
                content: Cow::Borrowed(&content),
                timestamp: Timestamp(1_777_543_500_000_001),
                llm_provider: None,
                llm_model: Some(Cow::Borrowed("model")),
            };
            let mut bytes = Vec::new();
            encode(&message, &mut bytes);
            let cut = bytes.len().saturating_sub(cut);
            prop_assert!(decode_message(&bytes[..cut]).is_err());
            prop_assert!(decode::<Message<'_>>("threads", &bytes[..cut]).is_err());
        }

        #[test]
        fn damaged_bytes_are_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode_activity((Timestamp(0), CallId(1)), &bytes);
            let _ = decode::<Call>("threads", &bytes);
            let _ = decode_conversation(CallId(1), &bytes);
            let _ = decode_message(&bytes);
        }
    }

    #[test]
    fn a_channel_or_direction_that_there_is_not_is_refused() {
        let mut bytes = Vec::new();
        encode(&call(), &mut bytes);
        assert!(decode_conversation(CallId(1), &bytes).is_ok());
        for (place, unknown) in [(1, 2), (1, 0x7f), (2, 2), (2, 0x7f)] {
            let mut bytes = bytes.clone();
            bytes[place] = unknown;
            assert!(decode::<Call>(THREADS, &bytes).is_err(), "{place}: {unknown}");
            assert!(decode_conversation(CallId(1), &bytes).is_err(), "{place}: {unknown}");
        }
    }

    #[test]
    fn an_assistants_state_is_stored_as_the_truth_value_that_stood_there_at_first() {
        use crate::model::assistant::AssistantState;
        for (active, state) in [(false, AssistantState::Inactive), (true, AssistantState::Active)] {
            let mut bytes = Vec::new();
            encode(&(active, 7u8), &mut bytes);
            assert_eq!(decode::<(AssistantState, u8)>("assistants", &bytes).unwrap(), (state, 7));
        }
    }

    #[test]
    fn a_record_of_an_unknown_version_is_refused() {
        let mut bytes = Vec::new();
        encode(&"text", &mut bytes);
        assert_eq!(decode::<&str>("meta", &bytes).unwrap(), "text");
        bytes[0] = 200;
        assert!(decode::<&str>("meta", &bytes).is_err());
        assert!(decode::<&str>("meta", &[]).is_err());
    }
}
