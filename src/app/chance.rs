//! Chance as an input: the operating system's, or what follows from a number, so that a test gives the same UUIDs
//! and secrets each time.

use super::accounts::{random_bytes, secret_of};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::{Builder, Uuid};

/// Clones share how much was drawn.
#[derive(Clone, Debug, Default)]
pub enum Chance {
    #[default]
    System,
    Seeded(Arc<Seeded>),
}

#[derive(Debug)]
pub struct Seeded {
    seed: Vec<u8>,
    drawn: AtomicU64,
}

impl Chance {
    /// The same seed gives the same draws, from the one after `drawn` on.
    pub fn seeded(seed: impl Into<Vec<u8>>, drawn: u64) -> Chance {
        Chance::Seeded(Arc::new(Seeded { seed: seed.into(), drawn: AtomicU64::new(drawn) }))
    }

    pub fn bytes(&self) -> [u8; 32] {
        match self {
            Chance::System => random_bytes(),
            Chance::Seeded(seeded) => {
                let place = seeded.drawn.fetch_add(1, Ordering::SeqCst);
                Sha256::new().chain_update(place.to_be_bytes()).chain_update(&seeded.seed).finalize().into()
            }
        }
    }

    /// A UUID of version 4.
    pub fn uuid(&self) -> Uuid {
        match self {
            Chance::System => Uuid::new_v4(),
            Chance::Seeded(_) => {
                let bytes = self.bytes();
                let first = bytes.first_chunk().expect("32 bytes are more than 16");
                Builder::from_random_bytes(*first).into_uuid()
            }
        }
    }

    /// Whether the same is to come out each time: what could be done in any order is then done one by one.
    pub fn is_seeded(&self) -> bool {
        matches!(self, Chance::Seeded(_))
    }

    /// 256 bits as URL-safe text.
    pub fn secret(&self) -> String {
        secret_of(self.bytes())
    }

    /// Draws again what was drawn after so much.
    pub fn rewind(&self, drawn: u64) {
        if let Chance::Seeded(seeded) = self {
            seeded.drawn.store(drawn, Ordering::SeqCst);
        }
    }

    /// How much was drawn so far.
    pub fn drawn(&self) -> u64 {
        match self {
            Chance::System => 0,
            Chance::Seeded(seeded) => seeded.drawn.load(Ordering::SeqCst),
        }
    }
}
