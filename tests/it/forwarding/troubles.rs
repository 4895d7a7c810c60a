//! Clocks that are set back, disks that fail, records that are damaged: nothing is lost, and nobody waits for it.

use super::{ORG, app_that_forwards, bodies, forward_to, says, steps};
use crate::store::disk::{Disk, Fault};
use crate::util::carrier::sms;
use crate::util::fake_carrier::FakeCarrier;
use crate::util::{CARLA, CARLOS, CONTROL_TOKEN, OUR_NUMBER, SECOND, TestApp, settings};
use redb::TableDefinition;
use smslite::model::ids::CallId;
use smslite::store::ArchiveConversation;
use tokio::net::TcpListener;

const LOGS: TableDefinition<'static, &[u8; 12], &[u8]> = TableDefinition::new("message_logs");

#[tokio::test]
async fn a_clock_that_is_set_back_loses_nothing_and_holds_up_nobody() {
    let receiver = FakeCarrier::start().await;
    let app = app_that_forwards(&receiver).await;
    receiver.tell([says(500, "")]);
    app.twilio().delivers("SM1", CARLA, "one").await;
    steps(&app, 1, "forward_attempted", 1).await;
    app.advance(-3600 * SECOND);
    app.twilio().delivers("SM2", CARLOS, "two").await;
    let told = bodies(&receiver.asked_for(3).await);
    assert_eq!(told.iter().filter(|text| *text == "one").count(), 2, "{told:?}");
    assert!(told.contains(&"two".to_owned()), "{told:?}");
}

#[tokio::test]
async fn what_is_still_being_purged_is_told_to_nobody() {
    let receiver = FakeCarrier::start().await;
    let app = app_that_forwards(&receiver).await;
    receiver.tell([says(500, "")]);
    app.twilio().delivers("SM1", CARLA, "a secret").await;
    steps(&app, 1, "forward_attempted", 1).await;
    // As the API does it of a huge thread: its rows are still to go.
    let (call_id, now) = (CallId(1), app.clock.now());
    let archive = ArchiveConversation { organization: ORG, call_id, now, rows: 0 };
    app.state.app.store.execute(archive).await.unwrap();
    app.advance(SECOND);
    app.twilio().delivers("SM2", CARLOS, "two").await;
    assert_eq!(bodies(&receiver.asked_for(2).await), ["a secret", "two"]);
}

/// A server on this disk, whose assistant tells the receiver.
async fn app_on(disk: &Disk, receiver: &FakeCarrier) -> TestApp {
    let app = TestApp::start_at(settings(), disk.location()).await;
    forward_to(&app, Some(&receiver.url())).await;
    app
}

#[tokio::test]
async fn a_message_whose_commit_came_through_unheard_is_told() {
    let mut unheard = 0;
    for at in 1..=6 {
        let (disk, receiver) = (Disk::default(), FakeCarrier::start().await);
        let app = app_on(&disk, &receiver).await;
        disk.set_fault(Fault::FailSync { at, lose: false });
        let answer = app.twilio().posts(&sms("SM1", CARLA, OUR_NUMBER, "hello")).await;
        disk.repair();
        let logs = loop {
            let logs = app.viewer().get("/api/v1/sms-logs/").await;
            if logs.status == 200 && app.anonymous().get("/readyz").await.status == 200 {
                break logs.json();
            }
        };
        if logs["total"] == 1 {
            unheard += usize::from(answer.status == 503);
            assert_eq!(bodies(&receiver.asked_for(1).await)[..1], ["hello"], "{at}");
        }
    }
    assert!(unheard > 0, "none of the faults hit what it was meant for");
}

#[tokio::test]
async fn a_damaged_log_is_told_to_nobody_and_holds_up_nobody() {
    let (disk, receiver) = (Disk::default(), FakeCarrier::start().await);
    let app = app_on(&disk, &receiver).await;
    receiver.tell([says(500, "")]);
    app.twilio().delivers("SM1", CARLA, "soon damaged").await;
    steps(&app, 1, "forward_attempted", 1).await;
    app.state.app.store.clone().close();
    let database = redb::Database::builder().create_with_backend(disk.handle()).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(LOGS)
        .unwrap()
        .insert(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1], [9u8, 9, 9].as_slice())
        .unwrap();
    txn.commit().unwrap();
    drop(database);

    let clock = app.clock.clone();
    let state = smslite::server::build(settings(), disk.location(), clock.clone(), CONTROL_TOKEN).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(smslite::server::serve(listener, state.clone(), std::future::pending()));
    let app = TestApp { address, state, clock };
    app.advance(SECOND);
    app.twilio().delivers("SM2", CARLOS, "two").await;
    app.twilio().delivers("SM3", CARLA, "three").await;
    let told = bodies(&receiver.asked_for(3).await);
    assert_eq!(told[0], "soon damaged");
    assert!(told.contains(&"two".to_owned()) && told.contains(&"three".to_owned()), "{told:?}");
}
