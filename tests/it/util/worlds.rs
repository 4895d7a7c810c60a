//! Worlds of one server that all tests share: what one does must not be seen by another.

use super::CONTROL_TOKEN;
use super::client::{Answer, Person};
use serde_json::{Value, json};
use smslite::config::Settings;
use smslite::fixture::Fixture;
use smslite::model::ids::OrganizationId;
use smslite::store::Location;
use smslite::web::AppState;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use tokio::runtime::Handle;

/// The number of a basic world at each carrier.
pub const TWILIO: &str = "+15551230001";
pub const TELNYX: &str = "+15551230002";
pub const VONAGE: &str = "+15551230003";
pub const SANDBOX: &str = "+15551230004";
/// When the clocks of frozen worlds stand still.
pub const START: &str = "2026-04-30T10:00:00Z";

/// The server that all worlds are in, on threads of its own: the runtime of a test ends with the test.
pub struct Fx {
    pub address: SocketAddr,
    pub fixture: Arc<Fixture>,
    pub state: AppState,
    handle: Handle,
}

pub fn fx() -> &'static Fx {
    static SHARED: OnceLock<Fx> = OnceLock::new();
    SHARED.get_or_init(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        let (state, fixture, listener) = {
            let _within = runtime.enter();
            let settings = Settings::default();
            let (state, fixture) =
                smslite::server::build_fixture(settings, Location::Memory, CONTROL_TOKEN).unwrap();
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            (state, fixture, tokio::net::TcpListener::from_std(listener).unwrap())
        };
        let address = listener.local_addr().unwrap();
        let router = smslite::server::Local::new(state.clone()).router();
        fixture.served_at(&format!("http://{address}"), router);
        let served = state.clone();
        std::thread::spawn(move || {
            runtime.block_on(smslite::server::serve(listener, served, std::future::pending()))
        });
        Fx { address, fixture, state, handle }
    })
}

impl Fx {
    pub fn anyone(&self) -> Person {
        Person::new(self.address, None)
    }

    pub fn with_token(&self, token: &str) -> Person {
        Person::new(self.address, Some(token))
    }

    /// How many wait for what happens in a world, apart from the world's own forwarder.
    pub fn listeners(&self, world: &World) -> usize {
        let organization =
            OrganizationId(world.made["organization_id"].as_u64().unwrap().try_into().unwrap());
        self.state.app.store.news().listeners_of(organization).saturating_sub(1)
    }

    /// Returns once nothing of an archived conversation is left to be purged, in any world.
    pub async fn purged(&self) {
        while !self.state.app.store.snapshot().unwrap().pending_purges().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    /// Nothing is wrong with the whole store, whatever goes on in it.
    pub async fn check(&self) {
        let told = self.with_token(CONTROL_TOKEN).post("/api/v1/check", "").await.expect(200).text();
        let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        assert_eq!(last["found"], 0, "{last}");
    }
}

/// A world of the test's own; it ends with it.
pub struct World {
    pub name: String,
    pub key: String,
    /// What was answered when it was made.
    pub made: Value,
}

impl Drop for World {
    fn drop(&mut self) {
        let (fx, name) = (fx(), std::mem::take(&mut self.name));
        let Some(world) = fx.fixture.named(&name) else { return };
        fx.handle.spawn(async move { fx.fixture.delete(&world).await });
    }
}

/// Asks for a world; whatever is answered.
pub async fn asked_for_world(spec: &Value) -> Answer {
    fx().anyone().post("/_smslite/worlds", &spec.to_string()).await
}

pub async fn world_of(spec: Value) -> World {
    let made = asked_for_world(&spec).await.expect(201).json();
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    World { name: text("name"), key: text("api_key"), made }
}

/// A world whose clock stands still.
pub async fn world() -> World {
    world_of(json!({"clock": START})).await
}

/// An assistant "Support Bot" with these further settings, and its numbers at all carriers.
pub fn usual_seed(assistant: &str) -> String {
    let mut seed = format!("[[assistants]]\nname = \"Support Bot\"\n{assistant}\n");
    for (number, provider) in
        [(TWILIO, "twilio"), (TELNYX, "telnyx"), (VONAGE, "vonage"), (SANDBOX, "sandbox")]
    {
        seed += &format!(
            "[[numbers]]\nnumber = \"{number}\"\nprovider = \"{provider}\"\nassistant = \"Support Bot\"\n"
        );
    }
    seed
}

impl World {
    pub fn path(&self, path: &str) -> String {
        format!("/w/{}{path}", self.name)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{}", fx().address, self.path(path))
    }

    /// Who has the world's key, but does not name the world.
    pub fn keeper(&self) -> Person {
        fx().with_token(&self.key)
    }

    pub async fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let json = [("content-type", "application/json")];
        self.keeper().ask(method, &self.path(path), &json, body).await
    }

    /// What the API says.
    pub async fn get(&self, path: &str) -> Value {
        self.ask("GET", path, &Value::Null).await.expect(200).json()
    }

    /// Asks the control plane.
    pub async fn told(&self, path: &str) -> Answer {
        self.ask("GET", &format!("/_smslite/{path}"), &Value::Null).await
    }

    /// Tells the control plane.
    pub async fn tell(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", &format!("/_smslite/{path}"), &body).await
    }

    /// What is done to the world as a whole: `snapshots`, `restore`, `reset`.
    pub async fn whole(&self, path: &str, body: Value) -> Answer {
        let path = format!("/_smslite/worlds/{}/{path}", self.name);
        fx().anyone().post(&path, &body.to_string()).await
    }

    /// A customer writes to one of our numbers; it must be taken.
    pub async fn inbound(&self, from: &str, to: &str, body: &str) -> Value {
        let told =
            self.tell("inbound", json!({"from": from, "to": to, "body": body})).await.expect(200).json();
        assert_eq!(told["responses"][0]["status"], 200, "{told}");
        told
    }

    /// We write to a customer, and do not wait for the carrier: our id of the message.
    pub async fn send(&self, from: &str, to: &str, body: &str) -> String {
        let sms = json!({"from_phone_number": from, "to_phone_number": to, "message": body});
        let told = self.ask("POST", "/sms/send", &sms).await.expect(200).json();
        told["message_id"].as_str().unwrap().to_owned()
    }

    pub async fn status(&self, message_id: &str) -> Value {
        self.get(&format!("/sms/{message_id}/status")).await
    }

    /// What is waited for must be there or come.
    pub async fn wait(&self, query: &str) -> Value {
        self.told(&format!("wait?{query}")).await.expect(200).json()
    }

    pub async fn clock(&self, body: Value) -> Value {
        self.tell("clock", body).await.expect(200).json()
    }

    pub async fn advance(&self, span: &str) -> Value {
        self.clock(json!({"advance": span})).await
    }

    /// Returns once what is due was done.
    pub async fn settle(&self) -> Value {
        self.told("clock").await.expect(200).json()
    }

    pub async fn fault(&self, rule: Value) -> Value {
        self.tell("faults", rule).await.expect(201).json()
    }

    /// The entries of its journal.
    pub async fn journal(&self, query: &str) -> Vec<Value> {
        let told = self.told(&format!("journal?{query}")).await.expect(200).json();
        told["entries"].as_array().unwrap().clone()
    }

    /// The feed: each event's name with its time.
    pub async fn dump(&self) -> Value {
        let path = format!("/_smslite/worlds/{}/dump", self.name);
        fx().anyone().get(&path).await.expect(200).json()
    }

    /// The names of what happened, in order.
    pub async fn events(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let dump = self.dump().await;
        let events = dump["events"].as_array().unwrap().iter();
        events.map(|event| (text(&event["event"]), text(&event["at"]))).collect()
    }
}
