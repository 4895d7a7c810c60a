//! One integration binary. Its tree mirrors the floors and the URLs.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "tests")]

mod carriers {
    mod hostile;
    mod outbound;
    mod played;
    mod replies;
    pub mod samples;
    mod segments;
    mod telnyx_parse;
    mod telnyx_vectors;
    mod twilio_parse;
    mod twilio_vectors;
    mod vonage_parse;
    mod vonage_vectors;
}
mod api;
mod app;
mod architecture;
mod cli;
mod config;
mod dashboard;
#[cfg(feature = "fixture")]
mod fixture {
    mod clock;
    mod control;
    mod document;
    mod embedded;
    mod faults;
    mod golden;
    mod journal;
    mod messages;
    mod phone;
    mod process;
    mod seeds;
    mod stand_in;
    mod troubles;
    mod wait;
    mod worlds;
}
mod forwarding;
mod seeds;
mod sms;
mod store;
mod transfer;
mod util;
mod webhooks;
