//! When a number last heard its carrier.

use super::somebody;
use crate::sms::app_with;
use crate::util::carrier::{FORM, form, sms};
use crate::util::{CARLA, OUR_NUMBER, SECOND, TestApp, settings};
use smslite::app::arrivals::{Heard, last_heard};
use smslite::config::SignatureMode;
use smslite::model::address::Address;
use smslite::model::message_log::Provider;

fn heard(app: &TestApp, organization: u32, provider: Provider, number: &str) -> Option<Heard> {
    let number = Address::parse(number).unwrap();
    last_heard(&app.state.app, &somebody(app, organization, 1), provider, &number)
}

async fn app_that(signatures: SignatureMode) -> TestApp {
    let mut settings = settings();
    settings.twilio.carrier.signatures = signatures;
    app_with("twilio", settings).await
}

#[tokio::test]
async fn what_is_believed_is_noted_and_what_is_not_is_not() {
    let rows = [
        (SignatureMode::Enforce, true, Some(true)),
        (SignatureMode::Enforce, false, None),
        (SignatureMode::Off, false, Some(false)),
        // It is kept, and may be anybody's.
        (SignatureMode::Report, false, None),
    ];
    for (mode, signed, checked) in rows {
        let app = app_that(mode).await;
        let message = sms("SM1", CARLA, OUR_NUMBER, "hello");
        match signed {
            true => drop(app.twilio().posts(&message).await),
            false => drop(app.anonymous().ask("POST", "/webhooks/sms/twilio", &[FORM], form(&message)).await),
        }
        let wanted = checked.map(|checked| Heard { at: app.clock.now(), checked });
        app.advance(SECOND);
        assert_eq!(heard(&app, 1, Provider::Twilio, OUR_NUMBER), wanted, "{mode:?}, signed: {signed}");
    }
}

#[tokio::test]
async fn it_is_told_of_the_number_and_the_carrier_that_it_was_and_by_receipts_too() {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "hello").await;
    app.advance(SECOND);
    let receipt =
        [("MessageSid", "SM9"), ("MessageStatus", "delivered"), ("From", OUR_NUMBER), ("To", CARLA)];
    app.twilio().posts(&receipt).await.expect(200);
    let now = Some(Heard { at: app.clock.now(), checked: true });
    assert_eq!(heard(&app, 1, Provider::Twilio, OUR_NUMBER), now);
    app.organization("other", "sl_live_other").await;
    for (organization, provider, number) in [
        (1, Provider::Twilio, "+15550000000"),
        (1, Provider::Vonage, OUR_NUMBER),
        (2, Provider::Twilio, OUR_NUMBER),
        (1, Provider::Twilio, CARLA),
    ] {
        assert_eq!(heard(&app, organization, provider, number), None, "{organization} {provider:?} {number}");
    }
}
