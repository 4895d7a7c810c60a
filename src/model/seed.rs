//! Seeds: what an organization is to hold, declared in TOML or JSON. [`Seed::parse`] takes the whole text or tells what
//! is wrong with it, each with its line. `docs/seeds.md` is the reference.
//!
//! What a seed holds becomes the lines that an import would have ([`Line`]). Their ids count from 1 in the order of the
//! text, as in an organization that holds nothing; whoever stores them elsewhere moves them.

mod accounts;
mod answering;
mod complaint;
mod conversations;
mod fields;
mod json;
mod messages;
mod node;
mod times;
mod toml;

pub use accounts::{SeedKey, SeedUser};
pub use complaint::{Complaint, Complaints, SeedErrors};
pub use fields::Fields;
pub use node::{Entry, MAX_SEED_BYTES, Node, NodeValue};
pub use times::seconds;

use super::carrier_account::CarrierAccount;
use super::message_log::Provider;
use super::time::Timestamp;
use super::transfer::{CarrierAccountLine, Line};

/// The longest that a session may be configured to live.
const LONGEST_SESSION_SECONDS: u64 = 315_360_000;

/// What a seed is read against.
#[derive(Clone, Copy, Debug)]
pub struct Base {
    pub now: Timestamp,
    /// Where the world's clock stands still, whatever the seed says.
    pub clock: Option<Timestamp>,
    pub session_ttl_seconds: u64,
    /// It is for a world, which has a clock and settings of its own. Elsewhere what is said of those is validated and
    /// passed over ([`Seed::passed_over`]).
    pub of_world: bool,
}

/// A seed, read and found good: whatever it names is in it, and all times have passed.
#[derive(Clone, Debug)]
pub struct Seed {
    /// What its relative times count from: its own clock's, else the base's.
    pub now: Timestamp,
    pub session_ttl_seconds: u64,
    /// The organization's.
    pub name: Option<String>,
    /// Where the world's clock stands still; none: it is the real one.
    pub clock: Option<Timestamp>,
    /// What ids and secrets that are made up follow from.
    pub random: Option<u64>,
    pub receipts: Receipts,
    pub retention: RetentionDays,
    pub users: Vec<SeedUser>,
    pub api_keys: Vec<SeedKey>,
    /// Carrier accounts, assistants, numbers, conversations with their messages and logs, opt-outs; in this order.
    pub records: Vec<SeedRecord>,
    /// As they stand in the text, for whoever knows faults.
    pub faults: Vec<Node>,
    /// What is only a world's, where it is not for one.
    pub passed_over: Vec<Complaint>,
}

/// Whether the simulated carriers tell receipts by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Receipts {
    #[default]
    Auto,
    Manual,
}

/// For how many days each kind is kept; 0: for ever; none: as elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionDays {
    pub conversations_days: Option<u64>,
    pub logs_days: Option<u64>,
    pub raw_payloads_days: Option<u64>,
    pub audit_days: Option<u64>,
    pub feed_days: Option<u64>,
}

/// A record and the line of the seed that declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedRecord {
    pub line: u32,
    pub record: Line,
}

/// What is only a world's.
const OF_WORLDS: [&str; 6] = ["clock", "random", "session_ttl_seconds", "receipts", "retention", "faults"];

impl Seed {
    pub fn parse(text: &str, base: Base) -> Result<Seed, SeedErrors> {
        let root = Node::parse(text)?;
        let complaints = Complaints::default();
        let seed = Fields::of(&root, "", &complaints).map(|fields| Seed::read(fields, base, &complaints));
        complaints.end()?;
        seed.ok_or_else(|| SeedErrors::one(1, "a seed is a table"))
    }

    fn read(mut fields: Fields<'_>, base: Base, complaints: &Complaints) -> Seed {
        let mut seed = Seed::settings(&mut fields, base);
        let users = accounts::Users::read(&mut fields, &mut seed);
        accounts::read_keys(&mut fields, &mut seed, &users);
        accounts::read_carriers(&mut fields, &mut seed);
        let answering = answering::Answering::read(&mut fields, &mut seed);
        conversations::read(&mut fields, &mut seed, &answering, complaints);
        answering.read_opt_outs(&mut fields, &mut seed);
        if !base.of_world {
            seed.passed_over = fields.said(&OF_WORLDS);
        }
        fields.end();
        seed
    }

    /// What is said at the top.
    fn settings(fields: &mut Fields<'_>, base: Base) -> Seed {
        let name = fields.owned("name");
        if name.as_ref().is_some_and(|name| !(1..=100).contains(&name.trim().chars().count())) {
            fields.complain("name", "it has 1 to 100 characters");
        }
        let clock = fields.parsed("clock", |text| {
            Timestamp::parse(text).ok_or("no time; write it like 2026-04-30T10:00:00Z")
        });
        let clock = base.clock.or(clock);
        let ttl_seconds = fields.number("session_ttl_seconds");
        if ttl_seconds.is_some_and(|seconds| !(1..=LONGEST_SESSION_SECONDS).contains(&seconds)) {
            fields.complain("session_ttl_seconds", format!("it is 1 to {LONGEST_SESSION_SECONDS}"));
        }
        let receipts = fields.word("receipts", &[("auto", Receipts::Auto), ("manual", Receipts::Manual)]);
        let (own_clock, own_ttl) = (clock.filter(|_| base.of_world), ttl_seconds.filter(|_| base.of_world));
        Seed {
            now: own_clock.unwrap_or(base.now),
            session_ttl_seconds: own_ttl.unwrap_or(base.session_ttl_seconds),
            name: name.map(|name| name.trim().to_owned()),
            clock,
            random: fields.number("random"),
            receipts: receipts.unwrap_or_default(),
            retention: RetentionDays::read(fields),
            users: Vec::new(),
            api_keys: Vec::new(),
            records: Vec::new(),
            faults: fields.nodes("faults").to_vec(),
            passed_over: Vec::new(),
        }
    }

    /// One that declares nothing.
    pub fn empty(base: Base) -> Seed {
        Seed::parse("", base).expect("nothing can be wrong with nothing")
    }

    /// The account at a carrier that it declares.
    pub fn account(&self, provider: Provider) -> Option<&CarrierAccountLine> {
        self.records.iter().find_map(|known| match &known.record {
            Line::CarrierAccount(account) if account.provider == provider => Some(account),
            _ => None,
        })
    }

    /// Puts an account in the place of the one that it declares, if it does.
    pub fn give_account(&mut self, provider: Provider, account: &CarrierAccount) {
        let is_it = |known: &SeedRecord| matches!(&known.record, Line::CarrierAccount(account) if account.provider == provider);
        self.records.retain(|known| !is_it(known));
        let record = Line::CarrierAccount(CarrierAccountLine::of(provider, account));
        self.records.insert(0, SeedRecord { line: 1, record });
    }

    fn add(&mut self, line: u32, record: Line) {
        self.records.push(SeedRecord { line, record });
    }
}

impl RetentionDays {
    fn read(fields: &mut Fields<'_>) -> RetentionDays {
        let Some(mut table) = fields.table("retention") else { return RetentionDays::default() };
        let days = RetentionDays {
            conversations_days: table.number("conversations_days"),
            logs_days: table.number("logs_days"),
            raw_payloads_days: table.number("raw_payloads_days"),
            audit_days: table.number("audit_days"),
            feed_days: table.number("feed_days"),
        };
        table.end();
        days
    }
}
