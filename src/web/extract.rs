//! Reading requests: query parameters, ids in paths, JSON and raw bodies. Whatever does not
//! validate is named, with all its neighbours that do not either.

use super::error::{ApiError, Invalid};
use crate::model::address::AddressQuery;
use crate::model::ids::parse_id;
use crate::model::page::Page;
use crate::model::time::Timestamp;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use http_body_util::{BodyExt, Limited};
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny, IntoDeserializer};
use std::borrow::Cow;
use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The query string. Of a parameter that is given twice the last one counts; unknown ones are
/// ignored. Errors are gathered and told together by [`QueryParams::finish`].
pub struct QueryParams {
    pairs: Vec<(String, String)>,
    errors: Vec<Invalid>,
}

impl<S: Sync> FromRequestParts<S> for QueryParams {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<QueryParams, Infallible> {
        Ok(QueryParams::of(parts))
    }
}

impl QueryParams {
    pub fn of(parts: &Parts) -> QueryParams {
        QueryParams::parse(parts.uri.query().unwrap_or_default())
    }

    pub fn parse(query: &str) -> QueryParams {
        let own = |text: Cow<'_, str>| text.into_owned();
        let pairs = form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (own(name), own(value)));
        QueryParams { pairs: pairs.collect(), errors: Vec::new() }
    }

    /// As a form sends them, where a field that nobody filled is there all the same.
    pub fn filled(mut self) -> QueryParams {
        self.pairs.retain(|(_, value)| !value.trim().is_empty());
        self
    }

    /// The parameter's text, if it was given.
    pub fn text(&self, name: &str) -> Option<String> {
        self.pairs.iter().rev().find(|(given, _)| given == name).map(|(_, value)| value.clone())
    }

    /// A whole number within bounds.
    pub fn integer(&mut self, name: &str, bounds: RangeInclusive<u64>) -> Option<u64> {
        let text = self.text(name)?;
        let digits = text.strip_prefix('-').unwrap_or(&text);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let value = text.parse().ok().filter(|_| is_number);
        if let Some(value) = value.filter(|value| bounds.contains(value)) {
            return Some(value);
        }
        let (least, most) = (bounds.start(), bounds.end());
        if !is_number {
            self.invalid(name, "Input should be a valid integer", "int_parsing");
        } else if text.starts_with('-') || value.is_some_and(|value| value < *least) {
            self.invalid(
                name,
                &format!("Input should be greater than or equal to {least}"),
                "greater_than_equal",
            );
        } else {
            self.invalid(name, &format!("Input should be less than or equal to {most}"), "less_than_equal");
        }
        None
    }

    /// `skip`, and `limit` from 1 to `most`.
    pub fn page(&mut self, default_limit: usize, most: u64) -> Page {
        let skip = self.integer("skip", 0..=u64::MAX).unwrap_or(0);
        let limit = self.integer("limit", 1..=most).map_or(default_limit, |limit| limit as usize);
        Page { skip, limit }
    }

    /// A whole number or a part of one.
    pub fn address(&mut self, name: &str) -> Option<AddressQuery> {
        let says = "Input should be a phone number or at least three digits of one";
        self.parsed(name, AddressQuery::parse, says, "value_error")
    }

    pub fn flag(&mut self, name: &str) -> Option<bool> {
        let parse = |text: &str| match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        };
        self.parsed(name, parse, "Input should be true or false", "bool_parsing")
    }

    /// A time; `upper` for the end of a range, where a date means its last moment.
    pub fn time(&mut self, name: &str, upper: bool) -> Option<Timestamp> {
        let parse = if upper { Timestamp::parse_upper } else { Timestamp::parse };
        let says = "Input should be an RFC 3339 time or a date, e.g. 2026-04-30T10:00:00Z or 2026-04-30";
        self.parsed(name, parse, says, "datetime_parsing")
    }

    /// Anything that `parse` understands; `says` tells what that is.
    pub fn parsed<T>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Option<T>,
        says: &str,
        kind: &'static str,
    ) -> Option<T> {
        let text = self.text(name)?;
        let value = parse(&text);
        if value.is_none() {
            self.invalid(name, says, kind);
        }
        value
    }

    /// A word of an enum, as it stands in JSON.
    pub fn word<T: DeserializeOwned>(&mut self, name: &str, says: &str) -> Option<T> {
        let parse = |text: &str| {
            let word: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
            T::deserialize(word).ok()
        };
        self.parsed(name, parse, says, "literal_error")
    }

    fn invalid(&mut self, name: &str, msg: &str, kind: &'static str) {
        self.errors.push(Invalid::new(&["query", name], msg, kind));
    }

    /// As [`QueryParams::finish`], where a parameter that there is not is an error: who misspells one asks for less than
    /// they think.
    pub fn finish_known(mut self, names: &[&str]) -> Result<(), ApiError> {
        let unknown = self.pairs.iter().map(|(name, _)| name).filter(|name| !names.contains(&name.as_str()));
        let unknown: Vec<String> = unknown.cloned().collect();
        let says = format!("There is no such parameter; there are {}", names.join(", "));
        unknown.iter().for_each(|name| self.invalid(name, &says, "extra_forbidden"));
        self.finish()
    }

    /// To be called once every parameter was asked for.
    pub fn finish(self) -> Result<(), ApiError> {
        if self.errors.is_empty() { Ok(()) } else { Err(ApiError::Invalid(self.errors)) }
    }
}

/// The id in the path. What is no id is not there.
pub struct PathId(pub u64);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathId, ApiError> {
        let PathText(text) = PathText::from_request_parts(parts, state).await?;
        parse_id(&text).map(PathId).ok_or(ApiError::NotFound)
    }
}

/// The one text in the path. What cannot be read is not there.
pub struct PathText(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathText, ApiError> {
        let text = Path::<String>::from_request_parts(parts, state).await.map_err(|_| ApiError::NotFound)?;
        Ok(PathText(text.0))
    }
}

/// How long a small body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads a body of at most `limit_bytes`.
pub async fn read_body(body: Body, limit_bytes: usize) -> Result<Bytes, ApiError> {
    let body = Limited::new(body, limit_bytes);
    let late = |_| ApiError::Malformed("The body did not arrive in time".to_owned());
    let collected = tokio::time::timeout(PATIENCE, body.collect()).await.map_err(late)?.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            ApiError::TooLarge { limit_bytes }
        } else {
            ApiError::Malformed("The body was cut short".to_owned())
        }
    })?;
    Ok(collected.to_bytes())
}

/// What the body says it is, without parameters.
pub fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

const JSON_LIMIT_BYTES: usize = 1024 * 1024;

/// A JSON body: `415` when it does not say so, `400` when it is no JSON, `422` when it does not fit.
pub struct JsonBody<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<JsonBody<T>, ApiError> {
        if !media_type(request.headers()).eq_ignore_ascii_case("application/json") {
            return Err(ApiError::UnsupportedMediaType { expected: "application/json" });
        }
        let bytes = read_body(request.into_body(), JSON_LIMIT_BYTES).await?;
        serde_json::from_slice(&bytes).map(JsonBody).map_err(|error| {
            if serde_json::from_slice::<IgnoredAny>(&bytes).is_err() {
                return ApiError::Malformed(format!("The body is no JSON: {error}"));
            }
            ApiError::invalid(&["body"], &error.to_string(), "value_error")
        })
    }
}
