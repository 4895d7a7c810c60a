//! How a connection gets on: what it is waiting for, counted in looks at it, each [`LOOK_EVERY`] after the one before.

use axum::body::Body;
use http::Response;
use http_body::Body as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

pub(super) const LOOK_EVERY: Duration = Duration::from_secs(15);
/// A connection may take 75 to 90 seconds until the head of the next request is there.
pub(super) const HEAD_LOOKS: u32 = 6;
/// The other end may take nothing of what is written to it for 60 to 75 seconds.
pub(super) const WRITE_LOOKS: u32 = 5;

/// How a connection gets on: written by it, looked at by `Connections::look`.
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
    pub(super) fn is_spent(&self) -> bool {
        looked(&self.head) >= HEAD_LOOKS || looked(&self.write) >= WRITE_LOOKS
    }

    pub(super) fn begin(&self) {
        self.head.store(NOT_WAITING, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(super) fn waits_to_write(&self) -> bool {
        self.write.load(Ordering::Relaxed) != NOT_WAITING
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

/// The next request is waited for from now on, or, if the answer goes on and on, from its end.
pub(super) fn until_it_ends(response: Response<Body>, progress: Arc<Progress>) -> Response<Body> {
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
pub(super) struct Watched {
    pub(super) stream: TcpStream,
    pub(super) progress: Arc<Progress>,
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
