//! Space for one row of an answer, taken once at the end of the bytes that are being written: what is put there asks
//! neither for memory nor calls out to copy a few letters.

/// The end of `out`, to be written to from the front.
pub(super) struct Space<'o> {
    out: &'o mut Vec<u8>,
    at: usize,
}

impl<'o> Space<'o> {
    /// Takes room for so many bytes; what is not used of it is given back when this is dropped.
    pub(super) fn take(out: &'o mut Vec<u8>, most: usize) -> Space<'o> {
        let at = out.len();
        out.resize(at + most, 0);
        Space { out, at }
    }

    #[inline(always)]
    pub(super) fn put<const N: usize>(&mut self, text: &[u8; N]) {
        self.out[self.at..self.at + N].copy_from_slice(text);
        self.at += N;
    }

    #[inline(always)]
    pub(super) fn slice(&mut self, text: &[u8]) {
        self.out[self.at..self.at + text.len()].copy_from_slice(text);
        self.at += text.len();
    }

    /// A phone number, or another text of its length: its first and its last eight bytes are all of it.
    #[inline(always)]
    pub(super) fn short(&mut self, text: &[u8]) {
        match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            (Some(first), Some(last)) if text.len() <= 16 => {
                let place = &mut self.out[self.at..self.at + text.len()];
                place[..8].copy_from_slice(first);
                place[text.len() - 8..].copy_from_slice(last);
                self.at += text.len();
            }
            _ => self.slice(text),
        }
    }

    /// A text as JSON has it. What is escaped in it takes room of its own.
    #[inline]
    pub(super) fn string(&mut self, text: &str) {
        if has_any(text.as_bytes(), b' ', *b"\"\\") {
            let escaped = serde_json::to_vec(text).expect("a string is JSON, and memory grows");
            self.out.resize(self.out.len() + escaped.len(), 0);
            self.slice(&escaped);
        } else {
            self.put(b"\"");
            self.slice(text.as_bytes());
            self.put(b"\"");
        }
    }

    #[inline]
    pub(super) fn optional(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None => self.put(b"null"),
        }
    }

    #[inline(always)]
    pub(super) fn number(&mut self, value: u64) {
        self.slice(itoa::Buffer::new().format(value).as_bytes());
    }
}

impl Drop for Space<'_> {
    fn drop(&mut self) {
        self.out.truncate(self.at);
    }
}

/// Whether one of these bytes stands in the text, or one below `least`. Eight are looked at together, the last ones twice.
#[inline(always)]
pub(super) fn has_any<const N: usize>(text: &[u8], least: u8, of: [u8; N]) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let Some(last) = text.last_chunk::<8>() else {
        return text.iter().any(|byte| *byte < least || of.contains(byte));
    };
    let mut found = 0;
    for word in text.as_chunks().0.iter().chain([last]) {
        let word = u64::from_le_bytes(*word);
        // The high bit of each byte that is below; of those above one that is, it may err.
        let below = |word: u64, least: u8| word.wrapping_sub(EACH * u64::from(least)) & !word & HIGH;
        found |= of
            .iter()
            .fold(below(word, least), |found, byte| found | below(word ^ (EACH * u64::from(*byte)), 1));
    }
    found != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_has_what_stands_in_it(
            text in proptest::collection::vec(any::<u8>(), 0..40), least in 0..40u8, of in any::<[u8; 3]>()
        ) {
            let wanted = text.iter().any(|byte| *byte < least || of.contains(byte));
            prop_assert_eq!(has_any(&text, least, of), wanted);
        }

        #[test]
        fn one_among_others_is_found_wherever_it_stands(length in 1..40_usize, place in any::<proptest::sample::Index>()) {
            let mut text = vec![b'a'; length];
            prop_assert!(!has_any(&text, b' ', *b"\"\\"));
            text[place.index(length)] = b'"';
            prop_assert!(has_any(&text, b' ', *b"\"\\"));
        }
    }
}
