//! `/conversations/{id}`: reading, answering, going back, archiving.

use super::{Browser, place, press};
use crate::util::carrier::sms;
use crate::util::{CARLA, OUR_NUMBER, SECOND, TestApp};

/// The indexes of the messages that are shown.
fn messages(page: &str) -> Vec<u32> {
    let ids = page.split("id=\"m-").skip(1).map(|rest| rest.split('"').next().unwrap());
    ids.map(|id| id.parse().unwrap()).collect()
}

/// Carla has written to a sandbox number, so that answers go somewhere.
async fn app_with_carla() -> TestApp {
    let app = TestApp::start().await;
    let sandbox = format!(r#"{{"phone_number": "{OUR_NUMBER}", "provider": "sandbox"}}"#);
    app.admin().post("/api/v1/assistants/1/phone-numbers/assign-by-number", &sandbox).await.expect(200);
    app.twilio().delivers("SM1", CARLA, "Can I reschedule?").await;
    app
}

/// The key of the form that is shown.
fn form_key(page: &str) -> String {
    page.split("name=\"key\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_conversation_shows_what_was_said_and_what_the_carrier_made_of_it() {
    let app = app_with_carla().await;
    let mms = [
        sms("SM2", CARLA, OUR_NUMBER, "a photo"),
        vec![("MediaUrl0", "https://media.example/x/cat.jpg?a=1")],
    ];
    let mms: Vec<_> = mms.concat().into_iter().filter(|(name, _)| *name != "NumMedia").collect();
    app.twilio().posts(&[mms, vec![("NumMedia", "1")]].concat()).await.expect(200);
    app.advance(86_400 * SECOND - 1);
    app.twilio().delivers("SM3", CARLA, &"long ".repeat(60)).await;
    let page = app.user().get("/conversations/1").await.expect(200).text();
    assert_eq!(messages(&page), [1, 2, 3]);
    for shown in [
        "Can I reschedule?",
        "cat.jpg",
        "href=\"/messages/1\"",
        "received",
        "Thursday, 30 April 2026",
        "Friday, 1 May 2026",
    ] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    assert_eq!(page.matches("class=\"day\"").count(), 2, "{page}");
}

#[tokio::test]
async fn times_are_in_the_zone_of_the_browser() {
    let app = app_with_carla().await;
    let zoned = |zone: &'static str| {
        let user = app.user();
        async move { user.ask("GET", "/conversations/1", &[("cookie", zone)], "").await.expect(200).text() }
    };
    assert!(zoned("zone=0").await.contains(">10:00</time>"));
    assert!(zoned("zone=-630").await.contains(">23:30</time>"));
    assert!(zoned("zone=-630").await.contains("Wednesday, 29 April 2026"));
    assert!(zoned("zone=nowhere").await.contains(">10:00</time>"));
}

#[tokio::test]
async fn an_answer_goes_to_the_customer_and_once() {
    let app = app_with_carla().await;
    let page = app.user().get("/conversations/1").await.expect(200).text();
    let key = form_key(&page);
    let fields = [("body", "Of course.\r\nWhen?"), ("key", key.as_str())];
    for _ in 0..2 {
        let answer = press(&app.user(), "/conversations/1/messages", &fields).await;
        assert_eq!(place(answer), "/conversations/1#compose-text");
    }
    let other = [("body", "Something else"), ("key", key.as_str())];
    let told = press(&app.user(), "/conversations/1/messages", &other).await.expect(422).text();
    assert!(told.contains("sent before") && told.contains(">Something else</textarea>"), "{told}");
    let said = app.user().get("/api/v1/sms-conversations/1/messages").await.json();
    assert_eq!(said.as_array().unwrap().len(), 2);
    assert_eq!((&said[1]["role"], &said[1]["content"]), (&"assistant".into(), &"Of course.\nWhen?".into()));
}

#[tokio::test]
async fn an_answer_that_cannot_be_sent_is_kept_and_says_why() {
    let app = app_with_carla().await;
    let long = "x".repeat(1601);
    for (text, why) in [("  \r\n ", "Type something first."), (&long, "1600 characters at most")] {
        let told =
            press(&app.user(), "/conversations/1/messages", &[("body", text)]).await.expect(422).text();
        assert!(told.contains(why), "{why}\n{told}");
    }
    app.twilio().delivers("SM2", CARLA, "STOP").await;
    let told = press(&app.user(), "/conversations/1/messages", &[("body", "Hi?")]).await.expect(422).text();
    assert!(told.contains("has opted out") && told.contains(">Hi?</textarea>"), "{told}");
    press(&app.user(), "/conversations/99/messages", &[("body", "Hi?")]).await.expect(404);
    app.user()
        .ask("POST", "/conversations/1/messages", &[("content-type", "text/plain")], "body=x")
        .await
        .expect(415);
}

#[tokio::test]
async fn a_long_thread_begins_with_its_newest_messages_and_goes_back() {
    let app = app_with_carla().await;
    for number in 2..=130 {
        app.twilio().delivers(&format!("SM{number}"), CARLA, &format!("message {number}")).await;
    }
    let page = app.user().get("/conversations/1").await.expect(200).text();
    assert_eq!(messages(&page), (81..=130).collect::<Vec<_>>());
    assert!(page.contains("id=\"earlier\"") && page.contains("/conversations/1?from=31#m-81"), "{page}");
    let more = app.user().get("/conversations/1?from=31").await.expect(200).text();
    assert_eq!(messages(&more), (31..=130).collect::<Vec<_>>());
    let all = app.user().get("/conversations/1?from=1").await.expect(200).text();
    assert_eq!(messages(&all).len(), 130);
    assert!(!all.contains("id=\"earlier\""), "{all}");
    assert!(page.len() < 40_000, "{} bytes", page.len());
}

#[tokio::test]
async fn archiving_asks_first_and_says_what_goes() {
    let app = app_with_carla().await;
    let ann = Browser::of(&app, "ann@example.com", "user").await;
    let page = ann.get("/conversations/1/archive").await.expect(200).text();
    for shown in ["For good", "its message", "raw payloads", "The session ends", "id=\"archive-form\""] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    ann.get("/conversations/1").await.expect(200);
    assert_eq!(place(ann.press("/conversations/1/archive", &[]).await), "/inbox?said=archived");
    ann.get("/conversations/1").await.expect(404);
    ann.press("/conversations/1/archive", &[]).await.expect(404);
    assert!(ann.get("/inbox").await.expect(200).text().contains("No conversations yet"));
}

#[tokio::test]
async fn the_customers_other_records_stand_beside_it() {
    let app = app_with_carla().await;
    app.imports(format!(
        r#"{{"type":"call","id":50,"channel":"voice","direction":"inbound","assistant_id":1,"customer_phone_number":"{CARLA}","assistant_phone_number":"{OUR_NUMBER}","status":"completed","started_at":"2026-04-29T10:00:00Z","ended_at":"2026-04-29T10:02:28Z","duration":148}}"#
    ))
    .await;
    app.user().delete(&format!("/api/v1/sms-sessions/{CARLA}/1")).await.expect(200);
    app.advance(60 * SECOND);
    app.twilio().delivers("SM2", CARLA, "Hello again").await;
    let page = app.user().get("/conversations/51").await.expect(200).text();
    for shown in [
        "Call in, 2:28 · completed",
        "href=\"/conversations/1#end\"",
        "aria-current=\"true\">1 message · active",
    ] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
}
