//! Delivery receipts: what a carrier tells of a message of ours.

use super::message_log::DeliveryStatus;
use serde::{Deserialize, Serialize};

/// Stored while it is of a message that we have not heard of yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// None: a word that we do not know.
    pub status: Option<DeliveryStatus>,
    /// In the carrier's own word.
    pub provider_status: String,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    /// The carrier says that the customer has opted out.
    pub opted_out: bool,
}
