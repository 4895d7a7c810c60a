//! The program as people run it: started, asked and stopped from outside.

use crate::data::TWILIO_TOKEN;
use crate::process::{self, Usage};
use anyhow::{Context, bail, ensure};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const LONGEST_START: Duration = Duration::from_secs(120);
/// How often a server that is starting is asked.
const PATIENCE: Duration = Duration::from_micros(200);

pub(crate) struct Program {
    pub binary: PathBuf,
}

impl Program {
    pub(crate) fn find(said: Option<&Path>, target: &Path) -> anyhow::Result<Program> {
        let binary = said.map_or_else(|| target.join("release/smslite"), Path::to_owned);
        ensure!(
            binary.is_file(),
            "{} is not there: build it with `cargo build --release`, or name another with --binary",
            binary.display()
        );
        Ok(Program { binary: fs::canonicalize(binary)? })
    }

    /// Nothing of the caller's environment or directory configures it.
    fn command(&self, dir: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command.env_clear().env("SMSLITE_TWILIO_AUTH_TOKEN", TWILIO_TOKEN).current_dir(dir);
        command
    }

    /// Starts a server and waits for the first 200 of `/health`.
    pub(crate) fn start(&self, dir: &Path, settings: &[(&str, &str)]) -> anyhow::Result<Running> {
        let mut command = self.command(dir);
        command.envs(settings.iter().copied()).arg("serve").arg("--data-dir").arg(dir);
        started(command)
    }

    /// Starts a fixture, in memory.
    pub(crate) fn start_fixture(&self) -> anyhow::Result<Running> {
        let mut command = self.command(&std::env::temp_dir());
        command.args(["serve", "--fixture"]);
        started(command)
    }

    /// Runs another of its commands to its end.
    pub(crate) fn run(&self, dir: &Path, words: &[&str]) -> anyhow::Result<Output> {
        let output = self.command(dir).arg("--data-dir").arg(dir).args(words).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "smslite {}: {said}", words.join(" "));
        Ok(output)
    }
}

/// A server that answers, on a port that was free a moment ago, and nobody else listens here.
fn started(mut command: Command) -> anyhow::Result<Running> {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    command.arg("--port").arg(address.port().to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let mut running = Running { child: command.spawn()?, address, started_in: Duration::ZERO };
    while !is_healthy(address) {
        if let Some(status) = running.child.try_wait()? {
            bail!("smslite serve ended by itself: {status}");
        }
        ensure!(began.elapsed() < LONGEST_START, "the server does not answer");
        std::thread::sleep(PATIENCE);
    }
    running.started_in = began.elapsed();
    Ok(running)
}

fn is_healthy(address: SocketAddr) -> bool {
    let asked = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer.starts_with(b"HTTP/1.1 200 "))
    };
    // While it starts nobody listens yet.
    asked().unwrap_or(false)
}

pub(crate) struct Running {
    child: Child,
    pub address: SocketAddr,
    /// From exec to the first 200.
    pub started_in: Duration,
}

impl Running {
    /// As an operator stops it.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status()?;
        ensure!(told.success(), "a server cannot be told to stop");
        let status = self.child.wait()?;
        ensure!(status.success(), "a server stopped with {status}");
        Ok(())
    }

    /// As a power cut of the process.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    pub(crate) fn rest(&self) -> anyhow::Result<Duration> {
        process::rest(self.child.id())
    }

    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.child.id())
    }

    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let bytes = |name: &str| -> anyhow::Result<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).context("Linux tells it")?;
            Ok(1024.0 * line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<f64>()?)
        };
        Ok(Memory { resident: bytes("VmRSS:")?, most: bytes("VmHWM:")?, anonymous: bytes("RssAnon:")? })
    }
}

/// Resident memory in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    pub resident: f64,
    /// The most there was.
    pub most: f64,
    /// Without what are pages of files.
    pub anonymous: f64,
}

/// Nothing is left running when the benchmark fails midway.
impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
