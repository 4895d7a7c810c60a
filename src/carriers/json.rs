//! JSON that carriers send: read whatever it holds, and looked into without faith in its types.
//!
//! Bytes that are not UTF-8 and halves of surrogate pairs (carriers cut long messages between the two) become the
//! replacement character, so that the rest of a message is not lost. Of a key that comes twice the last value counts.

use serde_json::Value;
use std::borrow::Cow;

/// The error is a sentence about what is wrong with the text.
pub(crate) fn read(body: &[u8]) -> Result<Value, String> {
    serde_json::from_str(&repaired(body)).map_err(|error| format!("the body is no JSON: {error}"))
}

/// The text at this pointer: a string that is not empty, or a number as it is written.
pub(crate) fn text(value: &Value, pointer: &str) -> Option<String> {
    match value.pointer(pointer)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A count, whether it is written as a number or as a text.
pub(super) fn number(value: &Value, pointer: &str) -> Option<u32> {
    text(value, pointer)?.parse().ok()
}

/// The text with every escape of half a surrogate pair made one of the replacement character.
pub(super) fn repaired(body: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(body);
    let mut made: Option<String> = None;
    let (mut at, mut copied) = (0, 0);
    while let Some(found) = text[at..].find('\\') {
        at += found;
        let length = match (escaped_unit(&text[at..]), text.get(at + 6..).and_then(escaped_unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                let made = made.get_or_insert_default();
                made.push_str(&text[copied..at]);
                made.push_str("\\ufffd");
                copied = at + 6;
                6
            }
            (Some(_), _) => 6,
            // The escaped character may be a backslash itself; anything longer than a byte is an error that stays one.
            (None, _) => 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
        };
        at += length;
    }
    match made {
        Some(made) => Cow::Owned(made + &text[copied..]),
        None => text,
    }
}

/// The UTF-16 unit of an escape like `\u00e9` at the start of the text.
fn escaped_unit(text: &str) -> Option<u16> {
    let hex = text.strip_prefix("\\u")?.get(..4)?;
    let plain = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    u16::from_str_radix(hex, 16).ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::repaired;

    #[test]
    fn only_halves_of_surrogate_pairs_are_replaced() {
        let rows = [
            (r#""plain""#, r#""plain""#),
            (r#""\ud83d\udc4d""#, r#""\ud83d\udc4d""#),
            (r#""cut \ud83d""#, r#""cut \ufffd""#),
            (r#""\udc4d cut""#, r#""\ufffd cut""#),
            (r#""\uD83D\u0041\uDC4D""#, r#""\ufffd\u0041\ufffd""#),
            (r#""\ud83d\ud83d\udc4d""#, r#""\ufffd\ud83d\udc4d""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\n\\\ud83d""#, r#""\n\\\ufffd""#),
            (r#""\u+83d\ud8"#, r#""\u+83d\ud8"#),
            ("\"\\é\\", "\"\\é\\"),
        ];
        for (sent, expected) in rows {
            assert_eq!(repaired(sent.as_bytes()), expected, "{sent}");
        }
        assert_eq!(repaired(b"\"caf\xe9\""), "\"caf\u{fffd}\"");
    }
}
