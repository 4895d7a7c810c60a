//! A message is asked for, queued, sent, asked about and taken back.

use super::{app_of, app_with, body, log, once, queued, send, settings_of};
use crate::util::fake_carrier::{FakeCarrier, Told};
use crate::util::{CARLA, CARLOS, OUR_NUMBER, SECOND, TestApp};
use serde_json::{Value, json};

#[tokio::test]
async fn a_message_joins_the_conversation_and_goes_out_once() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    app.twilio().delivers("SM1", CARLA, "Can I reschedule?").await;
    let id = queued(&app, "Of course. When?").await;
    let told = once(&app, &id, "status", "sent").await;
    assert_eq!(
        (&told["provider"], &told["provider_message_id"], &told["attempts"], &told["error"]),
        (&json!("twilio"), &json!(format!("SM{:032}", 1)), &json!(1), &Value::Null)
    );
    let asked = fake.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].fields(), json!({"To": CARLA, "From": OUR_NUMBER, "Body": "Of course. When?"}));

    let messages = app.viewer().get("/api/v1/sms-conversations/1/messages").await.json();
    let said: Vec<_> = messages.as_array().unwrap().iter().map(|it| (&it["role"], &it["content"])).collect();
    assert_eq!(
        said,
        [(&json!("user"), &json!("Can I reschedule?")), (&json!("assistant"), &json!("Of course. When?"))]
    );
    let log = log(&app, "outbound").await;
    assert_eq!(
        (
            &log["status"],
            &log["provider_status"],
            &log["from_number"],
            &log["to_number"],
            &log["segment_count"]
        ),
        (&json!("queued"), &json!("queued"), &json!(OUR_NUMBER), &json!(CARLA), &json!(1))
    );
}

#[tokio::test]
async fn a_first_message_of_ours_starts_a_conversation_that_the_answer_joins() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    let id = queued(&app, "Your order is ready").await;
    once(&app, &id, "status", "sent").await;
    app.twilio().delivers("SM1", CARLA, "Thanks").await;
    let listed = app.viewer().get("/api/v1/sms-conversations/").await.json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["message_count"]), (1, &json!(2)));
}

#[tokio::test]
async fn every_carrier_is_asked_in_its_own_words() {
    let public = |fake: &FakeCarrier| {
        let mut settings = settings_of(fake);
        settings.public_url = Some("https://sms.example.com".to_owned());
        settings
    };
    for (carrier, path, authorization, fields) in [
        (
            "twilio",
            "/2010-04-01/Accounts/ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/Messages.json",
            "Basic QUNhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYToxMjM0NWFiY2RlZjY3ODkwZmVkY2JhMDk4NzY1NDMyMQ==",
            json!({"To": CARLA, "From": OUR_NUMBER, "Body": "Café 👍", "MediaUrl": "https://example.com/a.jpg"}),
        ),
        (
            "telnyx",
            "/v2/messages",
            "Bearer KEY0123_test",
            json!({"to": CARLA, "from": OUR_NUMBER, "text": "Café 👍", "media_urls": ["https://example.com/a.jpg"]}),
        ),
        (
            "vonage",
            "/v1/messages",
            "Basic YWJjZDEyMzQ6czNjcjN0",
            json!({"to": &CARLA[1..], "from": &OUR_NUMBER[1..], "channel": "mms", "message_type": "image"}),
        ),
    ] {
        let fake = FakeCarrier::start().await;
        let app = app_with(carrier, public(&fake)).await;
        let mut body = body("Café 👍");
        body["media_urls"] = json!(["https://example.com/a.jpg"]);
        let answer = app.user().post("/sms/send", &body.to_string()).await.expect(200).json();
        let id = answer["message_id"].as_str().unwrap();
        once(&app, id, "status", "sent").await;
        let asked = &fake.asked()[0];
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", path), "{carrier}");
        assert_eq!(asked.header("authorization"), Some(authorization), "{carrier}");
        let got = asked.fields();
        for (name, value) in fields.as_object().unwrap() {
            assert_eq!(&got[name], value, "{carrier} {name}: {got}");
        }
        let job = if carrier == "vonage" { "\"".to_owned() } else { format!("?job={id}\"") };
        let callback = format!("https://sms.example.com/webhooks/sms/{carrier}{job}");
        assert!(got.to_string().contains(&callback), "{carrier}: {got}");
    }
}

#[tokio::test]
async fn the_same_key_with_the_same_message_sends_it_once() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    let ask = async |header: Option<&str>, field: Option<&str>, message: &str| {
        let mut body = body(message);
        body["idempotency_key"] = json!(field);
        let json = ("content-type", "application/json");
        let headers: Vec<_> = [json].into_iter().chain(header.map(|key| ("idempotency-key", key))).collect();
        app.user().ask("POST", "/sms/send", &headers, body.to_string()).await
    };
    let first = ask(Some("key-1"), None, "once").await.expect(200).json();
    once(&app, first["message_id"].as_str().unwrap(), "status", "sent").await;
    for (header, field) in [(Some("key-1"), None), (None, Some("key-1")), (Some("key-1"), Some("key-2"))] {
        let again = ask(header, field, "once").await.expect(200).json();
        assert_eq!(again["message_id"], first["message_id"], "{header:?} {field:?}");
        assert_eq!(again["status"], "sent");
    }
    ask(Some("key-1"), None, "twice").await.expect(409);
    let other = ask(None, Some("key-2"), "once").await.expect(200).json();
    assert_ne!(other["message_id"], first["message_id"]);
    app.advance(SECOND);
    assert_eq!(fake.asked_for(2).await.len(), 2);
}

#[tokio::test]
async fn what_is_no_message_is_refused_with_every_reason_and_nothing_is_stored() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    let with = |field: &str, value: Value| {
        let mut body = body("hello");
        body[field] = value;
        body.to_string()
    };
    let many: Vec<_> = (0..11).map(|n| format!("https://example.com/{n}")).collect();
    for (sent, status, told) in [
        (with("message", json!("")), 422, "message"),
        (with("message", json!(" \n")), 422, "message"),
        (with("message", json!("x".repeat(1601))), 422, "at most 1600"),
        (with("message", json!("a\u{0}b")), 422, "control characters"),
        (with("message", json!("a\u{1b}b")), 422, "control characters"),
        (with("message", Value::Null), 422, "null"),
        (with("message", json!(7)), 422, "expected a string"),
        (with("from_phone_number", json!("nobody's number at all")), 422, "from_phone_number"),
        (with("to_phone_number", json!("12")), 422, "to_phone_number"),
        (with("to_phone_number", json!("ACME")), 422, "to_phone_number"),
        (with("to_phone_number", json!(OUR_NUMBER)), 422, "to_phone_number"),
        (with("media_urls", json!(["ftp://example.com/a"])), 422, "media_urls"),
        (with("media_urls", json!(["/a.jpg"])), 422, "media_urls"),
        (with("media_urls", json!(["http://u:p@example.com/a.jpg"])), 422, "media_urls"),
        (with("media_urls", json!(["http://example.com:99999/a.jpg"])), 422, "media_urls"),
        (with("media_urls", json!([format!("https://example.com/{}", "a".repeat(2048))])), 422, "media_urls"),
        (with("media_urls", json!(many)), 422, "at most 10"),
        (with("idempotency_key", json!("k".repeat(257))), 422, "1 to 256"),
        (with("idempotency_key", json!("")), 422, "1 to 256"),
        (with("from_phone_number", json!("+15550009999")), 404, "Not found: from_phone_number"),
        (r#"{"from_phone_number": "+15551234567", "to_phone_number": "+15559876543", "message": "a\ud800"}"#.into(), 422, "hex escape"),
        ("{".into(), 400, "no JSON"),
        ("[]".into(), 422, "expected an object"),
    ] {
        let answer = app.user().post("/sms/send", &sent).await.expect(status);
        assert!(answer.text().contains(told), "{sent}: {}", answer.text());
    }
    let both = json!({"from_phone_number": "?", "to_phone_number": "?", "message": ""}).to_string();
    let wrong = app.user().post("/sms/send", &both).await.expect(422).json();
    assert_eq!(wrong["detail"].as_array().unwrap().len(), 3);
    app.viewer().post("/sms/send", &body("hello").to_string()).await.expect(403);
    assert_eq!(app.viewer().get("/api/v1/sms-logs/").await.json()["total"], 0);
    assert!(fake.asked().is_empty());
    // The longest that is taken.
    let longest = with("message", json!("ä".repeat(1600)));
    app.user().post("/sms/send", &longest).await.expect(200);
}

#[tokio::test]
async fn nothing_is_queued_for_a_carrier_that_is_not_configured() {
    let app = app_with("telnyx", crate::util::settings()).await;
    let answer = send(&app.user(), "hello").await.expect(422);
    assert!(answer.text().contains("telnyx.api_key"), "{}", answer.text());
    assert_eq!(app.viewer().get("/api/v1/sms-logs/").await.json()["total"], 0);
}

#[tokio::test]
async fn a_new_number_is_of_the_one_carrier_that_can_send() {
    let fake = FakeCarrier::start().await;
    let path = "/api/v1/assistants/1/phone-numbers/assign-by-number";
    let assigned = async |settings| {
        let app = TestApp::start_at(settings, smslite::store::Location::Memory).await;
        app.admin().post(path, r#"{"phone_number": "+15550001111"}"#).await
    };
    let none = assigned(crate::util::settings()).await.expect(200).json();
    assert_eq!(none["data"]["provider"], "sandbox");
    let mut one = crate::util::settings();
    one.telnyx = settings_of(&fake).telnyx;
    assert_eq!(assigned(one).await.expect(200).json()["data"]["provider"], "telnyx");
}

#[tokio::test]
async fn a_message_can_be_taken_back_until_it_is_sent() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    fake.tell([Told::Status(
        429,
        &[("retry-after", "60")],
        "{\"code\": 20429, \"message\": \"slow\", \"status\": 429}".into(),
    )]);
    let id = queued(&app, "wait").await;
    fake.asked_for(1).await;
    let told = loop {
        let settled = app.state.app.outbox.settled.notified();
        let told = app.viewer().get(&format!("/sms/status/{id}")).await.expect(200).json();
        if told["attempts"] == 1 && told["status"] == "queued" {
            break told;
        }
        settled.await;
    };
    assert_eq!((&told["error_code"], &told["status"]), (&json!("20429"), &json!("queued")));
    let taken = app.user().delete(&format!("/sms/{id}")).await.expect(200).json();
    assert_eq!(
        (&taken["success"], &taken["previous_status"], &taken["new_status"], &taken["status"]),
        (&json!(true), &json!("queued"), &json!("cancelled"), &json!("cancelled"))
    );
    let again = app.user().post(&format!("/sms/cancel/{id}"), "{}").await.expect(200).json();
    assert_eq!((&again["success"], &again["new_status"]), (&json!(false), &json!("cancelled")));
    assert_eq!(again["status"], again["new_status"]);
    assert!(again["message"].as_str().unwrap().contains("taken back before"), "{again}");
    let told = app.viewer().get(&format!("/sms/{id}/status")).await.expect(200).json();
    assert_eq!(
        (&told["status"], &told["error_code"]),
        (&json!("cancelled"), &json!("cancelled")),
        "not the busy carrier's"
    );
    app.advance(3600 * SECOND);
    let second = queued(&app, "go").await;
    once(&app, &second, "status", "sent").await;
    assert_eq!(fake.asked().len(), 2, "what was taken back is not sent");
    for unknown in ["7b0c3a7e-0000-4000-8000-000000000000", "7", "%20"] {
        app.user().delete(&format!("/sms/{unknown}")).await.expect(404);
        app.viewer().get(&format!("/sms/{unknown}/status")).await.expect(404);
    }
    app.viewer().delete(&format!("/sms/{second}")).await.expect(403);
}

#[tokio::test]
async fn who_does_not_want_to_queue_gets_the_carriers_answer() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    let at_once = |to: &str| {
        let mut body = body("now");
        body["queue"] = json!(false);
        body["to_phone_number"] = json!(to);
        body.to_string()
    };
    let sent = app.user().post("/sms/send", &at_once(CARLA)).await.expect(200).json();
    assert_eq!((&sent["status"], &sent["success"]), (&json!("sent"), &json!(true)));
    assert_eq!(sent["provider_message_id"], format!("SM{:032}", 1));
    app.advance(SECOND);
    fake.tell([Told::twilio(400, 21211)]);
    let failed = app.user().post("/sms/send", &at_once(CARLOS)).await.expect(200).json();
    assert_eq!(
        (&failed["status"], &failed["success"], &failed["error"]),
        (&json!("failed"), &json!(false), &json!("error 21211"))
    );
}

#[tokio::test]
async fn the_queues_are_counted_by_carrier() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    fake.tell([Told::twilio(400, 21211)]);
    let first = queued(&app, "one").await;
    once(&app, &first, "status", "failed").await;
    app.advance(SECOND);
    let second = queued(&app, "two").await;
    once(&app, &second, "status", "sent").await;
    // The number has had its message of this second.
    queued(&app, "three").await;
    let stats = app.viewer().get("/sms/queue/stats").await.expect(200).json();
    assert_eq!(
        stats["queues"]["twilio"],
        json!({"queued": 1, "pending": 1, "sending": 0, "sent": 1, "failed": 1, "cancelled": 0, "unknown": 0})
    );
    assert_eq!(stats["queues"]["telnyx"]["queued"], 0);
    assert_eq!(
        (&stats["total_queued"], &stats["pending"], &stats["processing"]),
        (&json!(1), &json!(1), &json!(0))
    );
    assert_eq!(stats["by_provider"], json!({"twilio": 1, "telnyx": 0, "vonage": 0, "sandbox": 0}));
    let one = app.viewer().get("/sms/queue/stats?provider=vonage").await.expect(200).json();
    assert_eq!(one["queues"].as_object().unwrap().keys().collect::<Vec<_>>(), ["vonage"]);
    assert_eq!((&one["total_queued"], &one["by_provider"]), (&json!(0), &json!({"vonage": 0})));
    app.viewer().get("/sms/queue/stats?provider=pigeon").await.expect(422);
}

#[tokio::test]
async fn a_number_sends_one_in_its_time_and_another_number_meanwhile() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    super::assign(&app, "+15551234568", "twilio").await;
    for message in ["a1", "a2", "a3"] {
        queued(&app, message).await;
    }
    let mut other = body("b1");
    other["from_phone_number"] = json!("+15551234568");
    app.user().post("/sms/send", &other.to_string()).await.expect(200);
    let bodies = async |count| -> Vec<String> {
        let asked = fake.asked_for(count).await;
        asked.iter().map(|it| it.fields()["Body"].as_str().unwrap().to_owned()).collect()
    };
    let mut first = bodies(2).await;
    first.sort();
    assert_eq!(first, ["a1", "b1"]);
    for (count, next) in [(3, "a2"), (4, "a3")] {
        app.advance(SECOND);
        assert_eq!(bodies(count).await[count - 1], next, "the oldest first");
    }
}

#[tokio::test]
async fn an_organization_sends_from_its_own_numbers_and_asks_about_its_own_messages() {
    let fake = FakeCarrier::start().await;
    let app = app_of("twilio", &fake).await;
    app.organization("other", "sl_live_other").await;
    let other = app.with_token("sl_live_other");
    send(&other, "from a number that is not theirs").await.expect(404);
    let id = queued(&app, "hello").await;
    other.get(&format!("/sms/{id}/status")).await.expect(404);
    other.delete(&format!("/sms/{id}")).await.expect(404);
    let stats = other.get("/sms/queue/stats").await.expect(200).json();
    assert_eq!(stats["queues"]["twilio"]["sent"], 0);
}
