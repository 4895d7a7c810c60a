//! A stored message log read as far as filters need it, by hand: a search reads hundreds of thousands of rows, and
//! most of what stands in them is passed over. A test holds it against the whole record.

use super::error::ReadError;
use super::record::{self, Fields};
use crate::model::call::Direction;
use crate::model::ids::{AssistantId, CallId};
use crate::model::message_log::{DeliveryStatus, LogKind, LogRow, LogView, Provider};
use crate::model::time::Timestamp;

const TABLE: &str = "message_logs";

pub(super) fn read(bytes: &[u8]) -> Result<LogRow<'_>, ReadError> {
    log(record::fields(TABLE, bytes)?).ok_or_else(damaged)
}

/// What it is counted by, and nothing of the rest.
pub(super) fn kind(bytes: &[u8]) -> Result<LogKind, ReadError> {
    let row = beginning(&mut record::fields(TABLE, bytes)?).ok_or_else(damaged)?;
    Ok(row.kind())
}

/// All of it, as it is shown.
pub(super) fn view(bytes: &[u8]) -> Result<LogView<'_>, ReadError> {
    whole(record::fields(TABLE, bytes)?).ok_or_else(damaged)
}

fn damaged() -> ReadError {
    ReadError::Damaged { table: TABLE, reason: "no message log".to_owned() }
}

/// The fields of `MessageLog` in their order, as far as the status; when it was created stands further on.
fn beginning<'a>(fields: &mut Fields<'a>) -> Option<LogRow<'a>> {
    let call_id = fields.optional(Fields::number)?.map(CallId);
    let assistant_id = fields.optional(Fields::number)?.map(AssistantId);
    let provider = *Provider::ALL.get(fields.number()? as usize)?;
    fields.bytes()?;
    let direction = *Direction::ALL.get(fields.number()? as usize)?;
    let (from, to, body) = (fields.bytes()?, fields.bytes()?, fields.bytes()?);
    for _ in 0..fields.number()? {
        fields.bytes()?;
    }
    fields.number()?;
    let status = *DeliveryStatus::ALL.get(fields.number()? as usize)?;
    let created_at = Timestamp::MIN;
    Some(LogRow { call_id, assistant_id, provider, direction, from, to, body, status, created_at })
}

fn log(mut fields: Fields<'_>) -> Option<LogRow<'_>> {
    let row = beginning(&mut fields)?;
    fields.bytes()?;
    fields.optional(Fields::bytes)?;
    fields.optional(Fields::bytes)?;
    Some(LogRow { created_at: fields.time()?, ..row })
}

fn whole(mut fields: Fields<'_>) -> Option<LogView<'_>> {
    let _call_id = fields.optional(Fields::number)?;
    Some(LogView {
        assistant_id: fields.optional(Fields::number)?.map(AssistantId),
        provider: *Provider::ALL.get(fields.number()? as usize)?,
        provider_message_id: fields.text()?,
        direction: *Direction::ALL.get(fields.number()? as usize)?,
        from: fields.text()?,
        to: fields.text()?,
        body: fields.text()?,
        media_urls: (0..fields.number()?).map(|_| fields.text()).collect::<Option<_>>()?,
        segment_count: fields.short_number()?,
        status: *DeliveryStatus::ALL.get(fields.number()? as usize)?,
        provider_status: fields.text()?,
        error_code: fields.optional(Fields::text)?,
        error_message: fields.optional(Fields::text)?,
        created_at: fields.time()?,
        updated_at: fields.time()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::message_log::any_log;
    use crate::store::record::VERSION;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_row_is_read_as_the_log_that_it_is(log in any_log()) {
            let mut bytes = Vec::new();
            record::encode(&log, &mut bytes);
            let row = read(&bytes).unwrap();
            prop_assert_eq!((row.direction, row.status, row.provider), (log.direction, log.status, log.provider));
            prop_assert_eq!((row.call_id, row.assistant_id, row.created_at), (log.call_id, log.assistant_id, log.created_at));
            prop_assert_eq!((row.from, row.to, row.body), (log.from.as_bytes(), log.to.as_bytes(), log.body.as_bytes()));
            prop_assert_eq!(view(&bytes).unwrap(), log.view());
            prop_assert_eq!(kind(&bytes).unwrap(), row.kind());
            // The last field, which is not read, has a byte at least.
            for end in 0..bytes.len() - 10 {
                prop_assert!(read(&bytes[..end]).is_err());
                prop_assert!(view(&bytes[..end]).is_err());
            }
        }

        #[test]
        fn damaged_bytes_are_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let versioned = [&[VERSION], bytes.as_slice()].concat();
            for bytes in [&bytes, &versioned] {
                let _ = kind(bytes);
                let _ = read(bytes);
                let _ = view(bytes);
            }
        }
    }
}
