//! Id types that cannot be mixed up. All but the organization's count per organization, from 1.

use serde::de::{Deserialize, Deserializer, Error, Unexpected};
use std::fmt;

/// The largest id that is accepted from outside: 2^52. Every JSON reader keeps whole numbers below
/// 2^53 exactly; as many ids as this are left for what comes after.
pub const MAX_GIVEN_ID: u64 = 1 << 52;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident($int:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(pub $int);

        /// In JSON, which comes from outside, it must be within bounds.
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let from_outside = deserializer.is_human_readable();
                let id = <$int>::deserialize(deserializer)?;
                if from_outside { within_bounds(id.into())?; }
                Ok($name(id))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

id! {
    /// The tenant. First part of every key; nothing spans two of them.
    OrganizationId(u32);
    UserId(u64);
    ApiKeyId(u64);
    AssistantId(u64);
    PhoneNumberId(u64);
    /// A call record; of an SMS-channel one, also the conversation's id.
    CallId(u64);
    MessageId(u64);
    MessageLogId(u64);
    AuditId(u64);
    /// A position in an organization's change feed.
    FeedSeq(u64);
}

fn within_bounds<E: Error>(id: u64) -> Result<(), E> {
    match (1..=MAX_GIVEN_ID).contains(&id) {
        true => Ok(()),
        false => Err(E::invalid_value(
            Unexpected::Unsigned(id),
            &format!("a whole number from 1 to {MAX_GIVEN_ID}").as_str(),
        )),
    }
}

/// Reads an id as it stands in a URL: decimal digits only, at least 1, nothing around them.
pub fn parse_id(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|&id| plain && id > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_digits_from_one_upwards() {
        for (text, id) in [
            ("1", Some(1)),
            ("101", Some(101)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("0", None),
            ("", None),
            ("+1", None),
            ("-1", None),
            ("1 ", None),
            ("abc", None),
            ("1.0", None),
        ] {
            assert_eq!(parse_id(text), id, "{text:?}");
        }
    }
}
