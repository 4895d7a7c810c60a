//! Space for one row of JSON, taken once at the end of the bytes that are being written: what is put there asks neither
//! for memory nor calls out to copy a few letters.

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

/// Whether JSON shows this text as it is.
pub(super) fn is_plain(text: &[u8]) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The high bit of each byte that is zero; of those above one that is, it may err.
    let zero = |word: u64| word.wrapping_sub(EACH) & !word & HIGH;
    let (words, rest) = text.as_chunks::<8>();
    let mut odd = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(EACH * 0x20) & !word & HIGH;
        odd |= control | zero(word ^ (EACH * u64::from(b'"'))) | zero(word ^ (EACH * u64::from(b'\\')));
    }
    odd == 0 && !rest.iter().any(|byte| matches!(byte, 0..0x20 | b'"' | b'\\'))
}
