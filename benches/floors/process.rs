//! The processes of the benchmark: this program again, in another role. Each is asked by lines on its
//! standard input, answers by lines on its standard output, and ends when its input ends.

use crate::load::{Measured, Plan};
use anyhow::{Context, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Linux counts processor time in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// A server has come to rest when it used less of a processor than this for a second.
const AT_REST: f64 = 0.05;
const LONGEST_UNREST: Duration = Duration::from_secs(300);

/// `target`, wherever it is: this program lies in `target/<profile>/deps`.
pub(crate) fn target_dir() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.ancestors().nth(3).context("cargo runs this from its target directory")?.to_owned())
}

pub(crate) struct Role {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Role {
    /// Starts this program in a role. What it logs goes where `log` says.
    pub(crate) fn start(arguments: &[&str], log: Stdio) -> anyhow::Result<Role> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = BufReader::new(output.context("the role's output is piped")?);
        Ok(Role { child, input, output })
    }

    pub(crate) fn ask<Q: Serialize, A: DeserializeOwned>(&mut self, question: &Q) -> anyhow::Result<A> {
        let input = self.input.as_mut().context("the role was stopped")?;
        writeln!(input, "{}", serde_json::to_string(question)?)?;
        self.hear()
    }

    /// The next line that it says.
    pub(crate) fn hear<A: DeserializeOwned>(&mut self) -> anyhow::Result<A> {
        let mut line = String::new();
        ensure!(self.output.read_line(&mut line)? > 0, "a role ended by itself");
        Ok(serde_json::from_str(&line)?)
    }

    /// Lets it end in order.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        drop(self.input.take());
        let status = self.child.wait()?;
        ensure!(status.success(), "a role failed: {status}");
        Ok(())
    }

    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.child.id())
    }

    pub(crate) fn rest(&self) -> anyhow::Result<Duration> {
        rest(self.child.id())
    }
}

/// Waits until a process does nothing by itself any more. Returns how long that took.
pub(crate) fn rest(pid: u32) -> anyhow::Result<Duration> {
    let (began, mut before) = (Instant::now(), Usage::of(pid)?);
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let now = Usage::of(pid)?;
        if now.since(before).cpu_seconds < AT_REST {
            return Ok(began.elapsed());
        }
        ensure!(began.elapsed() < LONGEST_UNREST, "a server does not come to rest");
        before = now;
    }
}

/// Nothing is left running when the benchmark fails midway.
impl Drop for Role {
    fn drop(&mut self) {
        if self.input.is_some() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// What a process has used since it started. What it wrote includes log lines and answers.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Usage {
    pub cpu_seconds: f64,
    pub written_bytes: f64,
}

impl Usage {
    pub(crate) fn of(pid: u32) -> anyhow::Result<Usage> {
        let proc = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}"));
        let stat = proc("stat")?;
        // The name of the program may hold spaces; what follows its parenthesis does not.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse().ok()).unwrap_or(0.0);
        let io = proc("io")?;
        // Not write_bytes: it counts a whole folio of the page cache when one page of it becomes dirty.
        let written = io.lines().find_map(|line| line.strip_prefix("wchar: "));
        Ok(Usage {
            cpu_seconds: (ticks(11) + ticks(12)) / TICKS_PER_SECOND,
            written_bytes: written.and_then(|bytes| bytes.parse().ok()).unwrap_or(0.0),
        })
    }

    pub(crate) fn since(self, before: Usage) -> Usage {
        Usage {
            cpu_seconds: self.cpu_seconds - before.cpu_seconds,
            written_bytes: self.written_bytes - before.written_bytes,
        }
    }

    pub(crate) fn add(&mut self, more: Usage) {
        self.cpu_seconds += more.cpu_seconds;
        self.written_bytes += more.written_bytes;
    }
}

/// A role that listens.
pub(crate) struct Server {
    pub role: Role,
    pub address: SocketAddr,
}

impl Server {
    pub(crate) fn start(role: &str, dir: &Path, log: Stdio) -> anyhow::Result<Server> {
        let mut role = Role::start(&[role, dir.to_str().context("a path of UTF-8")?], log)?;
        Ok(Server { address: role.hear()?, role })
    }

    /// Lets the load generator carry out a plan against it.
    pub(crate) fn measure(&mut self, load: &mut Role, plan: &Plan) -> anyhow::Result<(Measured, Usage)> {
        let before = self.role.usage()?;
        let measured = load.ask(plan)?;
        Ok((measured, self.role.usage()?.since(before)))
    }
}

/// Says something to the process that started this one.
pub(crate) fn tell<A: Serialize>(answer: &A) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(answer)?);
    Ok(())
}

/// Answers line by line until the input ends.
pub(crate) fn answer<Q: DeserializeOwned, A: Serialize>(
    mut with: impl FnMut(Q) -> anyhow::Result<A>,
) -> anyhow::Result<()> {
    for line in std::io::stdin().lines() {
        tell(&with(serde_json::from_str(&line?)?)?)?;
    }
    Ok(())
}

/// Tells where a server listens; the future is ready when the input ends.
pub(crate) async fn announce(address: SocketAddr) -> anyhow::Result<()> {
    tell(&address)?;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        for _ in std::io::stdin().lines() {}
        drop(end);
    });
    // It is an error because nothing is ever sent, and that is what is waited for.
    let _ = ended.await;
    Ok(())
}
