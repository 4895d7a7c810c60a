//! `/api/v1/events`: the change feed as it goes on, in the format of server-sent events (HTML Living Standard, 9.2).

use crate::app::events::{self, Extent};
use crate::model::feed::FeedEvent;
use crate::model::ids::{CallId, parse_id};
use crate::store::ReadError;
use crate::web::auth::Subscriber;
use crate::web::error::ApiError;
use crate::web::extract::QueryParams;
use crate::web::live::{self, Ring, Told};
use crate::web::openapi::ErrorOut;
use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How often something is sent when nothing happens, so that nobody on the way takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// What is written in quick succession is sent together: a thousand listeners cost little then.
const PACE: Duration = Duration::from_millis(20);
/// How many stored events are looked at in one go.
const PIECE: usize = 500;
/// How often it is asked whether who listens still may, where that takes verifying a token.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How many may listen to one organization: its pages are not to take all connections.
const LISTENERS: usize = 2000;
/// How soon a client should come back when the connection ends.
const RETRY_MILLIS: u32 = 2000;

/// Listen to events
///
/// An endless answer in the format of server-sent events, as `EventSource` in browsers reads it: `id` is the event's
/// number in the organization's feed, `event` its type, `data` a JSON object. With `Last-Event-ID` it goes on after that
/// event, whether or not the connection was lost for long; without, it begins with what happens next. An event of type
/// `gap` tells that events between its `after` and its `id` are not kept any more. Comments come every 15 seconds.
#[utoipa::path(
    get,
    path = "",
    params(
        ("conversation_id" = Option<u64>, Query, minimum = 1, description = "Of one conversation only"),
        ("type" = Option<String>, Query, description = "Of these types only, separated by commas"),
        ("last_event_id" = Option<u64>, Query, description = "As the header, for clients that cannot send it; 0: from the beginning"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The last event that was received"),
    ),
    responses(
        (status = 200, description = "Events as they happen", content((String = "text/event-stream"))),
        (status = 429, description = "Too many listen to the organization already", body = ErrorOut),
    ),
)]
pub async fn stream_events(
    subscriber: Subscriber,
    headers: HeaderMap,
    mut query: QueryParams,
) -> Result<Response, ApiError> {
    let filter = Filter {
        call: query.integer("conversation_id", 1..=u64::MAX).map(CallId),
        names: query.parsed("type", names, &says_names(), "literal_error"),
    };
    let asked = query.integer("last_event_id", 0..=u64::MAX);
    query.finish()?;
    let given = headers.get("last-event-id").map(|value| {
        let id = value.to_str().ok().filter(|text| !text.is_empty()).map(|text| match text {
            "0" => Some(0),
            text => parse_id(text),
        });
        let says = "Input should be the id of an event";
        id.flatten().ok_or_else(|| ApiError::invalid(&["header", "Last-Event-ID"], says, "int_parsing"))
    });
    let last = given.transpose()?.or(asked);
    let (app, organization) = (&subscriber.state.app, subscriber.actor.organization);
    // Before the feed is looked at, or what comes in between would be waited for.
    let news = app.store.news().of(organization);
    if app.store.news().listeners_of(organization) > LISTENERS {
        return Err(ApiError::TooManyListeners);
    }
    let ring = subscriber.state.live.ring(organization, subscriber.state.settings.id_format);
    let extent = events::extent(app, organization)?;
    let (after, beginning) = begin(last, extent);
    let listening = Listening {
        filter: Arc::new(filter),
        after,
        news,
        ring,
        waiting: Some(beginning),
        heartbeat_at: Instant::now() + HEARTBEAT,
        asked_at: Instant::now(),
        sent_at: None,
        subscriber,
    };
    let body = Body::from_stream(futures_util::stream::unfold(listening, Listening::step));
    let headers = [
        (CONTENT_TYPE.as_str(), "text/event-stream"),
        (CACHE_CONTROL.as_str(), "no-store"),
        // Or nginx would keep events back until it has many.
        ("x-accel-buffering", "no"),
    ];
    Ok((headers, body).into_response())
}

fn says_names() -> String {
    format!("Input should be types of events, separated by commas, of {}", FeedEvent::NAMES.join(", "))
}

fn names(text: &str) -> Option<Vec<&'static str>> {
    let known = |name: &str| FeedEvent::NAMES.into_iter().find(|known| *known == name.trim());
    text.split(',').map(known).collect()
}

/// After which event it begins, and what is said first.
fn begin(last: Option<u64>, Extent { forgotten, newest }: Extent) -> (u64, String) {
    let (after, missed) = match last {
        None => (newest, false),
        Some(last) if last < forgotten => (forgotten, true),
        // Of a database that went further than this one, say before a backup was restored.
        Some(last) if last > newest => (newest, true),
        Some(last) => (last, false),
    };
    let mut text = format!("retry: {RETRY_MILLIS}\nid: {after}\n: listening\n\n");
    if missed {
        let data = json!({"id": after, "type": "gap", "after": last});
        text += &format!("id: {after}\nevent: gap\ndata: {data}\n\n");
    }
    (after, text)
}

struct Filter {
    call: Option<CallId>,
    names: Option<Vec<&'static str>>,
}

impl Filter {
    fn wants(&self, event: &FeedEvent) -> bool {
        self.call.is_none_or(|call| event.call_id() == Some(call))
            && self.names.as_ref().is_none_or(|names| names.contains(&event.name()))
    }
}

/// One who listens.
struct Listening {
    subscriber: Subscriber,
    filter: Arc<Filter>,
    /// Events up to this one were sent or passed over.
    after: u64,
    news: watch::Receiver<u64>,
    ring: Arc<Ring>,
    /// What is to be sent first.
    waiting: Option<String>,
    heartbeat_at: Instant,
    asked_at: Instant,
    sent_at: Option<Instant>,
}

impl Listening {
    /// The next piece. `None`: it is over; what was sent is whole, and the client comes back.
    async fn step(mut self) -> Option<(Result<Bytes, ReadError>, Listening)> {
        if let Some(text) = self.waiting.take() {
            return Some((Ok(text.into()), self));
        }
        loop {
            if !self.may_go_on() {
                return None;
            }
            self.news.mark_unchanged();
            let after = self.after;
            // The storage is not well: the client comes back.
            let mut text = self.read().await.ok()?;
            if text.is_empty() && Instant::now() >= self.heartbeat_at {
                // With what was passed over, nobody comes back for that.
                text = format!("id: {}\n: heartbeat\n\n", self.after);
            }
            if !text.is_empty() {
                self.sent_at = Some(Instant::now());
                self.heartbeat_at = Instant::now() + HEARTBEAT;
                return Some((Ok(text.into()), self));
            }
            if self.after > after {
                continue;
            }
            tokio::select! {
                changed = self.news.changed() => changed.ok()?,
                () = sleep_until(self.heartbeat_at) => {}
            }
            if let Some(sent_at) = self.sent_at {
                sleep_until(sent_at + PACE).await;
            }
        }
    }

    /// That somebody may not listen any more takes effect at once, but where it is costly to ask.
    fn may_go_on(&mut self) -> bool {
        if self.subscriber.state.app.stopping.load(Ordering::Relaxed) {
            return false;
        }
        if self.subscriber.is_costly_to_ask() && self.asked_at.elapsed() < ASK_EVERY {
            return true;
        }
        self.asked_at = Instant::now();
        self.subscriber.still_may()
    }

    /// What is to be sent of the next events, if any is wanted.
    async fn read(&mut self) -> Result<String, ReadError> {
        let mut text = String::new();
        if let Some(newest) = self.ring.after(&self.subscriber.state.app, self.after)? {
            for told in newest.iter() {
                self.after = told.sequence;
                if self.filter.wants(&told.event) {
                    text.push_str(&told.text);
                }
            }
            return Ok(text);
        }
        // One who is far behind gets it piece by piece, as fast as it is taken.
        if let Some((told, up_to)) = self.stored().await? {
            self.after = up_to;
            told.iter().for_each(|told| text.push_str(&told.text));
        }
        Ok(text)
    }

    async fn stored(&self) -> Result<Option<(Vec<Told>, u64)>, ReadError> {
        let (state, filter, after) = (self.subscriber.state.clone(), self.filter.clone(), self.after);
        let organization = self.subscriber.actor.organization;
        let reading = move || {
            let wants = |event: &FeedEvent| filter.wants(event);
            live::read(&state.app, organization, state.settings.id_format, after, PIECE, wants)
        };
        let read = tokio::task::spawn_blocking(reading).await;
        read.unwrap_or_else(|error| Err(ReadError::Unavailable(error.to_string())))
    }
}
