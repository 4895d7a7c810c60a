//! A server that is killed or stopped while carriers are being asked.

use super::body;
use crate::util::OUR_NUMBER;
use crate::util::client::Person;
use crate::util::fake_carrier::{FakeCarrier, Told};
use crate::util::process::{Server, smslite};
use serde_json::{Value, json};
use std::path::Path;

const KEY: &str = "sl_live_0123456789abcdef0123456789abcdef";

/// The real binary, with the fake carrier for Twilio.
fn start(dir: &Path, fake: &FakeCarrier) -> (Server, Person) {
    let mut command = smslite(&dir.join("data"));
    command
        .env("SMSLITE_BOOTSTRAP_API_KEY", KEY)
        .env("SMSLITE_TWILIO_ACCOUNT_SID", "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
        .env("SMSLITE_TWILIO_AUTH_TOKEN", crate::util::AUTH_TOKEN)
        .env("SMSLITE_TWILIO_BASE_URL", fake.url())
        .env("SMSLITE_TWILIO_NUMBER_MESSAGES_PER_MINUTE", "60000");
    let server = Server::start(command, dir);
    let person = Person::new(server.address(), Some(KEY));
    (server, person)
}

async fn furnish(person: &Person) {
    person.post("/api/v1/assistants", r#"{"name": "Support Bot"}"#).await.expect(201);
    let number = json!({"phone_number": OUR_NUMBER, "provider": "twilio"}).to_string();
    person.post("/api/v1/assistants/1/phone-numbers/assign-by-number", &number).await.expect(200);
}

async fn send(person: &Person, message: &str) -> String {
    let answer = person.post("/sms/send", &body(message).to_string()).await.expect(200).json();
    answer["message_id"].as_str().unwrap().to_owned()
}

async fn once(person: &Person, id: &str, status: &str) -> Value {
    loop {
        let told = person.get(&format!("/sms/{id}/status")).await.expect(200).json();
        if told["status"] == status {
            return told;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_a_carrier_took_when_the_server_was_killed_is_unknown_and_never_sent_again() {
    let (dir, fake) = (tempfile::tempdir().unwrap(), FakeCarrier::start().await);
    let (server, person) = start(dir.path(), &fake);
    furnish(&person).await;
    fake.tell([Told::TakeAndHang]);
    let hung = send(&person, "taken, and then silence").await;
    fake.asked_for(1).await;
    drop(server);

    let (server, person) = start(dir.path(), &fake);
    let told = once(&person, &hung, "unknown").await;
    assert_eq!((&told["attempts"], &told["error_code"]), (&json!(1), &json!("outcome_unknown")));
    let next = send(&person, "and then another").await;
    once(&person, &next, "sent").await;
    let bodies: Vec<_> = fake.asked().iter().map(|it| it.fields()["Body"].clone()).collect();
    assert_eq!(bodies, ["taken, and then silence", "and then another"]);
    server.stop();
}

#[tokio::test]
async fn what_was_queued_when_the_server_was_killed_goes_out_after_the_restart() {
    let (dir, fake) = (tempfile::tempdir().unwrap(), FakeCarrier::start().await);
    let (server, person) = start(dir.path(), &fake);
    furnish(&person).await;
    let busy = Told::Status(
        429,
        &[("retry-after", "1")],
        r#"{"code": 20429, "message": "slow", "status": 429}"#.into(),
    );
    fake.tell([busy]);
    let id = send(&person, "patience").await;
    fake.asked_for(1).await;
    once(&person, &id, "queued").await;
    drop(server);
    let (server, person) = start(dir.path(), &fake);
    // It was refused for the moment, or the kill was faster than what that left behind.
    loop {
        let told = person.get(&format!("/sms/{id}/status")).await.expect(200).json();
        match told["status"].as_str().unwrap() {
            "sent" => {
                assert_eq!(fake.asked().len(), 2);
                break;
            }
            "unknown" => {
                assert_eq!(fake.asked().len(), 1);
                break;
            }
            _ => tokio::task::yield_now().await,
        }
    }
    server.stop();
}

#[tokio::test]
async fn a_stop_waits_for_the_carriers_answer() {
    let (dir, fake) = (tempfile::tempdir().unwrap(), FakeCarrier::start().await);
    let (server, person) = start(dir.path(), &fake);
    furnish(&person).await;
    let (told, answers) = tokio::sync::oneshot::channel();
    fake.tell([Told::Later(std::sync::Arc::new(std::sync::Mutex::new(Some(answers))))]);
    let id = send(&person, "one moment").await;
    fake.asked_for(1).await;
    let stopping = tokio::task::spawn_blocking(move || server.stop());
    // It has been told to stop once it takes no more connections.
    while tokio::net::TcpStream::connect(person.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    told.send(()).unwrap();
    let (status, ..) = stopping.await.unwrap();
    assert!(status.success());
    let (server, person) = start(dir.path(), &fake);
    once(&person, &id, "sent").await;
    assert_eq!(fake.asked().len(), 1);
    server.stop();
}
