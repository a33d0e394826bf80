//! The program as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::report::Outcome;

/// A running `nmp demo`; it is killed when this value goes.
pub struct Program {
    child: Child,
    /// Address of the portal.
    pub portal: String,
    /// Address of the Provisioning API.
    pub api: String,
    /// Address of health and metrics.
    pub operations: String,
    /// Port of the name server.
    pub dns: u16,
    /// Issuer of the sandbox's identity provider.
    pub issuer: String,
    /// Address of the sandbox's Operator Connect.
    pub operator_connect: String,
    /// Time from its start to its readiness.
    pub ready_after: Duration,
}

impl Program {
    /// Starts it on the data in this folder and waits until it is ready.
    pub fn start(data: &Path, empty: bool) -> Outcome<Self> {
        Self::start_with(data, empty, &[])
    }

    /// The same with settings, as variables of the environment.
    pub fn start_with(data: &Path, empty: bool, settings: &[(&str, &str)]) -> Outcome<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nmp"));
        command.args(["demo", "--no-accounts"]).arg("--data-dir").arg(data);
        if empty {
            command.arg("--empty");
        }
        for option in ["--portal", "--api", "--operations", "--dns", "--sandbox"] {
            command.args([option, "127.0.0.1:0"]);
        }
        // What is measured is what the program can do, not what it lets one client have.
        command
            .envs(settings.iter().copied())
            .env("NMP_API__RATE_PER_SECOND", "0")
            .env("NMP_PORTAL__RATE_PER_SECOND", "0")
            .env("NMP_DNS__RATE_PER_SECOND", "0");
        let begun = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("no output")?;
        let mut dns = None;
        let mut addresses = std::collections::HashMap::new();
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if let Some((name, address)) = line.trim().split_once("http://") {
                let address = address.split_whitespace().next().unwrap_or_default();
                addresses.insert(name.trim().to_owned(), format!("http://{address}"));
            }
            if let Some(rest) = line.trim().strip_prefix("Name server") {
                dns = rest.split_whitespace().next().and_then(|address| address.rsplit(':').next()?.parse().ok());
            }
            if line.contains("Stop with") {
                break;
            }
        }
        let ready_after = begun.elapsed();
        let mut address = |name: &str| addresses.remove(name).ok_or_else(|| format!("no address of the {name}"));
        let operations = address("Operations")?.trim_end_matches("healthz").to_owned();
        Ok(Self {
            child,
            portal: address("Portal")?,
            api: address("Provisioning API")?,
            operations,
            dns: dns.ok_or("no name server")?,
            issuer: address("Identity provider")?,
            operator_connect: address("Operator Connect")?,
            ready_after,
        })
    }

    /// A figure of `/proc/PID/status` in megabytes: `VmRSS` now, `VmHWM` at its highest.
    pub fn memory(&self, figure: &str) -> Outcome<f64> {
        memory(&self.child, figure)
    }
}

/// The same of any process.
pub fn memory(process: &Child, figure: &str) -> Outcome<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    let line = status.lines().find(|line| line.starts_with(figure)).ok_or("no such figure")?;
    let kilobytes: f64 = line.split_whitespace().nth(1).ok_or("no value")?.parse()?;
    Ok(kilobytes * 1024.0 / 1e6)
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
