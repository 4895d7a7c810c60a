//! `/webhooks/sms/vonage`: both of its APIs, in every way that they come.

use crate::sms::{app_of, app_with, once, queued, settings_of};
use crate::util::carrier::VONAGE_SECRET;
use crate::util::fake_carrier::FakeCarrier;
use crate::util::{CARLA, OUR_NUMBER, SECOND, TestApp};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use smslite::carriers::vonage::{SignatureMethod, sign};

async fn contents(app: &TestApp) -> Vec<String> {
    let messages = app.viewer().get("/api/v1/sms-conversations/1/messages").await.json();
    let texts =
        messages.as_array().into_iter().flatten().map(|it| it["content"].as_str().unwrap().to_owned());
    texts.collect()
}

/// Vonage's token for a body of the Messages API.
fn token(app: &TestApp, body: &str) -> String {
    let hash: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    let claims = json!({
        "iat": app.clock.now().unix_seconds(), "jti": "j1", "iss": "Vonage", "payload_hash": hash, "api_key": "abcd1234",
    });
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(VONAGE_SECRET.as_bytes()))
        .unwrap()
}

async fn messages_api(app: &TestApp, body: &Value) -> crate::util::client::Answer {
    let body = body.to_string();
    let bearer = format!("Bearer {}", token(app, &body));
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    app.anonymous().ask("POST", "/webhooks/sms/vonage", &headers, body.clone()).await
}

#[tokio::test]
async fn a_message_comes_as_a_query_a_form_or_json() {
    let app = app_of("vonage", &FakeCarrier::start().await).await;
    app.vonage_delivers("V1", CARLA, &[("text", "by form")]).await.expect(200);
    let timestamp = app.clock.now().unix_seconds().to_string();
    let params = |id: &'static str, text: &'static str| {
        vec![
            ("msisdn", &CARLA[1..]),
            ("to", &OUR_NUMBER[1..]),
            ("messageId", id),
            ("text", text),
            ("type", "text"),
        ]
    };
    let signed = |mut params: Vec<(&'static str, &'static str)>| -> Vec<(String, String)> {
        let timestamp: &'static str = timestamp.clone().leak();
        params.push(("timestamp", timestamp));
        let sig =
            sign(SignatureMethod::Md5Hash, VONAGE_SECRET, crate::util::carrier::form(&params).as_bytes());
        let own = params.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        own.chain([("sig".to_owned(), sig)]).collect()
    };
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(signed(params("V2", "by query")))
        .finish();
    app.anonymous().get(&format!("/webhooks/sms/vonage?{query}")).await.expect(200);
    let json: serde_json::Map<String, Value> =
        signed(params("V3", "by json")).into_iter().map(|(name, value)| (name, value.into())).collect();
    app.anonymous().post("/vonage-sms-webhook", &Value::Object(json).to_string()).await.expect(200);
    assert_eq!(contents(&app).await, ["by form", "by query", "by json"]);
}

#[tokio::test]
async fn the_messages_api_is_recognised_on_the_same_route() {
    let app = app_of("vonage", &FakeCarrier::start().await).await;
    let message = json!({
        "channel": "sms", "message_uuid": "u1", "to": &OUR_NUMBER[1..], "from": &CARLA[1..],
        "timestamp": "2026-04-30T10:00:00Z", "message_type": "text", "text": "v1", "sms": {"num_messages": "1"},
    });
    messages_api(&app, &message).await.expect(200);
    let picture = json!({
        "channel": "mms", "message_uuid": "u2", "to": &OUR_NUMBER[1..], "from": &CARLA[1..],
        "timestamp": "2026-04-30T10:00:00Z", "message_type": "image", "image": {"url": "https://example.com/a.jpg", "caption": "look"},
    });
    messages_api(&app, &picture).await.expect(200);
    assert_eq!(contents(&app).await.len(), 2);
    let logs = app.viewer().get("/api/v1/sms-logs/").await.json();
    assert_eq!(logs["items"][0]["media_urls"], json!(["https://example.com/a.jpg"]));
    // A token is for one body.
    let bearer = format!("Bearer {}", token(&app, &message.to_string()));
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    let other = json!({"message_uuid": "u3", "text": "forged"}).to_string();
    app.anonymous().ask("POST", "/webhooks/sms/vonage", &headers, other).await.expect(403);
}

#[tokio::test]
async fn a_long_message_is_put_together_in_whatever_order_its_parts_come() {
    for order in [[1, 2, 3], [3, 1, 2], [2, 3, 1]] {
        let app = app_of("vonage", &FakeCarrier::start().await).await;
        for number in order {
            let (id, text, number) = (format!("P{number}"), format!("<part {number}>"), number.to_string());
            let part = [
                ("text", text.as_str()),
                ("concat", "true"),
                ("concat-ref", "9"),
                ("concat-total", "3"),
                ("concat-part", &number),
            ];
            for _ in 0..2 {
                app.vonage_delivers(&id, CARLA, &part).await.expect(200);
            }
        }
        assert_eq!(contents(&app).await, ["<part 1><part 2><part 3>"], "{order:?}");
        assert_eq!(crate::sms::log(&app, "inbound").await["segment_count"], 3);
    }
}

#[tokio::test]
async fn a_missing_part_holds_nothing_back_for_ever() {
    let app = app_of("vonage", &FakeCarrier::start().await).await;
    let part = |number: &'static str, text: &'static str| {
        [
            ("text", text),
            ("concat", "true"),
            ("concat-ref", "9"),
            ("concat-total", "2"),
            ("concat-part", number),
        ]
    };
    app.vonage_delivers("P2", CARLA, &part("2", "the end")).await.expect(200);
    assert_eq!(contents(&app).await, Vec::<String>::new());
    app.vonage_delivers("V1", CARLA, &[("text", "meanwhile")]).await.expect(200);
    assert_eq!(contents(&app).await, ["meanwhile"], "others go on");
    app.advance(120 * SECOND);
    while contents(&app).await.len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(contents(&app).await[1], "[part 1 of 2 is missing]the end");
    // The part that comes late is not lost.
    app.vonage_delivers("P1", CARLA, &part("1", "late")).await.expect(200);
    app.advance(120 * SECOND);
    while contents(&app).await.len() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(contents(&app).await[2], "late[part 2 of 2 is missing]");
}

#[tokio::test]
async fn a_receipt_of_either_api_moves_the_status() {
    let fake = FakeCarrier::start().await;
    let app = app_of("vonage", &fake).await;
    let id = queued(&app, "hello").await;
    once(&app, &id, "status", "sent").await;
    let receipt = [
        ("msisdn", &CARLA[1..]),
        ("to", &OUR_NUMBER[1..]),
        ("messageId", "vonage-1"),
        ("status", "accepted"),
        ("err-code", "0"),
        ("scts", "2604301000"),
        ("client-ref", id.as_str()),
    ];
    app.vonage_posts(&receipt).await.expect(200);
    let told = app.viewer().get(&format!("/sms/{id}/status")).await.json();
    assert_eq!((&told["delivery_status"], &told["provider_status"]), (&json!("sent"), &json!("accepted")));
    let status = json!({
        "message_uuid": "vonage-1", "to": &CARLA[1..], "from": &OUR_NUMBER[1..], "timestamp": "2026-04-30T10:00:03Z",
        "status": "rejected", "channel": "sms",
        "error": {"type": "https://developer.vonage.com/api-errors/messages#1240", "title": "1240", "detail": "opted out"},
    });
    messages_api(&app, &status).await.expect(200);
    let told = app.viewer().get(&format!("/sms/{id}/status")).await.json();
    assert_eq!((&told["delivery_status"], &told["error_code"]), (&json!("undelivered"), &json!("1240")));
    crate::sms::send(&app.user(), "again").await.expect(409);
}

#[tokio::test]
async fn only_the_method_that_the_account_is_set_to_is_believed() {
    let fake = FakeCarrier::start().await;
    let mut settings = settings_of(&fake);
    settings.vonage.signature_method = smslite::carriers::vonage::SignatureMethod::Sha256;
    let app = app_with("vonage", settings).await;
    app.vonage_delivers("V1", CARLA, &[("text", "signed by another")]).await.expect(403);
    app.advance(301 * SECOND);
    assert_eq!(contents(&app).await, Vec::<String>::new());
}
