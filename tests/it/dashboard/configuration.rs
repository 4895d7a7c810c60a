//! `/configuration`: the settings in force, and who said them.

use crate::util::TestApp;
use smslite::config::{KEYS, load};
use std::collections::BTreeMap;
use std::path::Path;

#[tokio::test]
async fn every_setting_is_shown_with_its_value_source_and_help_and_no_secret() {
    let variables = [
        ("SMSLITE_TWILIO_AUTH_TOKEN", "12345abcdef67890fedcba0987654321"),
        ("SMSLITE_PUBLIC_URL", "https://sms.example.com"),
        ("SMSLITE_TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
    ];
    let env: BTreeMap<_, _> = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let settings = load(None, &env, Path::new("/nonexistent")).unwrap().settings;
    let app = TestApp::start_with(settings).await;
    let page = app.admin().get("/configuration").await.expect(200).text();
    for key in KEYS {
        assert!(page.contains(&format!("<code>{}</code>", key.name)), "{}", key.name);
    }
    assert!(!page.contains("12345abcdef67890"), "{page}");
    let row = |key: &str| {
        let from = page.split(&format!("id=\"s-{key}\"")).nth(1).expect("a row");
        from.split("</tr>").next().unwrap_or_default().to_owned()
    };
    for (key, value, source, help) in [
        ("port", "<code>7670</code>", "default", "The port to listen on"),
        ("public_url", "<code>https://sms.example.com</code>", "env SMSLITE_PUBLIC_URL", "Where browsers"),
        (
            "twilio.auth_token",
            "(set, hidden)",
            "env SMSLITE_TWILIO_AUTH_TOKEN",
            "two while it is being rotated",
        ),
        ("telnyx.api_key", "(not set)", "default", "The Telnyx API key"),
        ("trusted_proxies", "10.0.0.0/8, ::1/128", "env SMSLITE_TRUSTED_PROXIES", "are believed"),
    ] {
        for text in [value, source, help] {
            assert!(row(key).contains(text), "{key}: {text}\n{}", row(key));
        }
    }
    for text in [env!("CARGO_PKG_VERSION"), "all is in memory", "takes writes", "start the server again"] {
        assert!(page.contains(text), "{text}\n{page}");
    }
}

#[tokio::test]
async fn an_organization_among_others_does_not_see_the_servers() {
    let app = TestApp::start().await;
    app.admin().get("/configuration").await.expect(200);
    app.organization("other", "sl_live_admin_of_other").await;
    app.with_token("sl_live_admin_of_other").get("/configuration").await.expect(403);
}
