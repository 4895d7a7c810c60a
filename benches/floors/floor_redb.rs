//! The floor under the inbound messages: bare redb that commits their rows into a copy of the same file.
//! Clients are threads that put an order into a bounded queue and wait; one writer takes what queued up
//! while the last commit ran, writes it in one transaction, commits, answers: smslite's group commit with
//! nothing around it. It asks nothing before it writes, decides nothing and encodes nothing.

use crate::data::{Sender, sender};
use crate::dice::Dice;
use crate::floor_rows::{Rows, Tables};
use crate::load::{Measured, Messages};
use crate::process::{answer, tell};
use anyhow::Context;
use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableHandle};
use serde::{Deserialize, Serialize};
use smslite::config::Settings;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Barrier, Mutex};
use std::time::Instant;
use tokio::sync::oneshot;

/// As smslite's writer has them.
const QUEUE: usize = 4096;
const BATCH: usize = 512;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Commits {
    pub clients: usize,
    pub seconds: f64,
    pub messages: Messages,
}

/// One message to be written.
struct Order {
    sender: Sender,
    sid: [u8; 16],
    done: oneshot::Sender<()>,
}

/// Carries out one question a line on one open database.
pub(crate) fn bare_redb(file: &Path) -> anyhow::Result<()> {
    let mut builder = Database::builder();
    builder.set_cache_size(Settings::default().cache_bytes);
    let database = builder.open(file)?;
    let mut rows = Rows::read(&database.begin_read()?)?;
    tell(&"ready")?;
    answer(|commits: Commits| run(&database, &mut rows, &commits))
}

fn run(database: &Database, rows: &mut Rows, commits: &Commits) -> anyhow::Result<Measured> {
    let (queue, orders) = sync_channel::<Order>(QUEUE);
    let start = Barrier::new(commits.clients + 1);
    let (micros, errors) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let began = std::thread::scope(|scope| {
        for place in 0..commits.clients as u64 {
            let (queue, start, micros, errors) = (queue.clone(), &start, &micros, &errors);
            scope.spawn(move || {
                start.wait();
                match client(commits, place, &queue) {
                    Ok(own) => micros.lock().expect("no client panics").extend(own),
                    Err(error) => errors.lock().expect("no client panics").push(error.to_string()),
                }
            });
        }
        drop(queue);
        start.wait();
        let began = Instant::now();
        write(database, rows, &orders).map(|()| began)
    })?;
    let seconds = began.elapsed().as_secs_f64();
    let (micros, errors) = (micros.into_inner()?, errors.into_inner()?);
    Ok(Measured::of(micros, errors, seconds))
}

/// One client: an order, its answer, the next order. Returns how long each took, in microseconds.
fn client(commits: &Commits, place: u64, queue: &SyncSender<Order>) -> anyhow::Result<Vec<u32>> {
    let mut dice = Dice::new(commits.messages.seed + (place << 32));
    let share = commits.messages.most / commits.clients as u64;
    let mut next_new = commits.messages.first_new + place * share;
    let (began, mut micros) = (Instant::now(), Vec::new());
    while began.elapsed().as_secs_f64() < commits.seconds && (micros.len() as u64) < share {
        let sender = sender(&mut dice, commits.messages.existing, &mut next_new);
        let mut sid = [0; 16];
        sid[..8].copy_from_slice(&dice.roll().to_be_bytes());
        sid[8..].copy_from_slice(&dice.roll().to_be_bytes());
        let (done, answered) = oneshot::channel();
        let asked = Instant::now();
        queue.try_send(Order { sender, sid, done }).ok().context("the queue is full or closed")?;
        answered.blocking_recv().context("the writer has stopped")?;
        micros.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    Ok(micros)
}

/// The writer: until every client is gone.
fn write(database: &Database, rows: &mut Rows, orders: &Receiver<Order>) -> anyhow::Result<()> {
    while let Ok(first) = orders.recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH {
            match orders.try_recv() {
                Ok(order) => batch.push(order),
                Err(_) => break,
            }
        }
        commit(database, rows, &batch)?;
        for order in batch {
            // A client that has gone wants no answer.
            let _ = order.done.send(());
        }
    }
    Ok(())
}

fn commit(database: &Database, rows: &mut Rows, batch: &[Order]) -> anyhow::Result<()> {
    let mut txn = database.begin_write()?;
    txn.set_quick_repair(true);
    {
        let mut tables = Tables::open(&txn)?;
        for order in batch {
            let now = chrono::Utc::now().timestamp_micros().cast_unsigned();
            rows.write(&mut tables, order.sender, &order.sid, now)?;
        }
        rows.finish(&mut tables)?;
    }
    txn.commit()?;
    Ok(())
}

/// How many rows each table of a closed file has.
pub(crate) fn count_rows(file: &Path) -> anyhow::Result<BTreeMap<String, u64>> {
    let database = Database::open(file).with_context(|| file.display().to_string())?;
    let txn = database.begin_read()?;
    let mut counts = BTreeMap::new();
    for table in txn.list_tables()? {
        let name = table.name().to_owned();
        counts.insert(name, txn.open_untyped_table(table)?.len()?);
    }
    Ok(counts)
}
