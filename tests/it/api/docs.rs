//! `/docs`: the page and all that it loads come from this server.

use crate::util::TestApp;

#[tokio::test]
async fn the_page_and_what_it_loads_are_here() {
    let app = TestApp::start().await;
    let anyone = app.anonymous();
    assert_eq!(anyone.get("/docs").await.expect(303).header("location"), Some("/docs/"));
    let page = anyone.get("/docs/").await.expect(200);
    assert_eq!(page.header("content-type"), Some("text/html"));
    let text = page.text();
    assert!(!text.contains("http"), "it loads something from elsewhere: {text}");
    let loaded: Vec<&str> = text.split("\"./").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(loaded.len(), 7, "{text}");
    for (name, kind, longest) in [
        ("swagger-ui.css", "text/css", 60_000),
        ("index.css", "text/css", 300),
        ("favicon-32x32.png", "image/png", 1_000),
        ("favicon-16x16.png", "image/png", 1_000),
        ("swagger-ui-bundle.js", "text/javascript", 600_000),
        ("swagger-ui-standalone-preset.js", "text/javascript", 120_000),
        ("swagger-initializer.js", "text/javascript", 1_000),
    ] {
        assert!(loaded.contains(&name), "{name} is not loaded");
        let answer = anyone.get(&format!("/docs/{name}")).await.expect(200);
        assert_eq!(answer.header("content-type"), Some(kind), "{name}");
        assert!(answer.body.len() < longest, "{name} is not compressed");
        if let Some(encoding) = answer.header("content-encoding") {
            assert_eq!(encoding, "gzip", "{name}");
            // Its mark, and at its end how long it is when it is unpacked.
            assert!(answer.body.starts_with(&[0x1f, 0x8b, 8]), "{name}");
            let unpacked = u32::from_le_bytes(*answer.body.last_chunk().unwrap());
            assert!(unpacked as usize > answer.body.len(), "{name}");
        }
    }
    let initializer = anyone.get("/docs/swagger-initializer.js").await.text();
    assert!(initializer.contains("\"/openapi.json\"") && initializer.contains("validatorUrl: \"none\""));
    assert_eq!(
        anyone.get("/openapi.json").await.expect(200).header("content-type"),
        Some("application/json")
    );
    anyone.get("/docs/swagger-ui-es-bundle.js").await.expect(404);
}
