//! A backup: one file of frames, each compressed and chained to those before it by a checksum, so that none
//! can be changed, left out or put elsewhere unnoticed.
//!
//! | frame | payload |
//! |---|---|
//! | head | JSON: what made it, when, of which format, the tables' names in the order of their numbers |
//! | rows | rows, by table and key, as one commit left them |
//! | end | JSON: how many rows. A file without it is cut short |
//! | tail | the time, then the rows that later commits wrote, in their order |
//!
//! Tails come only where somebody follows. Whatever follows the last whole one was not written to its end.

mod follow;
mod read;
mod receive;
mod restore;

pub use follow::Follower;
pub(super) use follow::{Listener, Teller, line};
pub use read::BackupError;
pub use receive::{Received, receive};
pub use restore::{Proving, Restored, restore};

use super::open::FORMAT;
use super::rows::Row;
use super::snapshot::Snapshot;
use super::tables::NAMES;
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::Write;

const MAGIC: &[u8; 16] = b"smslite backup\x01\n";
/// So many bytes of rows make a frame.
const FRAME_BYTES: usize = 256 << 10;
/// Rows are at most some megabytes long.
const LONGEST: u32 = 256 << 20;
const CHAIN: usize = 16;
/// The fastest: writers should not wait for a processor.
const LEVEL: i32 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Head = 1,
    Rows = 2,
    End = 3,
    Tail = 4,
}

#[derive(Serialize, Deserialize)]
struct Head {
    smslite: String,
    format: u32,
    created_at: Timestamp,
    tables: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct End {
    rows: u64,
}

fn chained(before: &[u8; CHAIN], kind: u8, length: u32, payload: &[u8]) -> [u8; CHAIN] {
    let hashed = Sha256::new().chain_update(before).chain_update([kind]);
    let digest = hashed.chain_update(length.to_le_bytes()).chain_update(payload).finalize();
    let mut chain = [0; CHAIN];
    chain.copy_from_slice(&digest[..CHAIN]);
    chain
}

/// Writes the frames of one backup.
struct Frames<W> {
    out: W,
    chain: [u8; CHAIN],
}

impl<W: Write> Frames<W> {
    fn write(&mut self, kind: Kind, content: &[u8]) -> Result<(), BackupError> {
        let payload = zstd::bulk::compress(content, LEVEL)?;
        let length = u32::try_from(payload.len()).map_err(std::io::Error::other)?;
        self.chain = chained(&self.chain, kind as u8, length, &payload);
        self.out.write_all(&[kind as u8])?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&payload)?;
        self.out.write_all(&self.chain)?;
        Ok(())
    }

    fn json(&mut self, kind: Kind, content: &impl Serialize) -> Result<(), BackupError> {
        self.write(kind, &serde_json::to_vec(content).map_err(std::io::Error::from)?)
    }
}

/// Writes every row of a snapshot, every organization's. `turn` is called between frames: writers may want
/// the processor. Returns how many rows there were.
pub fn write(
    snapshot: &Snapshot,
    now: Timestamp,
    out: impl Write,
    turn: impl FnMut(),
) -> Result<u64, BackupError> {
    whole(snapshot, now, out, turn).map(|(rows, _)| rows)
}

fn whole<W: Write>(
    snapshot: &Snapshot,
    now: Timestamp,
    mut out: W,
    mut turn: impl FnMut(),
) -> Result<(u64, Frames<W>), BackupError> {
    out.write_all(MAGIC)?;
    let mut frames = Frames { out, chain: [0; CHAIN] };
    frames.json(
        Kind::Head,
        &Head {
            smslite: env!("CARGO_PKG_VERSION").to_owned(),
            format: FORMAT,
            created_at: now,
            tables: NAMES.iter().map(|name| (*name).to_owned()).collect(),
        },
    )?;
    let (mut rows, mut waiting) = (0, Vec::with_capacity(FRAME_BYTES + FRAME_BYTES / 4));
    snapshot.tables.each(|row: Row<'_>| {
        rows += 1;
        row.append(&mut waiting);
        if waiting.len() >= FRAME_BYTES {
            frames.write(Kind::Rows, &waiting)?;
            waiting.clear();
            turn();
        }
        Ok::<(), BackupError>(())
    })?;
    if !waiting.is_empty() {
        frames.write(Kind::Rows, &waiting)?;
    }
    frames.json(Kind::End, &End { rows })?;
    frames.out.flush()?;
    Ok((rows, frames))
}
