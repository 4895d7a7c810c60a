//! Assistants: the commands that make and change them, and their reads.

use super::directory::DirectoryChange;
use super::error::ReadError;
use super::key;
use super::phone_numbers::{numbers, unassign};
use super::record;
use super::snapshot::{self, Snapshot};
use super::transaction::{Command, Tx, TxError};
use crate::model::assistant::{Assistant, AssistantChange, AssistantState};
use crate::model::feed::FeedEvent;
use crate::model::ids::{AssistantId, OrganizationId};
use crate::model::time::Timestamp;
use crate::model::webhook_secret::{WebhookSecret, rotated, signing};
use redb::ReadableTable;

#[derive(Clone, Debug)]
pub struct CreateAssistant {
    pub organization: OrganizationId,
    pub assistant: Assistant,
}

impl Command for CreateAssistant {
    type Outcome = AssistantId;
    const NAME: &'static str = "create_assistant";

    fn run(&self, tx: &mut Tx<'_>) -> Result<AssistantId, TxError> {
        let sequences = tx.sequences(self.organization)?;
        sequences.assistant += 1;
        let id = AssistantId(sequences.assistant);
        put_assistant(tx, self.organization, id, &self.assistant)?;
        let at = self.assistant.created_at;
        tx.append_feed(self.organization, at, FeedEvent::AssistantChanged(id))?;
        Ok(id)
    }
}

/// Changes what is given, whatever others changed meanwhile.
#[derive(Clone, Debug)]
pub struct UpdateAssistant {
    pub organization: OrganizationId,
    pub id: AssistantId,
    pub change: AssistantChange,
    pub now: Timestamp,
}

impl Command for UpdateAssistant {
    /// As changed; `None`: there is no such assistant.
    type Outcome = Option<Assistant>;
    const NAME: &'static str = "update_assistant";

    fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Assistant>, TxError> {
        let Some(mut assistant) = assistant(tx, self.organization, self.id)? else { return Ok(None) };
        self.change.apply(&mut assistant, self.now);
        put_assistant(tx, self.organization, self.id, &assistant)?;
        tx.append_feed(self.organization, self.now, FeedEvent::AssistantChanged(self.id))?;
        Ok(Some(assistant))
    }
}

/// Takes an assistant out of use, and its numbers from it. Its conversations stay as they are; their
/// sessions expire by themselves, for nothing new reaches them.
#[derive(Clone, Debug)]
pub struct DeleteAssistant {
    pub organization: OrganizationId,
    pub id: AssistantId,
    pub now: Timestamp,
}

impl Command for DeleteAssistant {
    /// False: there is no such assistant.
    type Outcome = bool;
    const NAME: &'static str = "delete_assistant";

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, TxError> {
        let Some(assistant) = assistant(tx, self.organization, self.id)? else { return Ok(false) };
        for (address, number) in numbers(&*tx.tables.phone_numbers, self.organization)? {
            if number.assistant_id == Some(self.id) {
                unassign(tx, self.organization, &address, number, self.now)?;
            }
        }
        let deleted = Assistant { state: AssistantState::Deleted, updated_at: self.now, ..assistant };
        put_assistant(tx, self.organization, self.id, &deleted)?;
        tx.append_feed(self.organization, self.now, FeedEvent::AssistantChanged(self.id))?;
        Ok(true)
    }
}

/// Makes an assistant sign its forwarded webhooks with a new secret.
#[derive(Clone, Debug)]
pub struct RotateWebhookSecret {
    pub organization: OrganizationId,
    pub id: AssistantId,
    pub secret: String,
    /// How long the one before still signs.
    pub keep_seconds: u64,
    /// What signs already stays.
    pub only_if_none: bool,
    pub now: Timestamp,
}

impl Command for RotateWebhookSecret {
    /// Those that sign from now on; `None`: there is no such assistant.
    type Outcome = Option<Vec<WebhookSecret>>;
    const NAME: &'static str = "rotate_webhook_secret";

    fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Vec<WebhookSecret>>, TxError> {
        let Some(mut assistant) = assistant(tx, self.organization, self.id)? else { return Ok(None) };
        let signs = signing(&assistant.webhook_secrets, self.now).next().is_some();
        if !self.only_if_none || !signs {
            let keep_until = self.now.plus_seconds(self.keep_seconds);
            assistant.webhook_secrets =
                rotated(&assistant.webhook_secrets, &self.secret, keep_until, self.now);
            put_assistant(tx, self.organization, self.id, &assistant)?;
            tx.append_feed(self.organization, self.now, FeedEvent::AssistantChanged(self.id))?;
        }
        Ok(Some(assistant.webhook_secrets))
    }
}

/// The assistant, if it is in use.
pub(super) fn assistant(
    tx: &Tx<'_>,
    organization: OrganizationId,
    id: AssistantId,
) -> Result<Option<Assistant>, TxError> {
    let Some(bytes) = tx.tables.assistants.get(&key::serial(organization, id.0))? else {
        return Ok(None);
    };
    let assistant: Assistant = record::decode("assistants", bytes.value())?;
    Ok(Some(assistant).filter(|assistant| !assistant.is_deleted()))
}

/// Writes an assistant. Where its messages are told from now on, that is kept with it.
pub(super) fn put_assistant(
    tx: &mut Tx<'_>,
    organization: OrganizationId,
    id: AssistantId,
    assistant: &Assistant,
) -> Result<(), TxError> {
    let before = self::assistant(tx, organization, id)?;
    let forwards_from = match before.filter(|before| before.receiver().is_some()) {
        Some(before) => before.forwards_from,
        None => tx.sequences(organization)?.feed,
    };
    let assistant = Assistant { forwards_from, ..assistant.clone() };
    let (tables, bytes) = tx.encoded(&assistant);
    tables.assistants.insert(&key::serial(organization, id.0), bytes)?;
    tx.changes.push(DirectoryChange::Assistant(organization, id, (&assistant).into()));
    Ok(())
}

impl Snapshot {
    /// An assistant, a deleted one too.
    pub fn assistant(
        &self,
        organization: OrganizationId,
        id: AssistantId,
    ) -> Result<Option<Assistant>, ReadError> {
        snapshot::get("assistants", &self.tables.assistants, organization, id.0)
    }

    /// Every assistant of the organization, by id; deleted ones too.
    pub fn assistants(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<(AssistantId, Assistant)>, ReadError> {
        let assistants = snapshot::all("assistants", &self.tables.assistants, organization)?;
        Ok(assistants.into_iter().map(|(id, assistant)| (AssistantId(id), assistant)).collect())
    }
}
