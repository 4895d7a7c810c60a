//! The proof of the store: one contract for every door, histories against a model, many callers at
//! once, and a disk that fails at every place it can.

mod accounts;
mod acts;
mod backups;
mod checker;
mod closing;
mod concurrent;
mod contract;
mod copies;
mod crash;
mod damages;
pub mod disk;
mod door;
mod faults;
mod filters;
mod fixture;
mod forged;
mod forgetting;
mod forwards;
mod histories;
mod list_blocks;
mod log_blocks;
mod model_store;
mod opening;
mod read_marks;
mod rebuilt;
mod repair;
mod script;
mod sealing;
