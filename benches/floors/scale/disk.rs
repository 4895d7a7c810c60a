//! What a stored message takes on disk once the file is compacted: with its share of everything but the raw
//! payloads, which are told apart.

use super::table::Want;
use super::{Scale, free_bytes};
use crate::data::FILE;
use anyhow::ensure;
use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableHandle};
use std::fs;
use std::path::Path;
use std::time::Instant;

/// What carriers really sent.
const RAW: [&str; 2] = ["raw_payloads", "audit_payloads"];

pub(super) fn measure(scale: &mut Scale<'_>) -> anyhow::Result<()> {
    let dir = scale.copy_of_large()?;
    let before = fs::metadata(dir.join(FILE))?.len();
    let free = free_bytes(&dir)?;
    ensure!(free > before, "compacting wants {} MB, and the disk has {}", before >> 20, free >> 20);
    let began = Instant::now();
    scale.program.run(&dir, &["compact"])?;
    scale.table.add("compacting", began.elapsed().as_secs_f64(), "s", Want::Nothing);
    let file = fs::metadata(dir.join(FILE))?.len() as f64;
    let remark = format!("{:.0} MB before", before as f64 / 1e6);
    scale.table.remark("the file, compacted", file / 1e6, "MB", Want::Nothing, remark);

    let tables = tables(&dir.join(FILE))?;
    let messages = tables.iter().find(|table| table.name == "message_logs").map_or(0, |table| table.rows);
    ensure!(messages > 0, "there are no messages");
    let raw: f64 = tables.iter().filter(|table| RAW.contains(&table.name.as_str())).map(|it| it.bytes).sum();
    let each = |bytes: f64| bytes / messages as f64;
    let what = "disk, a stored message, compacted, raw payloads apart";
    scale.table.add(what, each(file - raw), "bytes", Want::AtMost(700.0));
    scale.table.add("disk, raw payloads, of a message", each(raw), "bytes", Want::Nothing);
    for table in tables {
        let figures = vec![
            ("rows", table.rows as f64),
            ("bytes of a message", each(table.bytes)),
            ("of these stored", each(table.stored)),
        ];
        scale.table.detail("tables, compacted", table.name, figures);
    }
    Ok(())
}

struct OnDisk {
    name: String,
    rows: u64,
    /// With what its pages are made of and have free.
    bytes: f64,
    /// Keys and values.
    stored: f64,
}

fn tables(file: &Path) -> anyhow::Result<Vec<OnDisk>> {
    let database = Database::open(file)?;
    let txn = database.begin_read()?;
    let mut tables = Vec::new();
    for table in txn.list_tables()? {
        let name = table.name().to_owned();
        let table = txn.open_untyped_table(table)?;
        let (rows, stats) = (table.len()?, table.stats()?);
        let bytes = stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes();
        tables.push(OnDisk { name, rows, bytes: bytes as f64, stored: stats.stored_bytes() as f64 });
    }
    tables.retain(|table| table.rows > 0);
    tables.sort_by(|one, other| other.bytes.total_cmp(&one.bytes));
    Ok(tables)
}
