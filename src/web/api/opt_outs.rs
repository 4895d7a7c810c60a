//! `/api/v1/sms-opt-outs/`: who wants no more messages from which of our numbers.

use crate::app::opt_outs;
use crate::model::address::Address;
use crate::model::opt_out::{OptOutChange, OptedOut};
use crate::model::time::Timestamp;
use crate::web::auth::{Authority, Writer};
use crate::web::error::{Answer, ApiError};
use crate::web::extract::{JsonBody, QueryParams};
use axum::Json;
use axum::extract::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct OptOutOut {
    phone_number: Address,
    customer_phone_number: Address,
    opted_out_at: Timestamp,
    /// The keyword, `carrier` with its error code, `api` or `import`
    how: String,
}

#[derive(Serialize, ToSchema)]
pub struct OptOutsOut {
    items: Vec<OptOutOut>,
    total: u64,
    skip: u64,
    limit: usize,
    has_more: bool,
}

/// List opt-outs
///
/// By our number, then the customer's.
#[utoipa::path(
    get,
    path = "",
    params(
        ("phone_number" = Option<String>, Query, description = "One of our numbers only"),
        ("skip" = Option<u64>, Query, minimum = 0),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 1000, description = "50 unless said otherwise"),
    ),
    responses((status = 200, description = "A page of them", body = OptOutsOut)),
)]
pub async fn list_opt_outs(Authority(actor, state): Authority, mut query: QueryParams) -> Answer<OptOutsOut> {
    let parse = |text: &str| Address::parse(text).ok();
    let number = query.parsed("phone_number", parse, "Input should be a phone number", "value_error");
    let page = query.page(50, 1000);
    query.finish()?;
    let app = state.app.clone();
    let listing = move || opt_outs::list(&app, &actor, number.as_ref(), page);
    let (total, found) = tokio::task::spawn_blocking(listing).await??;
    let items: Vec<_> = found
        .into_iter()
        .map(|OptedOut { our_number, customer, opt_out }| OptOutOut {
            phone_number: our_number,
            customer_phone_number: customer,
            opted_out_at: opt_out.at,
            how: opt_out.how,
        })
        .collect();
    let has_more = page.has_more(items.len(), total);
    Ok(Json(OptOutsOut { items, total, skip: page.skip, limit: page.limit, has_more }))
}

#[derive(Deserialize, ToSchema)]
pub struct AddOptOutBody {
    /// One of ours
    #[schema(example = "+15551234567")]
    phone_number: String,
    #[schema(example = "+15559876543")]
    customer_phone_number: String,
}

#[derive(Serialize, ToSchema)]
pub struct OptOutChangedOut {
    success: bool,
    message: &'static str,
}

/// Add an opt-out
///
/// Nothing is sent to the customer from this number any more, not even what is queued.
#[utoipa::path(
    post,
    path = "",
    request_body = AddOptOutBody,
    responses((status = 200, description = "It is so now, or was before", body = OptOutChangedOut)),
)]
pub async fn add_opt_out(
    Writer(actor, state): Writer,
    JsonBody(body): JsonBody<AddOptOutBody>,
) -> Answer<OptOutChangedOut> {
    let (ours, customer) = numbers(&body.phone_number, &body.customer_phone_number)?;
    let added = opt_outs::change(&state.app, &actor, ours, customer, OptOutChange::Add).await?;
    let message = if added { "Opt-out added" } else { "The customer had opted out already" };
    Ok(Json(OptOutChangedOut { success: true, message }))
}

/// Ours, which may be one that is not assigned now, and the customer's.
pub(in crate::web) fn numbers(ours: &str, customer: &str) -> Result<(Address, Address), ApiError> {
    let number = |name: &str, text: &str| {
        let says = "Input should be a phone number, e.g. +15559876543";
        Address::parse(text).map_err(|_| ApiError::field(name, says))
    };
    let (ours, customer) = (number("phone_number", ours)?, number("customer_phone_number", customer)?);
    if customer.as_str().contains(|c: char| c.is_ascii_alphabetic()) {
        return Err(ApiError::field("customer_phone_number", "Input should be a phone number, not a name"));
    }
    Ok((ours, customer))
}

/// Remove an opt-out
///
/// The customer gets messages from this number again; only do so with their consent.
#[utoipa::path(
    delete,
    path = "",
    params(("phone_number" = String, Path), ("customer_phone_number" = String, Path)),
    responses((status = 200, description = "Removed", body = OptOutChangedOut)),
)]
pub async fn remove_opt_out(
    Writer(actor, state): Writer,
    numbers: Result<Path<(String, String)>, axum::extract::rejection::PathRejection>,
) -> Answer<OptOutChangedOut> {
    let Path((ours, customer)) = numbers.map_err(|_| ApiError::NotFound)?;
    let number = |text: &str| Address::parse(text).map_err(|_| ApiError::NotFound);
    let (ours, customer) = (number(&ours)?, number(&customer)?);
    match opt_outs::change(&state.app, &actor, ours, customer, OptOutChange::Remove).await? {
        true => Ok(Json(OptOutChangedOut { success: true, message: "Opt-out removed" })),
        false => Err(ApiError::NotFound),
    }
}
