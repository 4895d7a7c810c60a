//! `/api/v1/assistants`

use crate::util::client::{Answer, Person};
use crate::util::{CARLA, OUR_NUMBER, SECOND, TestApp};
use serde_json::{Value, json};

const ASSISTANTS: &str = "/api/v1/assistants";
const ONE: &str = "/api/v1/assistants/1";
const LIST: &str = "/api/v1/sms-conversations/";

async fn send(who: &Person, method: &str, path: &str, body: Value) -> Answer {
    who.ask(method, path, &[("content-type", "application/json")], body.to_string()).await
}

async fn names(who: &Person, query: &str) -> Vec<String> {
    let listed = who.get(&format!("{ASSISTANTS}?{query}")).await.expect(200).json();
    listed.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_assistant_comes_back_as_it_was_made_unknown_fields_too() {
    let app = TestApp::start().await;
    let body = r#"{"name": "Sales", "sms_webhook_url": "http://127.0.0.1:9/", "custom_settings": {"a": [1, null]}, "voice": {"id": "x"}, "mood": null}"#;
    let made = app.user().post(ASSISTANTS, body).await.expect(201).json();
    let expected = json!({
        "id": 2, "organization_id": 1, "user_id": 1, "name": "Sales", "description": null,
        "llm_provider": "openai", "webhook_url": null, "sms_webhook_url": "http://127.0.0.1:9/",
        "messaging_service_sid": null, "custom_settings": {"a": [1, null]}, "is_active": true,
        "created_at": "2026-04-30T10:00:00Z", "updated_at": "2026-04-30T10:00:00Z",
        "voice": {"id": "x"}, "mood": null,
    });
    assert_eq!(made, expected);
    let one = app.viewer().get(&format!("{ASSISTANTS}/2")).await.expect(200);
    assert_eq!(one.json(), made);
    assert!(one.text().starts_with(r#"{"id":2,"organization_id":1,"user_id":1,"name":"Sales","#));
}

#[tokio::test]
async fn what_is_ours_to_say_is_not_taken_from_a_body() {
    let app = TestApp::start().await;
    let body = r#"{"name": "Sales", "id": 9, "organization_id": 9, "user_id": 9, "created_at": "then", "updated_at": "then", "type": "call", "is_deleted": true}"#;
    let made = app.user().post(ASSISTANTS, body).await.expect(201).json();
    assert_eq!((&made["id"], &made["organization_id"], &made["user_id"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!((&made["type"], &made["is_deleted"]), (&Value::Null, &Value::Null));
    app.viewer().get(&format!("{ASSISTANTS}/2")).await.expect(200);
}

#[tokio::test]
async fn the_list_is_filtered_and_paged() {
    let app = TestApp::start().await;
    for body in [json!({"name": "Off", "is_active": false}), json!({"name": "On", "is_active": null})] {
        send(&app.user(), "POST", ASSISTANTS, body).await.expect(201);
    }
    let email = json!({"email": "ann@default", "role": "admin"});
    let ann = send(&app.admin(), "POST", "/api/v1/users", email).await.expect(201).json();
    let ours = r#"{"type":"assistant","name":"Anns","user_id":USER}"#.replace("USER", &ann["id"].to_string());
    let ndjson = [("content-type", "application/x-ndjson")];
    app.admin().ask("POST", "/api/v1/import", &ndjson, ours).await.expect(200);
    for (query, expected) in [
        ("", "Support Bot,Off,On,Anns"),
        ("active_only=true", "Support Bot,On,Anns"),
        ("active_only=1&skip=1&limit=1", "On"),
        ("active_only=false", "Support Bot,Off,On,Anns"),
        ("my_assistants_only=true", "Support Bot,Off,On"),
        ("my_assistants_only=yes&active_only=on", "Support Bot,On"),
        ("skip=1&limit=2", "Off,On"),
        ("skip=4", ""),
        ("skip=18446744073709551615&limit=1000", ""),
        ("include_stats=true&limit=1", "Support Bot"),
    ] {
        assert_eq!(names(&app.viewer(), query).await.join(","), expected, "{query}");
    }
    for query in ["limit=0", "limit=1001", "skip=-1", "active_only=maybe", "my_assistants_only="] {
        app.viewer().get(&format!("{ASSISTANTS}?{query}")).await.expect(422);
    }
}

#[tokio::test]
async fn only_what_is_given_changes_and_null_clears() {
    let app = TestApp::start().await;
    let full = json!({
        "name": "Full", "description": "d", "llm_provider": "x", "webhook_url": "u", "sms_webhook_url": "https://app.example/sms",
        "messaging_service_sid": "MG1", "custom_settings": {"a": 1}, "is_active": false, "mood": "kind", "size": 3,
    });
    let mut expected = send(&app.user(), "POST", ASSISTANTS, full).await.expect(201).json();
    let path = format!("{ASSISTANTS}/2");
    for (at, (method, body, effect)) in [
        ("PATCH", json!({}), json!({})),
        ("PATCH", json!({"name": " Renamed "}), json!({"name": "Renamed"})),
        ("PUT", json!({"description": null}), json!({"description": null})),
        ("PATCH", json!({"llm_provider": null}), json!({"llm_provider": null})),
        (
            "PATCH",
            json!({"webhook_url": "v", "sms_webhook_url": null}),
            json!({"webhook_url": "v", "sms_webhook_url": null}),
        ),
        ("PUT", json!({"messaging_service_sid": "MG2"}), json!({"messaging_service_sid": "MG2"})),
        ("PATCH", json!({"custom_settings": {"b": {}}}), json!({"custom_settings": {"b": {}}})),
        ("PATCH", json!({"custom_settings": null}), json!({"custom_settings": null})),
        ("PATCH", json!({"is_active": true}), json!({"is_active": true})),
        ("PATCH", json!({"is_active": false}), json!({"is_active": false})),
        ("PATCH", json!({"is_active": null}), json!({"is_active": true})),
        ("PATCH", json!({"mood": {"now": null}, "new": 1}), json!({"mood": {"now": null}, "new": 1})),
        ("PUT", json!({"id": 1, "user_id": 7, "created_at": "x"}), json!({})),
    ]
    .into_iter()
    .enumerate()
    {
        app.advance(SECOND);
        expected["updated_at"] = json!(format!("2026-04-30T10:00:{:02}Z", at + 1));
        expected.as_object_mut().unwrap().extend(effect.as_object().unwrap().clone());
        let changed = send(&app.user(), method, &path, body.clone()).await.expect(200);
        assert_eq!(changed.json(), expected, "{method} {body}");
        assert_eq!(app.viewer().get(&path).await.json(), expected);
    }
    let gone = send(&app.user(), "PATCH", &path, json!({"mood": null, "new": null})).await.expect(200).json();
    assert_eq!((gone.get("mood"), gone.get("new"), &gone["size"]), (None, None, &json!(3)));
}

#[tokio::test]
async fn what_does_not_fit_changes_nothing() {
    let app = TestApp::start().await;
    let before = app.viewer().get(ONE).await.json();
    for (body, status) in [
        (r#"{"name": null}"#, 422),
        (r#"{"name": " "}"#, 422),
        (r#"{"name": 1}"#, 422),
        (r#"{"description": 1}"#, 422),
        (r#"{"custom_settings": []}"#, 422),
        (r#"{"is_active": "yes"}"#, 422),
        (r#"[]"#, 422),
        (r#"{"name": "x""#, 400),
        ("", 400),
    ] {
        for method in ["PUT", "PATCH"] {
            let answer = app.user().ask(method, ONE, &[("content-type", "application/json")], body).await;
            assert_eq!(answer.status, status, "{method} {body}: {}", answer.text());
        }
    }
    let long = json!({"name": "x".repeat(101)});
    send(&app.user(), "PATCH", ONE, long.clone()).await.expect(422);
    send(&app.user(), "POST", ASSISTANTS, long).await.expect(422);
    assert_eq!(app.viewer().get(ONE).await.json(), before);
}

#[tokio::test]
async fn a_new_name_shows_at_once_wherever_the_assistant_is_named() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "hi").await;
    send(&app.user(), "PATCH", ONE, json!({"name": "Front desk"})).await.expect(200);
    for (path, pointer) in [
        (LIST, "/0/assistant_name"),
        ("/api/v1/sms-conversations/1", "/assistant_name"),
        ("/api/v1/calls/", "/items/0/assistant_name"),
        ("/api/v1/assistants/organization/phone-numbers", "/0/assistant/name"),
    ] {
        let answer = app.viewer().get(path).await.expect(200).json();
        assert_eq!(answer.pointer(pointer), Some(&json!("Front desk")), "{path}");
    }
}

#[tokio::test]
async fn a_deleted_assistant_is_gone_and_its_conversations_still_show_its_name() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "hi").await;
    let answer = app.user().delete(ONE).await.expect(200);
    assert_eq!(answer.text(), r#"{"success":true,"message":"Assistant deleted"}"#);

    let missing = app.user().get("/api/v1/assistants/99").await.expect(404);
    let number = json!({"phone_number": OUR_NUMBER});
    for (method, path, body) in [
        ("GET", ONE, json!({})),
        ("PUT", ONE, json!({"name": "Back"})),
        ("PATCH", ONE, json!({"is_active": true})),
        ("DELETE", ONE, json!({})),
        ("GET", "/api/v1/assistants/1/phone-numbers", json!({})),
        ("POST", "/api/v1/assistants/1/phone-numbers/assign-by-number", number.clone()),
        ("POST", "/api/v1/assistants/1/phone-numbers/unassign-by-number", number),
    ] {
        let answer = send(&app.admin(), method, path, body).await;
        assert_eq!((answer.status, &answer.body), (404, &missing.body), "{method} {path}");
    }
    assert!(names(&app.viewer(), "").await.is_empty());
    let numbers = app.viewer().get("/api/v1/assistants/organization/phone-numbers").await.json();
    assert_eq!((&numbers[0]["phone_number"], &numbers[0]["assistant"]), (&json!(OUR_NUMBER), &Value::Null));

    // Nothing new joins; the session lives on until it expires by itself.
    app.twilio().delivers("SM2", CARLA, "anyone?").await;
    let row = app.viewer().get(LIST).await.json()[0].clone();
    assert_eq!(
        (&row["assistant_name"], &row["message_count"], &row["status"]),
        (&json!("Support Bot"), &json!(1), &json!("active"))
    );
    let made = app.user().post(ASSISTANTS, r#"{"name": "Next"}"#).await.expect(201).json();
    assert_eq!(made["id"], 2, "ids are not given again");
}

#[tokio::test]
async fn an_import_brings_deleted_assistants_too_and_gives_them_no_number() {
    let app = TestApp::start().await;
    let import = async |lines: &str| {
        let ndjson = [("content-type", "application/x-ndjson")];
        app.admin().ask("POST", "/api/v1/import", &ndjson, lines.to_owned()).await
    };
    let gone = r#"{"type":"assistant","id":7,"name":"Old Bot","is_deleted":true}"#;
    let call = r#"{"type":"call","id":9,"channel":"voice","direction":"inbound","assistant_id":7,"customer_phone_number":"+15559876543","assistant_phone_number":"+15551234567","status":"done","started_at":"2026-04-01T00:00:00Z"}"#;
    import(&format!("{gone}\n{call}")).await.expect(200);
    assert!(import(&format!("{gone}\n{call}")).await.text().contains(r#""stored":0"#), "it is recognised");
    let number =
        r#"{"type":"phone_number","phone_number":"+15550009999","provider":"twilio","assistant_id":7}"#;
    assert_eq!(
        import(number).await.expect(422).json(),
        json!({"detail": "line 1: assistant_id: assistant 7 is deleted"})
    );
    app.viewer().get("/api/v1/assistants/7").await.expect(404);
    assert_eq!(names(&app.viewer(), "").await, ["Support Bot"]);
    assert_eq!(app.viewer().get("/api/v1/calls/9").await.json()["assistant_name"], "Old Bot");
}

#[tokio::test]
async fn viewers_only_read_and_others_assistants_are_not_there() {
    let app = TestApp::start().await;
    app.organization("other", "sl_live_other").await;
    for (method, path) in [("POST", ASSISTANTS), ("PUT", ONE), ("PATCH", ONE), ("DELETE", ONE)] {
        send(&app.viewer(), method, path, json!({"name": "x"})).await.expect(403);
    }
    let outsider = app.with_token("sl_live_other");
    assert!(names(&outsider, "").await.is_empty());
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        let foreign = send(&outsider, method, ONE, json!({"name": "x"})).await;
        let missing = send(&outsider, method, "/api/v1/assistants/99", json!({"name": "x"})).await;
        let no_id = send(&outsider, method, "/api/v1/assistants/x1", json!({"name": "x"})).await;
        assert_eq!((foreign.status, &foreign.body), (404, &missing.body), "{method}");
        assert_eq!((404, &no_id.body), (missing.status, &missing.body), "{method}");
    }
    assert_eq!(names(&app.viewer(), "").await, ["Support Bot"]);
}
