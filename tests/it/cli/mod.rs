//! The real binary: what it prints, what it leaves behind, how it ends.

mod backup;
mod check;
mod commands;
mod doctor;
mod erase;
mod exit_codes;
mod export;
mod printed;
mod refusals;
mod serve;
mod user;
