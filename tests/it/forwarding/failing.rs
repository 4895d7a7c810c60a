//! Receivers that fail, hang, redirect and answer garbage.

use super::{app_that_forwards, app_with, bodies, parked, says, steps};
use crate::util::fake_carrier::{FakeCarrier, Told};
use crate::util::{CARLA, CARLOS, SECOND, settings};
use serde_json::json;

#[tokio::test]
async fn what_fails_is_tried_again_later_and_later_and_told_under_the_same_id() {
    let receiver = FakeCarrier::start().await;
    let app = app_that_forwards(&receiver).await;
    receiver.tell([says(500, "no"), says(404, ""), says(200, "yes")]);
    app.twilio().delivers("SM1", CARLA, "hello").await;
    steps(&app, 1, "forward_attempted", 1).await;
    app.advance(SECOND);
    steps(&app, 1, "forward_attempted", 2).await;
    app.advance(2 * SECOND);
    let told = steps(&app, 1, "forward_attempted", 3).await;
    let words: Vec<_> = told.iter().map(|step| step["message"].as_str().unwrap()).collect();
    assert_eq!(
        words,
        [
            "Attempt 1 to forward: the receiver answered 500 Internal Server Error",
            "Attempt 2 to forward: the receiver answered 404 Not Found",
            "Attempt 3 to forward: the receiver took it",
        ]
    );
    let asked = receiver.asked();
    assert!(asked.iter().all(|it| it.header("webhook-id") == asked[0].header("webhook-id")));
    let at = asked.iter().map(|it| it.header("webhook-timestamp").unwrap().parse::<i64>().unwrap());
    let start = crate::util::start_of_time().unix_seconds();
    assert_eq!(at.map(|at| at - start).collect::<Vec<_>>(), [0, 1, 3]);
}

/// Every answer that is no success, and what people are told of it.
#[tokio::test]
async fn an_answer_that_is_no_success_is_a_failure() {
    let redirect = |url: &FakeCarrier| {
        Told::Status(307, Box::leak(Box::new([("location", leak(url.url()))])), "".into())
    };
    let (receiver, elsewhere) = (FakeCarrier::start().await, FakeCarrier::start().await);
    let app = app_that_forwards(&receiver).await;
    let rows = [
        (redirect(&elsewhere), "the receiver answered 307 Temporary Redirect; redirects are not followed"),
        (says(400, "{"), "the receiver answered 400 Bad Request"),
        (says(410, ""), "the receiver answered 410 Gone"),
        // Cut short, in whatever words.
        (Told::TakeAndCut, ""),
    ];
    for (number, (told, error)) in rows.into_iter().enumerate() {
        receiver.tell([told]);
        let customer = format!("+1555987100{number}");
        app.twilio().delivers(&format!("SM{number}"), &customer, "hello").await;
        let step = steps(&app, number as u64 + 1, "forward_attempted", 1).await.remove(0);
        let said = step["event_data"]["error"].as_str().unwrap();
        assert!(said.starts_with(error), "{said}");
        assert_eq!(step["level"], "warning");
    }
    assert!(elsewhere.asked().is_empty(), "nobody follows a redirect");
}

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

#[tokio::test]
async fn garbage_from_a_receiver_that_says_success_is_a_success() {
    let receiver = FakeCarrier::start().await;
    let app = app_that_forwards(&receiver).await;
    let long = format!(r#"{{"reply": "{}"}}"#, "x".repeat(100_000));
    let rows = [says(200, "<html>\u{0}"), says(204, ""), says(202, "[[[[[["), says(200, &long)];
    for (number, told) in rows.into_iter().enumerate() {
        receiver.tell([told]);
        app.twilio().delivers(&format!("SM{number}"), CARLA, "hello").await;
        let told = steps(&app, 1, "forward_attempted", number + 1).await;
        assert_eq!(told[number]["event_data"]["error"], json!(null), "{number}");
    }
    assert_eq!(steps(&app, 1, "reply_refused", 0).await.len(), 0);
}

#[tokio::test]
async fn a_receiver_that_hangs_is_not_waited_for() {
    let receiver = FakeCarrier::start().await;
    let mut settings = settings();
    settings.forward_timeout_seconds = 1;
    let app = app_with(&receiver, settings).await;
    receiver.tell([Told::TakeAndHang]);
    app.twilio().delivers("SM1", CARLA, "hello").await;
    let step = steps(&app, 1, "forward_attempted", 1).await.remove(0);
    assert_eq!(step["event_data"]["error"], "no answer within 1 s");
    app.advance(SECOND);
    assert_eq!(bodies(&receiver.asked_for(2).await), ["hello", "hello"]);
}

#[tokio::test]
async fn nobody_listening_is_a_failure_too() {
    let receiver = FakeCarrier::start().await;
    let app = app_that_forwards(&receiver).await;
    super::forward_to(&app, Some("http://127.0.0.1:1/")).await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    let step = steps(&app, 1, "forward_attempted", 1).await.remove(0);
    assert!(step["event_data"]["error"].as_str().unwrap().contains("refused"), "{step}");
    // A URL that was put right is used from the next attempt on.
    super::forward_to(&app, Some(&receiver.url())).await;
    app.advance(SECOND);
    assert_eq!(bodies(&receiver.asked_for(1).await), ["hello"]);
}

/// Fails five times one after the other, each of a conversation of its own.
async fn break_circuit(app: &crate::util::TestApp, receiver: &FakeCarrier) {
    for number in 0..5 {
        receiver.tell([says(503, "")]);
        app.twilio().delivers(&format!("SMb{number}"), &format!("+1555987200{number}"), "hello").await;
        steps(app, number + 1, "forward_attempted", 1).await;
    }
}

#[tokio::test]
async fn a_receiver_that_keeps_failing_is_left_alone_for_a_while() {
    let receiver = FakeCarrier::start().await;
    let app = app_that_forwards(&receiver).await;
    break_circuit(&app, &receiver).await;
    app.twilio().delivers("SM6", CARLA, "sixth").await;
    app.advance(4 * SECOND);
    app.twilio().delivers("SM7", CARLOS, "seventh").await;
    // One tries, and only when that succeeds do the others.
    let (first, go) = super::later(says(503, ""));
    receiver.tell([first]);
    app.advance(SECOND);
    receiver.asked_for(6).await;
    go.send(()).unwrap();
    // One that was not tried before; those that failed come after it.
    steps(&app, 6, "forward_attempted", 1).await;
    app.advance(9 * SECOND);
    assert_eq!(receiver.asked().len(), 6);
    app.advance(SECOND);
    let told = bodies(&receiver.asked_for(13).await);
    for text in ["sixth", "seventh"] {
        assert!(told.contains(&text.to_owned()), "{told:?}");
    }
}

#[tokio::test]
async fn a_dead_receiver_holds_a_conversation_five_minutes_and_all_it_got_is_parked() {
    let receiver = FakeCarrier::start().await;
    let app = app_that_forwards(&receiver).await;
    super::forward_to(&app, Some("http://127.0.0.1:1/")).await;
    for number in 0..20 {
        app.twilio().delivers(&format!("SM{number}"), &format!("+155598730{:02}", number % 7), "hello").await;
    }
    for _ in 0..29 {
        app.advance(10 * SECOND);
    }
    let events = parked(&app, 20).await;
    let last = events.iter().map(|event| event["parked_at"].as_str().unwrap()).max().unwrap();
    assert!(last <= "2026-04-30T10:05:00Z", "{last}");
    assert!(events.iter().any(|event| event["error"].as_str().unwrap().contains("times in a row")));
    // What comes once the receiver lives is told at once.
    super::forward_to(&app, Some(&receiver.url())).await;
    app.twilio().delivers("SM99", "+15559873000", "alive").await;
    assert_eq!(bodies(&receiver.asked_for(1).await), ["alive"]);
}

#[tokio::test]
async fn a_message_that_the_receiver_cannot_stand_takes_none_of_those_behind_it_along() {
    let receiver = FakeCarrier::start().await;
    let app = app_that_forwards(&receiver).await;
    receiver.tell((0..10).map(|_| says(500, "")));
    app.twilio().delivers("SM1", CARLA, "poison").await;
    steps(&app, 1, "forward_attempted", 1).await;
    let mut now = 0;
    for (attempts, at) in [1, 3, 7, 15, 31, 63, 123, 183, 243].into_iter().enumerate() {
        app.advance((at - now) * SECOND);
        now = at;
        if at == 15 {
            app.twilio().delivers("SM2", CARLA, "fine").await;
        }
        steps(&app, 1, "forward_attempted", attempts + 2).await;
    }
    app.advance((290 - now) * SECOND);
    parked(&app, 1).await;
    // Its time is up, too; but nobody has asked the receiver about it.
    app.advance(15 * SECOND);
    assert_eq!(bodies(&receiver.asked_for(11).await)[10], "fine");
    parked(&app, 1).await;
}
