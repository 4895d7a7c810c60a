//! Standard output. A reader who has gone ends a command quietly; a full disk is an error.

use anyhow::Context;
use std::io::{self, ErrorKind, Write};

pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("standard output cannot be written")
        }
        _ => Ok(()),
    }
}

/// Prints what is shown only once: if it cannot be printed, it is shown on standard error.
pub(super) fn print_once(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        let shown = io::stderr().write_all(text.as_bytes());
        shown.with_context(|| {
            format!("neither output can be written ({error}), so what was made cannot be shown")
        })?;
    }
    Ok(())
}

/// A line for the person at the terminal. When standard error is gone there is nobody to tell.
pub(super) fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
