//! An organization's own account at a carrier: it sends with it and verifies webhooks by it, instead of the server's.

use super::message_log::Provider;
use super::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Keyed by the provider. Stored as it is: whoever may read the database may send in its name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierAccount {
    /// Twilio's Account SID, Vonage's API key: what the carrier's requests name.
    pub account_id: Option<String>,
    /// What is sent with: Twilio's auth token, Telnyx' API key, Vonage's API secret.
    pub secret: Option<String>,
    /// What webhooks are verified with, the second for rotation: Twilio's auth tokens, Telnyx' public keys, Vonage's
    /// signature secrets.
    pub verifying: Vec<String>,
    /// How Vonage signs the account's webhooks, as its dashboard says; none: as the server's account.
    pub signature_method: Option<String>,
    pub updated_at: Timestamp,
}

impl CarrierAccount {
    /// Whether it can be one at this carrier; else the field that is wrong, and what it should be.
    pub fn check(&self, provider: Provider) -> Result<(), (&'static str, &'static str)> {
        let fits =
            |text: &String| (1..=512).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
        for (name, given) in [("account_id", &self.account_id), ("secret", &self.secret)] {
            if !given.iter().all(fits) {
                return Err((name, "Input should be 1 to 512 printable ASCII characters"));
            }
        }
        if self.verifying.len() > 2 || !self.verifying.iter().all(fits) {
            return Err(("verifying", "Input should be at most two texts of printable ASCII characters"));
        }
        if provider == Provider::Telnyx && !self.verifying.iter().all(|key| is_public_key(key)) {
            let expected = "Input should be Ed25519 public keys in base64, as Telnyx shows them";
            return Err(("verifying", expected));
        }
        if self.secret.is_none() && self.verifying.is_empty() {
            return Err(("secret", "An account needs a secret to send with or to verify webhooks with"));
        }
        if self.signature_method.as_deref().is_some_and(|name| name.parse::<SignatureMethod>().is_err()) {
            let expected = "Input should be 'md5hash', 'md5', 'sha1', 'sha256' or 'sha512'";
            return Err(("signature_method", expected));
        }
        Ok(())
    }
}

/// 32 bytes in base64.
pub fn is_public_key(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|key| key.len() == 32)
}

/// Secrets are nobody's to read in a log.
impl fmt::Debug for CarrierAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CarrierAccount").field("account_id", &self.account_id).finish_non_exhaustive()
    }
}

/// How a Vonage account signs the SMS API's webhooks, as its dashboard offers it: the first is a plain hash, the others are
/// HMACs. Only the one it is set to is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignatureMethod {
    /// MD5 over parameters and secret, what accounts have unless they choose.
    #[default]
    Md5Hash,
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

impl SignatureMethod {
    /// In the order of the variants.
    pub const WORDS: [&str; 5] = ["md5hash", "md5", "sha1", "sha256", "sha512"];
    const ALL: [SignatureMethod; 5] = [
        SignatureMethod::Md5Hash,
        SignatureMethod::Md5,
        SignatureMethod::Sha1,
        SignatureMethod::Sha256,
        SignatureMethod::Sha512,
    ];

    /// Its word in settings.
    pub fn as_str(self) -> &'static str {
        SignatureMethod::WORDS[self as usize]
    }
}

/// By its word in settings.
impl FromStr for SignatureMethod {
    type Err = ();

    fn from_str(word: &str) -> Result<SignatureMethod, ()> {
        let known = SignatureMethod::WORDS.iter().zip(SignatureMethod::ALL);
        known.into_iter().find(|(known, _)| **known == word).map(|(_, method)| method).ok_or(())
    }
}
