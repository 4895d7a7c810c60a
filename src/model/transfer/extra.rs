//! The fields of an assistant that we do not know: kept, and given back beside the others.

use super::AssistantLine;
use crate::model::call::JsonText;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The fields of a JSON object as they stand, in their order. A name that comes twice is an error.
pub(super) struct Fields<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields<'de>, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    if fields.iter().any(|(known, _)| *known == name) {
                        return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
                    }
                    fields.push((name, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Everything in the line that `known`, which was read from it, does not have.
pub(super) fn of(line: &str, known: &AssistantLine) -> Result<JsonText, serde_json::Error> {
    let known = serde_json::to_value(known)?;
    let Fields(mut fields) = serde_json::from_str(line)?;
    fields.retain(|(name, _)| name != "type" && known.get(name.as_ref()).is_none());
    let mut text = String::from("{");
    for (name, value) in fields {
        // As in every free-form object: nothing that no reader takes.
        serde_json::from_str::<Value>(value.get())?;
        text += if text.len() > 1 { "," } else { "" };
        text += &serde_json::to_string(&name)?;
        text.push(':');
        text += value.get();
    }
    text.push('}');
    Ok(JsonText(text))
}

pub(super) fn serialize<S: Serializer>(extra: &JsonText, serializer: S) -> Result<S::Ok, S::Error> {
    let Fields(fields) = serde_json::from_str(&extra.0).map_err(S::Error::custom)?;
    serializer.collect_map(fields)
}
