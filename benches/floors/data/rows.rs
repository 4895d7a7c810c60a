//! Many commands of live traffic in one commit: the same rows as a server writes, without the wait of
//! each for the disk. What comes of each is compared with what was meant.

use super::plan::{Conversation, Plan};
use super::texts::text;
use crate::dice::Dice;
use smslite::model::address::Address;
use smslite::model::audit::{SignatureVerdict, Step};
use smslite::model::ids::{CallId, OrganizationId};
use smslite::model::message_log::{DeliveryStatus, Provider};
use smslite::model::outbound::{AttemptOutcome, Claim, Claiming, Purpose};
use smslite::model::receipt::Receipt;
use smslite::model::segments::segments;
use smslite::model::time::Timestamp;
use smslite::store::{
    ClaimJob, Command, EnqueueOutcome, EnqueueSms, ReceiptOutcome, RecordInbound, RecordInboundOutcome,
    RecordReceipt, Route, SettleJob, Tx, TxError,
};

/// Where a message is meant to go: its conversation, and its place there.
type Place = (CallId, u32);

#[allow(clippy::large_enum_variant, reason = "the large one is the frequent one")]
pub(super) enum Row {
    Inbound(RecordInbound, Place),
    Outbound(EnqueueSms, CallId),
    Claim(ClaimJob),
    Settle(SettleJob),
    Receipt(RecordReceipt),
}

impl Row {
    fn write(&self, tx: &mut Tx<'_>) -> Result<bool, TxError> {
        Ok(match self {
            Row::Inbound(command, (call, index)) => matches!(
                command.run(tx)?,
                RecordInboundOutcome::Stored { route: Route::Conversation { call_id, message_index, .. }, .. }
                    if call_id == *call && message_index == *index
            ),
            Row::Outbound(command, call) => {
                matches!(command.run(tx)?, EnqueueOutcome::Queued { call_id, .. } if call_id == *call)
            }
            Row::Claim(command) => matches!(command.run(tx)?, Claim::Attempt(_)),
            Row::Settle(command) => command.run(tx)?.is_some(),
            Row::Receipt(command) => matches!(command.run(tx)?, ReceiptOutcome::Moved(_)),
        })
    }
}

pub(super) struct Rows(pub(super) Vec<Row>);

impl Command for Rows {
    type Outcome = ();
    const NAME: &'static str = "benchmark_rows";

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), TxError> {
        for row in &self.0 {
            if !row.write(tx)? {
                return Err(TxError::Damaged("the data does not become what was planned".to_owned()));
            }
        }
        Ok(())
    }
}

/// One organization whose rows are being made.
pub(super) struct Maker {
    pub organization: OrganizationId,
    /// By assistant, from 1.
    pub numbers: Vec<Address>,
    pub dice: Dice,
    pub calls: u64,
    /// Conversations of exactly eight messages, and the one of a thousand.
    pub long: Vec<u64>,
    pub thousand: u64,
}

/// Rows by when they are written; of two at the same time the one that was made first.
type Timed = Vec<(i64, Row)>;

const MILLISECOND: i64 = 1_000;

impl Maker {
    /// All rows of a window, in the order of time.
    pub(super) fn window(&mut self, plan: &mut Plan, window: u64) -> Vec<Row> {
        let mut conversations = plan.window(window);
        // Ids are given in the order in which they start.
        conversations.sort_by_key(|conversation| conversation.start);
        let mut rows = Vec::new();
        for conversation in &conversations {
            self.conversation(conversation, &mut rows);
        }
        rows.sort_by_key(|(at, _)| *at);
        rows.into_iter().map(|(_, row)| row).collect()
    }

    fn conversation(&mut self, of: &Conversation, rows: &mut Timed) {
        self.calls += 1;
        match of.messages {
            super::LONG => self.long.push(self.calls),
            super::THOUSAND => self.thousand = self.calls,
            _ => {}
        }
        let gap = of.takes / i64::from(of.messages);
        let mut inbound = self.dice.below(10) < 8;
        for index in 1..=of.messages {
            let mut at = of.start + gap * i64::from(index - 1);
            if index > 1 {
                at += self.dice.below((gap / 2).unsigned_abs()).cast_signed();
            }
            match inbound {
                true => self.inbound(of, index, at, rows),
                false => self.outbound(of, index, at, rows),
            }
            // For the most part they take turns.
            inbound ^= self.dice.below(4) > 0;
        }
    }

    fn inbound(&mut self, of: &Conversation, index: u32, at: i64, rows: &mut Timed) {
        let body = text(of.language, &mut self.dice);
        let from = super::address(of.customer);
        let command = super::inbound(super::Inbound {
            organization: self.organization,
            now: Timestamp(at),
            session_ttl_seconds: of.ttl_seconds,
            sid: super::message_sid(&mut self.dice),
            from,
            to: self.numbers[of.assistant as usize - 1].clone(),
            segment_count: segments(&body).count,
            body,
            cached: (index > 1).then_some(CallId(self.calls)),
        });
        rows.push((at, Row::Inbound(command, (CallId(self.calls), index))));
    }

    /// What the outbox and the carrier do with a message: most are delivered, some are only sent, some fail.
    fn outbound(&mut self, of: &Conversation, index: u32, at: i64, rows: &mut Timed) {
        let organization = self.organization;
        let body = text(of.language, &mut self.dice);
        let mut uuid = [0; 16];
        uuid[..8].copy_from_slice(&self.dice.roll().to_be_bytes());
        uuid[8..].copy_from_slice(&self.dice.roll().to_be_bytes());
        let enqueue = EnqueueSms {
            organization,
            now: Timestamp(at),
            session_ttl_seconds: of.ttl_seconds,
            cached: (index > 1).then_some(CallId(self.calls)),
            uuid,
            from: self.numbers[of.assistant as usize - 1].clone(),
            to: super::address(of.customer),
            segment_count: segments(&body).count,
            body,
            media_urls: Vec::new(),
            idempotency_key: None,
            purpose: Purpose::Message,
        };
        rows.push((at, Row::Outbound(enqueue, CallId(self.calls))));
        let at = at + 5 * MILLISECOND;
        let claim = ClaimJob { organization, uuid, claiming: Claiming::Attempt(1), now: Timestamp(at) };
        rows.push((at, Row::Claim(claim)));
        self.fate(uuid, at, rows);
    }

    fn fate(&mut self, uuid: [u8; 16], at: i64, rows: &mut Timed) {
        let organization = self.organization;
        let (fate, sid) = (self.dice.below(100), super::message_sid(&mut self.dice));
        let outcome = match fate {
            0..2 => AttemptOutcome::Refused {
                code: Some("21211".to_owned()),
                message: "The 'To' number is not a valid phone number.".to_owned(),
            },
            _ => AttemptOutcome::Accepted { provider_message_id: sid.clone(), receipts_from: Timestamp::MAX },
        };
        let at = at + 150 * MILLISECOND + self.dice.below(300_000).cast_signed();
        let settle = SettleJob {
            organization,
            uuid,
            attempt: 1,
            now: Timestamp(at),
            outcome,
            provider_status: "queued".to_owned(),
            segment_count: None,
            opted_out: false,
        };
        rows.push((at, Row::Settle(settle)));
        let (status, word, error_code) = match fate {
            0..6 => return,
            6..10 => (DeliveryStatus::Undelivered, "undelivered", Some("30005".to_owned())),
            _ => (DeliveryStatus::Delivered, "delivered", None),
        };
        let at = at + 800 * MILLISECOND + self.dice.below(2_000_000).cast_signed();
        let provider = Provider::Twilio;
        let steps = vec![
            Step::WebhookReceived { provider, signature: SignatureVerdict::Valid },
            Step::ReceiptReceived {
                provider,
                provider_message_id: sid.clone(),
                provider_status: word.to_owned(),
                error_code: error_code.clone(),
            },
        ];
        let receipt = RecordReceipt {
            organization,
            now: Timestamp(at),
            provider,
            provider_message_id: sid,
            job: None,
            customer: None,
            receipt: Receipt {
                status: Some(status),
                provider_status: word.to_owned(),
                error_code,
                error_message: None,
                opted_out: false,
            },
            steps,
            // Of messages as old as these none is kept.
            payload: None,
        };
        rows.push((at, Row::Receipt(receipt)));
    }
}
