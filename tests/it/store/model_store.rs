//! The model: the contract over BTreeMaps. It keeps views and applies changes in the plainest way
//! and asks the same deciders as the store; it knows nothing of indexes, batches or hints.

use super::door::{Accounts, Act, Answer, Door, Line, Outbox, Row};
use smslite::model::account::{self, ApiKey, Usage, User};
use smslite::model::address::Address;
use smslite::model::assistant::{Assistant, AssistantState, PhoneNumber};
use smslite::model::call::{Call, Channel, ConversationFilter, Direction, JsonText};
use smslite::model::forward::{
    Forward, ForwardNext, ForwardOutcome, ForwardReply, ParkedEvent, decide_forward,
};
use smslite::model::ids::{ApiKeyId, AssistantId, AuditId, CallId, MessageLogId, OrganizationId};
use smslite::model::ids::{PhoneNumberId, UserId};
use smslite::model::message::{MessageRange, Role};
use smslite::model::message_log::{DeliveryStatus, Provider};
use smslite::model::opt_out::{Keyword, OptOutChange, decide_keyword};
use smslite::model::outbound::{
    Claim, JobStatus, Obstacle, OutboundJob, Purpose, decide_cancel, decide_claim, decide_outcome,
};
use smslite::model::page::Page;
use smslite::model::partial_message::{PartDecision, PartialMessage, decide_part};
use smslite::model::receipt::Receipt;
use smslite::model::session::{
    Closing, NextMessage, SessionKey, ThreadDecision, decide_archive, decide_close, decide_thread, is_past,
};
use smslite::model::time::Timestamp;
use smslite::model::transfer::Line as TransferLine;
use smslite::model::webhook_secret::{WebhookSecret, rotated};
use smslite::store::{
    AssignNumber, AssignNumberOutcome, Bootstrap, Bootstrapped, CancelOutcome, ClaimJob, CreateOrganization,
    Due, EnqueueOutcome, EnqueueSms, ForgetCalls, ForgetRows, Held, ImportBatch, ImportBatchOutcome,
    MarkAllRead, MarkRead, NewApiKey, Place, PlanForwards, ReceiptOutcome, RecordInbound,
    RecordInboundOutcome, RecordPart, RecordPartOutcome, RecordReceipt, ResumeParked, RotateWebhookSecret,
    Route, SettleForward, SettleJob, SettledForward, UnassignNumber, UpdateUser, UserOutcome,
};
use std::collections::BTreeMap;

#[derive(Clone, Default)]
pub struct Model {
    /// In the order of their ids.
    slugs: Vec<String>,
    tenants: BTreeMap<OrganizationId, Tenant>,
}

#[derive(Clone, Default)]
struct Tenant {
    users: BTreeMap<UserId, User>,
    sign_ins: BTreeMap<UserId, Usage>,
    /// Up to when, and of single conversations up to which message, users have read.
    read_before: BTreeMap<UserId, Timestamp>,
    read: BTreeMap<(UserId, CallId), u32>,
    keys: BTreeMap<ApiKeyId, ApiKey>,
    assistants: BTreeMap<AssistantId, Assistant>,
    numbers: BTreeMap<Address, PhoneNumber>,
    calls: BTreeMap<CallId, Call>,
    /// The last id that a call was given.
    last_call: u64,
    lines: BTreeMap<(CallId, u32), Line>,
    messages: u64,
    sessions: BTreeMap<SessionKey, CallId>,
    /// (carrier, its id of the message, fortnight it came in) -> log.
    seen: BTreeMap<(Provider, String, i64), MessageLogId>,
    logs: u64,
    audit_steps: u64,
    jobs: BTreeMap<u8, OutboundJob>,
    /// The status of each log, and the words of those receipts that came.
    statuses: BTreeMap<MessageLogId, DeliveryStatus>,
    receipts: BTreeMap<(String, String), AuditId>,
    opt_outs: BTreeMap<(Address, Address), String>,
    early: BTreeMap<String, Vec<Receipt>>,
    parts: BTreeMap<(Address, String), PartialMessage>,
    carriers: Vec<Provider>,
    /// The logs of conversations that are there.
    told: BTreeMap<MessageLogId, Told>,
    /// How far the feed was looked through.
    forwarded: u64,
    forwards: BTreeMap<(CallId, MessageLogId), Forward>,
    parked: BTreeMap<MessageLogId, ParkedEvent>,
}

/// What a log says of its message.
#[derive(Clone)]
struct Told {
    call_id: CallId,
    from: Address,
    to: Address,
    at: Timestamp,
}

/// A message is known again within its fortnight and the ones beside it.
const FORTNIGHT_SECONDS: i64 = 14 * 24 * 60 * 60;

impl Tenant {
    /// Of imports it knows one: a conversation that ended elsewhere, whole.
    fn import(&mut self, batch: &ImportBatch) -> ImportBatchOutcome {
        let records = batch.records.len() as u64;
        let there = ImportBatchOutcome { stored: 0, skipped: records, replaced: 0, refused: None };
        for record in batch.records.iter() {
            match (&record.line, record.place) {
                (TransferLine::Call(line), Place::Call { messages, last_activity, .. }) => {
                    if self.calls.contains_key(&line.id.unwrap()) {
                        return there;
                    }
                    let call = line.call(last_activity, batch.session_ttl_seconds, batch.now);
                    let call = Call { message_count: messages, last_activity, ..call };
                    self.calls.insert(line.id.unwrap(), call);
                }
                (TransferLine::Message(line), Place::Message { index, settled }) => {
                    self.messages += 1;
                    let told = Line {
                        index,
                        id: self.messages,
                        role: line.role,
                        content: line.content.clone(),
                        timestamp: line.timestamp,
                    };
                    self.lines.insert((line.call_id, index), told);
                    if let Some(settled) = settled {
                        self.calls.get_mut(&line.call_id).unwrap().expires_at = Some(settled.expires_at);
                    }
                }
                other => panic!("the model imports no {other:?}"),
            }
        }
        ImportBatchOutcome { stored: records, skipped: 0, ..there }
    }

    fn insert_key(&mut self, user_id: UserId, new: &NewApiKey, now: Timestamp) -> ApiKeyId {
        let id = ApiKeyId(self.keys.len() as u64 + 1);
        let key = ApiKey {
            user_id,
            name: new.name.clone(),
            key_prefix: new.key_prefix.clone(),
            hash: new.hash,
            role: new.role,
            created_at: now,
            updated_at: now,
            expires_at: new.expires_at,
            revoked_at: None,
        };
        self.keys.insert(id, key);
        id
    }

    fn create_user(&mut self, user: &User) -> UserOutcome {
        if self.users.values().any(|known| known.email.eq_ignore_ascii_case(&user.email)) {
            return UserOutcome::EmailTaken;
        }
        let id = UserId(self.users.len() as u64 + 1);
        self.users.insert(id, user.clone());
        UserOutcome::Done(id, user.clone())
    }

    fn update_user(&mut self, command: &UpdateUser) -> UserOutcome {
        let Some(mut user) = self.users.get(&command.user_id).cloned() else {
            return UserOutcome::NoSuchUser;
        };
        user.role = command.change.role.unwrap_or(user.role);
        user.is_active = command.change.is_active.unwrap_or(user.is_active);
        user.password = command.change.password.clone().or(user.password);
        user.updated_at = command.now;
        let mut after = self.users.clone();
        after.insert(command.user_id, user.clone());
        if !after.values().any(|user| user.role == account::Role::Admin && user.is_active) {
            return UserOutcome::LastAdmin;
        }
        self.users = after;
        UserOutcome::Done(command.user_id, user)
    }

    fn revoke(&mut self, id: ApiKeyId, now: Timestamp) -> bool {
        let Some(key) = self.keys.get_mut(&id).filter(|key| key.revoked_at.is_none()) else {
            return false;
        };
        key.revoked_at = Some(now);
        key.updated_at = now;
        true
    }

    fn assistant(&mut self, id: AssistantId) -> Option<&mut Assistant> {
        self.assistants.get_mut(&id).filter(|assistant| assistant.state != AssistantState::Deleted)
    }

    fn delete_assistant(&mut self, id: AssistantId, now: Timestamp) -> bool {
        let Some(assistant) = self.assistant(id) else { return false };
        (assistant.state, assistant.updated_at) = (AssistantState::Deleted, now);
        for number in self.numbers.values_mut().filter(|number| number.assistant_id == Some(id)) {
            (number.assistant_id, number.updated_at) = (None, now);
        }
        true
    }

    fn unassign(&mut self, command: &UnassignNumber) -> Option<PhoneNumber> {
        let number = self.numbers.get_mut(&command.number)?;
        (number.assistant_id == Some(command.assistant_id)).then(|| {
            (number.assistant_id, number.updated_at) = (None, command.now);
            number.clone()
        })
    }

    fn assign(&mut self, command: &AssignNumber) -> AssignNumberOutcome {
        if self.assistant(command.assistant_id).is_none() {
            return AssignNumberOutcome::NoSuchAssistant;
        }
        let fresh = PhoneNumber {
            id: PhoneNumberId(self.numbers.len() as u64 + 1),
            provider: Provider::Twilio,
            assistant_id: None,
            friendly_name: None,
            is_active: true,
            created_at: command.now,
            updated_at: command.now,
        };
        let number = self.numbers.entry(command.number.clone()).or_insert(fresh);
        number.assistant_id = Some(command.assistant_id);
        number.is_active = true;
        number.updated_at = command.now;
        if let Some(provider) = command.provider {
            number.provider = provider;
        }
        if command.friendly_name.is_some() {
            number.friendly_name.clone_from(&command.friendly_name);
        }
        AssignNumberOutcome::Assigned(number.clone())
    }

    fn inbound(&mut self, command: &RecordInbound) -> RecordInboundOutcome {
        let fortnight = command.now.unix_seconds().max(0) / FORTNIGHT_SECONDS;
        let seen = |fortnight| (command.provider, command.provider_message_id.clone(), fortnight);
        let before = (fortnight - 1..=fortnight + 1).find_map(|near| self.seen.get(&seen(near)));
        if let Some(&log_id) = before {
            return RecordInboundOutcome::Duplicate { log_id };
        }
        self.logs += 1;
        self.audit_steps += command.steps.len() as u64 + 1;
        let log_id = MessageLogId(self.logs);
        self.seen.insert(seen(fortnight), log_id);
        let number = self.numbers.get(&command.to).filter(|number| number.is_active);
        let Some(assistant_id) = number.and_then(|number| number.assistant_id) else {
            return RecordInboundOutcome::Stored { log_id, route: Route::Unassigned };
        };
        let provider = number.unwrap().provider;
        let session =
            SessionKey { customer: command.from.clone(), assistant_id, our_number: command.to.clone() };
        let said = (Role::User, command.body.as_str());
        let (call_id, message, started) = self.join_or_start(
            (command.now, command.session_ttl_seconds),
            &session,
            Direction::Inbound,
            said,
        );
        let (from, to) = (command.from.clone(), command.to.clone());
        self.told.insert(log_id, Told { call_id, from, to, at: message.at });
        let (mut expires_at, mut replied) = (message.expires_at, false);
        if let Some((body, purpose)) = self.answer(command) {
            let now = command.now;
            let reply = EnqueueSms {
                organization: command.organization,
                now,
                session_ttl_seconds: command.session_ttl_seconds,
                cached: None,
                uuid: command.reply_uuid,
                from: command.to.clone(),
                to: command.from.clone(),
                body,
                media_urls: Vec::new(),
                segment_count: 1,
                idempotency_key: None,
                purpose,
            };
            (expires_at, replied) = (self.put_into_outbox(&reply, &session, provider).1, true);
        }
        let route = Route::Conversation {
            call_id,
            message_index: message.index,
            started,
            replied,
            session,
            expires_at,
        };
        RecordInboundOutcome::Stored { log_id, route }
    }

    /// What is answered to a message: to a keyword, else by a rule.
    fn answer(&mut self, command: &RecordInbound) -> Option<(String, Purpose)> {
        let pair = (command.to.clone(), command.from.clone());
        let opted_out = self.opt_outs.contains_key(&pair);
        let decision = Keyword::of(&command.body)
            .and_then(|keyword| decide_keyword(keyword, opted_out, command.keyword_answered));
        let Some(decision) = decision else {
            let reply =
                command.reply.as_ref().filter(|_| !opted_out).and_then(|rules| rules.to(&command.body));
            return reply.map(|reply| (reply, Purpose::AutoReply));
        };
        self.audit_steps += u64::from(decision.change.is_some());
        let purpose = match decision.change {
            Some(OptOutChange::Remove) => Purpose::AutoReply,
            _ => Purpose::OptOutNotice,
        };
        match decision.change {
            Some(OptOutChange::Add) => drop(self.opt_outs.insert(pair, command.body.trim().to_uppercase())),
            Some(OptOutChange::Remove) => drop(self.opt_outs.remove(&pair)),
            None => {}
        }
        decision.notice.map(|notice| (notice.to_owned(), purpose))
    }

    fn put_into_outbox(
        &mut self,
        sms: &EnqueueSms,
        session: &SessionKey,
        provider: Provider,
    ) -> (CallId, Timestamp) {
        let said = (Role::Assistant, sms.body.as_str());
        let (call_id, message, _) =
            self.join_or_start((sms.now, sms.session_ttl_seconds), session, Direction::Outbound, said);
        self.logs += 1;
        self.audit_steps += 1;
        self.statuses.insert(MessageLogId(self.logs), DeliveryStatus::Queued);
        let (from, to) = (sms.from.clone(), sms.to.clone());
        self.told.insert(MessageLogId(self.logs), Told { call_id, from, to, at: message.at });
        let job = OutboundJob {
            call_id: Some(call_id),
            log_id: Some(MessageLogId(self.logs)),
            provider,
            from: sms.from.to_string(),
            to: sms.to.to_string(),
            body: sms.body.clone(),
            media_urls: sms.media_urls.clone(),
            status: JobStatus::Queued,
            idempotency_key: sms.idempotency_key.clone(),
            provider_message_id: None,
            error_code: None,
            error_message: None,
            attempts: 0,
            due_at: sms.now,
            created_at: sms.now,
            updated_at: sms.now,
            purpose: sms.purpose,
        };
        self.jobs.insert(sms.uuid[0], job);
        (call_id, message.expires_at)
    }

    fn enqueue(&mut self, sms: &EnqueueSms) -> EnqueueOutcome {
        let known = sms
            .idempotency_key
            .as_ref()
            .and_then(|key| self.jobs.iter().find(|(_, job)| job.idempotency_key.as_ref() == Some(key)));
        if let Some((uuid, job)) = known {
            let same = (job.to.as_str(), &job.body) == (sms.to.as_str(), &sms.body);
            return match same {
                true => EnqueueOutcome::Known { uuid: [*uuid; 16], job: job.clone() },
                false => EnqueueOutcome::KeyTaken,
            };
        }
        let number = self.numbers.get(&sms.from).and_then(|it| Some((it.assistant_id?, it.provider)));
        let Some((assistant_id, provider)) = number else { return EnqueueOutcome::NoSuchNumber };
        if self.opt_outs.contains_key(&(sms.from.clone(), sms.to.clone())) {
            return EnqueueOutcome::OptedOut;
        }
        let session = SessionKey { customer: sms.to.clone(), assistant_id, our_number: sms.from.clone() };
        let (call_id, expires_at) = self.put_into_outbox(sms, &session, provider);
        EnqueueOutcome::Queued { job: self.jobs[&sms.uuid[0]].clone(), session, call_id, expires_at }
    }

    fn claim(&mut self, command: &ClaimJob) -> Claim {
        let Some(job) = self.jobs.get(&command.uuid[0]) else { return Claim::NotDue };
        let pair = (Address::stored(job.from.clone()), Address::stored(job.to.clone()));
        let ours =
            self.numbers.get(&pair.0).filter(|it| it.assistant_id.is_some() && it.provider == job.provider);
        let obstacle = match ours {
            None => Some(Obstacle::NotOurs),
            Some(_) => self.opt_outs.contains_key(&pair).then_some(Obstacle::OptedOut),
        };
        let claim = decide_claim(job, command.claiming, obstacle, command.now);
        match &claim {
            Claim::NotDue => {}
            Claim::Attempt(job) => drop(self.jobs.insert(command.uuid[0], job.clone())),
            Claim::Refused(job) => self.end(command.uuid[0], job, Some(DeliveryStatus::Failed)),
            Claim::Lost(job) => self.end(command.uuid[0], job, None),
        }
        claim
    }

    fn end(&mut self, uuid: u8, job: &OutboundJob, status: Option<DeliveryStatus>) {
        self.jobs.insert(uuid, job.clone());
        self.audit_steps += 1;
        let log = job.log_id.unwrap();
        let open = |known: &DeliveryStatus| [DeliveryStatus::Queued, DeliveryStatus::Sending].contains(known);
        if let (Some(status), true) = (status, self.statuses.get(&log).is_some_and(open)) {
            self.statuses.insert(log, status);
        }
    }

    fn settle(&mut self, command: &SettleJob) -> Option<OutboundJob> {
        let before = self.jobs.get(&command.uuid[0])?;
        let job = decide_outcome(before, command.attempt, &command.outcome, command.now)?;
        let pair = (Address::stored(job.from.clone()), Address::stored(job.to.clone()));
        if command.opted_out && !self.opt_outs.contains_key(&pair) {
            self.audit_steps += 1;
            self.opt_outs.insert(pair, format!("carrier {}", job.error_code.as_deref().unwrap_or_default()));
        }
        let status = match job.status {
            JobStatus::Failed => Some(DeliveryStatus::Failed),
            JobStatus::Unknown => Some(DeliveryStatus::Sending),
            _ => None,
        };
        self.end(command.uuid[0], &job, status);
        let id = job.provider_message_id.clone().unwrap_or_default();
        for receipt in self.early.remove(&id).unwrap_or_default() {
            let moved = self.apply(job.log_id.unwrap(), receipt.status);
            // An entry without steps has an id all the same.
            self.audit_steps += u64::from(moved);
        }
        Some(job)
    }

    fn part(&mut self, command: &RecordPart) -> RecordPartOutcome {
        let message = &command.message;
        let told_by = ("part".to_owned(), message.provider_message_id.clone());
        if self.receipts.contains_key(&told_by) {
            return RecordPartOutcome::Duplicate;
        }
        self.receipts.insert(told_by, AuditId(self.audit_steps + 1));
        self.audit_steps += message.steps.len() as u64 + 1;
        let key = (message.from.clone(), command.part.reference.clone());
        let numbers = (message.provider, message.from.to_string(), message.to.to_string());
        let text = (message.provider_message_id.clone(), message.body.clone());
        let alone = PartialMessage::begin(numbers, &command.part, text, message.now);
        let waiting = match decide_part(self.parts.remove(&key), alone) {
            PartDecision::Whole(whole) => return RecordPartOutcome::Whole(self.whole(message, &whole)),
            PartDecision::Wait(waiting) => waiting,
            PartDecision::Anew { before, begun } => {
                self.whole(message, &before);
                begun
            }
        };
        let due_at = waiting.due_at;
        self.parts.insert(key, waiting);
        RecordPartOutcome::Waits { due_at }
    }

    fn whole(&mut self, message: &RecordInbound, parts: &PartialMessage) -> RecordInboundOutcome {
        let provider_message_id = parts.provider_message_id().to_owned();
        self.inbound(&RecordInbound { provider_message_id, body: parts.text(), ..message.clone() })
    }

    fn apply(&mut self, log: MessageLogId, next: Option<DeliveryStatus>) -> bool {
        let status = self.statuses.get_mut(&log).unwrap();
        let moved = next.filter(|next| DeliveryStatus::decide(*status, *next));
        *status = moved.unwrap_or(*status);
        self.audit_steps += u64::from(moved.is_none());
        moved.is_some()
    }

    fn receipt(&mut self, command: &RecordReceipt) -> ReceiptOutcome {
        let id = &command.provider_message_id;
        let told_by = (id.clone(), command.receipt.provider_status.clone());
        let again = self.receipts.contains_key(&told_by);
        let asked = command.job.map(|uuid| uuid[0]);
        let known = |(uuid, job): &(&u8, &OutboundJob)| {
            let open = job.is_settled_by_receipt();
            job.provider_message_id.as_ref() == Some(id) || (asked == Some(**uuid) && open)
        };
        let found = self.jobs.iter().find(known).map(|(uuid, _)| *uuid);
        let audit = AuditId(self.audit_steps + 1);
        let Some(uuid) = found else {
            if again {
                return ReceiptOutcome::Duplicate;
            }
            self.audit_steps += command.steps.len() as u64;
            self.receipts.insert(told_by, audit);
            self.early.entry(id.clone()).or_default().push(command.receipt.clone());
            return ReceiptOutcome::Kept(audit);
        };
        self.audit_steps += command.steps.len() as u64;
        let job = self.jobs.get_mut(&uuid).unwrap();
        if job.is_settled_by_receipt() {
            job.status = JobStatus::Sent;
            job.provider_message_id = Some(id.clone());
            (job.error_code, job.error_message) = (None, None);
            (job.due_at, job.updated_at) = (Timestamp::MAX, command.now);
        }
        let log = job.log_id.unwrap();
        let moved = self.apply(log, command.receipt.status);
        self.receipts.insert(told_by, audit);
        match moved {
            _ if again => ReceiptOutcome::Duplicate,
            true => ReceiptOutcome::Moved(log),
            false => ReceiptOutcome::Stays(log),
        }
    }

    fn rotate(&mut self, command: &RotateWebhookSecret) -> Option<Vec<WebhookSecret>> {
        let secrets = &mut self.assistant(command.id)?.webhook_secrets;
        if secrets.is_empty() || !command.only_if_none {
            let until = command.now.plus_seconds(command.keep_seconds);
            *secrets = rotated(secrets, &command.secret, until, command.now);
        }
        Some(secrets.clone())
    }

    fn plan(&mut self, command: &PlanForwards) {
        if command.up_to <= self.forwarded {
            return;
        }
        self.forwarded = command.up_to;
        for (call, log) in &command.messages {
            if self.told.get(log).is_some_and(|told| told.call_id == *call) {
                self.forwards.insert((*call, *log), Forward::new(command.now));
            }
        }
    }

    fn settle_forward(&mut self, command: &SettleForward) -> SettledForward {
        let place = (command.call_id, command.log_id);
        if self.forwards.get(&place) != Some(&command.before) {
            return SettledForward::Gone;
        }
        self.forwards.remove(&place);
        let (outcome, started) = (&command.outcome, command.server_started);
        let next = decide_forward(&command.before, command.call_id, outcome, started, command.now);
        match &next {
            ForwardNext::Done => {}
            ForwardNext::Again(again) => drop(self.forwards.insert(place, again.clone())),
            ForwardNext::Park(parked) => {
                self.audit_steps += 1;
                self.parked.insert(command.log_id, parked.clone());
            }
        }
        self.audit_steps += u64::from(!matches!(outcome, ForwardOutcome::NotTried { .. }));
        let reply = match outcome {
            ForwardOutcome::Delivered { reply: ForwardReply::Text(text), .. } => self.reply(command, text),
            ForwardOutcome::Delivered { reply: ForwardReply::Unusable(_), .. } => {
                self.audit_steps += 1;
                None
            }
            _ => None,
        };
        SettledForward::Next(next, reply)
    }

    /// What the receiver answered goes the way of every message of ours, and may be refused.
    fn reply(&mut self, command: &SettleForward, text: &str) -> Option<EnqueueOutcome> {
        let told = self.told[&command.log_id].clone();
        let reply = self.enqueue(&EnqueueSms {
            organization: command.organization,
            now: command.now,
            session_ttl_seconds: command.session_ttl_seconds,
            cached: None,
            uuid: command.reply_uuid,
            from: told.to,
            to: told.from,
            body: text.to_owned(),
            media_urls: Vec::new(),
            segment_count: 1,
            idempotency_key: None,
            purpose: Purpose::ForwardReply,
        });
        let queued = matches!(reply, EnqueueOutcome::Queued { .. });
        self.audit_steps += u64::from(!queued);
        Some(reply).filter(|_| queued)
    }

    fn resume(&mut self, command: &ResumeParked) -> Vec<MessageLogId> {
        let mut resumed = Vec::new();
        for log in &command.logs {
            let Some(parked) = self.parked.remove(log) else { continue };
            if command.replay {
                self.forwards.insert((parked.call_id, *log), Forward::new(command.now));
            }
            self.audit_steps += 1;
            resumed.push(*log);
        }
        resumed
    }

    fn join_or_start(
        &mut self,
        (now, ttl): (Timestamp, u64),
        session: &SessionKey,
        direction: Direction,
        (role, content): (Role, &str),
    ) -> (CallId, NextMessage, bool) {
        let bound = self.sessions.get(session).map(|id| (*id, &self.calls[id]));
        let (call_id, message, started) = match decide_thread(bound, now, ttl) {
            ThreadDecision::Join { call_id, message } => {
                let call = self.calls.get_mut(&call_id).unwrap();
                call.message_count = message.index;
                call.last_activity = message.at;
                call.expires_at = Some(message.expires_at);
                (call_id, message, false)
            }
            ThreadDecision::Start { close, message } => {
                if let Some(closed) = close {
                    self.calls.get_mut(&closed.call_id).unwrap().ended_at = Some(closed.ended_at);
                }
                self.last_call += 1;
                let call_id = CallId(self.last_call);
                self.calls.insert(call_id, fresh_call(session, message, direction));
                self.sessions.insert(session.clone(), call_id);
                self.audit_steps += 1;
                (call_id, message, true)
            }
        };
        self.messages += 1;
        let line = Line {
            index: message.index,
            id: self.messages,
            role,
            content: content.to_owned(),
            timestamp: message.at,
        };
        self.lines.insert((call_id, message.index), line);
        (call_id, message, started)
    }
}

impl Tenant {
    fn forward_heads(&self) -> Vec<(CallId, MessageLogId, Forward)> {
        let mut heads: Vec<_> =
            self.forwards.iter().map(|((call, log), forward)| (*call, *log, forward.clone())).collect();
        heads.dedup_by_key(|(call, ..)| *call);
        heads
    }

    fn archive(&mut self, id: CallId, now: Timestamp) -> bool {
        let Some(archived) = self.calls.get(&id).and_then(|call| decide_archive(call, now)) else {
            return false;
        };
        self.calls.insert(id, archived);
        self.lines.retain(|(call, _), _| *call != id);
        self.read.retain(|(_, call), _| *call != id);
        self.sessions.retain(|_, call| *call != id);
        self.jobs.retain(|_, job| job.call_id != Some(id) || job.status != JobStatus::Queued);
        let statuses = &mut self.statuses;
        for job in self.jobs.values().filter(|job| job.call_id == Some(id)) {
            statuses.remove(&job.log_id.unwrap());
        }
        self.forget_logs(|_, told| told.call_id == id);
        true
    }

    /// The messages of a conversation that a user has not read.
    fn unread(&self, user: UserId, id: CallId) -> Vec<u32> {
        let Some(since) = self.users.get(&user).map(|user| user.created_at) else { return Vec::new() };
        let (before, marked) = (self.read_before.get(&user).unwrap_or(&since), self.read.get(&(user, id)));
        let is_new = |line: &&Line| line.timestamp > *before && line.index > *marked.unwrap_or(&0);
        self.lines
            .range((id, 0)..=(id, u32::MAX))
            .map(|(_, line)| line)
            .filter(is_new)
            .map(|line| line.index)
            .collect()
    }

    fn mark(&mut self, command: &MarkRead) -> bool {
        let unread = self.unread(command.user_id, command.call_id);
        let up_to = unread.into_iter().filter(|index| *index <= command.message_index).max();
        self.read.extend(up_to.map(|index| ((command.user_id, command.call_id), index)));
        up_to.is_some()
    }

    fn mark_all(&mut self, command: &MarkAllRead) -> bool {
        let Some(user) = self.users.get(&command.user_id) else { return false };
        let before = *self.read_before.get(&command.user_id).unwrap_or(&user.created_at);
        let listed = self.calls.values().filter(|call| call.is_conversation());
        let newest = listed.map(|call| call.last_activity).max().unwrap_or(before);
        let now = command.now.max(newest).max(before);
        let marks = self.read.len();
        self.read.retain(|(of, _), _| *of != command.user_id);
        self.read_before.insert(command.user_id, now);
        now > before || self.read.len() < marks
    }

    /// What was to be forwarded of a message goes with its log.
    fn forget_logs(&mut self, goes: impl Fn(MessageLogId, &Told) -> bool) {
        self.told.retain(|log, told| !goes(*log, told));
        self.forwards.retain(|(_, log), _| self.told.contains_key(log));
        self.parked.retain(|log, _| self.told.contains_key(log));
    }

    fn forget_rows(&mut self, command: &ForgetRows) {
        if command.of != Held::Logs {
            return;
        }
        let key =
            |log: MessageLogId| [&command.organization.0.to_be_bytes()[..], &log.0.to_be_bytes()].concat();
        self.forget_logs(|log, told| {
            let is_due = match &command.due {
                Due::Before(then) => told.at < *then,
                Due::About(number) => told.from == *number || told.to == *number,
            };
            is_due && command.keys.contains(&key(log))
        });
    }

    fn close(&mut self, calls: &[CallId], closing: Closing, now: Timestamp) -> Vec<SessionKey> {
        let mut closed = Vec::new();
        for id in calls {
            let Some(call) = self.calls.get_mut(id) else { continue };
            let Some(ended_at) = decide_close(call, closing, now) else { continue };
            call.ended_at = Some(ended_at);
            closed.push(SessionKey::of(call));
            self.sessions.retain(|_, call| call != id);
        }
        closed
    }
}

impl Tenant {
    fn forget(&mut self, command: &ForgetCalls) -> Vec<SessionKey> {
        let mut forgotten = Vec::new();
        for id in &command.calls {
            let due = self.calls.get(id).filter(|call| is_due(call, &command.due, command.now));
            let Some(session) = due.map(SessionKey::of) else { continue };
            self.calls.remove(id);
            self.lines.retain(|(call, _), _| call != id);
            self.read.retain(|(_, call), _| call != id);
            self.sessions.retain(|_, call| call != id);
            self.jobs.retain(|_, job| job.call_id != Some(*id));
            self.forget_logs(|_, told| told.call_id == *id);
            forgotten.push(session);
        }
        forgotten
    }
}

fn is_due(call: &Call, due: &Due, now: Timestamp) -> bool {
    match due {
        Due::Before(then) => is_past(call, *then, now),
        Due::About(number) => call.customer == *number,
    }
}

fn fresh_call(session: &SessionKey, message: NextMessage, direction: Direction) -> Call {
    Call {
        channel: Channel::Sms,
        direction,
        assistant_id: session.assistant_id,
        customer: session.customer.clone(),
        our_number: session.our_number.clone(),
        message_count: 1,
        started_at: message.at,
        last_activity: message.at,
        expires_at: Some(message.expires_at),
        ended_at: None,
        duration_seconds: None,
        voice_status: None,
        meta: JsonText::default(),
        archived: false,
    }
}

impl Model {
    fn make_organization(&mut self, command: &Bootstrap) -> Answer {
        self.slugs.push(command.organization.slug.clone());
        let organization = OrganizationId(self.slugs.len() as u32);
        let tenant = self.tenant(organization);
        let admin = UserId(tenant.users.len() as u64 + 1);
        tenant.users.insert(admin, command.admin.clone());
        let key = tenant.insert_key(admin, &command.key, command.now);
        Answer::Bootstrapped(Bootstrapped::Made { organization, admin, key })
    }

    fn tenant(&mut self, organization: OrganizationId) -> &mut Tenant {
        self.tenants.entry(organization).or_default()
    }

    /// The conversations that a closing is about.
    pub fn closable(&self, organization: OrganizationId, closing: Closing, now: Timestamp) -> Vec<CallId> {
        let calls = self.tenants.get(&organization).into_iter().flat_map(|tenant| &tenant.calls);
        calls.filter(|(_, call)| decide_close(call, closing, now).is_some()).map(|(id, _)| *id).collect()
    }

    /// The call records that are due to be deleted.
    pub fn forgettable(&self, organization: OrganizationId, due: &Due, now: Timestamp) -> Vec<CallId> {
        let calls = self.tenants.get(&organization).into_iter().flat_map(|tenant| &tenant.calls);
        calls.filter(|(_, call)| is_due(call, due, now)).map(|(id, _)| *id).collect()
    }

    /// The conversation that the customer's session names with whoever has the number.
    pub fn bound(
        &self,
        organization: OrganizationId,
        customer: &Address,
        our_number: &Address,
    ) -> Option<(CallId, &Call)> {
        let tenant = self.tenants.get(&organization)?;
        let assistant_id = tenant.numbers.get(our_number)?.assistant_id?;
        let session = SessionKey { customer: customer.clone(), assistant_id, our_number: our_number.clone() };
        tenant.sessions.get(&session).map(|id| (*id, &tenant.calls[id]))
    }
}

impl Door for Model {
    fn name(&self) -> &'static str {
        "the model"
    }

    fn act(&mut self, act: &Act) -> Answer {
        match act {
            Act::ReserveIds(command) => {
                let tenant = self.tenant(command.organization);
                tenant.last_call = tenant.last_call.max(command.highest.call);
                Answer::Nothing(())
            }
            Act::Import(command) => Answer::Imported(self.tenant(command.organization).import(command)),
            Act::Bootstrap(command) if self.slugs.is_empty() => self.make_organization(command),
            Act::Bootstrap(_) => Answer::Bootstrapped(Bootstrapped::AlreadyThere),
            Act::CreateOrganization(CreateOrganization(command)) => {
                if self.slugs.contains(&command.organization.slug) {
                    return Answer::Bootstrapped(Bootstrapped::AlreadyThere);
                }
                self.make_organization(command)
            }
            Act::CreateUser(command) => {
                Answer::User(self.tenant(command.organization).create_user(&command.user))
            }
            Act::UpdateUser(command) => Answer::User(self.tenant(command.organization).update_user(command)),
            Act::StartDashboardSession(command) => {
                let tenant = self.tenant(command.organization);
                let user = tenant.users.get(&command.session.user_id);
                let may = user.is_some_and(|user| user.is_active && user.password == command.password);
                if may {
                    let usage = tenant.sign_ins.entry(command.session.user_id).or_default();
                    usage.count += 1;
                    usage.last_used_at = Some(command.session.started_at);
                }
                Answer::Done(may)
            }
            Act::MarkRead(command) => Answer::Done(self.tenant(command.organization).mark(command)),
            Act::MarkAllRead(command) => Answer::Done(self.tenant(command.organization).mark_all(command)),
            // Who is signed in is read from memory alone, which no snapshot shows.
            Act::EndDashboardSession(_) | Act::NoteUsage(_) => Answer::Nothing(()),
            Act::RenameApiKey(command) => {
                let key = self.tenant(command.organization).keys.get_mut(&command.key_id);
                Answer::Done(key.is_some_and(|key| {
                    (key.name, key.updated_at) = (command.name.clone(), command.now);
                    true
                }))
            }
            Act::CreateApiKey(command) => {
                let tenant = self.tenant(command.organization);
                Answer::Key(tenant.insert_key(command.user_id, &command.key, command.now))
            }
            Act::RevokeApiKey(command) => {
                Answer::Done(self.tenant(command.organization).revoke(command.key_id, command.now))
            }
            Act::CreateAssistant(command) => {
                let tenant = self.tenant(command.organization);
                let id = AssistantId(tenant.assistants.len() as u64 + 1);
                tenant.assistants.insert(id, command.assistant.clone());
                Answer::Assistant(id)
            }
            Act::UpdateAssistant(command) => {
                let assistant = self.tenant(command.organization).assistant(command.id);
                Answer::Updated(assistant.map(|assistant| {
                    command.change.apply(assistant, command.now);
                    assistant.clone()
                }))
            }
            Act::DeleteAssistant(command) => {
                Answer::Done(self.tenant(command.organization).delete_assistant(command.id, command.now))
            }
            Act::UnassignNumber(command) => {
                Answer::Unassigned(self.tenant(command.organization).unassign(command))
            }
            Act::AssignNumber(command) => Answer::Number(self.tenant(command.organization).assign(command)),
            Act::Inbound(command) => Answer::Inbound(self.tenant(command.organization).inbound(command)),
            Act::KeepAudit(command) => {
                let tenant = self.tenant(command.organization);
                let id = AuditId(tenant.audit_steps + 1);
                tenant.audit_steps += command.steps.len().max(1) as u64;
                Answer::Audit(id)
            }
            Act::Archive(command) => {
                Answer::Done(self.tenant(command.organization).archive(command.call_id, command.now))
            }
            Act::ForgetCalls(command) => Answer::Closed(self.tenant(command.organization).forget(command)),
            Act::ForgetRows(command) => {
                self.tenant(command.organization).forget_rows(command);
                Answer::Nothing(())
            }
            // It knows nothing of the feed.
            Act::ForgetFeed(_) => Answer::Nothing(()),
            Act::NoteErasure(command) => {
                let tenant = self.tenant(command.organization);
                tenant.audit_steps += 1;
                Answer::Audit(AuditId(tenant.audit_steps))
            }
            Act::Enqueue(command) => Answer::Enqueued(self.tenant(command.organization).enqueue(command)),
            Act::Claim(command) => Answer::Claimed(self.tenant(command.organization).claim(command)),
            Act::Settle(command) => Answer::Settled(self.tenant(command.organization).settle(command)),
            Act::Cancel(command) => {
                let tenant = self.tenant(command.organization);
                let Some(job) = tenant.jobs.get(&command.uuid[0]) else {
                    return Answer::Cancelled(CancelOutcome::NotThere);
                };
                let Some(job) = decide_cancel(job, command.now) else {
                    return Answer::Cancelled(CancelOutcome::TooLate(job.status));
                };
                tenant.end(command.uuid[0], &job, Some(DeliveryStatus::Failed));
                Answer::Cancelled(CancelOutcome::Cancelled)
            }
            Act::Receipt(command) => Answer::Receipt(self.tenant(command.organization).receipt(command)),
            Act::Part(command) => Answer::Part(self.tenant(command.message.organization).part(command)),
            Act::Flush(command) => {
                let tenant = self.tenant(command.message.organization);
                let due = tenant.parts.iter().find(|(_, parts)| parts.due_at <= command.message.now);
                let Some(key) = due.map(|(key, _)| key.clone()) else { return Answer::Flushed(None) };
                let parts = tenant.parts.remove(&key).unwrap();
                Answer::Flushed(Some(tenant.whole(&command.message, &parts)))
            }
            Act::SandboxReceipt(command) => {
                let tenant = self.tenant(command.organization);
                let due = |job: &&mut OutboundJob| {
                    job.status == JobStatus::Sent && job.due().is_some_and(|due| due <= command.now)
                };
                let Some(job) = tenant.jobs.get_mut(&command.uuid[0]).filter(due) else {
                    return Answer::Done(false);
                };
                job.due_at = command.next_due;
                let log = job.log_id.unwrap();
                tenant.audit_steps += 1;
                tenant.apply(log, command.receipt.as_ref().and_then(|receipt| receipt.status));
                Answer::Done(true)
            }
            Act::CarrierAccount(command) => {
                let carriers = &mut self.tenant(command.organization).carriers;
                let known = carriers.contains(&command.provider);
                carriers.retain(|provider| *provider != command.provider);
                carriers.extend(command.account.as_ref().map(|_| command.provider));
                Answer::Done(known || command.account.is_some())
            }
            Act::OptOut(command) => {
                let opt_outs = &mut self.tenant(command.organization).opt_outs;
                let pair = (command.our_number.clone(), command.customer.clone());
                Answer::Done(match command.change {
                    OptOutChange::Remove => opt_outs.remove(&pair).is_some(),
                    OptOutChange::Add if opt_outs.contains_key(&pair) => false,
                    OptOutChange::Add => opt_outs.insert(pair, command.how.clone()).is_none(),
                })
            }
            Act::RotateSecret(command) => Answer::Secrets(self.tenant(command.organization).rotate(command)),
            Act::PlanForwards(command) => {
                self.tenant(command.organization).plan(command);
                Answer::Nothing(())
            }
            Act::SettleForward(command) => {
                Answer::Forwarded(self.tenant(command.organization).settle_forward(command))
            }
            Act::ResumeParked(command) => Answer::Resumed(self.tenant(command.organization).resume(command)),
            // It forgets what is archived at once, and is searched by nobody.
            Act::Seal(_) | Act::Purge(_) => Answer::Nothing(()),
            Act::Close(command) => {
                let tenant = self.tenant(command.organization);
                Answer::Closed(tenant.close(&command.calls, command.closing, command.now))
            }
        }
    }

    fn outbox(&self, organization: OrganizationId) -> Outbox {
        let Some(tenant) = self.tenants.get(&organization) else { return Outbox::default() };
        let status =
            |(uuid, job): (&u8, &OutboundJob)| Some((*uuid, *tenant.statuses.get(&job.log_id.unwrap())?));
        let opt_outs = tenant.opt_outs.iter();
        Outbox {
            jobs: tenant.jobs.iter().map(|(uuid, job)| (*uuid, job.clone())).collect(),
            statuses: tenant.jobs.iter().filter_map(status).collect(),
            opt_outs: opt_outs
                .map(|((ours, theirs), how)| (ours.clone(), theirs.clone(), how.clone()))
                .collect(),
            forwarded: tenant.forwarded,
            forwards: tenant.forward_heads(),
            parked: tenant.parked.clone().into_iter().collect(),
        }
    }

    /// It forgets nothing.
    fn reopen(&mut self) {}

    fn accounts(&self, organization: OrganizationId) -> Accounts {
        let Some(tenant) = self.tenants.get(&organization) else { return Accounts::default() };
        Accounts {
            users: (tenant.users.iter())
                .map(|(id, user)| (*id, user.clone(), tenant.sign_ins.get(id).copied().unwrap_or_default()))
                .collect(),
            keys: tenant.keys.clone().into_iter().collect(),
            assistants: tenant.assistants.clone().into_iter().collect(),
            numbers: tenant.numbers.clone().into_iter().collect(),
            unread: (tenant.users.keys())
                .flat_map(|user| tenant.calls.keys().map(|call| (*user, *call)))
                .map(|(user, call)| ((user, call), tenant.unread(user, call).len() as u32))
                .filter(|(_, unread)| *unread > 0)
                .collect(),
        }
    }

    fn count(&self, organization: OrganizationId) -> u64 {
        let calls = self.tenants.get(&organization).into_iter().flat_map(|tenant| tenant.calls.values());
        calls.filter(|call| call.is_conversation()).count() as u64
    }

    fn list(
        &self,
        organization: OrganizationId,
        filter: &ConversationFilter,
        page: Page,
        now: Timestamp,
    ) -> Vec<Row> {
        let calls = self.tenants.get(&organization).into_iter().flat_map(|tenant| &tenant.calls);
        let shown = calls.filter(|(_, call)| call.is_conversation());
        let matching = shown.map(|(id, call)| call.conversation(*id)).filter(|row| filter.matches(row, now));
        let mut rows: Vec<Row> = matching.map(|row| Row::of(&row, now)).collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.last_activity, row.id)));
        let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
        rows.into_iter().skip(skip).take(page.limit).collect()
    }

    fn get(&self, organization: OrganizationId, id: CallId, now: Timestamp) -> Option<Row> {
        let call = self.tenants.get(&organization)?.calls.get(&id).filter(|call| call.is_conversation())?;
        Some(Row::of(&call.conversation(id), now))
    }

    fn messages(&self, organization: OrganizationId, id: CallId, range: MessageRange) -> Vec<Line> {
        let Some(tenant) = self.tenants.get(&organization) else { return Vec::new() };
        let thread = tenant.lines.range((id, 0)..=(id, u32::MAX)).map(|(_, line)| line);
        let after = thread.filter(|line| line.index > range.after_index).skip(range.skip as usize);
        after.take(range.limit.map_or(usize::MAX, |limit| limit as usize)).cloned().collect()
    }
}
