//! Where messages may be told: public addresses, and what the operator opens.

use super::{app_with, bodies, steps};
use crate::util::fake_carrier::FakeCarrier;
use crate::util::{CARLA, TestApp, settings};

async fn first_error(app: &TestApp) -> String {
    app.twilio().delivers("SM1", CARLA, "hello").await;
    let step = steps(app, 1, "forward_attempted", 1).await.remove(0);
    step["event_data"]["error"].as_str().unwrap_or("none").to_owned()
}

#[tokio::test]
async fn loopback_is_open_only_while_nobody_else_can_reach_the_server() {
    let receiver = FakeCarrier::start().await;
    let port = receiver.address.port();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let mut settings = settings();
        settings.host = "0.0.0.0".parse().unwrap();
        let app = app_with(&receiver, settings).await;
        super::forward_to(&app, Some(&format!("http://{host}:{port}/"))).await;
        let error = first_error(&app).await;
        assert!(error.contains("forwarding.allowed_networks"), "{host}: {error}");
    }
    assert!(receiver.asked().is_empty());
}

#[tokio::test]
async fn the_operator_may_open_a_network() {
    let receiver = FakeCarrier::start().await;
    let mut settings = settings();
    settings.host = "0.0.0.0".parse().unwrap();
    settings.forward_allowed_networks = vec!["127.0.0.0/8".parse().unwrap()];
    let app = app_with(&receiver, settings).await;
    assert_eq!(first_error(&app).await, "none");
    assert_eq!(bodies(&receiver.asked()), ["hello"]);
}

#[tokio::test]
async fn metadata_services_are_not_asked() {
    let app = app_with(&FakeCarrier::start().await, settings()).await;
    super::forward_to(&app, Some("http://169.254.169.254/latest/meta-data/")).await;
    let error = first_error(&app).await;
    assert_eq!(error, "its address is not public, and forwarding.allowed_networks does not name it");
}

#[tokio::test]
async fn what_is_no_url_is_refused_when_it_is_set() {
    let app = TestApp::start().await;
    for url in ["ftp://example.com/", "example.com", "http://", "http://a b/", "https://me:pw@example.com/"] {
        let body = serde_json::json!({"sms_webhook_url": url}).to_string();
        let json = [("content-type", "application/json")];
        let answer = app.user().ask("PATCH", "/api/v1/assistants/1", &json, body).await.expect(422);
        assert!(answer.text().contains("sms_webhook_url"), "{}", answer.text());
    }
}
