//! Resident memory under mixed load on much data, and what a live session takes.

use super::table::Want;
use super::{KEY, Scale, compared, plan, reads, sound};
use crate::process::Role;
use std::process::Stdio;

/// As the target says.
const CACHE_BYTES: &str = "67108864";
/// The least there may be: it is full early, so that what grows later are the sessions.
const LEAST_CACHE_BYTES: &str = "1048576";
const MIXED_SECONDS: f64 = 20.0;
/// Sessions before the first look and between both.
const SESSIONS_BEFORE: u64 = 30_000;
const SESSIONS: u64 = 100_000;

/// Every read and inbound messages at the same time.
pub(super) fn measure(scale: &mut Scale<'_>) -> anyhow::Result<()> {
    let dir = scale.copy_of_large()?;
    let server = scale.program.start(&dir, &[("SMSLITE_CACHE_BYTES", CACHE_BYTES)])?;
    let address = server.address;
    let made = &scale.large.made;
    let (free, existing) = (made.first_free, made.existing);
    // As often one as the other: of each read as many paths.
    let all: Vec<Vec<String>> = compared(&scale.large).into_iter().map(|(_, paths)| paths).collect();
    let mixed = (0..1_000).flat_map(|turn| all.iter().map(move |paths| paths[turn % paths.len()].clone()));
    let reading = plan(address, 16, MIXED_SECONDS, reads(KEY, mixed.collect()));
    let messages = scale.messages(free, existing, 400_000);
    let writing = plan(address, 16, MIXED_SECONDS, messages);
    let mut second = Role::start(&["load"], Stdio::inherit())?;
    let (read, written) = std::thread::scope(|scope| {
        let written = scope.spawn(|| second.ask(&writing));
        let read = scale.load.ask(&reading);
        (read, written.join().map_err(|_| anyhow::anyhow!("the load panicked")))
    });
    let (read, written) = (sound(read?)?, sound(written??)?);
    second.stop()?;
    let memory = server.memory()?;
    let remark = format!("{:.0} reads and {:.0} messages a second", read.per_second(), written.per_second());
    scale.table.remark(
        "memory, mixed load on much, the most",
        memory.most / 1e6,
        "MB",
        Want::AtMost(200.0),
        remark,
    );
    scale.table.add("memory, mixed load on much, at its end", memory.resident / 1e6, "MB", Want::Nothing);
    server.stop()
}

/// What memory grows by with each customer who has a session.
pub(super) fn sessions(scale: &mut Scale<'_>) -> anyhow::Result<()> {
    let dir = scale.copy_of_small()?;
    let server = scale.program.start(&dir, &[("SMSLITE_CACHE_BYTES", LEAST_CACHE_BYTES)])?;
    let free = scale.small.made.first_free;
    let mut memory = Vec::new();
    for count in [SESSIONS_BEFORE, SESSIONS] {
        // It ends when all are sent.
        let messages = scale.messages(free, 0, count);
        let sent = sound(scale.load.ask(&plan(server.address, 64, 600.0, messages))?)?;
        anyhow::ensure!(sent.answered == count, "not every session was begun");
        server.rest()?;
        memory.push(server.memory()?.resident);
    }
    let each = (memory[1] - memory[0]) / SESSIONS as f64;
    scale.table.add("memory of a live session", each, "bytes", Want::AtMost(450.0));
    server.stop()
}
