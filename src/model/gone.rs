//! What was deleted for good, counted by kind: the receipt of an erasure, and what a retention logs.

use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// Stored with the audit step of an erasure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// Call records of both channels.
    pub conversations: u64,
    pub messages: u64,
    pub message_logs: u64,
    /// Those of logs and those of audit entries.
    pub raw_payloads: u64,
    pub audit_entries: u64,
    pub opt_outs: u64,
    pub outbound_jobs: u64,
}

impl AddAssign for Gone {
    fn add_assign(&mut self, more: Gone) {
        self.conversations += more.conversations;
        self.messages += more.messages;
        self.message_logs += more.message_logs;
        self.raw_payloads += more.raw_payloads;
        self.audit_entries += more.audit_entries;
        self.opt_outs += more.opt_outs;
        self.outbound_jobs += more.outbound_jobs;
    }
}
