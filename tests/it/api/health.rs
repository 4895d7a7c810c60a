//! `/health`, `/livez`, `/readyz`: open to all.

use crate::util::TestApp;

#[tokio::test]
async fn probes_need_no_key() {
    let app = TestApp::start().await;
    for (path, status) in [("/health", "healthy"), ("/livez", "alive"), ("/readyz", "ready")] {
        assert_eq!(app.anonymous().get(path).await.expect(200).json()["status"], status, "{path}");
    }
}
