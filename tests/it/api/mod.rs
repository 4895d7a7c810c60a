//! `/api/v1` and the open routes.

mod api_keys;
mod assistants;
mod conventions;
mod health;
mod import;
mod sms_conversations;
