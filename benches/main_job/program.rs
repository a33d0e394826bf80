//! The program as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;

/// A running `nmp demo`; it is killed when this value goes.
pub struct Program {
    child: Child,
    /// Address of the portal.
    pub portal: String,
    /// Time from its start to its readiness.
    pub ready_after: Duration,
}

impl Program {
    /// Starts it on the data in this folder and waits until it is ready.
    pub fn start(data: &Path, empty: bool) -> Outcome<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nmp"));
        command.arg("demo").arg("--data-dir").arg(data);
        if empty {
            command.arg("--empty");
        }
        for option in ["--portal", "--operations", "--sandbox"] {
            command.args([option, "127.0.0.1:0"]);
        }
        let begun = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("no output")?;
        let mut portal = None;
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if let Some(address) = line.trim().strip_prefix("Portal ") {
                portal = Some(address.trim().to_owned());
            }
            if line.contains("Stop with") {
                break;
            }
        }
        let ready_after = begun.elapsed();
        Ok(Self { child, portal: portal.ok_or("the program printed no address")?, ready_after })
    }

    /// A figure of `/proc/PID/status` in megabytes: `VmRSS` now, `VmHWM` at its highest.
    pub fn memory(&self, figure: &str) -> Outcome<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with(figure)).ok_or("no such figure")?;
        let kilobytes: f64 = line.split_whitespace().nth(1).ok_or("no value")?.parse()?;
        Ok(kilobytes * 1024.0 / 1e6)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
