//! A life of a store in acts, and everything that can be asked of one, for the tests that break
//! disks under it.

use super::acts::{
    ANN, BOB, DESK, NOBODYS, ORG, OTHER_ORG, SALES, START, TTL, address, archive, assign, at, bootstrap,
    cancel, claim, claiming, close, create_assistant, create_key, create_organization, create_user,
    delete_assistant, delivered, enqueue, fails, forget, forget_rows, hinted, keep_audit, mark_all_read,
    mark_read, message, opt_out, plan, purge, receipt, rename_assistant, replies, resume, revoke_key, rotate,
    seconds, set_password, settle, settle_forward, settling, sign_in, sms, unassign, update_user, with_ttl,
};
use super::contract::EVERYTHING;
use super::door::{Accounts, Act, Answer, Door, Line, Outbox, Reads, Row, SealBlock};
use super::model_store::Model;
use smslite::model::account::{KeyHash, Role, Usage, Used, UserChange};
use smslite::model::address::AddressQuery;
use smslite::model::auto_reply::AutoReply;
use smslite::model::call::{ConversationFilter, ConversationStatus};
use smslite::model::carrier_account::CarrierAccount;
use smslite::model::forward::{Forward, ForwardOutcome, ForwardReply, HELD_SECONDS};
use smslite::model::gone::Gone;
use smslite::model::ids::{ApiKeyId, AssistantId, CallId, MessageLogId, OrganizationId, UserId};
use smslite::model::message::MessageRange;
use smslite::model::message_log::{DeliveryStatus, Provider};
use smslite::model::opt_out::OptOutChange;
use smslite::model::outbound::{AttemptOutcome, Claiming, decide_arrival};
use smslite::model::partial_message::MessagePart;
use smslite::model::receipt::Receipt;
use smslite::model::session::Closing;
use smslite::model::time::Timestamp;
use smslite::store::{
    AssignNumber, Due, EnqueueSms, FlushParts, ForgetFeed, Held, KeepAudit, NoteErasure, PlanForwards,
    PutCarrierAccount, RecordInbound, RecordInboundOutcome, RecordPart, RecordSandboxReceipt, RenameApiKey,
    Route, SettleJob, Snapshot,
};
use smslite::store::{
    EndDashboardSession, ImportBatch, ImportRecord, NoteUsage, Place, ReserveIds, Sequences, Settled,
};

const CARL: &str = "+15550000030";
const DORA: &str = "+15550000031";
const SANDBOX: &str = "+15550000032";

/// Every kind of command, each in every way it can end.
pub fn script() -> Vec<Act> {
    let acts = [receiving(), sending()].concat();
    let forwarding = forwarding(&acts);
    [acts, forwarding].concat()
}

/// The same in lives apart, for tests that live again for each act.
pub fn lives() -> [Vec<Act>; 2] {
    [[receiving(), sending()].concat(), forwarding(&[])]
}

/// Without messages of ours.
pub fn receiving() -> Vec<Act> {
    let inbound = |sid: &str, from: &str, to: &str, second: i64| {
        Act::Inbound(with_ttl(message(sid, from, to, at(seconds(second))), 100))
    };
    let theirs = RecordInbound { organization: OTHER_ORG, ..message("SM1", BOB, SALES, at(seconds(9))) };
    let long =
        RecordInbound { body: "a long story ".repeat(800), ..message("SM9", BOB, DESK, at(seconds(40))) };
    let Act::KeepAudit(kept) = keep_audit(&format!("{DORA} is no word"), at(seconds(134))) else {
        unreachable!()
    };
    let theirs_kept = KeepAudit { organization: OTHER_ORG, ..kept };
    let seal = |rows| Act::Seal(SealBlock { organization: ORG, rows });
    vec![
        bootstrap(),
        bootstrap(),
        create_assistant(ORG, "Support Bot"),
        assign(ORG, DESK, 1, START),
        assign(ORG, DESK, 77, START),
        inbound("SM1", ANN, DESK, 1),
        inbound("SM2", ANN, DESK, 2),
        inbound("SM1", ANN, DESK, 3),
        inbound("SM3", ANN, NOBODYS, 4),
        inbound("SM4", BOB, DESK, 5),
        create_key("sl_live_second", at(seconds(6))),
        set_password(1, at(seconds(7))),
        keep_audit("no sender", at(seconds(8))),
        create_organization("other"),
        create_organization("acme"),
        create_assistant(OTHER_ORG, "Their Bot"),
        assign(OTHER_ORG, SALES, 1, START),
        Act::Inbound(theirs),
        seal(5),
        seal(2),
        // Ann's session has expired by now, and is asked for by a stale hint.
        Act::Inbound(hinted(with_ttl(message("SM5", ANN, DESK, at(seconds(102))), 100), 1)),
        inbound("SM6", ANN, DESK, 103),
        // The clock is set back.
        inbound("SM7", ANN, DESK, 50),
        revoke_key(2, at(seconds(105))),
        revoke_key(2, at(seconds(106))),
        create_assistant(ORG, "Sales Bot"),
        assign(ORG, DESK, 2, at(seconds(107))),
        create_user("ann@example.com", Role::Viewer, at(seconds(110))),
        sign_in(2, "her first", at(seconds(111))),
        sign_in(2, "her second", at(seconds(112))),
        update_user(2, UserChange { is_active: Some(false), ..UserChange::default() }, at(seconds(113))),
        update_user(1, UserChange { is_active: Some(false), ..UserChange::default() }, at(seconds(114))),
        Act::RenameApiKey(RenameApiKey {
            organization: ORG,
            key_id: ApiKeyId(1),
            name: "renamed".into(),
            now: at(seconds(115)),
        }),
        inbound("SM8", ANN, DESK, 108),
        Act::Inbound(long),
        inbound("SM8", ANN, DESK, 109),
        // Three more conversations, older than all others: 6 is archived and purged to the half, 7 is
        // closed, archived and purged later, 8 goes at once. 2 has expired and is swept.
        inbound("SM10", "+15550000010", DESK, 20),
        inbound("SM11", "+15550000010", DESK, 21),
        inbound("SM12", "+15550000011", DESK, 22),
        inbound("SM13", "+15550000012", DESK, 23),
        seal(2),
        seal(3),
        seal(5),
        close(Closing::Living, &[7, 99], at(seconds(24))),
        close(Closing::Expired, &[2, 3, 7], at(seconds(116))),
        // Users read some of it: 6 to the end, before it goes.
        mark_read(1, 1, 1, at(seconds(116))),
        mark_read(1, 1, 1, at(seconds(117))),
        mark_read(1, 6, 99, at(seconds(117))),
        mark_read(1, 99, 1, at(seconds(117))),
        mark_read(77, 1, 1, at(seconds(117))),
        mark_read(2, 1, 1, at(seconds(117))),
        mark_all_read(77, at(seconds(117))),
        archive(6, at(seconds(25)), 1),
        archive(6, at(seconds(26)), 1),
        purge(6, 2),
        archive(7, at(seconds(27)), 0),
        purge(7, 100),
        purge(7, 100),
        archive(8, at(seconds(28)), 100),
        inbound("SM11", "+15550000010", DESK, 29),
        rename_assistant(2, "Night Bot", at(seconds(116))),
        rename_assistant(77, "Nobody", at(seconds(116))),
        unassign(DESK, 1, at(seconds(117))),
        unassign(DESK, 2, at(seconds(117))),
        inbound("SM20", ANN, DESK, 118),
        create_assistant(ORG, "Third Bot"),
        assign(ORG, DESK, 3, at(seconds(119))),
        delete_assistant(3, at(seconds(120))),
        delete_assistant(3, at(seconds(121))),
        rename_assistant(3, "Back", at(seconds(121))),
        assign(ORG, DESK, 3, at(seconds(121))),
        inbound("SM21", ANN, DESK, 122),
        assign(ORG, DESK, 2, at(seconds(123))),
        inbound("SM22", ANN, DESK, 124),
        // Two more conversations and a stray message: one is deleted at once, the other to the half.
        inbound("SM30", CARL, DESK, 130),
        inbound("SM31", CARL, DESK, 131),
        inbound("SM32", DORA, DESK, 132),
        inbound("SM33", DORA, NOBODYS, 133),
        mark_read(1, 11, 1, at(seconds(134))),
        mark_read(1, 12, 1, at(seconds(134))),
        mark_read(2, 11, 2, at(seconds(134))),
        forget(&[11, 12, 99], Due::Before(at(seconds(132))), at(seconds(231)), 100),
        forget(&[11, 12], Due::Before(at(seconds(133))), at(seconds(231)), 100),
        forget(&[11, 12], Due::Before(at(seconds(133))), at(seconds(232)), 1),
        forget(&[11, 12], Due::Before(at(seconds(133))), at(seconds(232)), 1),
        purge(12, 1),
        forget_rows(ORG, Held::Logs, 1..=99, Due::About(address(DORA)), at(seconds(233))),
        Act::KeepAudit(KeepAudit { told_by: vec![DORA.into()], ..theirs_kept }),
        forget_rows(OTHER_ORG, Held::Audit, 1..=99, Due::About(address(DORA)), at(seconds(233))),
        Act::ForgetFeed(ForgetFeed { organization: OTHER_ORG, before: at(seconds(9)), rows: 3 }),
        Act::NoteErasure(NoteErasure {
            organization: OTHER_ORG,
            now: at(seconds(234)),
            by: UserId(1),
            gone: Gone::default(),
        }),
        Act::NoteUsage(NoteUsage {
            organization: ORG,
            used: vec![(Used::ApiKey(ApiKeyId(1)), Usage { count: 3, last_used_at: Some(at(seconds(235))) })],
        }),
        sign_in(1, "his first", at(seconds(236))),
        Act::EndDashboardSession(EndDashboardSession { organization: ORG, hash: KeyHash::of("his first") }),
        Act::ReserveIds(ReserveIds {
            organization: ORG,
            highest: Sequences { call: 40, ..Sequences::default() },
        }),
        Act::Import(elsewhere()),
        Act::Import(elsewhere()),
        mark_all_read(2, at(seconds(130))),
        mark_all_read(2, at(seconds(130))),
        inbound("SM40", "+15550000041", DESK, 19),
        seal(3),
        seal(3),
    ]
}

/// Messages of ours: each way that one can end, and a customer who says STOP and START.
fn sending() -> Vec<Act> {
    let later = |second: i64| at(seconds(300 + second));
    let keyword = |sid: &str, body: &str, second: i64| {
        Act::Inbound(RecordInbound {
            body: body.into(),
            reply: Some(AutoReply::Echo.into()),
            reply_uuid: [second as u8; 16],
            ..with_ttl(message(sid, BOB, DESK, later(second)), 100)
        })
    };
    let accepted =
        |id: &str| AttemptOutcome::Accepted { provider_message_id: id.into(), receipts_from: Timestamp::MAX };
    let (code, text) = (Some("20429".to_owned()), "slow down".to_owned());
    let busy = AttemptOutcome::Retry { after_seconds: Some(7), code: code.clone(), message: text.clone() };
    let refused = AttemptOutcome::Refused { code, message: text.clone() };
    let unknown = AttemptOutcome::Unknown { message: text };
    let part = |sid: &str, reference: &str, number, second| {
        Act::Part(RecordPart {
            part: MessagePart { reference: reference.into(), number, total: 2 },
            message: with_ttl(message(sid, BOB, DESK, later(second)), 100),
        })
    };
    // That of the parts with reference 9.
    let flushed = [47, 212, 211, 113, 1, 222, 254, 67, 225, 45, 107, 10, 151, 231, 153, 88];
    let flush = |second| {
        Act::Flush(FlushParts { key: flushed, message: with_ttl(message("", BOB, DESK, later(second)), 100) })
    };
    let account = |account| {
        Act::CarrierAccount(PutCarrierAccount {
            organization: ORG,
            provider: Provider::Twilio,
            account,
            now: later(60),
        })
    };
    let own = CarrierAccount {
        account_id: Some("ACown".into()),
        secret: Some("secret".into()),
        verifying: vec!["secret".into()],
        signature_method: None,
        updated_at: later(60),
    };
    let told = |second, status: DeliveryStatus| {
        Act::SandboxReceipt(RecordSandboxReceipt {
            organization: ORG,
            uuid: [13; 16],
            now: later(second),
            receipt: Some(Receipt {
                status: Some(status),
                provider_status: status.as_str().into(),
                error_code: None,
                error_message: None,
                opted_out: false,
            }),
            next_due: later(second + 1),
        })
    };
    vec![
        part("SM60", "7", 2, 0),
        part("SM60", "7", 2, 0),
        part("SM61", "7", 1, 0),
        part("SM62", "8", 1, 0),
        part("SM63", "8", 1, 0),
        part("SM64", "8", 2, 0),
        part("SM65", "9", 2, 0),
        flush(100),
        flush(120),
        flush(120),
        account(Some(own)),
        account(None),
        account(None),
        enqueue(1, ANN, Some("key"), later(1)),
        enqueue(2, ANN, Some("key"), later(2)),
        Act::Enqueue(EnqueueSms { body: "another".into(), ..sms(2, ANN, Some("key"), later(2)) }),
        Act::Enqueue(EnqueueSms { from: address(NOBODYS), ..sms(2, ANN, None, later(2)) }),
        claim(1, 1, later(0)),
        claim(1, 1, later(3)),
        claim(1, 1, later(3)),
        claim(1, 2, later(3)),
        // It comes before we hear that the message was taken.
        receipt("SMout1", None, "sent", later(4)),
        settle(1, 1, accepted("SMout1"), later(4)),
        settle(1, 1, refused.clone(), later(4)),
        receipt("SMout1", None, "delivered", later(5)),
        receipt("SMout1", None, "delivered", later(6)),
        receipt("SMout1", None, "failed", later(6)),
        enqueue(3, ANN, None, later(7)),
        claim(3, 1, later(7)),
        settle(3, 1, busy, later(8)),
        claim(3, 2, later(9)),
        claim(3, 2, later(20)),
        settle(3, 2, unknown, later(21)),
        receipt("SMout3", Some(3), "undelivered", later(22)),
        enqueue(4, CARL, None, later(23)),
        claim(4, 1, later(23)),
        Act::Settle(SettleJob { opted_out: true, ..settling(4, 1, refused, later(24)) }),
        enqueue(5, CARL, None, later(25)),
        enqueue(6, ANN, None, later(26)),
        cancel(6, later(27)),
        cancel(6, later(28)),
        cancel(20, later(28)),
        enqueue(7, BOB, None, later(29)),
        // It stops what waits, and is answered all the same.
        keyword("SM50", " stop\n", 8),
        keyword("SM51", "Stop", 9),
        keyword("SM52", "hello?", 9),
        claim(7, 1, later(32)),
        claim(8, 1, later(32)),
        enqueue(9, BOB, None, later(33)),
        keyword("SM53", "START", 10),
        keyword("SM54", "yes", 11),
        opt_out(BOB, OptOutChange::Remove, later(37)),
        opt_out(BOB, OptOutChange::Add, later(38)),
        opt_out(BOB, OptOutChange::Add, later(39)),
        // Whoever claimed it is gone.
        Act::Claim(claiming(8, Claiming::Abandoned, later(40))),
        enqueue(12, ANN, None, later(41)),
        claim(12, 1, later(41)),
        claim(12, 2, later(400)),
        // The sandbox has a number of its own, and tells the first receipt at once.
        Act::AssignNumber(AssignNumber {
            organization: ORG,
            number: address(SANDBOX),
            assistant_id: AssistantId(2),
            provider: Some(Provider::Sandbox),
            friendly_name: None,
            now: later(402),
        }),
        Act::Enqueue(EnqueueSms { from: address(SANDBOX), ..sms(13, ANN, None, later(402)) }),
        claim(13, 1, later(402)),
        settle(
            13,
            1,
            AttemptOutcome::Accepted { provider_message_id: "box".into(), receipts_from: later(403) },
            later(402),
        ),
        told(402, DeliveryStatus::Sent),
        told(403, DeliveryStatus::Sent),
        told(403, DeliveryStatus::Delivered),
        archive(10, later(401), 2),
        purge(10, 100),
    ]
}

/// What a message is by: its conversation and its log.
pub fn place_of(answer: Answer) -> (CallId, MessageLogId) {
    match answer {
        Answer::Inbound(RecordInboundOutcome::Stored {
            log_id,
            route: Route::Conversation { call_id, .. },
        }) => (call_id, log_id),
        other => panic!("a message went nowhere: {other:?}"),
    }
}

/// Messages that are told to a receiver, in or after a life: each way that this can end.
fn forwarding(before: &[Act]) -> Vec<Act> {
    let mut acts = vec![
        bootstrap(),
        create_organization("other"),
        create_assistant(ORG, "Support Bot"),
        assign(ORG, DESK, 1, at(seconds(800))),
    ];
    let mut model = Model::default();
    for act in before.iter().chain(&acts) {
        model.act(act);
    }
    let later = |second: i64| at(seconds(800 + second));
    let customers = [0, 0, 0, 1, 2, 3, 3, 4, 5, 6].map(|tail| format!("+1555000006{tail}"));
    let places = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(|nth: usize| {
        let message = message(&format!("SM7{nth}"), &customers[nth], DESK, later(nth as i64));
        let act = Act::Inbound(with_ttl(message, 100));
        acts.push(act.clone());
        place_of(model.act(&act))
    });
    let [answered, failing, dropped, refused, silent, archived, parked, erased, forgotten, unassigned] =
        places;
    let fresh = Forward::new(later(10));
    let again = Forward { due_at: later(12), attempts: 1, ..fresh.clone() };
    let late = 10 + HELD_SECONDS as i64;
    let stranger = (CallId(99), answered.1);
    let looked_through = PlanForwards { organization: OTHER_ORG, now: later(10), up_to: 2, messages: vec![] };
    acts.extend([
        rotate(1, "the first", false, later(0)),
        rotate(1, "another", true, later(1)),
        rotate(1, "the second", false, later(2)),
        rotate(77, "nobody's", false, later(3)),
        plan(10, &[answered, stranger, failing, dropped, refused, silent], later(10)),
        // It was looked through already.
        plan(10, &places, later(10)),
        plan(20, &[archived, parked, erased, forgotten, unassigned], later(10)),
        Act::PlanForwards(looked_through),
        settle_forward(answered, &fresh, replies("thank you"), 14, later(11)),
        settle_forward(answered, &fresh, replies("thank you"), 15, later(11)),
        settle_forward(failing, &fresh, fails(), 0, later(11)),
        settle_forward(failing, &fresh, fails(), 0, later(11)),
        settle_forward(failing, &again, fails(), 0, later(late)),
        resume(&[failing.1, answered.1, MessageLogId(999)], true, later(late)),
        settle_forward(failing, &Forward::new(later(late)), fails(), 0, later(2 * late)),
        resume(&[failing.1], false, later(2 * late)),
        resume(&[failing.1], false, later(2 * late)),
        settle_forward(dropped, &fresh, ForwardOutcome::NoReceiver, 0, later(12)),
        settle_forward(refused, &fresh, ForwardOutcome::NotTried { error: "down".into() }, 0, later(12)),
        opt_out(&customers[3], OptOutChange::Add, later(12)),
        settle_forward(refused, &Forward { due_at: later(13), ..fresh.clone() }, replies("no"), 0, later(13)),
        settle_forward(silent, &fresh, delivered(ForwardReply::Unusable("no text".into())), 0, later(13)),
        // One is parked, one waits, and both go with their conversation.
        settle_forward(parked, &fresh, fails(), 0, later(late)),
        archive(archived.0.0, later(late), 1),
        settle_forward(archived, &fresh, replies("late"), 0, later(late)),
        resume(&[parked.1], true, later(late)),
        purge(archived.0.0, 100),
        forget_rows(ORG, Held::Logs, 1..=999, Due::About(address(&customers[7])), later(late)),
        settle_forward(erased, &fresh, replies("late"), 0, later(late)),
        forget(&[forgotten.0.0], Due::About(address(&customers[8])), later(late), 1),
        settle_forward(forgotten, &fresh, replies("late"), 0, later(late)),
        purge(forgotten.0.0, 100),
        unassign(DESK, 1, later(late)),
        settle_forward(unassigned, &fresh, replies("late"), 0, later(late)),
        assign(ORG, DESK, 1, later(late)),
        // Its id tells how many steps there were.
        keep_audit("no sender", later(late)),
    ]);
    acts
}

/// A conversation that ended on another server, as an import's check takes it in.
fn elsewhere() -> ImportBatch {
    let call = r#"{"type":"call","id":40,"channel":"sms","direction":"inbound","assistant_id":1,"customer_phone_number":"+15550000040","assistant_phone_number":"+15551234567","status":"completed","started_at":"2026-01-01T10:00:00Z","ended_at":"2026-01-02T10:00:00Z"}"#;
    let message = |at: &str| {
        format!(
            r#"{{"type":"message","call_id":40,"role":"user","content":"at {at}","timestamp":"2026-01-01T{at}Z"}}"#
        )
    };
    let record = |line_number, text: &str, place| ImportRecord {
        line_number,
        line: smslite::model::transfer::parse(text).unwrap(),
        place,
    };
    let last_activity = Timestamp::parse("2026-01-01T10:05:00Z").unwrap();
    let settled = Some(Settled { expires_at: last_activity.plus_seconds(TTL), lives: false });
    let records = vec![
        record(1, call, Place::Call { messages: 2, last_activity, settled }),
        record(2, &message("10:00:00"), Place::Message { index: 1, settled: None }),
        record(3, &message("10:05:00"), Place::Message { index: 2, settled }),
    ];
    ImportBatch {
        organization: ORG,
        now: at(seconds(239)),
        session_ttl_seconds: TTL,
        bare: false,
        records: std::sync::Arc::new(records),
    }
}

/// The faults come to every command that there is: one that is new has to be in the script.
#[test]
fn every_command_is_in_the_script() {
    fn sources(dir: &std::path::Path, found: &mut String) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else {
                *found += &std::fs::read_to_string(path).unwrap();
            }
        }
    }
    let (acts, mut text) = (script(), String::new());
    let acts: Vec<_> = acts.iter().map(|act| format!("{act:?}")).collect();
    sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store"), &mut text);
    let commands = text.split("\nimpl Command for ").skip(1).map(|rest| rest.split(' ').next().unwrap());
    // One writes nothing. Of seeds and worlds, whole organizations come and go in one commit, which the model does not
    // play: `copies` and `seeds` try them.
    let others = ["Barrier", "MakeOrganization", "FillOrganization", "ReplaceOrganization"];
    let commands: Vec<_> = commands.filter(|command| !others.contains(command)).collect();
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        let carried_out = |act: &String| {
            let inner = act.split_once('(').unwrap().1;
            inner.starts_with(&format!("{command} ")) || inner.starts_with(&format!("{command}("))
        };
        assert!(acts.iter().any(carried_out), "{command} meets no fault: it is not in the script");
    }
}

/// Everything that can be asked, asked at several times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    accounts: Vec<Accounts>,
    counts: Vec<u64>,
    lists: Vec<Vec<Row>>,
    threads: Vec<Vec<Line>>,
    outboxes: Vec<Outbox>,
}

impl State {
    /// As it is after a restore: what was still to be sent is not sent again by itself.
    pub fn restored(mut self) -> State {
        for (_, job) in self.outboxes.iter_mut().flat_map(|outbox| &mut outbox.jobs) {
            *job = decide_arrival(job).unwrap_or(job.clone());
        }
        self
    }

    pub fn without_outboxes(self) -> State {
        State { outboxes: Vec::new(), ..self }
    }
}

const ORGANIZATIONS: [OrganizationId; 2] = [ORG, OTHER_ORG];

pub fn filters() -> Vec<ConversationFilter> {
    let none = ConversationFilter::default;
    vec![
        none(),
        ConversationFilter { status: Some(ConversationStatus::Active), ..none() },
        ConversationFilter { status: Some(ConversationStatus::Completed), ..none() },
        ConversationFilter { customer: AddressQuery::parse(ANN), ..none() },
        ConversationFilter { customer: AddressQuery::parse("700"), ..none() },
    ]
}

/// Of a door, at these times.
pub fn state_of(door: &dyn Door, nows: &[Timestamp]) -> State {
    let mut state = State::default();
    for organization in ORGANIZATIONS {
        state.accounts.push(door.accounts(organization));
        state.counts.push(door.count(organization));
        state.outboxes.push(door.outbox(organization));
        for now in nows {
            for filter in filters() {
                state.lists.push(door.list(organization, &filter, EVERYTHING, *now));
            }
        }
        // Archived ones are asked for too.
        for id in 1..=door.count(organization) + 4 {
            state.lists.push(door.get(organization, CallId(id), START).into_iter().collect());
            state.threads.push(door.messages(organization, CallId(id), MessageRange::default()));
        }
    }
    state
}

/// A snapshot as a door that is only read.
pub struct Looking<'s>(pub &'s Snapshot);

impl Door for Looking<'_> {
    fn name(&self) -> &'static str {
        "a snapshot"
    }

    fn act(&mut self, act: &Act) -> Answer {
        panic!("a snapshot does not act: {act:?}")
    }

    fn reopen(&mut self) {}

    fn accounts(&self, organization: OrganizationId) -> Accounts {
        Reads(self.0).accounts(organization)
    }

    fn count(&self, organization: OrganizationId) -> u64 {
        self.0.conversation_count(organization).unwrap()
    }

    fn list(
        &self,
        organization: OrganizationId,
        filter: &ConversationFilter,
        page: smslite::model::page::Page,
        now: Timestamp,
    ) -> Vec<Row> {
        Reads(self.0).list(organization, filter, page, now)
    }

    fn get(&self, organization: OrganizationId, id: CallId, now: Timestamp) -> Option<Row> {
        Reads(self.0).get(organization, id, now)
    }

    fn messages(&self, organization: OrganizationId, id: CallId, range: MessageRange) -> Vec<Line> {
        Reads(self.0).messages(organization, id, range)
    }

    fn outbox(&self, organization: OrganizationId) -> Outbox {
        Reads(self.0).outbox(organization)
    }
}

/// The times at which the script's states are asked for.
pub fn nows() -> [Timestamp; 3] {
    [at(seconds(60)), at(seconds(102)), at(seconds(110))]
}

/// A sound snapshot's state.
pub fn sound_state(snapshot: &Snapshot) -> State {
    assert_eq!(snapshot.check().unwrap(), Vec::<String>::new());
    state_of(&Looking(snapshot), &nows())
}

/// The model's state before the first act, after the first, after the second ...
pub fn model_states(acts: &[Act]) -> Vec<State> {
    let mut model = Model::default();
    let mut states = vec![state_of(&model, &nows())];
    for act in acts {
        model.act(act);
        states.push(state_of(&model, &nows()));
    }
    states
}
