//! How stored values stand in a line: times and numbers as on the wire, ids within what every JSON
//! reader keeps, free-form objects verbatim, hashes in hex, bytes in base64.

use crate::model::account::{KeyHash, PasswordHash};
use crate::model::address::Address;
use crate::model::call::JsonText;
use crate::model::ids::{
    ApiKeyId, AssistantId, AuditId, CallId, MAX_GIVEN_ID, MessageId, MessageLogId, PhoneNumberId, UserId,
};
use crate::model::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error as _, Expected, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;
use uuid::Uuid;

/// A value whose form in a line is not the one that it has on disk.
pub(super) trait OnWire: Sized {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

// For `#[serde(with = "wire")]`.
pub(super) fn serialize<T: OnWire, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.write(serializer)
}

pub(super) fn deserialize<'de, T: OnWire, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::read(deserializer)
}

/// For `#[serde(default, with = "wire::option")]`: left out and `null` are the same.
pub(super) mod option {
    use super::{Deserialize, Deserializer, OnWire, Serializer, Wire};

    pub(in super::super) fn serialize<T: OnWire, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.serialize_some(&Wire(value)),
            None => serializer.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, T: OnWire, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        Ok(Option::<Wire<T>>::deserialize(deserializer)?.map(|Wire(value)| value))
    }
}

struct Wire<T>(T);

impl<T: OnWire> Serialize for Wire<&T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

impl<'de, T: OnWire> Deserialize<'de> for Wire<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Wire<T>, D::Error> {
        T::read(deserializer).map(Wire)
    }
}

/// Reads a JSON string; `parse` says what is wrong with it.
struct Text<F> {
    expecting: &'static str,
    parse: F,
}

impl<T, F: FnOnce(&str) -> Result<T, String>> Visitor<'_> for Text<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(E::custom)
    }
}

/// A text as it is shown in a message: quoted, and not endless.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

impl OnWire for Timestamp {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let parse = |text: &str| {
            Timestamp::parse(text)
                .ok_or_else(|| format!("{} is no time; write it like 2026-04-30T10:00:00Z", quoted(text)))
        };
        deserializer.deserialize_str(Text { expecting: "a time like \"2026-04-30T10:00:00Z\"", parse })
    }
}

impl OnWire for Address {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
        let parse = |text: &str| Address::parse(text).map_err(|error| format!("{} is {error}", quoted(text)));
        deserializer.deserialize_str(Text { expecting: "a phone number as a string", parse })
    }
}

impl OnWire for Uuid {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
        let parse = |text: &str| Uuid::parse_str(text).map_err(|_| format!("{} is no UUID", quoted(text)));
        deserializer.deserialize_str(Text { expecting: "a UUID", parse })
    }
}

impl OnWire for KeyHash {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut hex = String::with_capacity(64);
        for byte in self.0 {
            for digit in [byte >> 4, byte & 15] {
                hex.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        serializer.serialize_str(&hex)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<KeyHash, D::Error> {
        let expecting = "the key's SHA-256 as 64 hexadecimal digits";
        let parse = |text: &str| {
            let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
            let digits = digits.filter(|digits| digits.len() == 64);
            let digits = digits.ok_or_else(|| format!("expected {expecting}"))?;
            let mut hash = [0; 32];
            for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
                *byte = (pair[0] << 4 | pair[1]) as u8;
            }
            Ok(KeyHash(hash))
        };
        deserializer.deserialize_str(Text { expecting, parse })
    }
}

/// What the hash of a generated password starts with in a line; a chosen one starts with `$argon2`.
const GENERATED: &str = "sha256:";

impl OnWire for PasswordHash {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            PasswordHash::Generated(hash) => serializer.collect_str(&format_args!("{GENERATED}{hash}")),
            PasswordHash::Chosen(phc) => serializer.serialize_str(phc),
        }
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PasswordHash, D::Error> {
        // The text is never shown: somebody may have put a password there.
        let parse = |text: &str| match text.strip_prefix(GENERATED) {
            Some(hash) if !hash.is_empty() => Ok(PasswordHash::Generated(hash.to_owned())),
            None if text.starts_with("$argon2") => Ok(PasswordHash::Chosen(text.to_owned())),
            _ => Err("expected a hash: \"sha256:...\" or \"$argon2...\"".to_owned()),
        };
        deserializer.deserialize_str(Text { expecting: "a password's hash", parse })
    }
}

/// Bytes: a raw payload's body.
impl OnWire for Vec<u8> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self))
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let parse = |text: &str| STANDARD.decode(text).map_err(|error| format!("no base64: {error}"));
        deserializer.deserialize_str(Text { expecting: "base64", parse })
    }
}

impl OnWire for JsonText {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<JsonText, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        // Raw text may hold what no reader takes: halves of surrogate pairs, endless nesting.
        match text.get() == "{}" || serde_json::from_str::<Value>(text.get()).is_ok_and(|v| v.is_object()) {
            true => Ok(JsonText(String::from(Box::<str>::from(text)))),
            false => Err(D::Error::custom("expected a JSON object")),
        }
    }
}

struct Id;

impl Visitor<'_> for Id {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from 1 to {MAX_GIVEN_ID}")
    }

    fn visit_u64<E: serde::de::Error>(self, id: u64) -> Result<u64, E> {
        match (1..=MAX_GIVEN_ID).contains(&id) {
            true => Ok(id),
            false => Err(E::custom(format_args!("{id} is not {}", &self as &dyn Expected))),
        }
    }

    /// Whole numbers beyond 64 bits come as these.
    fn visit_f64<E: serde::de::Error>(self, id: f64) -> Result<u64, E> {
        Err(E::custom(format_args!("{id} is not {}", &self as &dyn Expected)))
    }
}

macro_rules! ids {
    ($($name:ident)*) => {$(
        impl OnWire for $name {
            fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_u64(self.0)
            }

            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                deserializer.deserialize_u64(Id).map($name)
            }
        }
    )*};
}

ids! { UserId ApiKeyId AssistantId PhoneNumberId CallId MessageId MessageLogId AuditId }
