//! `/api/v1` and the open routes.

mod api_keys;
mod assistants;
mod auth;
mod conventions;
mod export;
mod health;
mod import;
mod jwt;
mod sms_conversations;
mod users;
