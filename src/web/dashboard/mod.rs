//! The dashboard: pages for people, made on the server from compiled templates that lie beside their handlers. It calls
//! the same verbs as the API, by the dashboard session that signing in gives.
//!
//! A page is whole without a script. With one, parts of it are asked for again when the feed tells that something
//! happened, and the part is taken out of the same page.

pub mod api_keys;
pub mod assets;
pub mod assistant_numbers;
pub mod assistants;
pub mod chart;
pub mod configuration;
pub mod conversation;
pub mod error;
pub mod inbox;
pub mod message;
pub mod message_logs;
pub mod opt_outs;
pub mod page;
pub mod paging;
pub mod parked_events;
pub mod phone;
pub mod refused_webhooks;
mod safety;
pub mod sessions;
pub mod sign_in;
pub mod step;
pub mod table;
pub mod timeline;
pub mod users;
pub mod when;
pub mod wiring;
