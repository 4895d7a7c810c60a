//! `/refused-webhooks`: for admins; why, and what to do.

use crate::util::carrier::{Carrier, sms};
use crate::util::{CARLA, OUR_NUMBER, TestApp};

#[tokio::test]
async fn a_refused_webhook_is_shown_to_admins_with_what_to_do() {
    let app = TestApp::start().await;
    let empty = app.admin().get("/refused-webhooks").await.expect(200).text();
    assert!(empty.contains("Nothing was refused"), "{empty}");
    let forger = Carrier::new(app.anonymous(), "another-secret");
    forger.posts(&sms("SM1", CARLA, OUR_NUMBER, "hello")).await.expect(403);
    app.anonymous().ask("POST", "/webhooks/twillio", &[], "").await.expect(404);
    let page = app.admin().get("/refused-webhooks").await.expect(200).text();
    for shown in [
        "twilio",
        "POST http://",
        "/webhooks/sms/twilio",
        "the signature does not match",
        "x-twilio-signature",
        "set public_url",
        "there is no such path",
        "set the webhook&#39;s URL there",
    ] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    assert!(page.find("no such path") < page.find("does not match"), "the newest first\n{page}");
    for other in [app.user(), app.viewer()] {
        other.get("/refused-webhooks").await.expect(403);
    }
}
