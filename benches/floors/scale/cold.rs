//! Cold reads: a server that was just started, the file's pages dropped from the system's cache, one request.
//! The kernel is asked to drop them (`posix_fadvise`), which needs no privileges; a disk's own cache stays.

use super::table::Want;
use super::{KEY, Scale, compared, median};
use crate::data::FILE;
use crate::load::fetch;
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::path::Path;

pub(super) fn measure(scale: &mut Scale<'_>) -> anyhow::Result<()> {
    let dir = scale.copy_of_large()?;
    let (mut starts, rounds) = (Vec::new(), scale.size.rounds);
    for (name, paths) in compared(&scale.large) {
        let mut took = Vec::new();
        for round in 0..rounds {
            forget(&dir)?;
            let server = scale.program.start(&dir, &[])?;
            starts.push(server.started_in.as_secs_f64() * 1000.0);
            forget(&dir)?;
            // Another one each time, far from the one before.
            let path = &paths[paths.len() * round / rounds];
            took.push(f64::from(fetch(server.address, KEY, path)?.micros) / 1000.0);
            server.kill()?;
        }
        scale.table.add(format!("cold, {name}"), median(took), "ms", Want::Nothing);
    }
    scale.table.add("cold, exec to the first 200", median(starts), "ms", Want::Nothing);
    Ok(())
}

fn forget(dir: &Path) -> anyhow::Result<()> {
    let file = File::open(dir.join(FILE))?;
    // Pages that are not on disk yet would stay.
    file.sync_all()?;
    Ok(fadvise(&file, 0, None, Advice::DontNeed)?)
}
