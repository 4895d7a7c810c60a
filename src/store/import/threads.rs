//! The threads of a batch: call records are read once, changed in memory with each message, and
//! written once. Here is decided which of the conversations of one session lives.

use super::{ImportBatch, Place, Settled, Standing, there};
use crate::model::audit::AuditWords;
use crate::model::call::{Call, Channel};
use crate::model::feed::FeedEvent;
use crate::model::ids::{CallId, MessageId};
use crate::model::message::Message;
use crate::model::session::{SessionKey, lives};
use crate::model::time::Timestamp;
use crate::model::transfer::{AuditEventLine, CallLine, Kind, Line, MessageLine};
use crate::store::key::{self, ThreadPart};
use crate::store::transaction::{Tx, TxError};
use redb::ReadableTable;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

pub(super) struct Threads<'b> {
    batch: &'b ImportBatch,
    open: BTreeMap<CallId, Open>,
    changed: BTreeSet<CallId>,
    /// Those that were found to be there.
    assistants: HashSet<u64>,
    audits: HashMap<CallId, HashSet<String>>,
}

/// A call record as it is stored, and as it is to be.
struct Open {
    before: Option<Call>,
    after: Call,
}

impl<'b> Threads<'b> {
    pub(super) fn new(batch: &'b ImportBatch) -> Threads<'b> {
        Threads {
            batch,
            open: BTreeMap::new(),
            changed: BTreeSet::new(),
            assistants: HashSet::new(),
            audits: HashMap::new(),
        }
    }

    fn load(&mut self, tx: &Tx<'_>, id: CallId) -> Result<Option<&mut Call>, TxError> {
        use std::collections::btree_map::Entry;
        match self.open.entry(id) {
            Entry::Occupied(entry) => Ok(Some(&mut entry.into_mut().after)),
            Entry::Vacant(entry) => {
                let stored = tx.call(self.batch.organization, id)?;
                Ok(stored.map(|call| {
                    let open = Open { before: Some(call.clone()), after: call };
                    &mut entry.insert(open).after
                }))
            }
        }
    }

    pub(super) fn call(&mut self, tx: &Tx<'_>, id: CallId) -> Result<Option<&Call>, TxError> {
        Ok(self.load(tx, id)?.map(|call| &*call))
    }

    pub(super) fn is_archived(&mut self, tx: &Tx<'_>, id: Option<CallId>) -> Result<bool, TxError> {
        let Some(id) = id else { return Ok(false) };
        Ok(self.call(tx, id)?.is_some_and(|call| call.archived))
    }

    pub(super) fn has(&mut self, tx: &Tx<'_>, kind: Kind, id: u64) -> Result<bool, TxError> {
        if kind == Kind::Call {
            return Ok(self.load(tx, CallId(id))?.is_some());
        }
        if kind == Kind::Assistant && self.assistants.contains(&id) {
            return Ok(true);
        }
        let found = there(&tx.tables, self.batch.organization).has(kind, id)?;
        if found && kind == Kind::Assistant {
            self.assistants.insert(id);
        }
        Ok(found)
    }

    /// Writes what is open if the tables would not show the call that a line is about.
    pub(super) fn make_findable(&mut self, tx: &mut Tx<'_>, id: Option<CallId>) -> Result<(), TxError> {
        match id {
            Some(id) if !self.open.contains_key(&id) => Ok(()),
            _ => self.flush(tx),
        }
    }

    /// A new call record.
    pub(super) fn start(
        &mut self,
        tx: &mut Tx<'_>,
        line: &CallLine,
        id: CallId,
        place: Place,
    ) -> Result<(), TxError> {
        let Place::Call { messages, last_activity, settled } = place else {
            return Err(TxError::Damaged("a call line without its place".to_owned()));
        };
        let ImportBatch { now, session_ttl_seconds, .. } = *self.batch;
        let mut call = line.call(last_activity, session_ttl_seconds, now);
        if messages == 0 {
            // An archived conversation has lost its messages, not their count.
            call.message_count = line.message_count.filter(|_| call.archived).unwrap_or(0);
            call.last_activity = last_activity;
            call.expires_at = call.expires_at.map(|_| last_activity.plus_seconds(session_ttl_seconds));
        }
        self.open.insert(id, Open { before: None, after: call });
        match settled.filter(|_| messages == 0) {
            Some(settled) => self.settle(tx, id, settled),
            None => Ok(()),
        }
    }

    /// A message at its place: stored if it is the next one, compared if there is one already.
    pub(super) fn message(
        &mut self,
        tx: &mut Tx<'_>,
        whole: &Line,
        line: &MessageLine,
        index: u32,
        settled: Option<Settled>,
    ) -> Result<Standing, TxError> {
        let organization = self.batch.organization;
        let ttl = self.batch.session_ttl_seconds;
        let Some(call) = self.load(tx, line.call_id)? else {
            return Ok(Standing::Refused("call_id: it is not there any more".to_owned()));
        };
        if call.archived {
            return Ok(Standing::Same);
        }
        if index <= call.message_count {
            return Ok(there(&tx.tables, organization).judge_message(whole, line.call_id, index)?);
        }
        if index != call.message_count + 1 || line.timestamp < call.last_activity {
            let last = call.message_count;
            let call_id = line.call_id;
            return Ok(Standing::Refused(format!(
                "call {call_id} has changed: message {last} is its last one"
            )));
        }
        call.message_count = index;
        call.last_activity = line.timestamp;
        let expires_at = line.timestamp.plus_seconds(ttl);
        call.expires_at = match call.ended_at {
            // A session that lives is never cut short.
            None => call.expires_at.map(|end| end.max(expires_at)),
            Some(_) => call.expires_at.map(|_| expires_at),
        };
        self.store_message(tx, whole, line, index)?;
        if let Some(settled) = settled {
            self.settle(tx, line.call_id, settled)?;
        }
        Ok(Standing::New)
    }

    fn store_message(
        &self,
        tx: &mut Tx<'_>,
        whole: &Line,
        line: &MessageLine,
        index: u32,
    ) -> Result<(), TxError> {
        let organization = self.batch.organization;
        let id = super::given_or_next(tx, organization, whole)?;
        let message = Message {
            id: MessageId(id),
            role: line.role,
            content: Cow::Borrowed(&line.content),
            timestamp: line.timestamp,
            llm_provider: line.llm_provider.as_deref().map(Cow::Borrowed),
            llm_model: line.llm_model.as_deref().map(Cow::Borrowed),
        };
        let key = key::thread(organization, line.call_id, ThreadPart::Message, u64::from(index));
        let (tables, bytes) = tx.encoded(&message);
        tables.threads.insert(&key, bytes)?;
        Ok(())
    }

    /// All messages of the thread are there.
    fn settle(&mut self, tx: &mut Tx<'_>, id: CallId, settled: Settled) -> Result<(), TxError> {
        let Some(call) = self.load(tx, id)?.filter(|call| call.channel == Channel::Sms) else {
            return Ok(());
        };
        call.expires_at = Some(settled.expires_at);
        if !settled.lives || call.archived {
            return Ok(());
        }
        call.ended_at = None;
        self.contend(tx, id)
    }

    /// Of a session's conversations the one with the latest activity lives; the other one ended
    /// when it began.
    fn contend(&mut self, tx: &mut Tx<'_>, id: CallId) -> Result<(), TxError> {
        let (organization, now) = (self.batch.organization, self.batch.now);
        let Some(call) = self.call(tx, id)?.cloned() else { return Ok(()) };
        let key = key::session(organization, &SessionKey::of(&call));
        let bound = tx.tables.sessions.get(key.as_slice())?.map(|id| CallId(id.value()));
        if let Some(other_id) = bound.filter(|other| *other != id)
            && let Some(other) = self.load(tx, other_id)?.filter(|other| other.ended_at.is_none())
        {
            if lives(other, now) && (other.last_activity, other_id) > (call.last_activity, id) {
                let ended_at = Some(taken_over(&call, other.started_at));
                if let Some(call) = self.load(tx, id)? {
                    call.ended_at = ended_at;
                }
                return Ok(());
            }
            other.ended_at = match lives(other, now) {
                true => Some(taken_over(other, call.started_at)),
                false => other.expires_at,
            };
            tx.append_feed(organization, now, FeedEvent::ConversationEnded { call_id: other_id })?;
        }
        tx.tables.sessions.insert(key.as_slice(), id.0)?;
        Ok(())
    }

    /// Whether an audit event without an id is there already, and remembers it.
    pub(super) fn has_audit(&mut self, tx: &Tx<'_>, line: &AuditEventLine) -> Result<bool, TxError> {
        use std::collections::hash_map::Entry;
        let Some(call) = line.call_id else { return Ok(false) };
        let known = match self.audits.entry(call) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let entries = there(&tx.tables, self.batch.organization).audits_of(call)?;
                let said = entries
                    .iter()
                    .flat_map(|entry| entry.steps.iter().map(|step| said(entry.at, &step.words())));
                entry.insert(said.collect())
            }
        };
        Ok(!known.insert(said(line.timestamp, &line.step().words())))
    }

    /// Writes the call records. Returns those that were changed, in the whole batch.
    pub(super) fn finish(mut self, tx: &mut Tx<'_>) -> Result<Vec<CallId>, TxError> {
        self.flush(tx)?;
        Ok(self.changed.into_iter().collect())
    }

    fn flush(&mut self, tx: &mut Tx<'_>) -> Result<(), TxError> {
        let organization = self.batch.organization;
        for (id, Open { before, after }) in std::mem::take(&mut self.open) {
            if before.as_ref() == Some(&after) {
                continue;
            }
            let lasts = after.expires_at.unwrap_or(after.last_activity).0 - after.last_activity.0;
            let lasts = u64::try_from(lasts).unwrap_or(0).div_ceil(1_000_000);
            let sequences = tx.sequences(organization)?;
            sequences.longest_ttl_seconds = sequences.longest_ttl_seconds.max(lasts);
            tx.put_call(organization, id, before.as_ref(), &after)?;
            self.changed.insert(id);
        }
        Ok(())
    }
}

/// When a conversation ended whose session went over to one that started at `start`.
fn taken_over(call: &Call, start: Timestamp) -> Timestamp {
    start.min(call.expires_at.unwrap_or(start)).max(call.last_activity)
}

/// What tells audit events of a call apart.
fn said(at: Timestamp, words: &AuditWords) -> String {
    let AuditWords { event_type, message, data, .. } = words;
    format!("{} {event_type:?} {message:?} {data:?}", at.0)
}
