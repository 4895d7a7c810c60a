//! An export of one organization, in pieces: each reads a stretch of keys from the newest snapshot
//! and lets it go, so that an export of any length pins none for long.
//!
//! What it promises while the server writes: accounts, assistants and numbers are those of one
//! moment, the start. A record whose id was given later is left out. A conversation is as it was
//! when its turn came. Nothing is written whose parents were not: neither is anything of an archived
//! conversation, which is purged or about to be.

use super::error::ReadError;
use super::key::{self, SerialKey, ThreadKey, ThreadPart};
use super::record;
use super::sequences::Sequences;
use super::snapshot::{self, Snapshot};
use crate::model::account::Usage;
use crate::model::audit::AuditEntry;
use crate::model::call::Call;
use crate::model::ids::{AuditId, CallId, MessageLogId, OrganizationId};
use crate::model::message::Message;
use crate::model::message_log::MessageLog;
use crate::model::outbound::OutboundJob;
use crate::model::time::Timestamp;
use crate::model::transfer::*;
use uuid::Uuid;

/// A piece is about so long; it ends between two rows.
const PIECE_ROWS: usize = 1000;
const PIECE_BYTES: usize = 256 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What was told of it cannot be taken back.
    #[error("conversation {0} was archived while it was exported; export again")]
    Archived(CallId),
}

impl From<redb::StorageError> for ExportError {
    fn from(error: redb::StorageError) -> ExportError {
        ExportError::Read(error.into())
    }
}

/// An export, and how far it is.
#[derive(Debug)]
pub struct Export {
    organization: OrganizationId,
    with_secrets: bool,
    now: Timestamp,
    /// The ids that were given when it started.
    given: Sequences,
    /// Of [`SECTIONS`].
    section: usize,
    /// The key that the section goes on from; empty: its first one.
    from: Vec<u8>,
    thread: Option<Thread>,
}

/// In the order of the lines: parents before children.
const SECTIONS: [fn(&mut Export, &Snapshot, &mut Piece) -> Stopped; 6] =
    [Export::accounts, Export::threads, Export::logs, Export::audit, Export::opt_outs, Export::jobs];

/// A call whose line is written and the last of whose messages is not.
#[derive(Debug)]
struct Thread {
    id: CallId,
    messages: u64,
}

/// The key to go on from; `None` when the section is through.
type Stopped = Result<Option<Vec<u8>>, ExportError>;

/// Shows rows until the piece is full.
fn walk<K: redb::Key + 'static>(
    rows: redb::Range<'_, K, &'static [u8]>,
    piece: &mut Piece,
    mut each: impl FnMut(K::SelfType<'_>, &[u8], &mut Piece) -> Result<(), ReadError>,
) -> Stopped {
    for row in rows {
        let (key, bytes) = row?;
        if piece.is_full() {
            return Ok(Some(K::as_bytes(&key.value()).as_ref().to_vec()));
        }
        piece.rows += 1;
        each(key.value(), bytes.value(), piece)?;
    }
    Ok(None)
}

struct Piece {
    text: Vec<u8>,
    rows: usize,
}

impl Piece {
    fn is_full(&self) -> bool {
        self.rows >= PIECE_ROWS || self.text.len() >= PIECE_BYTES
    }

    fn line(&mut self, line: &Line) -> Result<(), ReadError> {
        let damaged = |error: serde_json::Error| ReadError::Damaged {
            table: line.kind().name(),
            reason: format!("{:?} {error}", line.id()),
        };
        serde_json::to_writer(&mut self.text, line).map_err(damaged)?;
        self.text.push(b'\n');
        Ok(())
    }
}

impl Export {
    /// `with_secrets`: the organization, its users and its API keys too.
    pub fn new(organization: OrganizationId, with_secrets: bool, now: Timestamp) -> Export {
        let (section, given) = (0, Sequences::default());
        Export { organization, with_secrets, now, given, section, from: Vec::new(), thread: None }
    }

    /// The next lines, which may be no lines at all; `None` when that was all.
    pub fn piece(&mut self, snapshot: &Snapshot) -> Result<Option<Vec<u8>>, ExportError> {
        let mut piece = Piece { text: Vec::new(), rows: 0 };
        while let Some(section) = SECTIONS.get(self.section).filter(|_| !piece.is_full()) {
            let stopped = section(self, snapshot, &mut piece)?;
            self.section += usize::from(stopped.is_none());
            self.from = stopped.unwrap_or_default();
        }
        let more = self.section < SECTIONS.len();
        Ok((more || !piece.text.is_empty()).then_some(piece.text))
    }

    /// The key to go on from, of a table with keys of one length.
    fn from<const N: usize>(&self, first: [u8; N]) -> [u8; N] {
        self.from.as_slice().try_into().unwrap_or(first)
    }

    /// All of them at once: they are few, and lie in memory anyway.
    fn accounts(&mut self, snapshot: &Snapshot, piece: &mut Piece) -> Stopped {
        let org = self.organization;
        self.given = snapshot.sequences(org)?;
        if self.with_secrets {
            let directory = snapshot.directory().view();
            if let Some(organization) = directory.organization(org) {
                piece.line(&Line::Organization(OrganizationLine::of(organization)))?;
            }
            for (id, user) in snapshot.users(org)? {
                let Usage { count, last_used_at } = snapshot.sign_ins(org, id)?;
                piece.line(&Line::User(UserLine::of(Some(id), last_used_at, Some(count), &user)))?;
            }
            for (id, key) in snapshot.api_keys(org)? {
                let usage = directory.key(&key.hash).map(|known| known.usage.read()).unwrap_or_default();
                let Usage { count, last_used_at } = usage;
                piece.line(&Line::ApiKey(ApiKeyLine::of(Some(id), last_used_at, Some(count), &key)))?;
            }
        }
        for (provider, account) in snapshot.carrier_accounts(org)?.into_iter().filter(|_| self.with_secrets) {
            piece.line(&Line::CarrierAccount(CarrierAccountLine::of(provider, &account)))?;
        }
        for (id, assistant) in snapshot.assistants(org)? {
            let mut line = AssistantLine::of(Some(id), &assistant);
            // Nobody is named who is not in the export.
            line.user_id = line.user_id.filter(|_| self.with_secrets);
            line.sms_webhook_secrets = line.sms_webhook_secrets.filter(|_| self.with_secrets);
            piece.line(&Line::Assistant(line))?;
        }
        for (address, number) in snapshot.phone_numbers(org)? {
            piece.line(&Line::PhoneNumber(PhoneNumberLine::of(address, &number)))?;
        }
        Ok(None)
    }

    fn threads(&mut self, snapshot: &Snapshot, piece: &mut Piece) -> Stopped {
        let (org, now) = (self.organization, self.now);
        if let Some(thread) = &self.thread
            && snapshot.call(org, thread.id)?.is_none_or(|call| call.archived)
        {
            return Err(ExportError::Archived(thread.id));
        }
        let from: ThreadKey = self.from(key::head(org, CallId(0)));
        let last = key::thread(org, CallId(self.given.call), ThreadPart::Audit, u64::MAX);
        walk(snapshot.tables.threads.range::<&ThreadKey>(&from..=&last)?, piece, |key, bytes, piece| {
            let (id, number) = (key::call_of(key), key::thread_number(key));
            if *key == key::head(org, id) {
                let call: Call = record::decode("threads", bytes)?;
                piece.line(&Line::Call(CallLine::of(id, &call, now)))?;
                let messages = if call.archived { 0 } else { u64::from(call.message_count) };
                self.thread = (messages > 0).then_some(Thread { id, messages });
            } else if self.thread.is_some() && key::thread_part(key) == Some(ThreadPart::Message) {
                let message: Message<'_> = record::decode("threads", bytes)?;
                let index = u32::try_from(number).unwrap_or(u32::MAX);
                piece.line(&Line::Message(MessageLine::of(id, index, &message)))?;
                // The index is how many there are. Those that came since its line are left out.
                self.thread.take_if(|thread| number == thread.messages);
            }
            Ok(())
        })
    }

    fn logs(&mut self, snapshot: &Snapshot, piece: &mut Piece) -> Stopped {
        let (org, tables) = (self.organization, &snapshot.tables);
        let (from, last) = (self.from(key::serial(org, 0)), key::serial(org, self.given.message_log));
        walk(tables.message_logs.range::<&SerialKey>(&from..=&last)?, piece, |key, bytes, piece| {
            let (id, log) = (key::serial_id(key), record::decode("message_logs", bytes)?);
            let payload = snapshot::get("raw_payloads", &tables.raw_payloads, org, id)?;
            let line = MessageLogLine::of(Some(MessageLogId(id)), payload, &log);
            self.child(snapshot, &Line::MessageLog(line), piece)
        })
    }

    fn audit(&mut self, snapshot: &Snapshot, piece: &mut Piece) -> Stopped {
        let (org, tables) = (self.organization, &snapshot.tables);
        let (from, last) = (self.from(key::serial(org, 0)), key::serial(org, self.given.audit));
        walk(tables.audit_entries.range::<&SerialKey>(&from..=&last)?, piece, |key, bytes, piece| {
            let first = key::serial_id(key);
            let mut entry: AuditEntry = record::decode("audit_entries", bytes)?;
            entry.log_id = log_there(snapshot, org, entry.log_id)?;
            let mut payload = snapshot::get("audit_payloads", &tables.audit_payloads, org, first)?;
            for (id, step) in (first..).zip(&entry.steps) {
                let line = AuditEventLine::of(AuditId(id), &entry, step, payload.take());
                self.child(snapshot, &Line::AuditEvent(line), piece)?;
            }
            Ok(())
        })
    }

    fn opt_outs(&mut self, snapshot: &Snapshot, piece: &mut Piece) -> Stopped {
        let (first, last) = key::starting_with(&key::organization(self.organization));
        let from = if self.from.is_empty() { first } else { self.from.clone() };
        walk(
            snapshot.tables.opt_outs.range(from.as_slice()..=last.as_slice())?,
            piece,
            |key, bytes, piece| {
                let damaged = || ReadError::Damaged {
                    table: "opt_outs",
                    reason: "a key is no pair of numbers".to_owned(),
                };
                let (our_number, customer) = key::opt_out_parts(key).ok_or_else(damaged)?;
                let opt_out = record::decode("opt_outs", bytes)?;
                piece.line(&Line::OptOut(OptOutLine::of(our_number, customer, &opt_out)))
            },
        )
    }

    fn jobs(&mut self, snapshot: &Snapshot, piece: &mut Piece) -> Stopped {
        let org = self.organization;
        let (from, last) = (self.from(key::job(org, [0; 16])), key::job(org, [0xff; 16]));
        walk(snapshot.tables.outbound_jobs.range::<&[u8; 20]>(&from..=&last)?, piece, |key, bytes, piece| {
            let uuid = Uuid::from_slice(&key[4..]).unwrap_or_default();
            let mut job: OutboundJob = record::decode("outbound_jobs", bytes)?;
            job.log_id = log_there(snapshot, org, job.log_id)?;
            self.child(snapshot, &Line::OutboundJob(OutboundJobLine::of(uuid, &job)), piece)
        })
    }

    /// Writes a line if its parents are written.
    fn child(&self, snapshot: &Snapshot, line: &Line, piece: &mut Piece) -> Result<(), ReadError> {
        for (_, kind, id) in line.parents().into_iter().flatten() {
            if !self.is_written(snapshot, kind, id)? {
                return Ok(());
            }
        }
        piece.line(line)
    }

    fn is_written(&self, snapshot: &Snapshot, kind: Kind, id: u64) -> Result<bool, ReadError> {
        let org = self.organization;
        match kind {
            Kind::Call if id <= self.given.call => {
                Ok(snapshot.call(org, CallId(id))?.is_some_and(|call| !call.archived))
            }
            Kind::MessageLog if id <= self.given.message_log => {
                let log: Option<MessageLog> =
                    snapshot::get("message_logs", &snapshot.tables.message_logs, org, id)?;
                match log {
                    None => Ok(false),
                    Some(MessageLog { call_id: None, .. }) => Ok(true),
                    Some(MessageLog { call_id: Some(call), .. }) => {
                        self.is_written(snapshot, Kind::Call, call.0)
                    }
                }
            }
            Kind::Call | Kind::MessageLog => Ok(false),
            // Those of the start: what has a lower id than was given then names no later one.
            _ => Ok(true),
        }
    }
}

/// The log that a record names; it may have gone before what was done with it.
fn log_there(
    snapshot: &Snapshot,
    org: OrganizationId,
    log: Option<MessageLogId>,
) -> Result<Option<MessageLogId>, ReadError> {
    let Some(id) = log else { return Ok(None) };
    Ok(snapshot.tables.message_logs.get(&key::serial(org, id.0))?.map(|_| id))
}
