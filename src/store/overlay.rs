//! A storage that is only read: what the engine writes is kept in memory and gone with it. So a file is looked
//! through, and even recovered, without a byte of it being changed.

use redb::StorageBackend;
use std::collections::HashMap;
use std::io::Result;
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

const BLOCK: usize = 4096;

/// Is told how many bytes were read.
type Tell = dyn Fn(u64) + Send + Sync;

pub(super) struct Overlay {
    below: Box<dyn StorageBackend>,
    written: RwLock<Written>,
    tell: Box<Tell>,
}

struct Written {
    length: u64,
    /// Up to here, what is not in a block is as it is below; beyond are zeros.
    below: u64,
    blocks: HashMap<u64, Box<[u8; BLOCK]>>,
}

impl std::fmt::Debug for Overlay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Overlay")
    }
}

impl Overlay {
    pub(super) fn over(
        below: Box<dyn StorageBackend>,
        tell: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<Overlay> {
        let length = below.len()?;
        let written = RwLock::new(Written { length, below: length, blocks: HashMap::new() });
        Ok(Overlay { below, written, tell: Box::new(tell) })
    }

    fn written(&self) -> RwLockWriteGuard<'_, Written> {
        self.written.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_below(&self, until: u64, offset: u64, out: &mut [u8]) -> Result<()> {
        let there = usize::try_from(until.saturating_sub(offset)).unwrap_or(usize::MAX).min(out.len());
        out[there..].fill(0);
        if there == 0 { Ok(()) } else { self.below.read(offset, &mut out[..there]) }
    }
}

/// Of `length` bytes from `offset` on, the piece in each block: its number, the place in the block, the place in
/// the bytes, its length.
fn pieces(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let position = offset + at as u64;
        let inside = (position % BLOCK as u64) as usize;
        let piece = (BLOCK - inside).min(length - at);
        let found = (piece > 0).then_some((position / BLOCK as u64, inside, at, piece));
        at += piece;
        found
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> Result<u64> {
        Ok(self.written().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        (self.tell)(out.len() as u64);
        let written = self.written.read().unwrap_or_else(PoisonError::into_inner);
        self.read_below(written.below, offset, out)?;
        for (number, inside, at, length) in pieces(offset, out.len()) {
            if let Some(block) = written.blocks.get(&number) {
                out[at..at + length].copy_from_slice(&block[inside..inside + length]);
            }
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<()> {
        let mut written = self.written();
        written.length = length;
        written.below = written.below.min(length);
        let kept = length.div_ceil(BLOCK as u64);
        written.blocks.retain(|number, _| *number < kept);
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut written = self.written();
        for (number, inside, at, length) in pieces(offset, data.len()) {
            if !written.blocks.contains_key(&number) {
                let mut block = Box::new([0; BLOCK]);
                self.read_below(written.below, number * BLOCK as u64, &mut block[..])?;
                written.blocks.insert(number, block);
            }
            if let Some(block) = written.blocks.get_mut(&number) {
                block[inside..inside + length].copy_from_slice(&data[at..at + length]);
            }
        }
        Ok(())
    }
}
