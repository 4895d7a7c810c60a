//! The door to the data: read queries on a [`Snapshot`], and [`Command`]s that are each one whole
//! outcome. `model` types go in and out; nothing outside knows which engine lies beneath.

mod accounts;
mod activity_blocks;
mod archive;
mod assistants;
mod backend;
mod backup;
mod block_changes;
mod by_organization;
mod calls;
mod carrier_accounts;
mod check;
mod conversation_list;
mod conversations;
mod dashboard_sessions;
mod data_dir;
mod directory;
mod error;
mod export;
mod feed;
mod forget;
mod forwards;
mod import;
mod inbound;
mod key;
mod log_block_changes;
mod log_blocks;
mod log_days;
mod log_list;
mod log_row;
mod log_scan;
mod log_steps;
mod newest_logs;
mod open;
mod opt_outs;
mod organizations;
mod outbound;
mod partial_messages;
mod phone_numbers;
mod read_marks;
mod rebuild;
mod receipts;
mod record;
mod repair;
mod rows;
mod search_blocks;
mod seeds;
mod sequences;
mod sharded;
mod side_by_side;
mod sms_logs;
mod sms_sessions;
mod snapshot;
mod span;
mod tables;
mod thread;
mod thread_page;
mod transaction;
mod usage_meter;
mod users;
mod writer;

pub use accounts::{
    Bootstrap, Bootstrapped, CreateApiKey, CreateOrganization, NewApiKey, RenameApiKey, RevokeApiKey,
};
pub use archive::{ArchiveConversation, ArchiveOutcome, PurgeStep, Purged};
pub use assistants::{CreateAssistant, DeleteAssistant, RotateWebhookSecret, UpdateAssistant};
pub use backup::{
    BackupError, Follower, Proving, Received, Restored, receive, restore, write as write_backup,
};
pub use carrier_accounts::PutCarrierAccount;
pub use check::{CheckReport, Watch};
pub use conversations::Thread;
pub use dashboard_sessions::{EndDashboardSession, NoteUsage, StartDashboardSession};
pub use data_dir::DataDir;
pub use directory::{AssistantNames, Directory, DirectoryView, Entries, KeyOwner, SessionOwner};
pub use error::{OpenError, ReadError, StoreError};
pub use export::{Export, ExportError};
pub use feed::FeedNews;
pub use forget::{Due, ForgetCalls, ForgetFeed, ForgetRows, ForgotCalls, Held, NoteErasure};
pub use forwards::{ForwardHead, PlanForwards, ResumeParked, SettleForward, SettledForward};
pub use import::{ImportBatch, ImportBatchOutcome, ImportRecord, Place, ReserveIds, Settled, Standing};
pub use inbound::{KeepAudit, RecordInbound, RecordInboundOutcome, Route};
pub use open::{Location, OpenBackend};
pub use opt_outs::ChangeOptOut;
pub use organizations::{OrganizationCopy, ReplaceOrganization};
pub use outbound::{
    CancelJob, CancelOutcome, ClaimJob, Due as DueJob, EnqueueOutcome, EnqueueSms, Lane, SettleJob,
};
pub use partial_messages::{FlushParts, RecordPart, RecordPartOutcome};
pub use phone_numbers::{AssignNumber, AssignNumberOutcome, UnassignNumber};
pub use read_marks::{MarkAllRead, MarkRead};
pub use rebuild::{Compacted, RebuildError, compact};
pub use receipts::{ReceiptOutcome, RecordReceipt, RecordSandboxReceipt};
pub use repair::{CheckError, RepairReport, check_file, repair_file};
pub use search_blocks::SealBlock;
pub use seeds::{FillOrganization, Filled, MakeOrganization};
pub use sequences::Sequences;
pub use sms_sessions::{CloseSessions, SessionsOf};
pub use snapshot::{Snapshot, SnapshotView};
pub use thread_page::Stretch;
pub use transaction::{Command, Tx, TxError};
pub use users::{CreateUser, UpdateUser, UserOutcome};
pub use writer::{Health, Store, Version};
