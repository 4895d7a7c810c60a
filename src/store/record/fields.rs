//! The fields of a record, read in place one after the other: for the records that reads meet by the dozen or by the
//! million. The bytes are postcard's; tests hold what is read here against what it reads.

use crate::model::time::Timestamp;

/// What is left of a record. Each read takes a field off; `None` when it is cut short or is no such field.
pub(in crate::store) struct Fields<'a>(pub(in crate::store) &'a [u8]);

impl<'a> Fields<'a> {
    #[inline]
    pub(in crate::store) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    /// An unsigned number: seven bits a byte, the least first; the last byte has no high bit.
    #[inline]
    pub(in crate::store) fn number(&mut self) -> Option<u64> {
        match self.0.split_first() {
            // Most are lengths and kinds.
            Some((&byte, rest)) if byte < 0x80 => {
                self.0 = rest;
                Some(u64::from(byte))
            }
            _ => self.longer_number(),
        }
    }

    fn longer_number(&mut self) -> Option<u64> {
        const HIGH: u64 = 0x8080_8080_8080_8080;
        let Some(word) = self.0.first_chunk() else { return self.long_number() };
        let word = u64::from_le_bytes(*word);
        let ends = !word & HIGH;
        if ends == 0 {
            return self.long_number();
        }
        self.0 = &self.0[ends.trailing_zeros() as usize / 8 + 1..];
        // Up to the last byte, without the high bits; then neighbours move together, two by two.
        let bits = word & (ends ^ (ends - 1)) & !HIGH;
        let bits = (bits & 0x007f_007f_007f_007f) | (bits & 0x7f00_7f00_7f00_7f00) >> 1;
        let bits = (bits & 0x0000_3fff_0000_3fff) | (bits & 0x3fff_0000_3fff_0000) >> 2;
        Some((bits & 0x0fff_ffff) | (bits & 0x0fff_ffff_0000_0000) >> 4)
    }

    /// Of any length: near the end of a record, or of nine or ten bytes.
    fn long_number(&mut self) -> Option<u64> {
        let mut number = 0;
        for (place, byte) in self.0.iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                self.0 = &self.0[place + 1..];
                // Of the tenth byte one bit is left.
                return (place < 9 || *byte <= 1).then_some(number);
            }
        }
        None
    }

    /// Of 32 bits; these take five bytes at most, and more are refused even if they are zeros.
    pub(in crate::store) fn short_number(&mut self) -> Option<u32> {
        let before = self.0.len();
        let number = self.number()?;
        if before - self.0.len() > 5 {
            return None;
        }
        number.try_into().ok()
    }

    #[inline]
    pub(in crate::store) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(in crate::store) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// The sign is the last bit.
    #[inline]
    pub(in crate::store) fn time(&mut self) -> Option<Timestamp> {
        let number = self.number()?;
        Some(Timestamp((number >> 1).cast_signed() ^ -(number & 1).cast_signed()))
    }

    pub(in crate::store) fn truth(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    #[inline]
    pub(in crate::store) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        if self.truth()? { read(self).map(Some) } else { Some(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_read_as_postcard_writes_them(bits in 0..64u32, any in any::<u64>(), rest in proptest::collection::vec(any::<u8>(), 0..12)) {
            let number = any >> bits;
            let mut bytes = postcard::to_stdvec(&number).unwrap();
            bytes.extend_from_slice(&rest);
            let mut fields = Fields(&bytes);
            prop_assert_eq!(fields.number(), Some(number));
            prop_assert_eq!(fields.0, &rest);
        }
    }

    #[test]
    fn a_short_number_is_no_longer_than_it_may_be() {
        for (bytes, number) in [
            (&[0xff, 0xff, 0xff, 0xff, 0x0f][..], Some(u32::MAX)),
            (&[0xff, 0xff, 0xff, 0xff, 0x10], None),
            (&[0x81, 0x80, 0x80, 0x80, 0x00], Some(1)),
            (&[0x81, 0x80, 0x80, 0x80, 0x80, 0x00], None),
        ] {
            assert_eq!(Fields(bytes).short_number(), number, "{bytes:x?}");
            assert_eq!(postcard::from_bytes::<u32>(bytes).ok(), number, "{bytes:x?}");
        }
    }

    #[test]
    fn a_number_that_does_not_end_or_is_too_large_is_none() {
        for bytes in [
            &[][..],
            &[0x80],
            &[0x80; 8],
            &[0xff; 12],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
        ] {
            assert_eq!(Fields(bytes).number(), None, "{bytes:x?}");
        }
    }
}
