//! Opt-outs: a customer who wants no more messages from one of our numbers.

use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Keyed by our number and the customer's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptOut {
    pub at: Timestamp,
    /// How it came about, e.g. the keyword or `import`.
    pub how: String,
}
