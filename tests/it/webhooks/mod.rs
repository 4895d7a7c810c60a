//! `/webhooks`: what carriers call.

mod refused;
mod telnyx;
mod twilio;
mod twilio_url;
mod vonage;
