//! Where log lines go: stderr, readable on a terminal, JSON otherwise. `RUST_LOG` chooses how much;
//! the default is `info`. Numbers are masked where they are logged; bodies and secrets never are.
//!
//! Logging never holds up or ends anything: a thread of its own writes; when nobody reads stderr, or
//! its disk is full, lines are dropped.

use crate::config::LogFormat;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// Lines that may wait to be written: about a second's worth of a busy server.
const WAITING_LINES: usize = 8192;
const TOGETHER: Duration = Duration::from_millis(10);
/// How long the end of the process waits for lines to be written.
const PATIENCE: Duration = Duration::from_secs(1);

static LINES: OnceLock<SyncSender<Item>> = OnceLock::new();

enum Item {
    Line(Vec<u8>),
    /// Answered once everything before it is written.
    Flush(Sender<()>),
}

/// Starts logging for the whole process; a second call changes nothing.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = io::stderr().is_terminal();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Lines)
        // It would print its own errors to the very stderr that fails.
        .log_internal_errors(false)
        .with_target(false);
    let as_text = match format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => terminal,
    };
    let (sender, receiver) = sync_channel(WAITING_LINES);
    let writer = std::thread::Builder::new().name("log".to_owned()).spawn(move || write(&receiver));
    if writer.is_ok() && LINES.set(sender).is_ok() {
        // An error means that logging was started before, which is as good.
        let _ = if as_text { log.with_ansi(terminal).try_init() } else { log.json().try_init() };
    }
}

/// Waits, for a moment, until what was logged is written.
pub fn finish() {
    let (done, written) = channel();
    if LINES.get().is_some_and(|lines| lines.try_send(Item::Flush(done)).is_ok()) {
        // Whoever does not read stderr does not want the last lines either.
        let _ = written.recv_timeout(PATIENCE);
    }
}

fn write(items: &Receiver<Item>) {
    let mut text = Vec::new();
    while let Ok(first) = items.recv() {
        // Lines that come together are written together: waking up for each would cost more than it.
        std::thread::sleep(TOGETHER);
        let mut written = Vec::new();
        for item in std::iter::once(first).chain(items.try_iter().take(WAITING_LINES)) {
            match item {
                Item::Line(line) => text.extend_from_slice(&line),
                Item::Flush(done) => written.push(done),
            }
        }
        // There is nobody to tell that a line cannot be written, or who waited has gone.
        let _ = io::stderr().write_all(&text);
        text.clear();
        for done in written {
            let _ = done.send(());
        }
    }
}

/// Takes one whole line at a time, and never fails.
struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(lines) = LINES.get() {
            let _ = lines.try_send(Item::Line(line.to_vec()));
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
