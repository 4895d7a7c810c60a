//! The URL table. Every route answers with and without a trailing slash, directly.

use super::AppState;
use super::api::{
    api_keys, assistants, auth, backup, calls, carriers, check, conversation_export, conversations, erasures,
    events, export, health, import, metrics, opt_outs, parked_events, phone_numbers, sms, sms_logs,
    sms_sessions, sms_timeline, users, webhook_secrets,
};
use super::dashboard as pages;
use super::docs;
use super::error::ApiError;
use super::meter::Meter;
use super::openapi;
use super::webhooks::carriers as webhooks;
use super::worlds::Worlds;
use crate::config::{IdFormat, MetricsAt};
use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{MethodRouter, get, post};
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

/// Puts further routes into the table.
pub type MoreRoutes = fn(Table) -> Table;

/// The routes, to be called by way of `request_id::answer`.
#[derive(Clone)]
pub struct Served {
    pub(super) router: Router,
    /// Who counts the requests, if anybody wants to know.
    pub(super) meter: Option<Arc<Meter>>,
    /// Who notes them, where there are worlds.
    pub(super) worlds: Option<Arc<dyn Worlds>>,
}

impl Served {
    /// What answers within the process.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// For tests of how it is served: what is answered is theirs.
    #[cfg(test)]
    pub(crate) fn of(router: Router) -> Served {
        Served { router, meter: None, worlds: None }
    }
}

pub fn served(state: AppState) -> Served {
    let in_api = state.settings.metrics == MetricsAt::Main;
    let more = state.worlds.as_ref().map(|worlds| worlds.routes());
    let known = accounts(dashboard(table(Meter::new(state.app.metrics.clone()), in_api)));
    let Table { router, mut document, mut meter } = with(known, more);
    meter.add("/openapi.json", &["/openapi.json"]);
    meter.add("/docs", &["/docs", "/docs/", "/docs/{*rest}"]);
    meter.add("/assets", &["/assets/{name}", "/favicon.ico"]);
    meter.add("/", &["/"]);
    let meter = (state.settings.metrics != MetricsAt::Nowhere).then(|| Arc::new(meter));
    openapi::set_id_format(&mut document, state.settings.id_format);
    // Once as bytes: as values it would be kept for good, and written anew for each who asks.
    let document = Bytes::from(serde_json::to_vec(&document).expect("a document is JSON"));
    let document = get(async move || ([(CONTENT_TYPE, "application/json")], document.clone()));
    let worlds = state.worlds.clone();
    let router = router
        .route("/", get(pages::sign_in::enter))
        .route("/openapi.json", document)
        .merge(docs::routes())
        .merge(pages::assets::routes())
        .fallback(pages::error::nothing_here)
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .with_state(state);
    Served { router, meter, worlds }
}

/// What a listener of the metrics' own answers.
pub fn metrics_alone(state: AppState) -> Served {
    let router = Router::new()
        .route("/metrics", get(metrics::get_open_metrics))
        .fallback(|| async { ApiError::NotFound })
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .with_state(state);
    Served { router, meter: None, worlds: None }
}

/// What [`served`] answers, as an OpenAPI document. `metrics`: whether they are in the API.
pub fn document(ids: IdFormat, metrics: bool, more: Option<MoreRoutes>) -> OpenApi {
    let mut document = with(table(Meter::new(Arc::default()), metrics), more).document;
    openapi::set_id_format(&mut document, ids);
    document
}

fn table(meter: Meter, with_metrics: bool) -> Table {
    let table = Table { router: Router::new(), document: openapi::document(), meter };
    let table = api(table);
    if with_metrics { table.tag("Metrics").at("/metrics", routes!(metrics::get_metrics)) } else { table }
}

fn with(table: Table, more: Option<MoreRoutes>) -> Table {
    match more {
        Some(more) => more(table),
        None => table,
    }
}

fn api(table: Table) -> Table {
    table
        .tag("SMS conversations")
        .at("/api/v1/sms-conversations/", routes!(conversations::list_conversations))
        .at(
            "/api/v1/sms-conversations/{conversation_id}",
            routes!(conversations::get_conversation, conversations::archive_conversation),
        )
        .at("/api/v1/sms-conversations/{conversation_id}/messages", routes!(conversations::list_messages))
        .at("/api/v1/sms-conversations/{conversation_id}/related", routes!(conversations::list_related))
        .at(
            "/api/v1/sms-conversations/{conversation_id}/export",
            routes!(conversation_export::export_conversation),
        )
        .tag("Sending")
        .at("/sms/send", routes!(sms::send_sms))
        .at("/sms/{message_id}", routes!(sms::cancel_sms))
        .at("/sms/{message_id}/status", routes!(sms::get_sms_status))
        .at("/sms/queue/stats", routes!(sms::get_queue_stats))
        .alias("/sms/status/{message_id}", get(sms::get_sms_status))
        .alias("/sms/cancel/{message_id}", post(sms::cancel_sms))
        .tag("Opt-outs")
        .at("/api/v1/sms-opt-outs/", routes!(opt_outs::list_opt_outs, opt_outs::add_opt_out))
        .at("/api/v1/sms-opt-outs/{phone_number}/{customer_phone_number}", routes!(opt_outs::remove_opt_out))
        .tag("Carriers")
        .at("/api/v1/carriers", routes!(carriers::list_carriers))
        .at("/api/v1/carriers/{provider}", routes!(carriers::set_carrier, carriers::unset_carrier))
        .at("/api/v1/carriers/refused-webhooks", routes!(carriers::list_refused_webhooks))
        .tag("SMS sessions")
        .at(
            "/api/v1/sms-sessions/",
            routes!(sms_sessions::count_sms_sessions, sms_sessions::clear_sms_sessions),
        )
        .at("/api/v1/sms-sessions/cleanup", routes!(sms_sessions::clean_up_sms_sessions))
        .at("/api/v1/sms-sessions/{phone_number}/{assistant_id}", routes!(sms_sessions::clear_sms_session))
        .tag("Assistants")
        .at("/api/v1/assistants", routes!(assistants::list_assistants, assistants::create_assistant))
        .at(
            "/api/v1/assistants/{assistant_id}",
            routes!(
                assistants::get_assistant,
                assistants::replace_assistant,
                assistants::update_assistant,
                assistants::delete_assistant
            ),
        )
        .at(
            "/api/v1/assistants/{assistant_id}/sms-webhook-secret",
            routes!(webhook_secrets::get_sms_webhook_secret, webhook_secrets::rotate_sms_webhook_secret),
        )
        .tag("Live")
        .at("/api/v1/events", routes!(events::stream_events))
        .tag("Forwarding")
        .at("/api/v1/parked-events/", routes!(parked_events::list_parked_events))
        .at("/api/v1/parked-events/replay", routes!(parked_events::replay_parked_events))
        .at("/api/v1/parked-events/{event_id}", routes!(parked_events::discard_parked_event))
        .at("/api/v1/parked-events/{event_id}/replay", routes!(parked_events::replay_parked_event))
        .tag("Phone numbers")
        .at("/api/v1/assistants/organization/phone-numbers", routes!(phone_numbers::list_phone_numbers))
        .at(
            "/api/v1/assistants/{assistant_id}/phone-numbers",
            routes!(phone_numbers::list_assistants_phone_numbers),
        )
        .at(
            "/api/v1/assistants/{assistant_id}/phone-numbers/assign-by-number",
            routes!(phone_numbers::assign_phone_number),
        )
        .at(
            "/api/v1/assistants/{assistant_id}/phone-numbers/unassign-by-number",
            routes!(phone_numbers::unassign_phone_number),
        )
        .tag("Call records")
        .at("/api/v1/calls/", routes!(calls::list_calls))
        .at("/api/v1/calls/count", routes!(calls::count_calls))
        .at("/api/v1/calls/{call_id}", routes!(calls::get_call))
        .at("/api/v1/calls/sid/{call_sid}", routes!(calls::get_call_by_sid))
        .at("/api/v1/calls/{call_id}/messages", routes!(calls::list_call_messages))
        .tag("SMS logs")
        .at("/api/v1/sms-logs/", routes!(sms_logs::list_sms_logs))
        .at("/api/v1/sms-logs/stats", routes!(sms_logs::get_sms_log_stats))
        .at("/api/v1/sms-logs/{log_id}", routes!(sms_logs::get_sms_log))
        .at("/api/v1/sms/{call_id}/logs", routes!(sms_timeline::get_sms_timeline))
        .tag("Signing in")
        .at("/api/auth/login/simple", routes!(auth::sign_in))
        .at("/api/auth/logout", routes!(auth::sign_out))
        .at("/api/auth/me", routes!(auth::get_caller))
        .at("/api/auth/session/info", routes!(auth::get_session_info))
        .at("/api/auth/session/extend", routes!(auth::extend_session))
        .tag("Users")
        .at("/api/v1/users", routes!(users::list_users, users::create_user))
        .at("/api/v1/users/me", routes!(users::get_me))
        .at("/api/v1/users/{user_id}", routes!(users::update_user))
        .tag("API keys")
        .at("/api/v1/users/me/api-keys", routes!(api_keys::list_api_keys, api_keys::create_api_key))
        .at("/api/v1/users/me/api-keys/{key_id}", routes!(api_keys::rename_api_key, api_keys::revoke_api_key))
        .tag("Moving data")
        .at("/api/v1/export", routes!(export::export_records))
        .at("/api/v1/import", routes!(import::import_records))
        .at("/api/v1/check", routes!(check::check_data))
        .at("/api/v1/backup", routes!(backup::back_up))
        .at("/api/v1/erasures", routes!(erasures::erase_number))
        .tag("Health")
        .at("/health", routes!(health::get_health))
        .at("/livez", routes!(health::get_livez))
        .at("/readyz", routes!(health::get_readyz))
        .tag("Webhooks")
        .at("/webhooks/sms/twilio", routes!(webhooks::receive_twilio_sms))
        .alias("/webhooks/sms/twilio", get(webhooks::receive_twilio_sms))
        .at("/webhooks/sms/telnyx", routes!(webhooks::receive_telnyx_sms))
        .at("/webhooks/sms/vonage", routes!(webhooks::receive_vonage_sms))
        .alias("/webhooks/sms/vonage", get(webhooks::receive_vonage_sms))
        .alias("/twilio-sms-webhook", get(webhooks::receive_twilio_sms).post(webhooks::receive_twilio_sms))
        .alias("/telnyx-sms-webhook", post(webhooks::receive_telnyx_sms))
        .alias("/telnyx-webhook", post(webhooks::receive_telnyx_sms))
        .alias("/vonage-sms-webhook", get(webhooks::receive_vonage_sms).post(webhooks::receive_vonage_sms))
}

/// The dashboard, for people: in no document.
fn dashboard(table: Table) -> Table {
    table
        .alias("/sign-in", get(pages::sign_in::ask).post(pages::sign_in::sign_in))
        .alias("/sign-out", post(pages::sign_in::sign_out))
        .alias("/inbox", get(pages::inbox::show_inbox))
        .alias("/inbox/read", post(pages::inbox::mark_all_read))
        .alias("/conversations/{conversation_id}", get(pages::conversation::show_conversation))
        .alias("/conversations/{conversation_id}/messages", post(pages::conversation::send_message))
        .alias(
            "/conversations/{conversation_id}/archive",
            get(pages::conversation::ask_to_archive).post(pages::conversation::archive),
        )
        .alias("/conversations/{conversation_id}/timeline", get(pages::timeline::show_timeline))
        .alias("/message-logs", get(pages::message_logs::show_message_logs))
        .alias("/message-logs/by-day", get(pages::message_logs::show_by_day))
        .alias("/messages/{log_id}", get(pages::message::show_message))
        .alias("/phone", get(pages::phone::show_phone).post(pages::phone::write))
        .alias("/phone/receipt", post(pages::phone::tell))
        .alias("/opt-outs", get(pages::opt_outs::show_opt_outs).post(pages::opt_outs::add_opt_out))
        .alias("/opt-outs/remove", get(pages::opt_outs::ask_to_remove).post(pages::opt_outs::remove_opt_out))
        .alias("/sessions", get(pages::sessions::show_sessions))
        .alias("/sessions/clear", post(pages::sessions::clear_session))
        .alias("/sessions/clear-all", get(pages::sessions::ask_to_clear_all).post(pages::sessions::clear_all))
        .alias("/parked-events", get(pages::parked_events::show_parked_events))
        .alias("/parked-events/replay-all", post(pages::parked_events::replay_all))
        .alias("/parked-events/{id}/replay", post(pages::parked_events::replay))
        .alias(
            "/parked-events/{id}/discard",
            get(pages::parked_events::ask_to_discard).post(pages::parked_events::discard),
        )
        .alias("/refused-webhooks", get(pages::refused_webhooks::show_refused_webhooks))
}

/// Its pages that set things up.
fn accounts(table: Table) -> Table {
    table
        .alias("/assistants", get(pages::assistants::show_assistants).post(pages::assistants::make_assistant))
        .alias("/assistants/{assistant_id}", post(pages::assistants::change_assistant))
        .alias("/assistants/{assistant_id}/delete", post(pages::assistants::delete_assistant))
        .alias("/assistants/{assistant_id}/numbers", post(pages::assistant_numbers::assign_number))
        .alias(
            "/assistants/{assistant_id}/numbers/take-away",
            post(pages::assistant_numbers::unassign_number),
        )
        .alias("/api-keys", get(pages::api_keys::show_api_keys).post(pages::api_keys::make_api_key))
        .alias(
            "/api-keys/{key_id}",
            get(pages::api_keys::ask_to_rename).post(pages::api_keys::rename_api_key),
        )
        .alias(
            "/api-keys/{key_id}/revoke",
            get(pages::api_keys::ask_to_revoke).post(pages::api_keys::revoke_api_key),
        )
        .alias("/users", get(pages::users::show_users).post(pages::users::make_user))
        .alias("/users/{user_id}", get(pages::users::show_user).post(pages::users::change_user))
        .alias("/configuration", get(pages::configuration::show_configuration))
}

/// The routes and what is said of them.
pub struct Table {
    router: Router<AppState>,
    document: OpenApi,
    meter: Meter,
}

impl Table {
    /// What follows, until the next tag, is told under this name.
    pub fn tag(mut self, name: &str) -> Table {
        self.document.tags.get_or_insert_default().push(utoipa::openapi::Tag::new(name));
        self
    }

    /// The handlers of one URL, one a method. Their annotations leave the path to this table.
    pub fn at(mut self, path: &str, (schemas, paths, methods): UtoipaMethodRouter<AppState>) -> Table {
        let tag = self.document.tags.as_ref().and_then(|tags| tags.last()).map(|tag| tag.name.clone());
        for mut item in paths.paths.into_values() {
            openapi::each_operation(&mut item, |method, operation| {
                operation.tags = tag.clone().map(|tag| vec![tag]);
                openapi::add_ids(operation, path);
                openapi::complete(operation, method);
            });
            self.document.paths.paths.insert(path.to_owned(), item);
        }
        self.document.components.get_or_insert_default().schemas.extend(schemas);
        self.alias(path, methods)
    }

    /// Answers, but is not in the document.
    pub fn alias(mut self, path: &str, methods: MethodRouter<AppState>) -> Table {
        let bare = path.trim_end_matches('/');
        self.meter.add(path, &[bare, &format!("{bare}/")]);
        self.router = self.router.route(bare, methods.clone()).route(&format!("{bare}/"), methods);
        self
    }
}
