//! The program `nmp`: reads its arguments and hands over.

use std::process::ExitCode;

use clap::Parser as _;
use mimalloc::MiMalloc;

/// Half of what a page costs beside the database is small texts, which this allocator hands out faster than the system's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    nmp::app::run(nmp::app::Cli::parse())
}
