//! The real binary: what it prints, what it leaves behind, how it ends.

mod commands;
mod refusals;
mod serve;
mod user;
