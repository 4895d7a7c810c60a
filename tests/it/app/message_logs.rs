//! The steps of one message, and messages by day.

use super::somebody;
use crate::sms::{assign, once, queued};
use crate::util::carrier::sms;
use crate::util::{CARLA, CARLOS, DAY, OUR_NUMBER, SECOND, TestApp};
use serde_json::json;
use smslite::app::sms_logs::{by_day, steps};
use smslite::model::day_counts::Volume;
use smslite::model::ids::MessageLogId;
use smslite::model::message_log::Provider;

fn told(app: &TestApp, organization: u32, log: u64) -> Option<Vec<String>> {
    let steps = steps(&app.state.app, &somebody(app, organization, 1), MessageLogId(log)).unwrap()?;
    assert!(steps.iter().all(|step| step.log_id == Some(MessageLogId(log))), "{steps:?}");
    assert!(steps.is_sorted_by_key(|step| step.at), "{steps:?}");
    Some(steps.into_iter().map(|step| step.words.event_type).collect())
}

#[tokio::test]
async fn each_message_has_its_own_steps() {
    let app = TestApp::start().await;
    for (id, from, to) in [
        ("SM1", CARLA, OUR_NUMBER),
        ("SM2", CARLA, OUR_NUMBER),
        ("SM3", CARLA, "+15550000000"),
        ("SM4", CARLOS, OUR_NUMBER),
    ] {
        app.twilio().posts(&sms(id, from, to, "hello")).await.expect(200);
        app.advance(SECOND);
    }
    let first = ["webhook_received", "conversation_started", "message_stored", "sms_received"];
    let next = ["webhook_received", "message_stored", "sms_received"];
    assert_eq!(told(&app, 1, 1).unwrap(), first);
    assert_eq!(told(&app, 1, 2).unwrap(), next);
    assert_eq!(told(&app, 1, 4).unwrap(), first);
    // It is of no conversation.
    let unassigned = told(&app, 1, 3).unwrap();
    assert_eq!((unassigned.len(), unassigned[0].as_str()), (3, "webhook_received"), "{unassigned:?}");
    assign(&app, OUR_NUMBER, "sandbox").await;
    let id = queued(&app, "how are you?").await;
    once(&app, &id, "status", "sent").await;
    let sent = told(&app, 1, 5).unwrap();
    assert!(
        sent.contains(&"sms_queued".to_owned()) && !sent.contains(&"webhook_received".to_owned()),
        "{sent:?}"
    );

    app.organization("other", "sl_live_other").await;
    assert_eq!(told(&app, 1, 99), None);
    assert_eq!(told(&app, 2, 1), None);
    app.user().delete("/api/v1/sms-conversations/1").await.expect(200);
    assert_eq!(told(&app, 1, 1), None);
}

#[tokio::test]
async fn messages_are_counted_by_the_days_of_the_zone() {
    let app = TestApp::start().await;
    let log = |id: u64, provider: &str, direction: &str, status: &str, at: &str| {
        let (from, to) = if direction == "inbound" { (CARLA, OUR_NUMBER) } else { (OUR_NUMBER, CARLA) };
        let line = json!({
            "type": "message_log", "id": id, "provider": provider, "provider_message_id": format!("M{id}"), "direction": direction,
            "from_number": from, "to_number": to, "body": "hello", "status": status, "created_at": at, "updated_at": at,
        });
        line.to_string()
    };
    let lines = [
        log(1, "twilio", "inbound", "received", "2026-04-27T23:59:59.999999Z"),
        log(2, "twilio", "inbound", "received", "2026-04-28T00:00:00Z"),
        log(3, "vonage", "outbound", "failed", "2026-04-28T12:00:00Z"),
        log(4, "vonage", "outbound", "undelivered", "2026-04-28T22:30:00Z"),
        log(5, "vonage", "outbound", "delivered", "2026-04-28T23:59:59.999999Z"),
    ];
    app.imports(lines.join("\n")).await;
    app.twilio().delivers("SM1", CARLA, "today").await;
    let days = |app: &TestApp, days, zone| {
        let told = by_day(&app.state.app, &somebody(app, 1, 1), days, zone).unwrap();
        told.into_iter()
            .map(|day| (day.date, day.providers.into_iter().collect::<Vec<_>>()))
            .collect::<Vec<_>>()
    };
    let volume = |inbound, outbound, failed| Volume { inbound, outbound, failed };
    let (twilio, vonage) = (|one| (Provider::Twilio, one), |one| (Provider::Vonage, one));
    let one = twilio(volume(1, 0, 0));
    let day = |date: &str, providers: &[(Provider, Volume)]| (date.to_owned(), providers.to_vec());
    assert_eq!(
        days(&app, 3, 0),
        [
            day("2026-04-28", &[one, vonage(volume(0, 3, 2))]),
            day("2026-04-29", &[]),
            day("2026-04-30", &[one]),
        ]
    );
    // Two hours before UTC: midnight is at ten in the evening.
    assert_eq!(
        days(&app, 3, 120),
        [
            day("2026-04-28", &[twilio(volume(2, 0, 0)), vonage(volume(0, 1, 1))]),
            day("2026-04-29", &[vonage(volume(0, 2, 1))]),
            day("2026-04-30", &[one]),
        ]
    );
    app.advance(DAY);
    assert_eq!(days(&app, 1, 0), [day("2026-05-01", &[])]);
    app.user().delete("/api/v1/sms-conversations/1").await.expect(200);
    assert_eq!(days(&app, 2, 0), [day("2026-04-30", &[]), day("2026-05-01", &[])]);
}
