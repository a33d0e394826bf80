//! The program itself, as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// A process that was asked to end has ended by then, and one that was started has said so.
const STOPPED: Duration = Duration::from_mins(1);
const STARTED: Duration = Duration::from_mins(2);

/// A running process; it is killed when this value goes.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
        Self { child }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end (SIGTERM), and waits until it has.
    pub(crate) fn stop(mut self) -> ExitStatus {
        let asked = Command::new("kill").args(["-TERM", &self.id().to_string()]).status().unwrap();
        assert!(asked.success(), "{asked}");
        let end = Instant::now() + STOPPED;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the process was asked to end and has not after {STOPPED:?}");
            #[expect(
                clippy::disallowed_methods,
                reason = "the wait for a process that answers a question, not an event"
            )]
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it without a chance to tidy up.
    pub(crate) fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The lines it prints until one holds `last`. What it prints later is read and thrown away: a process whose output
    /// nobody reads any more ends at its next line.
    fn lines_until(&mut self, last: &str) -> Vec<String> {
        let stdout = BufReader::new(self.child.stdout.take().unwrap());
        let (said, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = said.send(line);
            }
        });
        let (mut lines, end) = (Vec::new(), Instant::now() + STARTED);
        loop {
            match heard.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    lines.push(line.trim_end().to_owned());
                    if line.contains(last) {
                        return lines;
                    }
                }
                Err(problem) => panic!("the process did not print \u{201c}{last}\u{201d} ({problem}): {lines:?}"),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program under test.
pub(crate) fn nmp() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nmp"));
    command.stdin(Stdio::null());
    command
}

/// Runs a command of the program to its end.
pub(crate) fn finished(command: &mut Command) -> Output {
    let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = process.id().to_string();
    let (ended, ends) = std::sync::mpsc::channel();
    std::thread::spawn(move || ended.send(process.wait_with_output()));
    let Ok(output) = ends.recv_timeout(STARTED) else {
        let _ = Command::new("kill").args(["-KILL", &id]).status();
        panic!("{command:?} has not ended after {STARTED:?}");
    };
    output.unwrap()
}

/// `nmp demo` that can be ended and started again on the same data and the same addresses.
pub(crate) struct Demo {
    process: Option<Process>,
    pub(crate) folder: tempfile::TempDir,
    ports: [u16; LISTENERS.len()],
    settings: Vec<(&'static str, String)>,
    pub(crate) portal: String,
    pub(crate) api: String,
    pub(crate) operations: String,
    pub(crate) operator_connect: String,
    pub(crate) issuer: String,
}

const LISTENERS: [&str; 5] = ["--portal", "--api", "--operations", "--dns", "--sandbox"];

impl Demo {
    pub(crate) fn start() -> Self {
        Self::with(Vec::new())
    }

    /// With settings from the environment.
    pub(crate) fn with(settings: Vec<(&'static str, String)>) -> Self {
        let [portal, api, operations, operator_connect, issuer] = Default::default();
        let (folder, ports) = (tempfile::tempdir().unwrap(), LISTENERS.map(|_| free_port()));
        let mut demo =
            Self { process: None, folder, ports, settings, portal, api, operations, operator_connect, issuer };
        demo.start_again();
        demo
    }

    /// How it is started on these ports.
    pub(crate) fn command(&self, ports: [u16; LISTENERS.len()]) -> Command {
        let mut command = nmp();
        command.args(["demo", "--no-accounts"]).arg("--data-dir").arg(self.folder.path()).stdout(Stdio::piped());
        command.env("NMP_LOG__LEVEL", "error");
        // Tests are faster than people.
        command.env("NMP_PORTAL__RATE_PER_SECOND", "0").envs(self.settings.iter().map(|(name, value)| (name, value)));
        for (listener, port) in LISTENERS.iter().zip(ports) {
            command.args([(*listener).to_owned(), format!("127.0.0.1:{port}")]);
        }
        command
    }

    /// Where its name server listens.
    pub(crate) fn dns_port(&self) -> u16 {
        self.ports[3]
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// How it was started.
    pub(crate) fn same_command(&self) -> Command {
        self.command(self.ports)
    }

    /// Starts it, when it is not running.
    pub(crate) fn start_again(&mut self) {
        let mut process = Process::start(&mut self.same_command());
        let lines = process.lines_until("Stop with");
        self.portal = after(&lines, "Portal ");
        self.api = after(&lines, "Provisioning API ");
        after(&lines, "Operations ").trim_end_matches("/healthz").clone_into(&mut self.operations);
        self.operator_connect = after(&lines, "Operator Connect ");
        self.issuer = after(&lines, "Identity provider ");
        self.process = Some(process);
    }

    /// Asks it to end (SIGTERM), and waits until it has.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.process.take().unwrap().stop()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        drop(self.process.take());
    }
}

/// `nmp sandbox` alone, on a free port.
pub(crate) struct SandboxAlone {
    _process: Process,
    /// `http://127.0.0.1:PORT`
    pub(crate) base: String,
}

impl SandboxAlone {
    pub(crate) fn start() -> Self {
        let mut command = nmp();
        command.args(["sandbox", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Process::start(&mut command);
        let lines = process.lines_until("Stop with");
        let base = after(&lines, "Operator Connect ").trim_end_matches("/operator-connect").to_owned();
        Self { _process: process, base }
    }
}

/// A script of ours, run by Node.js with the packages that `npm ci` installed.
pub(crate) struct Script {
    _process: Process,
    /// What it said it listens on.
    pub(crate) address: String,
}

impl Script {
    pub(crate) fn start(script: &str, environment: &[(&str, &str)]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(root.join("node_modules/oidc-provider").exists(), "node_modules is missing; run npm ci first");
        let mut command = Command::new("node");
        command.arg(root.join(script)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.envs(environment.iter().copied());
        let mut process = Process::start(&mut command);
        let lines = process.lines_until("listening on ");
        Self { _process: process, address: after(&lines, "listening on ") }
    }
}

/// The first word behind a label.
fn after(lines: &[String], label: &str) -> String {
    let line = lines.iter().find_map(|line| line.trim_start().strip_prefix(label));
    line.and_then(|rest| rest.split_whitespace().next()).unwrap_or_else(|| panic!("no {label} in {lines:?}")).to_owned()
}

/// A port for a listener of a program: one that no other test of this run was given, below the ports that the system
/// hands to outgoing connections (`ip_local_port_range`), which would take it before the program has started.
pub(crate) fn free_port() -> u16 {
    static NEXT: LazyLock<AtomicU16> =
        LazyLock::new(|| AtomicU16::new(u16::try_from(std::process::id() % 20_000).unwrap()));
    (0..10_000)
        .map(|_| NEXT.fetch_add(1, Ordering::Relaxed) % 20_000 + 10_000)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .unwrap_or_else(|| panic!("no port is free between 10,000 and 30,000"))
}

/// Waits until a process listens on a port of this machine.
pub(crate) fn wait_for_port(process: &mut Process, port: u16) {
    let end = Instant::now() + Duration::from_secs(30);
    while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if let Ok(Some(status)) = process.child.try_wait() {
            panic!("the process ended with {status} before it listened");
        }
        assert!(Instant::now() < end, "nothing listens on port {port}");
        #[expect(clippy::disallowed_methods, reason = "the wait for a process that answers a question, not an event")]
        std::thread::sleep(Duration::from_millis(20));
    }
}
