//! Puts the parts together: the commands, and what runs in which order.

mod backends;
mod cli;
mod clock;
mod database;
mod demo;
mod examples;
mod failure;
mod import;
mod names;
mod ready;
mod sole;
mod start;
mod stop;
#[cfg(test)]
mod tests;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::config::{self, Config, Purpose, SettingProblem, Sources};
use crate::sandbox::SandboxOptions;

pub use cli::{Cli, Command, ConfigCommand, DemoOptions};
use failure::Failure;

/// Exit code of wrong usage or configuration.
const USAGE: u8 = 2;
/// What a command left running has so long to end.
const LEFT_BEHIND: Duration = Duration::from_secs(1);

/// Runs a command to its end.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    match execute(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let mut stderr = io::stderr().lock();
            for line in failure.lines() {
                let _ = writeln!(stderr, "nmp: {line}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

fn execute(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Demo(options) => to_the_end(demo::run(options)),
        Command::Serve { config } => {
            let config = Config::load(sources(config)?, Purpose::Production)?;
            to_the_end(start::serve(config))
        }
        Command::Sandbox { listen, empty, state } => {
            to_the_end(demo::sandbox_alone(listen, SandboxOptions { examples: !empty, state }))
        }
        Command::Migrate { config } => {
            let config = Config::load(sources(config)?, Purpose::DatabaseOnly)?;
            to_the_end(database::migrate(&config))
        }
        Command::Reconcile { config } => {
            let config = Config::load(sources(config)?, Purpose::DatabaseOnly)?;
            to_the_end(database::reconcile(&config))
        }
        Command::Config { command: ConfigCommand::Check { config } } => {
            Config::load(sources(config)?, Purpose::Production)?;
            print("The configuration is fine.\n")
        }
        Command::Config { command: ConfigCommand::Reference } => print(&config::reference()),
        Command::Import(options) => {
            let config = Config::load(sources(options.config.clone())?, Purpose::DatabaseOnly)?;
            to_the_end(import::run(&config, options))
        }
        Command::Audit { command: cli::AuditCommand::Verify { config } } => {
            let config = Config::load(sources(config)?, Purpose::DatabaseOnly)?;
            to_the_end(database::verify_audit(&config))
        }
    }
}

/// Runs a command. What it leaves on threads that may wait, such as the look-up of a name, does not keep the process.
fn to_the_end(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Line(format!("cannot start: {error}")))?;
    let ended = runtime.block_on(command);
    runtime.shutdown_timeout(LEFT_BEHIND);
    ended
}

/// Returns the file and the environment of this process.
fn sources(file: Option<PathBuf>) -> Result<Sources, Failure> {
    let file = match file {
        None => None,
        Some(path) => Some(std::fs::read_to_string(&path).map_err(|error| {
            let message = format!("cannot read {}: {error}", path.display());
            Failure::Configuration(vec![SettingProblem { key: "--config".to_owned(), message }])
        })?),
    };
    Ok(Sources { file, environment: environment(), flags: Vec::new() })
}

fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .collect()
}

/// Writes what a command has to say. A reader that went away is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Line(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
