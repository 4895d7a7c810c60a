//! The OpenAPI document. Operations are generated from the handlers; what every route of a shape has in
//! common (the errors, the ways in) is added here by that shape, so that no handler can forget it.

use super::error::Invalid;
use super::json::ConversationId;
use crate::config::IdFormat;
use crate::model::account::Role;
use crate::model::address::Address;
use crate::model::audit::Level;
use crate::model::call::{Channel, ConversationStatus, Direction};
use crate::model::ids::{ApiKeyId, AssistantId, CallId, MessageLogId, OrganizationId, PhoneNumberId, UserId};
use crate::model::message_log::{DeliveryStatus, Provider};
use crate::model::outbound::JobStatus;
use crate::model::time::Timestamp;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{HttpMethod, OpenApi, Ref, RefOr, Required, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema, openapi};

/// Where a browser keeps a dashboard session.
pub const SESSION_COOKIE: &str = "smslite_session";

const DESCRIPTION: &str = "The Burki SMS REST API from one binary. Not affiliated with Burki.\n\n\
    Every response carries `X-Request-Id`; a request's own is kept. Routes answer with and without a trailing \
    slash. Times are UTC. Unknown query parameters are ignored.";

/// How the model's own types are described; what they are on the wire they tell serde themselves.
macro_rules! described {
    ($($type:ident: $schema:expr;)*) => {$(
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                Schema::Object($schema.build()).into()
            }
        }

        impl ToSchema for $type {}
    )*};
}

described! {
    Timestamp: text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    Address: text().examples(["+15559876543"]);
    ConversationId: id();
    CallId: id();
    Channel: text().enum_values(Some(["sms", "voice"]));
    Direction: text().enum_values(Some(["inbound", "outbound"]));
    OrganizationId: id();
    UserId: id();
    ApiKeyId: id();
    AssistantId: id();
    PhoneNumberId: id();
    MessageLogId: id();
    Provider: text().enum_values(Some(Provider::ALL.map(Provider::as_str)));
    JobStatus: text().enum_values(Some(JobStatus::ALL.map(JobStatus::as_str)));
    DeliveryStatus: text().enum_values(Some(DeliveryStatus::ALL.map(DeliveryStatus::as_str)));
    Level: text().enum_values(Some(["debug", "info", "warning", "error"]));
    Role: text().enum_values(Some(["admin", "user", "viewer"]));
    ConversationStatus: text().enum_values(Some(["active", "completed"]));
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn id() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1))
}

/// What a request that fails is told.
#[derive(Serialize, ToSchema)]
pub struct ErrorOut {
    detail: String,
}

/// Parameters or fields that do not validate.
#[derive(Serialize, ToSchema)]
pub struct InvalidOut {
    detail: Vec<Invalid>,
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "smslite",
        description = DESCRIPTION,
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    components(schemas(ErrorOut, InvalidOut)),
    security(("bearer" = []), ("session" = [])),
)]
struct Document;

/// A document without routes.
pub(super) fn document() -> OpenApi {
    let mut document = <Document as utoipa::OpenApi>::openapi();
    let components = document.components.get_or_insert_default();
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.description = Some("An API key (`sl_live_...`) or a JWT".to_owned());
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    let cookie = ApiKeyValue::with_description(SESSION_COOKIE, "A dashboard session, set by signing in");
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    document
}

/// Where conversations' ids are printed as strings, the document says so.
pub(super) fn set_id_format(document: &mut OpenApi, format: IdFormat) {
    let schemas = &mut document.components.get_or_insert_default().schemas;
    if format == IdFormat::String {
        schemas.insert(ConversationId::name().into_owned(), Schema::Object(text().build()).into());
    }
}

/// Visits the operations of one path.
pub(super) fn each_operation(item: &mut PathItem, mut visit: impl FnMut(&HttpMethod, &mut Operation)) {
    for (method, operation) in [
        (HttpMethod::Get, &mut item.get),
        (HttpMethod::Post, &mut item.post),
        (HttpMethod::Put, &mut item.put),
        (HttpMethod::Patch, &mut item.patch),
        (HttpMethod::Delete, &mut item.delete),
    ] {
        if let Some(operation) = operation {
            visit(&method, operation);
        }
    }
}

/// Adds the parameters that stand in the path. One of which the handler says nothing is an id.
pub(super) fn add_ids(operation: &mut Operation, path: &str) {
    let mut parameters = operation.parameters.take().unwrap_or_default();
    for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        let is_this = |known: &RefOr<Parameter>| matches!(known, RefOr::T(known) if known.name == name);
        if !parameters.iter().any(is_this) {
            let id = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path);
            parameters.insert(0, RefOr::T(id.required(Required::True).schema(Some(u64::schema())).build()));
        }
    }
    operation.parameters = Some(parameters).filter(|parameters| !parameters.is_empty());
}

/// Adds the answers that follow from an operation's shape.
pub(super) fn complete(operation: &mut Operation, method: &HttpMethod) {
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    let has = |place: ParameterIn| {
        parameters.iter().any(|parameter| match parameter {
            RefOr::T(parameter) => parameter.parameter_in == place,
            RefOr::Ref(_) => false,
        })
    };
    let (in_path, in_query) = (has(ParameterIn::Path), has(ParameterIn::Query));
    let body = operation.request_body.is_some();
    // An open route says `security(())`.
    let open = operation.security.is_some();
    let changes = *method != HttpMethod::Get;
    for (applies, status, what) in [
        (body, StatusCode::BAD_REQUEST, "The body cannot be read"),
        (!open, StatusCode::UNAUTHORIZED, "No or bad credentials"),
        (!open && changes, StatusCode::FORBIDDEN, "The role is too weak"),
        (in_path, StatusCode::NOT_FOUND, "Unknown, archived or another organization's"),
        (body, StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
        (body, StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is of another media type"),
        (body || in_query, StatusCode::UNPROCESSABLE_ENTITY, "Something does not validate"),
        (
            true,
            StatusCode::INTERNAL_SERVER_ERROR,
            "A fault of the server; the log tells it by the request's id",
        ),
        (true, StatusCode::SERVICE_UNAVAILABLE, "Storage refuses or too much waits; see `Retry-After`"),
    ] {
        let invalid = status == StatusCode::UNPROCESSABLE_ENTITY;
        let schema = if invalid { InvalidOut::name() } else { ErrorOut::name() };
        if applies {
            let responses = &mut operation.responses.responses;
            responses.entry(status.as_str().to_owned()).or_insert_with(|| {
                let content = openapi::Content::new(Some(Ref::from_schema_name(schema)));
                ResponseBuilder::new().description(what).content("application/json", content).build().into()
            });
        }
    }
}
