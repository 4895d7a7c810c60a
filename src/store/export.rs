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
use crate::model::audit::AuditEntry;
use crate::model::call::Call;
use crate::model::ids::{AuditId, CallId, MessageLogId, OrganizationId};
use crate::model::message::Message;
use crate::model::message_log::MessageLog;
use crate::model::time::Timestamp;
use crate::model::transfer::{
    ApiKeyLine, AssistantLine, AuditEventLine, CallLine, Kind, Line, MessageLine, MessageLogLine, OptOutLine,
    OrganizationLine, OutboundJobLine, PhoneNumberLine, UserLine,
};
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
    section: Section,
    thread: Option<Thread>,
}

/// Where it goes on: the key of the first row that was not read. In the order of the lines, parents
/// before children.
#[derive(Clone, Debug)]
enum Section {
    Accounts,
    Threads(ThreadKey),
    Logs(u64),
    Audit(u64),
    OptOuts(Vec<u8>),
    Jobs([u8; 20]),
    End,
}

/// A call whose line is written, and how many of its messages.
#[derive(Debug)]
struct Thread {
    id: CallId,
    messages: u64,
    written: u64,
}

struct Piece {
    text: Vec<u8>,
    rows: usize,
}

impl Piece {
    /// To be asked before each row.
    fn is_full(&mut self) -> bool {
        self.rows += 1;
        self.rows > PIECE_ROWS || self.text.len() >= PIECE_BYTES
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
        let (section, given) = (Section::Accounts, Sequences::default());
        Export { organization, with_secrets, now, given, section, thread: None }
    }

    /// The next lines, which may be no lines at all; `None` when that was all.
    pub fn piece(&mut self, snapshot: &Snapshot) -> Result<Option<Vec<u8>>, ExportError> {
        let mut piece = Piece { text: Vec::new(), rows: 0 };
        while piece.rows <= PIECE_ROWS && piece.text.len() < PIECE_BYTES {
            self.section = match self.section.clone() {
                Section::Accounts => self.accounts(snapshot, &mut piece)?,
                Section::Threads(from) => self.threads(snapshot, &from, &mut piece)?,
                Section::Logs(from) => self.logs(snapshot, from, &mut piece)?,
                Section::Audit(from) => self.audit(snapshot, from, &mut piece)?,
                Section::OptOuts(from) => self.opt_outs(snapshot, &from, &mut piece)?,
                Section::Jobs(from) => self.jobs(snapshot, &from, &mut piece)?,
                Section::End if piece.text.is_empty() => return Ok(None),
                Section::End => break,
            };
        }
        Ok(Some(piece.text))
    }

    /// All of them at once: they are few, and lie in memory anyway.
    fn accounts(&mut self, snapshot: &Snapshot, piece: &mut Piece) -> Result<Section, ExportError> {
        let org = self.organization;
        self.given = snapshot.sequences(org)?;
        if self.with_secrets {
            let directory = snapshot.directory().view();
            if let Some(organization) = directory.organization(org) {
                piece.line(&Line::Organization(OrganizationLine::of(organization)))?;
            }
            for (id, user) in snapshot.users(org)? {
                piece.line(&Line::User(UserLine::of(Some(id), &user)))?;
            }
            for (id, key) in snapshot.api_keys(org)? {
                piece.line(&Line::ApiKey(ApiKeyLine::of(Some(id), &key)))?;
            }
        }
        for (id, assistant) in snapshot.assistants(org)? {
            let mut line = AssistantLine::of(Some(id), &assistant);
            // Nobody is named who is not in the export.
            line.user_id = line.user_id.filter(|_| self.with_secrets);
            piece.line(&Line::Assistant(line))?;
        }
        for (address, number) in snapshot.phone_numbers(org)? {
            piece.line(&Line::PhoneNumber(PhoneNumberLine::of(address, &number)))?;
        }
        Ok(Section::Threads(key::head(org, CallId(0))))
    }

    fn threads(
        &mut self,
        snapshot: &Snapshot,
        from: &ThreadKey,
        piece: &mut Piece,
    ) -> Result<Section, ExportError> {
        let org = self.organization;
        if let Some(thread) = &self.thread
            && snapshot.call(org, thread.id)?.is_none_or(|call| call.archived)
        {
            return Err(ExportError::Archived(thread.id));
        }
        let last = key::thread(org, CallId(self.given.call), ThreadPart::Audit, u64::MAX);
        for row in snapshot.tables.threads.range::<&ThreadKey>(from..=&last)? {
            let (key, bytes) = row?;
            let (key, id, number) = (key.value(), key::call_of(key.value()), key::thread_number(key.value()));
            if piece.is_full() {
                return Ok(Section::Threads(*key));
            }
            if *key == key::head(org, id) {
                let call: Call = record::decode("threads", bytes.value())?;
                piece.line(&Line::Call(CallLine::of(id, &call, self.now)))?;
                let messages = if call.archived { 0 } else { u64::from(call.message_count) };
                self.thread = (messages > 0).then_some(Thread { id, messages, written: 0 });
            } else if let Some(thread) =
                self.thread.as_mut().filter(|_| key::thread_part(key) == Some(ThreadPart::Message))
            {
                // No gaps: the index is how many there are. Those that came since are left for another time.
                let message: Message<'_> = record::decode("threads", bytes.value())?;
                let index = u32::try_from(number).unwrap_or(u32::MAX);
                piece.line(&Line::Message(MessageLine::of(id, index, &message)))?;
                thread.written = number;
                if thread.written == thread.messages {
                    self.thread = None;
                }
            }
        }
        Ok(Section::Logs(1))
    }

    fn logs(&mut self, snapshot: &Snapshot, from: u64, piece: &mut Piece) -> Result<Section, ExportError> {
        let (org, tables) = (self.organization, &snapshot.tables);
        let range = key::serial(org, from)..=key::serial(org, self.given.message_log);
        for row in tables.message_logs.range::<&SerialKey>(range.start()..=range.end())? {
            let (key, bytes) = row?;
            let id = key::serial_id(key.value());
            if piece.is_full() {
                return Ok(Section::Logs(id));
            }
            let log: MessageLog = record::decode("message_logs", bytes.value())?;
            let payload = snapshot::get("raw_payloads", &tables.raw_payloads, org, id)?;
            let line = Line::MessageLog(MessageLogLine::of(Some(MessageLogId(id)), payload, &log));
            self.child(snapshot, &line, piece)?;
        }
        Ok(Section::Audit(1))
    }

    fn audit(&mut self, snapshot: &Snapshot, from: u64, piece: &mut Piece) -> Result<Section, ExportError> {
        let (org, tables) = (self.organization, &snapshot.tables);
        let range = key::serial(org, from)..=key::serial(org, self.given.audit);
        for row in tables.audit_entries.range::<&SerialKey>(range.start()..=range.end())? {
            let (key, bytes) = row?;
            let id = key::serial_id(key.value());
            if piece.is_full() {
                return Ok(Section::Audit(id));
            }
            let entry: AuditEntry = record::decode("audit_entries", bytes.value())?;
            let mut payload = snapshot::get("audit_payloads", &tables.audit_payloads, org, id)?;
            for (id, step) in (id..).zip(&entry.steps) {
                let line = AuditEventLine::of(AuditId(id), &entry, step, payload.take());
                self.child(snapshot, &Line::AuditEvent(line), piece)?;
            }
        }
        Ok(Section::OptOuts(key::organization(org).to_vec()))
    }

    fn opt_outs(
        &mut self,
        snapshot: &Snapshot,
        from: &[u8],
        piece: &mut Piece,
    ) -> Result<Section, ExportError> {
        let org = self.organization;
        let (_, end) = key::starting_with(&key::organization(org));
        for row in snapshot.tables.opt_outs.range(from..=end.as_slice())? {
            let (key, bytes) = row?;
            if piece.is_full() {
                return Ok(Section::OptOuts(key.value().to_vec()));
            }
            let (our_number, customer) = key::opt_out_parts(key.value()).ok_or(ReadError::Damaged {
                table: "opt_outs",
                reason: "the key is no pair of numbers".to_owned(),
            })?;
            let opt_out = record::decode("opt_outs", bytes.value())?;
            piece.line(&Line::OptOut(OptOutLine::of(our_number, customer, &opt_out)))?;
        }
        Ok(Section::Jobs(key::job(org, [0; 16])))
    }

    fn jobs(
        &mut self,
        snapshot: &Snapshot,
        from: &[u8; 20],
        piece: &mut Piece,
    ) -> Result<Section, ExportError> {
        let end = key::job(self.organization, [0xff; 16]);
        for row in snapshot.tables.outbound_jobs.range::<&[u8; 20]>(from..=&end)? {
            let (key, bytes) = row?;
            if piece.is_full() {
                return Ok(Section::Jobs(*key.value()));
            }
            let uuid = Uuid::from_slice(&key.value()[4..]).unwrap_or_default();
            let job = record::decode("outbound_jobs", bytes.value())?;
            self.child(snapshot, &Line::OutboundJob(OutboundJobLine::of(uuid, &job)), piece)?;
        }
        Ok(Section::End)
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
