//! How long from exec to the first 200 of `/health`: on nothing, on much after a clean stop, on much after SIGKILL
//! under load. And the memory of a server that has nothing to do.

use super::program::Memory;
use super::table::Want;
use super::{Scale, median, plan};
use crate::load::Measured;
use std::fs;
use std::time::Duration;

/// What a start leaves is given back by then.
const IDLE: Duration = Duration::from_secs(60);
/// How many starts of each kind.
const STARTS: usize = 5;
/// A kill comes this long after the load began.
const UNDER_LOAD: Duration = Duration::from_secs(2);
/// It has begun when the server wrote so many bytes.
const BEGUN: f64 = 1e6;

pub(super) fn measure(scale: &mut Scale<'_>) -> anyhow::Result<()> {
    on_nothing(scale)?;
    let dir = scale.copy_of_large()?;
    let mut after_stop = Vec::new();
    for start in 0..=STARTS {
        let server = scale.program.start(&dir, &[])?;
        // The first may find what a kill left.
        if start > 0 {
            after_stop.push(milliseconds(server.started_in));
        }
        server.stop()?;
    }
    let what = "exec to the first 200, on much, after a clean stop";
    scale.table.add(what, median(after_stop), "ms", Want::AtMost(150.0));

    let (mut after_kill, made) = (Vec::new(), (scale.large.made.first_free, scale.large.made.existing));
    for _ in 0..STARTS {
        let server = scale.program.start(&dir, &[])?;
        let address = server.address;
        let messages = scale.messages(made.0, made.1, 60_000);
        let load = &mut scale.load;
        let sent: anyhow::Result<Measured> = std::thread::scope(|scope| {
            let sending = scope.spawn(|| load.ask(&plan(address, 64, 60.0, messages)));
            // The requests are written out first.
            let before = server.usage()?.written_bytes;
            while server.usage()?.written_bytes < before + BEGUN && !sending.is_finished() {
                std::thread::sleep(Duration::from_millis(20));
            }
            std::thread::sleep(UNDER_LOAD);
            server.kill()?;
            sending.join().map_err(|_| anyhow::anyhow!("the load panicked"))?
        });
        anyhow::ensure!(sent?.answered > 0, "there was no load");
        let server = scale.program.start(&dir, &[])?;
        after_kill.push(milliseconds(server.started_in));
        server.stop()?;
    }
    let longest = after_kill.iter().copied().fold(0.0, f64::max);
    let what = "exec to the first 200, on much, after SIGKILL under load, the longest";
    scale.table.add(what, longest / 1000.0, "s", Want::AtMost(3.0));
    Ok(())
}

fn on_nothing(scale: &mut Scale<'_>) -> anyhow::Result<()> {
    let (mut starts, mut at_once, mut idle) = (Vec::new(), Memory::default(), Memory::default());
    for start in 0..=STARTS {
        let dir = scale.run.path().join("nothing");
        fs::create_dir(&dir)?;
        let server = scale.program.start(&dir, &[])?;
        // The first has the program itself read from disk.
        if start > 0 {
            starts.push(milliseconds(server.started_in));
        }
        if start == STARTS {
            server.rest()?;
            at_once = server.memory()?;
            std::thread::sleep(IDLE);
            idle = server.memory()?;
        }
        server.stop()?;
        fs::remove_dir_all(&dir)?;
    }
    let what = "exec to the first 200, on an empty directory";
    scale.table.add(what, median(starts), "ms", Want::AtMost(30.0));
    let remark = format!(
        "{:.1} MB without the pages of the program's file; {:.1} MB right after the start",
        idle.anonymous / 1e6,
        at_once.resident / 1e6
    );
    scale.table.remark("memory, idle, empty", idle.resident / 1e6, "MB", Want::AtMost(20.0), remark);
    Ok(())
}

fn milliseconds(took: Duration) -> f64 {
    took.as_secs_f64() * 1000.0
}
