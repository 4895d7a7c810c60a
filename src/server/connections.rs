//! Connections: how one is served, and how long the other end may take. No request sets an alarm of its own: all
//! connections are looked at together every few seconds, and one that got nowhere for too many looks is cut.

use crate::web::routes::Served;
use crate::web::{Peer, request_id};
use axum::body::Body;
use futures_util::FutureExt;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulConnection;
use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

const LOOK_EVERY: Duration = Duration::from_secs(15);
/// A connection may take 60 to 75 seconds until the head of the next request is there.
const HEAD_LOOKS: u32 = 5;
/// The other end may take nothing of what is written to it for 45 to 60 seconds.
const WRITE_LOOKS: u32 = 4;
/// Where passwords are tried: budgets are kept for each address.
const SIGN_IN: &str = "/api/auth/";

/// Those that are open.
#[derive(Default)]
pub(super) struct Connections {
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    last: u64,
    all: HashMap<u64, (Arc<Progress>, AbortHandle)>,
}

impl Connections {
    /// Spawns `serving`, which tells how it gets on by `progress`, and cuts it once it gets on no longer.
    pub(super) fn watch(
        self: &Arc<Self>,
        progress: Arc<Progress>,
        serving: impl Future<Output = ()> + Send + 'static,
    ) {
        let mut open = self.open();
        open.last += 1;
        let (id, entry) = (open.last, Entry { id: open.last, connections: self.clone() });
        let task = tokio::spawn(async move {
            let _entry = entry;
            serving.await;
        });
        // It is held until here, so that one that ends at once finds itself.
        open.all.insert(id, (progress, task.abort_handle()));
    }

    /// Looks at all of them from time to time, for ever.
    pub(super) async fn look(self: Arc<Self>) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            looks.tick().await;
            for (progress, task) in self.open().all.values() {
                if progress.is_spent() {
                    task.abort();
                }
            }
        }
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Open> {
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

/// How a connection gets on: written by it, looked at by [`Connections::look`].
pub(super) struct Progress {
    /// Looks since the next request's head is waited for; [`NOT_WAITING`] while one is answered.
    head: AtomicU32,
    /// Looks since the other end takes nothing.
    write: AtomicU32,
}

const NOT_WAITING: u32 = u32::MAX;

impl Default for Progress {
    fn default() -> Progress {
        Progress { head: AtomicU32::new(0), write: AtomicU32::new(NOT_WAITING) }
    }
}

impl Progress {
    fn is_spent(&self) -> bool {
        looked(&self.head) >= HEAD_LOOKS || looked(&self.write) >= WRITE_LOOKS
    }

    fn begin(&self) {
        self.head.store(NOT_WAITING, Ordering::Relaxed);
    }

    fn end(&self) {
        self.head.store(0, Ordering::Relaxed);
    }

    fn wrote(&self, something: bool) {
        let waits = self.write.load(Ordering::Relaxed) != NOT_WAITING;
        if something == waits {
            self.write.store(if something { NOT_WAITING } else { 0 }, Ordering::Relaxed);
        }
        // A long answer is still on its way: the next request is not due yet.
        if something && !matches!(self.head.load(Ordering::Relaxed), 0 | NOT_WAITING) {
            self.head.store(0, Ordering::Relaxed);
        }
    }
}

/// Counts one more look of what is waited for. 0: nothing is.
fn looked(looks: &AtomicU32) -> u32 {
    let seen = looks.load(Ordering::Relaxed);
    if seen == NOT_WAITING {
        return 0;
    }
    // If it went on in between, that counts.
    let counted = looks.compare_exchange(seen, seen + 1, Ordering::Relaxed, Ordering::Relaxed);
    counted.map_or(0, |seen| seen + 1)
}

/// What every connection of a listener is served by.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) served: Served,
    /// Whether the handlers want to know who is at the other end.
    pub(super) tell_peer: bool,
    pub(super) stopping: Arc<AtomicBool>,
}

impl Serving {
    pub(super) fn connection(
        &self,
        stream: TcpStream,
        peer: IpAddr,
        progress: Arc<Progress>,
    ) -> impl GracefulConnection<Error = hyper::Error> + use<> {
        // Small answers should not wait for more to send; it is only slower if that cannot be had.
        let _ = stream.set_nodelay(true);
        let stream = Watched { stream, progress: progress.clone() };
        let Serving { served, tell_peer, stopping } = self.clone();
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

/// The next request is waited for from now on, or, if the answer goes on and on, from its end.
fn until_it_ends(response: Response<Body>, progress: Arc<Progress>) -> Response<Body> {
    if response.body().size_hint().exact().is_some() {
        progress.end();
        return response;
    }
    let under_way = UnderWay(progress);
    response.map(|body| {
        Body::new(http_body_util::BodyExt::map_frame(body, move |frame| {
            let _ = &under_way;
            frame
        }))
    })
}

struct UnderWay(Arc<Progress>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A stream that tells whether it gets rid of what is written to it.
struct Watched {
    stream: TcpStream,
    progress: Arc<Progress>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.progress.wrote(written.is_ready());
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks_until_spent(progress: &Progress) -> u32 {
        (1..100).find(|_| progress.is_spent()).unwrap_or(0)
    }

    #[test]
    fn who_sends_no_request_is_cut_and_who_is_answered_is_not() {
        let progress = Progress::default();
        assert_eq!(looks_until_spent(&progress), HEAD_LOOKS);
        progress.begin();
        assert_eq!(looks_until_spent(&progress), 0);
        progress.end();
        assert_eq!(looks_until_spent(&progress), HEAD_LOOKS);
    }

    #[test]
    fn who_takes_nothing_is_cut_and_who_takes_little_is_not() {
        let progress = Progress::default();
        progress.begin();
        progress.wrote(false);
        for _ in 0..50 {
            assert!(!progress.is_spent());
            // Tried again, in vain: that is no progress.
            progress.wrote(false);
            progress.wrote(true);
            progress.wrote(false);
        }
        assert_eq!(looks_until_spent(&progress), WRITE_LOOKS);
    }

    #[test]
    fn a_long_answer_that_gets_on_is_not_taken_for_a_request_that_does_not_come() {
        let progress = Progress::default();
        progress.begin();
        // It is whole, and in hyper's hands.
        progress.end();
        for _ in 0..50 {
            assert!(!progress.is_spent());
            progress.wrote(true);
        }
    }
}
