//! The messages of a seed's conversations: when each was, and the message log that it would have left.

use super::conversations::Parties;
use super::{Fields, times};
use crate::model::call::Direction;
use crate::model::ids::{CallId, MessageId};
use crate::model::message::{Message, Role};
use crate::model::message_log::{DeliveryStatus, MessageLog, Provider};
use crate::model::segments::segments;
use crate::model::time::Timestamp;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// The longest text of a message.
const MOST_CHARACTERS: usize = 1600;
/// From when a message was sent until its receipt came.
const RECEIPT_AFTER_SECONDS: u64 = 1;

/// A message as it is said, once its time is known.
pub(super) struct Said {
    pub(super) role: Role,
    content: String,
    pub(super) at: Timestamp,
    llm_provider: Option<String>,
    llm_model: Option<String>,
    media_urls: Vec<String>,
    provider_message_id: Option<String>,
    status: Option<DeliveryStatus>,
    error_code: Option<String>,
    error_message: Option<String>,
}

impl Said {
    pub(super) fn all(
        conversation: &mut Fields<'_>,
        started: Option<Timestamp>,
        now: Timestamp,
    ) -> Vec<Said> {
        let of_all = (conversation.owned("llm_provider"), conversation.owned("llm_model"));
        let (mut all, mut times) = (Vec::new(), Vec::new());
        let mut reached = started;
        for mut fields in conversation.tables("messages") {
            let at = fields.parsed("at", |text| times::past(text, now));
            if let (Some(at), Some(reached)) = (at, reached)
                && at < reached
            {
                fields
                    .complain("at", format!("{at} is before {reached}, which the conversation had reached"));
            }
            reached = at.or(reached);
            times.push(at);
            all.push(Said::read(&mut fields, &of_all, now));
            fields.end();
        }
        let start = started.or(times.first().copied().flatten());
        let start = start.unwrap_or_else(|| {
            // Before the first that has a time, if there is one.
            let first = times.iter().position(Option::is_some);
            let until = first.and_then(|at| times[at]).unwrap_or(now);
            times::usual_start(first.unwrap_or(times.len()), until)
        });
        for (said, at) in all.iter_mut().zip(times::spread(&times, start, now)) {
            said.at = at;
        }
        all
    }

    /// All but its time.
    fn read(fields: &mut Fields<'_>, of_all: &(Option<String>, Option<String>), now: Timestamp) -> Said {
        let role = fields.must("role", |it| it.kind("role", Role::ALL, Role::as_str)).unwrap_or(Role::User);
        let content = fields.must("content", |it| it.owned("content")).unwrap_or_default();
        if content.chars().count() > MOST_CHARACTERS {
            fields.complain("content", format!("it has at most {MOST_CHARACTERS} characters"));
        }
        let status = fields.kind("status", DeliveryStatus::ALL, DeliveryStatus::as_str);
        match (role, status) {
            (Role::Assistant, Some(DeliveryStatus::Received)) => {
                fields.complain("status", "a message to the customer is never `received`");
            }
            (Role::User, Some(other)) if other != DeliveryStatus::Received => {
                fields.complain("status", "a customer's message is `received`");
            }
            (Role::System, Some(_)) => fields.complain("status", "a system message is not sent"),
            _ => {}
        }
        let by_assistant = role == Role::Assistant;
        Said {
            role,
            content,
            at: now,
            llm_provider: fields.owned("llm_provider").or(of_all.0.clone().filter(|_| by_assistant)),
            llm_model: fields.owned("llm_model").or(of_all.1.clone().filter(|_| by_assistant)),
            media_urls: fields.texts("media_urls").unwrap_or_default(),
            provider_message_id: fields.owned("provider_message_id"),
            status,
            error_code: fields.owned("error_code"),
            error_message: fields.owned("error_message"),
        }
    }

    pub(super) fn message(&self, id: MessageId) -> Message<'_> {
        Message {
            id,
            role: self.role,
            content: Cow::Borrowed(&self.content),
            timestamp: self.at,
            llm_provider: self.llm_provider.as_deref().map(Cow::Borrowed),
            llm_model: self.llm_model.as_deref().map(Cow::Borrowed),
        }
    }

    /// What the carrier would have told of it. `place`: which conversation of the two numbers, and which message.
    pub(super) fn log(
        &self,
        call: CallId,
        parties: &Parties,
        place: (u64, u32),
        now: Timestamp,
    ) -> MessageLog {
        let (ours, customer) = (parties.our_number.to_string(), parties.customer.to_string());
        let inbound = self.role == Role::User;
        let usual = if inbound { DeliveryStatus::Received } else { DeliveryStatus::Delivered };
        let status = self.status.unwrap_or(usual);
        let told_at = self.at.plus_seconds(RECEIPT_AFTER_SECONDS).min(now);
        let (direction, from, to, updated_at) = match inbound {
            true => (Direction::Inbound, customer, ours, self.at),
            false => (Direction::Outbound, ours, customer, told_at),
        };
        MessageLog {
            call_id: Some(call),
            assistant_id: Some(parties.assistant),
            provider: parties.provider,
            provider_message_id: self
                .provider_message_id
                .clone()
                .unwrap_or_else(|| carriers_id(parties, place)),
            direction,
            from,
            to,
            body: self.content.clone(),
            media_urls: self.media_urls.clone(),
            segment_count: segments(&self.content).count,
            status,
            provider_status: status.as_str().to_owned(),
            error_code: self.error_code.clone(),
            error_message: self.error_message.clone(),
            created_at: self.at,
            updated_at,
        }
    }
}

/// An id as the carrier might have given it: always the same for the same message of a seed.
fn carriers_id(parties: &Parties, (place, index): (u64, u32)) -> String {
    let Parties { customer, our_number, provider, .. } = parties;
    let digest = Sha256::digest(format!("seed {our_number} {customer} {place} {index}"));
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    if *provider == Provider::Twilio { format!("SM{hex}") } else { hex }
}
