//! `/webhooks`: what carriers call.

mod bad_bodies;
mod refused;
mod telnyx;
mod twilio;
mod twilio_url;
mod vonage;
