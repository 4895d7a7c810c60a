//! smslite: an SMS conversations server in one binary, with everything durable in one file.
pub mod carriers;
pub mod model;
pub mod store;
