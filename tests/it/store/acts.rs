//! Acts with what a test does not care about filled in.

use super::door::{Act, Answer, Door};
use smslite::model::account::{
    DashboardSession, KeyHash, Organization, PasswordHash, Role, User, UserChange,
};
use smslite::model::address::Address;
use smslite::model::assistant::{Assistant, AssistantChange, AssistantState};
use smslite::model::audit::{SignatureVerdict, Step};
use smslite::model::call::JsonText;
use smslite::model::forward::{Forward, ForwardOutcome, ForwardReply};
use smslite::model::ids::{ApiKeyId, AssistantId, CallId, MessageLogId, OrganizationId, UserId};
use smslite::model::message_log::{DeliveryStatus, Provider, RawPayload};
use smslite::model::opt_out::OptOutChange;
use smslite::model::outbound::{AttemptOutcome, Claiming, Purpose};
use smslite::model::receipt::Receipt;
use smslite::model::session::Closing;
use smslite::model::time::Timestamp;
use smslite::store::{
    ArchiveConversation, AssignNumber, Bootstrap, CancelJob, ChangeOptOut, ClaimJob, CloseSessions,
    CreateApiKey, CreateAssistant, CreateOrganization, CreateUser, DeleteAssistant, Due, EnqueueSms,
    ForgetCalls, ForgetRows, Held, KeepAudit, MarkAllRead, MarkRead, NewApiKey, PlanForwards, PurgeStep,
    RecordInbound, RecordInboundOutcome, RecordReceipt, ResumeParked, RevokeApiKey, RotateWebhookSecret,
    Route, SettleForward, SettleJob, StartDashboardSession, UnassignNumber, UpdateAssistant, UpdateUser,
};

pub const ORG: OrganizationId = OrganizationId(1);
pub const OTHER_ORG: OrganizationId = OrganizationId(2);
/// 2026-04-30T10:00:00Z.
pub const START: Timestamp = Timestamp(1_777_543_200_000_000);
pub const TTL: u64 = 86_400;
pub const DESK: &str = "+15551234567";
pub const SALES: &str = "+15557654321";
pub const NOBODYS: &str = "+15550000000";
pub const ANN: &str = "+15559876543";
pub const BOB: &str = "+447700900123";

pub fn seconds(count: i64) -> i64 {
    count * 1_000_000
}

/// `micros` after [`START`].
pub fn at(micros: i64) -> Timestamp {
    Timestamp(START.0 + micros)
}

pub fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

pub fn payload(now: Timestamp) -> RawPayload {
    RawPayload {
        received_at: now,
        method: "POST".to_owned(),
        path_and_query: "/webhooks/sms/twilio".to_owned(),
        content_type: "application/x-www-form-urlencoded".to_owned(),
        body: b"Body=hello&NumMedia=0".to_vec(),
    }
}

pub fn received() -> Step {
    Step::WebhookReceived { provider: Provider::Twilio, signature: SignatureVerdict::Valid }
}

/// A message from `from` to `to`, known to the carrier as `sid`.
pub fn message(sid: &str, from: &str, to: &str, now: Timestamp) -> RecordInbound {
    RecordInbound {
        organization: ORG,
        now,
        session_ttl_seconds: TTL,
        cached: None,
        provider: Provider::Twilio,
        provider_message_id: sid.to_owned(),
        provider_status: "received".to_owned(),
        from: address(from),
        to: address(to),
        body: format!("this is {sid}"),
        media_urls: Vec::new(),
        segment_count: 1,
        steps: vec![received()],
        payload: payload(now),
        keyword: None,
        keyword_answered: false,
        reply: None,
        reply_uuid: [0; 16],
    }
}

/// A message of ours from the desk; the UUID of its job is this byte sixteen times.
pub fn sms(uuid: u8, to: &str, key: Option<&str>, now: Timestamp) -> EnqueueSms {
    EnqueueSms {
        organization: ORG,
        now,
        session_ttl_seconds: 100,
        cached: None,
        uuid: [uuid; 16],
        from: address(DESK),
        to: address(to),
        body: "how are you?".to_owned(),
        media_urls: Vec::new(),
        segment_count: 1,
        idempotency_key: key.map(str::to_owned),
        purpose: Purpose::Message,
    }
}

pub fn enqueue(uuid: u8, to: &str, key: Option<&str>, now: Timestamp) -> Act {
    Act::Enqueue(sms(uuid, to, key, now))
}

pub fn claiming(uuid: u8, claiming: Claiming, now: Timestamp) -> ClaimJob {
    ClaimJob { organization: ORG, uuid: [uuid; 16], claiming, now }
}

pub fn claim(uuid: u8, attempt: u32, now: Timestamp) -> Act {
    Act::Claim(claiming(uuid, Claiming::Attempt(attempt), now))
}

pub fn settling(uuid: u8, attempt: u32, outcome: AttemptOutcome, now: Timestamp) -> SettleJob {
    SettleJob {
        organization: ORG,
        uuid: [uuid; 16],
        attempt,
        now,
        outcome,
        provider_status: "queued".to_owned(),
        segment_count: None,
        opted_out: false,
    }
}

pub fn settle(uuid: u8, attempt: u32, outcome: AttemptOutcome, now: Timestamp) -> Act {
    Act::Settle(settling(uuid, attempt, outcome, now))
}

pub fn cancel(uuid: u8, now: Timestamp) -> Act {
    Act::Cancel(CancelJob { organization: ORG, uuid: [uuid; 16], now })
}

/// What Twilio tells of a message, in a word that is the unified one too.
pub fn receipt(id: &str, job: Option<u8>, word: &str, now: Timestamp) -> Act {
    let status = DeliveryStatus::ALL.into_iter().find(|status| status.as_str() == word);
    Act::Receipt(RecordReceipt {
        organization: ORG,
        now,
        provider: Provider::Twilio,
        provider_message_id: id.to_owned(),
        job: job.map(|uuid| [uuid; 16]),
        customer: Some(address(ANN)),
        receipt: Receipt {
            status,
            provider_status: word.to_owned(),
            error_code: None,
            error_message: None,
            opted_out: false,
        },
        steps: vec![received()],
        payload: Some(payload(now)),
    })
}

pub fn opt_out(customer: &str, change: OptOutChange, now: Timestamp) -> Act {
    let (our_number, customer) = (address(DESK), address(customer));
    Act::OptOut(ChangeOptOut { organization: ORG, our_number, customer, change, how: "api".to_owned(), now })
}

/// Takes up these messages; the feed was looked through until `up_to`.
pub fn plan(up_to: u64, messages: &[(CallId, MessageLogId)], now: Timestamp) -> Act {
    Act::PlanForwards(PlanForwards { organization: ORG, now, up_to, messages: messages.to_vec() })
}

/// What the receiver answered.
pub fn delivered(reply: ForwardReply) -> ForwardOutcome {
    ForwardOutcome::Delivered { http_status: 200, reply }
}

pub fn replies(text: &str) -> ForwardOutcome {
    delivered(ForwardReply::Text(text.to_owned()))
}

pub fn fails() -> ForwardOutcome {
    ForwardOutcome::Failed { http_status: Some(500), error: "the receiver answered 500".to_owned() }
}

/// `reply`: the UUID of the job of what is answered is this byte sixteen times.
pub fn settle_forward(
    (call_id, log_id): (CallId, MessageLogId),
    before: &Forward,
    outcome: ForwardOutcome,
    reply: u8,
    now: Timestamp,
) -> Act {
    Act::SettleForward(SettleForward {
        organization: ORG,
        call_id,
        log_id,
        before: before.clone(),
        outcome,
        url: "https://example.com/hook".to_owned(),
        server_started: START,
        now,
        session_ttl_seconds: 100,
        reply_uuid: [reply; 16],
    })
}

/// `replay`: they are told again; else they are given up.
pub fn resume(logs: &[MessageLogId], replay: bool, now: Timestamp) -> Act {
    Act::ResumeParked(ResumeParked { organization: ORG, logs: logs.to_vec(), replay, now })
}

/// The one before still signs for a minute.
pub fn rotate(assistant: u64, secret: &str, only_if_none: bool, now: Timestamp) -> Act {
    Act::RotateSecret(RotateWebhookSecret {
        organization: ORG,
        id: AssistantId(assistant),
        secret: secret.to_owned(),
        keep_seconds: 60,
        only_if_none,
        now,
    })
}

pub fn new_key(secret: &str) -> NewApiKey {
    NewApiKey {
        name: secret.to_owned(),
        key_prefix: secret.chars().take(12).collect(),
        hash: KeyHash::of(secret),
        role: Role::Admin,
        expires_at: None,
    }
}

pub fn bootstrap() -> Act {
    Act::Bootstrap(organization("acme"))
}

pub fn create_organization(slug: &str) -> Act {
    Act::CreateOrganization(CreateOrganization(organization(slug)))
}

fn organization(slug: &str) -> Bootstrap {
    Bootstrap {
        now: START,
        organization: Organization { slug: slug.to_owned(), name: slug.to_owned(), created_at: START },
        admin: User {
            email: "admin@example.com".to_owned(),
            first_name: None,
            last_name: Some("Admin".to_owned()),
            role: Role::Admin,
            password: None,
            is_active: true,
            created_at: START,
            updated_at: START,
        },
        key: new_key(&format!("sl_live_{slug}")),
    }
}

pub fn update_user(user: u64, change: UserChange, now: Timestamp) -> Act {
    Act::UpdateUser(UpdateUser { organization: ORG, user_id: UserId(user), change, now })
}

pub fn set_password(user: u64, now: Timestamp) -> Act {
    let password = Some(PasswordHash::Chosen("$argon2id$stands-in".to_owned()));
    update_user(user, UserChange { password, ..UserChange::default() }, now)
}

pub fn create_user(email: &str, role: Role, now: Timestamp) -> Act {
    let user = User {
        email: email.to_owned(),
        first_name: None,
        last_name: None,
        role,
        password: None,
        is_active: true,
        created_at: now,
        updated_at: now,
    };
    Act::CreateUser(CreateUser { organization: ORG, user })
}

pub fn sign_in(user: u64, secret: &str, now: Timestamp) -> Act {
    let (hash, ends_at) = (KeyHash::of(secret), now.plus_seconds(7200));
    let session =
        DashboardSession { user_id: UserId(user), hash, started_at: now, idle_seconds: 3600, ends_at };
    Act::StartDashboardSession(StartDashboardSession { organization: ORG, session, password: None })
}

pub fn create_key(secret: &str, now: Timestamp) -> Act {
    Act::CreateApiKey(CreateApiKey { organization: ORG, user_id: UserId(1), key: new_key(secret), now })
}

pub fn revoke_key(key: u64, now: Timestamp) -> Act {
    Act::RevokeApiKey(RevokeApiKey { organization: ORG, key_id: ApiKeyId(key), now })
}

pub fn create_assistant(organization: OrganizationId, name: &str) -> Act {
    let assistant = Assistant {
        user_id: UserId(1),
        name: name.to_owned(),
        description: None,
        llm_provider: Some("openai".to_owned()),
        webhook_url: None,
        sms_webhook_url: None,
        messaging_service_sid: None,
        custom_settings: None,
        state: AssistantState::Active,
        created_at: START,
        updated_at: START,
        extra: JsonText::default(),
        forwards_from: 0,
        webhook_secrets: Vec::new(),
    };
    Act::CreateAssistant(CreateAssistant { organization, assistant })
}

pub fn assign(organization: OrganizationId, number: &str, assistant: u64, now: Timestamp) -> Act {
    Act::AssignNumber(AssignNumber {
        organization,
        number: address(number),
        assistant_id: AssistantId(assistant),
        provider: Some(Provider::Twilio),
        friendly_name: Some(format!("given at {now}")),
        now,
    })
}

pub fn unassign(number: &str, assistant: u64, now: Timestamp) -> Act {
    let assistant_id = AssistantId(assistant);
    Act::UnassignNumber(UnassignNumber { organization: ORG, number: address(number), assistant_id, now })
}

pub fn rename_assistant(assistant: u64, name: &str, now: Timestamp) -> Act {
    let change = AssistantChange { name: Some(name.to_owned()), ..AssistantChange::default() };
    Act::UpdateAssistant(UpdateAssistant { organization: ORG, id: AssistantId(assistant), change, now })
}

pub fn delete_assistant(assistant: u64, now: Timestamp) -> Act {
    Act::DeleteAssistant(DeleteAssistant { organization: ORG, id: AssistantId(assistant), now })
}

pub fn keep_audit(reason: &str, now: Timestamp) -> Act {
    let unusable = Step::WebhookUnusable { provider: Provider::Twilio, reason: reason.to_owned() };
    Act::KeepAudit(KeepAudit {
        told_by: Vec::new(),
        organization: ORG,
        now,
        steps: vec![received(), unusable],
        payload: payload(now),
    })
}

/// A user has read a conversation up to a message.
pub fn mark_read(user: u64, call: u64, message_index: u32, now: Timestamp) -> Act {
    let (user_id, call_id) = (UserId(user), CallId(call));
    Act::MarkRead(MarkRead { organization: ORG, user_id, call_id, message_index, now })
}

pub fn mark_all_read(user: u64, now: Timestamp) -> Act {
    Act::MarkAllRead(MarkAllRead { organization: ORG, user_id: UserId(user), now })
}

/// `rows` of its thread go in the same commit.
pub fn archive(call: u64, now: Timestamp, rows: usize) -> Act {
    Act::Archive(ArchiveConversation { organization: ORG, call_id: CallId(call), now, rows })
}

pub fn purge(call: u64, rows: usize) -> Act {
    Act::Purge(PurgeStep { organization: ORG, call_id: CallId(call), rows })
}

pub fn close(closing: Closing, calls: &[u64], now: Timestamp) -> Act {
    let calls = calls.iter().map(|id| CallId(*id)).collect();
    Act::Close(CloseSessions { organization: ORG, now, closing, calls })
}

/// `rows` of their threads go in the same commit.
pub fn forget(calls: &[u64], due: Due, now: Timestamp, rows: usize) -> Act {
    let calls = calls.iter().map(|id| CallId(*id)).collect();
    Act::ForgetCalls(ForgetCalls { organization: ORG, now, due, calls, rows })
}

/// Of the rows with these ids.
pub fn forget_rows(
    organization: OrganizationId,
    of: Held,
    ids: std::ops::RangeInclusive<u64>,
    due: Due,
    now: Timestamp,
) -> Act {
    let key = |id: u64| [&organization.0.to_be_bytes()[..], &id.to_be_bytes()].concat();
    Act::ForgetRows(ForgetRows { organization, now, due, of, keys: ids.map(key).collect() })
}

/// An organization; the desk's and the sales number each with an assistant of its own (1 and 2).
pub fn furnish(door: &mut dyn Door) {
    for act in [
        bootstrap(),
        create_assistant(ORG, "Support Bot"),
        create_assistant(ORG, "Sales Bot"),
        assign(ORG, DESK, 1, START),
        assign(ORG, SALES, 2, START),
    ] {
        door.act(&act);
    }
}

/// Where a message went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Went {
    Started(u64),
    /// (conversation, message index)
    Joined(u64, u32),
    Duplicate,
    Unassigned,
}

pub fn went(outcome: &RecordInboundOutcome) -> Went {
    match outcome {
        RecordInboundOutcome::Duplicate { .. } => Went::Duplicate,
        RecordInboundOutcome::Stored { route: Route::Unassigned, .. } => Went::Unassigned,
        RecordInboundOutcome::Stored {
            route: Route::Conversation { call_id, message_index, started, .. },
            ..
        } => match (*started, *message_index) {
            (true, 1) => Went::Started(call_id.0),
            (true, index) => panic!("a conversation started with message {index}"),
            (false, index) => Went::Joined(call_id.0, index),
        },
    }
}

pub fn send(door: &mut dyn Door, message: RecordInbound) -> Went {
    match door.act(&Act::Inbound(message)) {
        Answer::Inbound(outcome) => went(&outcome),
        other => panic!("a message was answered with {other:?}"),
    }
}

pub fn hinted(message: RecordInbound, cached: u64) -> RecordInbound {
    RecordInbound { cached: Some(CallId(cached)), ..message }
}

pub fn with_ttl(message: RecordInbound, session_ttl_seconds: u64) -> RecordInbound {
    RecordInbound { session_ttl_seconds, ..message }
}
