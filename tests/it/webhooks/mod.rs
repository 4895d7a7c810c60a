//! `/webhooks`: what carriers call.

mod twilio;
mod twilio_url;
