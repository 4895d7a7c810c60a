//! How stored values stand in JSON where that is not how they lie on disk.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Reads a JSON string; `parse` says what is wrong with it, as in `"abc" is {what}`.
pub(super) fn read<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(|what| {
        // Not endless.
        let shown: String = text.chars().take(40).collect();
        let more = if shown.len() < text.len() { "..." } else { "" };
        D::Error::custom(format_args!("{shown:?}{more} is {what}"))
    })
}
