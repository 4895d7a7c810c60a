//! URL-encoded parameters as bytes.
//!
//! Owns the decoding that signatures are computed over, so it never repairs, trims or drops a byte that was sent.
//! Text is made on request, and only there may bytes that are not UTF-8 be replaced.

use std::borrow::Cow;

use percent_encoding::percent_decode;

type Part<'a> = Cow<'a, [u8]>;

/// Decoded parameters in the order they were sent, repeated and empty ones included.
#[derive(Debug)]
pub struct Form<'a> {
    pairs: Vec<(Part<'a>, Part<'a>)>,
}

impl<'a> Form<'a> {
    /// Decodes `a=1&b=two+words`. A `%` that starts no valid escape stands for itself.
    pub fn decode(encoded: &'a [u8]) -> Self {
        let pairs = encoded
            .split(|&byte| byte == b'&')
            .filter(|piece| !piece.is_empty())
            .map(|piece| match piece.iter().position(|&byte| byte == b'=') {
                Some(at) => (decode_part(&piece[..at]), decode_part(&piece[at + 1..])),
                None => (decode_part(piece), Cow::Borrowed(&[][..])),
            })
            .collect();
        Self { pairs }
    }

    /// Of parameters that came in another encoding.
    pub(super) fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let owned = |(name, value): (String, String)| (name.into_bytes().into(), value.into_bytes().into());
        Self { pairs: pairs.into_iter().map(owned).collect() }
    }

    /// Name and value of each parameter.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.pairs.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The first value under this name.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        let (_, value) = self.iter().find(|(key, _)| *key == name.as_bytes())?;
        Some(String::from_utf8_lossy(value))
    }

    /// The same, unless it is empty.
    pub(super) fn filled(&self, name: &str) -> Option<String> {
        self.text(name).filter(|value| !value.is_empty()).map(Cow::into_owned)
    }

    /// The same, or a sentence about its absence.
    pub(super) fn required(&self, name: &str) -> Result<String, String> {
        self.filled(name).ok_or_else(|| format!("the parameter {name} is missing"))
    }
}

fn decode_part(encoded: &[u8]) -> Part<'_> {
    if !encoded.contains(&b'+') {
        return percent_decode(encoded).into();
    }
    let spaced: Vec<u8> = encoded.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    Cow::Owned(percent_decode(&spaced).collect())
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn a_form_decodes_to_exactly_the_bytes_that_were_sent() {
        type Row = (&'static [u8], &'static [(&'static [u8], &'static [u8])]);
        let rows: [Row; 12] = [
            (b"", &[]),
            (b"a=1&b=2", &[(b"a", b"1"), (b"b", b"2")]),
            (b"b=2&a=1&b=2", &[(b"b", b"2"), (b"a", b"1"), (b"b", b"2")]),
            (b"a=&b&&c=", &[(b"a", b""), (b"b", b""), (b"c", b"")]),
            (b"=v", &[(b"", b"v")]),
            (b"a=x=y", &[(b"a", b"x=y")]),
            (b"a+b=+c+%2B", &[(b"a b", b" c +")]),
            (b"a=%26%3D%0a%00", &[(b"a", b"&=\n\0")]),
            (b"a=%E2%82%AC", &[(b"a", b"\xe2\x82\xac")]),
            (b"a=%FF%c3", &[(b"a", b"\xff\xc3")]),
            (b"a=\xff", &[(b"a", b"\xff")]),
            (b"a=1%&b=%zz&c=%4", &[(b"a", b"1%"), (b"b", b"%zz"), (b"c", b"%4")]),
        ];
        for (encoded, expected) in rows {
            let form = Form::decode(encoded);
            let pairs: Vec<_> = form.iter().collect();
            assert_eq!(pairs, expected, "{}", String::from_utf8_lossy(encoded));
        }
    }

    #[test]
    fn text_is_the_first_value_with_foreign_bytes_replaced() {
        let form = Form::decode(b"a=one&a=two&b=x%FFy");
        assert_eq!(form.text("a").as_deref(), Some("one"));
        assert_eq!(form.text("b").as_deref(), Some("x\u{fffd}y"));
        assert_eq!(form.text("A"), None);
    }
}
