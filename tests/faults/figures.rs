//! What the tests measured, for people to read.

use std::fmt::Display;
use std::io::Write as _;

/// Prints a figure past the capture of the test runner.
pub(crate) fn figure(what: &str, value: impl Display) {
    let _ = writeln!(std::io::stderr(), "    {what}: {value}");
}

/// Whether the long form was asked for: more rounds, larger data.
pub(crate) fn long() -> bool {
    std::env::var_os("NMP_FAULTS_LONG").is_some()
}
