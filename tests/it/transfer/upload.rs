//! What the endpoint takes for NDJSON.

use crate::util::TestApp;

#[tokio::test]
async fn a_media_type_is_read_without_its_parameters_and_in_any_case() {
    let app = TestApp::start().await;
    let line = r#"{"type":"assistant","id":7,"name":"Imported"}"#;
    for (content_type, status) in [
        ("application/x-ndjson", 200),
        ("application/jsonl", 200),
        ("application/x-ndjson; charset=utf-8", 200),
        ("Application/X-NDJSON ;charset=utf-8", 200),
        ("APPLICATION/JSONL", 200),
        ("application/json", 415),
        ("application/x-ndjsonx", 415),
        ("text/plain; application/x-ndjson", 415),
        ("", 415),
    ] {
        let answer = app.admin().ask("POST", "/api/v1/import", &[("content-type", content_type)], line).await;
        assert_eq!(answer.status, status, "{content_type:?}");
    }
}
