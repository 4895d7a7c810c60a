//! Told to stop: who has sent a request by then is answered, on a kept connection and on one that is not even accepted.

use crate::util::client::Person;
use crate::util::listener::Listener;
use crate::util::{CONTROL_TOKEN, TestApp, settings};
use smslite::clock::Clock;
use smslite::store::Location;
use smslite::web::AppState;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const REQUEST: &[u8] = b"GET /livez HTTP/1.1\r\nhost: test\r\n\r\n";

fn answer(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the connection is closed, not cut");
    answer
}

/// A server that is told to stop by this sender.
async fn start() -> (SocketAddr, AppState, oneshot::Sender<()>, JoinHandle<std::io::Result<()>>) {
    let clock = Clock::settable(crate::util::start_of_time());
    let state = smslite::server::build(settings(), Location::Memory, clock, CONTROL_TOKEN).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    let served = tokio::spawn(smslite::server::serve(listener, state.clone(), stopped));
    (address, state, stop, served)
}

#[tokio::test]
async fn who_listens_to_events_is_not_waited_for() {
    let (address, state, stop, served) = start().await;
    let app = TestApp { address, clock: state.app.clock.clone(), state };
    app.organization("default", "sl_live_admin").await;
    let mut listener = Listener::open(&Person::new(address, Some("sl_live_admin")), "", None).await;
    stop.send(()).unwrap();
    assert_eq!(listener.next().await, None);
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_was_sent_before_the_stop_is_answered_as_the_last_on_its_connection() {
    let (address, _, stop, served) = start().await;

    let mut kept = TcpStream::connect(address).unwrap();
    kept.write_all(REQUEST).unwrap();
    let kept = tokio::task::spawn_blocking(move || {
        let mut first = [0; 15];
        kept.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 OK");
        kept
    });
    let mut kept = kept.await.unwrap();
    // The server runs on this thread: it sees neither of these before it sees the stop.
    kept.write_all(REQUEST).unwrap();
    let mut fresh = TcpStream::connect(address).unwrap();
    fresh.write_all(REQUEST).unwrap();
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();

    for stream in [kept, fresh] {
        let answer = answer(stream);
        assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 1, "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
    assert!(TcpStream::connect(address).is_err());
}
