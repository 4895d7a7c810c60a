//! smslite: an SMS conversations server in one binary, with everything durable in one file.
//!
//! The floors, top down; arrows point down only:
pub mod app; // the verbs
pub mod carriers; // what a carrier's webhook says, and whether it is the carrier's
pub mod cli; // what may be typed, and where it leads
pub mod clock; // now
pub mod config;
#[cfg(feature = "fixture")]
pub mod embedded; // the server within a test process
#[cfg(feature = "fixture")]
pub mod fixture; // worlds for other people's tests
pub mod jobs; // when background work runs
pub mod logging; // where log lines go
pub mod metrics; // what Prometheus is told
pub mod model; // data and rules
pub mod server; // the composition root
pub mod sessions; // the TTL cache in front of the store
pub mod store; // the door to the data
pub mod web; // HTTP in and out // what may be set

#[cfg(feature = "fixture")]
pub use embedded::Server;
