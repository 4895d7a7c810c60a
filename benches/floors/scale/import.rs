//! An import beside live messages: an export of some data goes into an organization that has nothing, on a server
//! whose other organization receives messages at an even pace.

use super::table::Want;
use super::{Scale, plan, sound};
use crate::data::{self, FILE, LARGE, NEWCOMER, OUR_NUMBER};
use crate::load::Measured;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Some 40 records come of a conversation.
const CONVERSATIONS: u64 = 20_000;
/// Live messages a second, on so many connections, looked at piece by piece.
const LIVE: f64 = 200.0;
const CONNECTIONS: usize = 16;
const PIECE_SECONDS: f64 = 3.0;

pub(super) fn measure(scale: &mut Scale<'_>) -> anyhow::Result<()> {
    let file = scale.run.path().join("import.ndjson");
    let records = exported(scale, &file)? as f64;
    let dir = scale.copy_of_small()?;
    let server = scale.program.start(&dir, &[])?;
    server.rest()?;
    let made = (scale.small.made.first_free, scale.small.made.existing);
    let mut live = plan(server.address, CONNECTIONS, PIECE_SECONDS, scale.messages(made.0, made.1, 2_000));
    live.per_second = Some(LIVE);
    let alone = sound(scale.load.ask(&live)?)?;

    let words = ["--organization", NEWCOMER, "import", file.to_str().unwrap_or_default()];
    let done = AtomicBool::new(false);
    let mut pieces: Vec<Measured> = Vec::new();
    let took = std::thread::scope(|scope| -> anyhow::Result<f64> {
        let (program, dir, done) = (&scale.program, &dir, &done);
        let importing = scope.spawn(move || {
            let began = Instant::now();
            let imported = program.run(dir, &words);
            done.store(true, Ordering::Relaxed);
            imported.map(|_| began.elapsed().as_secs_f64())
        });
        while !done.load(Ordering::Relaxed) {
            scale.sent += 1;
            if let crate::load::Requests::Webhooks(messages) = &mut live.requests {
                messages.first_new = made.0 + scale.sent * 1_000_000;
                messages.seed = 9_000_000 + scale.sent;
            }
            pieces.push(sound(scale.load.ask(&live)?)?);
        }
        importing.join().map_err(|_| anyhow::anyhow!("the import panicked"))?
    })?;
    let worst = pieces.iter().map(|piece| piece.p99_micros).max().unwrap_or(0);
    let remark = format!("{records:.0} records, checked and stored in {took:.1} s");
    scale.table.remark("import", records / took, "records/s", Want::AtLeast(50_000.0), remark);
    let remark = format!("the worst 3 s; {:.1} ms without an import", f64::from(alone.p99_micros) / 1000.0);
    let what = "p99 of 200 live messages a second beside it";
    scale.table.remark(what, f64::from(worst) / 1000.0, "ms", Want::AtMost(100.0), remark);
    server.stop()
}

/// An export with other numbers of ours, so that no number is in two organizations. Returns how many records.
fn exported(scale: &Scale<'_>, file: &Path) -> anyhow::Result<u64> {
    let data = data::prepared(&scale.target, CONVERSATIONS)?;
    let dir = scale.run.path().join("exported");
    fs::create_dir(&dir)?;
    fs::copy(data.dir.join(FILE), dir.join(FILE))?;
    let whole = dir.join("export.ndjson");
    let words = ["--organization", LARGE, "export", whole.to_str().unwrap_or_default()];
    scale.program.run(&dir, &words)?;
    let (input, mut output) = (BufReader::new(File::open(&whole)?), BufWriter::new(File::create(file)?));
    let mut records = 0;
    for line in input.lines() {
        // Those of the large organization's other assistants are all alike at the front.
        let line = line?.replace(OUR_NUMBER, "+15557770000").replace("+1555205", "+1555777");
        writeln!(output, "{line}")?;
        records += 1;
    }
    output.flush()?;
    fs::remove_dir_all(&dir)?;
    Ok(records)
}
