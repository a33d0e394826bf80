//! What the benchmarks have in common: how they begin, what they print, how they fail.

use std::error::Error;
use std::io::Write as _;

/// A result, or why there is none.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// Runs a benchmark on the two threads it leaves to itself. `cargo test --benches` only asks whether it starts.
pub fn bench(run: impl Future<Output = Outcome<()>>) -> Outcome<()> {
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(run)
}

/// Prints a figure and what it has to be.
pub fn say(what: &str, figure: impl std::fmt::Display, goal: &str) {
    let _ = writeln!(std::io::stdout(), "{what:<62} {figure:>14}   {goal}");
}

/// What a figure has to be at most, and whether it is.
pub fn at_most(most: f64, unit: &str, figure: f64) -> String {
    format!("at most {most} {unit}: {}", if figure <= most { "holds" } else { "MISSED" })
}

/// What a figure has to be at least, and whether it is.
pub fn at_least(least: f64, unit: &str, figure: f64) -> String {
    format!("at least {least}{unit}: {}", if figure >= least { "holds" } else { "MISSED" })
}

/// The ratio that half of the rounds are below.
pub fn middle(ratios: &mut [f64]) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or_default()
}
