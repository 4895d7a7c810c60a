//! `/api/v1/sms-sessions`

use crate::util::carrier::sms;
use crate::util::{CARLA, CARLOS, DAY, OUR_NUMBER, SECOND, TestApp};
use serde_json::json;

const SESSIONS: &str = "/api/v1/sms-sessions/";
const SECOND_NUMBER: &str = "+15551230000";

async fn active(app: &TestApp) -> u64 {
    let counted = app.viewer().get(SESSIONS).await.expect(200).json();
    counted["data"]["active_sessions"].as_u64().unwrap()
}

async fn status(app: &TestApp, id: u64) -> (String, serde_json::Value) {
    let row = app.viewer().get(&format!("/api/v1/sms-conversations/{id}")).await.expect(200).json();
    (row["status"].as_str().unwrap().to_owned(), row["ended_at"].clone())
}

#[tokio::test]
async fn the_count_is_exact_to_the_microsecond_and_of_the_callers_organization() {
    let app = TestApp::start().await;
    app.organization("other", "sl_live_other").await;
    app.twilio().delivers("SM1", CARLA, "one").await;
    app.twilio().delivers("SM2", CARLA, "two").await;
    app.advance(SECOND);
    app.twilio().delivers("SM3", CARLOS, "three").await;
    let answer = app.viewer().get(SESSIONS).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.text(), r#"{"success":true,"data":{"active_sessions":2,"ttl_seconds":86400}}"#);
    let others = app.with_token("sl_live_other").get(SESSIONS).await.expect(200).json();
    assert_eq!(others["data"]["active_sessions"], 0);
    for (wait, count) in [(DAY - SECOND - 1, 2), (1, 1), (SECOND - 1, 1), (1, 0)] {
        app.advance(wait);
        assert_eq!(active(&app).await, count);
    }
}

#[tokio::test]
async fn clearing_ends_every_living_session_now_and_counts_them() {
    let app = TestApp::start().await;
    app.organization("other", "sl_live_other").await;
    app.twilio().delivers("SM1", CARLA, "one").await;
    app.advance(DAY);
    app.twilio().delivers("SM2", CARLOS, "two").await;
    app.twilio().delivers("SM3", "+447700900123", "three").await;
    app.advance(SECOND);
    assert_eq!(app.with_token("sl_live_other").delete(SESSIONS).await.expect(200).json()["cleared_count"], 0);
    let cleared = app.user().delete(SESSIONS).await.expect(200);
    assert_eq!(cleared.text(), r#"{"success":true,"message":"SMS sessions cleared","cleared_count":2}"#);
    assert_eq!(active(&app).await, 0);
    let now = json!("2026-05-01T10:00:01Z");
    for id in [2, 3] {
        assert_eq!(status(&app, id).await, ("completed".to_owned(), now.clone()));
    }
    // The one that had expired ended then, not now.
    assert_eq!(status(&app, 1).await.1, json!("2026-05-01T10:00:00Z"));
    assert_eq!(app.user().delete(SESSIONS).await.json()["cleared_count"], 0);
    app.twilio().delivers("SM4", CARLOS, "four").await;
    assert_eq!(status(&app, 4).await.0, "active");
    assert_eq!(status(&app, 2).await.1, now);
}

#[tokio::test]
async fn more_sessions_than_one_commit_takes_are_cleared_all() {
    let app = TestApp::start().await;
    for n in 0..450 {
        app.twilio().delivers(&format!("SM{n}"), &format!("+15550{n:06}"), "hi").await;
    }
    assert_eq!(active(&app).await, 450);
    assert_eq!(app.user().delete(SESSIONS).await.expect(200).json()["cleared_count"], 450);
    assert_eq!(active(&app).await, 0);
    let damages = app.state.app.store.snapshot().unwrap().check().unwrap();
    assert_eq!(damages, Vec::<String>::new());
}

#[tokio::test]
async fn cleaning_up_closes_what_has_expired_once() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "one").await;
    app.advance(SECOND);
    app.twilio().delivers("SM2", CARLOS, "two").await;
    let clean = async || app.user().post(&format!("{SESSIONS}cleanup"), "").await.expect(200);
    assert_eq!(clean().await.json()["cleared_count"], 0);
    app.advance(DAY - SECOND);
    let cleaned = clean().await;
    let golden = r#"{"success":true,"message":"Expired SMS sessions cleaned up","cleared_count":1}"#;
    assert_eq!(cleaned.text(), golden);
    assert_eq!(clean().await.json()["cleared_count"], 0);
    // A clock that is set back does not bring it to life again.
    app.advance(-SECOND);
    assert_eq!(status(&app, 1).await.1, json!("2026-05-01T10:00:00Z"));
    assert_eq!((active(&app).await, status(&app, 2).await.0), (1, "active".to_owned()));
}

#[tokio::test]
async fn one_customers_sessions_are_cleared_however_the_number_is_written() {
    for written in [
        "+15559876543",
        "%2B15559876543",
        "%2b15559876543",
        "%2B1%20(555)%20987-6543",
        "15559876543",
        "%2015559876543",
    ] {
        let app = TestApp::start().await;
        app.assign(&app.admin(), SECOND_NUMBER, 1).await;
        app.twilio().delivers("SM1", CARLA, "one").await;
        app.twilio().posts(&sms("SM2", CARLA, SECOND_NUMBER, "two")).await.expect(200);
        app.twilio().delivers("SM3", CARLOS, "three").await;
        let path = format!("{SESSIONS}{written}/1");
        let cleared = app.user().delete(&path).await.expect(200);
        assert_eq!(cleared.text(), r#"{"success":true,"message":"SMS session cleared"}"#, "{written}");
        assert_eq!(active(&app).await, 1, "{written}");
        app.user().delete(&path).await.expect(404);
        app.twilio().delivers("SM4", CARLA, "four").await;
        assert_eq!(status(&app, 4).await.0, "active", "a fresh one, {written}");
    }
}

#[tokio::test]
async fn a_session_that_does_not_live_is_not_found_and_garbage_is_told() {
    let app = TestApp::start().await;
    app.organization("other", "sl_live_other").await;
    app.twilio().delivers("SM1", CARLA, "one").await;
    for (path, code) in [
        ("+15559876543/2", 404),
        ("+15559876543/0", 404),
        ("+15559876543/abc", 404),
        ("+15559876543/18446744073709551616", 404),
        ("+15550000000/1", 404),
        ("ACME/1", 404),
        ("%2/1", 422),
        ("%2B/1", 422),
        ("%2B1555%/1", 422),
        ("%252B15559876543/1", 422),
        ("%21555987654/1", 422),
        ("%FF15559876543/1", 422),
        ("+1555x876543/1", 422),
        ("%00/1", 422),
        ("12/1", 422),
    ] {
        let answer = app.admin().delete(&format!("{SESSIONS}{path}")).await;
        assert_eq!(answer.status, code, "{path}: {}", answer.text());
        let wanted = match code {
            404 => json!({"detail": "Not found"}),
            _ => {
                json!({"detail": [{"loc": ["path", "phone_number"], "msg": answer.json()["detail"][0]["msg"], "type": "value_error"}]})
            }
        };
        assert_eq!(answer.json(), wanted, "{path}");
    }
    let outsider = app.with_token("sl_live_other");
    let foreign = outsider.delete(&format!("{SESSIONS}{CARLA}/1")).await;
    let missing = outsider.delete(&format!("{SESSIONS}+15550000000/9")).await;
    assert_eq!((foreign.status, foreign.body), (404, missing.body));
    app.admin().delete(&format!("{SESSIONS}{OUR_NUMBER}/1")).await.expect(404);
    assert_eq!(active(&app).await, 1);
    app.advance(DAY);
    app.admin().delete(&format!("{SESSIONS}{CARLA}/1")).await.expect(404);
}
