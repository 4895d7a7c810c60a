//! The URL table. Every route answers with and without a trailing slash, directly.

use super::AppState;
use super::api::{api_keys, assistants, conversations, health, import};
use super::error::ApiError;
use super::webhooks::twilio;
use axum::Router;
use axum::routing::{MethodRouter, delete, get, post};

/// A carrier's webhook and the other spellings that its numbers may still be set to.
const TWILIO_PATHS: [&str; 2] = ["/webhooks/sms/twilio", "/twilio-sms-webhook"];

/// To be called by way of `request_id::answer`.
pub fn router(state: AppState) -> Router {
    let mut router = Table(Router::new())
        .at("/health", get(health::get_health))
        .at("/livez", get(health::get_livez))
        .at("/readyz", get(health::get_readyz))
        .at("/api/v1/sms-conversations", get(conversations::list_conversations))
        .at("/api/v1/sms-conversations/{conversation_id}", get(conversations::get_conversation))
        .at("/api/v1/sms-conversations/{conversation_id}/messages", get(conversations::list_messages))
        .at("/api/v1/assistants", get(assistants::list_assistants).post(assistants::create_assistant))
        .at("/api/v1/assistants/organization/phone-numbers", get(assistants::list_phone_numbers))
        .at(
            "/api/v1/assistants/{assistant_id}/phone-numbers/assign-by-number",
            post(assistants::assign_phone_number),
        )
        .at("/api/v1/users/me/api-keys", get(api_keys::list_api_keys).post(api_keys::create_api_key))
        .at("/api/v1/users/me/api-keys/{key_id}", delete(api_keys::revoke_api_key))
        .at("/api/v1/import", post(import::import_records));
    for path in TWILIO_PATHS {
        router = router.at(path, get(twilio::receive_twilio_sms).post(twilio::receive_twilio_sms));
    }
    router
        .0
        .fallback(|| async { ApiError::NotFound })
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .with_state(state)
}

struct Table(Router<AppState>);

impl Table {
    fn at(self, path: &str, methods: MethodRouter<AppState>) -> Table {
        Table(self.0.route(path, methods.clone()).route(&format!("{path}/"), methods))
    }
}
