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

/// Whether there is a byte of these in the text. Sixteen are looked at together, the last ones twice.
#[inline(always)]
pub(super) fn has_any(text: &[u8], is_one: impl Fn(u8) -> bool) -> bool {
    let among = |bytes: &[u8; 16]| bytes.iter().fold(false, |any, byte| any | is_one(*byte));
    match text.last_chunk() {
        Some(last) => text.as_chunks().0.iter().fold(among(last), |any, bytes| any | among(bytes)),
        None => text.iter().fold(false, |any, byte| any | is_one(*byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn one_byte_among_others_is_found_wherever_it_stands(length in 0..70_usize, place in any::<proptest::sample::Index>()) {
            let mut text = vec![b'a'; length];
            prop_assert!(!has_any(&text, |byte| byte == b'"'));
            if length > 0 {
                text[place.index(length)] = b'"';
                prop_assert!(has_any(&text, |byte| byte == b'"'));
            }
        }
    }
}
