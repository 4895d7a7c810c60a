//! The records that an organization lacks of a seed, with the ids that they get there.

use super::there::{Pair, There};
use super::{Applied, AppliedKey, Chance, SeedError};
use crate::app::accounts::{DEFAULT_ADMIN_EMAIL, new_key};
use crate::model::account::{API_KEY_PREFIX, ApiKey, Organization, PasswordHash, Role, User};
use crate::model::ids::{ApiKeyId, AssistantId, CallId, MessageId, MessageLogId, PhoneNumberId, UserId};
use crate::model::seed::{Seed, SeedErrors, SeedKey, SeedRecord, SeedUser};
use crate::model::transfer::{ApiKeyLine, CallLine, Line, OrganizationLine, UserLine};
use crate::store::{ImportRecord, Place, Sequences, Settled, StoreError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

type Hash<'h> = &'h (dyn Fn(&str) -> Result<PasswordHash, StoreError> + Sync);

pub(super) struct Plan<'s> {
    seed: &'s Seed,
    there: &'s There<'s>,
    pub(super) records: Vec<ImportRecord>,
    pub(super) applied: Applied,
    /// The last ids that are given.
    last: Sequences,
    roles: BTreeMap<UserId, Role>,
    first_admin: Option<UserId>,
    /// The conversations of a pair of numbers that no conversation of the seed was yet.
    calls: HashMap<Pair, std::vec::IntoIter<CallId>>,
    /// The conversation at hand, if it is new, and where its messages stand.
    call: Option<(CallId, u32, Option<Settled>)>,
}

impl<'s> Plan<'s> {
    pub(super) fn of(
        seed: &'s Seed,
        there: &'s There<'s>,
        chance: Chance<'_>,
        hash: Hash<'_>,
    ) -> Result<Plan<'s>, SeedError> {
        let mut plan = Plan {
            seed,
            there,
            records: Vec::with_capacity(seed.records.len() + 4),
            applied: Applied::default(),
            last: there.sequences,
            roles: there.users.iter().map(|(id, user)| (*id, user.role)).collect(),
            first_admin: there.first_admin(),
            calls: HashMap::new(),
            call: None,
        };
        plan.users(hash)?;
        plan.keys(chance)?;
        for SeedRecord { line, record } in &seed.records {
            plan.record(*line, record.clone())?;
        }
        plan.rename();
        plan.applied.stored = plan.records.len() as u64;
        Ok(plan)
    }

    fn add(&mut self, line: u32, record: Line, place: Place) {
        self.records.push(ImportRecord { line_number: line.into(), line: record, place });
    }

    /// What the first start made takes the seed's name, if it holds nothing yet.
    fn rename(&mut self) {
        if let (Some(name), Some(there)) = (&self.seed.name, &self.there.bare)
            && there.name != *name
        {
            let renamed = Organization { name: name.clone(), ..Organization::clone(there) };
            self.add(1, Line::Organization(OrganizationLine::of(&renamed)), Place::None);
        }
    }

    fn users(&mut self, hash: Hash<'_>) -> Result<(), SeedError> {
        for user in &self.seed.users {
            self.user(user, hash)?;
        }
        if self.there.is_new() && self.first_admin.is_none() {
            self.user(&usual_admin(), hash)?;
        }
        Ok(())
    }

    fn user(&mut self, user: &SeedUser, hash: Hash<'_>) -> Result<(), SeedError> {
        let known = self.there.user(&user.email);
        let id = known.unwrap_or_else(|| {
            self.last.user += 1;
            UserId(self.last.user)
        });
        self.applied.users.push((user.email.clone(), id));
        if known.is_some() {
            return Ok(());
        }
        let stored = User {
            email: user.email.clone(),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            role: user.role,
            password: user.password.as_deref().map(hash).transpose()?,
            is_active: user.is_active,
            created_at: self.seed.now,
            updated_at: self.seed.now,
        };
        self.roles.insert(id, user.role);
        if user.role == Role::Admin && user.is_active {
            self.first_admin.get_or_insert(id);
        }
        let line = UserLine::of(Some(id), None, None, &stored);
        self.add(user.line, Line::User(line), Place::None);
        Ok(())
    }

    /// The user with this place in the seed.
    fn nth_user(&self, local: UserId) -> Option<UserId> {
        let at = usize::try_from(local.0.checked_sub(1)?).ok()?;
        self.applied.users.get(at).map(|(_, id)| *id)
    }

    fn keys(&mut self, chance: Chance<'_>) -> Result<(), SeedError> {
        for key in &self.seed.api_keys {
            self.key(key, chance)?;
        }
        if self.there.is_new() && self.seed.api_keys.is_empty() {
            let name = "first key".to_owned();
            self.key(&SeedKey { line: 1, name, role: None, user: None, secret: None }, chance)?;
        }
        Ok(())
    }

    fn key(&mut self, key: &SeedKey, chance: Chance<'_>) -> Result<(), SeedError> {
        let owner = key.user.and_then(|local| self.nth_user(local)).or(self.first_admin);
        let Some(user_id) = owner else {
            let told = "api_keys.user: nobody administers the organization; name whose key it is";
            return Err(SeedErrors::one(key.line, told).into());
        };
        let (name, given) = (key.name.clone(), key.secret.clone());
        if let Some((id, known)) = self.there.key(given.as_deref(), user_id, &name) {
            let (id, name, user_id, role) = (*id, known.name.clone(), known.user_id, known.role);
            self.applied.keys.push(AppliedKey { id, name, user_id, role, secret: given, made_up: false });
            return Ok(());
        }
        self.last.api_key += 1;
        let id = ApiKeyId(self.last.api_key);
        let role = key.role.or(self.roles.get(&user_id).copied()).unwrap_or(Role::Viewer);
        let made_up = given.is_none();
        let secret = given.unwrap_or_else(|| format!("{API_KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(chance())));
        let new = new_key(&name, &secret, role, None);
        let stored = ApiKey {
            user_id,
            name: new.name,
            key_prefix: new.key_prefix,
            hash: new.hash,
            role,
            created_at: self.seed.now,
            updated_at: self.seed.now,
            expires_at: None,
            revoked_at: None,
        };
        self.applied.keys.push(AppliedKey { id, name, user_id, role, secret: Some(secret), made_up });
        let line = ApiKeyLine::of(Some(id), None, None, &stored);
        self.add(key.line, Line::ApiKey(line), Place::None);
        Ok(())
    }

    /// Adds a record that is not there yet, with the ids that it gets here.
    fn record(&mut self, at: u32, mut record: Line) -> Result<(), SeedError> {
        let mut place = Place::None;
        match &mut record {
            Line::CarrierAccount(line) if self.there.has_carrier(line.provider) => return Ok(()),
            Line::Assistant(line) => {
                let known = self.there.assistant(&line.name);
                let id = known.unwrap_or(AssistantId(self.last.assistant + 1));
                self.applied.assistants.push((line.name.clone(), id));
                if known.is_some() {
                    return Ok(());
                }
                self.last.assistant = id.0;
                line.id = Some(id);
                line.user_id = self.roles.keys().next().copied();
            }
            Line::PhoneNumber(line) => {
                let known = self.there.number(&line.phone_number);
                let own = line.assistant_id.and_then(|local| self.nth_assistant(local));
                let assistant_id = known.map_or(own, |known| known.assistant_id);
                self.applied.numbers.push((line.phone_number.clone(), assistant_id));
                if known.is_some() {
                    return Ok(());
                }
                self.last.phone_number += 1;
                line.id = Some(PhoneNumberId(self.last.phone_number));
                line.assistant_id = assistant_id;
            }
            Line::Call(line) => {
                let Some(of_call) = self.new_call(line)? else { return Ok(()) };
                place = of_call;
            }
            Line::Message(line) => {
                let Some((call, messages, settled)) = self.call else { return Ok(()) };
                self.last.message += 1;
                (line.id, line.call_id) = (Some(MessageId(self.last.message)), call);
                let index = line.message_index.unwrap_or(1);
                place = Place::Message { index, settled: settled.filter(|_| index == messages) };
            }
            Line::MessageLog(line) => {
                let Some((call, ..)) = self.call else { return Ok(()) };
                self.last.message_log += 1;
                (line.id, line.call_id) = (Some(MessageLogId(self.last.message_log)), Some(call));
                line.assistant_id = line.assistant_id.and_then(|local| self.nth_assistant(local));
            }
            Line::OptOut(line) => {
                let (ours, customer) = (&line.assistant_phone_number, &line.customer_phone_number);
                if self.there.has_opted_out(ours, customer)? {
                    return Ok(());
                }
            }
            _ => {}
        }
        self.add(at, record, place);
        Ok(())
    }

    fn nth_assistant(&self, local: AssistantId) -> Option<AssistantId> {
        let at = usize::try_from(local.0.checked_sub(1)?).ok()?;
        self.applied.assistants.get(at).map(|(_, id)| *id)
    }

    /// The place of a conversation that is not there yet; what follows in the seed is of it.
    fn new_call(&mut self, line: &mut CallLine) -> Result<Option<Place>, SeedError> {
        let pair = (line.channel, line.customer_phone_number.clone(), line.assistant_phone_number.clone());
        let known = match self.calls.entry(pair) {
            Entry::Occupied(entry) => entry.into_mut().next(),
            Entry::Vacant(entry) => {
                let calls = self.there.calls(entry.key())?;
                entry.insert(calls.into_iter()).next()
            }
        };
        self.call = None;
        let id = known.unwrap_or(CallId(self.last.call + 1));
        self.applied.conversations.push(id);
        if known.is_some() {
            return Ok(None);
        }
        self.last.call = id.0;
        line.id = Some(id);
        line.assistant_id = self.nth_assistant(line.assistant_id).unwrap_or(line.assistant_id);
        let messages = line.message_count.filter(|_| !line.is_archived()).unwrap_or(0);
        let lives = line.is_active() && !line.is_archived();
        let settled = line
            .expires_at
            .map(|expires_at| Settled { expires_at, lives: lives && expires_at > self.seed.now });
        self.call = Some((id, messages, settled));
        let last_activity = line.last_activity.unwrap_or(line.started_at);
        Ok(Some(Place::Call { messages, last_activity, settled }))
    }
}

fn usual_admin() -> SeedUser {
    SeedUser {
        line: 1,
        email: DEFAULT_ADMIN_EMAIL.to_owned(),
        first_name: None,
        last_name: None,
        role: Role::Admin,
        password: None,
        is_active: true,
    }
}
