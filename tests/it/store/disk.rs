//! A disk in memory that can fail: it knows what is durable, what was written since, and takes
//! orders about which sync or write goes wrong and what a power cut then leaves.

use redb::StorageBackend;
use smslite::store::{DataDir, Location, OpenError, Store};
use std::io::{Error, ErrorKind, Result};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

pub const CACHE: usize = 4 << 20;
/// More conversations than these make another block of the list.
pub const BLOCK_ROWS: u32 = 4;
/// What real disks write as a whole.
const SECTOR: usize = 512;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Fault {
    #[default]
    None,
    /// From this sync on everything fails.
    FreezeAtSync(u64),
    /// This sync fails; what it should have made durable may be lost or still come through.
    FailSync { at: u64, lose: bool },
    /// This write fails, and nothing else.
    FailWrite(u64),
    /// This read fails, and nothing else.
    FailRead(u64),
    /// Nothing can be written any more; all can be read.
    ReadOnly,
    /// The file cannot grow any more.
    Full,
}

/// What a power cut does to the writes that were not yet made durable.
#[derive(Clone, Copy, Debug)]
pub enum Loss {
    None,
    All,
    /// Some are lost, in no order.
    Some(u64),
    /// Some are cut short at a sector's end, others lost.
    Torn(u64),
    /// All arrive, but an older one may win over a newer.
    Shuffled(u64),
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Change {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Change::Length(length) => image.resize(*length, 0),
            Change::Write(offset, bytes) => {
                let end = offset + bytes.len();
                if image.len() < end {
                    image.resize(end, 0);
                }
                image[*offset..end].copy_from_slice(bytes);
            }
        }
    }

    fn torn(&self, chance: u64) -> Change {
        match self {
            Change::Length(length) => Change::Length(*length),
            Change::Write(offset, bytes) => {
                let sectors = bytes.len() / SECTOR + 1;
                let kept = (chance as usize % sectors) * SECTOR;
                Change::Write(*offset, bytes[..kept].to_vec())
            }
        }
    }
}

#[derive(Debug, Default)]
struct State {
    durable: Vec<u8>,
    /// What a reader sees while the machine runs.
    present: Vec<u8>,
    unsynced: Vec<Change>,
    fault: Fault,
    frozen: bool,
    syncs: u64,
    writes: u64,
    reads: u64,
    openings: u64,
}

/// Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<(Mutex<State>, Condvar)>);

impl Disk {
    pub fn with(image: Vec<u8>) -> Disk {
        let disk = Disk::default();
        disk.state().durable.clone_from(&image);
        disk.state().present = image;
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap()
    }

    pub fn location(&self) -> Location {
        let disk = self.clone();
        Location::Backend(Arc::new(move || {
            let mut state = disk.state();
            state.openings += 1;
            disk.0.1.notify_all();
            let frozen = state.frozen;
            drop(state);
            if frozen { Err(broken()) } else { Ok(Box::new(Handle(disk.clone()))) }
        }))
    }

    pub fn open(&self) -> std::result::Result<Store, OpenError> {
        Store::open_with(self.location(), CACHE, BLOCK_ROWS)
    }

    /// A handle for the engine itself.
    pub fn handle(&self) -> Handle {
        Handle(self.clone())
    }

    /// Counts from now on.
    pub fn set_fault(&self, fault: Fault) {
        let mut state = self.state();
        state.fault = fault;
        (state.syncs, state.writes, state.reads) = (0, 0, 0);
    }

    /// Breaks for good, until it is repaired.
    pub fn freeze(&self) {
        self.state().frozen = true;
    }

    pub fn repair(&self) {
        let mut state = self.state();
        state.frozen = false;
        state.fault = Fault::None;
    }

    pub fn is_frozen(&self) -> bool {
        self.state().frozen
    }

    /// Whether the fault's turn has come.
    pub fn has_struck(&self) -> bool {
        let state = self.state();
        match state.fault {
            Fault::None => false,
            Fault::ReadOnly | Fault::Full => true,
            Fault::FreezeAtSync(at) | Fault::FailSync { at, .. } => state.syncs >= at,
            Fault::FailWrite(at) => state.writes >= at,
            Fault::FailRead(at) => state.reads >= at,
        }
    }

    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    pub fn openings(&self) -> u64 {
        self.state().openings
    }

    /// Waits until it was opened more often than `before`; false: nobody came.
    pub fn wait_for_opening(&self, before: u64) -> bool {
        let (state, opened) = &*self.0;
        let patience = Duration::from_secs(20);
        let waited = opened.wait_timeout_while(state.lock().unwrap(), patience, |s| s.openings <= before);
        !waited.unwrap().1.timed_out()
    }

    /// What the machine finds on it after a power cut now.
    pub fn image(&self, loss: Loss) -> Vec<u8> {
        let state = self.state();
        let mut image = state.durable.clone();
        let mut changes = state.unsynced.clone();
        match loss {
            Loss::None => {}
            Loss::All => changes.clear(),
            Loss::Some(seed) => {
                let mut chance = Chance(seed);
                changes.retain(|_| chance.next().is_multiple_of(2));
            }
            Loss::Torn(seed) => {
                let mut chance = Chance(seed);
                changes = changes.iter().map(|change| change.torn(chance.next())).collect();
            }
            Loss::Shuffled(seed) => {
                let mut chance = Chance(seed);
                changes.sort_by_cached_key(|_| chance.next());
            }
        }
        changes.iter().for_each(|change| change.apply(&mut image));
        image
    }
}

/// Reproducible chance (SplitMix64).
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn broken() -> Error {
    Error::other("the disk is broken")
}

/// What the engine holds.
#[derive(Debug)]
pub struct Handle(Disk);

impl Handle {
    /// The disk, if it works.
    fn working(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.0.state();
        if state.frozen { Err(broken()) } else { Ok(state) }
    }

    /// The disk, if it takes writes.
    fn writable(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.working()?;
        if state.fault == Fault::ReadOnly { Err(ErrorKind::ReadOnlyFilesystem.into()) } else { Ok(state) }
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> Result<u64> {
        Ok(self.working()?.present.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let mut state = self.working()?;
        state.reads += 1;
        if state.fault == Fault::FailRead(state.reads) {
            return Err(broken());
        }
        let start = offset as usize;
        let bytes = state.present.get(start..start + out.len());
        out.copy_from_slice(bytes.ok_or_else(|| Error::other("read beyond the end"))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut state = self.writable()?;
        if state.fault == Fault::Full && len as usize > state.present.len() {
            return Err(ErrorKind::StorageFull.into());
        }
        let change = Change::Length(len as usize);
        change.apply(&mut state.present);
        state.unsynced.push(change);
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        let mut state = self.writable()?;
        state.syncs += 1;
        match state.fault {
            Fault::FreezeAtSync(at) if at == state.syncs => {
                state.frozen = true;
                return Err(broken());
            }
            Fault::FailSync { at, lose } if at == state.syncs => {
                if lose {
                    state.unsynced.clear();
                    state.present = state.durable.clone();
                }
                return Err(broken());
            }
            _ => {}
        }
        state.unsynced.clear();
        state.durable = state.present.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut state = self.writable()?;
        state.writes += 1;
        if state.fault == Fault::FailWrite(state.writes) {
            return Err(broken());
        }
        let change = Change::Write(offset as usize, data.to_vec());
        change.apply(&mut state.present);
        state.unsynced.push(change);
        Ok(())
    }
}

pub fn open_dir(path: &Path) -> Store {
    // Children that other tests start hold what is open here until they become what they are.
    for _ in 0..200 {
        let open = |dir| Store::open_with(Location::Directory(Arc::new(dir)), CACHE, BLOCK_ROWS);
        match DataDir::take(path).and_then(open) {
            Err(OpenError::Held { .. }) => std::thread::sleep(std::time::Duration::from_millis(10)),
            opened => return opened.unwrap(),
        }
    }
    panic!("{} is held", path.display())
}
