//! Standard output. A reader who has gone ends a command quietly; a full disk is an error.

use anyhow::{Context, bail};
use std::io::{self, ErrorKind, IsTerminal, Read, Write};

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

/// One line of standard input: a secret stands on no command line. `what` it is: a password, say.
pub(super) fn secret_line(what: &str) -> anyhow::Result<String> {
    let mut input = std::io::stdin();
    if input.is_terminal() {
        tell(&format!("The new {what}, then Enter (it is shown as you type; a pipe works too):"));
    }
    let mut text = String::new();
    if input.is_terminal() {
        input.read_line(&mut text)?;
    } else {
        input.read_to_string(&mut text)?;
    }
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.contains('\n') {
        bail!("the {what} on standard input must be one line");
    }
    if text.is_empty() {
        bail!("no {what} was given on standard input");
    }
    Ok(text.to_owned())
}
