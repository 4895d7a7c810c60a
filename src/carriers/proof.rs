//! What signatures of several carriers have in common.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Refusal;

/// How far the second of signing may be from ours, either way: what bounds replays.
const TOLERANCE_SECONDS: u64 = 300;

/// Compares in a time that does not tell how much of a guess is right.
pub(crate) fn same(made: &str, given: &[u8]) -> bool {
    made.as_bytes().ct_eq(given).into()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn hex_sha256(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

pub(super) fn is_timely(signed_at: i64, now_unix: i64) -> bool {
    signed_at.abs_diff(now_unix) <= TOLERANCE_SECONDS
}

/// Seconds since 1970 in digits and nothing else, close to ours.
pub(super) fn check_timestamp(said: &str, now_unix: i64) -> Result<(), Refusal> {
    let digits = said.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = said.parse().ok().filter(|_| digits);
    match seconds.is_some_and(|seconds| is_timely(seconds, now_unix)) {
        true => Ok(()),
        false => Err(Refusal::NotNow(said.chars().take(40).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::check_timestamp;

    #[test]
    fn a_timestamp_is_digits_within_five_minutes() {
        let rows = [
            ("1000", true),
            ("700", true),
            ("1300", true),
            ("0001000", true),
            ("699", false),
            ("1301", false),
            ("+1000", false),
            (" 1000", false),
            ("1000.0", false),
            ("-1000", false),
            ("99999999999999999999", false),
            ("9223372036854775807", false),
            ("", false),
        ];
        for (said, good) in rows {
            assert_eq!(check_timestamp(said, 1000).is_ok(), good, "{said:?}");
        }
    }
}
