//! How many parts a text is sent as, and in which encoding.
//!
//! The rule of the standard (GSM 03.38 and its extension table, else UTF-16 units) that carriers bill by, with their
//! exceptions left to them: Twilio's own calculator also keeps what looks like one character (a flag, a family) in one
//! part, and it may replace typographic characters first; US toll-free numbers may have 152 and 66 units a part; Telnyx
//! sends Greek capitals, `Ç`, `¤`, `§` and `€` in UTF-16 and short codes in ASCII; Twilio takes 1,600 characters a
//! message, Vonage 3,200, Telnyx ten parts.

/// Also the line feed and the carriage return; the escape that starts a pair is no character of its own.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Each takes an escape pair.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Gsm7,
    Ucs2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    pub encoding: Encoding,
    /// Septets, or UTF-16 units.
    pub units: u32,
    /// At least one, even of an empty text.
    pub count: u32,
}

/// Units in a part of several.
const SEPTETS_OF_MANY: u32 = 153;
const UNITS_OF_MANY: u32 = 67;

pub fn segments(text: &str) -> Segments {
    if let Some(widths) = text.chars().map(septets).collect::<Option<Vec<u32>>>() {
        packed(Encoding::Gsm7, widths, 160, SEPTETS_OF_MANY)
    } else {
        let widths = text.chars().map(units).collect();
        packed(Encoding::Ucs2, widths, 70, UNITS_OF_MANY)
    }
}

/// The text as it is cut into parts: as many as [`segments`] counts.
pub fn parts(text: &str) -> Vec<&str> {
    let Segments { encoding, count, .. } = segments(text);
    if count == 1 {
        return vec![text];
    }
    let (of_many, width): (u32, fn(char) -> u32) = match encoding {
        Encoding::Gsm7 => (SEPTETS_OF_MANY, |c| septets(c).unwrap_or(1)),
        Encoding::Ucs2 => (UNITS_OF_MANY, units),
    };
    let (mut parts, mut begun, mut filled) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        if filled + width(c) > of_many {
            parts.push(&text[begun..at]);
            (begun, filled) = (at, 0);
        }
        filled += width(c);
    }
    parts.push(&text[begun..]);
    parts
}

fn septets(c: char) -> Option<u32> {
    if BASIC.contains(c) {
        return Some(1);
    }
    EXTENSION.contains(c).then_some(2)
}

/// Of UTF-16.
fn units(c: char) -> u32 {
    if c.len_utf16() == 2 { 2 } else { 1 }
}

/// Neither an escape pair nor a surrogate pair is cut, so a part may stay one unit short.
fn packed(encoding: Encoding, widths: Vec<u32>, alone: u32, of_many: u32) -> Segments {
    let units = widths.iter().sum();
    let mut count = 1;
    if units > alone {
        let mut filled = 0;
        for width in widths {
            if filled + width > of_many {
                count += 1;
                filled = 0;
            }
            filled += width;
        }
    }
    Segments { encoding, units, count }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_have_the_characters_of_the_standard() {
        assert_eq!(BASIC.chars().count(), 127);
        assert_eq!(EXTENSION.chars().count(), 10);
        for outside in ['`', '\t', 'ç', '\u{a0}', '’', '…', '\u{1b}', 'á'] {
            assert_eq!(septets(outside), None, "{outside:?}");
        }
    }

    #[test]
    fn a_pair_is_never_cut() {
        let rows = [
            (format!("{}€{}", "a".repeat(152), "a".repeat(152)), 306, 3),
            (format!("{}€{}", "a".repeat(151), "a".repeat(153)), 306, 2),
            (format!("{}👍{}", "你".repeat(66), "你".repeat(66)), 134, 3),
            (format!("{}👍{}", "你".repeat(65), "你".repeat(67)), 134, 2),
        ];
        for (text, units, count) in rows {
            let counted = segments(&text);
            assert_eq!((counted.units, counted.count), (units, count), "{text}");
            let cut = parts(&text);
            assert_eq!((cut.len(), cut.concat()), (count as usize, text));
        }
    }
}
