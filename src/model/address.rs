//! Who sends and who receives: E.164 numbers, short codes, alphanumeric senders, and how a
//! customer's number is searched for.

use super::wire;
use memchr::memmem;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// An E.164 number (`+15551234567`), a short code (`72345`) or an alphanumeric sender (`ACME`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Address(String);

/// From JSON however it was punctuated; from disk as it is.
impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
        match deserializer.is_human_readable() {
            true => wire::read(deserializer, |text| Address::parse(text).map_err(|error| error.to_string())),
            false => String::deserialize(deserializer).map(Address),
        }
    }
}

/// Why a text is no address. The message says what would be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a phone number: use E.164 (+ and 7 to 15 digits, country code first), a short code (3 to 8 digits) or an alphanumeric sender (up to 11 letters and digits)"
)]
pub struct NotAnAddress;

const PUNCTUATION: &[char] = &[' ', '-', '.', '(', ')', '/', '\u{a0}'];

impl Address {
    /// Takes a number however it was punctuated; keeps it in E.164.
    pub fn parse(text: &str) -> Result<Address, NotAnAddress> {
        let text = text.trim();
        if text.chars().any(|c| c.is_ascii_alphabetic()) {
            return alphanumeric(text);
        }
        let plain = match text.contains(PUNCTUATION) {
            true => text.replace(PUNCTUATION, ""),
            false => text.to_owned(),
        };
        let (plus, digits) = match plain.strip_prefix('+') {
            Some(digits) => (true, digits),
            None => (false, plain.as_str()),
        };
        let length = if plus { 7..=15 } else { 3..=8 };
        let numeric = digits.bytes().all(|b| b.is_ascii_digit());
        if numeric && length.contains(&digits.len()) && !(plus && digits.starts_with('0')) {
            Ok(Address(plain))
        } else {
            Err(NotAnAddress)
        }
    }

    /// Of a text that was an address when it was stored.
    pub fn stored(text: String) -> Address {
        Address(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a text names this number: its digits as a whole, with `+`, `%2B`, `00` or nothing before them.
    pub fn is_named_in(&self, text: &[u8]) -> bool {
        let digits = self.0.trim_start_matches('+').as_bytes();
        let found = text.windows(digits.len()).enumerate().filter(|(_, window)| *window == digits);
        let mut places = found.map(|(at, _)| text.split_at(at));
        places.any(|(before, from)| {
            let escaped = (before.len() >= 3 && before[before.len() - 3] == b'%')
                || (before.len() >= 6 && before[before.len() - 6..].starts_with(b"\\u"));
            let zeros = before.iter().rev().take_while(|byte| **byte == b'0').count();
            let stands_before = before[..before.len() - zeros].last().is_some_and(u8::is_ascii_digit);
            (escaped || !stands_before) && !from.get(digits.len()).is_some_and(u8::is_ascii_digit)
        })
    }

    /// Whether it is an E.164 number, not a short code or a name.
    pub fn is_number(&self) -> bool {
        self.0.starts_with('+')
    }

    /// Every digit but the last two as `*`, for logs: `+*********43`.
    pub fn masked(&self) -> String {
        mask(&self.0)
    }
}

/// Every letter and digit but the last two as `*`; for logs, where numbers never stand in full.
pub fn mask(text: &str) -> String {
    let keep = text.chars().count().saturating_sub(2);
    text.chars().take(64).enumerate().map(|(at, c)| if at < keep && c != '+' { '*' } else { c }).collect()
}

fn alphanumeric(text: &str) -> Result<Address, NotAnAddress> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '&' | '.' | '+');
    // What starts like a number is one that is written wrongly.
    let fits = (1..=11).contains(&text.len()) && text.chars().all(allowed) && !text.starts_with('+');
    if fits { Ok(Address(text.to_owned())) } else { Err(NotAnAddress) }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What `customer_phone` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressQuery {
    /// One whole number: the index by customer answers it.
    Exactly(Address),
    /// Numbers that contain these digits.
    Containing(String),
    /// An alphanumeric sender, letters of either case.
    Named(String),
}

impl AddressQuery {
    /// A whole number starts with `+` (or `00`) and has at least ten digits; the `+` may have
    /// become a space in the query string. Fewer than three digits are refused with `None`.
    pub fn parse(text: &str) -> Option<AddressQuery> {
        let lost_plus = text.starts_with(' ');
        let text = text.trim();
        if text.chars().any(|c| c.is_ascii_alphabetic()) {
            return alphanumeric(text).ok().map(|name| AddressQuery::Named(name.0));
        }
        if text.chars().any(|c| !c.is_ascii_digit() && c != '+' && !PUNCTUATION.contains(&c)) {
            return None;
        }
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let international = digits.strip_prefix("00");
        let whole = international.unwrap_or(&digits);
        if (lost_plus || international.is_some() || text.starts_with('+')) && whole.len() >= 10 {
            return Address::parse(&format!("+{whole}")).ok().map(AddressQuery::Exactly);
        }
        (digits.len() >= 3).then_some(AddressQuery::Containing(digits))
    }

    /// `address`: as it is stored.
    pub fn matches(&self, address: &[u8]) -> bool {
        match self {
            AddressQuery::Exactly(whole) => whole.as_str().as_bytes() == address,
            AddressQuery::Containing(digits) => memmem::find(address, digits.as_bytes()).is_some(),
            AddressQuery::Named(name) => name.as_bytes().eq_ignore_ascii_case(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_kept_in_one_form() {
        for (text, kept) in [
            ("+15551234567", Some("+15551234567")),
            ("+1 (555) 123-4567", Some("+15551234567")),
            (" +1.555.123.4567 ", Some("+15551234567")),
            ("72345", Some("72345")),
            ("723-45", Some("72345")),
            ("ACME", Some("ACME")),
            ("Acme Bank", Some("Acme Bank")),
            ("Shop+Co", Some("Shop+Co")),
            ("+155x", None),
            ("15551234567", None),
            ("+05551234567", None),
            ("+123456", None),
            ("+1234567890123456", None),
            ("12", None),
            ("ACMEACMEACME", None),
            ("whatsapp:+15551234567", None),
            ("+1555123456x", None),
            ("", None),
            ("+", None),
            ("+٣٣٣٣٣٣٣٣٣٣", None),
        ] {
            assert_eq!(Address::parse(text).ok().as_ref().map(Address::as_str), kept, "{text:?}");
        }
    }

    #[test]
    fn a_customer_is_found_by_the_whole_number_or_a_fragment() {
        let customer = "+15559876543";
        for (query, found) in [
            ("+15559876543", true),
            (" 15559876543", true),
            ("+1 (555) 987-6543", true),
            ("0015559876543", true),
            ("15559876543", true),
            ("(555) 987-6543", true),
            ("987", true),
            ("+15559876544", false),
            ("+5559876543", false),
            ("123", false),
            ("acme", false),
        ] {
            let matched = AddressQuery::parse(query).map(|query| query.matches(customer.as_bytes()));
            assert_eq!(matched, Some(found), "{query:?}");
        }
    }

    #[test]
    fn a_fragment_may_begin_with_zeros() {
        for (query, found) in [("0042", true), ("004", true), ("50042", true), ("00042", false)] {
            let matched = AddressQuery::parse(query).map(|query| query.matches(b"+14155550042"));
            assert_eq!(matched, Some(found), "{query:?}");
        }
    }

    #[test]
    fn fewer_than_three_digits_are_no_query() {
        for query in ["", "1", "55", "+", "+5", "-- ", "5\u{0}55", "<555>"] {
            assert_eq!(AddressQuery::parse(query), None, "{query:?}");
        }
    }

    #[test]
    fn a_number_is_named_by_its_digits_as_a_whole() {
        let number = Address::parse("+15559876543").unwrap();
        for (text, named) in [
            ("+15559876543", true),
            ("From=%2B15559876543&To=%2B15551234567", true),
            ("From=%2015559876543", true),
            ("\\u002b15559876543", true),
            ("\\u002015559876543", true),
            ("0015559876543", true),
            ("tel:15559876543.", true),
            ("whatsapp:+15559876543", true),
            ("215559876543, 15559876543", true),
            ("215559876543", false),
            ("20015559876543", false),
            ("155598765430", false),
            ("5559876543", false),
            ("+1555987654", false),
            ("", false),
        ] {
            assert_eq!(number.is_named_in(text.as_bytes()), named, "{text:?}");
        }
    }

    #[test]
    fn a_masked_number_shows_its_last_two_digits() {
        assert_eq!(mask("+15559876543"), "+*********43");
        assert_eq!(mask("7"), "7");
    }

    proptest! {
        #[test]
        fn a_kept_address_is_its_own_form(text in "\\+?[0-9A-Za-z .()-]{0,18}") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert_eq!(Address::parse(address.as_str()), Ok(address.clone()));
                prop_assert!(address.as_str().bytes().all(|b| b != 0));
            }
        }

        #[test]
        fn punctuation_never_changes_a_number(digits in "[1-9][0-9]{9,14}", at in 1usize..9, mark in "[-. ()]") {
            let plain = format!("+{digits}");
            let mut dressed = plain.clone();
            dressed.insert_str(at + 1, &mark);
            prop_assert_eq!(Address::parse(&dressed), Address::parse(&plain));
            prop_assert_eq!(AddressQuery::parse(&dressed), AddressQuery::parse(&plain));
        }
    }
}
