//! The real binary: commands that end, and servers that are told to.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The binary with a clean environment, so that no variable of the person who tests plays a part.
pub fn smslite(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smslite"));
    command.env_clear().env("SMSLITE_DATA_DIR", data_dir).current_dir(std::env::temp_dir());
    command
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A server process; killed when the test is done with it.
pub struct Server {
    pub child: Child,
    pub url: String,
}

impl Server {
    /// Starts it on a port of its own and waits for its ready file.
    pub fn start(mut command: Command, dir: &Path) -> Server {
        let ready = dir.join("ready.json");
        let _ = std::fs::remove_file(&ready);
        command.args(["serve", "--port", "0", "--ready-file"]).arg(&ready);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let patience = Instant::now() + Duration::from_secs(30);
        let line = loop {
            if let Ok(line) = std::fs::read_to_string(&ready) {
                break line;
            }
            let ended = child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < patience,
                "the server did not become ready: {ended:?}"
            );
            std::thread::yield_now();
        };
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["pid"], child.id());
        Server { child, url: line["url"].as_str().unwrap().to_owned() }
    }

    pub fn address(&self) -> std::net::SocketAddr {
        self.url.trim_start_matches("http://").parse().unwrap()
    }

    /// Sends SIGTERM and waits for the end.
    pub fn stop(mut self) -> (std::process::ExitStatus, String, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let mut read = (String::new(), String::new());
        std::io::Read::read_to_string(self.child.stdout.as_mut().unwrap(), &mut read.0).unwrap();
        std::io::Read::read_to_string(self.child.stderr.as_mut().unwrap(), &mut read.1).unwrap();
        (status, read.0, read.1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
