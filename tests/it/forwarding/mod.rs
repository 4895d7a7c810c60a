//! Inbound messages are told to the assistant's own URL.

mod delivered;
mod failing;
pub mod parked;
mod reach;
mod replies;
mod restarts;
mod secrets;
mod troubles;

use crate::util::fake_carrier::{Asked, FakeCarrier, Told};
use crate::util::{TestApp, settings};
use serde_json::{Value, json};
use smslite::config::Settings;
use smslite::model::ids::OrganizationId;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

const ORG: OrganizationId = OrganizationId(1);

/// A server whose assistant 1 has its messages told to the receiver.
async fn app_that_forwards(receiver: &FakeCarrier) -> TestApp {
    app_with(receiver, settings()).await
}

async fn app_with(receiver: &FakeCarrier, settings: Settings) -> TestApp {
    let app = TestApp::start_with(settings).await;
    forward_to(&app, Some(&format!("{}/hook", receiver.url()))).await;
    app
}

pub async fn forward_to(app: &TestApp, url: Option<&str>) {
    let body = json!({"sms_webhook_url": url}).to_string();
    let json = [("content-type", "application/json")];
    app.user().ask("PATCH", "/api/v1/assistants/1", &json, body).await.expect(200);
}

/// What the receiver answers.
fn says(status: u16, body: &str) -> Told {
    Told::Status(status, &[], body.to_owned())
}

/// Says so once it is told to.
fn later(told: Told) -> (Told, oneshot::Sender<()>) {
    let (go, wait) = oneshot::channel();
    (Told::After(Arc::new(Mutex::new(Some(wait))), Box::new(told)), go)
}

/// The bodies that were told, in their order.
fn bodies(asked: &[Asked]) -> Vec<String> {
    asked.iter().map(|asked| asked.fields()["data"]["body"].as_str().unwrap().to_owned()).collect()
}

/// What `read` gives once it gives something: it is asked again whenever a commit has taken the feed on.
async fn once<T>(app: &TestApp, mut read: impl AsyncFnMut() -> Option<T>) -> T {
    let mut news = app.state.app.store.news().of(ORG);
    loop {
        news.mark_unchanged();
        if let Some(found) = read().await {
            return found;
        }
        news.changed().await.unwrap();
    }
}

/// The steps of this kind in a conversation's timeline, once there are so many.
async fn steps(app: &TestApp, conversation: u64, event_type: &str, count: usize) -> Vec<Value> {
    once(app, async || {
        let path = format!("/api/v1/sms/{conversation}/logs");
        let timeline = app.viewer().get(&path).await.expect(200).json();
        let logs = timeline["logs"].as_array().unwrap().iter();
        let found: Vec<_> = logs.filter(|step| step["event_type"] == event_type).cloned().collect();
        (found.len() >= count).then_some(found)
    })
    .await
}

/// The parked events, once there are so many.
async fn parked(app: &TestApp, count: usize) -> Vec<Value> {
    once(app, async || {
        let listed = app.viewer().get("/api/v1/parked-events/").await.expect(200).json();
        (listed["total"] == count).then(|| listed["items"].as_array().unwrap().clone())
    })
    .await
}
