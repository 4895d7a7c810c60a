//! Outbound jobs: one send each, from the request to the carrier's answer, and the rules of trying again.

use super::ids::{CallId, MessageLogId};
use super::message_log::Provider;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How long a claim is good for: longer than a carrier may ever take to answer.
const LEASE_SECONDS: u64 = 180;
/// After so many a job is given up: with the waits between them after some three hours.
pub const MOST_ATTEMPTS: u32 = 12;
/// What waits longer is given up: it is not what anybody meant to send any more.
const LONGEST_WAIT_TO_SEND: u64 = 86_400;
const FIRST_WAIT_SECONDS: u64 = 5;
const LONGEST_WAIT_SECONDS: u64 = 3600;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    Queued,
    Sending,
    Sent,
    Failed,
    Cancelled,
    /// The carrier was called and nobody knows what came of it: it may or may not have been sent.
    Unknown,
}

impl JobStatus {
    pub const ALL: [JobStatus; 6] = [
        JobStatus::Queued,
        JobStatus::Sending,
        JobStatus::Sent,
        JobStatus::Failed,
        JobStatus::Cancelled,
        JobStatus::Unknown,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            JobStatus::Queued => "queued",
            JobStatus::Sending => "sending",
            JobStatus::Sent => "sent",
            JobStatus::Failed => "failed",
            JobStatus::Cancelled => "cancelled",
            JobStatus::Unknown => "unknown",
        }
    }
}

/// Why something is sent. New variants go at the end: the position is what is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Somebody asked for it.
    #[default]
    Message,
    /// A rule of the assistant answered.
    AutoReply,
    /// The answer to STOP, START or HELP: the one thing that goes to who has opted out.
    OptOutNotice,
    /// The receiver of a forwarded message answered.
    ForwardReply,
}

/// A job without its UUID, which is its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboundJob {
    pub call_id: Option<CallId>,
    pub log_id: Option<MessageLogId>,
    pub provider: Provider,
    pub from: String,
    pub to: String,
    pub body: String,
    pub media_urls: Vec<String>,
    pub status: JobStatus,
    pub idempotency_key: Option<String>,
    pub provider_message_id: Option<String>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    /// How often it was claimed. It fences: what a claim brings back counts only while it is the newest.
    pub attempts: u32,
    /// When the next attempt is due; of one under way, when its claim ends; of one that the sandbox took, when it
    /// tells the next receipt.
    pub due_at: Timestamp,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub purpose: Purpose,
}

impl OutboundJob {
    /// Whether a receipt tells more than we know: only what a carrier took has one, however the attempt then ends.
    pub fn is_settled_by_receipt(&self) -> bool {
        match self.status {
            JobStatus::Sending | JobStatus::Unknown => true,
            // It was asked before, and said that it did not take it.
            JobStatus::Queued => self.attempts > 0,
            JobStatus::Sent | JobStatus::Failed | JobStatus::Cancelled => false,
        }
    }

    /// When something is to be done about it; none: nothing ever again.
    pub fn due(&self) -> Option<Timestamp> {
        match self.status {
            JobStatus::Queued | JobStatus::Sending => Some(self.due_at),
            JobStatus::Sent if self.provider == Provider::Sandbox => {
                Some(self.due_at).filter(|due| *due != Timestamp::MAX)
            }
            _ => None,
        }
    }

    /// Whether a request to send asks for the same.
    pub fn says(&self, from: &str, to: &str, body: &str, media_urls: &[String]) -> bool {
        (self.from.as_str(), self.to.as_str(), self.body.as_str(), self.media_urls.as_slice())
            == (from, to, body, media_urls)
    }
}

/// What becomes of a job that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Somebody else was faster, or it is not due any more.
    NotDue,
    /// It may not be sent any more: it is given up.
    Refused(OutboundJob),
    /// The carrier is to be called, once this is durable.
    Attempt(OutboundJob),
    /// A claim ended without an outcome. Whether the carrier took it, nobody here can tell.
    Lost(OutboundJob),
}

/// Why a job may not be sent any more, whatever the carrier would say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    OptedOut,
    /// No assistant has the number now, or another carrier does.
    NotOurs,
}

/// What may be claimed, and for which attempt: a claim whose outcome was not heard is repeated as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claiming {
    Attempt(u32),
    /// Whoever claimed it before is known to be gone.
    Abandoned,
}

/// Decides about a job that the dispatcher found due.
pub fn decide_claim(
    job: &OutboundJob,
    claiming: Claiming,
    obstacle: Option<Obstacle>,
    now: Timestamp,
) -> Claim {
    let after = |status| OutboundJob { status, updated_at: now, ..job.clone() };
    let refused = |code: &str, message: &str| {
        Claim::Refused(OutboundJob {
            error_code: Some(code.to_owned()),
            error_message: Some(message.to_owned()),
            ..after(JobStatus::Failed)
        })
    };
    let is_notice = job.purpose == Purpose::OptOutNotice;
    let is_for = |attempt: u32| claiming == Claiming::Attempt(attempt);
    match job.status {
        JobStatus::Queued if job.due_at > now || !is_for(job.attempts + 1) => Claim::NotDue,
        JobStatus::Queued if obstacle == Some(Obstacle::OptedOut) && !is_notice => {
            refused("opted_out", "The customer opted out before it was sent")
        }
        JobStatus::Queued if obstacle == Some(Obstacle::NotOurs) => {
            refused("not_our_number", "The number was taken from its assistant before it was sent")
        }
        JobStatus::Queued if job.created_at.plus_seconds(LONGEST_WAIT_TO_SEND) <= now => {
            refused("expired", "It could not be sent within a day")
        }
        JobStatus::Queued => Claim::Attempt(OutboundJob {
            attempts: job.attempts + 1,
            due_at: now.plus_seconds(LEASE_SECONDS),
            ..after(JobStatus::Sending)
        }),
        JobStatus::Sending if is_for(job.attempts) => Claim::Attempt(job.clone()),
        JobStatus::Sending if claiming == Claiming::Abandoned || job.due_at <= now => {
            Claim::Lost(parked(job, "The server stopped while the carrier was being called", now))
        }
        _ => Claim::NotDue,
    }
}

fn parked(job: &OutboundJob, why: &str, now: Timestamp) -> OutboundJob {
    OutboundJob {
        status: JobStatus::Unknown,
        error_code: Some("outcome_unknown".to_owned()),
        error_message: Some(why.to_owned()),
        updated_at: now,
        ..job.clone()
    }
}

/// What comes from elsewhere (an import, a backup, an older file) may have been sent since: it is not sent again by
/// itself. None: it was settled there.
pub fn decide_arrival(job: &OutboundJob) -> Option<OutboundJob> {
    let why = "It was still to be sent where it came from, and may have been since";
    let open = matches!(job.status, JobStatus::Queued | JobStatus::Sending);
    // Later than it was, however little: so it is seen to have gone on.
    open.then(|| parked(job, why, Timestamp(job.updated_at.0.saturating_add(1))))
}

/// What an attempt brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    Accepted {
        provider_message_id: String,
        receipts_from: Timestamp,
    },
    /// Surely not taken; to be tried again.
    Retry {
        after_seconds: Option<u64>,
        code: Option<String>,
        message: String,
    },
    /// Never will be taken.
    Refused {
        code: Option<String>,
        message: String,
    },
    Unknown {
        message: String,
    },
}

/// Decides what a job becomes. None: the outcome is of a claim that counts no more.
pub fn decide_outcome(
    job: &OutboundJob,
    attempt: u32,
    outcome: &AttemptOutcome,
    now: Timestamp,
) -> Option<OutboundJob> {
    let accepted = matches!(outcome, AttemptOutcome::Accepted { .. });
    // That it was taken after all is news of one whose claim had ended, too.
    let open = job.status == JobStatus::Sending || (job.status == JobStatus::Unknown && accepted);
    if job.attempts != attempt || !open {
        return None;
    }
    let after = |status, code: &Option<String>, message: Option<&String>| OutboundJob {
        status,
        error_code: code.clone(),
        error_message: message.cloned(),
        updated_at: now,
        ..job.clone()
    };
    Some(match outcome {
        AttemptOutcome::Accepted { provider_message_id, receipts_from } => OutboundJob {
            provider_message_id: Some(provider_message_id.clone()),
            due_at: *receipts_from,
            ..after(JobStatus::Sent, &None, None)
        },
        AttemptOutcome::Retry { code, message, .. } if attempt >= MOST_ATTEMPTS => {
            let given_up = format!("Given up after {attempt} attempts: {message}");
            after(JobStatus::Failed, code, Some(&given_up))
        }
        AttemptOutcome::Retry { after_seconds, code, message } => OutboundJob {
            due_at: now.plus_seconds(wait_seconds(attempt, *after_seconds)),
            ..after(JobStatus::Queued, code, Some(message))
        },
        AttemptOutcome::Refused { code, message } => after(JobStatus::Failed, code, Some(message)),
        AttemptOutcome::Unknown { message } => {
            after(JobStatus::Unknown, &Some("outcome_unknown".to_owned()), Some(message))
        }
    })
}

/// How long to wait after an attempt: twice as long each time, and no less than the carrier asks for.
fn wait_seconds(attempt: u32, asked: Option<u64>) -> u64 {
    let doubled = FIRST_WAIT_SECONDS.saturating_mul(1 << attempt.saturating_sub(1).min(20));
    // A carrier that asks for more than a day is not waited for longer.
    doubled.min(LONGEST_WAIT_SECONDS).max(asked.unwrap_or(0).min(86_400))
}

/// The job after somebody took it back; none: it is too late.
pub fn decide_cancel(job: &OutboundJob, now: Timestamp) -> Option<OutboundJob> {
    (job.status == JobStatus::Queued).then(|| OutboundJob {
        status: JobStatus::Cancelled,
        // What an attempt before had brought back is not why it was not sent.
        error_code: Some("cancelled".to_owned()),
        error_message: Some("It was taken back before it was sent".to_owned()),
        updated_at: now,
        ..job.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn job(status: JobStatus, attempts: u32) -> OutboundJob {
        OutboundJob {
            call_id: Some(CallId(7)),
            log_id: Some(MessageLogId(8)),
            provider: Provider::Twilio,
            from: "+15551234567".to_owned(),
            to: "+15559876543".to_owned(),
            body: "hello".to_owned(),
            media_urls: Vec::new(),
            status,
            idempotency_key: None,
            provider_message_id: None,
            error_code: None,
            error_message: None,
            attempts,
            due_at: NOW,
            created_at: NOW,
            updated_at: NOW,
            purpose: Purpose::Message,
        }
    }

    #[test]
    fn a_job_that_is_due_is_claimed_once_unless_something_stands_in_the_way() {
        use Claiming::{Abandoned, Attempt};
        use Obstacle::{NotOurs, OptedOut};
        let kind =
            |job: &OutboundJob, claiming, obstacle, now| match decide_claim(job, claiming, obstacle, now) {
                Claim::NotDue => "not due".to_owned(),
                Claim::Refused(after) if after.status == JobStatus::Failed => after.error_code.unwrap(),
                Claim::Attempt(after) if after.status == JobStatus::Sending => {
                    format!("attempt {}", after.attempts)
                }
                Claim::Lost(after) if after.status == JobStatus::Unknown => "lost".to_owned(),
                other => panic!("{other:?}"),
            };
        let notice = OutboundJob { purpose: Purpose::OptOutNotice, ..job(JobStatus::Queued, 0) };
        let later = NOW.plus_seconds(LEASE_SECONDS);
        let claimed = OutboundJob { due_at: later, ..job(JobStatus::Sending, 1) };
        let stale = NOW.plus_seconds(LONGEST_WAIT_TO_SEND);
        for (job, claiming, obstacle, now, wanted) in [
            (job(JobStatus::Queued, 0), Attempt(1), None, NOW, "attempt 1"),
            (job(JobStatus::Queued, 3), Attempt(4), None, NOW, "attempt 4"),
            (job(JobStatus::Queued, 3), Attempt(3), None, NOW, "not due"),
            (job(JobStatus::Queued, 0), Abandoned, None, NOW, "not due"),
            (job(JobStatus::Queued, 0), Attempt(1), None, Timestamp(NOW.0 - 1), "not due"),
            (job(JobStatus::Queued, 0), Attempt(1), Some(OptedOut), NOW, "opted_out"),
            (job(JobStatus::Queued, 0), Attempt(1), Some(NotOurs), NOW, "not_our_number"),
            (job(JobStatus::Queued, 0), Attempt(1), None, stale, "expired"),
            (job(JobStatus::Queued, 0), Attempt(1), None, Timestamp(stale.0 - 1), "attempt 1"),
            (notice.clone(), Attempt(1), Some(OptedOut), NOW, "attempt 1"),
            (notice, Attempt(1), Some(NotOurs), NOW, "not_our_number"),
            (claimed.clone(), Attempt(1), Some(OptedOut), NOW, "attempt 1"),
            (claimed.clone(), Attempt(2), None, NOW, "not due"),
            (claimed.clone(), Attempt(2), None, later, "lost"),
            (claimed, Abandoned, None, NOW, "lost"),
            (job(JobStatus::Sent, 1), Abandoned, None, NOW, "not due"),
            (job(JobStatus::Failed, 1), Attempt(2), None, NOW, "not due"),
            (job(JobStatus::Cancelled, 0), Attempt(1), None, NOW, "not due"),
            (job(JobStatus::Unknown, 1), Attempt(2), None, NOW, "not due"),
        ] {
            assert_eq!(kind(&job, claiming, obstacle, now), wanted, "{job:?} {claiming:?} at {now:?}");
        }
    }

    #[test]
    fn an_outcome_counts_only_for_the_newest_claim() {
        let accepted =
            AttemptOutcome::Accepted { provider_message_id: "SM1".into(), receipts_from: Timestamp::MAX };
        let refused = AttemptOutcome::Refused { code: Some("21211".into()), message: "no number".into() };
        let unknown = AttemptOutcome::Unknown { message: "cut".into() };
        for (job, attempt, outcome, status) in [
            (job(JobStatus::Sending, 2), 2, &accepted, Some(JobStatus::Sent)),
            (job(JobStatus::Sending, 2), 1, &accepted, None),
            (job(JobStatus::Unknown, 2), 2, &accepted, Some(JobStatus::Sent)),
            (job(JobStatus::Unknown, 2), 2, &refused, None),
            (job(JobStatus::Sending, 1), 1, &refused, Some(JobStatus::Failed)),
            (job(JobStatus::Sending, 1), 1, &unknown, Some(JobStatus::Unknown)),
            (job(JobStatus::Sent, 1), 1, &unknown, None),
            (job(JobStatus::Cancelled, 1), 1, &accepted, None),
        ] {
            let after = decide_outcome(&job, attempt, outcome, NOW);
            assert_eq!(after.map(|job| job.status), status, "{:?} attempt {attempt} {outcome:?}", job.status);
        }
    }

    #[test]
    fn a_job_waits_longer_each_time_never_less_than_asked_and_is_given_up_in_the_end() {
        let mut waits = Vec::new();
        for attempt in 1..=MOST_ATTEMPTS {
            let retry = AttemptOutcome::Retry { after_seconds: None, code: None, message: "busy".into() };
            let after = decide_outcome(&job(JobStatus::Sending, attempt), attempt, &retry, NOW).unwrap();
            waits.push((after.status == JobStatus::Queued).then(|| (after.due_at.0 - NOW.0) / 1_000_000));
        }
        let seconds = [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600];
        assert_eq!(waits, seconds.map(Some).into_iter().chain([None]).collect::<Vec<_>>());
        for (attempt, asked, seconds) in
            [(1, 2, 5), (1, 90, 90), (4, 90, 90), (9, 90, 1280), (1, u64::MAX, 86_400)]
        {
            assert_eq!(wait_seconds(attempt, Some(asked)), seconds, "attempt {attempt}, asked {asked}");
        }
    }

    #[test]
    fn only_what_waits_can_be_taken_back() {
        for status in JobStatus::ALL {
            let cancelled = decide_cancel(&job(status, 0), NOW).map(|job| job.status);
            assert_eq!(
                cancelled,
                (status == JobStatus::Queued).then_some(JobStatus::Cancelled),
                "{status:?}"
            );
        }
    }
}
