//! The door as the suite sees it: acts go in, answers and plain rows come out. Whatever stands
//! behind it must tell the same story; a second backend would be one more implementation here.

use smslite::model::account::{ApiKey, Usage, User};
use smslite::model::address::Address;
use smslite::model::assistant::{Assistant, PhoneNumber};
use smslite::model::call::{Conversation, ConversationFilter, ConversationStatus};
use smslite::model::forward::{Forward, ParkedEvent};
use smslite::model::ids::{ApiKeyId, AssistantId, AuditId, CallId, MessageLogId, OrganizationId, UserId};
use smslite::model::message::{Message, MessageRange, Role};
use smslite::model::message_log::DeliveryStatus;
use smslite::model::outbound::{Claim, OutboundJob};
use smslite::model::page::Page;
use smslite::model::session::SessionKey;
use smslite::model::time::Timestamp;
use smslite::model::webhook_secret::WebhookSecret;
use smslite::store::{
    ArchiveConversation, ArchiveOutcome, AssignNumber, AssignNumberOutcome, Bootstrap, Bootstrapped,
    CancelJob, CancelOutcome, ChangeOptOut, ClaimJob, CloseSessions, CreateApiKey, CreateAssistant,
    CreateOrganization, CreateUser, DeleteAssistant, EndDashboardSession, EnqueueOutcome, EnqueueSms,
    FlushParts, ForgetCalls, ForgetFeed, ForgetRows, ImportBatch, ImportBatchOutcome, KeepAudit, MarkAllRead,
    MarkRead, NoteErasure, NoteUsage, PlanForwards, PurgeStep, PutCarrierAccount, ReadError, ReceiptOutcome,
    RecordInbound, RecordInboundOutcome, RecordPart, RecordPartOutcome, RecordReceipt, RecordSandboxReceipt,
    RenameApiKey, ReserveIds, ResumeParked, RevokeApiKey, RotateWebhookSecret, SettleForward, SettleJob,
    SettledForward, Snapshot, StartDashboardSession, Store, StoreError, UnassignNumber, UpdateAssistant,
    UpdateUser, UserOutcome,
};
use std::collections::BTreeMap;

/// Every command there is. One that is new belongs here, and in `Model::act`.
#[derive(Clone, Debug)]
pub enum Act {
    Bootstrap(Bootstrap),
    CreateOrganization(CreateOrganization),
    CreateUser(CreateUser),
    UpdateUser(UpdateUser),
    StartDashboardSession(StartDashboardSession),
    EndDashboardSession(EndDashboardSession),
    NoteUsage(NoteUsage),
    RenameApiKey(RenameApiKey),
    CreateApiKey(CreateApiKey),
    RevokeApiKey(RevokeApiKey),
    CreateAssistant(CreateAssistant),
    UpdateAssistant(UpdateAssistant),
    DeleteAssistant(DeleteAssistant),
    AssignNumber(AssignNumber),
    UnassignNumber(UnassignNumber),
    Inbound(RecordInbound),
    KeepAudit(KeepAudit),
    Archive(ArchiveConversation),
    Purge(PurgeStep),
    Close(CloseSessions),
    ForgetCalls(ForgetCalls),
    ForgetRows(ForgetRows),
    ForgetFeed(ForgetFeed),
    NoteErasure(NoteErasure),
    ReserveIds(ReserveIds),
    Import(ImportBatch),
    Enqueue(EnqueueSms),
    Claim(ClaimJob),
    Settle(SettleJob),
    Cancel(CancelJob),
    Receipt(RecordReceipt),
    OptOut(ChangeOptOut),
    Part(RecordPart),
    Flush(FlushParts),
    CarrierAccount(PutCarrierAccount),
    SandboxReceipt(RecordSandboxReceipt),
    RotateSecret(RotateWebhookSecret),
    PlanForwards(PlanForwards),
    SettleForward(SettleForward),
    ResumeParked(ResumeParked),
    Seal(SealBlock),
    MarkRead(MarkRead),
    MarkAllRead(MarkAllRead),
}

/// Seals the first logs of which so many make a block, whichever they are: only a snapshot tells that.
#[derive(Clone, Debug)]
pub struct SealBlock {
    pub organization: OrganizationId,
    pub rows: usize,
}

impl SealBlock {
    fn execute(&self, store: &Store) -> Result<(), StoreError> {
        let refused = |error: ReadError| StoreError::Unavailable(error.to_string());
        let snapshot = store.snapshot().map_err(refused)?;
        let block = snapshot.next_block(self.organization, 0, self.rows).map_err(refused)?;
        drop(snapshot);
        block.map_or(Ok(()), |block| store.execute_blocking(block).map(drop))
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Bootstrapped(Bootstrapped),
    Done(bool),
    Nothing(()),
    User(UserOutcome),
    Key(ApiKeyId),
    Assistant(AssistantId),
    Updated(Option<Assistant>),
    Number(AssignNumberOutcome),
    Unassigned(Option<PhoneNumber>),
    Inbound(RecordInboundOutcome),
    Audit(AuditId),
    Closed(Vec<SessionKey>),
    Imported(ImportBatchOutcome),
    Enqueued(EnqueueOutcome),
    Claimed(Claim),
    Settled(Option<OutboundJob>),
    Cancelled(CancelOutcome),
    Receipt(ReceiptOutcome),
    Part(RecordPartOutcome),
    Flushed(Option<RecordInboundOutcome>),
    Secrets(Option<Vec<WebhookSecret>>),
    Forwarded(SettledForward),
    Resumed(Vec<MessageLogId>),
}

/// A conversation as it is read at some `now`.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub id: u64,
    pub assistant_id: AssistantId,
    pub customer: String,
    pub our_number: String,
    pub message_count: u32,
    pub started_at: Timestamp,
    pub last_activity: Timestamp,
    pub expires_at: Timestamp,
    pub status: ConversationStatus,
    pub ended_at: Option<Timestamp>,
}

impl Row {
    pub fn of(row: &Conversation<'_>, now: Timestamp) -> Row {
        Row {
            id: row.id.0,
            assistant_id: row.assistant_id,
            customer: row.customer.to_owned(),
            our_number: row.our_number.to_owned(),
            message_count: row.message_count,
            started_at: row.started_at,
            last_activity: row.last_activity,
            expires_at: row.expires_at,
            status: row.status(now),
            ended_at: row.ended_at(now),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub index: u32,
    pub id: u64,
    pub role: Role,
    pub content: String,
    pub timestamp: Timestamp,
}

impl Line {
    pub fn of(index: u32, message: &Message<'_>) -> Line {
        Line {
            index,
            id: message.id.0,
            role: message.role,
            content: message.content.to_string(),
            timestamp: message.timestamp,
        }
    }
}

/// What does not change with the time of asking.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Accounts {
    pub users: Vec<(UserId, User, Usage)>,
    pub keys: Vec<(ApiKeyId, ApiKey)>,
    pub assistants: Vec<(AssistantId, Assistant)>,
    pub numbers: Vec<(Address, PhoneNumber)>,
    /// How many messages of each conversation each user has not read, where there are some.
    pub unread: BTreeMap<(UserId, CallId), u32>,
}

pub trait Door {
    fn name(&self) -> &'static str;
    fn act(&mut self, act: &Act) -> Answer;
    /// Stops and starts; what was answered is there again.
    fn reopen(&mut self);

    fn accounts(&self, organization: OrganizationId) -> Accounts;
    fn count(&self, organization: OrganizationId) -> u64;
    fn list(
        &self,
        organization: OrganizationId,
        filter: &ConversationFilter,
        page: Page,
        now: Timestamp,
    ) -> Vec<Row>;
    fn get(&self, organization: OrganizationId, id: CallId, now: Timestamp) -> Option<Row>;
    fn messages(&self, organization: OrganizationId, id: CallId, range: MessageRange) -> Vec<Line>;
    fn outbox(&self, organization: OrganizationId) -> Outbox;
}

/// What was sent, or is to be, and to whom nothing is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outbox {
    /// The jobs whose UUID is this byte sixteen times.
    pub jobs: Vec<(u8, OutboundJob)>,
    /// The status of the logs of those.
    pub statuses: Vec<(u8, DeliveryStatus)>,
    pub opt_outs: Vec<(Address, Address, String)>,
    /// How far the feed was looked through for what is to be forwarded.
    pub forwarded: u64,
    /// What is to be forwarded next of each conversation.
    pub forwards: Vec<(CallId, MessageLogId, Forward)>,
    pub parked: Vec<(MessageLogId, ParkedEvent)>,
}

/// Where it stood in the feed when it was given a receiver is the store's own affair.
fn without_place(assistant: Assistant) -> Assistant {
    Assistant { forwards_from: 0, ..assistant }
}

/// Carries an act out, whatever its type.
pub fn execute(store: &Store, act: &Act) -> Result<Answer, StoreError> {
    Ok(match act.clone() {
        Act::Bootstrap(command) => Answer::Bootstrapped(store.execute_blocking(command)?),
        Act::CreateOrganization(command) => Answer::Bootstrapped(store.execute_blocking(command)?),
        Act::CreateUser(command) => Answer::User(store.execute_blocking(command)?),
        Act::UpdateUser(command) => Answer::User(store.execute_blocking(command)?),
        Act::StartDashboardSession(command) => Answer::Done(store.execute_blocking(command)?),
        Act::EndDashboardSession(command) => Answer::Nothing(store.execute_blocking(command)?),
        Act::NoteUsage(command) => Answer::Nothing(store.execute_blocking(command)?),
        Act::RenameApiKey(command) => Answer::Done(store.execute_blocking(command)?),
        Act::CreateApiKey(command) => Answer::Key(store.execute_blocking(command)?),
        Act::RevokeApiKey(command) => Answer::Done(store.execute_blocking(command)?),
        Act::CreateAssistant(command) => Answer::Assistant(store.execute_blocking(command)?),
        Act::UpdateAssistant(command) => Answer::Updated(store.execute_blocking(command)?.map(without_place)),
        Act::DeleteAssistant(command) => Answer::Done(store.execute_blocking(command)?),
        Act::AssignNumber(command) => Answer::Number(store.execute_blocking(command)?),
        Act::UnassignNumber(command) => Answer::Unassigned(store.execute_blocking(command)?),
        Act::Inbound(command) => Answer::Inbound(store.execute_blocking(command)?),
        Act::KeepAudit(command) => Answer::Audit(store.execute_blocking(command)?),
        Act::Archive(command) => Answer::Done(store.execute_blocking(command)? != ArchiveOutcome::NotThere),
        // How far it is, only the store's own rows tell.
        Act::Purge(command) => Answer::Nothing(store.execute_blocking(command).map(drop)?),
        // The last message's id is the store's own affair.
        Act::ReserveIds(command) => Answer::Nothing(store.execute_blocking(command).map(drop)?),
        Act::Import(command) => Answer::Imported(store.execute_blocking(command)?),
        Act::Close(command) => Answer::Closed(store.execute_blocking(command)?),
        Act::ForgetCalls(command) => Answer::Closed(store.execute_blocking(command)?.sessions),
        // What it was about, only the store has.
        Act::ForgetRows(command) => Answer::Nothing(store.execute_blocking(command).map(drop)?),
        Act::ForgetFeed(command) => Answer::Nothing(store.execute_blocking(command).map(drop)?),
        Act::NoteErasure(command) => Answer::Audit(store.execute_blocking(command)?),
        Act::Enqueue(command) => Answer::Enqueued(store.execute_blocking(command)?),
        Act::Claim(command) => Answer::Claimed(store.execute_blocking(command)?),
        Act::Settle(command) => Answer::Settled(store.execute_blocking(command)?),
        Act::Cancel(command) => Answer::Cancelled(store.execute_blocking(command)?),
        Act::Receipt(command) => Answer::Receipt(store.execute_blocking(command)?),
        Act::OptOut(command) => Answer::Done(store.execute_blocking(command)?),
        Act::Part(command) => Answer::Part(store.execute_blocking(command)?),
        Act::Flush(command) => Answer::Flushed(store.execute_blocking(command)?),
        Act::CarrierAccount(command) => Answer::Done(store.execute_blocking(command)?),
        Act::SandboxReceipt(command) => Answer::Done(store.execute_blocking(command)?),
        // Which it was, only the store's own rows tell.
        Act::Seal(command) => Answer::Nothing(command.execute(store)?),
        Act::RotateSecret(command) => Answer::Secrets(store.execute_blocking(command)?),
        Act::PlanForwards(command) => Answer::Nothing(store.execute_blocking(command)?),
        Act::SettleForward(command) => Answer::Forwarded(store.execute_blocking(command)?),
        Act::ResumeParked(command) => Answer::Resumed(store.execute_blocking(command)?),
        Act::MarkRead(command) => Answer::Done(store.execute_blocking(command)?),
        Act::MarkAllRead(command) => Answer::Done(store.execute_blocking(command)?),
    })
}

/// The reads of a snapshot as plain rows.
pub struct Reads<'s>(pub &'s Snapshot);

impl Reads<'_> {
    pub fn accounts(&self, organization: OrganizationId) -> Accounts {
        Accounts {
            users: (self.0.users(organization).unwrap().into_iter())
                .map(|(id, user)| (id, user, self.0.sign_ins(organization, id).unwrap()))
                .collect(),
            keys: self.0.api_keys(organization).unwrap(),
            assistants: (self.0.assistants(organization).unwrap().into_iter())
                .map(|(id, assistant)| (id, without_place(assistant)))
                .collect(),
            numbers: self.0.phone_numbers(organization).unwrap(),
            unread: self.unread(organization),
        }
    }

    fn unread(&self, organization: OrganizationId) -> BTreeMap<(UserId, CallId), u32> {
        let (mut calls, everything) = (Vec::new(), Page { skip: 0, limit: usize::MAX });
        let visit = |row: &Conversation<'_>| calls.push((row.id, row.message_count, row.last_activity));
        let filter = ConversationFilter::default();
        self.0.list_conversations(organization, &filter, everything, Timestamp(0), visit).unwrap();
        let mut unread = BTreeMap::new();
        for (user, _) in self.0.users(organization).unwrap() {
            let counts = self.0.unread(organization, user, &calls).unwrap();
            let rows = calls.iter().map(|(call, ..)| (user, *call)).zip(counts);
            unread.extend(rows.filter(|(_, count)| *count > 0));
        }
        unread
    }

    pub fn list(
        &self,
        organization: OrganizationId,
        filter: &ConversationFilter,
        page: Page,
        now: Timestamp,
    ) -> Vec<Row> {
        let mut rows = Vec::new();
        let visit = |row: &Conversation<'_>| rows.push(Row::of(row, now));
        self.0.list_conversations(organization, filter, page, now, visit).unwrap();
        rows
    }

    pub fn get(&self, organization: OrganizationId, id: CallId, now: Timestamp) -> Option<Row> {
        let call = self.0.call(organization, id).unwrap().filter(|call| call.is_conversation())?;
        Some(Row::of(&call.conversation(id), now))
    }

    pub fn outbox(&self, organization: OrganizationId) -> Outbox {
        let mut outbox = Outbox::default();
        for number in 1..=20 {
            let Some(job) = self.0.job(organization, [number; 16]).unwrap() else { continue };
            let log = self.0.message_log(organization, job.log_id.unwrap()).unwrap();
            outbox.statuses.extend(log.map(|log| (number, log.status)));
            outbox.jobs.push((number, job));
        }
        let (total, opt_outs) =
            self.0.opt_outs(organization, None, Page { skip: 0, limit: usize::MAX }).unwrap();
        assert_eq!(total, opt_outs.len() as u64);
        outbox.opt_outs =
            opt_outs.into_iter().map(|it| (it.our_number, it.customer, it.opt_out.how)).collect();
        outbox.forwarded = self.0.sequences(organization).unwrap().forwarded;
        for (org, call, due_at) in self.0.forward_lanes(None).unwrap() {
            let head = self.0.forward_head(org, call).unwrap();
            if let Some(head) = head.filter(|_| org == organization) {
                assert_eq!(head.forward.due_at, due_at);
                outbox.forwards.push((call, head.log_id, head.forward));
            }
        }
        let everything = Page { skip: 0, limit: usize::MAX };
        let (total, parked) = self.0.parked_events(organization, everything).unwrap();
        assert_eq!(total, parked.len() as u64);
        outbox.parked = parked;
        outbox
    }

    pub fn messages(&self, organization: OrganizationId, id: CallId, range: MessageRange) -> Vec<Line> {
        let mut lines = Vec::new();
        self.0
            .messages(organization, id, range, u32::MAX, |index, message| {
                lines.push(Line::of(index, message))
            })
            .unwrap();
        lines
    }
}

/// The real store, wherever its data lie.
pub struct StoreDoor {
    name: &'static str,
    open: Box<dyn Fn() -> Store>,
    store: Option<Store>,
}

impl StoreDoor {
    /// `open` is called again for each reopening.
    pub fn new(name: &'static str, open: impl Fn() -> Store + 'static) -> StoreDoor {
        let store = Some(open());
        StoreDoor { name, open: Box::new(open), store }
    }

    pub fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn read<T>(&self, read: impl FnOnce(&Reads<'_>) -> T) -> T {
        read(&Reads(&self.store().snapshot().unwrap()))
    }
}

impl Door for StoreDoor {
    fn name(&self) -> &'static str {
        self.name
    }

    fn act(&mut self, act: &Act) -> Answer {
        execute(self.store(), act).unwrap()
    }

    fn reopen(&mut self) {
        self.store.take().unwrap().close();
        self.store = Some((self.open)());
    }

    fn accounts(&self, organization: OrganizationId) -> Accounts {
        self.read(|reads| reads.accounts(organization))
    }

    fn count(&self, organization: OrganizationId) -> u64 {
        self.read(|reads| reads.0.conversation_count(organization).unwrap())
    }

    fn list(
        &self,
        organization: OrganizationId,
        filter: &ConversationFilter,
        page: Page,
        now: Timestamp,
    ) -> Vec<Row> {
        self.read(|reads| reads.list(organization, filter, page, now))
    }

    fn get(&self, organization: OrganizationId, id: CallId, now: Timestamp) -> Option<Row> {
        self.read(|reads| reads.get(organization, id, now))
    }

    fn messages(&self, organization: OrganizationId, id: CallId, range: MessageRange) -> Vec<Line> {
        self.read(|reads| reads.messages(organization, id, range))
    }

    fn outbox(&self, organization: OrganizationId) -> Outbox {
        self.read(|reads| reads.outbox(organization))
    }
}

impl Drop for StoreDoor {
    /// A test ends with sound data, whatever it was about.
    fn drop(&mut self) {
        let Some(store) = self.store.take() else { return };
        if !std::thread::panicking() {
            assert_eq!(store.snapshot().unwrap().check().unwrap(), Vec::<String>::new(), "{}", self.name);
        }
        store.close();
    }
}
