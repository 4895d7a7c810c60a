//! One integration binary. Its tree mirrors the floors and the URLs.
#![allow(clippy::unwrap_used, reason = "tests")]

mod carriers {
    mod twilio_parse;
    mod twilio_vectors;
}
