//! Connections: how one is served, and how long the other end may take. No request sets an alarm of its own: all
//! connections are looked at together every few seconds, and one that got nowhere for too many looks is cut.

mod progress;

use crate::web::routes::Served;
use crate::web::{Peer, request_id};
use futures_util::FutureExt;
use http::header::CONNECTION;
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use progress::{LOOK_EVERY, Progress, Watched, until_it_ends};
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::MissedTickBehavior;

/// Where passwords are tried: budgets are kept for each address.
const SIGN_IN: &str = "/api/auth/";

/// Those that are open.
#[derive(Default)]
struct Connections {
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    last: u64,
    all: HashMap<u64, Known>,
}

struct Known {
    progress: Arc<Progress>,
    /// `None` until it is spawned.
    task: Option<AbortHandle>,
}

impl Connections {
    /// Spawns `serving`, which tells how it gets on by `progress`, and cuts it once it gets on no longer.
    fn watch(self: &Arc<Self>, progress: Arc<Progress>, serving: impl Future<Output = ()> + Send + 'static) {
        let id = {
            let mut open = self.open();
            open.last += 1;
            let id = open.last;
            open.all.insert(id, Known { progress, task: None });
            id
        };
        let entry = Entry { id, connections: self.clone() };
        // Not while it is locked: a runtime that stops drops the task at once, and with it the entry, which locks.
        let task = tokio::spawn(async move {
            let _entry = entry;
            serving.await;
        });
        // One that has ended already is no longer there.
        if let Some(known) = self.open().all.get_mut(&id) {
            known.task = Some(task.abort_handle());
        }
    }

    /// Looks at all of them from time to time, for ever.
    async fn look(self: Arc<Self>) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        // Where the process was stopped for a while, the looks that it missed would come all at once, and count for
        // minutes in which nobody could get on.
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            self.look_once();
        }
    }

    fn look_once(&self) {
        let open = self.open();
        let spent = open.all.values().filter(|known| known.progress.is_spent());
        let spent: Vec<AbortHandle> = spent.filter_map(|known| known.task.clone()).collect();
        drop(open);
        spent.iter().for_each(AbortHandle::abort);
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // What a panic would leave is whole: entries come and go by one step.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Entry {
    id: u64,
    connections: Arc<Connections>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connections.open().all.remove(&self.id);
    }
}

/// What every connection of a listener is served by.
pub(super) struct Serving {
    served: Served,
    /// Whether the handlers want to know who is at the other end.
    tell_peer: bool,
    stopping: Arc<AtomicBool>,
    connections: Arc<Connections>,
    graceful: GracefulShutdown,
    /// Ends with this.
    looking: JoinSet<()>,
}

impl Serving {
    pub(super) fn new(served: Served, tell_peer: bool, stopping: Arc<AtomicBool>) -> Serving {
        let mut serving = Serving::unwatched(served, tell_peer, stopping);
        serving.looking.spawn(serving.connections.clone().look());
        serving
    }

    /// Nobody looks at the connections.
    fn unwatched(served: Served, tell_peer: bool, stopping: Arc<AtomicBool>) -> Serving {
        Serving {
            served,
            tell_peer,
            stopping,
            connections: Arc::default(),
            graceful: GracefulShutdown::new(),
            looking: JoinSet::new(),
        }
    }

    /// Serves a connection from now on. Its place is free once it ends.
    pub(super) fn take(&self, stream: TcpStream, peer: IpAddr, place: Option<OwnedSemaphorePermit>) {
        let progress = Arc::<Progress>::default();
        let connection = self.graceful.watch(self.connection(stream, peer, progress.clone()));
        self.connections.watch(progress, async move {
            // A connection that breaks is the other end's business.
            let _ = connection.await;
            drop(place);
        });
    }

    /// Each connection ends with the answer that is under way, those that wait for a request at once.
    pub(super) async fn finish(self) {
        self.graceful.shutdown().await;
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: IpAddr,
        progress: Arc<Progress>,
    ) -> impl GracefulConnection<Error = hyper::Error> + use<> {
        // Small answers should not wait for more to send; it is only slower if that cannot be had.
        let _ = stream.set_nodelay(true);
        let stream = Watched { stream, progress: progress.clone() };
        let (served, tell_peer, stopping) = (self.served.clone(), self.tell_peer, self.stopping.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            progress.begin();
            if tell_peer || request.uri().path().starts_with(SIGN_IN) {
                request.extensions_mut().insert(Peer(peer));
            }
            let (progress, stopping) = (progress.clone(), stopping.clone());
            request_id::answer(served.clone(), request).map(move |mut response| {
                if stopping.load(Ordering::Relaxed) {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(until_it_ends(response, progress))
            })
        });
        http1::Builder::new()
            // One piece, also for a long answer: copying is cheaper than the call that gathers two.
            .writev(false)
            .serve_connection(TokioIo::new(stream), service)
    }
}

#[cfg(test)]
mod tests {
    use super::progress::{HEAD_LOOKS, WRITE_LOOKS};
    use super::*;
    use axum::Router;
    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::{Notify, Semaphore, mpsc};

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

    /// One connection to a server of which nobody looks at the connections but the test.
    struct Pair {
        serving: Serving,
        places: Arc<Semaphore>,
        client: TcpStream,
    }

    impl Pair {
        async fn new(router: Router) -> Pair {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (stream, peer) = listener.accept().await.unwrap();
            let serving = Serving::unwatched(Served::of(router), false, Arc::default());
            let places = Arc::new(Semaphore::new(1));
            serving.take(stream, peer.ip(), places.clone().try_acquire_owned().ok());
            Pair { serving, places, client }
        }

        async fn hears(&mut self, end: &str) {
            let mut heard = Vec::new();
            while !heard.ends_with(end.as_bytes()) {
                heard.push(self.client.read_u8().await.unwrap());
            }
        }

        /// It is there after all but the last of so many looks, and gone after that.
        async fn is_cut_by(&mut self, looks: u32) {
            for _ in 1..looks {
                self.is_left_alone().await;
            }
            self.serving.connections.look_once();
            // Its end, or that it was reset: there was something that nobody read.
            let _ = self.client.read_to_end(&mut Vec::new()).await;
            assert!(self.serving.connections.open().all.is_empty());
            assert_eq!(self.places.available_permits(), 1);
        }

        async fn is_left_alone(&self) {
            self.serving.connections.look_once();
            // One that was cut would end now.
            tokio::task::yield_now().await;
            assert_eq!(self.serving.connections.open().all.len(), 1);
            assert_eq!(self.places.available_permits(), 0);
        }
    }

    /// What the other end of `parts` sends, piece by piece, until that is dropped.
    fn streaming(parts: mpsc::Receiver<Bytes>) -> Router {
        let parts = Arc::new(Mutex::new(Some(parts)));
        Router::new().route(
            "/",
            get(async move || {
                let parts = parts.lock().unwrap().take().unwrap();
                Body::from_stream(futures_util::stream::unfold(parts, async |mut parts| {
                    Some((Ok::<_, Infallible>(parts.recv().await?), parts))
                }))
            }),
        )
    }

    #[tokio::test]
    async fn half_a_head_is_not_waited_for_for_ever() {
        let mut pair = Pair::new(Router::new()).await;
        pair.client.write_all(&REQUEST[..20]).await.unwrap();
        pair.is_cut_by(HEAD_LOOKS).await;
    }

    #[tokio::test]
    async fn one_that_is_answered_is_left_alone_and_waited_for_anew_after_that() {
        let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let both = (asked.clone(), answer.clone());
        let handler = async move || {
            both.0.notify_one();
            both.1.notified().await;
            "done"
        };
        let mut pair = Pair::new(Router::new().route("/", get(handler))).await;
        for _ in 0..2 {
            pair.client.write_all(REQUEST).await.unwrap();
            asked.notified().await;
            for _ in 0..5 * HEAD_LOOKS {
                pair.is_left_alone().await;
            }
            answer.notify_one();
            pair.hears("done").await;
        }
        pair.is_cut_by(HEAD_LOOKS).await;
    }

    #[tokio::test]
    async fn an_answer_that_goes_on_and_on_is_left_alone_until_it_ends() {
        let (send, parts) = mpsc::channel(1);
        let mut pair = Pair::new(streaming(parts)).await;
        pair.client.write_all(REQUEST).await.unwrap();
        for part in ["one", "another"] {
            send.send(Bytes::from(part)).await.unwrap();
            pair.hears(&format!("{part}\r\n")).await;
            for _ in 0..5 * HEAD_LOOKS {
                pair.is_left_alone().await;
            }
        }
        drop(send);
        pair.hears("0\r\n\r\n").await;
        pair.is_cut_by(HEAD_LOOKS).await;
    }

    #[tokio::test]
    async fn one_who_takes_nothing_of_the_answer_is_cut() {
        let (send, parts) = mpsc::channel(1);
        let mut pair = Pair::new(streaming(parts)).await;
        pair.client.write_all(REQUEST).await.unwrap();
        let piece = Bytes::from(vec![0; 1 << 20]);
        let is_stuck = || {
            let open = pair.serving.connections.open();
            open.all.values().any(|known| known.progress.waits_to_write())
        };
        // All that lies between takes some of it.
        while !is_stuck() {
            let _ = send.try_send(piece.clone());
            tokio::task::yield_now().await;
        }
        pair.is_cut_by(WRITE_LOOKS).await;
    }

    #[tokio::test]
    async fn one_that_leaves_by_itself_leaves_nothing_behind() {
        let mut pair = Pair::new(Router::new()).await;
        pair.client.shutdown().await.unwrap();
        let _ = pair.client.read_to_end(&mut Vec::new()).await;
        assert!(pair.serving.connections.open().all.is_empty());
        assert_eq!(pair.places.available_permits(), 1);
    }

    /// A runtime that stops drops what is spawned then at once.
    #[test]
    fn one_that_comes_while_the_runtime_stops_holds_up_nobody() {
        struct Last(Arc<Connections>);
        impl Drop for Last {
            fn drop(&mut self) {
                self.0.watch(Arc::default(), std::future::pending());
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let connections = Arc::<Connections>::default();
        let last = Last(connections.clone());
        runtime.spawn(async move {
            let _last = last;
            std::future::pending::<()>().await;
        });
        runtime.block_on(tokio::task::yield_now());
        drop(runtime);
        assert_eq!(connections.open().last, 1);
        assert!(connections.open().all.is_empty());
    }
}
