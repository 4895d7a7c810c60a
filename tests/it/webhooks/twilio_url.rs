//! Which URL a signature is checked over: what Twilio called, not what the proxy passed on.

use crate::util::carrier::{FORM, PATH, form, sms};
use crate::util::{AUTH_TOKEN, CARLA, OUR_NUMBER, TestApp, settings};
use smslite::carriers::twilio::sign;

/// Posts a message signed for `url` with these headers, and tells the status.
async fn posted(app: &TestApp, url: &str, headers: &[(&str, &str)]) -> u16 {
    let body = form(&sms("SM1", CARLA, OUR_NUMBER, "hi"));
    let signature = sign(AUTH_TOKEN, url, body.as_bytes());
    let mut all = vec![FORM, ("x-twilio-signature", signature.as_str())];
    all.extend_from_slice(headers);
    app.anonymous().ask("POST", PATH, &all, body).await.status
}

#[tokio::test]
async fn with_a_public_url_only_that_one_counts() {
    let mut settings = settings();
    settings.public_url = Some("https://sms.example.com".to_owned());
    let app = TestApp::start_with(settings).await;
    let public = format!("https://sms.example.com{PATH}");
    let own = format!("http://{}{PATH}", app.address);
    assert_eq!(posted(&app, &own, &[]).await, 403);
    assert_eq!(posted(&app, &public, &[("x-forwarded-host", "evil.example")]).await, 200);
}

#[tokio::test]
async fn forwarded_headers_are_believed_from_a_trusted_proxy_alone() {
    let public = format!("https://sms.example.com{PATH}");
    let headers = [("x-forwarded-proto", "https"), ("x-forwarded-host", "sms.example.com")];
    for (proxies, status) in [("127.0.0.1", 200), ("10.0.0.0/8", 403)] {
        let mut settings = settings();
        settings.trusted_proxies = vec![proxies.parse().unwrap()];
        let app = TestApp::start_with(settings).await;
        assert_eq!(posted(&app, &public, &headers).await, status, "{proxies}");
    }
}
