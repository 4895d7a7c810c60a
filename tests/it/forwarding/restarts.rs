//! What is to be told outlives the server.

use super::{bodies, later, says};
use crate::util::carrier::Carrier;
use crate::util::client::Person;
use crate::util::fake_carrier::FakeCarrier;
use crate::util::process::{Server, smslite};
use crate::util::{AUTH_TOKEN, CARLA, OUR_NUMBER};
use serde_json::json;
use smslite::model::assistant::AssistantChange;
use smslite::model::ids::AssistantId;
use smslite::model::time::Timestamp;
use smslite::store::{DataDir, Location, Store, UpdateAssistant};
use std::path::Path;

const KEY: &str = "sl_live_0123456789abcdef0123456789abcdef";

fn start(dir: &Path) -> (Server, Person) {
    let mut command = smslite(&dir.join("data"));
    command.env("SMSLITE_BOOTSTRAP_API_KEY", KEY).env("SMSLITE_TWILIO_AUTH_TOKEN", AUTH_TOKEN);
    let server = Server::start(command, dir);
    let person = Person::new(server.address(), Some(KEY));
    (server, person)
}

fn twilio(server: &Server) -> Carrier {
    Carrier::new(Person::new(server.address(), None), AUTH_TOKEN)
}

async fn furnish(person: &Person, receiver: &FakeCarrier) {
    let assistant = json!({"name": "Bot", "sms_webhook_url": receiver.url()}).to_string();
    person.post("/api/v1/assistants", &assistant).await.expect(201);
    let number = json!({"phone_number": OUR_NUMBER, "provider": "twilio"}).to_string();
    person.post("/api/v1/assistants/1/phone-numbers/assign-by-number", &number).await.expect(200);
}

#[tokio::test]
async fn what_was_being_told_when_the_server_was_killed_is_told_again_and_the_rest_after_it() {
    let (dir, receiver) = (tempfile::tempdir().unwrap(), FakeCarrier::start().await);
    let (server, person) = start(dir.path());
    furnish(&person, &receiver).await;
    let (first, _go) = later(says(200, ""));
    receiver.tell([first]);
    for number in 1..=3 {
        twilio(&server).delivers(&format!("SM{number}"), CARLA, &format!("text {number}")).await;
    }
    receiver.asked_for(1).await;
    drop(server);

    let (server, _) = start(dir.path());
    let asked = receiver.asked_for(4).await;
    assert_eq!(bodies(&asked), ["text 1", "text 1", "text 2", "text 3"]);
    assert_eq!(asked[0].header("webhook-id"), asked[1].header("webhook-id"));
    server.stop();
    // Nothing is told a second time that was settled.
    let (server, _) = start(dir.path());
    twilio(&server).delivers("SM4", CARLA, "text 4").await;
    assert_eq!(bodies(&receiver.asked_for(5).await)[4..], ["text 4"]);
    server.stop();
}

#[tokio::test]
async fn what_came_just_before_the_server_was_killed_is_told_after_the_restart() {
    let (dir, receiver) = (tempfile::tempdir().unwrap(), FakeCarrier::start().await);
    let (server, person) = start(dir.path());
    furnish(&person, &receiver).await;
    for number in 1..=20 {
        let customer = format!("+155598710{number:02}");
        twilio(&server).delivers(&format!("SM{number}"), &customer, &format!("text {number}")).await;
    }
    drop(server);
    let (server, _) = start(dir.path());
    // At least once: which were told before the kill nobody knows.
    let told = loop {
        let told: std::collections::BTreeSet<_> = bodies(&receiver.asked()).into_iter().collect();
        if told.len() == 20 {
            break told;
        }
        receiver.asked_for(receiver.asked().len() + 1).await;
    };
    assert!(told.contains("text 20"));
    server.stop();
}

/// A file of format 1, whose assistant has a URL and had messages.
const FORMAT_1: &[u8] = include_bytes!("../store/fixtures/format-1.redb");

#[tokio::test]
async fn of_a_file_of_an_older_format_nothing_is_told_but_what_comes_from_then_on() {
    let (dir, receiver) = (tempfile::tempdir().unwrap(), FakeCarrier::start().await);
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("smslite.redb"), FORMAT_1).unwrap();
    let open = || {
        let held = std::sync::Arc::new(DataDir::take(&data).unwrap());
        Store::open(Location::Directory(held), 1 << 20).unwrap()
    };
    let store = open();
    let url = Some(Some(receiver.url()));
    let change = AssistantChange { sms_webhook_url: url, ..AssistantChange::default() };
    let id = AssistantId(123);
    let moved = UpdateAssistant { organization: super::ORG, id, change, now: Timestamp(1) };
    let assistant = store.execute(moved).await.unwrap().unwrap();
    assert_eq!(assistant.forwards_from, 0, "it was told of everything all along");
    store.close();

    let (server, _) = start(dir.path());
    twilio(&server).delivers("SMnew", CARLA, "from now on").await;
    assert_eq!(bodies(&receiver.asked_for(1).await), ["from now on"]);
    server.stop();
    assert_eq!(receiver.asked().len(), 1);
    let store = open();
    assert_eq!(store.snapshot().unwrap().forwards().unwrap(), (0, 0));
    store.close();
}
