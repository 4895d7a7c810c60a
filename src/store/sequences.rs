//! The counters of an organization: the last id of each kind, and the longest session TTL so far.
//! Held in memory while a batch runs and written once with its commit.

use crate::model::message_log::{LogKind, MessageLog, Provider};
use crate::model::outbound::{JobStatus, OutboundJob};
use crate::model::transfer::Kind;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequences {
    pub user: u64,
    pub api_key: u64,
    pub assistant: u64,
    pub phone_number: u64,
    pub call: u64,
    pub message: u64,
    pub message_log: u64,
    pub audit: u64,
    pub feed: u64,
    /// No live session can have a last activity older than this, whatever the TTL is today.
    pub longest_ttl_seconds: u64,
    /// The feed begins after this: what came before was given up by its retention.
    pub feed_forgotten: u64,
    /// Up to here the feed was looked through for messages to forward.
    pub forwarded: u64,
}

impl Sequences {
    /// The counter of a kind of record, if it has ids that count.
    pub fn of(&mut self, kind: Kind) -> Option<&mut u64> {
        match kind {
            Kind::User => Some(&mut self.user),
            Kind::ApiKey => Some(&mut self.api_key),
            Kind::Assistant => Some(&mut self.assistant),
            Kind::PhoneNumber => Some(&mut self.phone_number),
            Kind::Call => Some(&mut self.call),
            Kind::Message => Some(&mut self.message),
            Kind::MessageLog => Some(&mut self.message_log),
            Kind::AuditEvent => Some(&mut self.audit),
            Kind::Organization | Kind::CarrierAccount | Kind::OptOut | Kind::OutboundJob => None,
        }
    }
}

/// What is counted in the `counts` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(super) enum Count {
    /// Conversations that the list shows without a filter.
    Conversations = 1,
    /// Message logs that are deleted. What tells their duplicates stays for a while.
    PurgedLogs = 2,
    /// Call records that are deleted; jobs of theirs that were sent may stay.
    ForgottenCalls = 3,
    /// Audit entries that are deleted without their thread. What tells their webhooks again stays for a while.
    ForgottenAudits = 4,
    /// Message logs; the block tells direction, status and provider.
    Logs = 5,
    /// Outbound jobs; the block tells status and provider.
    Jobs = 6,
    /// Message logs that the blocks of the search cover.
    SealedLogs = 7,
}

/// What a row of a table is counted as, in a block of its own.
pub(super) trait Counted {
    const KIND: Count;

    fn block(&self) -> u64;
}

impl Counted for LogKind {
    const KIND: Count = Count::Logs;

    fn block(&self) -> u64 {
        u64::from_be_bytes([0, 0, 0, 0, 1, self.direction as u8, self.status as u8, self.provider as u8])
    }
}

impl Counted for MessageLog {
    const KIND: Count = Count::Logs;

    fn block(&self) -> u64 {
        LogKind { direction: self.direction, status: self.status, provider: self.provider }.block()
    }
}

impl Counted for OutboundJob {
    const KIND: Count = Count::Jobs;

    fn block(&self) -> u64 {
        job_block(self.status, self.provider)
    }
}

pub(super) fn job_block(status: JobStatus, provider: Provider) -> u64 {
    u64::from_be_bytes([0, 0, 0, 0, 0, 1, status as u8, provider as u8])
}
