//! `/api/v1` and the open routes.

mod api_keys;
mod assistants;
mod conventions;
mod health;
mod sms_conversations;
