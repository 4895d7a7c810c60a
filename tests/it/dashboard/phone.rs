//! `/phone`: somebody of ours is the customer.

use super::press;
use crate::util::{CARLA, OUR_NUMBER, TestApp, settings};

/// The assistant repeats what it hears, on a sandbox number.
async fn app_that_echoes() -> TestApp {
    let app = TestApp::start().await;
    let echo = r#"{"custom_settings": {"auto_reply": "echo"}}"#;
    let json = [("content-type", "application/json")];
    app.admin().ask("PATCH", "/api/v1/assistants/1", &json, echo).await.expect(200);
    let sandbox = format!(r#"{{"phone_number": "{OUR_NUMBER}", "provider": "sandbox"}}"#);
    app.admin().post("/api/v1/assistants/1/phone-numbers/assign-by-number", &sandbox).await.expect(200);
    app
}

#[tokio::test]
async fn what_is_written_comes_by_the_webhook_and_is_answered() {
    let app = app_that_echoes().await;
    let fields = [("from", CARLA), ("to", OUR_NUMBER), ("body", "Anybody there?")];
    let page = press(&app.user(), "/phone", &fields).await.expect(200).text();
    for shown in
        ["x-twilio-signature", "/webhooks/sms/twilio", "Body=Anybody+there%3F", "Stored as message 1"]
    {
        assert!(page.to_lowercase().contains(&shown.to_lowercase()), "{shown}\n{page}");
    }
    assert_eq!(page.matches("<p class=\"text\" dir=\"auto\">Anybody there?</p>").count(), 2, "{page}");
    let said = app.user().get("/api/v1/sms-conversations/1/messages").await.json();
    assert_eq!((&said[0]["role"], &said[1]["role"]), (&"user".into(), &"assistant".into()));
}

#[tokio::test]
async fn the_fate_of_an_answer_is_chosen_while_it_is_open() {
    let app = app_that_echoes().await;
    // Of this customer the sandbox never hears anything.
    let silent = "+15005550015";
    press(&app.user(), "/phone", &[("from", silent), ("to", OUR_NUMBER), ("body", "hi")]).await.expect(200);
    let path = "/phone?from=%2B15005550015&to=%2B15551234567";
    while !app.user().get("/conversations/1/timeline").await.text().contains("send_attempted") {
        tokio::task::yield_now().await;
    }
    let page = app.user().get(path).await.expect(200).text();
    assert!(page.contains("action=\"/phone/receipt\""), "{page}");
    let tell = |status: &'static str| {
        let user = app.user();
        async move {
            let fields = [("log_id", "2"), ("status", status), ("from", silent), ("to", OUR_NUMBER)];
            press(&user, "/phone/receipt", &fields).await.expect(200).text()
        }
    };
    assert!(tell("undelivered").await.contains("The message is undelivered now."));
    let page = tell("delivered").await;
    assert!(page.contains("It stays undelivered") && !page.contains("action=\"/phone/receipt\""), "{page}");
    press(&app.user(), "/phone/receipt", &[("log_id", "2"), ("status", "eaten")]).await.expect(422);
}

#[tokio::test]
async fn what_cannot_be_written_is_kept_and_says_why() {
    let app = app_that_echoes().await;
    for (from, to, body, why) in [
        ("nobody!", OUR_NUMBER, "hi", "from: Input should be a phone number"),
        (OUR_NUMBER, OUR_NUMBER, "hi", "another number"),
        (CARLA, "+15550009999", "hi", "no number of yours"),
    ] {
        let fields = [("from", from), ("to", to), ("body", body)];
        let page = press(&app.user(), "/phone", &fields).await.expect(422).text();
        assert!(page.contains(why) && page.contains(">hi</textarea>"), "{why}\n{page}");
    }
}

#[tokio::test]
async fn real_numbers_are_not_written_to_where_others_come() {
    let mut settings = settings();
    settings.public_url = Some("https://sms.example.com".to_owned());
    let app = TestApp::start_with(settings).await;
    let page = app.user().get("/phone").await.expect(200).text();
    assert!(page.contains("not from here") && page.contains("public_url"), "{page}");
    let fields = [("from", CARLA), ("to", OUR_NUMBER), ("body", "hi")];
    let told = press(&app.user(), "/phone", &fields).await.expect(422).text();
    assert!(told.contains("use a sandbox number"), "{told}");
}
