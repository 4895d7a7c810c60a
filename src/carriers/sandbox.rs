//! The sandbox: a carrier without a network, so that everything can be tried without an account anywhere.
//!
//! It accepts every message and reports it delivered within a second, except where a number says otherwise. The numbers
//! of the first two groups mean what they mean with Twilio's test credentials.
//!
//! | our number (`from`) | what happens |
//! |---|---|
//! | `+15005550001` | refused, 21212: no valid sender |
//! | `+15005550006` | as any other |
//! | `+15005550007` | refused, 21606: not a sender of this account |
//! | `+15005550008` | to be tried again, 21611: the sender's queue is full |
//!
//! | customer (`to`) | what happens |
//! |---|---|
//! | `+15005550001` | refused, 21211: no valid number |
//! | `+15005550002` | refused, 21612: no route |
//! | `+15005550003` | refused, 21408: the region is not enabled |
//! | `+15005550004` | refused, 21610: the customer replied STOP |
//! | `+15005550009` | refused, 21614: cannot receive SMS |
//! | `+15005550010` | delivered |
//! | `+15005550011` | delivered slowly: each receipt comes 30 seconds after the last |
//! | `+15005550012` | sent, then undelivered with 30003 |
//! | `+15005550013` | failed with 30008 |
//! | `+15005550014` | the first two attempts are to be tried again after a second (20429), then delivered |
//! | `+15005550015` | nobody knows whether it was taken; no receipt ever comes |
//! | any other | delivered |

use super::send::Verdict::{self, Refused, Retry};
use super::{
    Carrier, CarrierError, CarrierReply, OutboundSms, Outgoing, Refusal, RefusedWhy, SendOutcome,
    WebhookEvent, WebhookRequest,
};
use crate::model::message_log::{DeliveryStatus, Provider};
use crate::model::segments::segments;

type Refusals = [(&'static str, &'static str, Verdict, &'static str)];

#[rustfmt::skip]
const OF_SENDERS: &Refusals = &[
    ("+15005550001", "21212", Refused(RefusedWhy::Configuration), "the sender is no valid number"),
    ("+15005550007", "21606", Refused(RefusedWhy::Configuration), "the sender is none of this account's"),
    ("+15005550008", "21611", Retry, "the sender's queue is full"),
];
#[rustfmt::skip]
const OF_CUSTOMERS: &Refusals = &[
    ("+15005550001", "21211", Refused(RefusedWhy::InvalidNumber), "the customer's number is not valid"),
    ("+15005550002", "21612", Refused(RefusedWhy::Configuration), "there is no route to the customer's number"),
    ("+15005550003", "21408", Refused(RefusedWhy::Configuration), "the customer's region is not enabled"),
    ("+15005550004", "21610", Refused(RefusedWhy::OptedOut), "the customer replied STOP"),
    ("+15005550009", "21614", Refused(RefusedWhy::InvalidNumber), "the customer's number cannot receive SMS"),
];
const SLOW: &str = "+15005550011";
const UNDELIVERED: &str = "+15005550012";
const FAILED: &str = "+15005550013";
const RATE_LIMITED: &str = "+15005550014";
const UNKNOWN: &str = "+15005550015";

#[derive(Clone, Copy, Debug, Default)]
pub struct Sandbox;

/// What a receipt of the sandbox would say, if it sent any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxReceipt {
    pub status: DeliveryStatus,
    pub provider_status: String,
    pub error: Option<CarrierError>,
}

impl Carrier for Sandbox {
    fn provider(&self) -> Provider {
        Provider::Sandbox
    }

    fn verify(&self, _: &WebhookRequest<'_>) -> Result<(), Refusal> {
        Err(Refusal::NoWebhooks)
    }

    fn parse(&self, _: &WebhookRequest<'_>) -> WebhookEvent {
        WebhookEvent::Unusable { account_id: None, reason: Refusal::NoWebhooks.to_string() }
    }

    fn unified_status(&self, provider_status: &str) -> Option<DeliveryStatus> {
        DeliveryStatus::ALL.into_iter().find(|status| status.as_str() == provider_status)
    }

    fn missing_to_send(&self) -> Option<&'static str> {
        None
    }

    fn send(&self, message: &OutboundSms<'_>) -> Outgoing {
        Outgoing::Done(outcome(message))
    }

    fn read_reply(&self, _: &CarrierReply<'_>) -> SendOutcome {
        SendOutcome::Unknown { reason: "the sandbox asks nobody, so there is no answer".to_owned() }
    }
}

/// What the sandbox calls the message of this job.
pub fn message_id(job: &str) -> String {
    format!("sandbox-{job}")
}

fn outcome(message: &OutboundSms<'_>) -> SendOutcome {
    let refusal = |refusals: &Refusals, number: &str| {
        let row = refusals.iter().find(|(refused, ..)| *refused == number);
        row.map(|(_, code, verdict, words)| {
            verdict.outcome(CarrierError::new(*code, *words), None, message.attempt)
        })
    };
    let refused = refusal(OF_SENDERS, message.from).or_else(|| refusal(OF_CUSTOMERS, message.to));
    if let Some(refused) = refused {
        return refused;
    }
    match message.to {
        RATE_LIMITED if message.attempt <= 2 => {
            Retry.outcome(CarrierError::new("20429", "too many requests"), Some(1), message.attempt)
        }
        UNKNOWN => SendOutcome::Unknown { reason: "the sandbox was asked to say nothing".to_owned() },
        _ => SendOutcome::Accepted {
            provider_message_id: message_id(message.job),
            more_ids: Vec::new(),
            provider_status: DeliveryStatus::Queued.as_str().to_owned(),
            segment_count: Some(segments(message.body).count),
        },
    }
}

/// The next receipt of a message to this customer that has come so far, and in how many milliseconds it is due.
pub fn next_receipt(to: &str, after: DeliveryStatus) -> Option<(u64, SandboxReceipt)> {
    use DeliveryStatus::{Delivered, Failed, Queued, Sending, Sent, Undelivered};
    let (status, error) = match (after, to) {
        (_, UNKNOWN) => return None,
        (Queued | Sending, FAILED) => {
            (Failed, Some(CarrierError::new("30008", "failed for no known reason")))
        }
        (Queued | Sending, _) => (Sent, None),
        (Sent, UNDELIVERED) => {
            (Undelivered, Some(CarrierError::new("30003", "the handset cannot be reached")))
        }
        (Sent, _) => (Delivered, None),
        _ => return None,
    };
    let milliseconds = match (to, after) {
        (SLOW, _) => 30_000,
        (_, Sent) => 500,
        _ => 300,
    };
    Some((milliseconds, SandboxReceipt { status, provider_status: status.as_str().to_owned(), error }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use DeliveryStatus::{Delivered, Failed, Queued, Sent, Undelivered};

    fn sent(from: &str, to: &str, attempt: u32) -> SendOutcome {
        let message = OutboundSms {
            from,
            to,
            body: "hi",
            media_urls: &[],
            job: "j1",
            attempt,
            messaging_service_sid: None,
            callback_url: None,
            now_unix: 0,
        };
        match Sandbox.send(&message) {
            Outgoing::Done(outcome) => outcome,
            Outgoing::Request(request) => panic!("the sandbox asked {request:?}"),
        }
    }

    fn receipts(to: &str) -> Vec<(u64, DeliveryStatus, Option<String>)> {
        let mut after = Queued;
        std::iter::from_fn(|| {
            let (milliseconds, receipt) = next_receipt(to, after)?;
            after = receipt.status;
            Some((milliseconds, receipt.status, receipt.error.and_then(|error| error.code)))
        })
        .collect()
    }

    #[test]
    fn the_numbers_do_what_the_table_says() {
        let any = "+15551234567";
        let rows = [
            ("+15005550001", any, 1, "Configuration 21212"),
            ("+15005550006", any, 1, "sandbox-j1"),
            ("+15005550007", any, 1, "Configuration 21606"),
            ("+15005550008", any, 9, "again 21611"),
            (any, "+15005550001", 1, "InvalidNumber 21211"),
            (any, "+15005550002", 1, "Configuration 21612"),
            (any, "+15005550003", 1, "Configuration 21408"),
            (any, "+15005550004", 1, "OptedOut 21610"),
            (any, "+15005550009", 1, "InvalidNumber 21614"),
            (any, "+15005550010", 1, "sandbox-j1"),
            (any, "+15005550014", 1, "again 20429"),
            (any, "+15005550014", 2, "again 20429"),
            (any, "+15005550014", 3, "sandbox-j1"),
            (any, "+15005550015", 1, "unknown"),
            (any, any, 1, "sandbox-j1"),
        ];
        for (from, to, attempt, expected) in rows {
            let code = |error: CarrierError| error.code.unwrap_or_default();
            let became = match sent(from, to, attempt) {
                SendOutcome::Accepted { provider_message_id, segment_count: Some(1), .. } => {
                    provider_message_id
                }
                SendOutcome::Retry { error, .. } => format!("again {}", code(error)),
                SendOutcome::Refused { why, error } => format!("{why:?} {}", code(error)),
                SendOutcome::Unknown { .. } => "unknown".to_owned(),
                other => panic!("{other:?}"),
            };
            assert_eq!(became, expected, "{from} to {to}, attempt {attempt}");
        }
    }

    #[test]
    fn receipts_come_one_after_the_other_until_the_last() {
        let delivered = vec![(300, Sent, None), (500, Delivered, None)];
        let undelivered = vec![(300, Sent, None), (500, Undelivered, Some("30003".to_owned()))];
        let rows = [
            ("+15551234567", delivered.clone()),
            ("+15005550010", delivered.clone()),
            ("+15005550014", delivered),
            ("+15005550011", vec![(30_000, Sent, None), (30_000, Delivered, None)]),
            ("+15005550012", undelivered),
            ("+15005550013", vec![(300, Failed, Some("30008".to_owned()))]),
            ("+15005550015", vec![]),
        ];
        for (to, expected) in rows {
            assert_eq!(receipts(to), expected, "{to}");
        }
        assert_eq!(next_receipt("+15551234567", DeliveryStatus::Received), None);
    }
}
