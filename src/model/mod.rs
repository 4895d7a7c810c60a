//! Pure data and rules: no I/O, no async, no clock. Time is an argument, outcomes are values.

pub mod account;
pub mod address;
pub mod assistant;
pub mod audit;
pub mod auto_reply;
pub mod call;
pub mod carrier_account;
pub mod feed;
pub mod gone;
pub mod grams;
pub mod ids;
pub mod message;
pub mod message_log;
pub mod opt_out;
pub mod outbound;
pub mod page;
pub mod partial_message;
pub mod receipt;
pub mod search;
pub mod segments;
pub mod session;
pub mod time;
pub mod timeline;
pub mod transfer;
mod wire;
