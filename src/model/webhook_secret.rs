//! What an assistant's forwarded webhooks are signed with, as Standard Webhooks has it: a secret of its own, and while
//! it is being replaced the one before.

use super::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the scheme writes before a secret.
pub const PREFIX: &str = "whsec_";

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookSecret {
    /// `whsec_` and base64 of 24 to 64 bytes.
    pub secret: String,
    /// Until when it signs; `None`: until it is replaced.
    pub expires_at: Option<Timestamp>,
}

impl WebhookSecret {
    /// The bytes to sign with; `None`: it is no secret.
    pub fn key(&self) -> Option<Vec<u8>> {
        key_of(&self.secret)
    }
}

/// The bytes that a secret stands for; `None`: it is none.
pub fn key_of(secret: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    (24..=64).contains(&key.len()).then_some(key)
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookSecret(expires_at: {:?})", self.expires_at)
    }
}

/// How many sign at most: every request carries a signature of each.
const MOST: usize = 3;

/// A new secret, and those that sign still: the last one does until `keep_until`, older ones as long as they were to.
pub fn rotated(
    secrets: &[WebhookSecret],
    new: &str,
    keep_until: Timestamp,
    now: Timestamp,
) -> Vec<WebhookSecret> {
    // Asked for once more, nothing changes.
    if secrets.first().is_some_and(|newest| newest.secret == new) {
        return secrets.to_vec();
    }
    let expires = |secret: &WebhookSecret| secret.expires_at.map_or(keep_until, |end| end.min(keep_until));
    let kept =
        secrets.iter().map(|secret| WebhookSecret { expires_at: Some(expires(secret)), ..secret.clone() });
    let kept = kept.filter(|secret| secret.secret != new && secret.expires_at > Some(now));
    let new = WebhookSecret { secret: new.to_owned(), expires_at: None };
    std::iter::once(new).chain(kept).take(MOST).collect()
}

/// Those that sign now, the newest first.
pub fn signing(secrets: &[WebhookSecret], now: Timestamp) -> impl Iterator<Item = &str> {
    let good = move |secret: &&WebhookSecret| secret.expires_at.is_none_or(|end| end > now);
    secrets.iter().filter(good).map(|secret| secret.secret.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_secret_signs_beside_the_new_one_for_a_while() {
        let (now, end) = (Timestamp(0), Timestamp(10));
        let first = rotated(&[], "a", end, now);
        assert_eq!(signing(&first, now).collect::<Vec<_>>(), ["a"]);
        let second = rotated(&first, "b", end, now);
        assert_eq!(signing(&second, now).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(signing(&second, end).collect::<Vec<_>>(), ["b"]);
        let third = rotated(&second, "c", Timestamp(20), now);
        assert_eq!(signing(&third, now).collect::<Vec<_>>(), ["c", "b", "a"]);
        assert_eq!(signing(&third, end).collect::<Vec<_>>(), ["c", "b"]);
        assert_eq!(rotated(&third, "c", now, now), third, "once more");
        assert_eq!(signing(&rotated(&third, "d", now, now), now).collect::<Vec<_>>(), ["d"]);
        assert_eq!(signing(&rotated(&first, "b", now, now), now).collect::<Vec<_>>(), ["b"]);
        assert_eq!(signing(&rotated(&first, "a", end, now), now).collect::<Vec<_>>(), ["a"]);
    }
}
