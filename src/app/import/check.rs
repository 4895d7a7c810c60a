//! The check: reads the whole input against the store and against itself, stores nothing. What it
//! learns of each thread goes to the second reading.
//!
//! Of two lines about one record the second is left out when it says the same, and refused when
//! not. A conversation that was archived here since is left as it is, with all that the input has
//! of it. A line whose fields are judged with its thread is in `threads`.

use super::ImportError;
use super::ahead::ahead;
use super::threads::{Said, Thread};
use crate::model::ids::{CallId, MessageId, OrganizationId};
use crate::model::time::Timestamp;
use crate::model::transfer::{CallLine, Claim, Kind, Line, MessageLine, OrganizationLine};
use crate::store::{Place, ReadError, Sequences, SnapshotView, Standing, Store};
use std::collections::{HashMap, HashSet};
use std::io::BufRead;
use std::ops::RangeInclusive;
use std::rc::Rc;

/// How far the clock that wrote the input may be ahead of ours.
const LATEST_SECONDS: u64 = 86_400;

/// What the second reading needs to know of the whole.
#[derive(Debug)]
pub struct Checked {
    records: u64,
    pub(super) organization: OrganizationId,
    pub(super) now: Timestamp,
    pub(super) ttl_seconds: u64,
    threads: HashMap<CallId, Thread>,
    /// The lines that are not to be stored: said before, or of a conversation archived since.
    left_out: Vec<u64>,
    /// How many of them the second reading has passed.
    passed: usize,
    last_message_id: u64,
    /// The highest given id of each kind.
    pub(super) highest: Sequences,
    /// The organization holds nothing yet: what the first start made gives way.
    pub(super) bare: bool,
}

impl Checked {
    /// How many records the input has.
    pub fn records(&self) -> u64 {
        self.records
    }

    pub(super) fn is_left_out(&mut self, line: u64) -> bool {
        let left_out = self.left_out.get(self.passed) == Some(&line);
        self.passed += usize::from(left_out);
        left_out
    }

    /// Where the second reading's next line stands in its thread.
    pub(super) fn place(&mut self, line: &Line) -> Place {
        let (now, ttl_seconds) = (self.now, self.ttl_seconds);
        match line {
            Line::Call(call) => match call.id.and_then(|id| self.threads.get(&id)) {
                Some(thread) => thread.place_of_call(now, ttl_seconds),
                None => Thread::without_id(0, call).place_of_call(now, ttl_seconds),
            },
            Line::Message(message) => {
                let thread = self.threads.get_mut(&message.call_id);
                thread.map_or(Place::None, |thread| thread.place_next(now, ttl_seconds))
            }
            _ => Place::None,
        }
    }

    /// The message ids that live traffic took between the check and `last`. Messages cannot be
    /// found by their ids, so these are looked out for.
    pub(super) fn taken_since(&self, last: u64) -> RangeInclusive<MessageId> {
        MessageId(self.last_message_id + 1)..=MessageId(last)
    }
}

struct Check {
    snapshot: Rc<SnapshotView>,
    slug: String,
    checked: Checked,
    /// Who has what only one record may have, and a fingerprint of what its line says.
    claims: HashMap<Claim, u64>,
    /// Parents that were found in the store.
    stored: HashSet<(Kind, u64)>,
    /// The ids of the stored messages, once they are asked for.
    message_ids: Option<HashSet<u64>>,
}

/// Reads all of `input`. An error means that nothing of it will be stored. Blocks.
pub fn check(
    store: &Store,
    organization: OrganizationId,
    input: impl BufRead + Send,
    now: Timestamp,
    ttl_seconds: u64,
) -> Result<Checked, ImportError> {
    let snapshot = Rc::new(store.snapshot()?);
    let here = store.directory().view().organization(organization).cloned();
    let checked = Checked {
        records: 0,
        organization,
        now,
        ttl_seconds,
        threads: HashMap::new(),
        left_out: Vec::new(),
        passed: 0,
        last_message_id: snapshot.sequences(organization)?.message,
        highest: Sequences::default(),
        bare: snapshot.is_bare(organization)?,
    };
    let mut check = Check {
        snapshot,
        slug: here.map(|here| here.slug.clone()).unwrap_or_default(),
        checked,
        claims: HashMap::new(),
        stored: HashSet::new(),
        message_ids: None,
    };
    ahead(input, |lines| {
        for parsed in lines {
            let parsed = parsed?;
            let number = parsed.number;
            check.checked.records += 1;
            match check.line(number, &parsed.line) {
                Ok(true) => {}
                Ok(false) => check.checked.left_out.push(number),
                Err(ImportError::Line { message, .. }) => {
                    return Err(ImportError::Line { line: number, message });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    })?;
    check.finish()
}

impl Check {
    /// False: the line is left out.
    fn line(&mut self, number: u64, line: &Line) -> Result<bool, ImportError> {
        let latest = self.checked.now.plus_seconds(LATEST_SECONDS);
        for (field, time) in line.past_times() {
            if let Some(time) = time.filter(|time| *time > latest) {
                return Err(format!("{field}: {time} is in the future").into());
            }
        }
        if self.is_said_before(line)? {
            return Ok(false);
        }
        for (field, kind, id) in line.parents().into_iter().flatten() {
            self.parent(field, kind, id)?;
            if kind == Kind::Call && self.thread(CallId(id))?.is_some_and(|thread| thread.archived_since) {
                return Ok(false);
            }
        }
        if let Some(highest) = self.checked.highest.of(line.kind()) {
            *highest = line.id().unwrap_or(0).max(*highest);
        }
        match line {
            Line::Organization(line) => self.organization(line)?,
            Line::Message(message) => return self.message(line, message).map(|()| true),
            Line::MessageLog(line) => {
                if let Some(call) = line.call_id
                    && self.thread(call)?.is_some_and(|thread| thread.archived)
                {
                    return Err(archived(call).into());
                }
            }
            _ => {}
        }
        let Checked { now, bare, .. } = self.checked;
        // Of the first start's records, those that lines before this one take the place of.
        let replaced = |kind| bare && self.claims.contains_key(&(kind, "id", 1));
        match self.snapshot.import_standing(self.checked.organization, line, now, bare, replaced)? {
            Standing::Refused(message) => return Err(message.into()),
            Standing::New | Standing::Same | Standing::Replaces => {}
        }
        match line {
            Line::Call(line) => self.call(number, line),
            _ => Ok(true),
        }
    }

    fn is_said_before(&mut self, line: &Line) -> Result<bool, ImportError> {
        use std::collections::hash_map::Entry;
        let claims = line.claims();
        if claims == [None, None] {
            return Ok(false);
        }
        let fingerprint = line.fingerprint();
        let mut said = false;
        for claim in claims.into_iter().flatten() {
            match self.claims.entry(claim) {
                Entry::Occupied(entry) if *entry.get() != fingerprint => {
                    let (kind, field, _) = claim;
                    let name = kind.name();
                    return Err(format!(
                        "{field}: another {name} line has the same, and says something else"
                    )
                    .into());
                }
                Entry::Occupied(_) => said = true,
                Entry::Vacant(entry) => {
                    entry.insert(fingerprint);
                }
            }
        }
        Ok(said)
    }

    /// A parent is in the store or earlier in the input.
    fn parent(&mut self, field: &str, kind: Kind, id: u64) -> Result<(), ImportError> {
        let known = match kind {
            Kind::Call => self.thread(CallId(id))?.is_some(),
            _ => self.claims.contains_key(&(kind, "id", id)) || self.stored.contains(&(kind, id)),
        };
        if known {
            return Ok(());
        }
        if !self.snapshot.import_parent(self.checked.organization, kind, id)? {
            let name = kind.name().replace('_', " ");
            return Err(format!("{field}: {name} {id} is neither here nor earlier in the input").into());
        }
        self.stored.insert((kind, id));
        Ok(())
    }

    /// The call record with this id, of the input so far or of the store.
    fn thread(&mut self, id: CallId) -> Result<Option<&mut Thread>, ReadError> {
        use std::collections::hash_map::Entry;
        match self.checked.threads.entry(id) {
            Entry::Occupied(entry) => Ok(Some(entry.into_mut())),
            Entry::Vacant(entry) => {
                let stored = self.snapshot.call(self.checked.organization, id)?;
                Ok(stored.map(|call| entry.insert(Thread::stored(&call))))
            }
        }
    }

    fn organization(&self, line: &OrganizationLine) -> Result<(), ImportError> {
        if line.slug == self.slug {
            return Ok(());
        }
        let (slug, here) = (&line.slug, &self.slug);
        let advice = "import each organization by itself, with --organization";
        Err(format!("slug: this is organization {slug:?}, imported into {here:?}; {advice}").into())
    }

    fn call(&mut self, number: u64, line: &CallLine) -> Result<bool, ImportError> {
        let Some(id) = line.id else {
            Thread::without_id(number, line).verify("a call without an id")?;
            return Ok(true);
        };
        if self.thread(id)?.is_none() {
            self.checked.threads.insert(id, Thread::new(line.started_at));
        }
        let archived = line.is_archived();
        let Some(thread) = self.thread(id)? else { return Ok(true) };
        thread.said = Some(Said::of(number, line));
        thread.archived = archived;
        thread.archived_since &= !archived;
        Ok(!thread.archived_since)
    }

    fn message(&mut self, whole: &Line, line: &MessageLine) -> Result<(), ImportError> {
        let (organization, snapshot) = (self.checked.organization, self.snapshot.clone());
        let Some(thread) = self.thread(line.call_id)? else { return Ok(()) };
        if thread.archived {
            return Err(archived(line.call_id).into());
        }
        let index = thread.index_of(line)?;
        let is_new = index > thread.stored;
        if is_new {
            thread.follows(line)?;
        } else if let Standing::Refused(message) =
            snapshot.import_message(organization, whole, line.call_id, index)?
        {
            return Err(message.into());
        }
        thread.take(line, index);
        match line.id {
            Some(id) if is_new && id.0 <= self.checked.last_message_id => self.message_id(id),
            _ => Ok(()),
        }
    }

    /// A new message's id that may be another one's.
    fn message_id(&mut self, id: MessageId) -> Result<(), ImportError> {
        if self.message_ids.is_none() {
            self.message_ids = Some(self.snapshot.message_ids(self.checked.organization)?);
        }
        match self.message_ids.as_ref().is_some_and(|ids| ids.contains(&id.0)) {
            true => Err(format!("id: message {id} is there already, at another place").into()),
            false => Ok(()),
        }
    }

    /// What only the whole input tells: each call line against all of its messages.
    fn finish(self) -> Result<Checked, ImportError> {
        let mut first_bad: Option<(u64, String)> = None;
        for (id, thread) in &self.checked.threads {
            let line = thread.said.as_ref().map_or(0, |said| said.line);
            if let Err(message) = thread.verify(&format!("call {id}"))
                && first_bad.as_ref().is_none_or(|(first, _)| line < *first)
            {
                first_bad = Some((line, message));
            }
        }
        match first_bad {
            Some((line, message)) => Err(ImportError::Line { line, message }),
            None => Ok(self.checked),
        }
    }
}

fn archived(call: CallId) -> String {
    format!("call_id: call {call} is archived (call_meta.sms_deleted), it has no messages")
}
