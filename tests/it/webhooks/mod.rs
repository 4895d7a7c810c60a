//! `/webhooks`: what carriers call.

mod bad_bodies;
mod phone;
mod played;
mod refused;
mod telnyx;
mod told;
mod twilio;
mod twilio_url;
mod vonage;
