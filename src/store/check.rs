//! Verifies what must hold between the tables, row by row, and says in plain words what does not.
//! It repairs nothing. Whether the engine's own pages are sound is for the engine to say.

mod logs;
mod threads;

use super::error::ReadError;
use super::key::{self, CountKey, SerialKey};
use super::record;
use super::sequences::{Count, Sequences};
use super::snapshot::Snapshot;
use super::tables::ReadTables;
use crate::model::account::{ApiKey, Organization, User};
use crate::model::assistant::{Assistant, PhoneNumber};
use crate::model::call::Call;
use crate::model::feed::FeedEntry;
use crate::model::ids::{CallId, OrganizationId};
use crate::model::opt_out::OptOut;
use crate::model::outbound::OutboundJob;
use redb::ReadOnlyTable;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Arguments;

/// More damages than a person reads are only counted.
const MOST_TOLD: usize = 1000;

impl Snapshot {
    /// Reads everything, every organization's, and returns the damages it found; none: all is
    /// sound. An error means that the storage could not be read to its end.
    pub fn check(&self) -> Result<Vec<String>, ReadError> {
        let tallies = BTreeMap::new();
        let mut check = Check { tables: &self.tables, tallies, damages: Vec::new(), untold: 0 };
        check.sequences()?;
        check.counted()?;
        check.accounts()?;
        check.numbers()?;
        check.threads()?;
        check.lists()?;
        check.sessions()?;
        check.purges()?;
        check.logs()?;
        check.dedupe()?;
        check.kept_webhooks()?;
        check.audit()?;
        check.feed()?;
        check.outbound()?;
        check.sums();
        if check.untold > 0 {
            check.damages.push(format!("and {} more", check.untold));
        }
        Ok(check.damages)
    }
}

type SerialTable = ReadOnlyTable<&'static SerialKey, &'static [u8]>;

/// What is remembered of an organization while its rows go by.
#[derive(Default)]
struct Tally {
    given: Sequences,
    conversations: u64,
    counted: u64,
    feed: u64,
    /// Message logs that went with their conversation, and duplicates told by a log that is not there.
    purged_logs: u64,
    logless: u64,
}

struct Check<'s> {
    tables: &'s ReadTables,
    tallies: BTreeMap<OrganizationId, Tally>,
    damages: Vec<String>,
    untold: usize,
}

impl<'s> Check<'s> {
    fn tell(&mut self, organization: OrganizationId, damage: Arguments<'_>) {
        if self.damages.len() < MOST_TOLD {
            self.damages.push(format!("organization {organization}: {damage}"));
        } else {
            self.untold += 1;
        }
    }

    fn expect(&mut self, holds: bool, organization: OrganizationId, damage: Arguments<'_>) {
        if !holds {
            self.tell(organization, damage);
        }
    }

    /// Keys of no fixed width have at least an organization, one letter and its end; those that end
    /// in an id are longer still.
    fn is_cut_short(&mut self, table: &str, key: &[u8]) -> bool {
        let least = if table == "phone_numbers" || table == "opt_outs" { 6 } else { 12 };
        let short = key.len() < least;
        self.expect(!short, OrganizationId(0), format_args!("a key of {table} is cut short"));
        short
    }

    fn tally(&mut self, organization: OrganizationId) -> &mut Tally {
        self.tallies.entry(organization).or_default()
    }

    /// Ids come from a sequence that has reached them, or the next one given would be taken.
    fn given(&mut self, organization: OrganizationId, kind: &str, id: u64, last: fn(&Sequences) -> u64) {
        let last = last(&self.tally(organization).given);
        let damage = format_args!("{kind} {id} is not among the ids given so far, 1 to {last}");
        self.expect((1..=last).contains(&id), organization, damage);
    }

    /// A record that does not decode is told and passed over.
    fn decode<'a, T: Deserialize<'a>>(
        &mut self,
        table: &'static str,
        organization: OrganizationId,
        bytes: &'a [u8],
    ) -> Option<T> {
        record::decode(table, bytes).map_err(|error| self.tell(organization, format_args!("{error}"))).ok()
    }

    /// Visits every record of a table, every organization's, by id.
    fn each<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        table: &'s SerialTable,
        mut visit: impl FnMut(&mut Self, OrganizationId, u64, T) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        for row in table.range::<&SerialKey>(..)? {
            let (key, bytes) = row?;
            let (organization, id) = (key::organization_of(key.value()), key::serial_id(key.value()));
            if let Some(record) = self.decode(name, organization, bytes.value()) {
                visit(self, organization, id, record)?;
            }
        }
        Ok(())
    }

    /// One record. None also when it does not decode, which is told where its table is walked.
    fn find<T: DeserializeOwned>(
        table: &SerialTable,
        organization: OrganizationId,
        id: u64,
    ) -> Result<Option<T>, ReadError> {
        let stored = table.get(&key::serial(organization, id))?;
        Ok(stored.and_then(|bytes| record::decode("", bytes.value()).ok()))
    }

    fn call(&self, organization: OrganizationId, id: CallId) -> Result<Option<Call>, ReadError> {
        let stored = self.tables.threads.get(&key::head(organization, id))?;
        Ok(stored.and_then(|bytes| record::decode("", bytes.value()).ok()))
    }

    fn sequences(&mut self) -> Result<(), ReadError> {
        for row in self.tables.sequences.range::<&[u8; 4]>(..)? {
            let (key, bytes) = row?;
            let organization = key::organization_of(key.value());
            let given = self.decode("sequences", organization, bytes.value());
            self.tally(organization).given = given.unwrap_or_default();
        }
        Ok(())
    }

    fn counted(&mut self) -> Result<(), ReadError> {
        for row in self.tables.counts.range::<&CountKey>(..)? {
            let (key, count) = row?;
            let (organization, count) = (key::organization_of(key.value()), count.value());
            let is = |kind: Count| *key.value() == key::count(organization, kind as u8, 0);
            let tally = self.tally(organization);
            if is(Count::Conversations) {
                tally.counted = count;
            } else if is(Count::PurgedLogs) {
                tally.purged_logs = count;
            }
        }
        Ok(())
    }

    /// Whether a message log that is not there may have been: it has had an id, and some were purged.
    fn may_be_purged(&mut self, organization: OrganizationId, log: u64) -> bool {
        let tally = self.tally(organization);
        tally.purged_logs > 0 && (1..=tally.given.message_log).contains(&log)
    }

    fn accounts(&mut self) -> Result<(), ReadError> {
        for row in self.tables.organizations.range::<&[u8; 4]>(..)? {
            let (key, bytes) = row?;
            let organization = key::organization_of(key.value());
            self.decode::<Organization>("organizations", organization, bytes.value());
        }
        let tables = self.tables;
        self.each::<User>("users", &tables.users, |check, org, id, _| {
            check.given(org, "user", id, |given| given.user);
            Ok(())
        })?;
        self.each::<ApiKey>("api_keys", &tables.api_keys, |check, org, id, key| {
            check.given(org, "API key", id, |given| given.api_key);
            let owner: Option<User> = Self::find(&tables.users, org, key.user_id.0)?;
            check.expect(owner.is_some(), org, format_args!("API key {id} is of no user"));
            Ok(())
        })?;
        self.each::<Assistant>("assistants", &tables.assistants, |check, org, id, _| {
            check.given(org, "assistant", id, |given| given.assistant);
            Ok(())
        })
    }

    fn numbers(&mut self) -> Result<(), ReadError> {
        for row in self.tables.phone_numbers.range::<&[u8]>(..)? {
            let (key, bytes) = row?;
            if self.is_cut_short("phone_numbers", key.value()) {
                continue;
            }
            let org = key::organization_of(key.value());
            let rebuilt = key::address_of(key.value()).map(|address| key::address(org, &address));
            let sound = rebuilt.as_deref() == Some(key.value());
            self.expect(sound, org, format_args!("the key of a phone number is no number"));
            let Some(number) = self.decode::<PhoneNumber>("phone_numbers", org, bytes.value()) else {
                continue;
            };
            self.given(org, "phone number", number.id.0, |given| given.phone_number);
            if let Some(assistant) = number.assistant_id {
                let found: Option<Assistant> = Self::find(&self.tables.assistants, org, assistant.0)?;
                let damage = format_args!("phone number {} is of no assistant", number.id);
                self.expect(found.is_some_and(|found| !found.is_deleted()), org, damage);
            }
        }
        Ok(())
    }

    fn feed(&mut self) -> Result<(), ReadError> {
        let feed = &self.tables.feed;
        self.each::<FeedEntry>("feed", feed, |check, org, sequence, _| {
            let due = check.tally(org).feed + 1;
            check.tally(org).feed = sequence;
            check.expect(sequence == due, org, format_args!("the feed has {sequence} where {due} is due"));
            Ok(())
        })
    }

    fn outbound(&mut self) -> Result<(), ReadError> {
        for row in self.tables.opt_outs.range::<&[u8]>(..)? {
            let (key, bytes) = row?;
            if self.is_cut_short("opt_outs", key.value()) {
                continue;
            }
            self.decode::<OptOut>("opt_outs", key::organization_of(key.value()), bytes.value());
        }
        for row in self.tables.outbound_jobs.range::<&[u8; 20]>(..)? {
            let (key, bytes) = row?;
            let org = key::organization_of(key.value());
            self.decode::<OutboundJob>("outbound_jobs", org, bytes.value());
        }
        Ok(())
    }

    /// Last: compares with what was seen on the way.
    fn sums(&mut self) {
        for (org, tally) in std::mem::take(&mut self.tallies) {
            let Tally { given, conversations, counted, feed, purged_logs, logless } = tally;
            let damage = format_args!("{counted} conversations are counted, {conversations} are there");
            self.expect(counted == conversations, org, damage);
            let damage = format_args!("the feed ends at {feed}, its sequence at {}", given.feed);
            self.expect(feed == given.feed, org, damage);
            let damage =
                format_args!("{logless} duplicates are told by no log, {purged_logs} logs were purged");
            self.expect(logless <= purged_logs, org, damage);
        }
    }
}
