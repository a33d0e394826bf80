//! What the tests measured, for people to read.

use std::fmt::Display;
use std::io::Write as _;

/// Prints a figure past the capture of the test runner.
pub(crate) fn figure(what: &str, value: impl Display) {
    let _ = writeln!(std::io::stderr(), "    {what}: {value}");
}

/// The name of the database at this address.
pub(crate) fn database(url: &str) -> &'static str {
    if url.starts_with("sqlite:") { "SQLite" } else { "PostgreSQL" }
}

/// Whether the long form was asked for: more rounds, larger data.
pub(crate) fn long() -> bool {
    std::env::var_os("NMP_FAULTS_LONG").is_some()
}

/// The time that this share of the answers took at most.
pub(crate) fn percentile(mut times: Vec<std::time::Duration>, share: f64) -> std::time::Duration {
    times.sort_unstable();
    let place = (times.len() as f64 * share) as usize;
    times.get(place.min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}
