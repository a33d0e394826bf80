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

/// The time that so many percent of the answers took at most.
pub(crate) fn percentile(mut times: Vec<std::time::Duration>, percent: usize) -> std::time::Duration {
    times.sort_unstable();
    let place = times.len() * percent / 100;
    times.get(place.min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// So many in this time, as a rate a second.
pub(crate) fn rate(count: usize, within: std::time::Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap()) / within.as_secs_f64()
}
