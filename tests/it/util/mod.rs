//! The one harness: real servers on ports of their own, a clock that is set, and people.

pub mod carrier;
pub mod client;
pub mod fake_carrier;
pub mod listener;
pub mod process;
#[cfg(feature = "fixture")]
pub mod worlds;

use carrier::Carrier;
use client::Person;
use smslite::clock::Clock;
use smslite::config::{Secret, Settings};
use smslite::model::account::{KeyHash, Organization, Role, User};
use smslite::model::time::Timestamp;
use smslite::store::{Bootstrap, Bootstrapped, CreateApiKey, CreateOrganization, Location, NewApiKey};
use smslite::web::AppState;
use std::net::SocketAddr;
use tokio::net::TcpListener;

pub const OUR_NUMBER: &str = "+15551234567";
pub const CARLA: &str = "+15559876543";
pub const CARLOS: &str = "+15559876544";
pub const AUTH_TOKEN: &str = "12345abcdef67890fedcba0987654321";
/// The control token that the operator's commands would read from `server.json`.
pub const CONTROL_TOKEN: &str = "control-token-of-the-test";

/// A running server with one organization, whose assistant "Support Bot" (1) has `OUR_NUMBER`.
pub struct TestApp {
    pub address: SocketAddr,
    pub state: AppState,
    pub clock: Clock,
}

pub fn start_of_time() -> Timestamp {
    Timestamp::parse("2026-04-30T10:00:00Z").unwrap()
}

pub fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.twilio.auth_tokens = vec![Secret::new(AUTH_TOKEN.to_owned())];
    settings
}

impl TestApp {
    pub async fn start() -> TestApp {
        TestApp::start_with(settings()).await
    }

    pub async fn start_with(settings: Settings) -> TestApp {
        TestApp::start_at(settings, Location::Memory).await
    }

    pub async fn start_at(settings: Settings, location: Location) -> TestApp {
        let clock = Clock::settable(start_of_time());
        let state = smslite::server::build(settings, location, clock.clone(), CONTROL_TOKEN).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(smslite::server::serve(listener, state.clone(), std::future::pending()));
        let app = TestApp { address, state, clock };
        app.organization("default", "sl_live_admin").await;
        app.admin().post("/api/v1/assistants", r#"{"name": "Support Bot"}"#).await.expect(201);
        app.assign(&app.admin(), OUR_NUMBER, 1).await;
        app
    }

    /// Makes an organization whose admin has this API key.
    pub async fn organization(&self, slug: &str, admin_key: &str) {
        let now = self.clock.now();
        let made = CreateOrganization(Bootstrap {
            now,
            organization: Organization { slug: slug.into(), name: slug.into(), created_at: now },
            admin: User {
                email: format!("admin@{slug}"),
                first_name: None,
                last_name: None,
                role: Role::Admin,
                password: None,
                is_active: true,
                created_at: now,
                updated_at: now,
            },
            key: new_key(admin_key, Role::Admin),
        });
        let made = self.state.app.store.execute(made).await.unwrap();
        let Bootstrapped::Made { organization, admin, .. } = made else { panic!("{slug} is taken") };
        for (role, name) in [(Role::User, "user"), (Role::Viewer, "viewer")] {
            let key = new_key(&format!("sl_live_{name}_of_{slug}"), role);
            let command = CreateApiKey { organization, user_id: admin, key, now };
            self.state.app.store.execute(command).await.unwrap();
        }
    }

    pub async fn assign(&self, who: &Person, number: &str, assistant: u64) {
        let body = format!(r#"{{"phone_number": "{number}", "provider": "twilio"}}"#);
        let path = format!("/api/v1/assistants/{assistant}/phone-numbers/assign-by-number");
        who.post(&path, &body).await.expect(200);
    }

    /// NDJSON lines; all must be taken.
    pub async fn imports(&self, lines: impl Into<bytes::Bytes>) {
        let ndjson = [("content-type", "application/x-ndjson")];
        self.admin().ask("POST", "/api/v1/import", &ndjson, lines).await.expect(200);
    }

    pub fn anonymous(&self) -> Person {
        Person::new(self.address, None)
    }

    pub fn with_token(&self, token: &str) -> Person {
        Person::new(self.address, Some(token))
    }

    pub fn admin(&self) -> Person {
        self.with_token("sl_live_admin")
    }

    pub fn user(&self) -> Person {
        self.with_token("sl_live_user_of_default")
    }

    pub fn viewer(&self) -> Person {
        self.with_token("sl_live_viewer_of_default")
    }

    pub fn operator(&self) -> Person {
        self.with_token(CONTROL_TOKEN)
    }

    /// Signs and posts as Twilio does.
    pub fn twilio(&self) -> Carrier {
        Carrier::new(self.anonymous(), AUTH_TOKEN)
    }

    pub fn advance(&self, micros: i64) {
        self.clock.set(Timestamp(self.clock.now().0 + micros));
    }
}

pub const SECOND: i64 = 1_000_000;
pub const DAY: i64 = 86_400 * SECOND;

fn new_key(secret: &str, role: Role) -> NewApiKey {
    let name = secret.trim_start_matches("sl_live_").to_owned();
    NewApiKey {
        name,
        key_prefix: secret.chars().take(12).collect(),
        hash: KeyHash::of(secret),
        role,
        expires_at: None,
    }
}
