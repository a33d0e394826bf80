//! What halts, locks, floods or starves a service, tried on the whole program: each test prints what it measured, and
//! fails where the service was stopped by it.
//!
//! `cargo test --test faults` takes a few minutes; `scripts/faults` runs the long form on a release build.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect, in its harness too"
)]

mod analysed;
mod backend;
mod clients;
mod disk;
mod figures;
#[path = "../integration/harness/mod.rs"]
#[expect(dead_code, reason = "the harness of the integration tests, of which these need a part")]
mod harness;
mod housekeeping;
mod observed;
mod postgres;
mod pulls;
mod sign_in;
mod sqlite_file;
mod sqlite_search;
mod uploads;
mod writers;
