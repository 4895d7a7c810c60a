//! Random histories against the model: the same answers and the same reads, at several times,
//! after every step. And beside the model's an oracle of its own for the thread rule.

use super::acts::{
    ANN, BOB, DESK, NOBODYS, ORG, SALES, START, TTL, Went, address, archive, assign, close, delivered, fails,
    forget, furnish, keep_audit, message, plan, purge, replies, resume, settle_forward, went,
};
use super::contract::{EVERYTHING, on_a_file};
use super::disk::Disk;
use super::door::{Act, Answer, Door, StoreDoor};
use super::log_blocks::{compare, stored};
use super::model_store::Model;
use super::script::{State, filters, state_of};
use proptest::prelude::*;
use proptest::sample::Index;
use smslite::model::address::{Address, AddressQuery};
use smslite::model::call::{ConversationFilter, ConversationStatus};
use smslite::model::forward::{Forward, ForwardNext, ForwardOutcome, ForwardReply};
use smslite::model::ids::{AssistantId, CallId, MessageLogId};
use smslite::model::message_log::{DeliveryStatus, LogFilter};
use smslite::model::page::Page;
use smslite::model::session::{Closing, SessionKey};
use smslite::model::time::Timestamp;
use smslite::store::{
    Due, EnqueueOutcome, RecordInbound, RecordInboundOutcome, Route, SessionsOf, SettleForward,
    SettledForward,
};
use std::collections::BTreeMap;

const CUSTOMERS: [&str; 4] = [ANN, BOB, "+15559876544", "ACME"];
const NUMBERS: [&str; 4] = [DESK, SALES, DESK, NOBODYS];
const TTLS: [u64; 5] = [0, 1, 60, 3_600, TTL];

#[derive(Clone, Debug)]
enum Clock {
    /// Microseconds on, or back.
    Step(i64),
    /// So many microseconds beside one TTL from now.
    Ttl(i64),
    /// So many beside the expiry of a pair's conversation.
    Expiry { customer: usize, number: usize, beside: i64 },
}

#[derive(Clone, Copy, Debug)]
enum Hint {
    None,
    /// What a cache would hold.
    Bound,
    Any(u64),
}

#[derive(Clone, Debug)]
enum Step {
    Clock(Clock),
    Message {
        customer: usize,
        number: usize,
        hint: Hint,
    },
    /// A message that was sent before, taken again now.
    Retry(Index),
    Ttl(usize),
    /// The number goes to the other assistant.
    Reassign {
        number: usize,
        assistant: u64,
    },
    /// The rows that go in the same commit are few, so that a purge stays under way for long.
    Archive {
        id: u64,
        rows: usize,
    },
    /// One step of each purge that is under way.
    Purge {
        rows: usize,
    },
    /// All sessions that the closing is about, found so many at a time.
    Close {
        closing: Closing,
        rows: usize,
    },
    /// What was last active longer ago than so many microseconds, or is of a customer.
    Forget {
        older: Option<i64>,
        customer: usize,
        rows: usize,
    },
    /// What came since the last time is to be forwarded; of what was looked through before nothing is.
    Plan {
        again: bool,
    },
    /// The receiver is told what is first of a conversation, as it is or once was.
    Tell {
        which: Index,
        once: bool,
        answer: Answered,
    },
    /// What was ever parked is told again, or given up.
    Resume {
        replay: bool,
    },
    /// A page of what matches all of these: status, assistant, customer, start from and to so long ago.
    Look {
        status: Option<bool>,
        assistant: Option<u64>,
        customer: Option<usize>,
        started: [Option<i64>; 2],
        page: (u64, usize),
    },
    Reopen,
}

/// What customers are looked for by.
const ASKED: [&str; 5] = ["555", "700", "acme", "987654", ANN];

#[derive(Clone, Copy, Debug)]
enum Answered {
    Nothing,
    Reply,
    Unusable,
    Failure,
    NotTried,
    NoReceiver,
}

fn clocks() -> impl Strategy<Value = Clock> {
    let beside = prop_oneof![Just(-1i64), Just(0), Just(1)];
    prop_oneof![
        3 => prop_oneof![Just(0i64), Just(1), Just(-1), 0..100_000_000i64, -50_000_000..0i64].prop_map(Clock::Step),
        2 => beside.clone().prop_map(Clock::Ttl),
        4 => (0..CUSTOMERS.len(), 0..NUMBERS.len(), beside)
            .prop_map(|(customer, number, beside)| Clock::Expiry { customer, number, beside }),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let hints = prop_oneof![
        3 => Just(Hint::None),
        3 => Just(Hint::Bound),
        2 => (0..12u64).prop_map(Hint::Any),
        1 => Just(Hint::Any(u64::MAX)),
    ];
    prop_oneof![
        8 => (0..CUSTOMERS.len(), 0..NUMBERS.len(), hints)
            .prop_map(|(customer, number, hint)| Step::Message { customer, number, hint }),
        6 => clocks().prop_map(Step::Clock),
        2 => any::<Index>().prop_map(Step::Retry),
        1 => (0..TTLS.len()).prop_map(Step::Ttl),
        1 => (0..2usize, 1..3u64).prop_map(|(number, assistant)| Step::Reassign { number, assistant }),
        2 => (1..16u64, 0..5usize).prop_map(|(id, rows)| Step::Archive { id, rows }),
        2 => (1..4usize).prop_map(|rows| Step::Purge { rows }),
        1 => (prop_oneof![Just(Closing::Living), Just(Closing::Expired)], 1..4usize)
            .prop_map(|(closing, rows)| Step::Close { closing, rows }),
        1 => (proptest::option::weighted(0.8, 0..200_000_000i64), 0..CUSTOMERS.len(), 0..6usize)
            .prop_map(|(older, customer, rows)| Step::Forget { older, customer, rows }),
        3 => prop::bool::weighted(0.2).prop_map(|again| Step::Plan { again }),
        5 => (any::<Index>(), prop::bool::weighted(0.2), answers())
            .prop_map(|(which, once, answer)| Step::Tell { which, once, answer }),
        1 => prop::bool::weighted(0.7).prop_map(|replay| Step::Resume { replay }),
        8 => looks(),
        1 => Just(Step::Reopen),
    ]
}

fn looks() -> impl Strategy<Value = Step> {
    use proptest::option::{of, weighted};
    let times = || weighted(0.3, -10_000_000..300_000_000i64);
    (of(any::<bool>()), of(1..4u64), weighted(0.3, 0..ASKED.len()), [times(), times()], (0..12u64, 0..5usize))
        .prop_map(|(status, assistant, customer, started, page)| Step::Look {
            status,
            assistant,
            customer,
            started,
            page,
        })
}

fn answers() -> impl Strategy<Value = Answered> {
    prop_oneof![
        2 => Just(Answered::Nothing),
        3 => Just(Answered::Reply),
        1 => Just(Answered::Unusable),
        4 => Just(Answered::Failure),
        1 => Just(Answered::NotTried),
        1 => Just(Answered::NoReceiver),
    ]
}

struct Newest {
    id: u64,
    messages: u32,
    last: i64,
    expiry: i64,
}

/// The thread rule once more, told in another way: per pair the newest conversation only.
#[derive(Default)]
struct Oracle {
    /// (customer, number, assistant) -> the newest conversation
    newest: BTreeMap<(String, String, u64), Newest>,
    hands: BTreeMap<String, u64>,
    seen: Vec<String>,
    conversations: u64,
}

impl Oracle {
    fn wants(&mut self, message: &RecordInbound) -> Went {
        let (sid, now) = (&message.provider_message_id, message.now.0);
        if self.seen.contains(sid) {
            return Went::Duplicate;
        }
        self.seen.push(sid.clone());
        if !self.hands.contains_key(message.to.as_str()) {
            return Went::Unassigned;
        }
        self.says((&message.from, &message.to), now, message.session_ttl_seconds)
    }

    /// Somebody says something to the other.
    fn says(&mut self, (customer, ours): (&Address, &Address), now: i64, ttl: u64) -> Went {
        let pair = (customer.to_string(), ours.to_string(), self.hands[ours.as_str()]);
        let ttl = ttl as i64 * 1_000_000;
        match self.newest.get_mut(&pair) {
            Some(thread) if now < thread.expiry => {
                thread.messages += 1;
                thread.last = now.max(thread.last);
                thread.expiry = thread.last + ttl;
                Went::Joined(thread.id, thread.messages)
            }
            _ => {
                self.conversations += 1;
                let id = self.conversations;
                self.newest.insert(pair, Newest { id, messages: 1, last: now, expiry: now + ttl });
                Went::Started(id)
            }
        }
    }
}

struct History {
    door: StoreDoor,
    model: Model,
    oracle: Oracle,
    sent: Vec<RecordInbound>,
    /// What came since the feed was looked through.
    fresh: Vec<(CallId, MessageLogId)>,
    /// What was ever first of a conversation to be told.
    heads: Vec<(CallId, MessageLogId, Forward)>,
    parked: Vec<MessageLogId>,
    /// How many answers of the receiver were sent.
    replies: u8,
    now: i64,
    ttl: u64,
}

/// The jobs of no more are compared.
const MOST_REPLIES: u8 = 20;

impl History {
    fn new(mut door: StoreDoor) -> History {
        let mut model = Model::default();
        furnish(&mut door);
        furnish(&mut model);
        let hands = BTreeMap::from([(DESK.to_owned(), 1), (SALES.to_owned(), 2)]);
        let oracle = Oracle { hands, ..Oracle::default() };
        History {
            door,
            model,
            oracle,
            sent: Vec::new(),
            fresh: Vec::new(),
            heads: Vec::new(),
            parked: Vec::new(),
            replies: 0,
            now: START.0,
            ttl: TTL,
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Clock(clock) => self.turn(clock),
            Step::Ttl(choice) => self.ttl = TTLS[*choice],
            Step::Reopen => self.door.reopen(),
            Step::Reassign { number, assistant } => {
                self.oracle.hands.insert(NUMBERS[*number].to_owned(), *assistant);
                self.act(&assign(ORG, NUMBERS[*number], *assistant, Timestamp(self.now)));
            }
            Step::Archive { id, rows } => {
                self.oracle.newest.retain(|_, newest| newest.id != *id);
                self.act(&archive(*id, Timestamp(self.now), *rows));
            }
            Step::Purge { rows } => {
                for (_, id) in self.door.store().snapshot().unwrap().pending_purges().unwrap() {
                    self.act(&purge(id.0, *rows));
                }
            }
            Step::Close { closing, rows } => self.close(*closing, *rows),
            Step::Forget { older, customer, rows } => {
                let about = || Due::About(address(CUSTOMERS[*customer]));
                self.forget(
                    &older.map_or_else(about, |older| Due::Before(Timestamp(self.now - older))),
                    *rows,
                );
            }
            Step::Plan { again } => self.plan(*again),
            Step::Tell { which, once, answer } => {
                let heads = self.door.outbox(ORG).forwards;
                self.heads.extend(heads.iter().cloned());
                let of = if *once { &self.heads } else { &heads };
                if !of.is_empty() {
                    self.tell(&which.get(of).clone(), *answer);
                }
            }
            Step::Resume { replay } => {
                self.act(&resume(&self.parked.clone(), *replay, Timestamp(self.now)));
            }
            Step::Look { status, assistant, customer, started, page: (skip, limit) } => {
                let [from, to] = started.map(|before| before.map(|before| Timestamp(self.now - before)));
                let filter = ConversationFilter {
                    status: status.map(|live| {
                        if live { ConversationStatus::Active } else { ConversationStatus::Completed }
                    }),
                    assistant_id: assistant.map(AssistantId),
                    customer: customer.and_then(|asked| AddressQuery::parse(ASKED[asked])),
                    started_from: from,
                    started_to: to,
                };
                let (page, now) = (Page { skip: *skip, limit: *limit }, Timestamp(self.now));
                let found = self.door.list(ORG, &filter, page, now);
                assert_eq!(found, self.model.list(ORG, &filter, page, now), "{filter:?}, {page:?}");
            }
            Step::Retry(which) => {
                if !self.sent.is_empty() {
                    let before = which.get(&self.sent).clone();
                    self.send(RecordInbound { now: Timestamp(self.now), ..before });
                }
            }
            Step::Message { customer, number, hint } => {
                let (customer, number) = (CUSTOMERS[*customer], NUMBERS[*number]);
                let cached = match hint {
                    Hint::None => None,
                    Hint::Any(id) => Some(CallId(*id)),
                    Hint::Bound => {
                        self.model.bound(ORG, &address(customer), &address(number)).map(|(id, _)| id)
                    }
                };
                let sid = format!("SM{}", self.sent.len());
                let fresh = message(&sid, customer, number, Timestamp(self.now));
                let fresh = RecordInbound { cached, session_ttl_seconds: self.ttl, ..fresh };
                self.sent.push(fresh.clone());
                self.send(fresh);
            }
        }
        self.compare_lists();
    }

    fn plan(&mut self, again: bool) {
        let sequences = self.door.store().snapshot().unwrap().sequences(ORG).unwrap();
        let mut messages = self.fresh.clone();
        // It is of another conversation.
        messages.extend(messages.last().map(|(call, log)| (CallId(call.0 + 1), *log)));
        let up_to = if again { sequences.forwarded } else { sequences.feed };
        self.act(&plan(up_to, &messages, Timestamp(self.now)));
        if !again {
            self.fresh.clear();
        }
    }

    fn tell(&mut self, (call, log, before): &(CallId, MessageLogId, Forward), answer: Answered) {
        let outcome = match answer {
            Answered::Reply if self.replies < MOST_REPLIES => replies("thank you"),
            Answered::Nothing | Answered::Reply => delivered(ForwardReply::None),
            Answered::Unusable => delivered(ForwardReply::Unusable("no text".to_owned())),
            Answered::Failure => fails(),
            Answered::NotTried => ForwardOutcome::NotTried { error: "down".to_owned() },
            Answered::NoReceiver => ForwardOutcome::NoReceiver,
        };
        let now = Timestamp(self.now);
        let settle = settle_forward((*call, *log), before, outcome, self.replies + 1, now);
        let Act::SettleForward(settle) = settle else { unreachable!() };
        let settle = SettleForward { session_ttl_seconds: self.ttl, ..settle };
        let Answer::Forwarded(settled) = self.act(&Act::SettleForward(settle)) else { unreachable!() };
        let SettledForward::Next(next, reply) = settled else { return };
        self.parked.extend(matches!(next, ForwardNext::Park(_)).then_some(*log));
        if let Some(EnqueueOutcome::Queued { session, call_id, .. }) = reply {
            self.replies += 1;
            let SessionKey { customer, our_number, .. } = &session;
            let (Went::Started(id) | Went::Joined(id, _)) =
                self.oracle.says((customer, our_number), self.now, self.ttl)
            else {
                unreachable!()
            };
            assert_eq!(call_id, CallId(id), "the oracle knows it otherwise");
        }
    }

    fn close(&mut self, closing: Closing, rows: usize) {
        let now = Timestamp(self.now);
        let (mut calls, mut from) = (Vec::new(), None);
        loop {
            let snapshot = self.door.store().snapshot().unwrap();
            let everyone = SessionsOf::Everyone;
            let (some, next) =
                snapshot.sessions_to_close(ORG, &everyone, (closing, now), from, rows).unwrap();
            assert!(some.len() <= rows);
            calls.extend(some.into_iter().map(|id| id.0));
            from = next;
            if from.is_none() {
                break;
            }
        }
        calls.sort_unstable();
        let wanted = self.model.closable(ORG, closing, now);
        assert_eq!(calls, wanted.into_iter().map(|id| id.0).collect::<Vec<_>>(), "{closing:?}");
        self.oracle.newest.retain(|_, newest| match closing {
            Closing::Living => newest.expiry <= self.now,
            Closing::Expired => newest.expiry > self.now,
        });
        self.act(&close(closing, &calls, now));
    }

    fn forget(&mut self, due: &Due, rows: usize) {
        let (now, mut calls, mut from) = (Timestamp(self.now), Vec::new(), None);
        loop {
            let snapshot = self.door.store().snapshot().unwrap();
            let (some, next) = snapshot.calls_to_forget(ORG, due, now, from, 2).unwrap();
            calls.extend(some.into_iter().map(|id| id.0));
            from = next;
            if from.is_none() {
                break;
            }
        }
        calls.sort_unstable();
        let wanted = self.model.forgettable(ORG, due, now);
        assert_eq!(calls, wanted.into_iter().map(|id| id.0).collect::<Vec<_>>(), "{due:?}");
        self.oracle.newest.retain(|_, newest| !calls.contains(&newest.id));
        self.act(&forget(&calls, due.clone(), now, rows));
    }

    fn turn(&mut self, clock: &Clock) {
        match clock {
            Clock::Step(micros) => self.now += micros,
            Clock::Ttl(beside) => self.now += self.ttl as i64 * 1_000_000 + beside,
            Clock::Expiry { customer, number, beside } => {
                let (customer, number) = (address(CUSTOMERS[*customer]), address(NUMBERS[*number]));
                if let Some((_, call)) = self.model.bound(ORG, &customer, &number) {
                    self.now = call.expires_at.unwrap().0 + beside;
                }
            }
        }
    }

    fn act(&mut self, act: &Act) -> Answer {
        let (answer, wanted) = (self.door.act(act), self.model.act(act));
        assert_eq!(answer, wanted, "{act:?}");
        answer
    }

    fn send(&mut self, message: RecordInbound) {
        let wanted = self.oracle.wants(&message);
        let Answer::Inbound(outcome) = self.act(&Act::Inbound(message)) else { unreachable!() };
        assert_eq!(went(&outcome), wanted, "the oracle knows it otherwise");
        if let RecordInboundOutcome::Stored { log_id, route: Route::Conversation { call_id, .. } } = outcome {
            self.fresh.push((call_id, log_id));
        }
    }

    fn compare_lists(&self) {
        for now in [self.now - 1, self.now, self.now + 1] {
            for filter in filters() {
                for page in [EVERYTHING, Page { skip: 1, limit: 2 }] {
                    let found = self.door.list(ORG, &filter, page, Timestamp(now));
                    assert_eq!(found, self.model.list(ORG, &filter, page, Timestamp(now)), "{filter:?}");
                }
            }
        }
        let (found, wanted) = (self.door.outbox(ORG), self.model.outbox(ORG));
        assert_eq!((found.forwarded, found.forwards), (wanted.forwarded, wanted.forwards));
        assert_eq!(found.parked, wanted.parked);
        self.compare_logs();
    }

    /// With what is asked for log by log: the model keeps of logs only what is forwarded.
    fn compare_logs(&self) {
        let snapshot = self.door.store().snapshot().unwrap();
        let (logs, all, now) = (stored(&snapshot), LogFilter::default(), Timestamp(self.now));
        for filter in [
            all.clone(),
            LogFilter { status: Some(DeliveryStatus::Received), ..all.clone() },
            LogFilter { status: Some(DeliveryStatus::Queued), created_to: Some(now), ..all.clone() },
            LogFilter { assistant_id: Some(AssistantId(1)), ..all.clone() },
            LogFilter { assistant_id: Some(AssistantId(2)), created_from: Some(now), ..all.clone() },
            LogFilter { to: AddressQuery::parse(SALES), ..all },
        ] {
            for (skip, limit) in [(0, usize::MAX), (2, 3), (9, 4)] {
                compare(&snapshot, &logs, &filter, Page { skip, limit }, u64::MAX);
            }
        }
    }

    fn compare_everything(&self, purged: bool) {
        let day = TTL as i64 * 1_000_000;
        let nows = [START.0, self.now - day, self.now - 1, self.now, self.now + 1, self.now + day];
        let nows = nows.map(Timestamp);
        let (found, wanted) = (state_of(&self.door, &nows), state_of(&self.model, &nows));
        // A job goes when its conversation is purged.
        let compared = |state: State| if purged { state } else { state.without_outboxes() };
        assert_eq!(compared(found), compared(wanted));
    }

    /// What waits behind the first of each conversation is compared, too.
    fn tell_all(&mut self) {
        while let Some(head) = self.door.outbox(ORG).forwards.first() {
            self.tell(head, Answered::Nothing);
            self.compare_lists();
        }
    }
}

fn live(door: StoreDoor, steps: &[Step]) {
    let mut history = History::new(door);
    for step in steps {
        history.take(step);
    }
    history.compare_everything(false);
    history.take(&Step::Purge { rows: usize::MAX });
    history.compare_everything(true);
    history.door.reopen();
    history.compare_everything(true);
    history.tell_all();
    // Its id tells how many steps there were.
    history.act(&keep_audit("no sender", Timestamp(history.now)));
}

/// A store whose reopenings cost no real sync.
fn on_a_disk() -> StoreDoor {
    let disk = Disk::default();
    StoreDoor::new("a disk", move || disk.open().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_store_tells_every_history_as_the_model_does(steps in proptest::collection::vec(steps(), 1..60)) {
        live(on_a_disk(), &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn so_does_a_store_on_a_file(steps in proptest::collection::vec(steps(), 1..40)) {
        live(on_a_file(), &steps);
    }
}
