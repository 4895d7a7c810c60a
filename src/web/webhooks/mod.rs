//! What carriers call. A request is verified over its raw bytes and the URL that the carrier
//! called, stored, and only then answered.

pub mod twilio;
