//! The program `nmp`: reads its arguments and hands over.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    nmp::app::run(nmp::app::Cli::parse())
}
