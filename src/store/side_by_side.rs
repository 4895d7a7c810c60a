//! A wide read done in pieces, on several threads: what no index tells, only looking at every row does.

use super::error::ReadError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A thread of its own is not worth while for fewer.
const PIECES_A_THREAD: usize = 4;
const THREADS: usize = 4;

/// Does this to each piece, and returns what came of them in their order.
pub(super) fn side_by_side<P: Sync, T: Send>(
    pieces: &[P],
    read: impl Fn(&P) -> Result<T, ReadError> + Sync,
) -> Result<Vec<T>, ReadError> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, T)>, ReadError> {
        let mut made = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(piece) = pieces.get(at) else { return Ok(made) };
            made.push((at, read(piece)?));
        }
    };
    let threads = THREADS.min(pieces.len().div_ceil(PIECES_A_THREAD));
    if threads <= 1 {
        return pieces.iter().map(read).collect();
    }
    // To ask for the cores reads some files.
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(threads);
    let mut made = std::thread::scope(|scope| -> Result<Vec<(usize, T)>, ReadError> {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut made = work()?;
        for other in others {
            made.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(made)
    })?;
    made.sort_unstable_by_key(|(at, _)| *at);
    Ok(made.into_iter().map(|(_, result)| result).collect())
}
