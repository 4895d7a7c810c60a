//! Who listens to events, and reads the format of `text/event-stream` as browsers do.

use super::client::Person;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

pub struct Listener {
    body: Incoming,
    read: String,
    /// As a client would send it when it comes back.
    pub last_event_id: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: String,
    pub name: String,
    pub data: Value,
}

impl Listener {
    /// Listens, and waits until it is sure that it does.
    pub async fn open(who: &Person, query: &str, last_event_id: Option<&str>) -> Listener {
        let header = last_event_id.map(|id| ("last-event-id", id));
        let path = format!("/api/v1/events{query}");
        let answer = who.open("GET", &path, header.as_slice(), "").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["x-accel-buffering"], "no");
        let mut listener =
            Listener { body: answer.into_body(), read: String::new(), last_event_id: String::new() };
        let first = listener.block().await.unwrap();
        assert!(first.contains(": listening"), "{first}");
        listener
    }

    /// The next event. `None`: the answer has ended.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| {
                let mut lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                lines.next_back().map(str::to_owned)
            };
            let Some(data) = field("data") else { continue };
            let (name, data) = (field("event").unwrap(), serde_json::from_str(&data).unwrap());
            return Some(Event { id: self.last_event_id.clone(), name, data });
        }
    }

    /// The names of the next events.
    pub async fn names(&mut self, count: usize) -> Vec<String> {
        let mut names = Vec::new();
        while names.len() < count {
            names.push(self.next().await.unwrap().name);
        }
        names
    }

    /// What stands up to the next empty line.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.read = rest;
                if let Some(id) = block.lines().find_map(|line| line.strip_prefix("id: ")) {
                    id.clone_into(&mut self.last_event_id);
                }
                return Some(block);
            }
            let frame = self.body.frame().await?.ok()?;
            self.read += std::str::from_utf8(frame.data_ref()?).unwrap();
        }
    }
}
