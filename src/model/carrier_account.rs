//! An organization's own account at a carrier: it sends with it and verifies webhooks by it, instead of the server's.

use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

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

/// Secrets are nobody's to read in a log.
impl fmt::Debug for CarrierAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CarrierAccount").field("account_id", &self.account_id).finish_non_exhaustive()
    }
}
