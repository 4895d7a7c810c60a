//! `/api/v1/sms-logs`: what carriers delivered and took, one log a message.

use super::json_bytes;
use crate::app::sms_logs::{self, NamedLog};
use crate::carriers::form::Form;
use crate::config::IdFormat;
use crate::model::call::{Direction, JsonText};
use crate::model::ids::{AssistantId, MessageLogId, OrganizationId};
use crate::model::message_log::{DeliveryStatus, LogFilter, LogView, MessageLog, Provider, RawPayload};
use crate::model::page::Page;
use crate::model::search::Search;
use crate::model::time::Timestamp;
use crate::web::auth::Authority;
use crate::web::error::{Answer, ApiError};
use crate::web::extract::{PathId, QueryParams};
use crate::web::json::JsonWriter;
use axum::Json;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[schema(as = SMSLog)]
pub struct LogOut {
    id: MessageLogId,
    provider: Provider,
    /// The carrier's own id of the message
    provider_message_id: String,
    direction: Direction,
    #[schema(example = "+15559876543")]
    from_number: String,
    #[schema(example = "+15551234567")]
    to_number: String,
    body: String,
    media_urls: Vec<String>,
    segment_count: u32,
    /// In words that all carriers share; inbound messages are `received`.
    status: DeliveryStatus,
    /// In the carrier's own word
    provider_status: String,
    error_code: Option<String>,
    error_message: Option<String>,
    /// None when the number it was sent to was nobody's.
    assistant_id: Option<AssistantId>,
    assistant_name: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(ToSchema)]
#[cfg_attr(test, derive(serde::Serialize))]
#[schema(as = SMSLogsResponse)]
pub struct LogsOut {
    pub items: Vec<LogOut>,
    /// How many logs match
    pub total: u64,
    pub skip: u64,
    pub limit: u64,
    /// Whether logs follow that are not in this page.
    pub has_more: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SMSLogDetail)]
pub struct LogDetailOut {
    #[serde(flatten)]
    log: LogOut,
    organization_id: OrganizationId,
    /// What the carrier sent: a form's fields, the JSON object itself, or anything else as `raw`. Null when nothing
    /// was kept, or no longer.
    #[schema(value_type = Option<Object>)]
    provider_payload: Option<JsonText>,
}

/// Counts by name; what does not occur is left out.
#[derive(Serialize, ToSchema)]
#[schema(as = SMSLogStats)]
pub struct LogStatsOut {
    total: u64,
    by_direction: BTreeMap<Direction, u64>,
    by_status: BTreeMap<DeliveryStatus, u64>,
    by_provider: BTreeMap<Provider, u64>,
    /// `failed` and `undelivered`
    failed_count: u64,
    /// The share of all logs, in percent with two places, that did not fail; 100 when there are none. What is
    /// still on its way has not failed.
    #[schema(minimum = 0, maximum = 100, example = 99.5)]
    success_rate: f64,
}

/// List SMS logs
///
/// One for each message in or out, the newest first. Filters are combined with AND.
#[utoipa::path(
    get,
    path = "",
    params(
        ("skip" = Option<u64>, Query, description = "Logs to skip; default 0"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 500, description = "Logs to return; default 50"),
        ("provider" = Option<Provider>, Query),
        ("direction" = Option<Direction>, Query),
        ("status" = Option<DeliveryStatus>, Query),
        ("from_number" = Option<String>, Query, description = "A whole number, or at least three digits of one"),
        ("to_number" = Option<String>, Query, description = "A whole number, or at least three digits of one"),
        ("assistant_id" = Option<u64>, Query, minimum = 1),
        ("date_from" = Option<String>, Query, description = "Created then or later: RFC 3339, or a date"),
        ("date_to" = Option<String>, Query, description = "Created then or earlier: RFC 3339, or a date (its end)"),
        ("search" = Option<String>, Query, description = "Part of the body, in letters of either case"),
    ),
    responses((status = 200, description = "A page of logs, and how many match", body = LogsOut)),
)]
pub async fn list_sms_logs(
    Authority(actor, state): Authority,
    mut query: QueryParams,
) -> Result<Response, ApiError> {
    let filter = filter(&mut query);
    let page = query.page(50, 500);
    query.finish()?;
    let write = move |most| {
        let mut items = Items::new(page);
        let add = |id, log: &LogView<'_>, name: Option<&str>| items.add(id, log, name);
        let total = sms_logs::list(&state.app, &actor, &filter, (page, most), add)?;
        Ok::<_, ApiError>(total.map(|total| items.finish(total)))
    };
    if let Some(body) = write(sms_logs::QUICK)? {
        return Ok(json_bytes(body));
    }
    let body = tokio::task::spawn_blocking(move || write(u64::MAX)).await??;
    Ok(json_bytes(body.unwrap_or_default()))
}

/// [`LogsOut`] that is being written.
struct Items {
    json: JsonWriter,
    page: Page,
    count: usize,
}

/// A log is some 500 bytes long.
const LOG_BYTES: usize = 512;

impl Items {
    fn new(page: Page) -> Items {
        // Ids of logs are numbers whatever the format of other ids.
        let mut json = JsonWriter::new(IdFormat::Integer, page.limit.min(64) * LOG_BYTES);
        json.raw("{\"items\":[");
        Items { json, page, count: 0 }
    }

    fn add(&mut self, id: MessageLogId, log: &LogView<'_>, assistant_name: Option<&str>) {
        self.json.separate();
        self.json.log(id, log, assistant_name);
        self.count += 1;
    }

    fn finish(self, total: u64) -> Vec<u8> {
        let Items { mut json, page, count } = self;
        let has_more = page.has_more(count, total);
        json.raw(&format!(
            "],\"total\":{total},\"skip\":{},\"limit\":{},\"has_more\":{has_more}}}",
            page.skip, page.limit,
        ));
        json.out
    }
}

pub(in crate::web) fn filter(query: &mut QueryParams) -> LogFilter {
    let statuses =
        "Input should be 'received', 'queued', 'sending', 'sent', 'delivered', 'undelivered' or 'failed'";
    LogFilter {
        provider: query.word("provider", "Input should be 'twilio', 'telnyx', 'vonage' or 'sandbox'"),
        direction: query.word("direction", "Input should be 'inbound' or 'outbound'"),
        status: query.word("status", statuses),
        from: query.address("from_number"),
        to: query.address("to_number"),
        assistant_id: query.integer("assistant_id", 1..=u64::MAX).map(AssistantId),
        search: query.text("search").filter(|text| !text.is_empty()).map(|text| Search::new(&text)),
        ..created(query)
    }
}

fn created(query: &mut QueryParams) -> LogFilter {
    let created_from = query.time("date_from", false);
    LogFilter { created_from, created_to: query.time("date_to", true), ..LogFilter::default() }
}

/// Count SMS logs
///
/// By direction, status and provider, and how many did not arrive.
#[utoipa::path(
    get,
    path = "",
    params(
        ("date_from" = Option<String>, Query, description = "Created then or later: RFC 3339, or a date"),
        ("date_to" = Option<String>, Query, description = "Created then or earlier: RFC 3339, or a date (its end)"),
    ),
    responses((status = 200, description = "The counts", body = LogStatsOut)),
)]
pub async fn get_sms_log_stats(
    Authority(actor, state): Authority,
    mut query: QueryParams,
) -> Answer<LogStatsOut> {
    let filter = created(&mut query);
    query.finish()?;
    let count = move || sms_logs::count(&state.app, &actor, &filter);
    let counts = tokio::task::spawn_blocking(count).await??;
    let by_status = counts.by(|kind| kind.status);
    let failed_count =
        by_status.iter().filter(|(status, _)| status.is_failure()).map(|(_, count)| count).sum();
    let total = counts.total();
    Ok(Json(LogStatsOut {
        total,
        by_direction: counts.by(|kind| kind.direction),
        by_status,
        by_provider: counts.by(|kind| kind.provider),
        failed_count,
        success_rate: percent(total - failed_count, total),
    }))
}

/// With two places; all of nothing is 100.
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 100.0;
    }
    (part as f64 / whole as f64 * 10_000.0).round() / 100.0
}

/// Get one SMS log
#[utoipa::path(get, path = "", responses((status = 200, description = "The log", body = LogDetailOut)))]
pub async fn get_sms_log(Authority(actor, state): Authority, PathId(id): PathId) -> Answer<LogDetailOut> {
    let found = sms_logs::get(&state.app, &actor, MessageLogId(id))?.ok_or(ApiError::NotFound)?;
    let (log, payload) = found;
    Ok(Json(LogDetailOut {
        log: log_out(log),
        organization_id: actor.organization,
        provider_payload: payload.map(|payload| payload_out(&payload)),
    }))
}

fn log_out(NamedLog { id, log, assistant_name }: NamedLog) -> LogOut {
    let MessageLog { provider, direction, segment_count, status, assistant_id, .. } = log;
    LogOut {
        id,
        provider,
        provider_message_id: log.provider_message_id,
        direction,
        from_number: log.from,
        to_number: log.to,
        body: log.body,
        media_urls: log.media_urls,
        segment_count,
        status,
        provider_status: log.provider_status,
        error_code: log.error_code,
        error_message: log.error_message,
        assistant_id,
        assistant_name,
        created_at: log.created_at,
        updated_at: log.updated_at,
    }
}

/// What came without a body has its fields in the URL.
fn payload_out(payload: &RawPayload) -> JsonText {
    let query = payload.path_and_query.split_once('?').map(|(_, query)| query);
    if let (true, Some(query)) = (payload.body.is_empty(), query) {
        return fields(query.as_bytes());
    }
    if payload.content_type.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
    {
        return fields(&payload.body);
    }
    serde_json::from_slice(&payload.body)
        .unwrap_or_else(|_| JsonText(json!({"raw": String::from_utf8_lossy(&payload.body)}).to_string()))
}

/// A form's fields; one that was sent more than once has all its values.
fn fields(form: &[u8]) -> JsonText {
    let mut fields: Map<String, Value> = Map::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for (name, value) in Form::decode(form).iter() {
        let value = Value::String(text(value));
        match fields.get_mut(&text(name)) {
            None => drop(fields.insert(text(name), value)),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    JsonText(Value::Object(fields).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::message_log::any_log;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn logs_are_written_as_an_ordinary_serializer_would_write_them(
            id in any::<u64>(), log in any_log(), assistant_name in any::<Option<String>>(), total in 1..u64::MAX
        ) {
            let page = Page { skip: 3, limit: 50 };
            let mut items = Items::new(page);
            for _ in 0..2 {
                items.add(MessageLogId(id), &log.view(), assistant_name.as_deref());
            }
            let named = || log_out(NamedLog { id: MessageLogId(id), log: log.clone(), assistant_name: assistant_name.clone() });
            let wanted = LogsOut { items: vec![named(), named()], total, skip: 3, limit: 50, has_more: page.has_more(2, total) };
            prop_assert_eq!(String::from_utf8(items.finish(total)).unwrap(), serde_json::to_string(&wanted).unwrap());
        }
    }
}
