//! `/api/v1` and the open routes.

mod api_keys;
mod archive;
mod assistants;
mod auth;
mod backup;
mod calls;
mod check;
mod conventions;
mod conversation_export;
mod erasures;
mod every_route;
mod export;
mod health;
mod import;
mod jwt;
mod openapi;
mod phone_numbers;
mod retention;
mod shapes;
mod sms_conversations;
mod sms_logs;
mod sms_sessions;
mod sms_timeline;
mod stop;
mod storage_faults;
mod users;
