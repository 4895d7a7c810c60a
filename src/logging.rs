//! Where log lines go: stderr, readable on a terminal, JSON otherwise. `RUST_LOG` chooses how much;
//! the default is `info`. Numbers are masked where they are logged; bodies and secrets never are.

use crate::config::LogFormat;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging for the whole process; a second call changes nothing.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = std::io::stderr().is_terminal();
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let as_text = match format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => terminal,
    };
    // An error means that logging was started before, which is as good.
    let _ = if as_text { log.with_ansi(terminal).try_init() } else { log.json().try_init() };
}
